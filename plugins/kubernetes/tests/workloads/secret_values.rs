//! The values of secrets and config maps are neither read nor stored.

use std::collections::BTreeMap;
use std::vec;

use gatherer_plugin_kubernetes::map;
use gatherer_plugin_kubernetes::objects::{KeyedObject, Pod};
use proptest::prelude::*;
use serde::Deserialize;
use serde::de::value::{Error, MapDeserializer};
use serde::de::{Deserializer, Error as _, IntoDeserializer, Visitor};
use serde::forward_to_deserialize_any;
use serde_json::{Value, json};

const CANARY: &str = "CANARY";

/// Everything that the object is turned into, as text.
fn all_texts(text: &str) -> [String; 5] {
    let read = || serde_json::from_str::<KeyedObject<'_>>(text).expect("an object");
    let (config_map, secret) = (map::config_map(read()), map::secret(read()));
    [
        format!("{:?}", read()),
        format!("{config_map:?}"),
        format!("{secret:?}"),
        serde_json::to_string(&config_map).expect("JSON"),
        serde_json::to_string(&secret).expect("JSON"),
    ]
}

fn values() -> impl Strategy<Value = BTreeMap<String, String>> {
    let value = any::<String>().prop_map(|text| format!("{text}{CANARY}{text}"));
    proptest::collection::btree_map("[-._a-z0-9]{1,20}", value, 0..8)
}

proptest! {
    #[test]
    fn values_are_in_nothing_that_an_object_is_turned_into(
        data in values(), binary in values(), text in values(),
    ) {
        let annotation = json!({"data": data}).to_string();
        let object = json!({
            "metadata": {
                "name": "o", "namespace": "n", "uid": "u",
                "annotations": {"kubectl.kubernetes.io/last-applied-configuration": annotation},
            },
            "type": "Opaque", "data": data, "binaryData": binary, "stringData": text,
        });
        for output in all_texts(&object.to_string()) {
            prop_assert!(!output.contains(CANARY), "{output}");
        }
        let keys: std::collections::BTreeSet<&String> =
            data.keys().chain(binary.keys()).chain(text.keys()).collect();
        let object = object.to_string();
        let found = map::secret(serde_json::from_str::<KeyedObject<'_>>(&object).expect("a secret"));
        prop_assert!(found.keys.iter().eq(keys));
    }
}

#[test]
fn keys_are_sorted_and_unique() {
    let object = json!({
        "type": "kubernetes.io/tls",
        "data": {"tls.key": "", "ca.crt": null}, "binaryData": {"z": ""},
        "stringData": {"tls.key": "", "a": {"b": ["c"]}},
    });
    let object = object.to_string();
    let secret = map::secret(serde_json::from_str::<KeyedObject<'_>>(&object).expect("a secret"));
    assert_eq!(secret.keys, ["a", "ca.crt", "tls.key", "z"]);
    assert_eq!(secret.kind.as_deref(), Some("kubernetes.io/tls"));
    assert_eq!(secret.used_by, None);
    let config_map =
        map::config_map(serde_json::from_str::<KeyedObject<'_>>(&object).expect("a map"));
    assert_eq!(config_map.keys, ["a", "ca.crt", "tls.key", "z"]);
    assert_eq!(config_map.used_by, None);
}

#[test]
fn rejects_duplicate_keys() {
    let text = r#"{"data": {"a": "CANARY", "b": "", "a": "CANARY"}}"#;
    let error =
        serde_json::from_str::<KeyedObject<'_>>(text).expect_err("a duplicate key").to_string();
    assert!(!error.contains(CANARY), "{error}");
}

#[test]
fn rejects_values_that_are_not_an_object_without_quoting_them() {
    for member in ["data", "binaryData", "stringData"] {
        for found in [json!(CANARY), json!([CANARY]), json!("CA\nNARY"), json!(1), json!(1.5)] {
            let object = json!({member: found}).to_string();
            let error =
                serde_json::from_str::<KeyedObject<'_>>(&object).expect_err("not an object");
            let error = error.to_string();
            for part in [CANARY, "NARY", "1.5"] {
                assert!(!error.contains(part), "{error}");
            }
        }
    }
}

#[test]
fn does_not_store_the_values_of_environment_variables() {
    let object = json!({"spec": {"containers": [{
        "name": "c", "image": "i", "args": [CANARY],
        "env": [{"name": "PASSWORD", "value": CANARY}],
    }]}});
    let object = object.to_string();
    let pod = serde_json::from_str::<Pod<'_>>(&object).expect("a pod");
    assert!(!format!("{pod:?}").contains(CANARY));
}

/// An object whose values and annotations may be skipped, but not read. serde skips with a separate
/// call, for which a format does not convert the text.
#[derive(Clone)]
enum Guarded {
    Text(&'static str),
    Members(Vec<(&'static str, Guarded)>),
    Value,
}

impl IntoDeserializer<'_> for Guarded {
    type Deserializer = Self;

    fn into_deserializer(self) -> Self {
        self
    }
}

impl<'de> Deserializer<'de> for Guarded {
    type Error = Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self {
            Self::Text(text) => visitor.visit_borrowed_str(text),
            Self::Members(members) => {
                let members: vec::IntoIter<_> = members.into_iter();
                visitor.visit_map(MapDeserializer::new(members))
            }
            Self::Value => Err(Error::custom("a value was read")),
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_some(self)
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_unit()
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit
        unit_struct newtype_struct seq tuple tuple_struct map struct enum identifier
    }
}

#[test]
fn skips_values_without_reading_them() {
    let values = || Guarded::Members(vec![("k2", Guarded::Value), ("k1", Guarded::Value)]);
    let annotations = vec![("last-applied", Guarded::Value)];
    let metadata =
        vec![("name", Guarded::Text("s")), ("annotations", Guarded::Members(annotations))];
    let object = Guarded::Members(vec![
        ("metadata", Guarded::Members(metadata)),
        ("data", values()),
        ("binaryData", values()),
        ("stringData", values()),
        ("anythingElse", Guarded::Value),
    ]);
    let secret = map::secret(KeyedObject::deserialize(object.clone()).expect("a secret"));
    assert_eq!((&*secret.name, secret.keys), ("s", vec!["k1".to_owned(), "k2".to_owned()]));
    // The guard works: a type that reads values gets an error.
    assert!(Value::deserialize(object).is_err());
}
