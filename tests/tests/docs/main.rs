//! Checks the documents against the program and the repository: links, options, keys, variables, kinds of
//! errors, exit statuses, modules, and the output that they show.

mod classic_table;
mod map;
mod members;
mod model_fields;
mod parameters;
mod shown;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use gatherer_tests::Run;
use serde_json::Value;

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize().expect("the repository exists")
}

fn read(path: &str) -> String {
    let path = repository().join(path);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Every file below a folder, except for hidden files and build folders.
fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).expect("the folder can be listed") {
        let path = entry.expect("the folder can be listed").path();
        let name = path.file_name().and_then(|name| name.to_str()).expect("the name is UTF-8");
        if name.starts_with('.') || path.join("CACHEDIR.TAG").exists() {
            continue;
        }
        if path.is_dir() { found.extend(files(&path)) } else { found.push(path) }
    }
    found
}

/// The text of every Markdown file, by path.
fn documents() -> BTreeMap<PathBuf, String> {
    let mut files = files(&repository());
    files.retain(|path| path.extension().is_some_and(|extension| extension == "md"));
    assert!(files.len() >= 5, "{files:?}");
    let text = |path: &PathBuf| read(path.to_str().expect("the path is UTF-8"));
    files.into_iter().map(|path| (path.clone(), text(&path))).collect()
}

/// The text of all documents.
fn all_text() -> String {
    documents().into_values().collect::<Vec<_>>().join("\n")
}

