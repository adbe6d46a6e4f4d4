//! Makes texts safe to show: escapes characters that control a terminal or mislead a reader, and cuts long
//! texts.

use std::fmt::Write as _;
use std::io;

/// Escapes control characters, line ends, and characters that reorder or hide others (`\n`, `\u{202e}`). So
/// untrusted text cannot add lines to a log or control a terminal.
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

/// Escapes the same characters in a JSON text on one line. Its meaning does not change.
pub fn escape_json(json: &str) -> String {
    let mut escaped = Vec::with_capacity(json.len());
    write_json_fragment(&mut escaped, json).expect("writing to a vector cannot fail");
    String::from_utf8(escaped).expect("only complete characters are written")
}

/// Escapes the same characters in a JSON text of several lines. (JSON strings contain no line breaks.)
pub fn escape_json_lines(json: &str) -> String {
    json.split('\n').map(escape_json).collect::<Vec<_>>().join("\n")
}

/// Writes a part of a JSON string, escaped as by [`escape_json`].
pub fn write_json_fragment<W: ?Sized + io::Write>(
    writer: &mut W,
    fragment: &str,
) -> io::Result<()> {
    // Nearly all fragments are plain ASCII. Serde has already escaped characters below a space.
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

/// The maximum size of a text of a warning, an error, a hint or a log line, in bytes.
pub const TEXT_MAX_BYTES: usize = 4 * 1024;

/// Space for the note that says how much was left out.
const LEFT_OUT_BYTES: usize = 48;

/// Cuts a text that is longer than [`TEXT_MAX_BYTES`], and appends how much was left out. Secrets must be
/// redacted before, because a secret that is cut would not be found.
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

/// Whether a character is escaped: it is invisible, or reorders or hides others.
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
    fn cuts_long_texts_between_characters_and_appends_the_number_of_bytes() {
        let longest = "x".repeat(TEXT_MAX_BYTES);
        assert_eq!(capped(longest.clone()), longest);
        for long in ["x".repeat(TEXT_MAX_BYTES + 1), "\u{20ac}".repeat(1_000_000)] {
            let cut = capped(long.clone());
            assert!(cut.len() <= TEXT_MAX_BYTES, "{}", cut.len());
            let (head, rest) = cut.split_once("... (").expect("a note");
            assert!(long.starts_with(head));
            assert_eq!(rest, format!("{} bytes left out)", long.len() - head.len()));
            assert_eq!(capped(cut.clone()), cut, "a cut text is not cut again");
        }
    }

    #[test]
    fn escapes_line_ends_and_hidden_characters() {
        assert_eq!(escape("a\nb\u{1b}[31m\u{202e}c"), "a\\nb\\u{1b}[31m\\u{202e}c");
    }

    #[test]
    fn an_escaped_json_text_has_the_same_meaning() {
        let json = serde_json::json!("a\u{9b}\u{202e}\u{e0001}é").to_string();
        let escaped = escape_json(&json);
        assert_eq!(escaped, "\"a\\u009b\\u202e\\udb40\\udc01é\"");
        let read: String = serde_json::from_str(&escaped).expect("JSON");
        assert_eq!(read, "a\u{9b}\u{202e}\u{e0001}é");
    }

    #[test]
    fn does_not_escape_letters_of_any_script() {
        for text in ["ééß", "日本語", "עברית", "🐧", "e\u{301}"] {
            assert_eq!(escape(text), text);
        }
    }
}
