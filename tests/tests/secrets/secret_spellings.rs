//! The spellings of a secret that are redacted, and the text around them that stays readable.

use gatherer_tests::{Outcome, PluginFolder, Run};
use serde_json::json;

use super::{CANARY, assert_no_leak, run_without_leaks};

/// The texts in `<>` of all log lines with `start`: the plugin logs `spelled NAME: <TEXT>` and `line <TEXT>`.
fn texts_in_brackets(outcome: &Outcome, start: &str) -> Vec<String> {
    let lines = outcome.log.lines().filter(|line| line.contains(start));
    lines
        .map(|line| {
            let text = line.split_once('<').and_then(|(_, rest)| rest.rsplit_once('>'));
            text.unwrap_or_else(|| panic!("a line without brackets: {line}")).0.to_owned()
        })
        .collect()
}

#[test]
fn redacts_a_secret_in_every_spelling() {
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
        let outcome = run_without_leaks(secret, &["misbehaving"], &endpoints, &[]);
        let texts = texts_in_brackets(&outcome, "] spelled ");
        assert_eq!(texts.len(), 21, "{}", outcome.describe());
        for text in texts {
            let unquoted = text.replace(['\\', '"'], "");
            assert_eq!(unquoted, "***", "{secret:?}: {}", outcome.describe());
        }
    }
}

#[test]
fn redacts_overlapping_secrets_completely() {
    let endpoints = json!([{"id": "e", "module": "Misbehaving", "case": "error-secret",
        "password": CANARY, "tokens": ["Canary-7", "y-7f3a91", "7f3a91"]}]);
    let outcome = run_without_leaks("overlap", &["misbehaving"], &endpoints, &[]);
    assert_eq!(outcome.endpoint("e")["error"]["message"], "no to ***");
}

#[test]
fn redacts_the_secrets_of_a_document_but_not_its_ordinary_words() {
    let pem = format!(
        "-----BEGIN PRIVATE KEY-----\n{CANARY}{CANARY}\n{CANARY}==\n-----END PRIVATE KEY-----\n\
         reading\npage\nhosts\nlist\nusers:\n- name: list\n  user:\n    token: {CANARY}\n"
    );
    let endpoints =
        json!([{"id": "e", "module": "Misbehaving", "case": "words-secret", "password": pem}]);
    let outcome = run_without_leaks("words", &["misbehaving"], &endpoints, &[]);
    assert!(
        outcome.log.contains("reading page 1 of 2 hosts for the list: true"),
        "{}",
        outcome.describe()
    );
    let lines = texts_in_brackets(&outcome, "line <");
    assert_eq!(lines.iter().filter(|line| *line == "***").count(), 3, "{lines:?}");
    assert!(lines.contains(&"users:".to_owned()), "{lines:?}");
}

#[test]
fn redacts_a_large_secret_in_a_large_log_quickly() {
    // The watchdog limits the time. Searching for each line of the secret separately would take minutes.
    let secret: String = (0..12_000).map(|number| format!("{CANARY}{number:051}") + "\n").collect();
    let endpoints =
        json!([{"id": "e", "module": "Misbehaving", "case": "flood-secret", "password": secret}]);
    let plugins = PluginFolder::with(&["misbehaving"]);
    let outcome =
        Run::gather(&endpoints).plugins(plugins.path()).args(["--format", "inventory"]).run();
    assert_no_leak(&outcome, "flood");
    assert_eq!(outcome.endpoint("e")["status"], "complete", "{}", outcome.stderr);
    assert!(outcome.stderr.contains("a line of the log with *** in it"));
}
