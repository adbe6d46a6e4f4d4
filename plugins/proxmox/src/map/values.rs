//! Values whose JSON type differs between versions of Proxmox VE: `100` or `"100"`, `1`, `"1"` or `true`, `""` or `0`.

use serde_json::Value;

/// A whole number that is not negative. A fraction, as of a container that may use 1.5 CPUs, is rounded up.
pub fn integer(value: &Value) -> Option<u64> {
    match value {
        Value::Number(number) => number.as_u64().or_else(|| rounded_up(number.as_f64()?)),
        Value::String(text) => {
            let text = text.trim();
            text.parse().ok().or_else(|| rounded_up(text.parse().ok()?))
        }
        _ => None,
    }
}

/// A number above 0. The API reports 0 for what it does not know.
pub fn positive(value: &Value) -> Option<u64> {
    integer(value).filter(|number| *number > 0)
}

/// A number above 0 with at most 32 bits.
pub fn count(value: &Value) -> Option<u32> {
    positive(value).and_then(|number| u32::try_from(number).ok())
}

/// A text that is not blank. A number is one too: the API has numbers for names of digits.
pub fn text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) if !text.trim().is_empty() => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

/// A boolean; an absent or unknown value is false.
pub fn flag(value: &Value) -> bool {
    match value {
        Value::Bool(value) => *value,
        _ => integer(value).is_some_and(|number| number != 0),
    }
}

fn rounded_up(number: f64) -> Option<u64> {
    // Larger numbers are not exact any more.
    const LIMIT: f64 = 9_007_199_254_740_992.0;
    let rounded = number.ceil();
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "in range")]
    (0.0..LIMIT).contains(&rounded).then_some(rounded as u64)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn accepts_the_types_of_all_versions() {
        for (value, expected) in [
            (json!(100), Some(100)),
            (json!("100"), Some(100)),
            (json!(" 7 "), Some(7)),
            (json!(1.5), Some(2)),
            (json!("0.5"), Some(1)),
            (json!(u64::MAX), Some(u64::MAX)),
            (json!(-1), None),
            (json!(-0.5), Some(0)),
            (json!(1e300), None),
            (json!("inf"), None),
            (json!("NaN"), None),
            (json!(""), None),
            (json!("one"), None),
            (json!(null), None),
            (json!([1]), None),
        ] {
            assert_eq!(integer(&value), expected, "{value}");
        }
        for (value, expected) in [
            (json!(1), true),
            (json!("1"), true),
            (json!(true), true),
            (json!(0), false),
            (json!("0"), false),
            (json!(""), false),
            (json!(null), false),
            (json!({}), false),
        ] {
            assert_eq!(flag(&value), expected, "{value}");
        }
        assert_eq!(text(&json!(900)).as_deref(), Some("900"));
        assert_eq!((text(&json!(" ")), text(&json!(null))), (None, None));
        assert_eq!(
            (count(&json!(0)), count(&json!("8")), count(&json!(1u64 << 32))),
            (None, Some(8), None)
        );
    }
}
