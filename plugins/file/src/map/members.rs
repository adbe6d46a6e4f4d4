//! Members of an inventory that this release ignores, and deserialization into the model.

use std::cell::Cell;
use std::marker::PhantomData;

use gatherer_plugin_api::GatherError;
use gatherer_plugin_support::json::{Json, member, quote};
use serde::de::value::Error;
use serde::de::{DeserializeOwned, Deserializer, Error as _, Visitor};

use super::format::{ignored, wrong_type};
use super::warnings::Warnings;

/// The members that identify an object. If one of them cannot be read, the document fails.
const IDENTITY: [&str; 5] = ["id", "name", "namespace", "uid", "uuid"];

/// The lists whose items are uses of images. If one of them or an item cannot be read, the document fails.
const USES: [&str; 2] = ["containers", "imageVolumes"];

/// The maximum length of the path of a member. [`quote`] shows less.
const PATH_MAX_CHARS: usize = 100;

/// Removes what this release ignores from an object of an inventory, each with a warning: members that the type does not
/// have, and values that cannot be read, which can be in an inner object. An array with such an item is removed.
/// `noun` is the type of the object, and `subject` names the object in the error of a member that identifies it.
pub fn take_ignored<T: DeserializeOwned>(
    members: &mut Vec<(String, Json)>,
    noun: &'static str,
    subject: &str,
    warnings: &mut Warnings,
) -> Result<(), GatherError> {
    let known = known::<T>();
    let is_unknown = |(name, _): &mut (String, Json)| !known.contains(&name.as_str());
    let unknown: Vec<_> = members.extract_if(.., is_unknown).collect();
    let is_readable = !members.iter().any(|(_, value)| has_unreadable(value));
    if unknown.is_empty() && is_readable {
        return Ok(());
    }
    for (name, value) in &*members {
        if let Some((lost, expected)) = lost(name, value) {
            return Err(wrong_type(&format!("`{name}` of {subject}"), expected, lost));
        }
    }
    let object = match member(members, "name") {
        Some(Json::Text(name)) => name.clone(),
        _ => String::new(),
    };
    members.retain_mut(|(name, value)| keeps(name, value, &object, warnings));
    for (member, value) in unknown {
        warnings.add_unknown(noun, member, &value, &object);
    }
    Ok(())
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

/// Removes the parts of a value that cannot be read, with warnings about the object. Whether the value itself is kept.
fn keeps(path: &str, value: &mut Json, object: &str, warnings: &mut Warnings) -> bool {
    match value {
        Json::Unreadable(_) => {
            warnings.add(object, format!("{} {}", quote(path), ignored("", value)));
            false
        }
        Json::Object(members) => {
            members.retain_mut(|(name, value)| {
                !has_unreadable(value) || keeps(&inner_path(path, name), value, object, warnings)
            });
            true
        }
        Json::Array(items) => items.iter_mut().all(|item| keeps(path, item, object, warnings)),
        _ => true,
    }
}

/// The path of a member of an inner object. It is cut, because it is made for each member of the object.
fn inner_path(path: &str, name: &str) -> String {
    path.chars().chain(['.']).chain(name.chars()).take(PATH_MAX_CHARS).collect()
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
