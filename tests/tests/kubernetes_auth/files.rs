//! A kubeconfig comes from a user of the Manager who has no right on this machine: it must not be
//! able to send a file away.

use std::os::unix::fs::symlink;
use std::path::Path;

use gatherer_tests::fault_server::{NodeServer, base64, kubeconfig};
use serde_json::{Value, json};

use super::{Place, assert_fails, assert_silent, assert_works, wants, with_policy};

/// What stands in a file that is nobody's business.
const CANARY: &str = "canary-file-7f3a91";

/// Each field that names a file, with this one in it.
fn naming(place: &Place, server: &NodeServer, file: &str) -> Vec<(&'static str, Value)> {
    let trust = place.trust();
    let user = |user: Value| kubeconfig(&server.url(""), &trust, &user);
    let certificate = base64(place.authority.pem());
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

/// Panics unless each endpoint is refused, with the field named and nothing of the file shown.
#[track_caller]
fn assert_refused(place: &Place, server: &NodeServer, documents: &[(&'static str, Value)]) {
    let run = place.run(documents.iter().map(|(id, document)| (*id, document.clone())));
    let outcome = run.run();
    for (field, _) in documents {
        if *field == "token-and-file" {
            // kubectl takes the token then; what counts is that the file stays where it is.
            continue;
        }
        assert_fails(&outcome, field, "configuration", &[field]);
    }
    assert_silent(&outcome, &[CANARY, "root:"]);
    for request in server.received() {
        assert_eq!(request.header("authorization"), Some("Bearer t"));
    }
}

#[test]
fn an_uploaded_kubeconfig_names_no_file_at_all() {
    let place = Place::new();
    let server = place.server(|_| true);
    let folder = tempfile::tempdir().expect("a temporary folder");
    let file = folder.path().join("secret");
    std::fs::write(&file, CANARY).expect("writable");
    for file in
        ["/etc/shadow", "/proc/self/environ", "/dev/stdin", "secret", file.to_str().expect("text")]
    {
        assert_refused(&place, &server, &naming(&place, &server, file));
    }
}

#[test]
fn a_kubeconfig_in_a_file_names_no_file_outside_its_folder() {
    let place = Place::new();
    let server = place.server(|_| true);
    let folder = tempfile::tempdir().expect("a temporary folder");
    let outside = folder.path().join("secret");
    std::fs::write(&outside, CANARY).expect("writable");
    let own = folder.path().join("own");
    std::fs::create_dir(&own).expect("a folder can be made");
    symlink("../secret", own.join("link")).expect("a link can be made");
    symlink("..", own.join("up")).expect("a link can be made");
    symlink("/etc/shadow", own.join("shadow")).expect("a link can be made");
    let outside = outside.to_str().expect("text");
    for file in
        ["/etc/shadow", outside, "../secret", "./x/../../secret", "link", "up/secret", "shadow"]
    {
        let documents = naming(&place, &server, file);
        let put = |(field, document): &(&'static str, Value)| {
            let path = own.join(field);
            std::fs::write(&path, document.to_string()).expect("writable");
            (*field, json!(path))
        };
        let paths: Vec<_> = documents.iter().map(put).collect();
        assert_refused(&place, &server, &paths);
    }
}

#[test]
fn what_is_no_regular_file_is_not_waited_for() {
    let place = Place::new();
    let server = place.server(|_| true);
    let folder = tempfile::tempdir().expect("a temporary folder");
    let made = std::process::Command::new("mkfifo").arg(folder.path().join("pipe")).status();
    assert!(made.is_ok_and(|status| status.success()), "mkfifo");
    let put = |(field, document): (&'static str, Value)| {
        let path = folder.path().join(field);
        std::fs::write(&path, document.to_string()).expect("writable");
        (field, json!(path))
    };
    let paths: Vec<_> = naming(&place, &server, "pipe").into_iter().map(put).collect();
    assert_refused(&place, &server, &paths);
}

#[test]
fn files_in_the_operators_folders_may_be_named_by_a_kubeconfig_in_a_file() {
    let place = Place::new();
    let server = place.server(wants(&format!("Bearer {CANARY}")));
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (allowed, other) = (folder.path().join("allowed"), folder.path().join("other"));
    for path in [&allowed, &other] {
        std::fs::create_dir(path).expect("a folder can be made");
        std::fs::write(path.join("token"), format!("{CANARY}\n")).expect("writable");
        std::fs::write(path.join("ca.crt"), place.authority.pem()).expect("writable");
    }
    symlink("../other/token", allowed.join("link")).expect("a link can be made");
    let document = |folder: &Path, token: &str| {
        let cluster = json!({"certificate-authority": folder.join("ca.crt")});
        kubeconfig(&server.url(""), &cluster, &json!({"tokenFile": folder.join(token)}))
    };
    let configs = tempfile::tempdir().expect("a temporary folder");
    let file = |name: &'static str, folder: &Path, token: &str| {
        let path = configs.path().join(name);
        std::fs::write(&path, document(folder, token).to_string()).expect("writable");
        (name, json!(path))
    };
    let run = place.run([
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
    let texts = ["given as text", "--flatten"];
    assert_fails(&outcome, "uploaded", "configuration", &texts);
    assert_silent(&outcome, &[CANARY]);
}

/// As a kubelet lays out what it mounts: everything is a link to the last version.
#[test]
fn links_within_the_kubeconfigs_folder_are_followed() {
    let place = Place::new();
    let server = place.server(wants(&format!("Bearer {CANARY}")));
    let folder = tempfile::tempdir().expect("a temporary folder");
    let version = folder.path().join("..2026_11_20");
    std::fs::create_dir(&version).expect("a folder can be made");
    std::fs::write(version.join("token"), CANARY).expect("writable");
    symlink("..2026_11_20", folder.path().join("..data")).expect("a link can be made");
    symlink("..data/token", folder.path().join("token")).expect("a link can be made");
    let document = place.kubeconfig(&server, &json!({"tokenFile": "token"})).to_string();
    std::fs::write(version.join("config"), document).expect("writable");
    let config = folder.path().join("config");
    symlink("..data/config", &config).expect("a link can be made");
    let outcome = place.run([("e", json!(config))]).run();
    assert_works(&outcome, "e");
    assert_silent(&outcome, &[CANARY]);
}
