//! Placeholders that firmware reports if no id was set. They identify nothing.

/// Placeholder UUIDs of firmware, as hexadecimal digits. A UUID of one repeated byte is a placeholder too.
const PLACEHOLDER_UUIDS: [&str; 8] = [
    "03000200040005000006000700080009",
    "00020003000400050006000700080009",
    "030201000504070608090a0b0c0d0e0f",
    "000102030405060708090a0b0c0d0e0f",
    "10000000000080000040000000000000",
    "12345678123456781234567812345678",
    "123456781234567890abcddeefaabbcc",
    "4c4c454400002010802080c04f202020",
];

/// Whether a text does not identify a machine: it is blank, a placeholder UUID of firmware, or a phrase such as "not
/// specified".
pub fn is_placeholder(text: &str) -> bool {
    let trimmed = text.trim();
    let digits = || {
        let bytes = trimmed.bytes().filter(|byte| !matches!(byte, b'-' | b'{' | b'}'));
        bytes.map(|byte| byte.to_ascii_lowercase())
    };
    let phrases = ["not settable", "not present", "not specified", "uninitialized"];
    trimmed.is_empty()
        || is_repeated_byte(digits())
        || PLACEHOLDER_UUIDS.iter().any(|uuid| digits().eq(uuid.bytes()))
        || phrases.iter().any(|phrase| trimmed.eq_ignore_ascii_case(phrase))
}

/// Whether these are the 32 hexadecimal digits of one byte.
fn is_repeated_byte(digits: impl Iterator<Item = u8> + Clone) -> bool {
    let first: Vec<u8> = digits.clone().take(2).collect();
    digits.clone().count() == 32
        && first.iter().all(u8::is_ascii_hexdigit)
        && digits.enumerate().all(|(index, digit)| digit == first[index % 2])
}

#[cfg(test)]
mod tests {
    use super::is_placeholder;

    #[test]
    fn recognizes_placeholders_in_any_spelling() {
        for text in [
            "",
            " ",
            "00000000-0000-0000-0000-000000000000",
            "{FFFFFFFF-FFFF-FFFF-FFFF-FFFFFFFFFFFF}",
            "fefefefefefefefefefefefefefefefe",
            "03000200-0400-0500-0006-000700080009",
            "03020100-0504-0706-0809-0A0B0C0D0E0F",
            "Not Settable",
        ] {
            assert!(is_placeholder(text), "{text:?}");
        }
        for text in [
            "0",
            "ffff",
            "4c4c4544-0042-3510-8051-b4c04f4d3132",
            "web",
            "zzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzz",
        ] {
            assert!(!is_placeholder(text), "{text:?}");
        }
    }
}
