//! Tests of user names with passwords, tokens and token files.

use gatherer_tests::scripted_cluster::{NodeServer, Source, base64, faults, kubeconfig};
use serde_json::json;

use super::{NAMES, Setup, assert_fails, assert_no_leak, assert_works, requires, write};

#[test]
fn sends_user_name_and_password_with_basic_authentication() {
    let setup = Setup::new();
    let server = setup.server(requires(&format!("Basic {}", base64("us er:pass:w\u{f6}rd"))));
    let good = json!({"username": "us er", "password": "pass:w\u{f6}rd"});
    let wrong = json!({"username": "us er", "password": "another-word"});
    let incomplete = json!({"username": "us er"});
    let outcome = setup
        .run([
            ("good", setup.kubeconfig(&server, &good)),
            ("wrong", setup.kubeconfig(&server, &wrong)),
            ("no password", setup.kubeconfig(&server, &incomplete)),
        ])
        .run();
    assert_works(&outcome, "good");
    assert_fails(&outcome, "wrong", "authentication", &["401 Unauthorized"]);
    assert_ne!(outcome.endpoint("no password")["status"], "complete");
    assert_no_leak(&outcome, &["pass:w\u{f6}rd", "another-word"]);
}

#[test]
fn sends_a_token_with_every_page() {
    let setup = Setup::new();
    let server = setup.server(requires("Bearer canary-token-7f3a91"));
    let user = |token: &str| setup.kubeconfig(&server, &json!({ "token": token }));
    let outcome = setup
        .run([("good", user("canary-token-7f3a91")), ("wrong", user("canary-wrong-55aa"))])
        .run();
    assert_works(&outcome, "good");
    assert_fails(&outcome, "wrong", "authentication", &["401 Unauthorized"]);
    let pages =
        server.received().iter().filter(|request| request.target.contains("continue=")).count();
    assert_eq!(pages, 1);
    assert_no_leak(&outcome, &["canary-token-7f3a91", "canary-wrong-55aa"]);
}

#[test]
fn trims_the_contents_of_a_token_file() {
    let setup = Setup::new();
    let server = setup.server(requires("Bearer canary-token-7f3a91"));
    for (name, text) in [
        ("unix", "canary-token-7f3a91\n"),
        ("dos", "canary-token-7f3a91\r\n"),
        ("padded", " canary-token-7f3a91 \n\n"),
        ("bare", "canary-token-7f3a91"),
    ] {
        let run = setup.run([(name, json!("kubeconfig"))]);
        write(&run, "token", text);
        let user = json!({"tokenFile": "token"});
        let document = setup.kubeconfig(&server, &user).to_string();
        let path = write(&run, "cluster/kubeconfig", &document);
        write(&run, "cluster/token", text);
        let run = setup.run([(name, json!(path))]);
        assert_works(&run.run(), name);
    }
}

/// Tokens in files are short-lived: another process renews the file during the run.
#[test]
fn reads_a_token_file_again_for_the_next_page() {
    let setup = Setup::new();
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("token");
    std::fs::write(&path, "canary-first-11aa\n").expect("the file can be written");
    let changed = path.clone();
    let server = NodeServer::of(&Source::canned(&NAMES))
        .guarded(|request| {
            let second = request.target.contains("continue=");
            let token = if second { "canary-second-22bb" } else { "canary-first-11aa" };
            request.header("authorization") == Some(&format!("Bearer {token}"))
        })
        .wrong(
            1,
            1,
            faults::after(move || {
                std::fs::write(&changed, "canary-second-22bb\n").expect("the file can be written");
            }),
        )
        .https(&setup.identity);
    let user = json!({"tokenFile": "token"});
    let document = kubeconfig(&server.url(""), &setup.trust(), &user);
    let file = folder.path().join("kubeconfig");
    std::fs::write(&file, document.to_string()).expect("the file can be written");
    let outcome = setup.run([("reread", json!(file))]).run();
    assert_works(&outcome, "reread");
    assert_no_leak(&outcome, &["canary-first-11aa", "canary-second-22bb"]);
}

#[test]
fn an_unusable_token_file_is_an_error_and_nothing_is_sent() {
    let setup = Setup::new();
    let server = setup.server(|_| true);
    let folder = tempfile::tempdir().expect("a temporary folder");
    let file = |name: &str, user: &serde_json::Value| {
        let path = folder.path().join(name);
        std::fs::write(&path, setup.kubeconfig(&server, user).to_string())
            .expect("the file can be written");
        json!(path)
    };
    std::fs::write(folder.path().join("empty"), "\n").expect("the file can be written");
    std::fs::write(folder.path().join("lines"), "one\ntwo\n").expect("the file can be written");
    std::fs::write(folder.path().join("large"), "x".repeat(3 << 20))
        .expect("the file can be written");
    let outcome = setup
        .run([
            ("empty file", file("a", &json!({"tokenFile": "empty"}))),
            ("two lines", file("b", &json!({"tokenFile": "lines"}))),
            ("no file", file("c", &json!({"tokenFile": "nonexistent"}))),
            ("large", file("d", &json!({"tokenFile": "large"}))),
            ("a folder", file("e", &json!({"tokenFile": "."}))),
            ("both", file("f", &json!({"token": "", "tokenFile": "lines"}))),
        ])
        .run();
    assert_fails(&outcome, "empty file", "configuration", &["tokenFile", "empty"]);
    assert_fails(&outcome, "two lines", "configuration", &["tokenFile"]);
    assert_fails(&outcome, "no file", "configuration", &["nonexistent", "does not exist"]);
    assert_fails(&outcome, "large", "configuration", &["tokenFile"]);
    assert_fails(&outcome, "a folder", "configuration", &["tokenFile"]);
    assert_fails(&outcome, "both", "configuration", &["token"]);
    assert_eq!(server.connections(), 0);
}
