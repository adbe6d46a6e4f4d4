//! Values of an answer by their path. A value of another type than usual is treated as absent, except for numbers and
//! booleans that are written as text.

use serde_json::Value;

/// The maximum length of a server's text in a message, in characters.
const SHOWN_MAX_CHARS: usize = 600;

/// The value at a JSON pointer (RFC 6901).
pub fn at<'a>(value: &'a Value, pointer: &str) -> Option<&'a Value> {
    value.pointer(pointer)
}

/// A text that is not blank, without surrounding blanks. A number is one too.
pub fn text(value: &Value, pointer: &str) -> Option<String> {
    match at(value, pointer)? {
        Value::String(text) => Some(text.trim()).filter(|text| !text.is_empty()).map(str::to_owned),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

/// A whole number above 0.
pub fn positive(value: &Value, pointer: &str) -> Option<u64> {
    let number = match at(value, pointer)? {
        Value::Number(number) => number.as_u64(),
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    };
    number.filter(|number| *number > 0)
}

/// A whole number above 0 with at most 32 bits.
pub fn count(value: &Value, pointer: &str) -> Option<u32> {
    positive(value, pointer).and_then(|number| u32::try_from(number).ok())
}

/// The elements of a list; none if it is not one.
pub fn list<'a>(value: &'a Value, pointer: &str) -> &'a [Value] {
    at(value, pointer).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

/// The first line of a server's text for a message: shortened, without control characters.
pub fn shown(value: &Value, pointer: &str) -> Option<String> {
    let text = text(value, pointer)?;
    let line = text.lines().map(str::trim).find(|line| !line.is_empty())?;
    let clean = line.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c });
    let mut shown: String = clean.clone().take(SHOWN_MAX_CHARS).collect();
    if clean.count() > SHOWN_MAX_CHARS {
        // At a blank, because the runner could not recognize and redact half of a secret.
        let end = shown.rfind(' ').unwrap_or(0);
        shown.truncate(end);
        shown.push_str(" ...");
    }
    Some(shown)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn numbers_may_be_texts_and_texts_numbers() {
        let value =
            json!({"a": "4", "b": 4, "c": 0, "d": -1, "e": 1.5, "f": [1], "g": null, "h": " x "});
        let numbers = ["/a", "/b", "/c", "/d", "/e", "/f", "/g", "/missing"];
        let expected = [Some(4), Some(4), None, None, None, None, None, None];
        assert_eq!(numbers.map(|pointer| positive(&value, pointer)), expected);
        assert_eq!(text(&value, "/b").as_deref(), Some("4"));
        assert_eq!(text(&value, "/h").as_deref(), Some("x"));
        assert_eq!((text(&value, "/g"), text(&value, "/f")), (None, None));
        assert_eq!(count(&json!(1u64 << 32), ""), None);
        assert_eq!((list(&value, "/f").len(), list(&value, "/a").len()), (1, 0));
    }

    #[test]
    fn a_shown_text_is_one_short_line() {
        let shown = |text: &str| shown(&json!(text), "").expect("a text");
        assert_eq!(shown("AADSTS7: wrong.\r\nTrace ID: 1"), "AADSTS7: wrong.");
        assert_eq!(shown("\n a\u{7}b"), "a\u{fffd}b");
        let long = shown(&format!("{} hunter2hunter2", "x".repeat(590)));
        assert_eq!(long, format!("{} ...", "x".repeat(590)));
        assert_eq!(shown(&"x".repeat(700)), " ...");
    }
}
