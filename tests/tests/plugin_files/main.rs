//! Files in a plugin folder that are not plugins, or that are not trusted: each is skipped with a warning that
//! has the file and the reason, and the other plugins work.

mod file_trust;
mod manifest_notes;

use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;

use gatherer_tests::plugins::{file_name, library};
use gatherer_tests::{PluginFolder, Run, assert_message, skip};
use serde_json::{Value, json};

/// The name of the file that the tests put beside the plugin Example.
const BAD: &str = "libgatherer_plugin_bad.so";

fn endpoints() -> Value {
    json!([{"id": "good", "module": "Example", "hostname": "kvm1"}])
}

/// Adds the plugin Example to a folder with a file [`BAD`]. Checks that this file is skipped with a warning
/// while Example works, and returns the reason.
#[track_caller]
fn skip_reason(folder: &PluginFolder) -> String {
    folder.add("example");
    let list = Run::new().arg("--list-modules").plugins(folder.path()).run().expect_code(0);
    let modules: Value = serde_json::from_slice(&list.stdout).expect("a list in JSON");
    let names: Vec<&String> = modules.as_object().expect("an object").keys().collect();
    assert_eq!(names, ["Example"], "{}", list.describe());

    let json = Run::new().args(["modules", "--json"]).plugins(folder.path()).run().expect_code(0);
    let modules: Value = serde_json::from_slice(&json.stdout).expect("JSON");
    let skipped = modules["skipped"].as_array().expect("a list");
    assert_eq!(skipped.len(), 1, "{modules:#}");
    assert!(skipped[0]["file"].as_str().is_some_and(|file| file.ends_with(BAD)), "{modules:#}");
    let reason = skipped[0]["reason"].as_str().expect("a reason").to_owned();

    let is_reported =
        |text: &str| text.lines().any(|line| line.contains(BAD) && line.contains(&reason));
    let gathered = Run::gather(&endpoints()).plugins(folder.path()).run();
    assert!(gathered.document()["good"].is_some(), "{}", gathered.describe());
    assert!(is_reported(&gathered.messages()), "{}", gathered.describe());
    let shown = Run::new().arg("modules").plugins(folder.path()).run().expect_code(0);
    assert!(shown.stdout_text().contains("Example"), "{}", shown.describe());
    assert!(is_reported(shown.stdout_text()), "{}", shown.describe());
    reason
}

/// A folder with a file [`BAD`] of these bytes.
fn folder_with(bytes: &[u8]) -> PluginFolder {
    let folder = PluginFolder::new();
    folder.add_bytes("bad", bytes);
    folder
}

#[test]
fn skips_truncated_libraries() {
    let bytes = std::fs::read(library("example")).expect("the example was built");
    for length in [0, 3, 40, 64, 200, 4096, bytes.len() / 2] {
        eprintln!("case: {length} bytes");
        skip_reason(&folder_with(&bytes[..length]));
    }
}

#[test]
fn skips_a_text_file() {
    assert_message!(skip_reason(&folder_with(b"#!/bin/sh\necho hello\n")));
}

#[test]
fn skips_a_library_that_is_not_a_plugin() {
    let found = ["/lib/x86_64-linux-gnu", "/usr/lib64", "/lib/aarch64-linux-gnu", "/usr/lib"]
        .iter()
        .flat_map(|folder| ["libz.so.1", "libc.so.6"].map(|name| Path::new(folder).join(name)))
        .find(|path| path.is_file());
    let Some(found) = found else { skip!("neither libz nor libc was found") };
    assert_message!(skip_reason(&folder_with(&std::fs::read(found).expect("readable"))));
}

#[test]
fn skips_a_library_for_another_machine() {
    let mut bytes = std::fs::read(library("example")).expect("the example was built");
    // e_machine: SPARC.
    bytes[18] = 2;
    assert_message!("sparc", skip_reason(&folder_with(&bytes)));

    let mut bytes = std::fs::read(library("example")).expect("the example was built");
    // EI_CLASS: 32 bits.
    bytes[4] = 1;
    assert_message!("32_bits", skip_reason(&folder_with(&bytes)));
}

#[test]
fn skips_a_folder() {
    let folder = PluginFolder::new();
    std::fs::create_dir(folder.path().join(file_name("bad"))).expect("a folder can be created");
    assert_message!(skip_reason(&folder));
}

#[test]
fn skips_a_fifo_without_waiting_for_it() {
    let folder = PluginFolder::new();
    let path = folder.path().join(file_name("bad"));
    let made = Command::new("mkfifo").arg(&path).status();
    if !made.is_ok_and(|status| status.success()) {
        skip!("mkfifo is not installed");
    }
    assert_message!(skip_reason(&folder));
}

#[test]
fn skips_a_link_to_a_missing_file() {
    let folder = PluginFolder::new();
    symlink("missing.so", folder.path().join(file_name("bad"))).expect("a link can be created");
    assert_message!(skip_reason(&folder));
}

#[test]
fn loads_a_link_to_a_trusted_plugin() {
    let folder = PluginFolder::new();
    symlink(library("example"), folder.path().join(file_name("renamed"))).expect("a link");
    let outcome = Run::gather(&endpoints()).plugins(folder.path()).run();
    assert!(outcome.document()["good"].is_some(), "{}", outcome.describe());
}

#[test]
fn ignores_files_with_other_names() {
    let folder = PluginFolder::with(&["example"]);
    let names = [
        "libmisbehaving.so",
        "gatherer_plugin_x.so",
        "libgatherer_plugin_x.so.1",
        "libgatherer_plugin_x.so~",
    ];
    for name in names {
        std::fs::write(folder.path().join(name), b"nothing").expect("a file can be written");
    }
    let outcome = Run::gather(&endpoints()).plugins(folder.path()).args(["-v", "-v"]).run();
    assert!(outcome.document()["good"].is_some());
    for name in names {
        let whole_word = format!("{name}:");
        assert!(!outcome.messages().contains(&whole_word), "{}", outcome.describe());
    }
}

#[test]
fn a_missing_plugin_folder_from_the_command_line_is_exit_3() {
    let outcome = Run::gather(&endpoints()).plugins("/nonexistent/plugins").run().expect_code(3);
    assert!(outcome.stderr.contains("/nonexistent/plugins"), "{}", outcome.describe());
    assert!(outcome.stdout.is_empty(), "{}", outcome.describe());
}

#[test]
fn inspect_shows_the_manifest_without_loading_the_plugin() {
    let file = library("misbehaving");
    let outcome = Run::new().args(["plugin", "inspect"]).arg(&file).run().expect_code(0);
    for text in ["misbehaving-plugin", "Misbehaving", "0.1.0"] {
        assert!(outcome.stdout_text().contains(text), "{}", outcome.describe());
    }
}

#[test]
fn inspect_reports_a_file_that_is_not_a_plugin() {
    let folder = PluginFolder::new();
    let path = folder.add_bytes("bad", b"nothing");
    let outcome = Run::new().args(["plugin", "inspect"]).arg(&path).run();
    assert_ne!(outcome.code(), 0, "{}", outcome.describe());
    assert!(outcome.messages().contains(BAD), "{}", outcome.describe());
}
