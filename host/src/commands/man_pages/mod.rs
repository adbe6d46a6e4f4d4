//! Writes the manual pages: one for the program and one for each command, from the command line's definition,
//! and one for the operator's file, from its document.

mod config_page;
mod help_text;

use std::collections::BTreeMap;
use std::path::Path;

use clap::{Arg, Command, CommandFactory as _};
use clap_mangen::Man;
use clap_mangen::roff::{Roff, bold, roman};

use super::completions::visible;
use super::fail;
use crate::cli::{Cli, DEFAULT_FILE};
use crate::exit::Exit;
use crate::plugins::INSTALL_FOLDERS;
use help_text::HelpText;

/// The heading of the pages.
const MANUAL: &str = "Virtual hosts and guests";

/// Variables that belong to no option: those of the program, and those of its libraries.
const VARIABLES: [(&str, &str); 4] = [
    (
        "GATHERER_PLUGIN_PATH",
        "the folders with plugins, separated by colons, instead of the installed folder",
    ),
    ("NO_COLOR", "if it is set, there are no colors, unless --color says otherwise"),
    (
        "http_proxy, https_proxy, all_proxy, no_proxy",
        "the proxies for endpoints; also in capital letters",
    ),
    ("SSL_CERT_FILE, SSL_CERT_DIR", "trusted certificates, instead of those of the system"),
];

/// Writes the pages to the folders of their sections, `man1` and `man5`, and replaces those that exist.
pub fn run(folder: &Path) -> Exit {
    for (name, text) in pages() {
        let path = folder.join(name);
        let section = path.parent().unwrap_or(folder);
        if let Err(error) =
            std::fs::create_dir_all(section).and_then(|()| std::fs::write(&path, text))
        {
            let message = format!("the manual page {} cannot be written: {error}", path.display());
            return fail(Exit::Unwritable, &message);
        }
    }
    Exit::Done
}

/// The pages, by their path in the folder of all sections.
fn pages() -> BTreeMap<String, String> {
    // `help` shows what the pages have.
    let mut program = visible(&Cli::command()).disable_help_subcommand(true);
    program.build();
    let source = format!("{} {}", program.get_name(), env!("CARGO_PKG_VERSION"));
    let mut pages = BTreeMap::new();
    add_pages(&program, &[], &source, &mut pages);
    pages.insert(
        config_page::name(program.get_name()),
        config_page::text(program.get_name(), &source),
    );
    pages
}

/// Adds the page of a command and those of its subcommands. `parents` are the names of the pages above it.
fn add_pages(
    command: &Command,
    parents: &[&str],
    source: &str,
    pages: &mut BTreeMap<String, String>,
) {
    let page = command.get_display_name().unwrap_or(command.get_name());
    let mut below = parents.to_vec();
    below.push(page);
    for subcommand in command.get_subcommands() {
        add_pages(subcommand, &below, source, pages);
    }
    let mut related: Vec<_> = parents.iter().map(|parent| format!("{parent}(1)")).collect();
    related.extend(
        command
            .get_subcommands()
            .filter_map(|subcommand| Some(format!("{}(1)", subcommand.get_display_name()?))),
    );
    let program = below.first().unwrap_or(&page);
    related.push(format!("{program}-config(5)"));
    pages.insert(format!("man1/{page}.1"), text(command, program, source, &related));
}

/// The text of a command's page.
fn text(command: &Command, program: &str, source: &str, related: &[String]) -> String {
    let end = command.get_after_long_help().or_else(|| command.get_after_help());
    let end = HelpText::parse(&end.map(ToString::to_string).unwrap_or_default());
    // The end of the help and the version have their places below and in the footer.
    let plain = command.clone().after_help(None::<&str>).after_long_help(None::<&str>);
    let plain = plain.version(None::<&str>).subcommand_help_heading("COMMANDS");
    let man = Man::new(plain);
    let mut page = title(command.get_display_name().unwrap_or(program), "1", source);
    let mut described = Vec::new();
    // Writing to memory cannot fail.
    let _ = man.render(&mut described);
    let described = String::from_utf8_lossy(&described).into_owned();
    // Without its own title.
    page += described.split_once("\n.SH NAME\n").map_or("", |(_, rest)| rest);

    let mut rest = Roff::new();
    end.add_notes(&mut rest);
    add_terms(&mut rest, "ENVIRONMENT", environment(command));
    let files = [
        (DEFAULT_FILE.to_owned(), format!("the operator's file, see {program}-config(5)")),
        (INSTALL_FOLDERS.replace(':', ", "), "the plugins of the modules".to_owned()),
        (
            "/var/log/gatherer.log, ~/gatherer.log".to_owned(),
            "the log of root, and of other users".to_owned(),
        ),
    ];
    add_terms(&mut rest, "FILES", files);
    end.add_exit_status(&mut rest, program);
    end.add_examples(&mut rest);
    rest.control("SH", ["SEE ALSO"]);
    rest.text([roman(related.join(", "))]);

    page + &without_definitions(&rest)
}

/// The beginning of a page: its title, and the heading of its first section. It has a date only in a reproducible build.
fn title(name: &str, section: &str, source: &str) -> String {
    let epoch = std::env::var("SOURCE_DATE_EPOCH").ok().and_then(|epoch| epoch.parse().ok());
    let date = epoch.and_then(|epoch| jiff::Timestamp::from_second(epoch).ok());
    let date = date.map(|date| date.strftime("%Y-%m-%d").to_string()).unwrap_or_default();
    let definitions = Roff::new().render();
    format!("{definitions}.TH {name} {section} \"{date}\" \"{source}\" \"{MANUAL}\"\n.SH NAME\n")
}

/// The text without the definitions that each text begins with.
fn without_definitions(part: &Roff) -> String {
    part.render().replacen(&Roff::new().render(), "", 1)
}

/// The variables of a command, with their meaning.
fn environment(command: &Command) -> Vec<(String, String)> {
    let of_option = |argument: &Arg| {
        let variable = argument.get_env()?.to_str()?.to_owned();
        Some((variable, format!("the value of --{}, if it is not given", argument.get_long()?)))
    };
    let of_options = command.get_arguments().filter_map(of_option);
    let others =
        VARIABLES.iter().map(|(name, meaning)| ((*name).to_owned(), (*meaning).to_owned()));
    of_options.chain(others).collect()
}

/// Adds a section of terms with their meaning.
fn add_terms(page: &mut Roff, heading: &str, terms: impl IntoIterator<Item = (String, String)>) {
    page.control("SH", [heading]);
    for (term, meaning) in terms {
        page.control("TP", []);
        page.text([bold(term)]);
        page.text([roman(meaning)]);
    }
}
