//! Names that have no special meaning for Ansible, for shells, and for paths.

use std::collections::{HashMap, HashSet};

/// The maximum length of a name, in bytes. Ansible uses names as file names (`host_vars`, caches of facts), which have at
/// most 255 bytes.
const MAX_BYTES: usize = 200;

/// Names that Ansible gives a meaning to. A machine called `localhost` would replace the computer that Ansible runs on.
const RESERVED: [&str; 4] = ["all", "ungrouped", "localhost", "127.0.0.1"];

/// The prefix of all groups, which no machine's name has.
pub const GROUP_PREFIX: &str = "vhg_";

/// Keys with this prefix make Ansible replace the whole object by something else.
pub const INTERNAL_PREFIX: &str = "__ansible";

/// A name for a machine: letters and digits of all scripts, `_`, `.` and `-`; other characters become `_`. It does not
/// start with `.` or `-`. A name that Ansible or a group could have gets a leading `_`. Empty only if `name` is empty.
pub fn machine_name(name: &str) -> String {
    let mut safe: String = name
        .chars()
        .map(|c| if c.is_alphanumeric() || matches!(c, '.' | '-' | '_') { c } else { '_' })
        .collect();
    if safe.starts_with(['.', '-']) {
        safe.replace_range(..1, "_");
    }
    let is_internal = safe.starts_with(INTERNAL_PREFIX) || safe.starts_with(GROUP_PREFIX);
    if is_internal || RESERVED.contains(&safe.as_str()) {
        safe.insert(0, '_');
    }
    cut(safe)
}

/// A part of a group's name: ASCII letters, digits and `_`; other characters become `_`, as in Ansible's own
/// `to_safe_group_name`, which also keeps letters of other scripts. Empty if `text` has no ASCII letter or digit.
pub fn group_part(text: &str) -> String {
    if !text.contains(|c: char| c.is_ascii_alphanumeric()) {
        return String::new();
    }
    text.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect()
}

/// Shortens a name that is too long. The number at its end, calculated from the whole name, distinguishes it from others
/// with the same start.
pub fn cut(mut name: String) -> String {
    if name.len() > MAX_BYTES {
        let suffix = format!("_{:08x}", checksum(&[&name]));
        name.truncate(name.floor_char_boundary(MAX_BYTES - suffix.len()));
        name.push_str(&suffix);
    }
    name
}

/// FNV-1a of texts. It is the same in each version of the program, because names depend on it.
pub fn checksum(texts: &[&str]) -> u32 {
    let bytes = texts.iter().flat_map(|text| text.bytes().chain([0xff]));
    bytes.fold(0x811c_9dc5, |sum, byte| (sum ^ u32::from(byte)).wrapping_mul(0x0100_0193))
}

/// Makes names unique. `candidate(position, level)` is a name that is the more specific the higher the level is, from 0
/// to `levels`. If several objects have a name, each of them gets the next candidate; if the last candidates are equal,
/// they are numbered.
pub fn unique(
    count: usize,
    levels: usize,
    candidate: impl Fn(usize, usize) -> String,
) -> Vec<String> {
    let mut names: Vec<_> = (0..count).map(|position| candidate(position, 0)).collect();
    for level in 1..=levels {
        for position in duplicates(&names) {
            names[position] = candidate(position, level);
        }
    }
    let equal = duplicates(&names);
    if equal.is_empty() {
        return names;
    }
    let mut taken: HashSet<String> = names.iter().cloned().collect();
    let mut last: HashMap<String, usize> = HashMap::new();
    for position in equal {
        let number = last.entry(names[position].clone()).or_default();
        names[position] = loop {
            *number += 1;
            let numbered = cut(format!("{}_{number}", names[position]));
            if taken.insert(numbered.clone()) {
                break numbered;
            }
        };
    }
    names
}

/// The positions of names that occur several times.
fn duplicates(names: &[String]) -> Vec<usize> {
    let mut counts: HashMap<&str, usize> = HashMap::with_capacity(names.len());
    for name in names {
        *counts.entry(name).or_default() += 1;
    }
    (0..names.len()).filter(|position| counts[names[*position].as_str()] > 1).collect()
}

#[cfg(test)]
mod tests {
    use super::{cut, group_part, machine_name, unique};

    #[test]
    fn machine_names_have_no_meaning_for_ansible_or_a_path() {
        for (name, safe) in [
            ("web-1.example.com", "web-1.example.com"),
            ("München 東京", "München_東京"),
            ("../../etc/passwd", "_._.._etc_passwd"),
            ("-i", "_i"),
            ("a\nb\u{202e}{{ 7*7 }}", "a_b____7_7___"),
            ("web[1:3],~x", "web_1_3___x"),
            ("localhost", "_localhost"),
            ("all", "_all"),
            ("vhg_guests", "_vhg_guests"),
            ("__ansible_unsafe", "___ansible_unsafe"),
            ("", ""),
        ] {
            assert_eq!(machine_name(name), safe, "{name:?}");
        }
    }

    #[test]
    fn group_parts_are_ascii_identifiers_or_empty() {
        for (text, part) in [
            ("app.kubernetes.io/name", "app_kubernetes_io_name"),
            ("Köln", "K_ln"),
            ("生产", ""),
            ("_", ""),
            ("7", "7"),
        ] {
            assert_eq!(group_part(text), part, "{text:?}");
        }
    }

    #[test]
    fn long_names_are_cut_and_stay_different() {
        let long = "é".repeat(300);
        let (one, other) = (cut(format!("{long}1")), cut(format!("{long}2")));
        assert_ne!(one, other);
        assert!(one.len() <= 200 && one.len() > 190, "{}", one.len());
        assert_eq!(cut("x".repeat(200)).len(), 200);
    }

    #[test]
    fn every_holder_of_a_name_gets_the_next_candidate() {
        let candidates = [
            ["web", "web_1", "web_1_a"],
            ["web", "web_2", "web_2_a"],
            // The second guest's name with its id.
            ["web_2", "web_2_9", "web_2_9_a"],
            ["db", "db_5", "db_5_a"],
            ["x", "x_1", "x_1_a"],
            ["x", "x_1", "x_1_a"],
            ["x_1_a_1", "x_1_a_1_0", "x_1_a_1_0_a"],
        ];
        let names =
            unique(candidates.len(), 2, |position, level| candidates[position][level].to_owned());
        let expected = ["web_1", "web_2_a", "web_2_9_a", "db", "x_1_a_2", "x_1_a_3", "x_1_a_1"];
        assert_eq!(names, expected);
    }
}
