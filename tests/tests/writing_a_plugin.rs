//! `docs/writing-a-plugin.md` shows what is really there: its Rust is taken from files that are
//! compiled, its manifest is the example's, its commands are the program's.

use std::path::Path;

use gatherer_tests::Run;
use serde_json::Value;

/// The module that the page shows in pieces; that it compiles is the test.
#[path = "writing_a_plugin/machines.rs"]
mod machines;
/// The collection that the page shows; the same.
#[path = "writing_a_plugin/services.rs"]
mod services;

fn read(path: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(path);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The page's fenced blocks of a language.
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
    assert!(inside.is_none(), "a block of the page has no end");
    assert!(!blocks.is_empty(), "the page has no {language}");
    blocks
}

#[test]
fn the_page_shows_the_example_as_it_is() {
    let source = read("plugins/example/src/lib.rs");
    assert!(blocks("rust").contains(&source), "show plugins/example/src/lib.rs as it is now");
    let manifest = read("plugins/example/manifest.json");
    assert!(blocks("json").contains(&manifest), "show plugins/example/manifest.json as it is now");
}

#[test]
fn every_piece_of_rust_on_the_page_stands_in_a_file_that_is_compiled() {
    let sources = [
        "plugins/example/src/lib.rs",
        "tests/tests/writing_a_plugin/machines.rs",
        "tests/tests/writing_a_plugin/services.rs",
    ]
    .map(read);
    for block in blocks("rust") {
        let found = sources.iter().any(|source| source.contains(&block));
        assert!(found, "not in a file that is compiled:\n{block}");
    }
}

#[test]
fn the_example_stays_small() {
    let source = read("plugins/example/src/lib.rs");
    let code = source.lines().map(str::trim);
    let code = code.filter(|line| !line.is_empty() && !line.starts_with("//")).count();
    assert!(code <= 45, "{code} lines of code");
}

#[test]
fn the_page_names_the_versions_of_this_tree() {
    let manifest: Value = serde_json::from_str(&read("plugins/example/manifest.json")).expect("ok");
    assert_eq!(manifest["abi"], gatherer_plugin_api::ABI_VERSION);
    let crate_version = format!("version = {}", manifest["version"]);
    assert!(blocks("toml")[0].contains(&crate_version), "the build compares the two");
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
