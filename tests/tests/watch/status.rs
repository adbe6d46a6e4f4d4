//! `status`: what the state folder says about each endpoint.

use gatherer_tests::{Outcome, Run};
use serde_json::{Value, json};

use super::{WatchFolder, document};

fn status(folder: &WatchFolder, arguments: &[&str]) -> Run {
    Run::new().args(["status", "--state"]).arg(folder.path("state")).args(arguments)
}

fn document_of(outcome: &Outcome) -> Value {
    serde_json::from_str(outcome.stdout_text()).expect("JSON")
}

#[test]
fn shows_success_and_failure_of_each_endpoint() {
    let folder = WatchFolder::new();
    folder.write_infile(&["bad", "good"]);
    folder.write("good.json", &document(&[("h", &["a", "b"])]));
    folder.watch_to_file(&["--rounds", "1"]).run().expect_code(0);
    let outcome = status(&folder, &["--json", "--exit-code"]).run().expect_code(1);
    let document = document_of(&outcome);
    let [bad, good] = &document["endpoints"].as_array().expect("a list")[..] else {
        panic!("{document:#}")
    };
    assert_eq!((&bad["status"], &good["status"]), (&json!("failed"), &json!("complete")));
    assert_eq!(bad["lastFailure"]["kind"], "configuration");
    assert_eq!(good["lastSuccess"]["counts"], json!({"hosts": 1, "guests": 2}));
    assert!(good["lastSuccess"]["at"].is_string() && good["failures"] == json!({}));
    let table = status(&folder, &[]).run().expect_code(0);
    let text = table.stdout_text();
    assert!(text.contains("1 host, 2 guests") && text.contains("configuration: "), "{text}");
    folder.write_infile(&["good"]);
    folder.watch_to_file(&["--rounds", "1"]).run().expect_code(0);
    let outcome = status(&folder, &["--json", "--exit-code"]).run().expect_code(0);
    assert_eq!(document_of(&outcome)["endpoints"][0]["status"], "removed");
}

#[test]
fn a_folder_without_state_is_an_error() {
    let folder = WatchFolder::new();
    let outcome = status(&folder, &[]).run().expect_code(3);
    assert!(outcome.stderr.contains("is not a state folder"), "{}", outcome.describe());
    assert!(!folder.path("state").exists());
}
