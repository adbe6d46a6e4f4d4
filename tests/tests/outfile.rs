//! `--outfile`: written to a temporary file and renamed, so that a reader never sees a partial result.

use std::io::Read as _;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink};
use std::path::Path;
use std::process::Command;

use gatherer_tests::document::gatherer_document;
use gatherer_tests::plugins::set_mode;
use gatherer_tests::{Outcome, PluginFolder, Run, skip};
use serde_json::json;

/// A run with this outfile, and the plugin folder, which must exist until the run ends.
fn run_to(outfile: impl AsRef<Path>) -> (PluginFolder, Run) {
    let plugins = PluginFolder::with(&["example"]);
    let endpoints = json!([{"id": "good", "module": "Example", "hostname": "kvm1"}]);
    let run =
        Run::gather(&endpoints).plugins(plugins.path()).arg("--outfile").arg(outfile.as_ref());
    (plugins, run)
}

fn assert_written(outcome: &Outcome, path: &Path) {
    assert_eq!(outcome.code(), 0, "{}", outcome.describe());
    assert!(outcome.stdout.is_empty(), "{}", outcome.describe());
    let bytes = std::fs::read(path).expect("the outfile exists");
    assert!(bytes.ends_with(b"\n"));
    assert!(gatherer_document(&bytes)["good"].is_some());
}

/// The sorted names of the files in a folder.
fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> = std::fs::read_dir(folder)
        .expect("the folder exists")
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .collect();
    names.sort();
    names
}

#[test]
fn creates_a_missing_outfile() {
    let (_plugins, run) = run_to("result.json");
    let path = run.home().join("result.json");
    let outcome = run.run();
    assert_written(&outcome, &path);
    let names = names(outcome.home());
    assert_eq!(names, ["gatherer.log", "result.json"], "a temporary file is left");
}

#[test]
fn the_outfile_has_the_same_result_as_stdout() {
    let (_plugins, run) = run_to("result.json");
    let path = run.home().join("result.json");
    let outcome = run.run();
    let plugins = PluginFolder::with(&["example"]);
    let endpoints = json!([{"id": "good", "module": "Example", "hostname": "kvm1"}]);
    let printed = Run::gather(&endpoints).plugins(plugins.path()).run();
    assert_eq!(outcome.code(), 0);
    assert_eq!(std::fs::read(path).expect("the outfile exists"), printed.stdout);
}

#[test]
fn replaces_a_regular_file_and_keeps_its_mode_and_owner() {
    let (_plugins, run) = run_to("result.json");
    let path = run.home().join("result.json");
    std::fs::write(&path, "old".repeat(10_000)).expect("writable");
    set_mode(&path, 0o604);
    let root = std::os::unix::fs::chown(&path, Some(4242), Some(4243)).is_ok();
    let before = std::fs::metadata(&path).expect("the old file exists");
    let outcome = run.run();
    assert_written(&outcome, &path);
    let after = std::fs::metadata(&path).expect("the new file exists");
    assert_eq!(after.permissions().mode() & 0o7777, 0o604);
    assert_ne!(after.ino(), before.ino(), "the file was overwritten instead of replaced");
    if root {
        assert_eq!((after.uid(), after.gid()), (4242, 4243));
    }
}

#[test]
fn an_owner_that_cannot_be_kept_is_a_warning_and_no_other_group_gets_rights() {
    let (_plugins, run) = run_to("result.json");
    let Some(run) = run.as_user() else {
        skip!("an unprivileged user cannot run the program here, or setpriv is not installed");
    };
    let path = run.home().join("result.json");
    std::fs::write(&path, "old").expect("writable");
    set_mode(&path, 0o666);
    let before = std::fs::metadata(&path).expect("the old file exists");
    if before.uid() != 0 {
        skip!("only root can run the program as another user");
    }
    let outcome = run.run();
    assert_written(&outcome, &path);
    let after = std::fs::metadata(&path).expect("the new file exists");
    assert_eq!((after.uid(), after.permissions().mode() & 0o7777), (65534, 0o646));
    assert_eq!(outcome.log.matches("owner, group and mode").count(), 1, "{}", outcome.describe());
}

