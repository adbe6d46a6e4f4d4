//! How v4 objects look: each has its type and the version of its type, except later ones of a nested list.

use serde_json::{Value, json};

/// An object of a type of `vmm` or `clustermgmt`, or, if the type begins with `common.`, of all namespaces.
pub(super) fn object(object_type: &str, members: Value) -> Value {
    let version = if object_type.starts_with("common.") { "v1.r0" } else { "v4.r0" };
    let mut object = json!({"$reserved": {"$fv": version}, "$objectType": object_type});
    let Value::Object(members) = members else { panic!("{object_type} needs members") };
    for (name, value) in members {
        // A member without a value is absent.
        if !value.is_null() {
            object[&name] = value;
        }
    }
    object
}

/// A nested list. Only its first object has a type, as recorded.
pub(super) fn list(items: impl IntoIterator<Item = Value>) -> Value {
    let untyped = |(index, mut item): (usize, Value)| {
        if index > 0
            && let Value::Object(members) = &mut item
        {
            members.remove("$reserved");
            members.remove("$objectType");
        }
        item
    };
    items.into_iter().enumerate().map(untyped).collect()
}

/// An IPv4 address.
pub(super) fn ipv4(address: &str) -> Value {
    object("common.v1.config.IPv4Address", json!({"value": address, "prefixLength": 32}))
}

/// An address of a host.
pub(super) fn ip_address(address: &str) -> Value {
    object("common.v1.config.IPAddress", json!({"ipv4": ipv4(address)}))
}
