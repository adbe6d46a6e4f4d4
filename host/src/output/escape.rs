//! Texts as they may be shown: nothing in them steers a terminal, a log or a reader's eye, and none
//! is longer than a message may be.

use std::fmt::Write as _;
use std::io;

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

/// The same for a JSON text on one line, which stays one of the same meaning.
pub fn escape_json(json: &str) -> String {
    let mut escaped = Vec::with_capacity(json.len());
    write_json_fragment(&mut escaped, json).expect("a vector takes every byte");
    String::from_utf8(escaped).expect("whole characters are written")
}

/// The same for a JSON text of several lines: a string in it has no line break of its own.
pub fn escape_json_lines(json: &str) -> String {
    json.split('\n').map(escape_json).collect::<Vec<_>>().join("\n")
}

/// Writes a part of a JSON string, as [`escape_json`] has it.
pub fn write_json_fragment<W: ?Sized + io::Write>(
    writer: &mut W,
    fragment: &str,
) -> io::Result<()> {
    // Nearly all are this, and serde has escaped what is below a space.
    if fragment.is_ascii() && !fragment.bytes().any(|byte| byte.is_ascii_control()) {
        return writer.write_all(fragment.as_bytes());
    }
    let mut written = 0;
    for (at, character) in fragment.char_indices().filter(|(_, character)| is_hidden(*character)) {
        writer.write_all(&fragment.as_bytes()[written..at])?;
        for unit in character.encode_utf16(&mut [0; 2]) {
            write!(writer, "\\u{unit:04x}")?;
        }
        written = at + character.len_utf8();
    }
    writer.write_all(&fragment.as_bytes()[written..])
}

/// The longest text of a warning, an error, a hint or a log line, in bytes.
pub const TEXT_MAX_BYTES: usize = 4 * 1024;

/// Room for the words that say how much was left out.
const LEFT_OUT_BYTES: usize = 48;

/// The text, cut if it is longer than a message may be; with how much of it was left out. Secrets
/// must have been taken out before: the rest of one that is cut would not be found.
pub fn capped(mut text: String) -> String {
    if text.len() > TEXT_MAX_BYTES {
        let end = text.floor_char_boundary(TEXT_MAX_BYTES - LEFT_OUT_BYTES);
        let left_out = text.len() - end;
        text.truncate(end);
        // Writing to a string cannot fail.
        let _ = write!(text, "... ({left_out} bytes left out)");
    }
    text
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
    use super::{TEXT_MAX_BYTES, capped, escape, escape_json};

    #[test]
    fn a_long_text_is_cut_between_characters_and_says_how_much_is_gone() {
        let longest = "x".repeat(TEXT_MAX_BYTES);
        assert_eq!(capped(longest.clone()), longest);
        for long in ["x".repeat(TEXT_MAX_BYTES + 1), "\u{20ac}".repeat(1_000_000)] {
            let cut = capped(long.clone());
            assert!(cut.len() <= TEXT_MAX_BYTES, "{}", cut.len());
            let (head, rest) = cut.split_once("... (").expect("it says that it is cut");
            assert!(long.starts_with(head));
            assert_eq!(rest, format!("{} bytes left out)", long.len() - head.len()));
            assert_eq!(capped(cut.clone()), cut, "cut once");
        }
    }

    #[test]
    fn a_text_stays_on_its_line_and_shows_what_it_hides() {
        assert_eq!(escape("a\nb\u{1b}[31m\u{202e}c"), "a\\nb\\u{1b}[31m\\u{202e}c");
    }

    #[test]
    fn a_json_text_keeps_its_meaning() {
        let json = serde_json::json!("a\u{9b}\u{202e}\u{e0001}é").to_string();
        let escaped = escape_json(&json);
        assert_eq!(escaped, "\"a\\u009b\\u202e\\udb40\\udc01é\"");
        let read: String = serde_json::from_str(&escaped).expect("JSON");
        assert_eq!(read, "a\u{9b}\u{202e}\u{e0001}é");
    }

    #[test]
    fn letters_of_every_script_stay() {
        for text in ["ééß", "日本語", "עברית", "🐧", "e\u{301}"] {
            assert_eq!(escape(text), text);
        }
    }
}
