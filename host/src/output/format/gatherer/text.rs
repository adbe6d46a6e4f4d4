//! Texts that fit the Manager's columns, and keys that stay unique when they are cut.
//!
//! Lengths count UTF-16 units: whether a column counts those or characters, a text that fits
//! in units fits in both.

use std::collections::{BTreeMap, BTreeSet, HashSet};

/// The longest host key, host name and guest name.
pub const NAME: usize = 128;

/// The longest guest id.
pub const GUEST_ID: usize = 128;
/// The longest host identifier: its column has 1024, of which the Manager's own prefix takes some.
pub const IDENTIFIER: usize = 1000;

/// From this length on, an id stands in a suffix by its beginning and its fingerprint.
const LONG_ID: usize = 64;

/// The text with U+0000, which no column can hold, replaced by U+FFFD.
pub fn storable(text: &str) -> String {
    text.replace('\0', "\u{fffd}")
}

/// As much of the text's beginning as fits, in whole characters.
pub fn cut(text: &str, limit: usize) -> &str {
    // No character has more units than bytes.
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

/// What wants to be a key.
#[derive(Debug, Clone, Copy)]
pub struct Wish<'a> {
    /// The key, were there no other.
    pub name: &'a str,
    /// What tells it from others of that name.
    pub id: &'a str,
}

/// A key, and why it is not the one that was wished for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Key {
    /// The key: unique among those assigned together, and short enough.
    pub text: String,
    /// Whether another one wanted the same key.
    pub collided: bool,
    /// Whether characters had to go.
    pub shortened: bool,
}

/// Assigns a key to each wish, in their order. Names that collide, also those that only do
/// so once they are cut, get ` (<id>)`, every holder alike; the name is cut, the suffix never.
/// Should that collide too, a fingerprint of name and id follows, then a number: wishes that
/// are equal in both can be told apart by their order alone.
pub fn unique_keys(wishes: &[Wish<'_>], limit: usize) -> Vec<Key> {
    let mut levels = vec![0_u8; wishes.len()];
    let mut texts: Vec<String>;
    loop {
        texts = wishes.iter().zip(&levels).map(|(wish, level)| key(*wish, *level, limit)).collect();
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
    let collided: BTreeSet<usize> = number_the_rest(&mut texts, " #", limit);
    texts
        .into_iter()
        .enumerate()
        .map(|(index, text)| Key {
            shortened: cut(wishes[index].name, limit) != wishes[index].name,
            collided: levels[index] > 0 || collided.contains(&index),
            text,
        })
        .collect()
}

/// Appends a number to every text that is still there twice; the first free numbers, in
/// order. Returns which ones got one.
pub fn number_the_rest(texts: &mut [String], mark: &str, limit: usize) -> BTreeSet<usize> {
    let groups = collisions(texts);
    if groups.is_empty() {
        return BTreeSet::new();
    }
    let mut taken: BTreeSet<String> = texts.iter().cloned().collect();
    let mut numbered = BTreeSet::new();
    for holders in groups {
        let mut number = 0_usize;
        for holder in holders {
            loop {
                number += 1;
                let suffix = format!("{mark}{number}");
                let room = limit.saturating_sub(suffix.len());
                let text = format!("{}{suffix}", cut(&texts[holder], room));
                if taken.insert(text.clone()) {
                    texts[holder] = text;
                    numbered.insert(holder);
                    break;
                }
            }
        }
    }
    numbered
}

/// The positions of equal texts, group by group, where there is more than one.
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

fn key(wish: Wish<'_>, level: u8, limit: usize) -> String {
    if level == 0 {
        return cut(wish.name, limit).to_owned();
    }
    let mut suffix = format!(" ({})", abridged(wish.id, LONG_ID));
    if level > 1 {
        suffix = format!("{suffix} ({:016x})", fingerprint(&[wish.name, wish.id]));
    }
    let length = suffix.encode_utf16().count();
    format!("{}{suffix}", cut(wish.name, limit.saturating_sub(length)))
}

/// The text if it is short enough, else its beginning and its fingerprint.
pub fn abridged(text: &str, limit: usize) -> String {
    if cut(text, limit) == text {
        return text.to_owned();
    }
    format!("{}~{:016x}", cut(text, limit - 17), fingerprint(&[text]))
}

/// 64 bits of FNV-1a: the same on every machine and in every release.
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

    use super::{NAME, Wish, cut, unique_keys};

    fn keys(wishes: &[(&str, &str)]) -> Vec<String> {
        let wishes: Vec<_> = wishes.iter().map(|(name, id)| Wish { name, id }).collect();
        unique_keys(&wishes, NAME).into_iter().map(|key| key.text).collect()
    }

    #[test]
    fn a_cut_counts_utf16_units_and_keeps_characters_whole() {
        assert_eq!(cut("ab😀c", 3), "ab");
        assert_eq!(cut("ab😀c", 4), "ab😀");
        assert_eq!(cut("äöü", 3), "äöü");
    }

    #[test]
    fn every_holder_of_a_name_gets_its_id_and_others_keep_theirs() {
        assert_eq!(keys(&[("web", "1"), ("db", "2"), ("web", "3")]), ["web (1)", "db", "web (3)"]);
    }

    #[test]
    fn a_suffix_that_collides_with_a_real_name_is_told_apart_again() {
        let keys = keys(&[("web", "1"), ("web", "2"), ("web (1)", "3")]);
        assert_eq!(keys.iter().collect::<BTreeSet<_>>().len(), 3);
        assert_eq!(keys[1], "web (2)");
        assert!(keys[0].starts_with("web (1) ("), "{keys:?}");
        assert_eq!(keys[2], "web (1) (3)");
    }

    #[test]
    fn equal_name_and_id_are_numbered() {
        let keys = keys(&[("web", "1"), ("web", "1")]);
        assert!(keys[0].ends_with(" #1") && keys[1].ends_with(" #2"), "{keys:?}");
    }

    #[test]
    fn names_that_collide_only_once_cut_are_told_apart_within_the_limit() {
        let long = "x".repeat(200);
        let (one, two) = (format!("{long}1"), format!("{long}2"));
        let id = "i".repeat(300);
        let keys = keys(&[(&one, "a"), (&two, "b"), (&long, &id)]);
        assert_eq!(keys.iter().collect::<BTreeSet<_>>().len(), 3);
        assert!(keys[0].ends_with("x (a)") && keys[1].ends_with("x (b)"), "{keys:?}");
        assert!(keys.iter().all(|key| key.len() == NAME), "{keys:?}");
    }
}
