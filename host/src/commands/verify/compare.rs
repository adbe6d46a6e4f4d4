//! Finds the first difference between two answers.

use serde_json::Value;

/// The path of the first difference between two documents, for a message; it never contains values that may
/// be secret. `None` if they are equal.
pub fn first_difference(one: &Value, other: &Value) -> Option<String> {
    match (one, other) {
        (Value::Object(one), Value::Object(other)) => {
            let names = one.keys().chain(other.keys().filter(|name| !one.contains_key(*name)));
            names.into_iter().find_map(|name| match (one.get(name), other.get(name)) {
                (Some(a), Some(b)) => first_difference(a, b).map(|rest| join(name, &rest)),
                _ => Some(format!("{name}, which only one of them has")),
            })
        }
        (Value::Array(one), Value::Array(other)) => {
            let differing = one.iter().zip(other).enumerate().find_map(|(index, (a, b))| {
                first_difference(a, b).map(|rest| join(&item_name(index, a), &rest))
            });
            differing.or_else(|| {
                (one.len() != other.len())
                    .then(|| format!("the number of items, {} and {}", one.len(), other.len()))
            })
        }
        (one, other) => (one != other).then(String::new),
    }
}

/// Joins two parts of a path, one of which may be empty.
pub fn join(name: &str, rest: &str) -> String {
    match (name, rest) {
        ("", part) | (part, "") => part.to_owned(),
        _ => format!("{name}/{rest}"),
    }
}

/// The name of an item of a list, or else its index.
pub fn item_name(index: usize, item: &Value) -> String {
    item.get("name").and_then(Value::as_str).map_or_else(|| index.to_string(), str::to_owned)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::first_difference;

    #[test]
    fn reports_the_path_of_a_difference_without_its_value() {
        let one = json!({"hosts": [{"name": "h", "guests": [{"name": "g", "state": "running"}]}]});
        assert_eq!(first_difference(&one, &one), None);
        let mut other = one.clone();
        other["hosts"][0]["guests"][0]["state"] = json!("paused");
        assert_eq!(first_difference(&one, &other).as_deref(), Some("hosts/h/guests/g/state"));
        for empty in [json!({"hosts": []}), json!({})] {
            let place = first_difference(&one, &empty).expect("they differ");
            assert!(place.starts_with("hosts"), "{place}");
            assert!(first_difference(&empty, &one).is_some());
        }
    }
}
