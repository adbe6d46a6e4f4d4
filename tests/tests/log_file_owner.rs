//! Owner, group and mode of the log file after its rotation, by the program or by another one.

use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown};
use std::path::Path;

use gatherer_tests::plugins::set_mode;
use gatherer_tests::{Outcome, PluginFolder, Run, skip};
use serde_json::json;

fn run(plugins: &PluginFolder) -> Run {
    let endpoints = json!([{"id": "good", "module": "Example", "hostname": "kvm1"}]);
    Run::gather(&endpoints).plugins(plugins.path())
}

/// Writes a log that is so large that the next line rotates it.
fn fill(log: &Path) {
    std::fs::write(log, "x".repeat(5 * 1024 * 1024)).expect("writable");
}

/// Owner, group and mode.
fn ownership(path: &Path) -> (u32, u32, u32) {
    let metadata = std::fs::metadata(path).expect("the file exists");
    (metadata.uid(), metadata.gid(), metadata.permissions().mode() & 0o7777)
}

fn warnings(outcome: &Outcome) -> usize {
    outcome.log.lines().filter(|line| line.contains("owner, group and mode")).count()
}

#[test]
fn a_rotated_log_and_the_new_one_keep_owner_group_and_mode() {
    for mode in [0o664, 0o640, 0o600] {
        let plugins = PluginFolder::with(&["example"]);
        let run = run(&plugins);
        let log = run.home().join("gatherer.log");
        fill(&log);
        set_mode(&log, mode);
        if chown(&log, Some(4242), Some(4243)).is_err() {
            skip!("only root can give a file to another user");
        }
        let outcome = run.run().expect_code(0);
        assert_eq!(ownership(&log), (4242, 4243, mode));
        assert_eq!(ownership(&log.with_file_name("gatherer.log.1")), (4242, 4243, mode));
        assert!(outcome.log.len() < 10_000, "it was rotated");
        assert_eq!(warnings(&outcome), 0, "{}", outcome.describe());
    }
}

#[test]
fn runs_that_rotate_one_log_at_the_same_time_keep_owner_group_and_mode() {
    let folder = tempfile::tempdir().expect("a temporary folder can be created");
    let log = folder.path().join("gatherer.log");
    fill(&log);
    set_mode(&log, 0o640);
    let is_root = chown(&log, Some(4242), Some(4243)).is_ok();
    let before = ownership(&log);
    let plugins = PluginFolder::with(&["example"]);
    let started: Vec<_> = (0..4).map(|_| run(&plugins).logfile(&log).start()).collect();
    for running in started {
        let _outcome = running.finish().expect_code(0);
    }
    let names = std::fs::read_dir(folder.path()).expect("the folder can be listed");
    let paths: Vec<_> = names.map(|entry| entry.expect("an entry").path()).collect();
    assert_eq!(paths.len(), 2, "it was rotated once: {paths:?}");
    for path in paths {
        assert_eq!(ownership(&path), before, "{}", path.display());
    }
    assert!(!is_root || before == (4242, 4243, 0o640));
    let text = std::fs::read_to_string(&log).expect("it is text");
    assert_eq!(text.matches("Scanning finished").count(), 4, "{text}");
}

#[test]
fn a_log_that_another_program_has_rotated_is_created_like_the_rotated_one() {
    let plugins = PluginFolder::with(&["example"]);
    let run = run(&plugins);
    let log = run.home().join("gatherer.log");
    let rotated = log.with_file_name("gatherer.log.1");
    std::fs::write(&rotated, "old\n").expect("writable");
    // The bits that change the user of a program are not kept.
    let is_root = chown(&rotated, Some(4242), Some(4243)).is_ok();
    set_mode(&rotated, 0o6660);
    let _outcome = run.run().expect_code(0);
    let (owner, group, mode) = ownership(&log);
    assert_eq!(mode, 0o660);
    if is_root {
        assert_eq!((owner, group), (4242, 4243));
    }
}

#[test]
fn an_owner_that_cannot_be_kept_is_one_warning() {
    let plugins = PluginFolder::with(&["example"]);
    let Some(run) = run(&plugins).arg("-vv").as_user() else {
        skip!("an unprivileged user cannot run the program here, or setpriv is not installed");
    };
    let log = run.home().join("gatherer.log");
    fill(&log);
    set_mode(&log, 0o666);
    let before = ownership(&log);
    let outcome = run.run().expect_code(0);
    let after = ownership(&log);
    assert_ne!(after.0, before.0, "the file of the test's user was rotated by another user");
    assert_eq!(after.2, 0o646, "the members of another group do not get the right to write");
    assert_eq!(warnings(&outcome), 1, "{}", outcome.describe());
    assert!(outcome.log.starts_with(char::is_numeric) && outcome.log.len() < 20_000);
}
