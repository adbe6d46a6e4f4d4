//! `--outfile`: written beside its target and renamed, so that nobody reads half a result.

use std::io::Read as _;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink};
use std::path::Path;
use std::process::Command;

use gatherer_tests::document::gatherer_document;
use gatherer_tests::plugins::set_mode;
use gatherer_tests::{Outcome, PluginFolder, Run, skip};
use serde_json::json;

fn to(outfile: impl AsRef<Path>) -> (PluginFolder, Run) {
    let plugins = PluginFolder::with(&["example"]);
    let endpoints = json!([{"id": "good", "module": "Example", "hostname": "kvm1"}]);
    let run =
        Run::gather(&endpoints).plugins(plugins.path()).arg("--outfile").arg(outfile.as_ref());
    (plugins, run)
}

fn assert_written(outcome: &Outcome, path: &Path) {
    assert_eq!(outcome.code(), 0, "{}", outcome.describe());
    assert!(outcome.stdout.is_empty(), "{}", outcome.describe());
    let bytes = std::fs::read(path).expect("the outfile is there");
    assert!(bytes.ends_with(b"\n"));
    assert!(gatherer_document(&bytes)["good"].is_some());
}

fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> = std::fs::read_dir(folder)
        .expect("the folder is there")
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .collect();
    names.sort();
    names
}

#[test]
fn a_missing_outfile_is_made() {
    let (_plugins, run) = to("result.json");
    let path = run.home().join("result.json");
    let outcome = run.run();
    assert_written(&outcome, &path);
    assert_eq!(names(outcome.home()), ["gatherer.log", "result.json"], "nothing else stays");
}

#[test]
fn the_result_in_the_outfile_is_the_one_of_stdout() {
    let (_plugins, run) = to("result.json");
    let path = run.home().join("result.json");
    let outcome = run.run();
    let plugins = PluginFolder::with(&["example"]);
    let endpoints = json!([{"id": "good", "module": "Example", "hostname": "kvm1"}]);
    let printed = Run::gather(&endpoints).plugins(plugins.path()).run();
    assert_eq!(outcome.code(), 0);
    assert_eq!(std::fs::read(path).expect("there"), printed.stdout);
}

#[test]
fn a_regular_file_is_replaced_and_keeps_its_mode_and_owner() {
    let (_plugins, run) = to("result.json");
    let path = run.home().join("result.json");
    std::fs::write(&path, "old".repeat(10_000)).expect("writable");
    set_mode(&path, 0o604);
    let root = std::os::unix::fs::chown(&path, Some(4242), Some(4243)).is_ok();
    let before = std::fs::metadata(&path).expect("there");
    let outcome = run.run();
    assert_written(&outcome, &path);
    let after = std::fs::metadata(&path).expect("there");
    assert_eq!(after.permissions().mode() & 0o7777, 0o604);
    assert_ne!(after.ino(), before.ino(), "replaced, not written over");
    if root {
        assert_eq!((after.uid(), after.gid()), (4242, 4243));
    }
}

#[test]
fn a_links_target_is_replaced_and_the_link_stays() {
    let (_plugins, run) = to("link.json");
    let folder = run.home().join("elsewhere");
    std::fs::create_dir(&folder).expect("a folder can be made");
    let target = folder.join("target.json");
    std::fs::write(&target, "old").expect("writable");
    let link = run.home().join("link.json");
    symlink("elsewhere/target.json", &link).expect("a link can be made");
    let outcome = run.run();
    assert_written(&outcome, &target);
    assert!(std::fs::symlink_metadata(&link).expect("there").is_symlink());
    assert_eq!(names(&folder), ["target.json"]);
}

#[test]
fn a_link_to_a_missing_file_makes_that_file() {
    let (_plugins, run) = to("link.json");
    let target = run.home().join("target.json");
    let link = run.home().join("link.json");
    symlink("target.json", &link).expect("a link can be made");
    let outcome = run.run();
    assert_written(&outcome, &target);
    assert!(std::fs::symlink_metadata(&link).expect("there").is_symlink());
}

#[test]
fn a_device_is_written_through() {
    let (_plugins, run) = to("/dev/stdout");
    let outcome = run.run().expect_code(0);
    assert!(gatherer_document(&outcome.stdout)["good"].is_some());

    let (_plugins, run) = to("/dev/null");
    let outcome = run.run().expect_code(0);
    assert!(outcome.stdout.is_empty());
    let null = std::fs::metadata("/dev/null").expect("there");
    assert!(!null.is_file(), "/dev/null was replaced");
}

