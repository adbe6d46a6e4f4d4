//! Secrets from references: `{"file": PATH}` and `{"env": NAME}`.

use gatherer_tests::{PluginFolder, Run};
use serde_json::{Value, json};

use super::{CANARY, assert_no_leak, run_without_leaks};

#[test]
fn errors_show_a_reference_only_if_it_is_a_plausible_name() {
    let request = |name: &str, reference: Value| {
        let mut endpoint = json!({"id": "e", "module": "Misbehaving", "case": "behaves"});
        endpoint[name] = reference;
        json!([endpoint])
    };
    for (name, reference) in [
        ("password", json!({"file": CANARY})),
        ("password", json!({"env": CANARY})),
        ("password", json!({"env": CANARY.to_ascii_uppercase().replace('-', "_")})),
        ("proxy", json!({"env": CANARY})),
        ("proxy", json!({"file": CANARY})),
        ("client_key", json!({"env": CANARY})),
        ("client_key", json!({"file": CANARY})),
    ] {
        let case = reference.to_string();
        let outcome = run_without_leaks(&case, &["misbehaving"], &request(name, reference), &[]);
        let message = outcome.failure("e").message;
        assert!(message.contains(name) && !message.contains("CANARY"), "{case}: {message}");
    }
    // A document instead of the name of its file.
    let document = format!("users:\n- user:\n    token: {CANARY}\n");
    for name in ["file", "ca_file", "client_cert", "client_key"] {
        for reference in [json!({"file": document}), json!({"env": document})] {
            let outcome = run_without_leaks(name, &["misbehaving"], &request(name, reference), &[]);
            let message = outcome.failure("e").message;
            assert!(message.contains(name) && !message.contains("users"), "{message}");
        }
    }
    for (name, reference, shown) in [
        ("password", json!({"file": "/nonexistent/secret"}), "/nonexistent/secret"),
        ("username", json!({"file": "nonexistent.txt"}), "nonexistent.txt"),
        ("username", json!({"env": "NOT_SET_HERE"}), "NOT_SET_HERE"),
        ("ca_file", json!({"env": "NOT_SET_HERE"}), "NOT_SET_HERE"),
        ("client_cert", json!({"env": "NOT_SET_HERE"}), "NOT_SET_HERE"),
        ("client_key", json!({"file": "/nonexistent/key"}), "/nonexistent/key"),
    ] {
        let outcome = run_without_leaks(shown, &["misbehaving"], &request(name, reference), &[]);
        let message = outcome.failure("e").message;
        assert!(message.contains(shown), "{message}");
    }
}

#[test]
fn a_referenced_value_is_secret_even_for_a_parameter_that_is_not() {
    let plugins = PluginFolder::with(&["file"]);
    for value in [format!("/nonexistent/{CANARY}"), CANARY.to_owned()] {
        let endpoints = json!([{"id": "e", "module": "File", "url": {"env": "GATHERER_TEST_URL"}}]);
        let outcome = Run::gather(&endpoints)
            .plugins(plugins.path())
            .args(["-v", "-v", "--format", "inventory"])
            .env("GATHERER_TEST_URL", &value)
            .run();
        assert_no_leak(&outcome, &value);
        let message = outcome.failure("e").message;
        assert!(message.contains("***"), "{message}");
    }
}

#[test]
fn values_from_files_and_the_environment_are_redacted() {
    let plugins = PluginFolder::with(&["misbehaving"]);
    for reference in [json!({"env": "GATHERER_TEST_SECRET"}), json!({"file": "secret.txt"})] {
        for case in ["log-secret", "error-secret"] {
            let endpoints = json!([
                {"id": "e", "module": "Misbehaving", "case": case, "password": reference},
            ]);
            let run = Run::gather(&endpoints)
                .plugins(plugins.path())
                .args(["-v", "-v", "--format", "inventory"])
                .env("GATHERER_TEST_SECRET", CANARY);
            std::fs::write(run.home().join("secret.txt"), format!("{CANARY}\n")).expect("writable");
            let outcome = run.run();
            assert_no_leak(&outcome, case);
            let output = format!("{}{}", outcome.endpoint("e"), outcome.messages());
            assert!(output.contains("***"), "no value was redacted: {}", outcome.describe());
        }
    }
}
