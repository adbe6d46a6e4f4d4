//! Fits texts into the Manager's columns, and assigns keys that are unique even after they are cut.
//!
//! Lengths are counted in UTF-16 units. A text that fits by this count also fits if a column counts characters.

use std::collections::{BTreeMap, BTreeSet, HashSet};

/// The maximum length of a host key, a host name and a guest name.
pub const NAME: usize = 128;

/// The maximum length of a guest id.
pub const GUEST_ID: usize = 128;
/// The maximum length of a host identifier. Its column has 1024, of which the Manager's own prefix takes some.
pub const IDENTIFIER: usize = 1000;

/// A longer id is replaced in a suffix by its beginning and a fingerprint.
const LONG_ID: usize = 64;

/// Replaces U+0000, which cannot be stored, by U+FFFD.
pub fn storable(text: &str) -> String {
    text.replace('\0', "\u{fffd}")
}

/// Cuts a text to a length, between characters.
pub fn cut(text: &str, limit: usize) -> &str {
    // The number of units is at most the number of bytes.
    if text.len() <= limit {
        return text;
    }
    let mut units = 0;
    for (index, character) in text.char_indices() {
        units += character.len_utf16();
        if units > limit {
            return &text[..index];
        }
    }
    text
}

/// An object that needs a key.
#[derive(Debug, Clone, Copy)]
pub struct KeyRequest<'a> {
    /// The preferred key.
    pub name: &'a str,
    /// The id, which distinguishes objects with the same name.
    pub id: &'a str,
}

/// An assigned key, and how it differs from the name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Key {
    /// The key. It is unique among those that were assigned together, and not too long.
    pub text: String,
    /// Whether another object has the same name.
    pub is_duplicate: bool,
    /// Whether the name was cut.
    pub is_cut: bool,
}

/// Assigns a key to each object, in their order. If several names are equal, possibly only after they are cut, each gets the
/// suffix ` (<id>)`. The name is cut to make room; the suffix is never cut. If that is not unique either, a fingerprint of
/// name and id is added, and then a number.
pub fn unique_keys(requests: &[KeyRequest<'_>], limit: usize) -> Vec<Key> {
    let mut levels = vec![0_u8; requests.len()];
    let mut texts: Vec<String>;
    loop {
        texts = requests
            .iter()
            .zip(&levels)
            .map(|(request, level)| key(*request, *level, limit))
            .collect();
        let mut grown = false;
        for holders in collisions(&texts) {
            for holder in holders {
                if levels[holder] < 2 {
                    levels[holder] += 1;
                    grown = true;
                }
            }
        }
        if !grown {
            break;
        }
    }
    let numbered: BTreeSet<usize> = number_duplicates(&mut texts, " #", limit);
    texts
        .into_iter()
        .enumerate()
        .map(|(index, text)| Key {
            is_cut: cut(requests[index].name, limit) != requests[index].name,
            is_duplicate: levels[index] > 0 || numbered.contains(&index),
            text,
        })
        .collect()
}

/// Appends a number to each of several equal texts. Returns the positions of these texts.
pub fn number_duplicates(texts: &mut [String], mark: &str, limit: usize) -> BTreeSet<usize> {
    let groups = collisions(texts);
    if groups.is_empty() {
        return BTreeSet::new();
    }
    let mut used: BTreeSet<String> = texts.iter().cloned().collect();
    let mut numbered = BTreeSet::new();
    for holders in groups {
        let mut number = 0_usize;
        for holder in holders {
            loop {
                number += 1;
                let suffix = format!("{mark}{number}");
                let room = limit.saturating_sub(suffix.len());
                let text = format!("{}{suffix}", cut(&texts[holder], room));
                if used.insert(text.clone()) {
                    texts[holder] = text;
                    numbered.insert(holder);
                    break;
                }
            }
        }
    }
    numbered
}

/// The positions of equal texts, in one group for each text that occurs more than once.
pub fn collisions(texts: &[String]) -> Vec<Vec<usize>> {
    let mut seen = HashSet::with_capacity(texts.len());
    if texts.iter().all(|text| seen.insert(text)) {
        return Vec::new();
    }
    let mut groups = BTreeMap::<&str, Vec<usize>>::new();
    for (index, text) in texts.iter().enumerate() {
        groups.entry(text).or_default().push(index);
    }
    groups.into_values().filter(|holders| holders.len() > 1).collect()
}

/// The key of an object: the name (level 0), with the id (1), with the id and a fingerprint (2).
fn key(request: KeyRequest<'_>, level: u8, limit: usize) -> String {
    if level == 0 {
        return cut(request.name, limit).to_owned();
    }
    let mut suffix = format!(" ({})", abridged(request.id, LONG_ID));
    if level > 1 {
        suffix = format!("{suffix} ({:016x})", fingerprint(&[request.name, request.id]));
    }
    let length = suffix.encode_utf16().count();
    format!("{}{suffix}", cut(request.name, limit.saturating_sub(length)))
}

/// The text if it is short enough, or else its beginning and a fingerprint.
pub fn abridged(text: &str, limit: usize) -> String {
    if cut(text, limit) == text {
        return text.to_owned();
    }
    format!("{}~{:016x}", cut(text, limit - 17), fingerprint(&[text]))
}

/// A 64-bit FNV-1a hash, which is the same on every machine and in every release.
fn fingerprint(texts: &[&str]) -> u64 {
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    for byte in texts.iter().flat_map(|text| text.bytes().chain([0xff])) {
        hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    }
    hash
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::{KeyRequest, NAME, cut, unique_keys};

    fn keys(objects: &[(&str, &str)]) -> Vec<String> {
        let requests: Vec<_> = objects.iter().map(|(name, id)| KeyRequest { name, id }).collect();
        unique_keys(&requests, NAME).into_iter().map(|key| key.text).collect()
    }

    #[test]
    fn cuts_by_utf16_units_between_characters() {
        assert_eq!(cut("ab😀c", 3), "ab");
        assert_eq!(cut("ab😀c", 4), "ab😀");
        assert_eq!(cut("äöü", 3), "äöü");
    }

    #[test]
    fn objects_with_the_same_name_get_their_id() {
        assert_eq!(keys(&[("web", "1"), ("db", "2"), ("web", "3")]), ["web (1)", "db", "web (3)"]);
    }

    #[test]
    fn extends_a_suffixed_name_that_is_another_objects_name() {
        let keys = keys(&[("web", "1"), ("web", "2"), ("web (1)", "3")]);
        assert_eq!(keys.iter().collect::<BTreeSet<_>>().len(), 3);
        assert_eq!(keys[1], "web (2)");
        assert!(keys[0].starts_with("web (1) ("), "{keys:?}");
        assert_eq!(keys[2], "web (1) (3)");
    }

    #[test]
    fn numbers_objects_with_the_same_name_and_id() {
        let keys = keys(&[("web", "1"), ("web", "1")]);
        assert!(keys[0].ends_with(" #1") && keys[1].ends_with(" #2"), "{keys:?}");
    }

    #[test]
    fn distinguishes_names_that_are_equal_after_they_are_cut() {
        let long = "x".repeat(200);
        let (one, two) = (format!("{long}1"), format!("{long}2"));
        let id = "i".repeat(300);
        let keys = keys(&[(&one, "a"), (&two, "b"), (&long, &id)]);
        assert_eq!(keys.iter().collect::<BTreeSet<_>>().len(), 3);
        assert!(keys[0].ends_with("x (a)") && keys[1].ends_with("x (b)"), "{keys:?}");
        assert!(keys.iter().all(|key| key.len() == NAME), "{keys:?}");
    }
}
