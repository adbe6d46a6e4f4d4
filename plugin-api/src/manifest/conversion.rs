//! Conversion of text to the type of a parameter.

use serde_json::Value;

use super::{DefaultValue, ParameterType};

impl ParameterType {
    /// Converts text to a value of this type, as the runner does with the values in a request; `None`
    /// if that is not possible. A path is not resolved.
    pub fn convert(self, text: &str) -> Option<Value> {
        match self {
            Self::String | Self::Path => Some(text.into()),
            Self::Integer => integer(text),
            Self::Number => integer(text).or_else(|| {
                let number = text.trim().parse().ok()?;
                serde_json::Number::from_f64(number).map(Value::Number)
            }),
            Self::Boolean => match text.trim().to_ascii_lowercase().as_str() {
                "true" | "yes" | "on" | "1" => Some(true.into()),
                "false" | "no" | "off" | "0" => Some(false.into()),
                _ => None,
            },
            Self::List => {
                let items = text.split(',').map(str::trim);
                Some(items.filter(|item| !item.is_empty()).map(Value::from).collect())
            }
        }
    }
}

/// A 64-bit integer, signed or unsigned.
fn integer(text: &str) -> Option<Value> {
    let text = text.trim();
    let signed = text.parse::<i64>().map(Value::from);
    signed.or_else(|_| text.parse::<u64>().map(Value::from)).ok()
}

impl DefaultValue {
    /// The text of the default, before its conversion; `None` if there is no default.
    pub fn text(&self) -> Option<String> {
        match self {
            Self::Null => None,
            Self::Text(text) if text.is_empty() => None,
            Self::Text(text) => Some(text.clone()),
            Self::Number(number) => Some(number.to_string()),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::ParameterType;

    #[test]
    fn converts_text_to_the_type() {
        for (kind, text, expected) in [
            (ParameterType::Integer, " 443 ", json!(443)),
            (ParameterType::Integer, "-1", json!(-1)),
            (ParameterType::Integer, "18446744073709551615", json!(u64::MAX)),
            (ParameterType::Number, "1.5", json!(1.5)),
            (ParameterType::Number, "7", json!(7)),
            (ParameterType::Boolean, "Yes", json!(true)),
            (ParameterType::Boolean, "0", json!(false)),
            (ParameterType::List, "a, b,,c", json!(["a", "b", "c"])),
            (ParameterType::String, " x ", json!(" x ")),
            (ParameterType::Path, "~/x", json!("~/x")),
        ] {
            assert_eq!(kind.convert(text), Some(expected), "{text}");
        }
    }

    #[test]
    fn rejects_text_of_another_type() {
        for (kind, text) in [
            (ParameterType::Integer, "1.5"),
            (ParameterType::Integer, "1e400"),
            (ParameterType::Number, "inf"),
            (ParameterType::Number, "1e400"),
            (ParameterType::Boolean, "maybe"),
        ] {
            assert_eq!(kind.convert(text), None, "{text}");
        }
    }
}
