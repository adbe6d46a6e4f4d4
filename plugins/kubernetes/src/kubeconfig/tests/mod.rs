//! Kubeconfigs good and bad, with the sentence that each bad one gets.

mod auth;
mod documents;
mod files;
mod limits;
mod secrets;

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use gatherer_plugin_api::{ErrorKind, GatherError, Policy};
use kube::config::AuthInfo;
use secrecy::ExposeSecret;
use tempfile::TempDir;

use super::{Access, read_with};

const EC_CERT: &str = include_str!("pem/ec.crt");
const EC_SEC1_KEY: &str = include_str!("pem/ec-sec1.key");
const EC_PKCS8_KEY: &str = include_str!("pem/ec-pkcs8.key");
const EC_ENCRYPTED_KEY: &str = include_str!("pem/ec-encrypted.key");
const EC_SECP256K1_KEY: &str = include_str!("pem/ec-secp256k1.key");
const RSA_CERT: &str = include_str!("pem/rsa.crt");
const RSA_PKCS1_KEY: &str = include_str!("pem/rsa-pkcs1.key");
const RSA_ENCRYPTED_KEY: &str = include_str!("pem/rsa-pkcs1-encrypted.key");

/// What nothing may show.
const CANARY: &str = "canary-7f3a-hunter2";

fn policy() -> Policy {
    Policy { config_file: "/etc/vhg/config.toml".to_owned(), ..Policy::default() }
}

fn exec_policy() -> Policy {
    Policy { allow_exec: true, ..policy() }
}

fn base64(text: &str) -> String {
    STANDARD.encode(text)
}

/// A kubeconfig with one context, cluster and user; the two are given as flow mappings.
fn kubeconfig(cluster: &str, user: &str) -> String {
    format!(
        "apiVersion: v1\nkind: Config\ncurrent-context: real\n\
         clusters:\n- name: c\n  cluster: {{{cluster}}}\n\
         users:\n- name: u\n  user: {{{user}}}\n\
         contexts:\n- name: real\n  context: {{cluster: c, user: u}}\n"
    )
}

/// One with a good cluster and this user.
fn with_user(user: &str) -> String {
    kubeconfig("server: 'https://127.0.0.1:6443'", user)
}

/// One with this cluster and a good user.
fn with_cluster(cluster: &str) -> String {
    kubeconfig(cluster, "token: abc")
}

fn read(document: &str) -> Result<Access, GatherError> {
    read_with(document, None, &policy())
}

fn good(document: &str) -> Access {
    read(document).unwrap_or_else(|error| panic!("{error}\n{document}"))
}

/// The error's whole text, which must be one of configuration and hold no secret.
fn refused(result: Result<Access, GatherError>) -> String {
    let error = result.expect_err("must be refused");
    assert_eq!(error.kind, ErrorKind::Configuration, "{error}");
    assert!(!error.retryable, "{error}");
    assert!(!error.to_string().contains(CANARY), "{error}");
    error.to_string()
}

/// Each document with its sentence; all wrong ones are told at once.
fn assert_sentences(cases: &[(String, &str)]) {
    let mut wrong = String::new();
    for (document, sentence) in cases {
        let said = refused(read(document));
        let wanted = format!("the kubeconfig: {sentence}");
        if said != wanted {
            writeln!(wrong, "{document}\n  says   {said}\n  wanted {wanted}\n").expect("written");
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

fn token(auth: &AuthInfo) -> Option<&str> {
    auth.token.as_ref().map(ExposeSecret::expose_secret)
}

/// A folder for a kubeconfig and what it names, its real path known.
struct Folder {
    path: PathBuf,
    _keep: TempDir,
}

impl Folder {
    fn new() -> Self {
        let keep = tempfile::tempdir().expect("a temporary folder");
        let path = keep.path().canonicalize().expect("it exists");
        Self { path, _keep: keep }
    }

    fn write(&self, name: &str, contents: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path.join(name);
        fs::create_dir_all(path.parent().expect("a folder")).expect("made");
        fs::write(&path, contents).expect("written");
        path
    }

    fn read(&self, name: &str, policy: &Policy) -> Result<Access, GatherError> {
        read_with(text(&self.path.join(name)), None, policy)
    }
}

fn text(path: &Path) -> &str {
    path.to_str().expect("UTF-8")
}
