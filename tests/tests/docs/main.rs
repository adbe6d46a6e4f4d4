//! The documents are true: their links lead somewhere, what they name exists, what exists is named,
//! and what they show as output is what the program prints.

mod map;
mod parameters;
mod shown;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use gatherer_tests::Run;
use serde_json::Value;

/// How long the README may get: it is to be read in one sitting.
const README_LINES: usize = 150;

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize().expect("the repository")
}

fn read(path: &str) -> String {
    let path = repository().join(path);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Every file of the repository, without what was built or is hidden.
fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        let name = path.file_name().and_then(|name| name.to_str()).expect("UTF-8");
        if name.starts_with('.') || path.join("CACHEDIR.TAG").exists() {
            continue;
        }
        if path.is_dir() { found.extend(files(&path)) } else { found.push(path) }
    }
    found
}

fn documents() -> BTreeMap<PathBuf, String> {
    let mut files = files(&repository());
    files.retain(|path| path.extension().is_some_and(|extension| extension == "md"));
    assert!(files.len() >= 5, "{files:?}");
    files.into_iter().map(|path| (path.clone(), read(path.to_str().expect("UTF-8")))).collect()
}

/// Everything that a user reads.
fn all_text() -> String {
    documents().into_values().collect::<Vec<_>>().join("\n")
}

/// The text without its code blocks.
fn prose(text: &str) -> String {
    let mut in_code = false;
    let mut lines = text.lines().filter(|line| {
        let fence = line.trim_start().starts_with("```");
        in_code ^= fence;
        !in_code && !fence
    });
    lines.by_ref().collect::<Vec<_>>().join("\n")
}

/// The words that follow `start` and consist of these characters.
fn words<'a>(text: &'a str, start: &str, part: impl Fn(char) -> bool + Copy) -> Vec<&'a str> {
    text.match_indices(start)
        .filter(|(at, _)| !text[..*at].ends_with(part))
        .map(|(at, _)| {
            let rest = &text[at + start.len()..];
            &rest[..rest.find(|c| !part(c)).unwrap_or(rest.len())]
        })
        .filter(|word| !word.is_empty())
        .collect()
}

fn options_in(text: &str) -> BTreeSet<String> {
    let part = |c: char| c.is_ascii_alphanumeric() || c == '-';
    let words = words(text, "--", part).into_iter();
    words.filter(|word| word.starts_with(char::is_alphabetic)).map(str::to_owned).collect()
}

/// What the program itself says that it understands.
fn options_of_the_program() -> BTreeSet<String> {
    let mut options = BTreeSet::new();
    for command in [
        &[][..],
        &["modules"],
        &["match-images"],
        &["schema"],
        &["plugin", "inspect"],
        &["plugin", "verify"],
    ] {
        let help = Run::new().without_logfile().args(command).arg("--help").run().expect_code(0);
        let lines = help.stdout_text().lines().filter(|line| line.trim_start().starts_with('-'));
        lines.for_each(|line| options.extend(options_in(line)));
    }
    assert!(options.len() > 15, "{options:?}");
    options
}

/// The cells of a table's rows of which the first cell is code, and that code.
fn rows(text: &str) -> Vec<(String, Vec<String>)> {
    let cells = |line: &str| -> Vec<String> {
        line.trim_matches('|').split(" | ").map(|cell| cell.trim().to_owned()).collect()
    };
    let rows = text.lines().filter(|line| line.starts_with("| `")).map(cells);
    rows.map(|cells| (cells[0].split('`').nth(1).expect("code").to_owned(), cells)).collect()
}

/// From a heading, or a table's first line, to the next heading that is not below it.
fn section<'a>(text: &'a str, heading: &str) -> &'a str {
    let start = text.find(heading).unwrap_or_else(|| panic!("no section {heading}"));
    let rest = &text[start + heading.len()..];
    let level = heading.trim_start().chars().take_while(|c| *c == '#').count().max(2);
    // A single # may be a comment in a code block.
    let ends = (2..=level).filter_map(|level| rest.find(&format!("\n{} ", "#".repeat(level))));
    &rest[..ends.min().unwrap_or(rest.len())]
}

#[test]
fn the_readme_is_read_in_one_sitting() {
    let lines = read("README.md").lines().count();
    assert!(lines < README_LINES, "{lines} lines");
}

