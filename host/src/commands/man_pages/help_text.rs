//! The text at the end of a command's help, divided into the sections of a manual page.

use clap_mangen::roff::{Roff, bold, roman};

/// The parts of the text, without their headings.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct HelpText {
    examples: Vec<Example>,
    /// The numbers, and what they mean.
    exit_status: Vec<(String, String)>,
    /// Each paragraph.
    notes: Vec<String>,
}

impl HelpText {
    /// Divides the text at its empty lines. A paragraph is examples, exit statuses or a note.
    pub fn parse(text: &str) -> Self {
        let mut parts = Self::default();
        for paragraph in text.split("\n\n").filter(|paragraph| !paragraph.trim().is_empty()) {
            let (first, rest) = paragraph.split_once('\n').unwrap_or((paragraph, ""));
            match first {
                "Example:" | "Examples:" => parts.examples = Example::parse_all(rest),
                "Exit status:" => parts.exit_status = rest.lines().flat_map(statuses).collect(),
                _ => parts.notes.push(paragraph.replace('\n', " ")),
            }
        }
        parts
    }

    /// Adds the notes.
    pub fn add_notes(&self, page: &mut Roff) {
        if self.notes.is_empty() {
            return;
        }
        page.control("SH", ["NOTES"]);
        for (number, note) in self.notes.iter().enumerate() {
            if number > 0 {
                page.control("PP", []);
            }
            page.text([roman(note.as_str())]);
        }
    }

    /// Adds the exit statuses.
    pub fn add_exit_status(&self, page: &mut Roff, program: &str) {
        page.control("SH", ["EXIT STATUS"]);
        if self.exit_status.is_empty() {
            page.text([roman(format!("As described in {program}(1)."))]);
        }
        for (numbers, meaning) in &self.exit_status {
            page.control("TP", []);
            page.text([bold(numbers.as_str())]);
            page.text([roman(meaning.as_str())]);
        }
    }

    /// Adds the examples.
    pub fn add_examples(&self, page: &mut Roff) {
        if self.examples.is_empty() {
            return;
        }
        page.control("SH", ["EXAMPLES"]);
        for (number, example) in self.examples.iter().enumerate() {
            if number > 0 {
                page.control("PP", []);
            }
            page.control("nf", []);
            for line in &example.commands {
                page.text([roman(line.as_str())]);
            }
            page.control("fi", []);
            if !example.explanation.is_empty() {
                page.control("RS", ["4"]);
                page.text([roman(example.explanation.join(" "))]);
                page.control("RE", []);
            }
        }
    }
}

/// The exit statuses of a line: one or more, with four spaces in between, each of which is numbers and their meaning.
fn statuses(line: &str) -> impl Iterator<Item = (String, String)> {
    line.trim().split("    ").map(|status| {
        let end = status.find(|c: char| c.is_alphabetic() || c == '-').unwrap_or(0);
        let (numbers, meaning) = status.split_at(end);
        (numbers.trim().to_owned(), meaning.to_owned())
    })
}

/// Commands, and what they are for.
#[derive(Debug, Default, PartialEq, Eq)]
struct Example {
    commands: Vec<String>,
    explanation: Vec<String>,
}

impl Example {
    /// Parses examples. Commands begin after two spaces, and continue after a backslash; explanations are further to
    /// the right.
    fn parse_all(text: &str) -> Vec<Self> {
        let mut examples = vec![Self::default()];
        let mut continues = false;
        for line in text.lines() {
            let is_command = continues || !line.starts_with("   ");
            continues = is_command && line.ends_with('\\');
            if is_command && examples.last().is_none_or(|last| !last.explanation.is_empty()) {
                examples.push(Self::default());
            }
            let Some(last) = examples.last_mut() else { continue };
            if is_command {
                last.commands.push(line.strip_prefix("  ").unwrap_or(line).to_owned());
            } else {
                last.explanation.push(line.trim().to_owned());
            }
        }
        examples
    }
}

#[cfg(test)]
mod tests {
    use super::{Example, HelpText};

    #[test]
    fn divides_the_end_of_a_help() {
        let text = "Examples:\n  one a \\\n      --b\n  two\n      Explains\n      both\n  three\n\n\
                    It also\ndoes this.\n\nExit status:\n  0 done    1, 2 --fail-on applies\n  3 else";
        let example = |commands: &[&str], explanation: &[&str]| Example {
            commands: commands.iter().map(ToString::to_string).collect(),
            explanation: explanation.iter().map(ToString::to_string).collect(),
        };
        let parts = HelpText::parse(text);
        assert_eq!(
            parts.examples,
            [
                example(&["one a \\", "    --b", "two"], &["Explains", "both"]),
                example(&["three"], &[])
            ]
        );
        assert_eq!(parts.notes, ["It also does this."]);
        let statuses = [("0", "done"), ("1, 2", "--fail-on applies"), ("3", "else")];
        assert_eq!(parts.exit_status, statuses.map(|(a, b)| (a.to_owned(), b.to_owned())));
    }
}
