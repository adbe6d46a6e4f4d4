//! A ConfigMap or a Secret of core/v1: its keys. No value is read: the parser runs over its text
//! to find its end, and copies nothing of it.

use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, IgnoredAny, MapAccess, Visitor};

use crate::json::{REPEATED, Text, only_from_an_object, or_default};

use super::Metadata;

/// The error of anything but an object, which must not be serde's own: that quotes what it found.
const NO_OBJECT: &str = "the values of a config map or a secret are no object";

/// A ConfigMap or a Secret.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(remote = "Self", default, rename_all = "camelCase")]
pub struct Keyed<'a> {
    /// What every object has.
    #[serde(borrow, deserialize_with = "or_default")]
    pub metadata: Metadata<'a>,
    /// A secret's: `Opaque`.
    #[serde(rename = "type", borrow, deserialize_with = "or_default")]
    pub kind: Text<'a>,
    /// Texts of a config map, encoded bytes of a secret.
    #[serde(borrow, deserialize_with = "or_default")]
    pub data: Keys<'a>,
    /// Encoded bytes of a config map.
    #[serde(borrow, deserialize_with = "or_default")]
    pub binary_data: Keys<'a>,
    /// Texts of a secret. Servers take it and never answer with it.
    #[serde(borrow, deserialize_with = "or_default")]
    pub string_data: Keys<'a>,
}

impl<'a> Keyed<'a> {
    /// Every key, sorted, each once.
    pub fn into_keys(self) -> Vec<Text<'a>> {
        let mut keys = self.data.0;
        keys.extend(self.binary_data.0);
        keys.extend(self.string_data.0);
        keys.sort_unstable();
        keys.dedup();
        keys
    }
}

only_from_an_object!(Keyed<'de>);

/// The keys of an object, without what stands behind them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Keys<'a>(pub Vec<Text<'a>>);

impl<'de> Deserialize<'de> for Keys<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(KeysAlone)
    }
}

struct KeysAlone;

impl<'de> Visitor<'de> for KeysAlone {
    type Value = Keys<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    /// The number of keys has no limit but that of the page: a key takes little more memory than
    /// its text.
    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Self::Value, A::Error> {
        let mut keys = Vec::new();
        while let Some((key, IgnoredAny)) = entries.next_entry::<Text<'de>, IgnoredAny>()? {
            keys.push(key);
        }
        keys.sort_unstable();
        if keys.windows(2).any(|pair| pair[0] == pair[1]) {
            return Err(A::Error::custom(REPEATED));
        }
        Ok(Keys(keys))
    }

    fn visit_str<E: Error>(self, _: &str) -> Result<Self::Value, E> {
        Err(E::custom(NO_OBJECT))
    }

    fn visit_bool<E: Error>(self, _: bool) -> Result<Self::Value, E> {
        Err(E::custom(NO_OBJECT))
    }

    fn visit_i64<E: Error>(self, _: i64) -> Result<Self::Value, E> {
        Err(E::custom(NO_OBJECT))
    }

    fn visit_u64<E: Error>(self, _: u64) -> Result<Self::Value, E> {
        Err(E::custom(NO_OBJECT))
    }

    fn visit_f64<E: Error>(self, _: f64) -> Result<Self::Value, E> {
        Err(E::custom(NO_OBJECT))
    }
}
