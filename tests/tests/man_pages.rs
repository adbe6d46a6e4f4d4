//! The manual pages that the program writes.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Command;

use gatherer_tests::{Run, skip};

/// The pages that a run with this environment writes, by the name of their file.
fn pages(environment: &[(&str, &str)]) -> BTreeMap<String, String> {
    let folder = tempfile::tempdir().expect("a temporary folder can be created");
    let mut run = Run::new().without_logfile().arg("man-pages").arg(folder.path());
    for (name, value) in environment {
        run = run.env(name, value);
    }
    let outcome = run.run().expect_code(0);
    assert!(outcome.stdout.is_empty() && outcome.stderr.is_empty(), "{}", outcome.describe());
    let mut pages = BTreeMap::new();
    for section in ["man1", "man5"] {
        for entry in std::fs::read_dir(folder.path().join(section)).expect("the folder exists") {
            let path = entry.expect("the folder can be listed").path();
            let name = path.file_name().expect("it has a name").to_string_lossy().into_owned();
            assert!(name.ends_with(&section[3..]), "{name} is in {section}");
            pages.insert(name, std::fs::read_to_string(&path).expect("the page is text"));
        }
    }
    pages
}

fn help(command: &[&str]) -> String {
    let run = Run::new().without_logfile().args(command).arg("--help");
    run.run().expect_code(0).stdout_text().to_owned()
}

/// The commands in the help of a command, except for `help`.
fn commands(help: &str) -> Vec<String> {
    let list = help.split_once("Commands:\n").map_or("", |(_, list)| list);
    let lines = list.lines().take_while(|line| line.starts_with("  "));
    // The text after a name may continue on the next line.
    let names = lines.filter_map(|line| line[2..].split(' ').next());
    names
        .filter(|name| !name.is_empty())
        .filter(|name| *name != "help")
        .map(str::to_owned)
        .collect()
}

/// The options in a help: `--long` and `-s`. Each line of an option begins with at most six spaces.
fn options(help: &str) -> BTreeSet<&str> {
    let lines = help.lines().filter(|line| !line.starts_with("       "));
    let words = lines.flat_map(|line| {
        line.split([' ', ','])
            .filter(|word| !word.is_empty())
            .take_while(|word| word.starts_with('-'))
    });
    words.map(|word| word.trim_end_matches('.')).filter(|word| *word != "-").collect()
}

/// Checks the page of a command and those of its commands. Returns the number of pages.
fn assert_described(command: &[&str], pages: &BTreeMap<String, String>) -> usize {
    let name =
        ["virtual-host-gatherer"].iter().chain(command).copied().collect::<Vec<_>>().join("-");
    let page = pages.get(&format!("{name}.1")).unwrap_or_else(|| panic!("{name} has no page"));
    // A hyphen that is copied as one.
    let page = page.replace("\\-", "-").replace("\\*(Aq", "'");
    let help = help(command);
    let options = options(&help);
    assert!(options.contains("--help") && options.contains("-h"), "{name}: {options:?}");
    for option in options {
        assert!(page.contains(&format!("\\fB{option}\\fR")), "{name}: {option} is missing");
    }
    for section in ["NAME", "SYNOPSIS", "ENVIRONMENT", "FILES", "\"EXIT STATUS\"", "\"SEE ALSO\""] {
        assert!(page.contains(&format!("\n.SH {section}\n")), "{name}: {section} is missing");
    }
    let is_example = |line: &&str| line.starts_with("  virtual-host-gatherer ");
    for example in help.lines().filter(is_example) {
        assert!(page.contains(example.trim().trim_end_matches('\\')), "{name}: {example}");
    }
    let below = commands(&help).into_iter().map(|subcommand| {
        assert!(page.contains(&format!("{name}-{subcommand}(1)")), "{name}: {subcommand}");
        assert_described(&[command, &[subcommand.as_str()]].concat(), pages)
    });
    1 + below.sum::<usize>()
}

#[test]
fn every_command_has_a_page_with_its_options_and_examples() {
    let pages = pages(&[]);
    assert_eq!(assert_described(&[], &pages) + 1, pages.len(), "{:?}", pages.keys());
    assert!(pages.len() > 15, "{:?}", pages.keys());
}

#[test]
fn the_page_of_the_operators_file_has_every_key() {
    let page = &pages(&[])["virtual-host-gatherer-config.5"];
    let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("../packaging/config.toml.example");
    let example = std::fs::read_to_string(example).expect("the example exists");
    let mut table = String::new();
    let mut keys = 0;
    for line in example.lines().filter_map(|line| line.strip_prefix('#')) {
        if let Some(name) = line.strip_prefix('[') {
            table = name.replace(']', ".");
        } else if let Some((key, _)) = line.split_once(" = ").filter(|(key, _)| !key.contains(' '))
        {
            assert!(page.contains(&format!("\\fB{table}{key}\\fR")), "{table}{key} is missing");
            keys += 1;
        }
    }
    assert!(keys > 15, "{keys}");
    assert!(!page.contains('`') && !page.contains("]("), "{page}");
}

#[test]
fn the_pages_are_the_same_twice_and_have_the_date_of_a_reproducible_build() {
    let of_release = [("SOURCE_DATE_EPOCH", "1790000000")];
    let first = pages(&of_release);
    assert!(first == pages(&of_release));
    for (name, page) in &first {
        assert!(page.contains(" \"2026-09-21\" \"virtual-host-gatherer "), "{name}: {page}");
    }
    for (name, page) in pages(&[]) {
        assert!(page.contains(" \"\" \"virtual-host-gatherer "), "{name}: {page}");
    }
}

#[test]
fn the_pages_are_formatted_without_warnings() {
    let folder = tempfile::tempdir().expect("a temporary folder can be created");
    for (name, text) in pages(&[]) {
        let path = folder.path().join(&name);
        std::fs::write(&path, text).expect("the file can be written");
        let mut man = Command::new("man");
        man.args(["--warnings", "--local-file", "--encoding=UTF-8", "-Tutf8", "-Z"]).arg(&path);
        man.env("LC_ALL", "C.UTF-8").env("MANROFFSEQ", "").env("MANWIDTH", "80");
        let Ok(output) = man.output() else { skip!("man is not installed") };
        let stderr = String::from_utf8_lossy(&output.stderr);
        if stderr.contains("No such file or directory") {
            skip!("man cannot format pages: {}", stderr.trim());
        }
        assert!(output.status.success() && stderr.is_empty(), "{name}: {stderr}");
        assert!(output.stdout.len() > 1000, "{name}");
    }
}

#[test]
fn a_folder_that_cannot_be_written_is_an_error() {
    let run = Run::new().without_logfile();
    std::fs::write(run.home().join("file"), "").expect("the file can be written");
    let outcome = run.args(["man-pages", "file"]).run().expect_code(5);
    assert!(outcome.stderr.contains("file/man1/"), "{}", outcome.describe());
}
