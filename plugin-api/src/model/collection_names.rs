//! The names of collections in JSON: a status is listed under the collection's name and under that of its list.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::CollectionStatus;
use crate::Collection;

/// Serializes each status under both names, of which most collections have only one.
pub fn serialize<S: Serializer>(
    collections: &BTreeMap<String, CollectionStatus>,
    to: S,
) -> Result<S::Ok, S::Error> {
    let mut named: BTreeMap<&str, &CollectionStatus> =
        collections.iter().map(|(name, status)| (name.as_str(), status)).collect();
    for (name, status) in collections {
        if let Some(collection) = Collection::from_name(name) {
            named.entry(collection.list()).or_insert(status);
        }
    }
    named.serialize(to)
}

/// Deserializes each status under the collection's name. If the two names of a collection have different statuses, it is
/// not complete.
pub fn deserialize<'de, D: Deserializer<'de>>(
    from: D,
) -> Result<BTreeMap<String, CollectionStatus>, D::Error> {
    let mut collections: BTreeMap<String, CollectionStatus> = BTreeMap::deserialize(from)?;
    for collection in Collection::ALL {
        if collection.list() == collection.as_str() {
            continue;
        }
        let Some(status) = collections.remove(collection.list()) else { continue };
        let own = collections.get(collection.as_str());
        if own.is_none_or(CollectionStatus::is_complete) {
            collections.insert(collection.as_str().to_owned(), status);
        }
    }
    Ok(collections)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use crate::Collection;
    use crate::model::EndpointResult;

    fn endpoint(collections: &Value) -> EndpointResult {
        let endpoint = json!({"id": "e", "status": "complete", "collections": collections});
        serde_json::from_value(endpoint).expect("an endpoint")
    }

    #[test]
    fn the_list_of_each_collection_has_a_status_of_its_name() {
        let complete = json!({"status": "complete"});
        let names = Collection::ALL.iter().map(|collection| collection.as_str());
        let mut statuses: Value = names.map(|name| (name.to_owned(), complete.clone())).collect();
        statuses["ingress-classes"] = complete.clone();
        let read = endpoint(&statuses);
        let written = serde_json::to_value(&read).expect("JSON");
        for collection in Collection::ALL {
            assert_eq!(written["collections"][collection.list()], complete, "{collection}");
            assert_eq!(written["collections"][collection.as_str()], complete, "{collection}");
        }
        assert_eq!(written["collections"].as_object().map(serde_json::Map::len), Some(12));
        assert_eq!(serde_json::from_value::<EndpointResult>(written).expect("JSON"), read);
    }

    #[test]
    fn a_collection_is_complete_only_if_both_of_its_names_say_so() {
        let (complete, failed) = (json!({"status": "complete"}), json!({"status": "failed"}));
        for (name, list, is_complete) in
            [(&complete, &complete, true), (&complete, &failed, false), (&failed, &complete, false)]
        {
            let read = endpoint(&json!({"config-maps": name, "configMaps": list}));
            let statuses: Vec<_> = read.collections.iter().collect();
            let [(name, status)] = statuses[..] else { panic!("{statuses:?}") };
            assert_eq!((name.as_str(), status.is_complete()), ("config-maps", is_complete));
        }
        let only_list = endpoint(&json!({"configMaps": complete}));
        assert!(only_list.collections.contains_key("config-maps"));
    }
}
