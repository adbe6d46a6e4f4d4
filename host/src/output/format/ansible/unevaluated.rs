//! Texts that Ansible must not evaluate as templates.

use serde_json::{Map, Value};

use super::safe_names::INTERNAL_PREFIX;

/// The key of an object that marks its text as not a template, for inventory scripts.
const UNSAFE: &str = "__ansible_unsafe";

/// Marks all texts of a value that Ansible could evaluate, and renames keys that it gives a meaning to.
pub fn value(value: Value) -> Value {
    match value {
        Value::String(string) => text(string),
        Value::Array(items) => items.into_iter().map(self::value).collect(),
        Value::Object(members) => {
            let mut renamed = Map::new();
            for (mut key, member) in members {
                while key.starts_with(INTERNAL_PREFIX) || renamed.contains_key(&key) {
                    key.insert(0, '_');
                }
                renamed.insert(key, self::value(member));
            }
            Value::Object(renamed)
        }
        other => other,
    }
}

/// Marks a text unless it is plain: made of letters, digits and characters that no template or expression needs.
pub fn text(text: String) -> Value {
    if is_plain(&text) {
        return Value::String(text);
    }
    Value::Object([(UNSAFE.to_owned(), Value::String(text))].into_iter().collect())
}

fn is_plain(text: &str) -> bool {
    let is_plain = |c: char| {
        c.is_alphanumeric() || matches!(c, ' ' | '.' | '-' | '_' | ':' | '/' | ',' | '@' | '+')
    };
    text.chars().all(is_plain)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::value;

    #[test]
    fn marks_what_a_template_or_an_expression_needs_and_nothing_else() {
        for plain in ["", "SUSE Linux 15.6", "10.0.0.1:22", "a/b@c+d,e", "Zürich"] {
            assert_eq!(value(json!(plain)), json!(plain));
        }
        for text in
            ["{{ 7*7 }}", "#jinja2: x", "lookup('pipe')", "a\nb", "{%", "x=y", "[1]", "\u{202e}"]
        {
            assert_eq!(value(json!([{"k": text}])), json!([{"k": {"__ansible_unsafe": text}}]));
        }
        assert_eq!(value(json!({"n": 7, "b": true})), json!({"n": 7, "b": true}));
    }

    #[test]
    fn renames_keys_that_replace_the_object_and_keeps_both_of_two_equal_ones() {
        let labels =
            json!({"__ansible_vault": "1", "___ansible_vault": "2", "__ansible_type": "3"});
        let renamed = value(labels);
        let keys: Vec<_> = renamed.as_object().expect("an object").keys().collect();
        assert_eq!(keys, ["____ansible_vault", "___ansible_type", "___ansible_vault"]);
    }
}