#[test]
fn replaces_the_target_of_a_link_and_keeps_the_link() {
    let (_plugins, run) = run_to("link.json");
    let folder = run.home().join("elsewhere");
    std::fs::create_dir(&folder).expect("a folder can be created");
    let target = folder.join("target.json");
    std::fs::write(&target, "old").expect("writable");
    let link = run.home().join("link.json");
    symlink("elsewhere/target.json", &link).expect("a link can be created");
    let outcome = run.run();
    assert_written(&outcome, &target);
    assert!(link.is_symlink());
    assert_eq!(names(&folder), ["target.json"]);
}

#[test]
fn creates_the_missing_target_of_a_link() {
    let (_plugins, run) = run_to("link.json");
    let target = run.home().join("target.json");
    let link = run.home().join("link.json");
    symlink("target.json", &link).expect("a link can be created");
    let outcome = run.run();
    assert_written(&outcome, &target);
    assert!(link.is_symlink());
}

#[test]
fn writes_to_a_device_without_replacing_it() {
    let (_plugins, run) = run_to("/dev/stdout");
    let outcome = run.run().expect_code(0);
    assert!(gatherer_document(&outcome.stdout)["good"].is_some());

    let (_plugins, run) = run_to("/dev/null");
    let outcome = run.run().expect_code(0);
    assert!(outcome.stdout.is_empty());
    let null = std::fs::metadata("/dev/null").expect("/dev/null exists");
    assert!(!null.is_file(), "/dev/null was replaced");
}

#[test]
fn writes_to_a_fifo_without_replacing_it() {
    let (_plugins, run) = run_to("pipe");
    let path = run.home().join("pipe");
    if !Command::new("mkfifo").arg(&path).status().is_ok_and(|status| status.success()) {
        skip!("mkfifo is not installed");
    }
    let reader = std::thread::spawn({
        let path = path.clone();
        move || {
            let mut bytes = Vec::new();
            let mut file = std::fs::File::open(path).expect("the FIFO can be opened");
            file.read_to_end(&mut bytes).expect("readable");
            bytes
        }
    });
    let outcome = run.run().expect_code(0);
    let bytes = reader.join().expect("the reader ends");
    assert!(gatherer_document(&bytes)["good"].is_some(), "{}", outcome.describe());
}

#[test]
fn a_full_device_is_an_error_that_names_it() {
    let (_plugins, run) = run_to("/dev/full");
    let outcome = run.run();
    assert_eq!(outcome.code(), 5, "{}", outcome.describe());
    assert!(outcome.stderr.contains("/dev/full"), "{}", outcome.describe());
}

/// Runs the program without a standard output.
fn without_stdout(run: Run) -> Run {
    run.through(["sh", "-c", "exec \"$0\" \"$@\" >&-"])
}

#[test]
fn a_result_that_cannot_be_written_has_exit_status_5_in_every_command() {
    let plugins = PluginFolder::with(&["example"]);
    let file = plugins.path().join("libgatherer_plugin_example.so");
    let file = file.to_str().expect("UTF-8");
    let endpoints = json!([{"id": "good", "module": "Example", "hostname": "kvm1"}]);
    for arguments in [
        &["-i", "-"][..],
        &["-i", "-", "-o", "-"],
        &["-i", "-", "--format", "inventory"],
        &["-i", "-", "--format", "ndjson"],
        &["--list-modules"],
        &["modules"],
        &["schema", "manifest"],
        &["plugin", "inspect", file],
        &["plugin", "verify", file],
        &["plugin", "verify", "--json", file],
    ] {
        let run =
            || Run::new().plugins(plugins.path()).args(arguments).stdin(endpoints.to_string());
        let full = std::fs::File::options().write(true).open("/dev/full").expect("a device");
        let outcome = run().start_on(full, std::process::Stdio::piped()).finish().expect_code(5);
        assert!(outcome.stderr.contains("standard output"), "{}", outcome.describe());
        let closed = without_stdout(run()).run().expect_code(5);
        assert!(closed.stderr.contains("standard output"), "{}", closed.describe());
    }
    let to_file = Run::gather(&endpoints).plugins(plugins.path()).args(["-o", "result.json"]);
    let outcome = without_stdout(to_file).run().expect_code(0);
    assert!(outcome.home().join("result.json").is_file());
}

