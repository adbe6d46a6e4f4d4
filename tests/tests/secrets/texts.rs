//! How a secret may be written, and what around it stays readable.

use gatherer_tests::{Outcome, PluginFolder, Run};
use serde_json::json;

use super::{CANARY, assert_silent, run_silently};

/// What the plugin said to a line `spelled NAME: <TEXT>` or `line <TEXT>`, from the log.
fn said_in_brackets(outcome: &Outcome, start: &str) -> Vec<String> {
    let lines = outcome.log.lines().filter(|line| line.contains(start));
    lines
        .map(|line| {
            let text = line.split_once('<').and_then(|(_, rest)| rest.rsplit_once('>'));
            text.unwrap_or_else(|| panic!("no brackets: {line}")).0.to_owned()
        })
        .collect()
}

#[test]
fn a_secret_is_hidden_in_every_spelling() {
    for secret in [
        CANARY,
        "Canary-'7\"f3a91",
        "Canary-/7+f 3%2Fa91",
        "Canary-\u{1b}7\u{7}f3a91\\n",
        "Canary-ä€\u{1f600}7f3a91",
        "Cäna",
    ] {
        let endpoints = json!([{"id": "e", "module": "Misbehaving", "case": "spelled-secret",
            "username": "me", "password": secret, "pin": " 0731946 ", "ratio": 73194.625}]);
        let outcome = run_silently(secret, &["misbehaving"], &endpoints, &[]);
        let said = said_in_brackets(&outcome, "] spelled ");
        assert_eq!(said.len(), 21, "{}", outcome.describe());
        for text in said {
            let bare = text.replace(['\\', '"'], "");
            assert_eq!(bare, "***", "{secret:?}: {}", outcome.describe());
        }
    }
}

#[test]
fn secrets_that_overlap_are_hidden_whole() {
    let endpoints = json!([{"id": "e", "module": "Misbehaving", "case": "error-secret",
        "password": CANARY, "tokens": ["Canary-7", "y-7f3a91", "7f3a91"]}]);
    let outcome = run_silently("overlap", &["misbehaving"], &endpoints, &[]);
    assert_eq!(outcome.endpoint("e")["error"]["message"], "no to ***");
}

#[test]
fn a_document_hides_what_is_secret_in_it_and_no_words() {
    let pem = format!(
        "-----BEGIN PRIVATE KEY-----\n{CANARY}{CANARY}\n{CANARY}==\n-----END PRIVATE KEY-----\n\
         reading\npage\nhosts\nlist\nusers:\n- name: list\n  user:\n    token: {CANARY}\n"
    );
    let endpoints =
        json!([{"id": "e", "module": "Misbehaving", "case": "words-secret", "password": pem}]);
    let outcome = run_silently("words", &["misbehaving"], &endpoints, &[]);
    assert!(
        outcome.log.contains("reading page 1 of 2 hosts for the list: true"),
        "{}",
        outcome.describe()
    );
    let lines = said_in_brackets(&outcome, "line <");
    assert_eq!(lines.iter().filter(|line| *line == "***").count(), 3, "{lines:?}");
    assert!(lines.contains(&"users:".to_owned()), "{lines:?}");
}

#[test]
fn a_large_secret_and_a_large_log_are_no_matter_of_minutes() {
    // The watchdog is the judge: it took minutes when each line was looked for by itself.
    let secret: String = (0..12_000).map(|number| format!("{CANARY}{number:051}") + "\n").collect();
    let endpoints =
        json!([{"id": "e", "module": "Misbehaving", "case": "flood-secret", "password": secret}]);
    let plugins = PluginFolder::with(&["misbehaving"]);
    let outcome =
        Run::gather(&endpoints).plugins(plugins.path()).args(["--format", "inventory"]).run();
    assert_silent(&outcome, "flood");
    assert_eq!(outcome.endpoint("e")["status"], "complete", "{}", outcome.stderr);
    assert!(outcome.stderr.contains("a line of the log with *** in it"));
}