#[test]
fn every_relative_link_leads_somewhere() {
    let slug = |heading: &str| -> String {
        let kept = |c: &char| c.is_alphanumeric() || " -_".contains(*c);
        heading.trim().to_lowercase().chars().filter(kept).collect::<String>().replace(' ', "-")
    };
    let mut broken = Vec::new();
    for (path, text) in documents() {
        let text = prose(&text);
        for link in text.split("](").skip(1) {
            let link = link.split(')').next().unwrap_or_default();
            if link.contains("://") {
                continue;
            }
            let (file, anchor) = link.split_once('#').unwrap_or((link, ""));
            let target = match file {
                "" => path.clone(),
                _ => path.parent().expect("a folder").join(file),
            };
            let inside = target.canonicalize().is_ok_and(|path| path.starts_with(repository()));
            let found = anchor.is_empty()
                || std::fs::read_to_string(&target).is_ok_and(|text| {
                    let text = prose(&text);
                    let mut headings = text.lines().filter(|line| line.starts_with('#'));
                    headings.any(|line| slug(line.trim_start_matches('#')) == anchor)
                });
            if !inside || !found {
                broken.push(format!("{}: {link}", path.display()));
            }
        }
    }
    assert!(broken.is_empty(), "{broken:#?}");
}

#[test]
fn every_option_that_a_document_names_exists() {
    let known = options_of_the_program();
    for (path, text) in documents() {
        // Other programs have options of their own.
        let others = ["cargo ", "apt-get ", "kubectl ", "virsh ", "curl "];
        let own = text.lines().filter(|line| !others.iter().any(|other| line.contains(other)));
        let named = options_in(&own.collect::<Vec<_>>().join("\n"));
        let unknown: Vec<_> = named.difference(&known).collect();
        assert!(unknown.is_empty(), "{}: {unknown:?}", path.display());
    }
}

#[test]
fn every_option_stands_in_a_document() {
    let named = options_in(&all_text());
    let missing: Vec<_> = options_of_the_program().into_iter().collect();
    let missing: Vec<_> = missing.iter().filter(|option| !named.contains(*option)).collect();
    assert!(missing.is_empty(), "{missing:?}");
}

/// The keys that the program expects, from its own words about one that it does not know.
fn keys_of_the_program() -> BTreeSet<String> {
    let expected = |text: &str| -> BTreeSet<String> {
        let run = Run::new().args(["--list-modules", "--config", "config.toml"]);
        std::fs::write(run.home().join("config.toml"), text).expect("written");
        let stderr = run.run().expect_code(3).stderr;
        let list = stderr.split("expected one of").nth(1).unwrap_or_else(|| panic!("{stderr}"));
        list.split('`').skip(1).step_by(2).map(str::to_owned).collect()
    };
    let mut keys = expected("no_such_key = 1\n");
    assert!(keys.remove("policy"));
    keys.extend(expected("[policy]\nno_such_key = 1\n").iter().map(|key| format!("policy.{key}")));
    keys
}

#[test]
fn the_operators_example_and_its_document_have_the_keys_that_the_program_accepts() {
    let keys = keys_of_the_program();
    let document = read("docs/operators-file.md");
    let described = rows(section(&document, "\n## Keys\n")).into_iter().map(|(key, _)| key);
    assert_eq!(described.collect::<BTreeSet<_>>(), keys, "docs/operators-file.md");

    let mut table = String::new();
    let mut shown = BTreeSet::new();
    for line in read("packaging/config.toml.example").lines() {
        let Some(line) = line.strip_prefix('#') else { continue };
        if let Some(name) = line.strip_prefix('[').and_then(|line| line.strip_suffix(']')) {
            table = format!("{name}.");
        } else if let Some((key, _)) = line.split_once(" = ")
            && !key.contains(' ')
        {
            shown.insert(format!("{table}{key}"));
        }
    }
    assert_eq!(shown, keys, "packaging/config.toml.example");
}

#[test]
fn a_policy_that_is_said_to_have_no_effect_is_asked_for_by_no_plugin() {
    let document = read("docs/operators-file.md");
    let files = files(&repository().join("plugins"));
    let sources: String =
        files.iter().filter_map(|path| std::fs::read_to_string(path).ok()).collect();
    for (key, cells) in rows(section(&document, "\n## Keys\n")) {
        // The runner itself acts on `confine`.
        if let Some(key) = key.strip_prefix("policy.").filter(|key| *key != "confine") {
            let without_effect = cells.last().expect("a cell").contains("No effect yet");
            assert_eq!(without_effect, !sources.contains(key), "{key}");
        }
    }
}

