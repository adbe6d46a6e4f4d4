//! Measures, cuts and wraps text by its width on a terminal.

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// The width of a text in columns.
pub fn width(text: &str) -> usize {
    UnicodeWidthStr::width(text)
}

/// Cuts a text to a width; `…` replaces the rest.
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

/// Cuts the middle of a text, so that it has at most this width.
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

/// Breaks a text into lines of at most this width, between words if possible.
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
                // A character that is wider than the line is put on its own line.
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

/// The beginning of a text, of at most this width.
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
    use super::{cut, cut_middle, width, wrapped};

    #[test]
    fn cuts_by_columns() {
        assert_eq!(cut("東京タワー", 5), "東京…");
        assert_eq!(cut("abc", 3), "abc");
        assert_eq!(cut("abcd", 3), "ab…");
        assert_eq!(cut("abcd", 0), "");
        assert_eq!(cut_middle("4c4c4544-0001", 7), "4c4…001");
        assert_eq!(cut_middle("東京タワー", 6), "東…ー");
        assert_eq!(cut_middle("abc", 3), "abc");
    }

    #[test]
    fn wraps_without_losing_text() {
        let text = "one two https://example.com/a/very/long/path three";
        let lines = wrapped(text, 10);
        assert!(lines.iter().all(|line| width(line) <= 10), "{lines:?}");
        let letters = |text: &str| text.split_whitespace().collect::<String>();
        assert_eq!(letters(&lines.concat()), letters(text));
    }
}
