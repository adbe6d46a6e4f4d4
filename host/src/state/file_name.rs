//! The file name of an endpoint's id.

use std::fmt::Write as _;

/// The maximum length of an id that is its own file name, in bytes.
const PLAIN_MAX_BYTES: usize = 100;

/// The maximum length of an escaped id, in bytes. A longer one is cut, and ends with a hash of the id.
const ESCAPED_MAX_BYTES: usize = 180;

/// The file name of an id, without its extension. Two ids have the same name only if both are long and their hashes
/// are equal; a file contains its id, so that this would be noticed.
pub fn file_name(id: &str) -> String {
    let is_plain_byte = |byte: u8| byte.is_ascii_alphanumeric() || b"-._".contains(&byte);
    let is_plain = !id.is_empty()
        && id.len() <= PLAIN_MAX_BYTES
        && !id.starts_with('.')
        && id.bytes().all(is_plain_byte);
    if is_plain {
        return id.to_owned();
    }
    // No plain id begins with this character.
    let mut name = String::from("%");
    for byte in id.bytes() {
        if is_plain_byte(byte) {
            name.push(char::from(byte));
        } else {
            let _ = write!(name, "%{byte:02x}");
        }
        if name.len() > ESCAPED_MAX_BYTES {
            name.truncate(ESCAPED_MAX_BYTES);
            let _ = write!(name, "%-{:032x}", hash(id.as_bytes()));
            break;
        }
    }
    name
}

/// FNV-1a with 128 bits, which is the same in every release.
fn hash(bytes: &[u8]) -> u128 {
    const OFFSET: u128 = 0x6c62_272e_07bb_0142_62b8_2175_6295_c58d;
    const PRIME: u128 = 0x0000_0000_0100_0000_0000_0000_0000_013b;
    bytes.iter().fold(OFFSET, |hash, byte| (hash ^ u128::from(*byte)).wrapping_mul(PRIME))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::file_name;

    #[test]
    fn a_plain_id_is_its_own_file_name() {
        let longest = "x".repeat(100);
        for id in ["vc1", "a.b-c_d", "-", "_x", "007", longest.as_str()] {
            assert_eq!(file_name(id), id);
        }
    }

    #[test]
    fn other_ids_have_escaped_names_that_are_different() {
        let long = |end: &str| format!("{}{end}", "ä".repeat(500));
        let ids = ["", ".", "..", ".x", "a/b", "a b", "ä", "%a", "a%2fb", "a\0b", "%", "%%"];
        let ids = ids.map(str::to_owned).into_iter();
        let ids: Vec<_> =
            ids.chain([long("1"), long("2"), "x".repeat(101), "x".repeat(300)]).collect();
        let names: BTreeSet<_> = ids.iter().map(|id| file_name(id)).collect();
        assert_eq!(names.len(), ids.len(), "{names:?}");
        for name in &names {
            assert!(name.starts_with('%') && name.len() <= 220, "{name}");
            assert!(!name.contains(['/', '\0']), "{name}");
        }
        assert_eq!(file_name("a/b"), "%a%2fb");
    }
}
