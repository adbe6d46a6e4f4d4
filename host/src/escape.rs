//! Makes visible what a text could steer a terminal, a log or a reader's eye with.

/// The text with control characters, line ends, and those that reorder or hide others, in a
/// visible form (`\n`, `\u{202e}`): whoever wrote the text writes no lines of their own into a
/// log, and does not steer a terminal.
pub fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '\n' | '\r' | '\t' => escaped.extend(character.escape_default()),
            hidden if is_hidden(hidden) => escaped.extend(hidden.escape_unicode()),
            shown => escaped.push(shown),
        }
    }
    escaped
}

fn is_hidden(character: char) -> bool {
    character.is_control()
        || matches!(
            character,
            '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{feff}' | '\u{200b}'..='\u{200f}'
                | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{fff9}'..='\u{fffb}'
                | '\u{e0000}'..='\u{e007f}'
        )
}

#[cfg(test)]
mod tests {
    use super::escape;

    #[test]
    fn a_text_stays_on_its_line_and_shows_what_it_hides() {
        assert_eq!(escape("a\nb\u{1b}[31m\u{202e}c"), "a\\nb\\u{1b}[31m\\u{202e}c");
    }

    #[test]
    fn letters_of_every_script_stay() {
        for text in ["ééß", "日本語", "עברית", "🐧", "e\u{301}"] {
            assert_eq!(escape(text), text);
        }
    }
}