#[test]
fn a_pipe_is_written_through() {
    let (_plugins, run) = to("pipe");
    let path = run.home().join("pipe");
    if !Command::new("mkfifo").arg(&path).status().is_ok_and(|status| status.success()) {
        skip!("there is no mkfifo");
    }
    let reader = std::thread::spawn({
        let path = path.clone();
        move || {
            let mut bytes = Vec::new();
            let mut file = std::fs::File::open(path).expect("the pipe opens");
            file.read_to_end(&mut bytes).expect("readable");
            bytes
        }
    });
    let outcome = run.run().expect_code(0);
    let bytes = reader.join().expect("the reader ends");
    assert!(gatherer_document(&bytes)["good"].is_some(), "{}", outcome.describe());
}

#[test]
fn a_full_device_is_an_error_that_is_said() {
    let (_plugins, run) = to("/dev/full");
    let outcome = run.run();
    assert!([3, 4].contains(&outcome.code()), "{}", outcome.describe());
    assert!(outcome.stderr.contains("/dev/full"), "{}", outcome.describe());
}

#[test]
fn an_unwritable_folder_fails_before_gathering_starts() {
    let plugins = PluginFolder::with(&["misbehaving"]);
    // It would sleep for longer than the watchdog lets it.
    let endpoints = json!([{"id": "s", "module": "Misbehaving", "case": "sleeps"}]);
    let outcome = Run::gather(&endpoints)
        .plugins(plugins.path())
        .args(["--outfile", "/nonexistent/folder/result.json"])
        .within(std::time::Duration::from_secs(20))
        .run()
        .expect_code(3);
    assert!(outcome.stderr.contains("/nonexistent/folder"), "{}", outcome.describe());
    assert!(outcome.stdout.is_empty());
}

#[test]
fn a_directory_is_no_outfile() {
    let (_plugins, run) = to("folder");
    std::fs::create_dir(run.home().join("folder")).expect("a folder can be made");
    let outcome = run.run().expect_code(3);
    assert!(outcome.stderr.contains("folder"), "{}", outcome.describe());
    assert_eq!(names(outcome.home()), ["folder", "gatherer.log"]);
}

#[test]
fn the_list_of_modules_goes_to_the_outfile_too() {
    let plugins = PluginFolder::with(&["example"]);
    let outcome = Run::new()
        .args(["--list-modules", "--outfile", "list.json"])
        .plugins(plugins.path())
        .run()
        .expect_code(0);
    let list = std::fs::read_to_string(outcome.home().join("list.json")).expect("written");
    assert!(list.contains("Example"), "{list}");
}

#[test]
fn a_stdout_that_is_a_file_is_written_to_and_never_replaced() {
    let (_plugins, run) = to("/dev/stdout");
    let path = run.home().join("appended");
    std::fs::write(&path, "what stood there\n").expect("writable");
    let file = std::fs::File::options().append(true).open(&path).expect("opens");
    let (request, mut feeder) = std::io::pipe().expect("a pipe");
    let endpoints = json!([{"id": "good", "module": "Example", "hostname": "kvm1"}]);
    std::io::Write::write_all(&mut feeder, endpoints.to_string().as_bytes()).expect("room");
    drop(feeder);
    let mut command = run.command();
    let status = command.stdin(request).stdout(file).status().expect("it starts");
    assert!(status.success());
    let text = std::fs::read_to_string(&path).expect("text");
    let result = text.strip_prefix("what stood there\n").expect("it stands there still");
    assert!(gatherer_document(result.as_bytes())["good"].is_some(), "{text}");
}

#[test]
fn temporary_files_of_killed_runs_are_removed_and_no_others() {
    let (_plugins, run) = to("result.json");
    let home = run.home().to_owned();
    // A process that has been: its number is free now.
    let mut child = Command::new("true").spawn().expect("it starts");
    let gone = child.id();
    child.wait().expect("it ends");
    let here = std::process::id();
    let left = format!(".result.json.{gone}-0.tmp");
    let kept = [
        format!(".result.json.{here}-0.tmp"),
        format!(".other.json.{gone}-0.tmp"),
        format!("result.json.{gone}-0.tmp"),
        format!(".result.json.{gone}-0.tmp.mine"),
    ];
    for name in kept.iter().chain([&left]) {
        std::fs::write(home.join(name), "left").expect("writable");
    }
    // What a run in another container has, whose numbers are not ours.
    let locked = format!(".result.json.{gone}-1.tmp");
    let file = std::fs::File::create(home.join(&locked)).expect("writable");
    file.lock().expect("free");
    let outcome = run.run();
    assert_written(&outcome, &home.join("result.json"));
    let names = names(outcome.home());
    assert!(!names.contains(&left), "{names:?}");
    for name in kept.iter().chain([&locked]) {
        assert!(names.contains(name), "{name} in {names:?}");
    }
}
