//! The words of the program's own sentences. A secret that is such a word, or a part of one, is not redacted in a
//! sentence: the gap would show what the secret is. `scripts/own-words.sh` lists the words.

use std::collections::HashSet;
use std::ops::Range;
use std::sync::LazyLock;

use super::secret_documents::is_secret_name;

static WORDS: LazyLock<HashSet<&str>> =
    LazyLock::new(|| include_str!("own_words.txt").split_whitespace().collect());

/// The longest word in the list, in bytes.
const WORD_MAX_BYTES: usize = 24;

/// Whether the text in this place is a word of our own sentences or a part of one, and not the value of something. A
/// word may be a compound (`known_hosts`). A text with other characters, or of several words, can be a good password.
pub fn is_own(text: &[u8], place: &Range<usize>) -> bool {
    let is_letter = |byte: &u8| byte.is_ascii_alphanumeric() || !byte.is_ascii();
    let is_word = |byte: &u8| is_letter(byte) || b"-_".contains(byte);
    let secret = &text[place.clone()];
    if !secret.iter().all(is_word) {
        return false;
    }
    // Bounded, because a text may consist of one long word.
    let around = |is_part: &dyn Fn(&u8) -> bool| {
        let before = text[..place.start].iter().rev().take(WORD_MAX_BYTES + 1);
        let after = text[place.end..].iter().take(WORD_MAX_BYTES + 1);
        let before = before.take_while(|byte| is_part(byte)).count();
        let after = after.take_while(|byte| is_part(byte)).count();
        place.start - before..place.end + after
    };
    let is_listed = |place: &Range<usize>| {
        let word = &text[place.clone()];
        word.len() <= WORD_MAX_BYTES
            && std::str::from_utf8(word)
                .is_ok_and(|word| WORDS.contains(word.to_ascii_lowercase().as_str()))
    };
    let words = [around(&is_letter), around(&is_word)];
    words.iter().any(|word| is_listed(word) && !is_value(&text[..word.start], &text[word.end..]))
}

/// Whether a word between these texts is a value: `password=WORD`, `"token": "WORD"`, `user:WORD@host`.
fn is_value(before: &[u8], after: &[u8]) -> bool {
    const QUOTES: [u8; 3] = *b"\"'\\";
    let is_quote = |byte: &u8| QUOTES.contains(byte);
    let quotes = before.iter().rev().take_while(|byte| is_quote(byte)).count();
    let before_quotes = &before[..before.len() - quotes];
    // In prose, a space follows a colon.
    let before_space = match before_quotes {
        [rest @ .., b' '] if quotes > 0 => rest,
        _ => before_quotes,
    };
    let Some((separator, name)) = before_space.split_last() else { return false };
    if !matches!(separator, b':' | b'=') {
        return false;
    }
    if after.starts_with(b"@") {
        return true;
    }
    let end = name.iter().rev().take_while(|byte| is_quote(byte)).count();
    let name = &name[..name.len() - end];
    let is_name = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_".contains(byte);
    let length = name.iter().rev().take_while(|byte| is_name(byte)).count();
    let name = String::from_utf8_lossy(&name[name.len() - length..]);
    !name.is_empty() && is_secret_name(&name)
}
