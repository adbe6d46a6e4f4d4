//! Files in a plugin folder that are no plugin, or none to be trusted: each costs one sentence that names
//! the file and says why; the other plugins work.

use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

use gatherer_tests::plugins::{file_name, library, set_mode};
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
    let said = outcome.said();
    assert!(
        said.lines().any(|line| {
            line.contains("libgatherer_plugin_bad.so")
                && words.iter().any(|word| line.to_lowercase().contains(&word.to_lowercase()))
        }),
        "no sentence that names the file and says {words:?}: {}",
        outcome.describe()
    );
}

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

const TINY: &str = r#"{"name":"bad","version":"1","abi":"0.1.0","minimumApi":"0.1.0","modules":[{"name":"Bad","summary":"","parameters":[]}]}"#;

#[test]
fn another_abi_is_refused_with_both_versions() {
    let folder = PluginFolder::new();
    folder.add_bytes("bad", &patched(r#""abi": "0.1.0""#, r#""abi": "0.9.0""#));
    assert_skipped(&folder, &["0.9.0"]);
}

#[test]
fn a_minimum_api_that_is_too_new_is_refused_with_both_versions() {
    let folder = PluginFolder::new();
    folder.add_bytes("bad", &patched(r#""minimumApi": "0.1.0""#, r#""minimumApi": "9.1.0""#));
    assert_skipped(&folder, &["9.1.0"]);
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

const TINY_MODULES: &str = r#"[{"name":"Bad","summary":"","parameters":[]}]"#;

#[test]
fn truncated_libraries_are_skipped() {
    let bytes = std::fs::read(library("example")).expect("the example was built");
    for length in [0, 3, 40, 64, 200, 4096, bytes.len() / 2] {
        let folder = PluginFolder::new();
        folder.add_bytes("bad", &bytes[..length]);
        eprintln!("case: {length} bytes");
        assert_skipped(&folder, &["not", "cannot", "no ", "truncated", "ELF", "note", "read"]);
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
    let open = PluginFolder::with(&["misbehaving"]);
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
    assert!(outcome.said().contains(&folder), "{}", outcome.describe());
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
    let theirs = PluginFolder::with(&["misbehaving"]);
    // A link into a trusted folder would be fine; a copy in theirs is not.
    let link = theirs.path().join(file_name("misbehaving"));
    std::fs::remove_file(&link).expect("just made");
    std::fs::copy(library("misbehaving"), &link).expect("a copy can be made");
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
        outcome.said().lines().any(|line| line.contains("Example")
            && line.contains(second_file.to_string_lossy().as_ref())),
        "{}",
        outcome.describe()
    );
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
        assert!(!outcome.said().contains(&whole_word), "{}", outcome.describe());
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
    assert!(outcome.said().contains("libgatherer_plugin_bad.so"), "{}", outcome.describe());
}
