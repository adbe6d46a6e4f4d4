//! What a library's note says, or should say.

use std::path::{Path, PathBuf};
use std::process::Command;

use gatherer_plugin_api::ABI_VERSION;
use gatherer_tests::plugins::{file_name, library, set_mode};
use gatherer_tests::{PluginFolder, Run, skip};
use serde_json::json;

use super::{assert_skipped, endpoints};

/// Where the descriptor of the manifest's note starts in a library, and its length.
fn note(bytes: &[u8]) -> (usize, usize) {
    let name = b"Gatherer\0\0\0\0{";
    let at = bytes
        .windows(name.len())
        .position(|window| window == name)
        .expect("the library has a note");
    let size = u32::from_le_bytes(bytes[at - 8..at - 4].try_into().expect("four bytes"));
    (at + name.len() - 1, usize::try_from(size).expect("fits"))
}

/// The example's library, with a text of its note replaced by one of the same length.
fn patched(from: &str, to: &str) -> Vec<u8> {
    assert_eq!(from.len(), to.len(), "the note keeps its length");
    let mut bytes = std::fs::read(library("example")).expect("the example was built");
    let (start, length) = note(&bytes);
    let at = bytes[start..start + length]
        .windows(from.len())
        .position(|window| window == from.as_bytes())
        .expect("the note holds the text");
    bytes[start + at..start + at + to.len()].copy_from_slice(to.as_bytes());
    bytes
}

