//! Tests of the files that a kubeconfig may name. A kubeconfig comes from a user of the Manager without
//! rights on this machine, so it must not be able to send a file away.

use std::os::unix::fs::symlink;
use std::path::Path;

use gatherer_plugin_support::testing::ScriptedServer;
use gatherer_tests::scripted_cluster::{base64, kubeconfig};
use serde_json::{Value, json};

use super::{Setup, assert_fails, assert_no_leak, assert_works, requires, with_policy};

/// The contents of a file that must not be sent or shown.
const CANARY: &str = "canary-file-7f3a91";

/// One kubeconfig for each field that can name a file. The id is the field.
fn naming(setup: &Setup, server: &ScriptedServer, file: &str) -> Vec<(&'static str, Value)> {
    let trust = setup.trust();
    let user = |user: Value| kubeconfig(&server.url(""), &trust, &user);
    let certificate = base64(setup.authority.pem());
    let authority = json!({ "certificate-authority": file });
    let provider = json!({"auth-provider": {"name": "oidc", "config": {
        "id-token": super::oidc::id_token(-60, "signature"), "idp-certificate-authority": file, "client-id": "i",
        "client-secret": "s", "idp-issuer-url": server.url(""), "refresh-token": "r"}}});
    vec![
        ("tokenFile", user(json!({ "tokenFile": file }))),
        ("token-and-file", user(json!({"token": "t", "tokenFile": file}))),
        (
            "client-certificate",
            user(json!({"client-certificate": file, "client-key-data": certificate})),
        ),
        ("client-key", user(json!({"client-certificate-data": certificate, "client-key": file}))),
        ("idp-certificate-authority", user(provider)),
        ("certificate-authority", kubeconfig(&server.url(""), &authority, &json!({"token": "t"}))),
    ]
}

