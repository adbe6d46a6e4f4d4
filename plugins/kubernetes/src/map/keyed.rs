//! Config maps and secrets: their keys, never a value.

use gatherer_plugin_api::model;

use crate::json::Text;
use crate::objects::Keyed;

use super::known;

/// The config map that the object describes, without its uses.
pub fn config_map(item: Keyed<'_>) -> model::ConfigMap {
    model::ConfigMap {
        namespace: item.metadata.namespace.to_string(),
        name: item.metadata.name.to_string(),
        uid: item.metadata.uid.to_string(),
        keys: texts(item.into_keys()),
        used_by: None,
    }
}

/// The secret that the object describes, without its uses.
pub fn secret(item: Keyed<'_>) -> model::SecretKeys {
    model::SecretKeys {
        namespace: item.metadata.namespace.to_string(),
        name: item.metadata.name.to_string(),
        uid: item.metadata.uid.to_string(),
        kind: known(&item.kind),
        keys: texts(item.into_keys()),
        used_by: None,
    }
}

fn texts(keys: Vec<Text<'_>>) -> Vec<String> {
    keys.into_iter().map(|key| key.to_string()).collect()
}
