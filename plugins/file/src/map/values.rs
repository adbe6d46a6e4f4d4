//! Lenient parsing of values as earlier gatherers wrote them: numbers as strings, strings as numbers,
//! nulls.

use serde_json::Number;

use gatherer_plugin_support::json::Json;

/// The error of a value that cannot be converted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unreadable;

/// A string, or the text of a number as it is written.
pub fn text(value: Json) -> Result<Option<String>, Unreadable> {
    match value {
        Json::Null => Ok(None),
        Json::Text(text) => Ok(Some(text)),
        Json::Number(number) => Ok(Some(number.to_string())),
        Json::LossyNumber(text) => Ok(Some(text.into())),
        Json::Bool(_) | Json::Array(_) | Json::Object(_) | Json::Unreadable(_) => Err(Unreadable),
    }
}

/// A number, or a string that contains one. The number keeps its notation.
pub fn number(value: Json) -> Result<Option<Number>, Unreadable> {
    match value {
        Json::Null => Ok(None),
        Json::Number(number) => Ok(Some(number)),
        Json::Text(text) if text.trim().is_empty() => Ok(None),
        Json::Text(text) => serde_json::from_str(text.trim()).map(Some).map_err(|_| Unreadable),
        Json::LossyNumber(text) => serde_json::from_str(&text).map(Some).map_err(|_| Unreadable),
        Json::Bool(_) | Json::Array(_) | Json::Object(_) | Json::Unreadable(_) => Err(Unreadable),
    }
}

fn quantity(value: Json) -> Result<Option<Number>, Unreadable> {
    let Some(number) = number(value)? else { return Ok(None) };
    if number.as_f64().is_some_and(|value| value >= 0.0) {
        Ok(Some(number))
    } else {
        Err(Unreadable)
    }
}

/// A count: a whole number of at most 32 bits.
pub fn count(value: Json) -> Result<Option<u32>, Unreadable> {
    let Some(number) = quantity(value)? else { return Ok(None) };
    if let Some(whole) = number.as_u64() {
        return u32::try_from(whole).map(Some).map_err(|_| Unreadable);
    }
    match number.as_f64() {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "the number is whole, not negative and not too large"
        )]
        Some(float) if float.fract() == 0.0 && float <= f64::from(u32::MAX) => {
            Ok(Some(float as u32))
        }
        _ => Err(Unreadable),
    }
}

/// A number of MHz. It keeps its notation.
pub fn megahertz(value: Json) -> Result<Option<Number>, Unreadable> {
    quantity(value)
}

/// A number of MiB, converted to bytes.
pub fn mebibytes(value: Json) -> Result<Option<u64>, Unreadable> {
    const MIB: u64 = 1024 * 1024;
    /// 2^64, the first number of bytes that is too large.
    const TOO_LARGE: f64 = 18_446_744_073_709_551_616.0;
    let Some(number) = quantity(value)? else { return Ok(None) };
    if let Some(whole) = number.as_u64() {
        return whole.checked_mul(MIB).map(Some).ok_or(Unreadable);
    }
    #[expect(clippy::cast_precision_loss, reason = "it is a power of two")]
    let bytes = number.as_f64().map(|float| float * MIB as f64);
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "the number is not negative and not too large; fractions of a byte are dropped"
    )]
    let bytes = bytes.filter(|bytes| *bytes < TOO_LARGE).map(|bytes| bytes as u64);
    bytes.map(Some).ok_or(Unreadable)
}

#[cfg(test)]
mod tests {
    use super::{Json, Unreadable, count, mebibytes, megahertz, number, text};

    fn json(text: &str) -> Json {
        gatherer_plugin_support::json::parse(text.as_bytes(), "x").expect("JSON")
    }

    #[test]
    fn counts_can_be_strings_and_whole_floats() {
        for (value, expected) in [
            ("4", Ok(Some(4))),
            ("\"4\"", Ok(Some(4))),
            ("\" 4.0 \"", Ok(Some(4))),
            ("4.0", Ok(Some(4))),
            ("4294967295", Ok(Some(u32::MAX))),
            ("1e30", Err(Unreadable)),
            ("4294967296", Err(Unreadable)),
            ("4294967296.0", Err(Unreadable)),
            ("99999999999", Err(Unreadable)),
            ("null", Ok(None)),
            ("\"\"", Ok(None)),
            ("1.5", Err(Unreadable)),
            ("-1", Err(Unreadable)),
            ("\"many\"", Err(Unreadable)),
            ("true", Err(Unreadable)),
            ("[4]", Err(Unreadable)),
        ] {
            assert_eq!(count(json(value)), expected, "{value}");
        }
    }

    #[test]
    fn a_number_keeps_its_notation() {
        for form in ["2400", "2400.0", "2593.997"] {
            assert_eq!(number(json(form)).map(|n| n.map(|n| n.to_string())), Ok(Some(form.into())));
        }
    }

    #[test]
    fn strings_can_be_numbers_and_memory_is_rounded_down_to_bytes() {
        for written in ["9000", "-1", "1.0", "1e3", "123456789012345678901234567890"] {
            assert_eq!(text(json(written)), Ok(Some(written.into())));
        }
        assert_eq!(text(json("{}")), Err(Unreadable));
        assert_eq!(mebibytes(json("\"2\"")), Ok(Some(2 << 20)));
        assert_eq!(mebibytes(json("1.5")), Ok(Some(3 << 19)));
        for text in ["1e300", "-1", "17592186044416", "17592186044416.0"] {
            assert_eq!(mebibytes(json(text)), Err(Unreadable), "{text}");
        }
    }

    #[test]
    fn a_frequency_is_not_negative() {
        assert_eq!(megahertz(json("-1")), Err(Unreadable));
        assert_eq!(megahertz(json("\"-2400.5\"")), Err(Unreadable));
    }
}
