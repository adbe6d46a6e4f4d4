//! Strict parsing of untrusted JSON, in addition to what serde derives: objects only from JSON
//! objects, null treated as absent, and no list that needs far more memory than its text.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::marker::PhantomData;
use std::ops::Deref;

use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserialize, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};

/// The error of an item whose `kind` is not the kind of the list.
pub(crate) const OTHER_KIND: &str = "has another kind";

/// How many entries a list or a mapping of one object may have. A cluster stores objects of at most
/// 1.5 MiB.
const MOST_ENTRIES: usize = 10_000;

/// The error of a list or a mapping with more than [`MOST_ENTRIES`] entries.
pub(crate) const TOO_MANY_ENTRIES: &str = "has a list of more than 10000 entries";

/// The error of a mapping with a duplicate key.
pub(crate) const DUPLICATE_KEY: &str = "has a mapping with a duplicate key";

/// A string, borrowed from the input unless it contains escapes.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Text<'a>(Cow<'a, str>);

impl Deref for Text<'_> {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl<'de> Deserialize<'de> for Text<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct TextVisitor;

        impl<'de> Visitor<'de> for TextVisitor {
            type Value = Text<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a text")
            }

            fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Text<'de>, E> {
                Ok(Text(text.into()))
            }

            fn visit_str<E>(self, text: &str) -> Result<Text<'de>, E> {
                Ok(Text(text.to_owned().into()))
            }
        }

        deserializer.deserialize_str(TextVisitor)
    }
}

/// Deserializes null as the type's default.
pub(crate) fn or_default<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de> + Default,
{
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

/// Deserializes a list without its nulls and its default values: an object without any known field
/// would take as much memory as a full one.
pub(crate) fn items<'de, D, T>(deserializer: D) -> Result<Vec<T>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de> + Default + PartialEq,
{
    struct ItemsVisitor<T>(PhantomData<T>);

    impl<'de, T: Deserialize<'de> + Default + PartialEq> Visitor<'de> for ItemsVisitor<T> {
        type Value = Vec<T>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a list")
        }

        fn visit_unit<E>(self) -> Result<Vec<T>, E> {
            Ok(Vec::new())
        }

        fn visit_seq<A: SeqAccess<'de>>(self, mut entries: A) -> Result<Vec<T>, A::Error> {
            let mut items = Vec::new();
            while let Some(entry) = entries.next_element::<Option<T>>()? {
                let Some(item) = entry.filter(|item| *item != T::default()) else { continue };
                if items.len() == MOST_ENTRIES {
                    return Err(A::Error::custom(TOO_MANY_ENTRIES));
                }
                items.push(item);
            }
            Ok(items)
        }
    }

    deserializer.deserialize_any(ItemsVisitor(PhantomData))
}

/// Deserializes a mapping of strings, without its nulls. A duplicate key is an error.
pub(crate) fn texts<'de, D>(deserializer: D) -> Result<BTreeMap<String, String>, D::Error>
where
    D: Deserializer<'de>,
{
    struct TextsVisitor;

    impl<'de> Visitor<'de> for TextsVisitor {
        type Value = BTreeMap<String, String>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("an object")
        }

        fn visit_unit<E>(self) -> Result<Self::Value, E> {
            Ok(BTreeMap::new())
        }

        fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Self::Value, A::Error> {
            let mut texts = BTreeMap::new();
            while let Some((name, text)) = entries.next_entry::<String, Option<String>>()? {
                let Some(text) = text else { continue };
                if texts.len() == MOST_ENTRIES {
                    return Err(A::Error::custom(TOO_MANY_ENTRIES));
                }
                if texts.insert(name, text).is_some() {
                    return Err(A::Error::custom(DUPLICATE_KEY));
                }
            }
            Ok(texts)
        }
    }

    deserializer.deserialize_any(TextsVisitor)
}

/// A type that is deserialized only from a JSON object. The implementations that serde derives also
/// accept an array, and read its items as the fields in declaration order.
pub(crate) trait Object<'de>: Sized {
    fn from_members<A: MapAccess<'de>>(members: A) -> Result<Self, A::Error>;
}

pub(crate) struct ObjectVisitor<T>(pub PhantomData<T>);

impl<'de, T: Object<'de>> Visitor<'de> for ObjectVisitor<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, members: A) -> Result<T, A::Error> {
        T::from_members(members)
    }
}

/// A deserializer of the members, for the function that `remote = "Self"` derives.
pub(crate) fn members<A>(members: A) -> MapAccessDeserializer<A> {
    MapAccessDeserializer::new(members)
}

/// Implements `Deserialize`, from objects only, for types that derive it with
/// `#[serde(remote = "Self")]`.
macro_rules! only_from_an_object {
    ($($own:ty),+) => { $(
        impl<'de> $crate::json::Object<'de> for $own {
            fn from_members<A: serde::de::MapAccess<'de>>(
                members: A,
            ) -> Result<Self, A::Error> {
                // This calls the inherent function that `remote = "Self"` derives. The function of
                // the trait `Deserialize` would call this function again.
                <$own>::deserialize($crate::json::members(members))
            }
        }

        impl<'de> serde::de::Deserialize<'de> for $own {
            fn deserialize<D: serde::de::Deserializer<'de>>(
                deserializer: D,
            ) -> Result<Self, D::Error> {
                deserializer
                    .deserialize_map($crate::json::ObjectVisitor(std::marker::PhantomData))
            }
        }
    )+ };
}

pub(crate) use only_from_an_object;
