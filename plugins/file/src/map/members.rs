//! Members of an inventory that this release does not know, and deserialization into the model.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::marker::PhantomData;

use gatherer_plugin_api::GatherError;
use gatherer_plugin_api::model::Warning;
use gatherer_plugin_support::json::{Json, quote};
use serde::de::value::Error;
use serde::de::{DeserializeOwned, Deserializer, Error as _, Visitor};

use super::format::{ignored, wrong_type};

/// Counts the unknown members of a document. Each member gets one warning, since a member that a later
/// version added is usually in many objects.
///
/// The key of `counts` is the type of the object and the name of the member, the value the name of the first
/// object that has it and the number of objects. `unreadable` has the warnings about members that cannot be read.
#[derive(Default)]
pub struct UnknownMembers {
    counts: BTreeMap<(&'static str, String), (String, usize)>,
    unreadable: Vec<Warning>,
}

/// The members that identify an object. If one of them cannot be read, the document fails.
const IDENTITY: [&str; 5] = ["id", "name", "namespace", "uid", "uuid"];

/// The lists whose items are uses of images. If one of them or an item cannot be read, the document fails.
const USES: [&str; 2] = ["containers", "imageVolumes"];

/// Removes the values of an object of an inventory that cannot be read: members of the object or of an object in it. An
/// array with such an item is removed. Returns one text for each, which names the member and the reason. `subject` names
/// the object in the error of a member that identifies it.
pub fn take_unreadable(
    members: &mut Vec<(String, Json)>,
    subject: &str,
) -> Result<Vec<String>, GatherError> {
    if !members.iter().any(|(_, value)| has_unreadable(value)) {
        return Ok(Vec::new());
    }
    for (name, value) in &*members {
        if let Some((lost, expected)) = lost(name, value) {
            return Err(wrong_type(&format!("`{name}` of {subject}"), expected, lost));
        }
    }
    let mut removed = Vec::new();
    members.retain_mut(|(name, value)| keeps(name, value, &mut removed));
    Ok(removed)
}

/// The part of a member that must not be left out, and what it must be.
fn lost<'a>(name: &str, value: &'a Json) -> Option<(&'a Json, &'static str)> {
    if IDENTITY.contains(&name) {
        return first_unreadable(value).map(|lost| (lost, "a string"));
    }
    if name == "identifiers" {
        return first_unreadable(value).map(|lost| (lost, "an object of strings"));
    }
    if !USES.contains(&name) {
        return None;
    }
    let lost = match value {
        // Members of an item can be left out, but not the item.
        Json::Array(items) => {
            items.iter().filter(|item| !matches!(item, Json::Object(_))).find_map(first_unreadable)
        }
        _ => first_unreadable(value),
    };
    lost.map(|lost| (lost, "an array of objects"))
}

/// The first part of a value that cannot be read.
fn first_unreadable(value: &Json) -> Option<&Json> {
    match value {
        Json::Unreadable(_) => Some(value),
        Json::Array(items) => items.iter().find_map(first_unreadable),
        Json::Object(members) => members.iter().find_map(|(_, value)| first_unreadable(value)),
        _ => None,
    }
}

/// Whether a value or a part of it cannot be read.
pub fn has_unreadable(value: &Json) -> bool {
    first_unreadable(value).is_some()
}

/// Removes the parts of a value that cannot be read. Whether the value itself is kept.
fn keeps(path: &str, value: &mut Json, removed: &mut Vec<String>) -> bool {
    match value {
        Json::Unreadable(_) => {
            removed.push(format!("{} {}", quote(path), ignored("", value)));
            false
        }
        Json::Object(members) => {
            members.retain_mut(|(name, value)| {
                !has_unreadable(value) || keeps(&format!("{path}.{name}"), value, removed)
            });
            true
        }
        Json::Array(items) => items.iter_mut().all(|item| keeps(path, item, removed)),
        _ => true,
    }
}

impl UnknownMembers {
    /// Counts an unknown member. `noun` is the type of the object, `object` its name.
    pub fn add(&mut self, noun: &'static str, member: String, object: &str) {
        self.counts.entry((noun, member)).or_insert_with(|| (object.to_owned(), 0)).1 += 1;
    }

    /// Adds the members of an object that cannot be read, as [`take_unreadable`] returns them.
    pub fn add_unreadable(&mut self, messages: Vec<String>, object: &str) {
        let warning = |message| Warning { object: object.to_owned(), message };
        self.unreadable.extend(messages.into_iter().map(warning));
    }

    /// One warning for each member.
    pub fn into_warnings(self) -> impl Iterator<Item = Warning> {
        let unknown = self.counts.into_iter().map(|((noun, member), (object, count))| {
            let others = match count {
                1 => String::new(),
                2 => format!(", here and in 1 other {noun}"),
                _ => format!(", here and in {} other {noun}s", count - 1),
            };
            let message = format!("the unknown member {} is ignored{others}", quote(&member));
            Warning { object, message }
        });
        self.unreadable.into_iter().chain(unknown)
    }
}

/// The names of the members of a model type, so that no separate list of them is needed. They are those
/// that the type asks its deserializer for. Empty for a type that accepts members of any name.
pub fn known<T: DeserializeOwned>() -> &'static [&'static str] {
    let names = Cell::new(&[] as &[&str]);
    // The result is always an error, because this deserializer has no data.
    let _ = T::deserialize(NameCollector(&names, PhantomData));
    names.get()
}

/// A deserializer without data that stores the names of the members that a struct asks for.
struct NameCollector<'n, 'de>(&'n Cell<&'static [&'static str]>, PhantomData<&'de ()>);

impl<'de> Deserializer<'de> for NameCollector<'_, 'de> {
    type Error = Error;

    fn deserialize_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Error> {
        Err(Error::custom("no data"))
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        self.0.set(fields);
        self.deserialize_any(visitor)
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option
        unit unit_struct newtype_struct seq tuple tuple_struct map enum identifier ignored_any
    }
}

/// Removes the members that the type does not have, and returns their names.
pub fn take_unknown<T: DeserializeOwned>(members: &mut Vec<(String, Json)>) -> Vec<String> {
    let known = known::<T>();
    members
        .extract_if(.., |(name, _)| !known.contains(&name.as_str()))
        .map(|(name, _)| name)
        .collect()
}

/// Deserializes a value into a type of the model. `subject` names the value in errors.
pub fn deserialize<T: DeserializeOwned>(value: Json, subject: &str) -> Result<T, GatherError> {
    // serde's message is not passed on, because it quotes the value.
    serde_json::from_value(value.into()).map_err(|_| {
        GatherError::protocol(format!("{subject} does not match the schema of the inventory"))
            .with_hint("`virtual-host-gatherer schema inventory` prints the schema")
    })
}

#[cfg(test)]
mod tests {
    use gatherer_plugin_api::model::{EndpointResult, Guest, Host};

    use super::known;

    #[test]
    fn the_members_of_model_types_are_known() {
        for name in ["id", "name", "shortName", "memoryBytes", "cpu", "guests"] {
            assert!(known::<Host>().contains(&name), "{name}");
        }
        assert!(known::<Guest>().contains(&"sourceState") && !known::<Guest>().contains(&"guests"));
        assert!(known::<EndpointResult>().contains(&"collections"));
    }
}
