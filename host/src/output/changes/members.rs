//! The members in which two JSON objects differ.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Members that only tell that time passed: how long a guest has been running.
const PASSING: [&str; 1] = ["/attributes/uptime"];

/// A member that changed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Member {
    /// Where the member is in the object, as a JSON Pointer (RFC 6901): `/cpu/cores`, `/labels/team`.
    pub path: String,
    /// The value before; absent if there was none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<Value>,
    /// The value after; absent if there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<Value>,
}

/// Removes the members that only tell that time passed. Objects that are equal without them are unchanged.
pub fn remove_passing(data: &mut Value) {
    for path in PASSING {
        let (parent, name) = path.rsplit_once('/').expect("a path has a slash");
        let Some(Value::Object(members)) = data.pointer_mut(parent) else { continue };
        members.remove(name);
        if members.is_empty() {
            let (parent, name) = parent.rsplit_once('/').expect("a path has a slash");
            if let Some(Value::Object(members)) = data.pointer_mut(parent) {
                members.remove(name);
            }
        }
    }
}

/// The members in which two objects differ, sorted by path. Lists are compared item by item if they have the same length
/// and consist of objects; otherwise the whole list is one member.
pub fn differences(before: &Value, after: &Value) -> Vec<Member> {
    let mut members = Vec::new();
    let (mut before, mut after) = (before.clone(), after.clone());
    remove_passing(&mut before);
    remove_passing(&mut after);
    collect(before, after, &mut String::new(), &mut members);
    members
}

fn collect(before: Value, after: Value, path: &mut String, members: &mut Vec<Member>) {
    if before == after {
        return;
    }
    let length = path.len();
    match (before, after) {
        (Value::Object(before), Value::Object(mut after)) => {
            let mut both = Vec::new();
            for (name, old) in before {
                both.push((name.clone(), Some(old), after.remove(&name)));
            }
            both.extend(after.into_iter().map(|(name, new)| (name, None, Some(new))));
            both.sort_by(|(one, ..), (other, ..)| one.cmp(other));
            for (name, old, new) in both {
                path.push('/');
                path.push_str(&name.replace('~', "~0").replace('/', "~1"));
                match (old, new) {
                    (Some(old), Some(new)) => collect(old, new, path, members),
                    (before, after) => {
                        members.push(Member { path: path.clone(), before, after });
                    }
                }
                path.truncate(length);
            }
        }
        (Value::Array(before), Value::Array(after))
            if before.len() == after.len()
                && before.iter().chain(&after).all(|item| matches!(item, Value::Object(_))) =>
        {
            for (index, (old, new)) in before.into_iter().zip(after).enumerate() {
                path.push('/');
                path.push_str(&index.to_string());
                collect(old, new, path, members);
                path.truncate(length);
            }
        }
        (before, after) => {
            let (before, after) = (Some(before), Some(after));
            members.push(Member { path: path.clone(), before, after });
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::{differences, remove_passing};

    fn found(before: &Value, after: &Value) -> Value {
        serde_json::to_value(differences(before, after)).expect("JSON")
    }

    #[test]
    fn names_each_member_that_differs() {
        let before = json!({"a": 1, "b": {"c/d": "x", "e~": [1, 2]}, "gone": true, "same": [1]});
        let after = json!({"a": 2, "b": {"c/d": "y", "e~": [2, 1]}, "new": null, "same": [1]});
        let expected = json!([
            {"path": "/a", "before": 1, "after": 2},
            {"path": "/b/c~1d", "before": "x", "after": "y"},
            {"path": "/b/e~0", "before": [1, 2], "after": [2, 1]},
            {"path": "/gone", "before": true},
            {"path": "/new", "after": null},
        ]);
        assert_eq!(found(&before, &after), expected);
    }

    #[test]
    fn compares_lists_of_objects_item_by_item_if_their_length_is_the_same() {
        let before = json!({"list": [{"ready": false, "n": 1}, {"n": 2}]});
        let after = json!({"list": [{"ready": true, "n": 1}, {"n": 2}]});
        let expected = json!([{"path": "/list/0/ready", "before": false, "after": true}]);
        assert_eq!(found(&before, &after), expected);
        let longer = json!({"list": [{"n": 2}]});
        let expected = json!([{"path": "/list", "before": before["list"], "after": [{"n": 2}]}]);
        assert_eq!(found(&before, &longer), expected);
    }

    #[test]
    fn ignores_how_long_a_guest_has_been_running() {
        let guest = |uptime: Value| json!({"attributes": {"uptime": uptime, "kept": "1"}});
        assert_eq!(found(&guest(json!("1")), &guest(json!("2"))), json!([]));
        assert_eq!(found(&json!({"attributes": {"uptime": "1"}}), &json!({})), json!([]));
        let mut only = json!({"attributes": {"uptime": "1"}, "name": "n"});
        remove_passing(&mut only);
        assert_eq!(only, json!({"name": "n"}));
    }
}
