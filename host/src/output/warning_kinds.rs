//! Sums up the warnings of one endpoint by kind, so that ten thousand hosts with the same problem are one line.

use std::collections::{HashMap, HashSet};

use gatherer_plugin_api::model::{EndpointResult, Guest, Host, Warning};

use super::inventory::count;

/// Up to this many warnings of a kind are shown one by one.
const SINGLE_MAX: usize = 2;

/// How many objects the line of a kind names.
const OBJECTS_SHOWN: usize = 2;

/// The longest name of an object in such a line, in bytes.
const OBJECT_MAX_BYTES: usize = 64;

/// Warnings with the same text, except for the values in it: quoted texts, words with digits, and the names of
/// objects.
pub struct WarningKind<'a> {
    /// The warnings, sorted.
    pub warnings: Vec<&'a Warning>,
    /// All of them in one line; `None` if they are few enough to be shown one by one.
    pub summary: Option<String>,
}

impl WarningKind<'_> {
    /// The lines that show this kind.
    pub fn lines(&self) -> Vec<String> {
        match &self.summary {
            Some(summary) => vec![summary.clone()],
            None => self.warnings.iter().copied().map(line).collect(),
        }
    }
}

/// A warning as one line.
pub fn line(warning: &Warning) -> String {
    format!("{}: {}", warning.object, warning.message)
}

/// Sums up warnings about an endpoint and its objects. The kinds are in the order of their first warnings.
pub fn by_kind<'a>(
    warnings: impl IntoIterator<Item = &'a Warning>,
    endpoint: &EndpointResult,
) -> Vec<WarningKind<'a>> {
    let warnings: Vec<&Warning> = warnings.into_iter().collect();
    if warnings.len() <= SINGLE_MAX {
        let kind = |warning| WarningKind { warnings: vec![warning], summary: None };
        return warnings.into_iter().map(kind).collect();
    }
    let names = ObjectNames::of(endpoint);
    let mut indices = HashMap::<String, usize>::new();
    let mut kinds = Vec::<WarningKind<'a>>::new();
    for warning in warnings {
        let index = *indices.entry(pattern(warning, &names)).or_insert(kinds.len());
        match kinds.get_mut(index) {
            Some(kind) => kind.warnings.push(warning),
            None => kinds.push(WarningKind { warnings: vec![warning], summary: None }),
        }
    }
    for kind in &mut kinds {
        kind.warnings.sort();
        if kind.warnings.len() > SINGLE_MAX {
            kind.summary = Some(summary(&kind.warnings, &names));
        }
    }
    kinds
}

/// The names of the hosts and guests of an endpoint.
struct ObjectNames<'a> {
    hosts: HashSet<&'a str>,
    guests: HashSet<&'a str>,
}

impl<'a> ObjectNames<'a> {
    fn of(endpoint: &'a EndpointResult) -> Self {
        let on_hosts = endpoint.hosts.iter().flat_map(|host: &Host| &host.guests);
        let guests = on_hosts.chain(&endpoint.detached_guests);
        Self {
            hosts: endpoint.hosts.iter().map(|host| host.name.as_str()).collect(),
            guests: guests.map(|guest: &Guest| guest.name.as_str()).collect(),
        }
    }

    fn contains(&self, word: &str) -> bool {
        self.hosts.contains(word) || self.guests.contains(word)
    }

    /// What the objects of warnings are, as far as it is known.
    fn noun(&self, objects: &HashSet<&str>) -> &'static str {
        if objects.is_subset(&self.hosts) {
            "host"
        } else if objects.is_subset(&self.guests) {
            "guest"
        } else {
            "object"
        }
    }
}

/// One line for warnings of one kind: `12 hosts: the message (esx1, esx2, ...)`. A value that is not the same in all
/// of them is `...`.
fn summary(warnings: &[&Warning], names: &ObjectNames<'_>) -> String {
    let mut text: Vec<Part<'_>> = parts(warnings[0], names);
    for warning in &warnings[1..] {
        for (shown, part) in text.iter_mut().zip(parts(warning, names)) {
            if *shown != part {
                *shown = Part::Value(if part.text().starts_with('"') { "\"...\"" } else { "..." });
            }
        }
    }
    let text: String = text.iter().map(Part::text).collect();
    let objects: HashSet<&str> = warnings.iter().map(|warning| &*warning.object).collect();
    // Objects with one name are not distinguished, so the number of objects is not known.
    let noun = if objects.len() == warnings.len() { names.noun(&objects) } else { "warning" };
    let mut shown: Vec<&str> = warnings.iter().map(|warning| shortened(&warning.object)).collect();
    shown.dedup();
    if shown.len() > OBJECTS_SHOWN {
        shown.truncate(OBJECTS_SHOWN);
        shown.push("...");
    }
    format!("{}: {text} ({})", count(warnings.len(), noun), shown.join(", "))
}

fn shortened(object: &str) -> &str {
    &object[..object.floor_char_boundary(OBJECT_MAX_BYTES)]
}

/// A part of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part<'a> {
    /// A part that all warnings of a kind have.
    Fixed(&'a str),
    /// A part that differs among the warnings of a kind.
    Value(&'a str),
}

impl<'a> Part<'a> {
    fn text(&self) -> &'a str {
        match self {
            Self::Fixed(text) | Self::Value(text) => text,
        }
    }
}

/// The message of a warning without its values. Warnings with the same pattern are of one kind.
fn pattern(warning: &Warning, names: &ObjectNames<'_>) -> String {
    let parts = parts(warning, names).into_iter();
    // A message has no NUL that is not escaped when it is shown, so it stands for a value.
    parts.map(|part| if let Part::Fixed(text) = part { text } else { "\0" }).collect()
}

