//! Values as earlier gatherers wrote them, read leniently: numbers as texts, texts as
//! numbers, nulls. What cannot be understood is nothing, and the caller is told.

use serde_json::Number;

use gatherer_plugin_support::json::Json;

/// A value that could not be understood.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Odd;

/// A text; a number is its digits.
pub fn text(value: Json) -> Result<Option<String>, Odd> {
    match value {
        Json::Null => Ok(None),
        Json::Text(text) => Ok(Some(text)),
        Json::Number(number) => Ok(Some(number.to_string())),
        Json::Bool(_) | Json::Array(_) | Json::Object(_) => Err(Odd),
    }
}

/// A number, in its own form; a text may hold one.
pub fn number(value: Json) -> Result<Option<Number>, Odd> {
    match value {
        Json::Null => Ok(None),
        Json::Number(number) => Ok(Some(number)),
        Json::Text(text) if text.trim().is_empty() => Ok(None),
        Json::Text(text) => serde_json::from_str(text.trim()).map(Some).map_err(|_| Odd),
        Json::Bool(_) | Json::Array(_) | Json::Object(_) => Err(Odd),
    }
}

fn quantity(value: Json) -> Result<Option<Number>, Odd> {
    let Some(number) = number(value)? else { return Ok(None) };
    if number.as_f64().is_some_and(|value| value >= 0.0) { Ok(Some(number)) } else { Err(Odd) }
}

/// A count; what is larger than any count can be is the largest one.
pub fn count(value: Json) -> Result<Option<u32>, Odd> {
    let Some(number) = quantity(value)? else { return Ok(None) };
    if let Some(whole) = number.as_u64() {
        return Ok(Some(u32::try_from(whole).unwrap_or(u32::MAX)));
    }
    match number.as_f64() {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "whole and not negative; a cast of a larger one saturates"
        )]
        Some(float) if float.fract() == 0.0 => Ok(Some(float as u32)),
        _ => Err(Odd),
    }
}

/// MiB as bytes.
pub fn mebibytes(value: Json) -> Result<Option<u64>, Odd> {
    const MIB: u64 = 1024 * 1024;
    let Some(number) = quantity(value)? else { return Ok(None) };
    if let Some(whole) = number.as_u64() {
        return Ok(Some(whole.saturating_mul(MIB)));
    }
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "not negative; parts of a byte are dropped, and a cast of a larger one saturates"
    )]
    Ok(number.as_f64().map(|float| (float * MIB as f64) as u64))
}

#[cfg(test)]
mod tests {
    use super::{Json, Odd, count, mebibytes, number, text};

    fn json(text: &str) -> Json {
        gatherer_plugin_support::json::parse(text.as_bytes(), "x").expect("JSON")
    }

    #[test]
    fn counts_may_be_texts_and_whole_floats_and_saturate() {
        for (value, expected) in [
            ("4", Ok(Some(4))),
            ("\"4\"", Ok(Some(4))),
            ("\" 4.0 \"", Ok(Some(4))),
            ("4.0", Ok(Some(4))),
            ("1e30", Ok(Some(u32::MAX))),
            ("99999999999", Ok(Some(u32::MAX))),
            ("null", Ok(None)),
            ("\"\"", Ok(None)),
            ("1.5", Err(Odd)),
            ("-1", Err(Odd)),
            ("\"many\"", Err(Odd)),
            ("true", Err(Odd)),
            ("[4]", Err(Odd)),
        ] {
            assert_eq!(count(json(value)), expected, "{value}");
        }
    }

    #[test]
    fn a_number_keeps_its_form() {
        for form in ["2400", "2400.0", "2593.997"] {
            assert_eq!(number(json(form)).map(|n| n.map(|n| n.to_string())), Ok(Some(form.into())));
        }
    }

    #[test]
    fn texts_may_be_numbers_and_memory_has_no_fraction_of_a_byte() {
        assert_eq!(text(json("9000")), Ok(Some("9000".into())));
        assert_eq!(text(json("{}")), Err(Odd));
        assert_eq!(mebibytes(json("\"2\"")), Ok(Some(2 << 20)));
        assert_eq!(mebibytes(json("1.5")), Ok(Some(3 << 19)));
        assert_eq!(mebibytes(json("1e300")), Ok(Some(u64::MAX)));
    }
}
