//! Typed access to the parsed document. Errors name the field and never quote its value.

use std::sync::LazyLock;

use gatherer_plugin_api::GatherError;
use serde_json::{Map, Value};

/// The longest name that a message quotes in full, in characters.
const SHOWN_CHARS: usize = 120;

/// How many characters of a possible token a message quotes, so that the operator can recognize it.
const HINTED_CHARS: usize = 4;

/// The shortest run of characters that counts as random: the length of a bootstrap token's second half.
const RANDOM_CHARS: usize = 16;

/// How often such a run must change between letters and digits. `productioncluster01` changes once.
const RANDOM_CHANGES: usize = 3;

/// A run of at least this length is not a word, whatever its characters are.
const WORD_CHARS: usize = 32;

/// A mapping of the document, with its path for messages.
#[derive(Clone)]
pub struct ConfigNode<'a> {
    origin: &'a str,
    path: String,
    map: &'a Map<String, Value>,
}

impl<'a> ConfigNode<'a> {
    /// The whole document.
    pub fn root(origin: &'a str, value: &'a Value) -> Result<Self, GatherError> {
        match value {
            Value::Object(map) => Ok(Self { origin, path: String::new(), map }),
            _ => Err(error(
                origin,
                "is not a kubeconfig: it must be a mapping with clusters, users and contexts",
            )),
        }
    }

    /// An error about a field of this mapping.
    pub fn error(&self, key: &str, problem: impl std::fmt::Display) -> GatherError {
        error(self.origin, format_args!("{} {problem}", self.path_of(key)))
    }

    /// The path of a field, for messages: `users[0].user.token`.
    pub fn path_of(&self, key: &str) -> String {
        match (self.path.as_str(), key) {
            ("", _) => key.to_owned(),
            (path, "") => path.to_owned(),
            (path, _) => format!("{path}.{key}"),
        }
    }

    /// Whether the mapping has no fields.
    pub fn is_empty(&self) -> bool {
        self.map.is_empty()
    }

    /// The field's value, unless it is null.
    pub fn value(&self, key: &str) -> Option<&'a Value> {
        self.map.get(key).filter(|value| !value.is_null())
    }

    /// A text field. Empty counts as absent, as everywhere in kubeconfigs.
    pub fn text(&self, key: &str) -> Result<Option<&'a str>, GatherError> {
        match self.value(key) {
            None => Ok(None),
            Some(Value::String(text)) if text.is_empty() => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(other) => Err(self.wrong_type(key, "text", other)),
        }
    }

    /// A boolean field; `false` if absent. kubectl also accepts the words of YAML 1.1
    /// (<https://yaml.org/type/bool.html>).
    pub fn flag(&self, key: &str) -> Result<bool, GatherError> {
        match self.value(key) {
            None => Ok(false),
            Some(Value::Bool(flag)) => Ok(*flag),
            Some(Value::String(word))
                if matches!(&**word, "yes" | "Yes" | "YES" | "on" | "On" | "ON" | "y" | "Y") =>
            {
                Ok(true)
            }
            Some(Value::String(word))
                if matches!(&**word, "no" | "No" | "NO" | "off" | "Off" | "OFF" | "n" | "N") =>
            {
                Ok(false)
            }
            Some(other) => Err(self.wrong_type(key, "true or false", other)),
        }
    }

    /// A field that is a mapping.
    pub fn child(&self, key: &str) -> Result<Option<Self>, GatherError> {
        match self.value(key) {
            None => Ok(None),
            Some(Value::Object(map)) => {
                Ok(Some(Self { origin: self.origin, path: self.path_of(key), map }))
            }
            Some(other) => Err(self.wrong_type(key, "a mapping", other)),
        }
    }

    /// A field that is a mapping; an empty mapping if absent.
    pub fn child_or_empty(&self, key: &str) -> Result<Self, GatherError> {
        static EMPTY: LazyLock<Map<String, Value>> = LazyLock::new(Map::new);
        let empty = Self { origin: self.origin, path: self.path_of(key), map: &EMPTY };
        Ok(self.child(key)?.unwrap_or(empty))
    }

    /// A field that is a list of mappings; empty if absent. Entries that are null are skipped.
    pub fn children(&self, key: &str) -> Result<Vec<Self>, GatherError> {
        let entries = self.list(key)?.unwrap_or_default();
        let node = |(index, value): (usize, &'a Value)| match value {
            Value::Object(map) => Ok(Self {
                origin: self.origin,
                path: format!("{}[{index}]", self.path_of(key)),
                map,
            }),
            other => Err(self.wrong_type(&format!("{key}[{index}]"), "a mapping", other)),
        };
        entries.iter().enumerate().filter(|(_, value)| !value.is_null()).map(node).collect()
    }

    /// A field that is a list of texts.
    pub fn texts(&self, key: &str) -> Result<Option<Vec<String>>, GatherError> {
        let Some(entries) = self.list(key)? else { return Ok(None) };
        let text = |(index, value): (usize, &Value)| match value {
            Value::String(text) => Ok(text.clone()),
            other => Err(self.wrong_type(&format!("{key}[{index}]"), "text", other)),
        };
        entries.iter().enumerate().map(text).collect::<Result<_, _>>().map(Some)
    }

    /// The names of the fields.
    pub fn keys(&self) -> impl Iterator<Item = &'a str> + use<'a> {
        self.map.keys().map(String::as_str)
    }

    fn list(&self, key: &str) -> Result<Option<&'a [Value]>, GatherError> {
        match self.value(key) {
            None => Ok(None),
            Some(Value::Array(entries)) => Ok(Some(entries)),
            Some(other) => Err(self.wrong_type(key, "a list", other)),
        }
    }

    fn wrong_type(&self, key: &str, expected: &str, found: &Value) -> GatherError {
        let found = match found {
            Value::Null => "null",
            Value::Bool(_) => "true or false",
            Value::Number(_) => "a number",
            Value::String(_) => "text",
            Value::Array(_) => "a list",
            Value::Object(_) => "a mapping",
        };
        let error = self.error(key, format_args!("must be {expected}, not {found}"));
        let is_scalar = matches!(found, "a number" | "true or false");
        if expected == "text" && is_scalar { error.with_hint("put it in quotes") } else { error }
    }
}

