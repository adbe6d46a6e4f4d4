//! Deserializes the parameters of a module. An error names the parameter, but does not quote its value.

use std::cell::RefCell;

use serde::de::DeserializeOwned;
use serde::de::value::MapDeserializer;
use serde_json::{Map, Value};

use crate::GatherError;

/// Deserializes the parameters of a module. The error is of the kind `configuration`.
pub(crate) fn deserialize<P: DeserializeOwned>(
    parameters: Map<String, Value>,
    module: &str,
) -> Result<P, GatherError> {
    let copy = parameters.clone();
    serde_json::from_value(Value::Object(parameters))
        .map_err(|error| parameter_error::<P>(module, &copy, &error.to_string()))
}

/// The error of parameters that do not match the module's type. serde's messages quote the values
/// that it read, and a value may be a secret, so only their parts that depend on the type are passed on.
fn parameter_error<P: DeserializeOwned>(
    module: &str,
    parameters: &Map<String, Value>,
    error: &str,
) -> GatherError {
    let problem = if error.starts_with("missing field") {
        error.to_owned()
    } else {
        let subject = match wrong_parameter::<P>(parameters) {
            Some(name) => format!("the value of {name}"),
            None => "a value".to_owned(),
        };
        format!("{subject} has the wrong type or is out of range{}", expected(error))
    };
    GatherError::configuration(format!("invalid parameters for module {module}: {problem}"))
}

/// What serde expected, with a colon before it. It depends only on the module's type, not on the value.
fn expected(error: &str) -> String {
    let starts = ["invalid type: ", "invalid value: ", "unknown variant "];
    let is_of_serde = starts.iter().any(|start| error.starts_with(start));
    match error.rsplit_once(", expected ") {
        Some((_, expected)) if is_of_serde => format!(": expected {expected}"),
        _ => String::new(),
    }
}

/// The name of the first parameter that cannot be deserialized, if it is certain.
fn wrong_parameter<P: DeserializeOwned>(parameters: &Map<String, Value>) -> Option<String> {
    let last = RefCell::new(None);
    let entries = parameters.iter().map(Some).chain([None]).map_while(|entry| {
        // `None` after all parameters: a type may collect them first (`flatten`), and deserialize them then.
        last.replace(entry.map(|(name, _)| name.clone()));
        entry.map(|(name, value)| (name.clone(), value.clone()))
    });
    let entries: MapDeserializer<'_, _, serde_json::Error> = MapDeserializer::new(entries);
    if P::deserialize(entries).is_ok() {
        // A type that is not a struct.
        return None;
    }
    last.take().or_else(|| {
        let is_wrong = |name: &&String| {
            let mut others = parameters.clone();
            others.remove(name.as_str());
            serde_json::from_value::<P>(Value::Object(others)).is_ok()
        };
        parameters.keys().find(is_wrong).cloned()
    })
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;
    use serde_json::{Map, Value, json};

    use super::deserialize;
    use crate::Secret;

    #[derive(Debug, Deserialize)]
    #[serde(rename_all = "lowercase")]
    enum Color {
        Red,
        Green,
    }

    #[derive(Debug, Deserialize)]
    #[expect(dead_code, reason = "only deserialized")]
    struct Plain {
        name: String,
        count: Option<u32>,
        password: Option<Secret<String>>,
        tags: Option<Vec<String>>,
        color: Option<Color>,
    }

    #[derive(Debug, Deserialize)]
    #[expect(dead_code, reason = "only deserialized")]
    struct Flattened {
        name: String,
        #[serde(flatten)]
        rest: Rest,
    }

    #[derive(Debug, Deserialize)]
    #[expect(dead_code, reason = "only deserialized")]
    struct Rest {
        count: u32,
        other: Option<u32>,
    }

    #[derive(Debug, Deserialize)]
    #[expect(dead_code, reason = "only deserialized")]
    struct Wrapper(Plain);

    fn error<P: serde::de::DeserializeOwned + std::fmt::Debug>(parameters: &Value) -> String {
        let parameters: Map<_, _> = parameters.as_object().expect("an object").clone();
        let error = deserialize::<P>(parameters, "M").expect_err("invalid parameters");
        assert_eq!(error.kind, crate::ErrorKind::Configuration);
        assert!(!error.message.contains("hunter2"), "{error}");
        error.message
    }

    #[test]
    fn an_error_names_the_parameter_and_what_is_expected_but_not_the_value() {
        let errors = [
            error::<Plain>(&json!({})),
            error::<Plain>(&json!({"name": ["hunter2"]})),
            error::<Plain>(&json!({"name": "n", "count": -1})),
            error::<Plain>(&json!({"name": "n", "count": "hunter2, expected hunter2"})),
            error::<Plain>(&json!({"name": "n", "password": {"hunter2": 1}})),
            error::<Plain>(&json!({"name": "n", "tags": "hunter2"})),
            error::<Plain>(&json!({"name": "n", "tags": ["a", 1]})),
            error::<Plain>(&json!({"name": "n", "color": "hunter2"})),
            error::<Plain>(&json!({"name": 1, "count": -1, "tags": 1})),
            error::<Flattened>(&json!({"count": 1, "name": ["hunter2"]})),
            error::<Flattened>(&json!({"count": -1, "name": "n", "other": 1})),
            error::<Flattened>(&json!({"count": 1, "name": "n", "other": "hunter2"})),
            error::<Flattened>(&json!({"count": -1, "name": "n", "other": "hunter2"})),
            error::<Wrapper>(&json!({"name": "n", "count": -1})),
        ];
        insta::assert_snapshot!(errors.join("\n"));
    }

    #[test]
    fn any_type_that_accepts_an_object_can_be_used() {
        let parameters = || json!({"name": "n"}).as_object().expect("an object").clone();
        deserialize::<Plain>(parameters(), "M").expect("a struct");
        deserialize::<Wrapper>(parameters(), "M").expect("a newtype");
        deserialize::<Option<Plain>>(parameters(), "M").expect("an option");
        deserialize::<Map<String, Value>>(parameters(), "M").expect("a map");
        assert!(matches!(
            deserialize::<Plain>(
                json!({"name": "n", "color": "green"}).as_object().expect("an object").clone(),
                "M"
            )
            .map(|plain| plain.color),
            Ok(Some(Color::Green))
        ));
    }
}
