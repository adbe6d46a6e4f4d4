//! Checks `docs/writing-a-plugin.md`: its Rust code compiles, its manifest is the one of the example, and its
//! commands exist.

/// The module that the page shows in pieces.
mod machines;
/// The collection that the page shows.
mod services;

use std::path::Path;

use gatherer_tests::Run;
use serde_json::Value;

fn read(path: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(path);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The fenced code blocks of a language on the page.
fn blocks(language: &str) -> Vec<String> {
    let page = read("docs/writing-a-plugin.md");
    let mut blocks = Vec::new();
    let mut inside: Option<(bool, String)> = None;
    for line in page.lines() {
        match (line.strip_prefix("```"), inside.take()) {
            (Some(info), None) => inside = Some((info == language, String::new())),
            (Some(_), Some((true, block))) => blocks.push(block),
            (None, Some((wanted, block))) => inside = Some((wanted, block + line + "\n")),
            (Some(_), Some((false, _))) | (None, None) => {}
        }
    }
    assert!(inside.is_none(), "a code block of the page is not closed");
    assert!(!blocks.is_empty(), "the page has no code block with {language}");
    blocks
}

#[test]
fn the_page_shows_the_whole_example() {
    for (language, file) in [("rust", "src/lib.rs"), ("json", "manifest.json")] {
        let file = format!("plugins/example/{file}");
        assert!(blocks(language).contains(&read(&file)), "the page does not show {file} as it is");
    }
}

#[test]
fn every_rust_block_of_the_page_is_part_of_a_compiled_file() {
    let sources = [
        "plugins/example/src/lib.rs",
        "tests/tests/writing_a_plugin/machines.rs",
        "tests/tests/writing_a_plugin/services.rs",
    ]
    .map(read);
    for block in blocks("rust") {
        let found = sources.iter().any(|source| source.contains(&block));
        assert!(found, "not part of a compiled file:\n{block}");
    }
}

#[test]
fn the_page_has_the_current_versions() {
    let manifest = read("plugins/example/manifest.json");
    let manifest: Value = serde_json::from_str(&manifest).expect("a manifest is JSON");
    assert_eq!(manifest["abi"], gatherer_plugin_api::ABI_VERSION);
}

#[test]
fn every_option_on_the_page_exists() {
    let help = Run::new().without_logfile().arg("--help").run().expect_code(0);
    let commands = blocks("sh").concat();
    let words = commands.lines().filter(|line| line.contains("gatherer -")).flat_map(|line| {
        line.split_whitespace().filter(|word| word.starts_with("--")).map(str::to_owned)
    });
    let words: Vec<_> = words.collect();
    assert!(words.len() >= 4, "{words:?}");
    for word in words {
        assert!(help.stdout_text().contains(&word), "{word}");
    }
}
