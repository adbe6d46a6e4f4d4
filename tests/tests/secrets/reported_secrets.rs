//! Secrets that are not in a secret parameter: a plugin reads one from a file, reports it to the runner and then
//! leaks it, or a parameter for a path contains a whole document with a secret.

use gatherer_tests::Outcome;
use serde_json::json;

use super::{CANARY, assert_no_leak, run_without_leaks};

/// Runs a case of the misbehaving plugin, which reads the secret from a file and reports it.
fn run_with_secret_file(case: &str, secret: &str) -> Outcome {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let file = folder.path().join("token");
    std::fs::write(&file, secret).expect("the file can be written");
    let endpoints = json!([{"id": "e", "module": "Misbehaving", "case": case, "file": file}]);
    run_without_leaks(case, &["misbehaving"], &endpoints, &[])
}

/// Defines a test for each case: the endpoint gets this status, and the secret is replaced by `***`.
macro_rules! redacts_reported {
    ($($name:ident: $case:literal => $status:literal;)+) => {
        $(
            #[test]
            fn $name() {
                let outcome = run_with_secret_file($case, CANARY);
                let endpoint = outcome.endpoint("e");
                assert_eq!(endpoint["status"], $status, "{endpoint:#}");
                let output = format!("{endpoint}{}", outcome.messages());
                assert!(output.contains("***"), "the redacted text is missing: {output}");
            }
        )+
    };
}

redacts_reported! {
    redacts_log_lines_and_progress: "learned-log-secret" => "complete";
    redacts_warnings: "learned-warning-secret" => "complete";
    redacts_stdout: "learned-stdout-secret" => "complete";
    redacts_stderr: "learned-stderr-secret" => "complete";
    redacts_a_line_of_any_length: "learned-long-line-secret" => "complete";
    redacts_the_last_line_of_a_crashed_plugin: "learned-dying-secret" => "failed";
    redacts_an_error_and_its_hint: "learned-error-secret" => "failed";
    redacts_the_error_of_a_collection: "learned-collection-secret" => "complete";
    redacts_a_text_before_it_is_cut: "learned-cut-secret" => "complete";
}

#[test]
fn redacts_the_stderr_of_a_killed_worker_with_secrets_from_its_frames() {
    let case = "garbage-before-secret";
    let outcome = run_with_secret_file(case, CANARY);
    assert_eq!(outcome.endpoint("e")["status"], "failed", "{}", outcome.describe());
    assert!(!outcome.messages().contains("hunter2hunter2"), "{}", outcome.describe());
}

#[test]
fn redacts_the_message_of_a_panic() {
    let outcome = run_with_secret_file("learned-panic-secret", CANARY);
    assert_eq!(outcome.endpoint("e")["error"]["kind"], "internal");
}

#[test]
fn a_newline_at_the_end_of_a_file_is_not_part_of_the_secret() {
    let outcome = run_with_secret_file("learned-spelled-secret", &format!("{CANARY}\n"));
    assert_eq!(outcome.endpoint("e")["status"], "complete");
}

#[test]
fn secrets_beyond_the_limits_fail_the_endpoint_before_one_is_shown() {
    for case in ["learned-too-many-secret", "learned-too-long-secret", "learned-malformed-secret"] {
        let outcome = run_with_secret_file(case, CANARY);
        let failure = outcome.failure("e");
        assert_eq!(failure.kind, "protocol", "{case}: {failure}");
        assert!(failure.message.contains("secret"), "{failure}");
        assert_no_leak(&outcome, case);
    }
}

/// Runs a plugin that logs the user name, which is the canary, with `value` for a parameter that takes a path or
/// a document.
fn run_with_document(parameter: &str, value: &str) -> Outcome {
    let endpoints = json!([{"id": "e", "module": "Misbehaving", "case": "user-log-secret",
        "username": CANARY, parameter: value}]);
    let plugins = gatherer_tests::PluginFolder::with(&["misbehaving"]);
    gatherer_tests::Run::gather(&endpoints).plugins(plugins.path()).args(["-v", "-v"]).run()
}

#[test]
fn redacts_the_secrets_of_a_document_in_a_parameter() {
    let pem = format!("-----BEGIN PRIVATE KEY-----\n{CANARY}\n-----END PRIVATE KEY-----\n");
    let data = base64(pem.as_bytes());
    for document in [
        format!("users:\n- name: me\n  user:\n    token: {CANARY}\n"),
        format!("users: [{{name: me, user: {{token: {CANARY}}}}}]\n"),
        format!("{{\"users\":[{{\"name\":\"me\",\"user\":{{\"token\":\"{CANARY}\"}}}}]}}"),
        format!("{{\"users\": [{{\"user\": {{\"client-key-data\": \"{data}\"}}}}]}}"),
        format!("users:\n- user:\n    client-key-data: {data}\n"),
    ] {
        for parameter in ["file", "ca_file", "client_cert", "client_key"] {
            let outcome = run_with_document(parameter, &document);
            assert_no_leak(&outcome, &document);
            assert!(outcome.log.contains("the password is ***"), "{}", outcome.describe());
        }
    }
    let log = run_with_document("file", "/etc/kubeconfig").log;
    assert!(log.contains(CANARY), "the plugin must log the user name, else this tests nothing");
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
