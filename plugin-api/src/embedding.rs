//! Completes `manifest.json` with the name and version of the crate while a plugin is compiled.

/// Where JSON allows white space.
const fn skip_whitespace(json: &[u8], mut index: usize) -> usize {
    while index < json.len() && matches!(json[index], b' ' | b'\t' | b'\n' | b'\r') {
        index += 1;
    }
    index
}

/// Whether `json` continues with `part` at `index`.
const fn continues_with(json: &[u8], index: usize, part: &[u8]) -> bool {
    let mut length = 0;
    while length < part.len() {
        if index + length >= json.len() || json[index + length] != part[length] {
            return false;
        }
        length += 1;
    }
    true
}

/// The index behind the string whose opening quote is at `start`.
const fn end_of_string(json: &[u8], start: usize) -> usize {
    let mut index = start + 1;
    while index < json.len() && json[index] != b'"' {
        index += if json[index] == b'\\' { 2 } else { 1 };
    }
    index + 1
}

/// The index of the value of a member of the outermost object. `quoted_name` includes the quotes.
const fn member(json: &[u8], quoted_name: &[u8]) -> Option<usize> {
    let mut index = 0;
    let mut depth = 0;
    while index < json.len() {
        match json[index] {
            b'{' | b'[' => depth += 1,
            b'}' | b']' => depth -= 1,
            b'"' => {
                let end = end_of_string(json, index);
                let colon = skip_whitespace(json, end);
                if depth == 1
                    && continues_with(json, index, quoted_name)
                    && continues_with(json, colon, b":")
                {
                    return Some(skip_whitespace(json, colon + 1));
                }
                index = end;
                continue;
            }
            _ => {}
        }
        index += 1;
    }
    None
}

/// Whether the manifest has no member with this name, or one with this value. Both include their quotes.
pub const fn is_absent_or(manifest: &str, quoted_name: &str, quoted_value: &str) -> bool {
    match member(manifest.as_bytes(), quoted_name.as_bytes()) {
        None => true,
        Some(value) => continues_with(manifest.as_bytes(), value, quoted_value.as_bytes()),
    }
}

/// The parts of the complete manifest: `name` and `version`, each a member with a comma behind it, are
/// inserted at the beginning of the object unless it has them.
pub const fn complete<'a>(manifest: &'a str, name: &'a str, version: &'a str) -> [&'a str; 4] {
    let json = manifest.as_bytes();
    let start = skip_whitespace(json, 0);
    assert!(continues_with(json, start, b"{"), "the manifest must be a JSON object");
    let first = skip_whitespace(json, start + 1);
    assert!(continues_with(json, first, b"\""), "the manifest must not be empty");
    let (head, tail) = manifest.split_at(start + 1);
    let name = if member(json, b"\"name\"").is_some() { "" } else { name };
    let version = if member(json, b"\"version\"").is_some() { "" } else { version };
    [head, name, version, tail]
}

/// The number of bytes in all parts.
pub const fn total_len(parts: &[&str]) -> usize {
    let (mut index, mut length) = (0, 0);
    while index < parts.len() {
        length += parts[index].len();
        index += 1;
    }
    length
}

#[cfg(test)]
mod tests {
    use super::{complete, is_absent_or, total_len};

    const NAME: &str = r#""name": "p", "#;
    const VERSION: &str = r#""version": "1.2.3", "#;

    fn completed(manifest: &str) -> String {
        let parts = complete(manifest, NAME, VERSION);
        let text = parts.concat();
        assert_eq!(text.len(), total_len(&parts));
        serde_json::from_str::<serde_json::Value>(&text).expect(&text);
        text
    }

    #[test]
    fn inserts_only_what_is_missing() {
        for (file, expected) in [
            (r#"{"abi": 1}"#, r#"{"name": "p", "version": "1.2.3", "abi": 1}"#),
            (
                "\n{\n  \"abi\": 1}\n",
                "\n{\"name\": \"p\", \"version\": \"1.2.3\", \n  \"abi\": 1}\n",
            ),
            (r#"{"abi": 1, "name" : "p"}"#, r#"{"version": "1.2.3", "abi": 1, "name" : "p"}"#),
            (r#"{"version":"1.2.3"}"#, r#"{"name": "p", "version":"1.2.3"}"#),
        ] {
            assert_eq!(completed(file), expected);
        }
        let complete = "{\n    \"name\": \"p\",\n    \"version\": \"1.2.3\"\n}\n";
        assert_eq!(completed(complete), complete);
    }

    #[test]
    fn only_members_of_the_outermost_object_count() {
        for file in [
            r#"{"modules": [{"name": "M", "version": "9"}]}"#,
            r#"{"a": {"name": "p"}, "b": ["version"]}"#,
            r#"{"a": "\"name\": \"version\":", "\"name": "{", "b\\": "version"}"#,
            r#"{"Name": "name", "name ": "p", "nam": "e", "versions": {}}"#,
        ] {
            assert_eq!(completed(file), format!("{{{NAME}{VERSION}{}", &file[1..]));
            assert!(is_absent_or(file, "\"version\"", "\"1.2.3\""), "{file}");
        }
    }

    #[test]
    fn a_value_that_is_present_must_be_equal() {
        let agrees = |file: &str| is_absent_or(file, "\"version\"", "\"1.2.3\"");
        for file in ["{}", r#"{"version":"1.2.3"}"#, "{\"a\": [1],\n\"version\" :\t\"1.2.3\"}"] {
            assert!(agrees(file), "{file}");
        }
        for value in [r#""1.2.30""#, r#""1.2""#, "null", r#"{"version": "1.2.3"}"#, "", "\"1.2.3"] {
            assert!(!agrees(&format!(r#"{{"a": {{}}, "version": {value}"#)), "{value}");
        }
    }

    #[test]
    fn reads_truncated_text_to_its_end() {
        let text = r#"{"a\"": ["b\\", {"c": 1}], "version": "1.2.3"}"#;
        for end in 0..text.len() {
            is_absent_or(&text[..end], "\"version\"", "\"1.2.3\"");
        }
    }

    #[test]
    #[should_panic(expected = "must be a JSON object")]
    fn rejects_a_manifest_that_is_not_an_object() {
        complete("\u{feff}{\"a\": 1}", NAME, VERSION);
    }

    #[test]
    #[should_panic(expected = "must not be empty")]
    fn rejects_an_empty_manifest() {
        complete("{ }", NAME, VERSION);
    }
}
