//! A ConfigMap or a Secret of core/v1: an object with keys, whose values are never read. The parser only
//! searches for the end of a value and copies nothing of it.

use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, IgnoredAny, MapAccess, Visitor};

use crate::json::{DUPLICATE_KEY, Text, only_from_an_object, or_default};

use super::object_meta::ObjectMeta;

/// The error if the values are not an object. serde's own message would quote what it found.
const NOT_AN_OBJECT: &str = "the values of a config map or a secret must be an object";

/// A ConfigMap or a Secret.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(remote = "Self", default, rename_all = "camelCase")]
pub struct KeyedObject<'a> {
    /// The metadata.
    #[serde(borrow, deserialize_with = "or_default")]
    pub metadata: ObjectMeta<'a>,
    /// The type of a secret, such as `Opaque`.
    #[serde(rename = "type", borrow, deserialize_with = "or_default")]
    pub kind: Text<'a>,
    /// Texts in a config map, base64 in a secret.
    #[serde(borrow, deserialize_with = "or_default")]
    pub data: Keys<'a>,
    /// Base64, in a config map.
    #[serde(borrow, deserialize_with = "or_default")]
    pub binary_data: Keys<'a>,
    /// Texts in a secret. Servers accept this member and never return it.
    #[serde(borrow, deserialize_with = "or_default")]
    pub string_data: Keys<'a>,
}

impl<'a> KeyedObject<'a> {
    /// All keys, sorted and without duplicates.
    pub fn into_keys(self) -> Vec<Text<'a>> {
        let mut keys = self.data.0;
        keys.extend(self.binary_data.0);
        keys.extend(self.string_data.0);
        keys.sort_unstable();
        keys.dedup();
        keys
    }
}

only_from_an_object!(KeyedObject<'de>);

/// The keys of a JSON object, without their values.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Keys<'a>(pub Vec<Text<'a>>);

impl<'de> Deserialize<'de> for Keys<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(KeysVisitor)
    }
}

struct KeysVisitor;

impl<'de> Visitor<'de> for KeysVisitor {
    type Value = Keys<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    /// The number of keys is limited by the size of the page only: a key takes little more memory than its
    /// text.
    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Self::Value, A::Error> {
        let mut keys = Vec::new();
        while let Some((key, IgnoredAny)) = entries.next_entry::<Text<'de>, IgnoredAny>()? {
            keys.push(key);
        }
        keys.sort_unstable();
        if keys.windows(2).any(|pair| pair[0] == pair[1]) {
            return Err(A::Error::custom(DUPLICATE_KEY));
        }
        Ok(Keys(keys))
    }

    fn visit_str<E: Error>(self, _: &str) -> Result<Self::Value, E> {
        Err(E::custom(NOT_AN_OBJECT))
    }

    fn visit_bool<E: Error>(self, _: bool) -> Result<Self::Value, E> {
        Err(E::custom(NOT_AN_OBJECT))
    }

    fn visit_i64<E: Error>(self, _: i64) -> Result<Self::Value, E> {
        Err(E::custom(NOT_AN_OBJECT))
    }

    fn visit_u64<E: Error>(self, _: u64) -> Result<Self::Value, E> {
        Err(E::custom(NOT_AN_OBJECT))
    }

    fn visit_f64<E: Error>(self, _: f64) -> Result<Self::Value, E> {
        Err(E::custom(NOT_AN_OBJECT))
    }
}
