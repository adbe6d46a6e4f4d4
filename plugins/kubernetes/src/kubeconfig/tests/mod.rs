//! Tests of valid and invalid kubeconfigs. The exact error messages are in `snapshots/`.

mod document_tests;
mod file_tests;
mod in_cluster_tests;
mod limit_tests;
mod login_tests;
mod secret_tests;

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

/// A secret that no message may contain.
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

/// A kubeconfig with one context, one cluster and one user. The arguments are the contents of YAML flow
/// mappings.
fn kubeconfig(cluster: &str, user: &str) -> String {
    format!(
        "apiVersion: v1\nkind: Config\ncurrent-context: real\n\
         clusters:\n- name: c\n  cluster: {{{cluster}}}\n\
         users:\n- name: u\n  user: {{{user}}}\n\
         contexts:\n- name: real\n  context: {{cluster: c, user: u}}\n"
    )
}

/// A kubeconfig with a valid cluster and this user.
fn with_user(user: &str) -> String {
    kubeconfig("server: 'https://127.0.0.1:6443'", user)
}

/// A kubeconfig with this cluster and a valid user.
fn with_cluster(cluster: &str) -> String {
    kubeconfig(cluster, "token: abc")
}

fn read(document: &str) -> Result<Access, GatherError> {
    read_with(document, None, &policy())
}

fn valid(document: &str) -> Access {
    read(document).unwrap_or_else(|error| panic!("{error}\n{document}"))
}

/// The message and hint of an error, which must be a configuration error without a secret.
fn refusal(result: Result<Access, GatherError>) -> String {
    let error = result.expect_err("must be refused");
    assert_eq!(error.kind, ErrorKind::Configuration, "{error}");
    assert!(!error.retryable, "{error}");
    assert!(!error.to_string().contains(CANARY), "{error}");
    error.to_string()
}

/// The text of a snapshot: for each input a line with the input and a line with the refusal of the
/// document that `document` makes of it.
fn refusals<'a>(
    inputs: impl IntoIterator<Item = &'a str>,
    document: impl Fn(&str) -> String,
) -> String {
    let mut text = String::new();
    for input in inputs {
        add_case(&mut text, input, &refusal(read(&document(input))));
    }
    text
}

/// Adds a case to the text of a snapshot.
fn add_case(text: &mut String, input: &str, message: &str) {
    let input = input.escape_debug().to_string().replace("\\'", "'").replace("\\\"", "\"");
    writeln!(text, "{input}\n    {message}").expect("a String can be written to");
}

fn token(auth: &AuthInfo) -> Option<&str> {
    auth.token.as_ref().map(ExposeSecret::expose_secret)
}

/// A temporary folder for a kubeconfig and the files that it names.
struct Folder {
    /// The canonical path.
    path: PathBuf,
    _guard: TempDir,
}

impl Folder {
    fn new() -> Self {
        let guard = tempfile::tempdir().expect("a temporary folder");
        let path = guard.path().canonicalize().expect("the folder exists");
        Self { path, _guard: guard }
    }

    fn write(&self, name: &str, contents: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path.join(name);
        fs::create_dir_all(path.parent().expect("the path has a parent")).expect("a new folder");
        fs::write(&path, contents).expect("a new file");
        path
    }

    fn read(&self, name: &str, policy: &Policy) -> Result<Access, GatherError> {
        read_with(text(&self.path.join(name)), None, policy)
    }
}

fn text(path: &Path) -> &str {
    path.to_str().expect("UTF-8")
}
