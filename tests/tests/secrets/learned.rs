//! Secrets that no parameter is marked for: a plugin reads one from a file, tells the runner, and
//! gives it away all the same; or it stands in a document that was given where a path may stand.

use gatherer_tests::Outcome;
use serde_json::json;

use super::{CANARY, assert_silent, run_silently};

/// A run of a case whose secret stands in a file alone.
fn learned(case: &str, secret: &str) -> Outcome {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let file = folder.path().join("token");
    std::fs::write(&file, secret).expect("the file can be written");
    let endpoints = json!([{"id": "e", "module": "Misbehaving", "case": case, "file": file}]);
    run_silently(case, &["misbehaving"], &endpoints, &[])
}

macro_rules! tells {
    ($($name:ident: $case:literal => $status:literal;)+) => {
        $(
            #[test]
            fn $name() {
                let outcome = learned($case, CANARY);
                let endpoint = outcome.endpoint("e");
                assert_eq!(endpoint["status"], $status, "{endpoint:#}");
                let said = format!("{endpoint}{}", outcome.messages());
                assert!(said.contains("***"), "the place of the secret is shown: {said}");
            }
        )+
    };
}

tells! {
    log_lines_and_progress_hide_what_was_learned: "learned-log-secret" => "complete";
    warnings_hide_what_was_learned: "learned-warning-secret" => "complete";
    stdout_hides_what_was_learned: "learned-stdout-secret" => "complete";
    stderr_hides_what_was_learned: "learned-stderr-secret" => "complete";
    an_endless_line_hides_what_was_learned: "learned-long-line-secret" => "complete";
    last_words_hide_what_was_learned: "learned-dying-secret" => "failed";
    errors_and_hints_hide_what_was_learned: "learned-error-secret" => "failed";
    a_collections_error_hides_what_was_learned: "learned-collection-secret" => "complete";
    what_is_cut_short_is_rid_of_what_was_learned: "learned-cut-secret" => "complete";
}

#[test]
fn stderr_of_a_killed_worker_shows_no_secret_that_its_frames_announced() {
    let case = "garbage-before-secret";
    let outcome = learned(case, CANARY);
    assert_eq!(outcome.endpoint("e")["status"], "failed", "{}", outcome.describe());
    assert!(!outcome.messages().contains("hunter2hunter2"), "{}", outcome.describe());
}

#[test]
fn a_panic_hides_what_was_learned() {
    let outcome = learned("learned-panic-secret", CANARY);
    assert_eq!(outcome.endpoint("e")["error"]["kind"], "internal");
}

#[test]
fn the_line_end_of_a_file_is_no_part_of_its_secret() {
    let outcome = learned("learned-spelled-secret", &format!("{CANARY}\n"));
    assert_eq!(outcome.endpoint("e")["status"], "complete");
}

#[test]
fn more_secrets_than_can_be_hidden_end_the_gathering_before_one_is_shown() {
    for case in ["learned-too-many-secret", "learned-too-long-secret", "learned-malformed-secret"] {
        let outcome = learned(case, CANARY);
        let error = &outcome.endpoint("e")["error"];
        assert_eq!(error["kind"], "protocol", "{case}: {error:#}");
        assert!(error["message"].as_str().is_some_and(|text| text.contains("secret")), "{error}");
        assert_silent(&outcome, case);
    }
}

/// What a run says whose plugin logs a text that is no secret by itself, with a document where a path
/// may stand.
fn beside(parameter: &str, document: &str) -> Outcome {
    let endpoints = json!([{"id": "e", "module": "Misbehaving", "case": "user-log-secret",
        "username": CANARY, parameter: document}]);
    let plugins = gatherer_tests::PluginFolder::with(&["misbehaving"]);
    gatherer_tests::Run::gather(&endpoints).plugins(plugins.path()).args(["-v", "-v"]).run()
}

#[test]
fn an_inline_document_hides_what_it_holds() {
    let pem = format!("-----BEGIN PRIVATE KEY-----\n{CANARY}\n-----END PRIVATE KEY-----\n");
    let data = base64(pem.as_bytes());
    for document in [
        format!("users:\n- name: me\n  user:\n    token: {CANARY}\n"),
        format!("users: [{{name: me, user: {{token: {CANARY}}}}}]\n"),
        format!("{{\"users\":[{{\"name\":\"me\",\"user\":{{\"token\":\"{CANARY}\"}}}}]}}"),
        format!("{{\"users\": [{{\"user\": {{\"client-key-data\": \"{data}\"}}}}]}}"),
        format!("users:\n- user:\n    client-key-data: {data}\n"),
    ] {
        for parameter in ["file", "ca_file"] {
            let outcome = beside(parameter, &document);
            assert_silent(&outcome, &document);
            assert!(outcome.log.contains("the password is ***"), "{}", outcome.describe());
        }
    }
    assert!(beside("file", "/etc/kubeconfig").log.contains(CANARY), "else nothing was tested");
}

fn base64(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let groups = bytes.chunks(3).map(|group| {
        let bits = group.iter().fold(0_u32, |bits, byte| bits << 8 | u32::from(*byte));
        let bits = bits << (8 * (3 - group.len()));
        let letter = |place: usize| {
            let code = (bits >> (18 - 6 * place)) as usize & 63;
            if place > group.len() { '=' } else { char::from(ALPHABET[code]) }
        };
        (0..4).map(letter).collect::<String>()
    });
    groups.collect()
}