#[test]
fn a_result_that_the_caller_discards_is_not_an_error() {
    let (_plugins, run) = run_to("-");
    let null = std::fs::File::options().read(true).write(true).open("/dev/null").expect("a device");
    run.start_on(null, std::process::Stdio::piped()).finish().expect_code(0);
}

#[test]
fn an_unwritable_folder_fails_before_gathering_starts() {
    let plugins = PluginFolder::with(&["misbehaving"]);
    // If the gathering started, it would sleep for longer than the watchdog allows.
    let endpoints = json!([{"id": "s", "module": "Misbehaving", "case": "sleeps"}]);
    let outcome = Run::gather(&endpoints)
        .plugins(plugins.path())
        .args(["--outfile", "/nonexistent/folder/result.json"])
        .within(std::time::Duration::from_secs(20))
        .run()
        .expect_code(5);
    assert!(outcome.stderr.contains("/nonexistent/folder"), "{}", outcome.describe());
    assert!(outcome.stdout.is_empty());
}

#[test]
fn rejects_a_folder() {
    let (_plugins, run) = run_to("folder");
    std::fs::create_dir(run.home().join("folder")).expect("a folder can be created");
    let outcome = run.run().expect_code(5);
    assert!(outcome.stderr.contains("folder"), "{}", outcome.describe());
    assert_eq!(names(outcome.home()), ["folder", "gatherer.log"]);
}

#[test]
fn the_module_list_is_written_to_the_outfile_too() {
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
fn appends_to_a_stdout_that_is_a_file_without_replacing_it() {
    let (_plugins, run) = run_to("/dev/stdout");
    let path = run.home().join("appended");
    std::fs::write(&path, "old content\n").expect("writable");
    let file = std::fs::File::options().append(true).open(&path).expect("can be opened");
    let (request, mut feeder) = std::io::pipe().expect("a pipe");
    let endpoints = json!([{"id": "good", "module": "Example", "hostname": "kvm1"}]);
    std::io::Write::write_all(&mut feeder, endpoints.to_string().as_bytes())
        .expect("the pipe's buffer has space");
    drop(feeder);
    let mut command = run.command();
    let status = command.stdin(request).stdout(file).status().expect("started");
    assert!(status.success());
    let text = std::fs::read_to_string(&path).expect("text");
    let result = text.strip_prefix("old content\n").expect("the old content is unchanged");
    assert!(gatherer_document(result.as_bytes())["good"].is_some(), "{text}");
}

#[test]
fn removes_only_the_temporary_files_of_killed_runs() {
    let (_plugins, run) = run_to("result.json");
    let home = run.home().to_owned();
    // The id of a process that has ended.
    let mut child = Command::new("true").spawn().expect("started");
    let ended = child.id();
    child.wait().expect("the process ends");
    let running = std::process::id();
    let stale = format!(".result.json.{ended}-0.tmp");
    let kept = [
        format!(".result.json.{running}-0.tmp"),
        format!(".other.json.{ended}-0.tmp"),
        format!("result.json.{ended}-0.tmp"),
        format!(".result.json.{ended}-0.tmp.mine"),
    ];
    for name in kept.iter().chain([&stale]) {
        std::fs::write(home.join(name), "partial").expect("writable");
    }
    // A locked file may be from a run in another container, which has other process ids.
    let locked = format!(".result.json.{ended}-1.tmp");
    let file = std::fs::File::create(home.join(&locked)).expect("writable");
    file.lock().expect("the new file is not locked");
    let outcome = run.run();
    assert_written(&outcome, &home.join("result.json"));
    let names = names(outcome.home());
    assert!(!names.contains(&stale), "{names:?}");
    for name in kept.iter().chain([&locked]) {
        assert!(names.contains(name), "{name} is missing: {names:?}");
    }
}
