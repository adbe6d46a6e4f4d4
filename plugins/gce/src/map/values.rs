//! Pure: members of JSON objects. A member of another type than expected is treated as absent, unless an instance cannot be
//! identified without it.

use gatherer_plugin_support::json::Json;

/// A text that is not empty.
pub fn text<'a>(object: &'a Json, name: &str) -> Option<&'a str> {
    match object.get(name) {
        Some(Json::Text(text)) if !text.is_empty() => Some(text),
        _ => None,
    }
}

/// The items of a list. An absent list is empty.
pub fn list<'a>(object: &'a Json, name: &str) -> &'a [Json] {
    match object.get(name) {
        Some(Json::Array(items)) => items,
        _ => &[],
    }
}

/// The members of an object. An absent object is empty.
pub fn members<'a>(object: &'a Json, name: &str) -> &'a [(String, Json)] {
    match object.get(name) {
        Some(Json::Object(members)) => members,
        _ => &[],
    }
}

/// A whole number. The API writes numbers of 64 bits as text.
pub fn whole(object: &Json, name: &str) -> Option<u64> {
    digits(object, name)?.parse().ok()
}

/// A whole number that is not zero.
pub fn positive(object: &Json, name: &str) -> Option<u64> {
    whole(object, name).filter(|number| *number > 0)
}

/// The digits of a whole number, exactly as the server wrote them.
pub fn digits(object: &Json, name: &str) -> Option<String> {
    let digits = match object.get(name)? {
        Json::Text(text) => text.clone(),
        Json::Number(number) => number.to_string(),
        Json::LossyNumber(text) => text.to_string(),
        _ => return None,
    };
    let is_number = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then_some(digits)
}

/// Whether a member is true.
pub fn flag(object: &Json, name: &str) -> bool {
    object.get(name) == Some(&Json::Bool(true))
}

/// The last part of the URL or path in a member: the name of the object to which it refers.
pub fn last_part<'a>(object: &'a Json, name: &str) -> Option<&'a str> {
    let part = text(object, name)?.rsplit('/').next().unwrap_or_default();
    Some(part).filter(|part| !part.is_empty())
}

#[cfg(test)]
mod tests {
    use gatherer_plugin_support::json::parse;

    use super::*;

    #[test]
    fn numbers_are_exact_whatever_their_notation_is() {
        let json = br#"{"a": "18446744073709551615", "b": 18446744073709551615, "c": "1e3", "d": 1e3, "e": "",
            "f": -1, "g": 99999999999999999999, "h": null, "i": "007", "j": 1.5}"#;
        let json = parse(json, "x").expect("JSON");
        for (name, expected) in [
            ("a", Some("18446744073709551615")),
            ("b", Some("18446744073709551615")),
            ("c", None),
            ("d", None),
            ("e", None),
            ("f", None),
            ("g", Some("99999999999999999999")),
            ("h", None),
            ("i", Some("007")),
            ("j", None),
            ("k", None),
        ] {
            assert_eq!(digits(&json, name).as_deref(), expected, "{name}");
        }
        assert_eq!(whole(&json, "a"), Some(u64::MAX));
        assert_eq!(whole(&json, "g"), None);
    }
}
