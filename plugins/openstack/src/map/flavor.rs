//! Flavors: the sizes of servers.

use std::collections::BTreeMap;

use serde_json::Value;

use super::values;

/// Flavors by their ids.
pub type Flavors = BTreeMap<String, Value>;

/// The flavors of a list. The id of a flavor may be any text, or a number.
pub fn by_id(flavors: &[Value]) -> Flavors {
    let with_id = |flavor: &Value| Some((values::text_or_number(&flavor["id"])?, flavor.clone()));
    flavors.iter().filter_map(with_id).collect()
}

/// The flavor of a server: a part of the server, or, in older versions, one of the list.
pub fn of_server<'a>(server: &'a Value, flavors: &'a Flavors) -> &'a Value {
    let own = &server["flavor"];
    if own.get("vcpus").is_some() {
        return own;
    }
    values::text_or_number(&own["id"]).and_then(|id| flavors.get(&id)).unwrap_or(&Value::Null)
}