/// Panics unless each endpoint fails with an error that names the field, and the file does not leak.
#[track_caller]
fn assert_refused(setup: &Setup, server: &ScriptedServer, documents: &[(&'static str, Value)]) {
    let run = setup.run(documents.iter().map(|(id, document)| (*id, document.clone())));
    let outcome = run.run();
    for (field, _) in documents {
        if *field == "token-and-file" {
            // The token takes precedence, so this endpoint works. The file must not be sent.
            continue;
        }
        assert_fails(&outcome, field, "configuration", &[field]);
    }
    assert_no_leak(&outcome, &[CANARY, "root:"]);
    for request in server.received() {
        assert_eq!(request.header("authorization"), Some("Bearer t"));
    }
}

#[test]
fn an_uploaded_kubeconfig_must_not_name_files() {
    let setup = Setup::new();
    let server = setup.server(|_| true);
    let folder = tempfile::tempdir().expect("a temporary folder");
    let file = folder.path().join("secret");
    std::fs::write(&file, CANARY).expect("the file can be written");
    for file in
        ["/etc/shadow", "/proc/self/environ", "/dev/stdin", "secret", file.to_str().expect("text")]
    {
        assert_refused(&setup, &server, &naming(&setup, &server, file));
    }
}

#[test]
fn a_kubeconfig_file_must_not_name_files_outside_its_folder() {
    let setup = Setup::new();
    let server = setup.server(|_| true);
    let folder = tempfile::tempdir().expect("a temporary folder");
    let outside = folder.path().join("secret");
    std::fs::write(&outside, CANARY).expect("the file can be written");
    let own = folder.path().join("own");
    std::fs::create_dir(&own).expect("the folder can be created");
    symlink("../secret", own.join("link")).expect("the link can be created");
    symlink("..", own.join("up")).expect("the link can be created");
    symlink("/etc/shadow", own.join("shadow")).expect("the link can be created");
    let outside = outside.to_str().expect("text");
    for file in
        ["/etc/shadow", outside, "../secret", "./x/../../secret", "link", "up/secret", "shadow"]
    {
        let documents = naming(&setup, &server, file);
        let put = |(field, document): &(&'static str, Value)| {
            let path = own.join(field);
            std::fs::write(&path, document.to_string()).expect("the file can be written");
            (*field, json!(path))
        };
        let paths: Vec<_> = documents.iter().map(put).collect();
        assert_refused(&setup, &server, &paths);
    }
}

#[test]
fn a_fifo_is_refused_without_blocking() {
    let setup = Setup::new();
    let server = setup.server(|_| true);
    let folder = tempfile::tempdir().expect("a temporary folder");
    let made = std::process::Command::new("mkfifo").arg(folder.path().join("pipe")).status();
    assert!(made.is_ok_and(|status| status.success()), "mkfifo");
    let put = |(field, document): (&'static str, Value)| {
        let path = folder.path().join(field);
        std::fs::write(&path, document.to_string()).expect("the file can be written");
        (field, json!(path))
    };
    let paths: Vec<_> = naming(&setup, &server, "pipe").into_iter().map(put).collect();
    assert_refused(&setup, &server, &paths);
}

#[test]
fn a_kubeconfig_file_may_name_files_in_the_operators_folders() {
    let setup = Setup::new();
    let server = setup.server(requires(&format!("Bearer {CANARY}")));
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (allowed, other) = (folder.path().join("allowed"), folder.path().join("other"));
    for path in [&allowed, &other] {
        std::fs::create_dir(path).expect("the folder can be created");
        std::fs::write(path.join("token"), format!("{CANARY}\n")).expect("the file can be written");
        std::fs::write(path.join("ca.crt"), setup.authority.pem())
            .expect("the file can be written");
    }
    symlink("../other/token", allowed.join("link")).expect("the link can be created");
    let document = |folder: &Path, token: &str| {
        let cluster = json!({"certificate-authority": folder.join("ca.crt")});
        kubeconfig(&server.url(""), &cluster, &json!({"tokenFile": folder.join(token)}))
    };
    let configs = tempfile::tempdir().expect("a temporary folder");
    let file = |name: &'static str, folder: &Path, token: &str| {
        let path = configs.path().join(name);
        std::fs::write(&path, document(folder, token).to_string())
            .expect("the file can be written");
        (name, json!(path))
    };
    let run = setup.run([
        file("allowed", &allowed, "token"),
        file("other", &other, "token"),
        file("link", &allowed, "link"),
        file("up", &allowed, "../other/token"),
        ("uploaded", document(&allowed, "token")),
    ]);
    let outcome = with_policy(run, &format!("credential_folders = [{allowed:?}]")).run();
    assert_works(&outcome, "allowed");
    for id in ["other", "link", "up"] {
        assert_fails(&outcome, id, "configuration", &["credential_folders", "config.toml"]);
    }
    let texts = ["inline kubeconfig", "--flatten"];
    assert_fails(&outcome, "uploaded", "configuration", &texts);
    assert_no_leak(&outcome, &[CANARY]);
}

/// The layout of a volume that a kubelet mounts: every file is a link to the latest version.
#[test]
fn follows_links_within_the_kubeconfigs_folder() {
    let setup = Setup::new();
    let server = setup.server(requires(&format!("Bearer {CANARY}")));
    let folder = tempfile::tempdir().expect("a temporary folder");
    let version = folder.path().join("..2026_11_20");
    std::fs::create_dir(&version).expect("the folder can be created");
    std::fs::write(version.join("token"), CANARY).expect("the file can be written");
    symlink("..2026_11_20", folder.path().join("..data")).expect("the link can be created");
    symlink("..data/token", folder.path().join("token")).expect("the link can be created");
    let document = setup.kubeconfig(&server, &json!({"tokenFile": "token"})).to_string();
    std::fs::write(version.join("config"), document).expect("the file can be written");
    let config = folder.path().join("config");
    symlink("..data/config", &config).expect("the link can be created");
    let outcome = setup.run([("e", json!(config))]).run();
    assert_works(&outcome, "e");
    assert_no_leak(&outcome, &[CANARY]);
}
