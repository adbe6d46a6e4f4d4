//! The ELF note of a plugin, which has its manifest: valid, invalid and contradictory ones.

use std::path::{Path, PathBuf};
use std::process::Command;

use gatherer_plugin_api::ABI_VERSION;
use gatherer_tests::plugins::{file_name, library, set_mode};
use gatherer_tests::{PluginFolder, Run, assert_message, skip};
use serde_json::json;

use super::{endpoints, folder_with, skip_reason};

/// The offset and length of the note's descriptor, the manifest, in a library.
fn note(bytes: &[u8]) -> (usize, usize) {
    let name = b"Gatherer\0\0\0\0{";
    let at = bytes
        .windows(name.len())
        .position(|window| window == name)
        .expect("the library has a note");
    let size = u32::from_le_bytes(bytes[at - 8..at - 4].try_into().expect("four bytes"));
    (at + name.len() - 1, usize::try_from(size).expect("fits"))
}

/// The library of the plugin Example, with a text of its note replaced by another one of the same length.
fn patched(from: &str, to: &str) -> Vec<u8> {
    assert_eq!(from.len(), to.len(), "the note keeps its length");
    let mut bytes = std::fs::read(library("example")).expect("the example was built");
    let (start, length) = note(&bytes);
    let at = bytes[start..start + length]
        .windows(from.len())
        .position(|window| window == from.as_bytes())
        .expect("the note contains the text");
    bytes[start + at..start + at + to.len()].copy_from_slice(to.as_bytes());
    bytes
}

/// Compiles a small library with this assembler code as section `.note.gatherer`, or without the section if
/// the code is empty. `None` if no C compiler is installed.
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
    // If the library is loaded, its constructor aborts the process.
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

/// The assembler code of a note with this name, type and descriptor.
fn note_asm(name: &str, kind: u32, descriptor: &str) -> String {
    let quoted = descriptor.replace('\\', "\\\\").replace('"', "\\\"");
    format!(
        ".long {}\n.long {}\n.long {kind}\n.asciz \"{name}\"\n.balign 4\n.ascii \"{}\"\n.balign 4",
        name.len() + 1,
        descriptor.len(),
        // Escaped again for the C string that contains the assembler code.
        quoted.replace('\\', "\\\\")
    )
}

/// A minimal valid manifest.
const TINY: &str = r#"{"name":"bad","version":"1","abi":"1.0.0","minimumApi":"1.0.0","modules":[{"name":"Bad","summary":"","parameters":[]}]}"#;
/// The value of `modules` in [`TINY`].
const TINY_MODULES: &str = r#"[{"name":"Bad","summary":"","parameters":[]}]"#;

#[test]
fn a_note_from_assembler_code_is_read() {
    // This shows that the invalid notes below are rejected only for their own defects.
    let folder = PluginFolder::new();
    if compiled(folder.path(), &note_asm("Gatherer", 1, TINY)).is_none() {
        skip!("no C compiler is installed");
    }
    let list = Run::new().arg("--list-modules").plugins(folder.path()).run().expect_code(0);
    assert!(list.stdout_text().contains("\"Bad\""), "{}", list.describe());
    // The library is still not a plugin: its constructor aborts the worker, but not the run.
    let endpoints = json!([{"id": "bad", "module": "Bad"}]);
    let outcome =
        Run::gather(&endpoints).plugins(folder.path()).args(["--format", "inventory"]).run();
    assert_eq!(outcome.endpoint("bad")["error"]["kind"], "crashed", "{}", outcome.describe());
}

