//! Plugins are trusted only if no other user can write the file, its folder or the target of a link.

use std::os::unix::fs::symlink;

use gatherer_tests::plugins::{file_name, library, set_mode};
use gatherer_tests::{PluginFolder, Run, assert_message, skip};

use super::skip_reason;

#[test]
fn skips_a_file_that_all_users_can_write() {
    for mode in [0o777, 0o757, 0o702] {
        let folder = PluginFolder::new();
        let bytes = std::fs::read(library("misbehaving")).expect("built");
        let path = folder.add_bytes("bad", &bytes);
        set_mode(&path, mode);
        assert_message!("writable_file", skip_reason(&folder));
    }
}

#[test]
fn skips_a_link_to_a_file_that_all_users_can_write() {
    let elsewhere = PluginFolder::new();
    let path = elsewhere.path().join("target.so");
    std::fs::copy(library("misbehaving"), &path).expect("a copy can be made");
    set_mode(&path, 0o666);
    let folder = PluginFolder::new();
    symlink(&path, folder.path().join(file_name("bad"))).expect("a link can be created");
    assert_message!(skip_reason(&folder));
}

#[test]
fn skips_a_link_into_a_folder_that_all_users_can_write() {
    let elsewhere = PluginFolder::new();
    let path = elsewhere.path().join("target.so");
    std::fs::copy(library("misbehaving"), &path).expect("a copy can be made");
    set_mode(elsewhere.path(), 0o777);
    let folder = PluginFolder::new();
    symlink(&path, folder.path().join(file_name("bad"))).expect("a link can be created");
    assert_message!(skip_reason(&folder));
}

#[test]
fn ignores_a_folder_that_all_users_can_write() {
    // Otherwise any user could add a link to a trusted file.
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
fn skips_a_file_of_another_user() {
    let folder = PluginFolder::new();
    let bytes = std::fs::read(library("misbehaving")).expect("built");
    let path = folder.add_bytes("bad", &bytes);
    if std::os::unix::fs::chown(&path, Some(4242), None).is_err() {
        skip!("only root can give a file to another user");
    }
    let reason = skip_reason(&folder);
    assert!(reason.contains("4242"), "the owner is missing: {reason}");
}

#[test]
fn ignores_a_folder_of_another_user() {
    let foreign = PluginFolder::new();
    foreign.add_bytes("misbehaving", &std::fs::read(library("misbehaving")).expect("built"));
    if std::os::unix::fs::chown(foreign.path(), Some(4242), None).is_err() {
        skip!("only root can give a folder to another user");
    }
    let good = PluginFolder::with(&["example"]);
    let outcome = Run::new()
        .arg("--list-modules")
        .plugins(foreign.path())
        .plugins(good.path())
        .run()
        .expect_code(0);
    assert!(!outcome.stdout_text().contains("Misbehaving"), "{}", outcome.describe());
    assert!(outcome.stdout_text().contains("Example"), "{}", outcome.describe());
}
