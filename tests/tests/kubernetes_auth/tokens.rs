//! User and password, tokens, and tokens in files.

use gatherer_tests::fault_server::{NodeServer, Source, base64, kubeconfig, misdeed};
use serde_json::json;

use super::{NAMES, Place, assert_fails, assert_silent, assert_works, wants, write};

#[test]
fn user_and_password_are_sent_as_basic_authentication() {
    let place = Place::new();
    let server = place.server(wants(&format!("Basic {}", base64("us er:pass:w\u{f6}rd"))));
    let good = json!({"username": "us er", "password": "pass:w\u{f6}rd"});
    let wrong = json!({"username": "us er", "password": "another-word"});
    let lonely = json!({"username": "us er"});
    let outcome = place
        .run([
            ("good", place.kubeconfig(&server, &good)),
            ("wrong", place.kubeconfig(&server, &wrong)),
            ("no password", place.kubeconfig(&server, &lonely)),
        ])
        .run();
    assert_works(&outcome, "good");
    assert_fails(&outcome, "wrong", "authentication", &["401 Unauthorized"]);
    assert_ne!(outcome.endpoint("no password")["status"], "complete");
    assert_silent(&outcome, &["pass:w\u{f6}rd", "another-word"]);
}

#[test]
fn a_token_is_sent_with_every_page() {
    let place = Place::new();
    let server = place.server(wants("Bearer canary-token-7f3a91"));
    let user = |token: &str| place.kubeconfig(&server, &json!({ "token": token }));
    let outcome = place
        .run([("good", user("canary-token-7f3a91")), ("wrong", user("canary-wrong-55aa"))])
        .run();
    assert_works(&outcome, "good");
    assert_fails(&outcome, "wrong", "authentication", &["401 Unauthorized"]);
    let pages =
        server.received().iter().filter(|request| request.target.contains("continue=")).count();
    assert_eq!(pages, 1);
    assert_silent(&outcome, &["canary-token-7f3a91", "canary-wrong-55aa"]);
}

#[test]
fn a_token_files_line_break_is_not_part_of_the_token() {
    let place = Place::new();
    let server = place.server(wants("Bearer canary-token-7f3a91"));
    for (name, text) in [
        ("unix", "canary-token-7f3a91\n"),
        ("dos", "canary-token-7f3a91\r\n"),
        ("padded", " canary-token-7f3a91 \n\n"),
        ("bare", "canary-token-7f3a91"),
    ] {
        let run = place.run([(name, json!("kubeconfig"))]);
        write(&run, "token", text);
        let user = json!({"tokenFile": "token"});
        let document = place.kubeconfig(&server, &user).to_string();
        let path = write(&run, "cluster/kubeconfig", &document);
        write(&run, "cluster/token", text);
        let run = place.run([(name, json!(path))]);
        assert_works(&run.run(), name);
    }
}

/// Tokens in files are short-lived ones: whoever wrote the file will write it again.
#[test]
fn a_token_file_is_read_again_for_the_next_page() {
    let place = Place::new();
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("token");
    std::fs::write(&path, "canary-first-11aa\n").expect("writable");
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
            misdeed::after(move || {
                std::fs::write(&changed, "canary-second-22bb\n").expect("writable");
            }),
        )
        .https(&place.identity);
    let user = json!({"tokenFile": "token"});
    let document = kubeconfig(&server.url(""), &place.trust(), &user);
    let file = folder.path().join("kubeconfig");
    std::fs::write(&file, document.to_string()).expect("writable");
    let outcome = place.run([("reread", json!(file))]).run();
    assert_works(&outcome, "reread");
    assert_silent(&outcome, &["canary-first-11aa", "canary-second-22bb"]);
}

#[test]
fn an_empty_token_or_token_file_is_a_sentence_and_nothing_is_sent() {
    let place = Place::new();
    let server = place.server(|_| true);
    let folder = tempfile::tempdir().expect("a temporary folder");
    let file = |name: &str, user: &serde_json::Value| {
        let path = folder.path().join(name);
        std::fs::write(&path, place.kubeconfig(&server, user).to_string()).expect("writable");
        json!(path)
    };
    std::fs::write(folder.path().join("empty"), "\n").expect("writable");
    std::fs::write(folder.path().join("lines"), "one\ntwo\n").expect("writable");
    std::fs::write(folder.path().join("large"), "x".repeat(3 << 20)).expect("writable");
    let outcome = place
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
