//! Strict parsing of untrusted JSON, in addition to what serde derives: objects only from JSON
//! objects, null treated as absent, and no list that needs far more memory than its text.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::marker::PhantomData;
use std::ops::Deref;

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

/// A deserializer that accepts only a JSON object. What serde derives for a struct also accepts an array,
/// and reads its items as the fields in declaration order.
pub(crate) struct OnlyObjects<D>(pub D);

impl<'de, D: Deserializer<'de>> Deserializer<'de> for OnlyObjects<D> {
    type Error = D::Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, D::Error> {
        self.0.deserialize_map(visitor)
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit
        unit_struct newtype_struct seq tuple tuple_struct map struct enum identifier ignored_any
    }
}

/// Implements `Deserialize`, from objects only, for types that derive it with
/// `#[serde(remote = "Self")]`.
macro_rules! only_from_an_object {
    ($($own:ty),+) => { $(
        impl<'de> serde::de::Deserialize<'de> for $own {
            fn deserialize<D: serde::de::Deserializer<'de>>(
                deserializer: D,
            ) -> Result<Self, D::Error> {
                // This calls the inherent function that `remote = "Self"` derives. The function of
                // the trait `Deserialize` would call this function again.
                <$own>::deserialize($crate::json::OnlyObjects(deserializer))
            }
        }
    )+ };
}

pub(crate) use only_from_an_object;
