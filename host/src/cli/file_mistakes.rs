//! Explains a mistake in the operator's file: the line, the key, what its value must be, and where a key belongs.

use std::ops::Range;

use clap::ValueEnum;
use gatherer_plugin_api::{closest, did_you_mean};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::{Color, FailOn};
use crate::logging::LogFormat;
use crate::output::escape::escape;
use crate::output::format::Format;
use crate::run::progress;

/// What the value of a key must be.
enum Expected {
    /// One of these words.
    Words(Vec<String>),
    /// Some other text.
    Text(&'static str),
    /// A number, a list, or true or false.
    Other(&'static str),
}

const SECONDS: Expected = Expected::Other("a number of seconds above 0 and at most a week");
const ENDPOINTS: Expected = Expected::Other("\"all\" or a list of endpoint ids, [\"ID\"]");
const TRUE_OR_FALSE: Expected = Expected::Other("true or false");

const FILTER: Expected =
    Expected::Other("a table such as [exclude.hosts], with keys such as cluster = [\"test-*\"]");

/// The name of the table with what endpoints are allowed to do.
const POLICY: &str = "policy";

/// The keys before the first table.
fn top_keys() -> Vec<(&'static str, Expected)> {
    vec![
        ("format", words::<Format>()),
        ("jobs", Expected::Other("a number from 1 to 256")),
        ("timeout", SECONDS),
        ("interval", SECONDS),
        ("run_timeout", SECONDS),
        ("worker_memory", Expected::Other("a number of MiB, or 0")),
        ("plugin_dirs", Expected::Other("a list of folders, [\"/FOLDER\"]")),
        ("fail_on", words::<FailOn>()),
        ("log_file", Expected::Text("the path of a file")),
        ("log_format", words::<LogFormat>()),
        ("log_filter", Expected::Text("a text such as \"kubernetes=debug\"")),
        ("color", words::<Color>()),
        ("progress", words::<progress::When>()),
        ("include", FILTER),
        ("exclude", FILTER),
        ("state", Expected::Text("the path of a folder")),
        ("max_lost", Expected::Other("\"20%\", a number such as 5, or \"20%,5\"")),
        (POLICY, Expected::Other("a table, [policy]")),
    ]
}

/// The keys of the table `[policy]`.
fn policy_keys() -> Vec<(&'static str, Expected)> {
    vec![
        ("allow_exec", ENDPOINTS),
        ("allow_unverified_ssh", ENDPOINTS),
        ("credential_folders", Expected::Other("a list of absolute folders, [\"/FOLDER\"]")),
        ("allow_machine_identity", TRUE_OR_FALSE),
        ("confine", TRUE_OR_FALSE),
    ]
}

fn words<T: ValueEnum>() -> Expected {
    let values = T::value_variants().iter().filter_map(T::to_possible_value);
    Expected::Words(values.map(|value| value.get_name().to_owned()).collect())
}

/// The message about an error of the parser, without its subject, the file.
pub fn explain(text: &str, error: &toml::de::Error) -> String {
    let place = error.span().unwrap_or_default();
    let found = match DeTable::parse(text) {
        Ok(file) => {
            let file = file.get_ref();
            unknown_key(file).or_else(|| wrong_value(file, &place, error.message()))
        }
        Err(_) => invalid_line(text, place.start, error.message()),
    };
    let (at, problem) = found.unwrap_or_else(|| (place.start, error.message().to_owned()));
    let line = text.get(..at).unwrap_or_default().matches('\n').count() + 1;
    format!("cannot be used: line {line}: {problem}")
}

/// The place and the explanation of a line with a known key that is not TOML: most often a text without quotes.
fn invalid_line(text: &str, at: usize, message: &str) -> Option<(usize, String)> {
    let start = text.get(..at)?.rfind('\n').map_or(0, |end| end + 1);
    let line = text[start..].lines().next()?;
    let (name, value) = line.split_once('=')?;
    let (name, value) = (name.trim(), value.trim());
    let keys: Vec<_> = top_keys().into_iter().chain(policy_keys()).collect();
    let (_, expected) = keys.iter().find(|(known, _)| *known == name)?;
    if message == "duplicate key" {
        return Some((at, format!("duplicate key \"{name}\"")));
    }
    let is_word = value.starts_with(|sign: char| sign.is_alphanumeric() || "/.~".contains(sign));
    let problem = match expected {
        Expected::Words(words) if is_word => {
            format!("{name} must be {}, in quotes", any_of(words))
        }
        Expected::Text(expected) if is_word => format!("{name} must be {expected}, in quotes"),
        Expected::Other(expected) if is_word => format!("{name} must be {expected}"),
        _ => format!("{name}: {message}"),
    };
    Some((at, problem))
}

/// The place and the explanation of the first key that does not exist.
fn unknown_key(file: &DeTable<'_>) -> Option<(usize, String)> {
    let (top, policy) = (names(&top_keys()), names(&policy_keys()));
    let top_mistakes = file.iter().filter(|(key, _)| !top.contains(&key.get_ref().as_ref()));
    let top_mistakes = top_mistakes.map(|(key, value)| {
        let name = key.get_ref().as_ref();
        let shown = escape(name);
        let problem = if policy.contains(&name) {
            format!("{shown} belongs to the table [policy]: write it below a line [policy]")
        } else if value.get_ref().is_table() {
            format!(
                "[{shown}] is not a table of this file: they are [policy], [include] and [exclude]"
            )
        } else if let Some(meant) = closest(name, policy.iter().copied())
            && closest(name, top.iter().copied()).is_none()
        {
            format!(
                "{shown} is not a key of this file; did you mean {meant} in the table [policy]?"
            )
        } else {
            format!("{shown} is not a key of this file{}", suggestion(name, &top))
        };
        (key.span().start, problem)
    });
    let table = file.get(POLICY).and_then(|table| table.get_ref().as_table());
    let policy_mistakes =
        table.into_iter().flat_map(|table| table.iter()).filter_map(|(key, _)| {
            let name = key.get_ref().as_ref();
            let shown = escape(name);
            let problem = if policy.contains(&name) {
                return None;
            } else if top.contains(&name) {
                format!("{shown} does not belong to the table [policy]: write it above the line [policy]")
            } else {
                format!("{shown} is not a key of the table [policy]{}", suggestion(name, &policy))
            };
            Some((key.span().start, problem))
        });
    top_mistakes.chain(policy_mistakes).min_by_key(|(at, _)| *at)
}

/// The key that was probably meant, or the list of the keys.
fn suggestion(name: &str, known: &[&str]) -> String {
    let meant = did_you_mean(name, known.iter().copied());
    if meant.is_empty() { format!("; the keys are {}", known.join(", ")) } else { meant }
}

fn names(keys: &[(&'static str, Expected)]) -> Vec<&'static str> {
    keys.iter().map(|(name, _)| *name).collect()
}

/// The place and the explanation of the value at which the parser failed.
fn wrong_value(file: &DeTable<'_>, place: &Range<usize>, message: &str) -> Option<(usize, String)> {
    let find = |table: &DeTable<'_>, keys: Vec<(&'static str, Expected)>| {
        keys.into_iter().find_map(|(name, expected)| {
            let value = table.get(name)?;
            let span = value.span();
            let contains = span.start <= place.start && place.end <= span.end;
            let problem = contains.then(|| problem(name, &expected, value, message));
            problem.map(|problem| (place.start, problem))
        })
    };
    // Inside of the table before the table itself.
    let table = file.get(POLICY).and_then(|table| table.get_ref().as_table());
    table.and_then(|table| find(table, policy_keys())).or_else(|| find(file, top_keys()))
}

fn problem(name: &str, expected: &Expected, value: &Spanned<DeValue<'_>>, message: &str) -> String {
    let text = value.get_ref().as_str();
    match (expected, text) {
        (Expected::Words(words), Some(text)) => {
            let meant = did_you_mean(text, words.iter().map(String::as_str));
            format!("{name} must be {}{meant}", any_of(words))
        }
        (Expected::Words(words), None) => {
            format!("{name} must be {}, in quotes", any_of(words))
        }
        // The value has the right type, so its own rule was broken, which the message names.
        (Expected::Text(_), Some(_)) => format!("{name}: {message}"),
        (Expected::Text(expected), None) => format!("{name} must be {expected}, in quotes"),
        (Expected::Other(expected), Some(_)) if !expected.contains('"') => {
            format!("{name} must be {expected}, without quotes")
        }
        (Expected::Other(_), _) if message.starts_with(name) => message.to_owned(),
        (Expected::Other(expected), _) => format!("{name} must be {expected}"),
    }
}

/// `"a", "b" or "c"`.
fn any_of(words: &[String]) -> String {
    let quoted: Vec<_> = words.iter().map(|word| format!("\"{word}\"")).collect();
    match quoted.split_last() {
        Some((last, others)) if !others.is_empty() => format!("{} or {last}", others.join(", ")),
        _ => quoted.concat(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::settings::parse;

    #[test]
    fn names_the_line_the_key_and_what_its_value_must_be() {
        let mut messages = String::new();
        for text in [
            "job = 4\n",
            "jobs = 4\n\ntiemout = 60\n",
            "allow_exec = [\"a\"]\n",
            "alow_exec = \"all\"\n",
            "colour_of_the_table = 1\n",
            "[policy]\nallow_exec = [\"a\"]\ntimeout = 60\n",
            "[policy]\nallow-exec = [\"a\"]\n",
            "[policy]\nprograms = \"all\"\n",
            "[polcy]\nallow_exec = \"all\"\n",
            "policy = true\n",
            "jobs = \"many\"\n",
            "jobs = 70000\n",
            "timeout = \"60\"\n",
            "run_timeout = true\n",
            "worker_memory = -1\n",
            "plugin_dirs = \"/opt/plugins\"\n",
            "plugin_dirs = [\"/a\", 1]\n",
            "format = \"tabel\"\n",
            "format = 1\n",
            "fail_on = true\n",
            "log_file = 1\n",
            "log_filter = \"kubernetes\"\n",
            "log_filter = [\"info\"]\n",
            "progress = \"yes\"\n",
            "exclude = 1\n",
            "[exclude]\nhost = []\n",
            "[exclude.hosts]\nclustre = [\"a\"]\n",
            "jobs = 4\n\n[exclude.guests]\nname = [\"[a\"]\n",
            "[include.guests]\nstate = [\"runing\"]\n",
            "[include.guests]\nstate = []\n",
            "max_lost = \"x\"\n",
            "max_lost = 0.2\n",
            "state = 1\n",
            "[policy]\nallow_exec = \"cluster-1\"\n",
            "[policy]\nallow_exec = true\n",
            "[policy]\nconfine = \"yes\"\n",
            "[policy]\ncredential_folders = \"/etc\"\n",
            "[policy]\ncredential_folders = [\"etc\"]\n",
            "format = table\n",
            "log_file = /var/log/gatherer.log\n",
            "jobs = many\n",
            "[policy]\nallow_exec = all\n",
            "jobs\n",
            "jobs = 1\njobs = 2\n",
        ] {
            let problem = parse(text).expect_err(text);
            let shown = text.trim_end().replace('\n', " | ");
            messages.extend([&shown, "\n    ", &problem, "\n"]);
        }
        insta::assert_snapshot!(messages);
    }
}
