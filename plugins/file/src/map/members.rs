//! Members of a document's objects that mean nothing to this release.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::marker::PhantomData;

use gatherer_plugin_api::GatherError;
use gatherer_plugin_api::model::Warning;
use gatherer_plugin_support::json::{Json, shown};
use serde::de::value::Error;
use serde::de::{DeserializeOwned, Deserializer, Error as _, Visitor};

/// The members that mean nothing, by what has them: the first object, and how many there are.
/// One member that a later version added would otherwise be told of on each of many hosts.
#[derive(Default)]
pub struct Unknown(BTreeMap<(&'static str, String), (String, usize)>);

impl Unknown {
    /// Notes that an object has it; `noun` is what the object is, `object` its name.
    pub fn note(&mut self, noun: &'static str, member: String, object: &str) {
        self.0.entry((noun, member)).or_insert_with(|| (object.to_owned(), 0)).1 += 1;
    }

    /// One warning for each member.
    pub fn into_warnings(self) -> impl Iterator<Item = Warning> {
        self.0.into_iter().map(|((noun, member), (object, count))| {
            let further = match count {
                1 => String::new(),
                _ => format!(", here and on {} further {noun}s", count - 1),
            };
            let message = format!("the member {} means nothing; left out{further}", shown(&member));
            Warning { object, message }
        })
    }
}

/// The names of a model type's own members: what serde would look for, so that no list of
/// them has to be kept. Empty for a type that takes members of any name.
pub fn known<T: DeserializeOwned>() -> &'static [&'static str] {
    let names = Cell::new(&[] as &[&str]);
    // It always ends in an error, because there is nothing to read.
    let _ = T::deserialize(Names(&names, PhantomData));
    names.get()
}

struct Names<'n, 'de>(&'n Cell<&'static [&'static str]>, PhantomData<&'de ()>);

impl<'de> Deserializer<'de> for Names<'_, 'de> {
    type Error = Error;

    fn deserialize_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Error> {
        Err(Error::custom("nothing to read"))
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

/// Takes out the members that the type does not know.
pub fn take_unknown<T: DeserializeOwned>(members: &mut Vec<(String, Json)>) -> Vec<String> {
    let known = known::<T>();
    members
        .extract_if(.., |(name, _)| !known.contains(&name.as_str()))
        .map(|(name, _)| name)
        .collect()
}

/// Reads a value into a type of the model; `what` names it.
pub fn typed<T: DeserializeOwned>(value: Json, what: &str) -> Result<T, GatherError> {
    // serde's own text quotes what it read, so that the place alone is told.
    serde_json::from_value(value.into()).map_err(|_| {
        GatherError::protocol(format!("{what} is not what the inventory's schema says"))
            .with_hint("`virtual-host-gatherer schema inventory` prints the schema")
    })
}

#[cfg(test)]
mod tests {
    use gatherer_plugin_api::model::{EndpointResult, Guest, Host};

    use super::known;

    #[test]
    fn the_members_of_the_models_types_are_known() {
        for name in ["id", "name", "shortName", "memoryBytes", "cpu", "guests"] {
            assert!(known::<Host>().contains(&name), "{name}");
        }
        assert!(known::<Guest>().contains(&"sourceState") && !known::<Guest>().contains(&"guests"));
        assert!(known::<EndpointResult>().contains(&"collections"));
    }
}
