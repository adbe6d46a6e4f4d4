//! State folders that are missing, damaged, read-only or shared, and unusual ids.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use gatherer_tests::{Run, assert_message, note_skipped};
use serde_json::{Value, json};

use super::{Nights, hosts};

fn set_mode(path: &Path, mode: u32) {
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).expect("it is ours");
}

#[test]
fn missing_state_is_a_warning_and_starts_anew() {
    let nights = Nights::new("20%");
    let first = nights.night(&hosts(0..10));
    assert_eq!(first.endpoint("e")["status"], "complete");
    assert!(first.stderr.contains("no last whole answer"), "{}", first.describe());
    std::fs::remove_dir_all(nights.state()).expect("it is ours");
    let again = nights.night(&hosts(0..1));
    assert_eq!(again.endpoint("e")["status"], "complete");
    assert!(again.stderr.contains("no last whole answer"), "{}", again.describe());
    nights.suspicious(&json!({}));
}

#[test]
fn a_damaged_answer_is_a_warning_and_starts_anew() {
    for text in ["", "{", "[]", "{\"endpoints\": []}", "\u{0}\u{1}"] {
        let nights = Nights::new("20%");
        nights.believed(&hosts(0..10));
        std::fs::write(nights.state().join("endpoints/e.json"), text).expect("it is ours");
        let outcome = nights.night(&hosts(0..1));
        assert_eq!(outcome.endpoint("e")["status"], "complete", "{text}");
        assert!(outcome.stderr.contains("starts anew"), "{}", outcome.describe());
        nights.suspicious(&json!({}));
    }
}

#[test]
fn an_unreadable_answer_is_a_warning_and_starts_anew() {
    let nights = Nights::new("20%");
    nights.believed(&hosts(0..10));
    let answer = nights.state().join("endpoints/e.json");
    std::fs::remove_file(&answer).expect("it is ours");
    std::fs::create_dir(&answer).expect("it is ours");
    let outcome = nights.night(&hosts(0..1));
    assert_eq!(outcome.endpoint("e")["status"], "complete");
    assert!(outcome.stderr.contains("starts anew"), "{}", outcome.describe());
}

#[test]
fn a_damaged_suspicion_is_a_warning_and_accepts_nothing() {
    let nights = Nights::new("20%");
    nights.believed(&hosts(0..10));
    nights.suspicious(&hosts(0..5));
    nights.accept();
    std::fs::write(nights.state().join("guard/e.json"), "{").expect("it is ours");
    nights.suspicious(&hosts(0..5));
    assert_eq!(nights.listed()[0]["answers"], 1);
}

#[test]
fn a_folder_that_cannot_be_used_is_a_warning() {
    let nights = Nights::new("20%");
    std::fs::write(nights.state(), "a file").expect("writable");
    let outcome = nights.night(&hosts(0..2));
    assert_eq!(outcome.endpoint("e")["status"], "complete");
    assert!(outcome.stderr.contains("max_lost is not checked"), "{}", outcome.describe());
    std::fs::remove_file(nights.state()).expect("it is ours");
    std::fs::create_dir(nights.state()).expect("a folder");
    set_mode(&nights.state(), 0o777);
    let outcome = nights.night(&hosts(0..2));
    assert_eq!(outcome.endpoint("e")["status"], "complete");
    assert!(outcome.stderr.contains("writable by others"), "{}", outcome.describe());
}

#[test]
fn a_limit_without_a_state_folder_is_a_warning() {
    let endpoint = json!({"id": "e", "module": "File", "url": "hosts.json", "max_lost": 1});
    let nights = Nights::new(1);
    let run = Run::gather(&endpoint).plugins(nights.plugins.path());
    std::fs::write(run.home().join("hosts.json"), hosts(0..2).to_string()).expect("writable");
    let outcome = run.run().expect_code(0);
    assert!(outcome.stderr.contains("--state"), "{}", outcome.describe());
    assert!(outcome.document()["e"].is_some());
}

#[test]
fn a_read_only_folder_still_guards() {
    let nights = Nights::new("20%");
    nights.believed(&hosts(0..10));
    for path in ["", "endpoints", "next", "status", "locks", "locks/e", "endpoints/e.json"] {
        let path = nights.state().join(path);
        set_mode(&path, if path.is_dir() { 0o755 } else { 0o644 });
    }
    set_mode(nights.folder.path(), 0o755);
    let is_root = rustix::process::geteuid().is_root();
    let as_user = |answer: &Value| {
        let run = nights.run(answer, &json!({})).args(["--format", "inventory"]);
        Some(run.as_user()?.run())
    };
    let Some(short) = as_user(&hosts(0..5)).filter(|_| is_root) else {
        note_skipped("only root can run the program as another user");
        return;
    };
    assert_eq!(short.failure("e").kind, "suspicious", "{}", short.describe());
    assert!(short.stderr.contains("cannot be written"), "{}", short.describe());
    let whole = as_user(&hosts(0..10)).expect("it was possible before");
    assert_eq!(whole.endpoint("e")["status"], "complete");
    assert!(whole.stderr.contains("the answer is not kept"), "{}", whole.describe());
}