#[test]
fn every_variable_that_a_document_names_is_read() {
    let text = all_text();
    let part = |c: char| c.is_ascii_uppercase() || c == '_';
    let named: BTreeSet<_> = words(&text, "VIRTUAL_HOST_GATHERER_", part).into_iter().collect();
    assert!(named.len() >= 10, "{named:?}");
    for name in named {
        let run = Run::new().without_logfile().arg("--list-modules");
        let run = run.env(format!("VIRTUAL_HOST_GATHERER_{name}"), "no-such-folder/no-such-value");
        let outcome = run.run();
        assert!(!outcome.stderr.is_empty(), "{name} is not read: {}", outcome.describe());
    }
    let document = read("docs/operators-file.md");
    for (key, cells) in rows(section(&document, "\n## Precedence\n")) {
        let option = cells[1].split('`').nth(1).filter(|option| *option != "--plugin-dir");
        if let Some(option) = option {
            let variable = option.trim_start_matches('-').replace('-', "_").to_uppercase();
            let variable = format!("`VIRTUAL_HOST_GATHERER_{variable}`");
            assert_eq!(cells[2], variable, "{key}");
        }
    }
}

#[test]
fn the_common_options_and_the_kinds_of_errors_are_described_and_no_others() {
    fn find<'a>(value: &'a Value, wanted: &impl Fn(&Value) -> bool) -> Option<&'a Value> {
        if wanted(value) {
            return Some(value);
        }
        match value {
            Value::Object(members) => members.values().find_map(|value| find(value, wanted)),
            Value::Array(items) => items.iter().find_map(|value| find(value, wanted)),
            _ => None,
        }
    }
    let first_cells = |section: &str| -> BTreeSet<String> {
        rows(section).into_iter().map(|(cell, _)| cell).collect()
    };
    let manager = read("docs/manager.md");

    let request: Value = serde_json::from_str(&read("docs/schema/request.json")).expect("JSON");
    let options = find(&request, &|value| value.get("ca_file").is_some()).expect("an endpoint");
    let mut options: BTreeSet<_> = options.as_object().expect("members").keys().cloned().collect();
    assert!(options.remove("id") && options.remove("module"));
    assert_eq!(first_cells(section(&manager, "\n### Options of every endpoint\n")), options);

    let inventory: Value = serde_json::from_str(&read("docs/schema/inventory.json")).expect("JSON");
    let kinds = inventory["$defs"]["ErrorKind"].to_string();
    let part = |c: char| c.is_ascii_lowercase() || c == '-';
    let kinds: BTreeSet<_> =
        words(&kinds, "\"const\":\"", part).into_iter().map(str::to_owned).collect();
    assert!(kinds.contains("rate-limited"), "{kinds:?}");
    let table = section(&manager, "\n| kind | what went wrong |");
    let table = &table[..table.find("\n\n").expect("an end")];
    assert_eq!(first_cells(table), kinds);
    let shown = read("docs/troubleshooting.md");
    let missing: Vec<_> =
        kinds.iter().filter(|kind| !shown.contains(&format!("`{kind}`"))).collect();
    assert!(missing.is_empty(), "docs/troubleshooting.md: {missing:?}");
}

#[test]
fn the_exit_statuses_that_are_described_are_those_of_the_program() {
    let source = read("host/src/exit.rs");
    let source = source.split_once("enum Exit {").expect("the statuses").1;
    let source = source.split('}').next().expect("an end");
    let numbers = source.lines().filter_map(|line| line.trim().split_once(" = "));
    let numbers: BTreeSet<_> =
        numbers.map(|(_, number)| number.trim_end_matches(',').to_owned()).collect();
    assert!(numbers.contains("143"), "{numbers:?}");

    let manager = read("docs/manager.md");
    let rows = section(&manager, "\n| status | meaning |").split("\n\n").next().expect("a table");
    let cells = rows.lines().filter_map(|line| line.strip_prefix("| ")?.split(" | ").next());
    let described = cells.skip(1).flat_map(|cell| cell.split(", ")).map(str::to_owned);
    assert_eq!(described.collect::<BTreeSet<_>>(), numbers);
}