/// A `configuration` error about the document. `origin` names the document.
pub fn error(origin: &str, problem: impl std::fmt::Display) -> GatherError {
    GatherError::configuration(format!("{origin}: {problem}"))
}

/// A name in quotes, with control characters escaped. Of a text that is too long for a name or looks
/// like a token, only the first characters and the length are shown.
pub fn shown(name: &str) -> String {
    let length = name.chars().count();
    let characters = if length > SHOWN_CHARS || looks_secret(name) {
        HINTED_CHARS
    } else {
        return format!("\"{}\"", name.escape_debug());
    };
    let beginning: String = name.chars().take(characters).collect();
    format!("\"{}...\" ({length} characters)", beginning.escape_debug())
}

/// Whether a text looks like a token, a key or a hash, and not like a name: it contains the beginning
/// of a JSON Web Token, or a long run in which letters and digits alternate. Names that clouds
/// generate, and UUIDs, are long too, but they contain dashes, dots, colons or slashes.
pub fn looks_secret(text: &str) -> bool {
    let runs = text.split(|c: char| !c.is_ascii_alphanumeric() && !"+=".contains(c));
    text.contains("eyJ") || runs.into_iter().any(is_random)
}

fn is_random(run: &str) -> bool {
    let digits: Vec<bool> = run.bytes().map(|byte| byte.is_ascii_digit()).collect();
    let changes = digits.windows(2).filter(|pair| pair[0] != pair[1]).count();
    (run.len() >= RANDOM_CHARS && changes >= RANDOM_CHANGES) || run.len() >= WORD_CHARS
}

#[cfg(test)]
mod tests {
    use super::shown;

    #[test]
    fn shows_chosen_and_generated_names() {
        for name in [
            "prod",
            "kubernetes-admin@kubernetes",
            "arn:aws:eks:eu-central-1:123456789012:cluster/inventory-production",
            "gke_my-project-1234_europe-west3-a_cluster-1",
            "default/api-crc-testing:6443/kubeadmin",
            "c-m-x7k2p9qr",
            "550e8400-e29b-41d4-a716-446655440000",
            "aks-web-12345678",
            "MyCompanyProductionCluster",
            "productioncluster2024",
            "clusterUser_resource-group_cluster",
        ] {
            assert_eq!(shown(name), format!("\"{name}\""));
        }
    }

    #[test]
    fn does_not_quote_possible_tokens() {
        for (token, length) in [
            ("eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJrdWJlcm5ldGVzIn0.c2lnbmF0dXJl", 61),
            ("07401b.f395accd246ae52d", 23),
            ("d41d8cd98f00b204e9800998ecf8427e", 32),
            ("sha256~kU3n8sZ0p5QhWvT2yX9bRcLmJdFgAeIo", 39),
            ("dG9wLXNlY3JldC1wYXNzd29yZA==", 28),
            ("kubeconfig-user-abcde:xk4vq7l2m9d8w5t6z3r1", 42),
        ] {
            let text = shown(token);
            assert_eq!(text, format!("\"{}...\" ({length} characters)", &token[..4]));
        }
        assert_eq!(shown(&"long-name ".repeat(20)), "\"long...\" (200 characters)");
    }
}
