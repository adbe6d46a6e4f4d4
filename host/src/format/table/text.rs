//! Text on a terminal: what is dangerous to show is escaped, what is too wide is cut or wrapped.

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// The text with control characters, and those that reorder or hide others, in the form
/// `\u{202e}`: what an endpoint says must not be able to steer the terminal.
pub fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        if is_dangerous(character) {
            out.extend(character.escape_unicode());
        } else {
            out.push(character);
        }
    }
    out
}

fn is_dangerous(character: char) -> bool {
    character.is_control()
        || matches!(
            character,
            '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{feff}' | '\u{200b}'..='\u{200f}'
                | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{fff9}'..='\u{fffb}'
                | '\u{e0000}'..='\u{e007f}'
        )
}

/// How many columns the text fills.
pub fn width(text: &str) -> usize {
    UnicodeWidthStr::width(text)
}

/// The text, cut to so many columns; `…` stands for what is gone.
pub fn cut(text: &str, limit: usize) -> String {
    if width(text) <= limit {
        return text.to_owned();
    }
    if limit == 0 {
        return String::new();
    }
    let mut out = head(text, limit - 1).to_owned();
    out.push('…');
    out
}

/// The text, cut to so many columns in its middle.
pub fn cut_middle(text: &str, limit: usize) -> String {
    if width(text) <= limit || limit < 3 {
        return cut(text, limit);
    }
    let mut tail = text;
    while width(tail) > (limit - 1) / 2 {
        tail = &tail[tail.chars().next().map_or(0, char::len_utf8)..];
    }
    format!("{}…{tail}", head(text, limit - 1 - width(tail)))
}

/// The text in lines of at most so many columns, broken between words where that is possible.
pub fn wrapped(text: &str, limit: usize) -> Vec<String> {
    let limit = limit.max(1);
    let mut lines = Vec::new();
    let mut line = String::new();
    for word in text.split_whitespace() {
        let mut word = word;
        let gap = usize::from(!line.is_empty());
        if !line.is_empty() && width(&line) + gap + width(word) > limit {
            lines.push(std::mem::take(&mut line));
        }
        while line.is_empty() && width(word) > limit {
            let mut part = head(word, limit);
            if part.is_empty() {
                // A character wider than the line stands alone all the same.
                part = &word[..word.chars().next().map_or(0, char::len_utf8)];
            }
            lines.push(part.to_owned());
            word = &word[part.len()..];
        }
        if word.is_empty() {
            continue;
        }
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
    }
    if !line.is_empty() || lines.is_empty() {
        lines.push(line);
    }
    lines
}

fn head(text: &str, limit: usize) -> &str {
    let mut used = 0;
    for (index, character) in text.char_indices() {
        used += character.width().unwrap_or(0);
        if used > limit {
            return &text[..index];
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::{cut, cut_middle, escaped, width, wrapped};

    #[test]
    fn control_and_bidi_characters_are_escaped_and_letters_are_not() {
        assert_eq!(escaped("a\u{1b}[31m\u{202e}b\n"), "a\\u{1b}[31m\\u{202e}b\\u{a}");
        assert_eq!(escaped("zażółć 東京"), "zażółć 東京");
    }

    #[test]
    fn a_cut_counts_columns() {
        assert_eq!(cut("東京タワー", 5), "東京…");
        assert_eq!(cut("abc", 3), "abc");
        assert_eq!(cut("abcd", 3), "ab…");
        assert_eq!(cut("abcd", 0), "");
        assert_eq!(cut_middle("4c4c4544-0001", 7), "4c4…001");
        assert_eq!(cut_middle("東京タワー", 6), "東…ー");
        assert_eq!(cut_middle("abc", 3), "abc");
    }

    #[test]
    fn wrapping_keeps_every_letter_and_every_line_short() {
        let text = "one two https://example.com/a/very/long/path three";
        let lines = wrapped(text, 10);
        assert!(lines.iter().all(|line| width(line) <= 10), "{lines:?}");
        let letters = |text: &str| text.split_whitespace().collect::<String>();
        assert_eq!(letters(&lines.concat()), letters(text));
    }
}
