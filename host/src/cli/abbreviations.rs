//! The abbreviations of the classic program's options, which keep their meaning.

use std::ffi::OsString;

/// The long options of the classic program. Its parser accepts each unambiguous beginning of them
/// (<https://docs.python.org/3/library/argparse.html#allow-abbrev>), and manuals use some: `--list`.
const CLASSIC_OPTIONS: [&str; 6] =
    ["help", "infile", "list-modules", "logfile", "outfile", "verbose"];

/// Replaces the abbreviations on a command line by the options that they mean. Other options cannot be
/// abbreviated, so a new option changes the meaning of none. Nothing changes after `--`.
pub fn expand(arguments: impl Iterator<Item = OsString>) -> impl Iterator<Item = OsString> {
    let mut are_options = true;
    arguments.map(move |argument| {
        are_options &= argument != "--";
        let expanded = argument.to_str().filter(|_| are_options).and_then(expanded);
        expanded.map_or(argument, OsString::from)
    })
}

/// The option with its value, if the argument is an abbreviation.
fn expanded(argument: &str) -> Option<String> {
    let text = argument.strip_prefix("--").filter(|text| !text.is_empty())?;
    let (name, value) = match text.split_once('=') {
        Some((name, value)) => (name, format!("={value}")),
        None => (text, String::new()),
    };
    let mut options = CLASSIC_OPTIONS.iter().filter(|option| option.starts_with(name));
    match (options.next(), options.next()) {
        (Some(option), None) => Some(format!("--{option}{value}")),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;
    use crate::cli::Cli;

    fn expanded_line(line: &str) -> String {
        let arguments = expand(line.split(' ').map(OsString::from));
        let texts: Vec<_> =
            arguments.map(|argument| argument.into_string().expect("text")).collect();
        texts.join(" ")
    }

    #[test]
    fn an_unambiguous_beginning_means_the_option() {
        for option in CLASSIC_OPTIONS {
            let shortest = if option.starts_with('l') { 2 } else { 1 };
            for length in shortest..=option.len() {
                let beginning = &option[..length];
                assert_eq!(expanded_line(&format!("--{beginning}")), format!("--{option}"));
                let with_value = format!("--{beginning}=a=b");
                assert_eq!(expanded_line(&with_value), format!("--{option}=a=b"));
            }
        }
    }

    #[test]
    fn everything_else_stays() {
        for line in
            ["--l", "--", "-", "-i", "--infiles", "--only in", "-- --inf", "--=a", "--x=--inf"]
        {
            assert_eq!(expanded_line(line), line);
        }
    }

    #[test]
    fn no_own_option_is_an_abbreviation() {
        let names: Vec<String> = Cli::command()
            .get_arguments()
            .filter_map(|argument| argument.get_long().map(str::to_owned))
            .collect();
        assert!(names.iter().any(|name| name == "infile"), "{names:?}");
        for name in names.iter().filter(|name| !CLASSIC_OPTIONS.contains(&name.as_str())) {
            assert_eq!(expanded(&format!("--{name}")), None, "{name}");
        }
    }
}
