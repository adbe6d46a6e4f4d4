//! Values that are named in the infile and stand in a file or in the environment.

use gatherer_tests::{PluginFolder, Run};
use serde_json::{Value, json};

use super::{CANARY, assert_silent, run_silently};

#[test]
fn a_reference_shows_no_more_than_it_must() {
    let refers = |name: &str, reference: Value| {
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
    ] {
        let what = reference.to_string();
        let outcome = run_silently(&what, &["misbehaving"], &refers(name, reference), &[]);
        let message = outcome.endpoint("e")["error"]["message"].to_string();
        assert!(message.contains(name) && !message.contains("CANARY"), "{what}: {message}");
    }
    // The document itself where its file's name belongs.
    let document = format!("users:\n- user:\n    token: {CANARY}\n");
    for name in ["file", "ca_file"] {
        for reference in [json!({"file": document}), json!({"env": document})] {
            let outcome = run_silently(name, &["misbehaving"], &refers(name, reference), &[]);
            let message = outcome.endpoint("e")["error"]["message"].to_string();
            assert!(message.contains(&format!("{name} refers to the ")), "{message}");
            assert!(!message.contains("users"), "{message}");
        }
    }
    for (name, reference, shown) in [
        ("password", json!({"file": "/nonexistent/secret"}), "/nonexistent/secret"),
        ("username", json!({"file": "nonexistent.txt"}), "nonexistent.txt"),
        ("username", json!({"env": "NOT_SET_HERE"}), "NOT_SET_HERE"),
        ("ca_file", json!({"env": "NOT_SET_HERE"}), "NOT_SET_HERE"),
    ] {
        let outcome = run_silently(shown, &["misbehaving"], &refers(name, reference), &[]);
        let message = outcome.endpoint("e")["error"]["message"].to_string();
        assert!(message.contains(shown), "{message}");
    }
}

#[test]
fn a_referenced_value_is_secret_whatever_its_parameter_is() {
    let plugins = PluginFolder::with(&["file"]);
    for value in [format!("/nonexistent/{CANARY}"), CANARY.to_owned()] {
        let endpoints = json!([{"id": "e", "module": "File", "url": {"env": "GATHERER_TEST_URL"}}]);
        let outcome = Run::gather(&endpoints)
            .plugins(plugins.path())
            .args(["-v", "-v", "--format", "inventory"])
            .env("GATHERER_TEST_URL", &value)
            .run();
        assert_silent(&outcome, &value);
        let message = outcome.endpoint("e")["error"]["message"].to_string();
        assert!(message.contains("***: there is no such file"), "{message}");
    }
}

#[test]
fn values_from_files_and_the_environment_are_secret_too() {
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
            assert_silent(&outcome, case);
            let said = format!("{}{}", outcome.endpoint("e"), outcome.messages());
            assert!(said.contains("***"), "the value arrived: {}", outcome.describe());
        }
    }
}
