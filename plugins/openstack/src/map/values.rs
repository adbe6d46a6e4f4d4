//! Values whose JSON type differs between versions and drivers, or that are null where another value is usual.

use serde_json::Value;

/// A text that is not blank.
pub fn text(value: &Value) -> Option<&str> {
    value.as_str().filter(|text| !text.trim().is_empty())
}

/// A text that is not blank, or a number as text.
pub fn text_or_number(value: &Value) -> Option<String> {
    match value {
        Value::Number(number) => Some(number.to_string()),
        value => text(value).map(str::to_owned),
    }
}

/// A text, or the texts of a list: drivers of clusters list the models of their processors.
pub fn texts(value: &Value) -> Option<String> {
    match value {
        Value::Array(values) => {
            let mut texts: Vec<&str> = values.iter().filter_map(text).collect();
            texts.dedup();
            (!texts.is_empty()).then(|| texts.join(", "))
        }
        value => text(value).map(str::to_owned),
    }
}

/// A whole number above 0, also as text. The services report 0 for what they do not know.
pub fn positive(value: &Value) -> Option<u64> {
    let number = match value {
        Value::Number(number) => number.as_u64(),
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    };
    number.filter(|number| *number > 0)
}

/// A number above 0 with at most 32 bits.
pub fn count(value: &Value) -> Option<u32> {
    positive(value).and_then(|number| u32::try_from(number).ok())
}

/// Bytes from a number of units with this size.
pub fn bytes(value: &Value, unit: u64) -> Option<u64> {
    positive(value)?.checked_mul(unit)
}

/// The bytes of a mebibyte.
pub const MIB: u64 = 1024 * 1024;
/// The bytes of a gibibyte.
pub const GIB: u64 = 1024 * MIB;

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn numbers_may_be_texts_and_0_is_unknown() {
        for (value, expected) in [
            (json!(4), Some(4)),
            (json!("4"), Some(4)),
            (json!(0), None),
            (json!(-1), None),
            (json!(1.5), None),
            (json!("many"), None),
            (Value::Null, None),
            (json!({}), None),
        ] {
            assert_eq!(positive(&value), expected, "{value}");
        }
        assert_eq!(count(&json!(4_294_967_296_u64)), None);
        assert_eq!(bytes(&json!(u64::MAX), MIB), None);
        assert_eq!(bytes(&json!(512), MIB), Some(536_870_912));
    }

    #[test]
    fn a_list_of_texts_is_one_text() {
        assert_eq!(texts(&json!(["A", "A", "B"])).as_deref(), Some("A, B"));
        assert_eq!(texts(&json!("A")).as_deref(), Some("A"));
        for value in [json!([]), json!([1]), json!(""), json!(7)] {
            assert_eq!(texts(&value), None);
        }
        assert_eq!(text_or_number(&json!(1000)).as_deref(), Some("1000"));
    }
}