/// Splits the message of a warning.
fn parts<'a>(warning: &'a Warning, names: &ObjectNames<'_>) -> Vec<Part<'a>> {
    let mut rest = warning.message.as_str();
    let mut parts = Vec::new();
    while let Some(first) = rest.chars().next() {
        let part = if let Some(length) = quoted_bytes(rest) {
            Part::Value(&rest[..length])
        } else if starts_with_name(rest, &warning.object) {
            Part::Value(&rest[..warning.object.len()])
        } else {
            let word = word(rest);
            if word.is_empty() {
                Part::Fixed(&rest[..first.len_utf8()])
            } else if word.bytes().any(|byte| byte.is_ascii_digit()) || names.contains(word) {
                Part::Value(word)
            } else {
                Part::Fixed(word)
            }
        };
        rest = &rest[part.text().len()..];
        parts.push(part);
    }
    parts
}

/// The length of the text in quotes at the beginning, if there is one. A quote after a backslash is part of it.
fn quoted_bytes(text: &str) -> Option<usize> {
    let inside = text.strip_prefix('"')?;
    let mut is_escaped = false;
    let end = inside.bytes().position(|byte| {
        let ends = byte == b'"' && !is_escaped;
        is_escaped = byte == b'\\' && !is_escaped;
        ends
    });
    end.map(|end| end + 2)
}

/// Whether a text begins with a name, which may have several words.
fn starts_with_name(text: &str, name: &str) -> bool {
    let after = text.strip_prefix(name).filter(|_| !name.is_empty());
    after.is_some_and(|after| !after.starts_with(is_word_character))
}

/// The word at the beginning, without punctuation at its end.
fn word(text: &str) -> &str {
    let end = text.find(|character| !is_word_character(character)).unwrap_or(text.len());
    text[..end].trim_end_matches(['.', ':', '/', '-'])
}

fn is_word_character(character: char) -> bool {
    character.is_alphanumeric() || "-_.:/@+".contains(character)
}

#[cfg(test)]
mod tests {
    use gatherer_plugin_api::model::{EndpointResult, Guest, Host, Warning};

    use super::by_kind;

    fn endpoint() -> EndpointResult {
        let host = |number: usize| Host::new(format!("id{number}"), format!("esx{number:05}"));
        let mut endpoint = EndpointResult::new("e".into(), None, None);
        endpoint.hosts = (0..10_000).map(host).collect();
        let guest = |name: &str| Guest::new(name, name);
        endpoint.hosts[0].guests = ["alpha", "beta", "gamma"].map(guest).to_vec();
        endpoint
    }

    fn lines(warnings: impl IntoIterator<Item = (String, String)>) -> Vec<String> {
        let warning = |(object, message)| Warning { object, message };
        let warnings: Vec<_> = warnings.into_iter().map(warning).collect();
        by_kind(&warnings, &endpoint()).iter().flat_map(super::WarningKind::lines).collect()
    }

    fn of(objects: &[&str], message: impl Fn(&str) -> String) -> Vec<String> {
        lines(objects.iter().map(|object| ((*object).to_owned(), message(object))))
    }

    #[test]
    fn ten_thousand_hosts_with_one_problem_are_one_line() {
        let same = |number| (format!("esx{number:05}"), "no clock, ignored".to_owned());
        let other = ("esx00007".to_owned(), "no fan".to_owned());
        let found = lines((0..10_000).map(same).chain([other]));
        let expected =
            ["10000 hosts: no clock, ignored (esx00000, esx00001, ...)", "esx00007: no fan"];
        assert_eq!(found, expected);
    }

    #[test]
    fn two_warnings_of_a_kind_are_shown_one_by_one() {
        let found = of(&["a", "b"], |object| format!("listed as \"{object} (1)\""));
        assert_eq!(found, ["a: listed as \"a (1)\"", "b: listed as \"b (1)\""]);
    }

    #[test]
    fn values_that_differ_are_left_out_and_others_stay() {
        let objects = ["alpha", "beta", "gamma"];
        for (message, line) in [
            ("listed as \"{} \\\" x\" in 5 s", "listed as \"...\" in 5 s"),
            ("its id {}-7 is in use", "its id ... is in use"),
            ("the guest {} has no disk", "the guest ... has no disk"),
            ("no disk: {}", "no disk: ..."),
        ] {
            let found = of(&objects, |object| message.replace("{}", object));
            assert_eq!(found, [format!("3 guests: {line} (alpha, beta, ...)")]);
        }
        let by_number =
            lines((0..3).map(|number| (format!("o{number}"), format!("{number} free"))));
        assert_eq!(by_number, ["3 objects: ... free (o0, o1, ...)"]);
    }

    #[test]
    fn a_name_of_several_words_is_a_value() {
        let found =
            of(&["Pod x/one two", "Pod x/three", "Pod y/b"], |object| format!("{object} hangs"));
        assert_eq!(found, ["3 objects: ... hangs (Pod x/one two, Pod x/three, ...)"]);
    }

    #[test]
    fn several_warnings_about_one_object_are_not_several_objects() {
        let guests = (0..3).map(|number| ("alpha".to_owned(), format!("its disk \"d{number}\"")));
        assert_eq!(lines(guests), ["3 warnings: its disk \"...\" (alpha)"]);
    }

    #[test]
    fn different_texts_are_different_kinds() {
        let found = of(&["a", "b", "c"], |object| format!("has a problem {}", object.repeat(2)));
        assert_eq!(found.len(), 3);
    }
}
