//! The text of an infile, in which NaN and infinite numbers do not make the whole text invalid.

use std::borrow::Cow;

/// The words for numbers that are not JSON. Python, and so the classic program, reads and writes them.
const NOT_JSON: [&str; 3] = ["NaN", "Infinity", "-Infinity"];

/// The text of an infile without numbers that are not JSON. Each is replaced by an empty string and blanks, so that all
/// else keeps its position.
pub struct InfileText<'t> {
    text: Cow<'t, str>,
    /// The indices of the replaced numbers in their order, and their words.
    replaced: Vec<(usize, &'static str)>,
}

impl<'t> InfileText<'t> {
    /// Replaces the numbers that are not JSON.
    pub fn new(text: &'t str) -> Self {
        let mut text = Cow::from(text);
        let mut replaced = Vec::new();
        let mut is_in_string = false;
        let mut at = 0;
        while let Some(byte) = text.as_bytes().get(at) {
            match byte {
                b'\\' if is_in_string => at += 1,
                b'"' => is_in_string = !is_in_string,
                b'N' | b'I' | b'-' if !is_in_string => {
                    let rest = &text.as_bytes()[at..];
                    let word = NOT_JSON.into_iter().find(|word| rest.starts_with(word.as_bytes()));
                    if let Some(word) = word {
                        replaced.push((at, word));
                        at += word.len() - 1;
                    }
                }
                _ => {}
            }
            at += 1;
        }
        for (at, word) in &replaced {
            let width = word.len();
            text.to_mut().replace_range(*at..at + width, &format!("{:<width$}", "\"\""));
        }
        Self { text, replaced }
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The index and the word of the first replaced number in a part of the text.
    pub fn not_json_in(&self, part: &str) -> Option<(usize, &'static str)> {
        let start = part.as_ptr().addr().saturating_sub(self.text.as_ptr().addr());
        let first = self.replaced.partition_point(|(at, _)| *at < start);
        self.replaced.get(first).copied().filter(|(at, _)| *at < start + part.len())
    }
}