#[test]
fn skips_another_abi_and_names_both_versions() {
    for abi in ["0.1.0", "2.0.0"] {
        let bytes = patched(r#""abi": "1.0.0""#, &format!(r#""abi": "{abi}""#));
        let reason = skip_reason(&folder_with(&bytes));
        let version = ABI_VERSION.to_string();
        assert!(reason.contains(abi) && reason.contains(&version), "{reason}");
        assert_message!(format!("abi_{abi}"), reason);
    }
}

#[test]
fn skips_a_minimum_api_that_is_too_new_and_names_it() {
    let bytes = patched(r#""minimumApi": "1.0.0""#, r#""minimumApi": "1.9.0""#);
    let reason = skip_reason(&folder_with(&bytes));
    assert!(reason.contains("1.9.0"), "{reason}");
}

#[test]
fn skips_a_default_of_the_wrong_type() {
    // A Manager could not use the list of modules with such a default.
    let bytes = patched("\"default\": 2,\n ", "\"default\": true");
    // The new text has replaced the comma and a space of the indentation: the comma is written again.
    let bytes = {
        let mut bytes = bytes;
        let (start, length) = note(&bytes);
        let at = bytes[start..start + length]
            .windows(4)
            .position(|window| window == b"true")
            .expect("written above");
        bytes[start + at + 4] = b',';
        bytes
    };
    let reason = skip_reason(&folder_with(&bytes));
    assert!(reason.contains("default"), "{reason}");
}

#[test]
fn a_module_that_the_library_does_not_have_fails_its_endpoints() {
    // The note names a module that the library does not implement, which is detected after loading.
    let folder = PluginFolder::with(&["file"]);
    folder.add_bytes("bad", &patched(r#""name": "Example""#, r#""name": "Pretend""#));
    folder.add("example");
    let endpoints = json!([
        {"id": "good", "module": "Example", "hostname": "kvm1"},
        {"id": "missing", "module": "Pretend", "hostname": "kvm1"},
    ]);
    let outcome =
        Run::gather(&endpoints).plugins(folder.path()).args(["--format", "inventory"]).run();
    assert_eq!(outcome.endpoint("good")["status"], "complete");
    assert_message!(outcome.failure("missing"));
}

#[test]
fn a_changed_layout_fails_its_endpoints_with_a_short_log() {
    let folder = PluginFolder::with(&["example", "changed-layout"]);
    let endpoints = json!([
        {"id": "good", "module": "Example", "hostname": "kvm1"},
        {"id": "bad", "module": "ChangedLayout"},
    ]);
    let outcome =
        Run::gather(&endpoints).plugins(folder.path()).args(["--format", "inventory"]).run();
    assert_eq!(outcome.endpoint("good")["status"], "complete");
    let message = outcome.failure("bad").message;
    assert!(!message.contains('\n') && message.len() < 1000, "{message}");
    assert!(outcome.log.lines().count() < 60, "{}", outcome.describe());
}

#[test]
fn skips_a_library_without_a_note() {
    let folder = PluginFolder::new();
    if compiled(folder.path(), "").is_none() {
        skip!("no C compiler is installed");
    }
    skip_reason(&folder);
}

#[test]
fn skips_a_library_with_two_notes() {
    let folder = PluginFolder::new();
    let one = note_asm("Gatherer", 1, TINY);
    if compiled(folder.path(), &format!("{one}\n{one}")).is_none() {
        skip!("no C compiler is installed");
    }
    assert_message!(skip_reason(&folder));
}

#[test]
fn skips_malformed_notes() {
    let cases = [
        ("raw JSON", format!(".ascii \"{}\"\n.balign 4", TINY.replace('"', "\\\\\""))),
        ("another name", note_asm("Gathered", 1, TINY)),
        ("another type", note_asm("Gatherer", 2, TINY)),
        ("truncated JSON", note_asm("Gatherer", 1, "{\"name\":")),
        ("an array", note_asm("Gatherer", 1, "[1]")),
        ("empty", note_asm("Gatherer", 1, "")),
        ("no modules", note_asm("Gatherer", 1, &TINY.replace(TINY_MODULES, "[]"))),
        (
            "a length beyond the file",
            ".long 9\n.long 0x7ffffff0\n.long 1\n.asciz \"Gatherer\"\n.balign 4".into(),
        ),
        (
            "a name beyond the file",
            ".long 0x7ffffff0\n.long 4\n.long 1\n.asciz \"Gatherer\"\n.balign 4".into(),
        ),
        ("half a header", ".long 9".into()),
        (
            "too long",
            ".long 9\n.long 300000\n.long 1\n.asciz \"Gatherer\"\n.balign 4\n.ascii \"{\"\n.fill 299999, 1, 32".into(),
        ),
        (
            "a module's name with a newline",
            note_asm("Gatherer", 1, &TINY.replace("\"Bad\"", "\"B\\nd\"")),
        ),
    ];
    let mut reasons = Vec::new();
    for (case, assembler) in cases {
        let folder = PluginFolder::new();
        if compiled(folder.path(), &assembler).is_none() {
            skip!("no C compiler is installed");
        }
        eprintln!("case: {case}");
        reasons.push(format!("{case}: {}\n", skip_reason(&folder)));
    }
    assert_message!(reasons.concat());
}

#[test]
fn the_first_of_two_plugins_for_one_module_is_used_with_a_warning() {
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
        let expected = format!("\"guests\": {default},\n");
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
