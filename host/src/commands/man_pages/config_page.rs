//! The manual page of the operator's file, from the table of its keys in `docs/operators-file.md`.

use clap_mangen::roff::{Roff, bold, roman};

use super::{title, without_definitions};
use crate::cli::DEFAULT_FILE;

/// The document with the table of keys.
const DOCUMENT: &str = include_str!("../../../../docs/operators-file.md");

/// An example of the file.
const EXAMPLE: &str = "\
fail_on = \"any\"
run_timeout = 3600

[policy]
allow_exec = [\"cluster-1\"]";

/// A key of the file.
struct Key<'a> {
    name: &'a str,
    default: &'a str,
    kind: &'a str,
    meaning: &'a str,
}

/// The path of the page in the folder of all sections.
pub fn name(program: &str) -> String {
    format!("man5/{program}-config.5")
}

/// The text of the page.
pub fn text(program: &str, source: &str) -> String {
    let mut page = Roff::new();
    page.text([roman(format!("{program}-config - The operator's file of {program}"))]);
    page.control("SH", ["DESCRIPTION"]);
    page.text([roman(format!(
        "The operator's file {DEFAULT_FILE} has options that apply to each call of {program}(1), and what endpoints are \
         allowed to do. Its format is TOML. The command line takes precedence, then the environment, then this file. \
         The file and its folder must belong to root or to the user that runs the program, and must not be writable \
         by other users."
    ))]);
    page.control("SH", ["KEYS"]);
    for key in keys() {
        page.control("TP", []);
        page.text([bold(key.name)]);
        page.text([roman(plain(key.meaning))]);
        let type_and_default =
            format!("Type: {}. Default: {}.", plain(key.kind), plain(key.default));
        page.control("br", []);
        page.text([roman(type_and_default)]);
    }
    page.control("SH", ["EXAMPLES"]);
    page.control("nf", []);
    for line in EXAMPLE.lines() {
        page.text([roman(line)]);
    }
    page.control("fi", []);
    page.control("SH", ["SEE ALSO"]);
    page.text([roman(format!("{program}(1)"))]);
    title(&format!("{program}-config"), "5", source) + &without_definitions(&page)
}

/// The keys in the first table of the document.
fn keys() -> impl Iterator<Item = Key<'static>> {
    let table = DOCUMENT.lines().skip_while(|line| !line.starts_with("| key "));
    let rows = table.skip(2).take_while(|line| line.starts_with('|'));
    rows.filter_map(|row| {
        let mut cells = row.trim_matches(['|', ' ']).splitn(4, " | ");
        let mut cell = || cells.next().map(str::trim);
        let name = cell()?.trim_matches('`');
        Some(Key { name, default: cell()?, kind: cell()?, meaning: cell()? })
    })
}

/// Markdown without code marks and without the targets of links.
fn plain(markdown: &str) -> String {
    let mut text = String::new();
    let mut rest = markdown;
    while let Some((before, link)) = rest.split_once('[')
        && let Some((label, after)) = link.split_once("](")
        && let Some((_, after)) = after.split_once(')')
    {
        text += before;
        text += label;
        rest = after;
    }
    (text + rest).replace('`', "")
}
