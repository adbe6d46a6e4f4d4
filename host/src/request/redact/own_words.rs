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

/// The shortest word that a secret of several words can have, in bytes.
const PART_MIN_BYTES: usize = 2;

/// Whether the text in this place is a word of our own sentences, a part of one, or several that are joined by other
/// characters than spaces (`known-hosts`); and not the value of something. A sentence of such words is a good password.
pub fn is_own(text: &[u8], place: &Range<usize>) -> bool {
    let is_word = |byte: &u8| byte.is_ascii_alphanumeric() || !byte.is_ascii();
    let secret = &text[place.clone()];
    if secret.iter().any(u8::is_ascii_whitespace) {
        return false;
    }
    // Bounded, because a text may consist of one long word.
    let bounded = WORD_MAX_BYTES + 1;
    let before = text[..place.start].iter().rev().take(bounded).take_while(|byte| is_word(byte));
    let after = text[place.end..].iter().take(bounded).take_while(|byte| is_word(byte));
    let start =
        place.start - secret.first().filter(|byte| is_word(byte)).map_or(0, |_| before.count());
    let end = place.end + secret.last().filter(|byte| is_word(byte)).map_or(0, |_| after.count());
    let words = text[start..end].split(|byte| !is_word(byte)).filter(|word| !word.is_empty());
    let words: Vec<_> = words.collect();
    let is_own_word = |word: &&[u8]| {
        (words.len() == 1 || word.len() >= PART_MIN_BYTES || *word == b"s")
            && word.len() <= WORD_MAX_BYTES
            && std::str::from_utf8(word)
                .is_ok_and(|word| WORDS.contains(word.to_ascii_lowercase().as_str()))
    };
    !words.is_empty() && words.iter().all(is_own_word) && !is_value(&text[..start], &text[end..])
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
