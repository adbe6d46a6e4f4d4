//! Config maps and secrets: their keys, never their values.

use gatherer_plugin_api::model;

use crate::json::Text;
use crate::objects::KeyedObject;

use super::fields::non_blank;

/// Maps a config map. Its uses are added by the caller.
pub fn config_map(item: KeyedObject<'_>) -> model::ConfigMap {
    model::ConfigMap {
        namespace: item.metadata.namespace.to_string(),
        name: item.metadata.name.to_string(),
        uid: item.metadata.uid.to_string(),
        keys: to_strings(item.into_keys()),
        used_by: None,
    }
}

/// Maps a secret. Its uses are added by the caller.
pub fn secret(item: KeyedObject<'_>) -> model::SecretKeys {
    model::SecretKeys {
        namespace: item.metadata.namespace.to_string(),
        name: item.metadata.name.to_string(),
        uid: item.metadata.uid.to_string(),
        kind: non_blank(&item.kind),
        keys: to_strings(item.into_keys()),
        used_by: None,
    }
}

fn to_strings(keys: Vec<Text<'_>>) -> Vec<String> {
    keys.into_iter().map(|key| key.to_string()).collect()
}