/// The text of a document without its code blocks.
fn prose(text: &str) -> String {
    let mut in_code = false;
    let lines = text.lines().filter(|line| {
        let fence = line.trim_start().starts_with("```");
        in_code ^= fence;
        !in_code && !fence
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// The words after each `prefix` that consist of characters for which `is_part` is true.
fn words<'a>(text: &'a str, prefix: &str, is_part: impl Fn(char) -> bool + Copy) -> Vec<&'a str> {
    text.match_indices(prefix)
        .filter(|(at, _)| !text[..*at].ends_with(is_part))
        .map(|(at, _)| {
            let rest = &text[at + prefix.len()..];
            &rest[..rest.find(|c| !is_part(c)).unwrap_or(rest.len())]
        })
        .filter(|word| !word.is_empty())
        .collect()
}

/// The names of the options in a text, without the two hyphens.
fn options_in(text: &str) -> BTreeSet<String> {
    let is_part = |c: char| c.is_ascii_alphanumeric() || c == '-';
    let words = words(text, "--", is_part).into_iter();
    words.filter(|word| word.starts_with(char::is_alphabetic)).map(str::to_owned).collect()
}

/// The options in the help of the program and its subcommands.
fn options_of_the_program() -> BTreeSet<String> {
    let mut options = BTreeSet::new();
    for command in [
        &[][..],
        &["modules"],
        &["match-images"],
        &["check"],
        &["convert"],
        &["diff"],
        &["merge"],
        &["guard", "list"],
        &["guard", "accept"],
        &["watch"],
        &["status"],
        &["schema"],
        &["completions"],
        &["man-pages"],
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

/// The rows of tables whose first cell is code: that code, and all cells.
fn rows(text: &str) -> Vec<(String, Vec<String>)> {
    let cells = |line: &str| -> Vec<String> {
        line.trim_matches('|').split(" | ").map(|cell| cell.trim().to_owned()).collect()
    };
    let rows = text.lines().filter(|line| line.starts_with("| `")).map(cells);
    rows.map(|cells| (cells[0].split('`').nth(1).expect("the cell has code").to_owned(), cells))
        .collect()
}

/// The text from a heading, or from the first line of a table, to the next heading of the same or a higher level.
fn section<'a>(text: &'a str, heading: &str) -> &'a str {
    let start = text.find(heading).unwrap_or_else(|| panic!("the section {heading} is missing"));
    let rest = &text[start + heading.len()..];
    let level = heading.trim_start().chars().take_while(|c| *c == '#').count().max(2);
    // A single # may be a comment in a code block.
    let ends = (2..=level).filter_map(|level| rest.find(&format!("\n{} ", "#".repeat(level))));
    &rest[..ends.min().unwrap_or(rest.len())]
}

#[test]
fn every_relative_link_has_a_target() {
    let anchor_of = |heading: &str| -> String {
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
                _ => path.parent().expect("a file is in a folder").join(file),
            };
            let inside = target.canonicalize().is_ok_and(|path| path.starts_with(repository()));
            let found = anchor.is_empty()
                || std::fs::read_to_string(&target).is_ok_and(|text| {
                    let text = prose(&text);
                    let mut headings = text.lines().filter(|line| line.starts_with('#'));
                    headings.any(|line| anchor_of(line.trim_start_matches('#')) == anchor)
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
        // Lines with options of other programs.
        let programs = [
            "cargo ",
            "gcloud ",
            "apt-get ",
            "az ",
            "kubectl",
            "virsh ",
            "curl ",
            "openstack ",
            "pveum ",
            "ansible",
            "systemctl ",
            "systemd-",
        ];
        let is_ours = |line: &&str| !programs.iter().any(|program| line.contains(program));
        let named = options_in(&text.lines().filter(is_ours).collect::<Vec<_>>().join("\n"));
        let unknown: Vec<_> = named.difference(&known).collect();
        assert!(unknown.is_empty(), "{}: {unknown:?}", path.display());
    }
}

#[test]
fn every_option_is_in_a_document() {
    let options = options_of_the_program();
    let named = options_in(&all_text());
    let missing: Vec<_> = options.difference(&named).collect();
    assert!(missing.is_empty(), "{missing:?}");
}

/// The keys of the operator's file, from the program's error message about an unknown key.
fn keys_of_the_program() -> BTreeSet<String> {
    let expected = |text: &str| -> BTreeSet<String> {
        let run = Run::new().args(["--list-modules", "--config", "config.toml"]);
        std::fs::write(run.home().join("config.toml"), text).expect("the file can be written");
        let stderr = run.run().expect_code(3).stderr;
        let list = stderr.split("the keys are ").nth(1).unwrap_or_else(|| panic!("{stderr}"));
        list.trim().split(", ").map(str::to_owned).collect()
    };
    let mut keys = expected("no_such_key = 1\n");
    assert!(keys.remove("policy"));
    keys.extend(expected("[policy]\nno_such_key = 1\n").iter().map(|key| format!("policy.{key}")));
    keys
}

#[test]
fn the_operators_file_is_documented_with_all_its_keys() {
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
fn every_variable_that_a_document_names_is_read() {
    let text = all_text();
    let is_part = |c: char| c.is_ascii_uppercase() || c == '_';
    let named: BTreeSet<_> = words(&text, "VIRTUAL_HOST_GATHERER_", is_part).into_iter().collect();
    assert!(named.len() >= 10, "{named:?}");
    for name in named {
        let run = Run::new().without_logfile();
        let run = if name == "STATE" { run } else { run.arg("--list-modules") };
        let run = run.env(format!("VIRTUAL_HOST_GATHERER_{name}"), "no-such-folder/no-such-value");
        // Only a run uses the state folder, and creates it.
        let run = if name == "STATE" { run.args(["-i", "-"]).stdin("[]") } else { run };
        let outcome = run.run();
        let created = outcome.home().join("no-such-folder/no-such-value").is_dir();
        let is_read = if name == "STATE" { created } else { !outcome.stderr.is_empty() };
        assert!(is_read, "{name} is not read: {}", outcome.describe());
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
fn exactly_the_options_of_every_endpoint_are_documented() {
    fn find<'a>(value: &'a Value, is_wanted: &impl Fn(&Value) -> bool) -> Option<&'a Value> {
        if is_wanted(value) {
            return Some(value);
        }
        match value {
            Value::Object(members) => members.values().find_map(|value| find(value, is_wanted)),
            Value::Array(items) => items.iter().find_map(|value| find(value, is_wanted)),
            _ => None,
        }
    }
    let manager = read("docs/manager.md");
    let documented = rows(section(&manager, "\n### Options of every endpoint\n"));
    let documented: BTreeSet<_> = documented.into_iter().map(|(name, _)| name).collect();

    let request = read("docs/schema/request.json");
    let request: Value = serde_json::from_str(&request).expect("a schema is JSON");
    let options = find(&request, &|value| value.get("ca_file").is_some());
    let options = options.and_then(Value::as_object).expect("the schema has the common options");
    let mut options: BTreeSet<_> = options.keys().cloned().collect();
    assert!(options.remove("id") && options.remove("module"));
    assert_eq!(documented, options);
}

#[test]
fn exactly_the_kinds_of_errors_are_documented() {
    let inventory = read("docs/schema/inventory.json");
    let inventory: Value = serde_json::from_str(&inventory).expect("a schema is JSON");
    let kinds = inventory["$defs"]["ErrorKind"].to_string();
    let is_part = |c: char| c.is_ascii_lowercase() || c == '-';
    let kinds: BTreeSet<_> =
        words(&kinds, "\"const\":\"", is_part).into_iter().map(str::to_owned).collect();
    assert!(kinds.contains("rate-limited"), "{kinds:?}");

    let manager = read("docs/manager.md");
    let table = section(&manager, "\n| kind | what went wrong |");
    let table = &table[..table.find("\n\n").expect("an empty line follows the table")];
    let documented: BTreeSet<_> = rows(table).into_iter().map(|(kind, _)| kind).collect();
    assert_eq!(documented, kinds);

    let shown = read("docs/troubleshooting.md");
    let missing: Vec<_> =
        kinds.iter().filter(|kind| !shown.contains(&format!("`{kind}`"))).collect();
    assert!(missing.is_empty(), "docs/troubleshooting.md: {missing:?}");
}

#[test]
fn the_documents_and_the_help_have_the_same_exit_statuses() {
    let help = Run::new().without_logfile().arg("--help").run().expect_code(0);
    let help = help.stdout_text().split_once("Exit status:\n").expect("the help has a section").1;
    let help = help.split("\n\n").next().expect("a section has a text");
    let words = help.split([' ', ',', '\n']);
    let listed: BTreeSet<u8> = words.filter_map(|word| word.parse().ok()).collect();
    assert!(listed.contains(&143), "{listed:?}");

    let manager = read("docs/manager.md");
    let table = section(&manager, "\n| status | meaning |").split("\n\n").next();
    let rows = table.expect("the section begins with the table").lines();
    let cells = rows.filter_map(|line| line.strip_prefix("| ")?.split(" | ").next());
    let numbers = cells.skip(1).flat_map(|cell| cell.split(", "));
    let documented = numbers.map(|number| number.parse().expect("a status is a number"));
    assert_eq!(documented.collect::<BTreeSet<u8>>(), listed);
}
