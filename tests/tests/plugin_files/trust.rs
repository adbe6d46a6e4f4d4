//! Who may have written a plugin.

use std::os::unix::fs::symlink;

use gatherer_tests::plugins::{file_name, library, set_mode};
use gatherer_tests::{PluginFolder, Run, skip};

use super::assert_skipped;

#[test]
fn a_file_that_others_may_write_is_skipped() {
    for mode in [0o777, 0o757, 0o702] {
        let folder = PluginFolder::new();
        let bytes = std::fs::read(library("misbehaving")).expect("built");
        let path = folder.add_bytes("bad", &bytes);
        set_mode(&path, mode);
        assert_skipped(&folder, &["writable", "written", "write"]);
    }
}

#[test]
fn a_link_to_a_file_that_others_may_write_is_skipped() {
    let elsewhere = PluginFolder::new();
    let path = elsewhere.path().join("target.so");
    std::fs::copy(library("misbehaving"), &path).expect("a copy can be made");
    set_mode(&path, 0o666);
    let folder = PluginFolder::new();
    symlink(&path, folder.path().join(file_name("bad"))).expect("a link can be made");
    assert_skipped(&folder, &["writable", "written", "write"]);
}

#[test]
fn a_link_into_a_folder_that_others_may_write_is_skipped() {
    let elsewhere = PluginFolder::new();
    let path = elsewhere.path().join("target.so");
    std::fs::copy(library("misbehaving"), &path).expect("a copy can be made");
    set_mode(elsewhere.path(), 0o777);
    let folder = PluginFolder::new();
    symlink(&path, folder.path().join(file_name("bad"))).expect("a link can be made");
    assert_skipped(&folder, &["writable", "written", "write"]);
}

#[test]
fn a_folder_that_others_may_write_gives_no_plugin() {
    // What a link there leads to would be trusted by the place where it lies.
    let open = PluginFolder::new();
    open.add_bytes("misbehaving", &std::fs::read(library("misbehaving")).expect("built"));
    set_mode(open.path(), 0o777);
    let good = PluginFolder::with(&["example"]);
    let outcome = Run::new()
        .arg("--list-modules")
        .plugins(open.path())
        .plugins(good.path())
        .run()
        .expect_code(0);
    assert!(!outcome.stdout_text().contains("Misbehaving"), "{}", outcome.describe());
    assert!(outcome.stdout_text().contains("Example"), "{}", outcome.describe());
    let folder = open.path().to_string_lossy().into_owned();
    assert!(outcome.messages().contains(&folder), "{}", outcome.describe());
}

#[test]
fn a_file_of_somebody_else_is_skipped() {
    let folder = PluginFolder::new();
    let bytes = std::fs::read(library("misbehaving")).expect("built");
    let path = folder.add_bytes("bad", &bytes);
    if std::os::unix::fs::chown(&path, Some(4242), None).is_err() {
        skip!("giving a file away needs root");
    }
    assert_skipped(&folder, &["owned", "owner", "belongs"]);
}

#[test]
fn a_folder_of_somebody_else_gives_no_plugin() {
    let theirs = PluginFolder::new();
    theirs.add_bytes("misbehaving", &std::fs::read(library("misbehaving")).expect("built"));
    if std::os::unix::fs::chown(theirs.path(), Some(4242), None).is_err() {
        skip!("giving a folder away needs root");
    }
    let good = PluginFolder::with(&["example"]);
    let outcome = Run::new()
        .arg("--list-modules")
        .plugins(theirs.path())
        .plugins(good.path())
        .run()
        .expect_code(0);
    assert!(!outcome.stdout_text().contains("Misbehaving"), "{}", outcome.describe());
    assert!(outcome.stdout_text().contains("Example"), "{}", outcome.describe());
}