/// Compiles a small library whose section `.note.gatherer` is what the assembler says.
fn compiled(folder: &Path, assembler: &str) -> Option<PathBuf> {
    if Command::new("cc").arg("--version").output().is_err() {
        return None;
    }
    let source = folder.join("bad.c");
    let note = if assembler.is_empty() {
        String::new()
    } else {
        format!(
            "__asm__(\".section .note.gatherer,\\\"a\\\",@note\\n.balign 4\\n{}\\n.previous\\n\");\n",
            assembler.replace('"', "\\\"").replace('\n', "\\n")
        )
    };
    // A library that is loaded anyway shows itself.
    let constructor = "#include <stdlib.h>\n\
        __attribute__((constructor)) static void loaded(void) { abort(); }\n";
    std::fs::write(&source, format!("{constructor}{note}")).expect("a source can be written");
    let target = folder.join(file_name("bad"));
    let output = Command::new("cc")
        .args(["-shared", "-fPIC", "-o"])
        .args([&target, &source])
        .output()
        .expect("the compiler runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    std::fs::remove_file(source).expect("the source is there");
    set_mode(&target, 0o755);
    Some(target)
}

/// The assembler of a note with this name, type and descriptor.
fn note_asm(name: &str, kind: u32, descriptor: &str) -> String {
    let quoted = descriptor.replace('\\', "\\\\").replace('"', "\\\"");
    format!(
        ".long {}\n.long {}\n.long {kind}\n.asciz \"{name}\"\n.balign 4\n.ascii \"{}\"\n.balign 4",
        name.len() + 1,
        descriptor.len(),
        // Once more, for the C string around it.
        quoted.replace('\\', "\\\\")
    )
}

const TINY: &str = r#"{"name":"bad","version":"1","abi":"1.0.0","minimumApi":"1.0.0","modules":[{"name":"Bad","summary":"","parameters":[]}]}"#;
const TINY_MODULES: &str = r#"[{"name":"Bad","summary":"","parameters":[]}]"#;

#[test]
fn a_note_made_by_hand_is_read() {
    // Shows that the malformed ones below are malformed for no other reason.
    let folder = PluginFolder::new();
    if compiled(folder.path(), &note_asm("Gatherer", 1, TINY)).is_none() {
        skip!("there is no C compiler");
    }
    let list = Run::new().arg("--list-modules").plugins(folder.path()).run().expect_code(0);
    assert!(list.stdout_text().contains("\"Bad\""), "{}", list.describe());
    // It is no plugin all the same: its constructor aborts the worker, and nothing else.
    let endpoints = json!([{"id": "bad", "module": "Bad"}]);
    let outcome =
        Run::gather(&endpoints).plugins(folder.path()).args(["--format", "inventory"]).run();
    assert_eq!(outcome.endpoint("bad")["error"]["kind"], "crashed", "{}", outcome.describe());
}

#[test]
fn another_abi_is_refused_with_both_versions() {
    for (abi, old) in [
        ("0.1.0", "the plugin is the older side; build it with a newer gatherer-plugin-api"),
        ("2.0.0", "this program is the older side; update virtual-host-gatherer"),
    ] {
        let folder = PluginFolder::new();
        folder.add_bytes("bad", &patched(r#""abi": "1.0.0""#, &format!(r#""abi": "{abi}""#)));
        let sentence =
            format!("was built for ABI {abi} and this program has ABI {ABI_VERSION}: {old}");
        assert_skipped(&folder, &[&sentence]);
    }
}

#[test]
fn a_minimum_api_that_is_too_new_is_refused_with_both_versions() {
    let folder = PluginFolder::new();
    folder.add_bytes("bad", &patched(r#""minimumApi": "1.0.0""#, r#""minimumApi": "1.9.0""#));
    assert_skipped(&folder, &["1.9.0"]);
}

#[test]
fn a_default_of_the_wrong_type_would_cost_the_manager_its_list() {
    let folder = PluginFolder::new();
    let bytes = patched("\"default\": 2,\n ", "\"default\": true");
    // One character of the indent and the comma went into the word.
    let bytes = {
        let mut bytes = bytes;
        let (start, length) = note(&bytes);
        let at = bytes[start..start + length]
            .windows(4)
            .position(|window| window == b"true")
            .expect("just written");
        bytes[start + at + 4] = b',';
        bytes
    };
    folder.add_bytes("bad", &bytes);
    assert_skipped(&folder, &["default", "manifest"]);
}

#[test]
fn a_note_that_lies_fails_its_endpoints() {
    // The note names a module that the library does not serve: seen once it is loaded.
    let folder = PluginFolder::with(&["file"]);
    folder.add_bytes("bad", &patched(r#""name": "Example""#, r#""name": "Pretend""#));
    folder.add("example");
    let endpoints = json!([
        {"id": "good", "module": "Example", "hostname": "kvm1"},
        {"id": "liar", "module": "Pretend", "hostname": "kvm1"},
    ]);
    let outcome =
        Run::gather(&endpoints).plugins(folder.path()).args(["--format", "inventory"]).run();
    assert_eq!(outcome.endpoint("good")["status"], "complete");
    let liar = outcome.endpoint("liar");
    assert_eq!(liar["status"], "failed", "{liar:#}");
    let message = liar["error"].to_string();
    assert!(
        message.contains("libgatherer_plugin_bad.so") || message.contains("manifest"),
        "{message}"
    );
}

#[test]
fn a_changed_layout_fails_its_endpoints_in_a_few_lines() {
    let folder = PluginFolder::with(&["example", "changed-layout"]);
    let endpoints = json!([
        {"id": "good", "module": "Example", "hostname": "kvm1"},
        {"id": "bad", "module": "ChangedLayout"},
    ]);
    let outcome =
        Run::gather(&endpoints).plugins(folder.path()).args(["--format", "inventory"]).run();
    assert_eq!(outcome.endpoint("good")["status"], "complete");
    let bad = outcome.endpoint("bad");
    assert_eq!(bad["status"], "failed", "{bad:#}");
    let message = bad["error"]["message"].as_str().expect("a message");
    assert!(!message.contains('\n') && message.len() < 1000, "{message}");
    assert!(outcome.log.lines().count() < 60, "{}", outcome.describe());
}

#[test]
fn a_library_without_a_note_is_skipped() {
    let folder = PluginFolder::new();
    if compiled(folder.path(), "").is_none() {
        skip!("there is no C compiler");
    }
    assert_skipped(&folder, &["note", "no manifest", "not a plugin"]);
}

#[test]
fn a_library_with_two_notes_is_skipped() {
    let folder = PluginFolder::new();
    let one = note_asm("Gatherer", 1, TINY);
    if compiled(folder.path(), &format!("{one}\n{one}")).is_none() {
        skip!("there is no C compiler");
    }
    assert_skipped(&folder, &["note", "manifest"]);
}

#[test]
fn malformed_notes_are_skipped() {
    let cases = [
        ("raw JSON", format!(".ascii \"{}\"\n.balign 4", TINY.replace('"', "\\\\\""))),
        ("another name", note_asm("Gathered", 1, TINY)),
        ("another type", note_asm("Gatherer", 2, TINY)),
        ("no JSON", note_asm("Gatherer", 1, "{\"name\":")),
        ("no object", note_asm("Gatherer", 1, "[1]")),
        ("nothing", note_asm("Gatherer", 1, "")),
        ("no modules", note_asm("Gatherer", 1, &TINY.replace(TINY_MODULES, "[]"))),
        (
            "a length beyond the file",
            ".long 9\n.long 0x7ffffff0\n.long 1\n.asciz \"Gatherer\"\n.balign 4".into(),
        ),
        (
            "a name beyond the file",
            ".long 0x7ffffff0\n.long 4\n.long 1\n.asciz \"Gatherer\"\n.balign 4".into(),
        ),
        ("only a header's half", ".long 9".into()),
        (
            "too long",
            ".long 9\n.long 300000\n.long 1\n.asciz \"Gatherer\"\n.balign 4\n.ascii \"{\"\n.fill 299999, 1, 32".into(),
        ),
        (
            "a module's name with a newline",
            note_asm("Gatherer", 1, &TINY.replace("\"Bad\"", "\"B\\nd\"")),
        ),
    ];
    for (what, assembler) in cases {
        let folder = PluginFolder::new();
        if compiled(folder.path(), &assembler).is_none() {
            skip!("there is no C compiler");
        }
        eprintln!("case: {what}");
        assert_skipped(&folder, &["note", "manifest"]);
    }
}

#[test]
fn of_two_plugins_for_one_module_the_earlier_folder_wins_with_a_warning() {
    let first = PluginFolder::with(&["example"]);
    let second = PluginFolder::new();
    second.add_bytes("other", &patched(r#""default": 2"#, r#""default": 7"#));
    for (folders, default) in [([&first, &second], "2"), ([&second, &first], "7")] {
        let list = Run::new()
            .arg("--list-modules")
            .plugins(folders[0].path())
            .plugins(folders[1].path())
            .run()
            .expect_code(0);
        let expected = format!("\"guests\": {default}\n");
        assert!(list.stdout_text().contains(&expected), "{}", list.describe());
    }
    let outcome = Run::gather(&endpoints()).plugins(first.path()).plugins(second.path()).run();
    assert!(outcome.document()["good"].is_some());
    let second_file = second.path().join(file_name("other"));
    assert!(
        outcome.messages().lines().any(|line| line.contains("Example")
            && line.contains(second_file.to_string_lossy().as_ref())),
        "{}",
        outcome.describe()
    );
}
