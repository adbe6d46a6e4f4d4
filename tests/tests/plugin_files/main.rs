//! Files in a plugin folder that are no plugin, or none to be trusted: each costs one sentence that names
//! the file and says why; the other plugins work.

mod notes;
mod trust;

use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;

use gatherer_tests::plugins::{file_name, library};
use gatherer_tests::{Outcome, PluginFolder, Run, skip};
use serde_json::json;

fn endpoints() -> serde_json::Value {
    json!([{"id": "good", "module": "Example", "hostname": "kvm1"}])
}

/// Checks that a bad file `libgatherer_plugin_bad.so` is skipped: named with one of these words
/// on stderr or in the log, while the good plugin beside it works.
fn assert_skipped(folder: &PluginFolder, words: &[&str]) {
    folder.add("example");
    let list = Run::new().arg("--list-modules").plugins(folder.path()).run().expect_code(0);
    let modules: serde_json::Value = serde_json::from_slice(&list.stdout).expect("a list in JSON");
    let names: Vec<&String> = modules.as_object().expect("an object").keys().collect();
    assert_eq!(names, ["Example"], "{}", list.describe());

    let result = Run::gather(&endpoints()).plugins(folder.path()).run();
    assert!(result.document()["good"].is_some(), "{}", result.describe());
    assert_sentence(&result, words);

    let modules = Run::new().arg("modules").plugins(folder.path()).run().expect_code(0);
    let text = format!("{}{}", modules.stdout_text(), modules.stderr);
    assert!(text.contains("Example"), "{}", modules.describe());
    assert!(
        text.lines().any(|line| line.contains("libgatherer_plugin_bad.so")),
        "`modules` lists what was skipped: {}",
        modules.describe()
    );
    assert!(
        words.iter().any(|word| text.to_lowercase().contains(&word.to_lowercase())),
        "`modules` says why ({words:?}): {}",
        modules.describe()
    );
}

fn assert_sentence(outcome: &Outcome, words: &[&str]) {
    let said = outcome.messages();
    assert!(
        said.lines().any(|line| {
            line.contains("libgatherer_plugin_bad.so")
                && words.iter().any(|word| line.to_lowercase().contains(&word.to_lowercase()))
        }),
        "no sentence that names the file and says {words:?}: {}",
        outcome.describe()
    );
}

#[test]
fn truncated_libraries_are_skipped() {
    let bytes = std::fs::read(library("example")).expect("the example was built");
    for length in [0, 3, 40, 64, 200, 4096, bytes.len() / 2] {
        let folder = PluginFolder::new();
        folder.add_bytes("bad", &bytes[..length]);
        eprintln!("case: {length} bytes");
        assert_skipped(
            &folder,
            &["not", "cannot", "no ", "truncated", "damaged", "ELF", "note", "read"],
        );
    }
}

#[test]
fn text_is_skipped() {
    let folder = PluginFolder::new();
    folder.add_bytes("bad", b"#!/bin/sh\necho hello\n");
    assert_skipped(&folder, &["ELF"]);
}

#[test]
fn somebodys_library_is_skipped() {
    let found = ["/lib/x86_64-linux-gnu", "/usr/lib64", "/lib/aarch64-linux-gnu", "/usr/lib"]
        .iter()
        .flat_map(|folder| ["libz.so.1", "libc.so.6"].map(|name| Path::new(folder).join(name)))
        .find(|path| path.is_file());
    let Some(found) = found else { skip!("neither libz nor libc is where it is looked for") };
    let folder = PluginFolder::new();
    folder.add_bytes("bad", &std::fs::read(found).expect("readable"));
    assert_skipped(&folder, &["note", "no manifest", "not a plugin"]);
}

#[test]
fn a_library_of_another_machine_is_skipped() {
    let mut bytes = std::fs::read(library("example")).expect("the example was built");
    // e_machine: SPARC.
    bytes[18] = 2;
    let folder = PluginFolder::new();
    folder.add_bytes("bad", &bytes);
    assert_skipped(&folder, &["machine", "architecture", "built for"]);

    let mut bytes = std::fs::read(library("example")).expect("the example was built");
    // EI_CLASS: 32 bits.
    bytes[4] = 1;
    let folder = PluginFolder::new();
    folder.add_bytes("bad", &bytes);
    assert_skipped(&folder, &["32", "bit", "machine", "class", "ELF"]);
}

#[test]
fn a_directory_is_skipped() {
    let folder = PluginFolder::new();
    std::fs::create_dir(folder.path().join(file_name("bad"))).expect("a folder can be made");
    assert_skipped(&folder, &["regular file", "not a file", "directory", "folder"]);
}

#[test]
fn a_pipe_is_skipped_and_keeps_nobody_waiting() {
    let folder = PluginFolder::new();
    let path = folder.path().join(file_name("bad"));
    let made = Command::new("mkfifo").arg(&path).status();
    if !made.is_ok_and(|status| status.success()) {
        skip!("there is no mkfifo");
    }
    assert_skipped(&folder, &["regular file", "not a file", "pipe"]);
}

#[test]
fn a_dangling_link_is_skipped() {
    let folder = PluginFolder::new();
    symlink("nowhere.so", folder.path().join(file_name("bad"))).expect("a link can be made");
    assert_skipped(&folder, &["no such file", "cannot", "not found", "missing"]);
}

#[test]
fn a_link_to_a_trusted_plugin_works() {
    let folder = PluginFolder::new();
    symlink(library("example"), folder.path().join(file_name("renamed"))).expect("a link");
    let outcome = Run::gather(&endpoints()).plugins(folder.path()).run();
    assert!(outcome.document()["good"].is_some(), "{}", outcome.describe());
}

#[test]
fn files_of_other_names_are_not_looked_at() {
    let folder = PluginFolder::with(&["example"]);
    let outside = [
        "libmisbehaving.so",
        "gatherer_plugin_x.so",
        "libgatherer_plugin_x.so.1",
        "libgatherer_plugin_x.so~",
    ];
    for name in outside {
        std::fs::write(folder.path().join(name), b"nothing").expect("a file can be written");
    }
    let outcome = Run::gather(&endpoints()).plugins(folder.path()).args(["-v", "-v"]).run();
    assert!(outcome.document()["good"].is_some());
    for name in outside {
        let whole_word = format!("{name}:");
        assert!(!outcome.messages().contains(&whole_word), "{}", outcome.describe());
    }
}

#[test]
fn a_plugin_folder_that_was_asked_for_and_is_missing_is_exit_3() {
    let outcome = Run::gather(&endpoints()).plugins("/nonexistent/plugins").run().expect_code(3);
    assert!(outcome.stderr.contains("/nonexistent/plugins"), "{}", outcome.describe());
    assert!(outcome.stdout.is_empty(), "{}", outcome.describe());
}

#[test]
fn inspect_tells_a_plugins_manifest_without_loading_it() {
    let file = library("misbehaving");
    let outcome = Run::new().args(["plugin", "inspect"]).arg(&file).run().expect_code(0);
    for text in ["misbehaving-plugin", "Misbehaving", "0.1.0"] {
        assert!(outcome.stdout_text().contains(text), "{}", outcome.describe());
    }
}

#[test]
fn inspect_says_why_a_file_is_no_plugin() {
    let folder = PluginFolder::new();
    let path = folder.add_bytes("bad", b"nothing");
    let outcome = Run::new().args(["plugin", "inspect"]).arg(&path).run();
    assert_ne!(outcome.code(), 0, "{}", outcome.describe());
    assert!(outcome.messages().contains("libgatherer_plugin_bad.so"), "{}", outcome.describe());
}