#[test]
fn runs_at_the_same_time_keep_one_whole_answer() {
    let nights = Nights::new("20%");
    nights.believed(&hosts(0..200));
    let started: Vec<_> = (0..6)
        .map(|number| {
            let answer = if number % 2 == 0 { hosts(0..200) } else { hosts(0..190) };
            nights.run(&answer, &json!({})).args(["--format", "inventory"]).start()
        })
        .collect();
    for running in started {
        let outcome = running.finish();
        assert_eq!(outcome.endpoint("e")["status"], "complete", "{}", outcome.describe());
        assert!(!outcome.stderr.contains("warning"), "{}", outcome.describe());
    }
    let kept = std::fs::read(nights.state().join("endpoints/e.json")).expect("it is ours");
    let kept: Value = serde_json::from_slice(&kept).expect("whole");
    assert_eq!(kept["state"]["round"], 7);
    let count = kept["endpoints"][0]["hosts"].as_array().map(Vec::len);
    assert!(matches!(count, Some(190 | 200)), "{count:?}");
}

#[test]
fn ids_with_unusual_characters_are_kept_apart() {
    let ids = ["a/b", "a b", "..", "a%2fb", "ä'\"$(x)", "-x", "--state", &"long".repeat(200)];
    let mut nights = Nights::new("20%");
    for id in ids {
        id.clone_into(&mut nights.id);
        nights.believed(&hosts(0..10));
        let message = nights.suspicious(&hosts(0..5));
        if id == "-x" {
            assert!(message.ends_with(" -- -x`"), "{message}");
        }
    }
    assert_eq!(nights.listed().len(), ids.len());
    for id in ids {
        id.clone_into(&mut nights.id);
        nights.suspicious(&hosts(0..5));
        nights.accept();
        nights.believed(&hosts(0..5));
    }
    assert_eq!(nights.listed(), [] as [Value; 0]);
}

#[test]
fn an_endpoint_without_an_id_is_not_kept() {
    let nights = Nights::new("20%");
    let endpoints = json!([
        {"module": "File", "url": "hosts.json", "max_lost": 0},
        {"module": "File"},
    ]);
    let run = Run::gather(&endpoints).plugins(nights.plugins.path());
    std::fs::write(run.home().join("hosts.json"), hosts(0..2).to_string()).expect("writable");
    let outcome = run.arg("--state").arg(nights.state()).run().expect_code(0);
    assert!(outcome.stderr.contains("1 endpoint without an id"), "{}", outcome.describe());
    for folder in ["endpoints", "status"] {
        let files = std::fs::read_dir(nights.state().join(folder)).expect("a folder");
        assert_eq!(files.count(), 0, "{folder}");
    }
}

#[test]
fn status_shows_the_runs() {
    let nights = Nights::new("20%");
    nights.believed(&hosts(0..10));
    nights.suspicious(&hosts(0..5));
    let run = Run::new().args(["status", "--json", "--state"]).arg(nights.state());
    let outcome = run.run();
    let status: Value = serde_json::from_slice(&outcome.stdout).expect("JSON");
    let endpoint = &status["endpoints"][0];
    assert_eq!(endpoint["id"], "e", "{status:#}");
    assert_eq!(endpoint["lastFailure"]["kind"], "suspicious", "{status:#}");
    assert_eq!(endpoint["lastSuccess"]["counts"]["hosts"], 10, "{status:#}");
}

#[test]
fn guard_explains_what_it_cannot_do() {
    let nights = Nights::new("20%");
    let missing = nights.guard(&["list"]);
    assert_eq!(missing.code(), 3, "{}", missing.describe());
    nights.believed(&hosts(0..10));
    let nothing = nights.guard(&["accept", "e"]);
    assert_eq!(nothing.code(), 1, "{}", nothing.describe());
    nights.suspicious(&hosts(0..5));
    let mistyped = nights.guard(&["accept", "f"]);
    assert_eq!(mistyped.code(), 1, "{}", mistyped.describe());
    assert!(!nights.state().join("locks/f").exists());
    let unnamed = Run::new().args(["guard", "list"]).run();
    assert_eq!(unnamed.code(), 2, "{}", unnamed.describe());
    let all = [missing, nothing, mistyped, unnamed].map(|outcome| outcome.stderr);
    assert_message!(all.concat());
    let list = nights.guard(&["list"]).expect_code(0);
    assert!(list.stdout_text().contains("guard accept e --state"), "{}", list.describe());
}
