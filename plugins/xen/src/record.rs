//! Pure: the records of a class, and typed access to their members.

use std::collections::HashMap;

use gatherer_plugin_api::GatherError;
use gatherer_plugin_support::json::Json;

/// The reference to nothing.
const NULL: &str = "OpaqueRef:NULL";

/// All objects of a class, by reference.
#[derive(Debug)]
pub struct Class {
    name: &'static str,
    records: Vec<(String, Json)>,
    positions: HashMap<String, usize>,
}

/// One object.
#[derive(Debug, Clone, Copy)]
pub struct Record<'a> {
    class: &'static str,
    /// The reference by which other objects name this one.
    pub reference: &'a str,
    value: &'a Json,
}

impl Class {
    /// The result of `get_all_records`: an object with a record for each reference.
    pub fn new(name: &'static str, result: Json) -> Result<Self, GatherError> {
        let Json::Object(records) = result else {
            return Err(GatherError::protocol(format!(
                "{name}.get_all_records: the result is not an object"
            )));
        };
        if records.iter().any(|(_, record)| !matches!(record, Json::Object(_))) {
            return Err(GatherError::protocol(format!(
                "{name}.get_all_records: a record is not an object"
            )));
        }
        let positions =
            records.iter().enumerate().map(|(index, (reference, _))| (reference.clone(), index));
        let positions = positions.collect();
        Ok(Self { name, records, positions })
    }

    /// The number of objects.
    pub fn len(&self) -> usize {
        self.records.len()
    }

    /// Whether there are no objects.
    pub fn is_empty(&self) -> bool {
        self.records.is_empty()
    }

    /// All objects, in the server's order.
    pub fn iter(&self) -> impl Iterator<Item = Record<'_>> {
        let class = self.name;
        self.records.iter().map(move |(reference, value)| Record { class, reference, value })
    }

    /// The object with this reference.
    pub fn get(&self, reference: &str) -> Option<Record<'_>> {
        let (reference, value) = &self.records[*self.positions.get(reference)?];
        Some(Record { class: self.name, reference, value })
    }
}

impl<'a> Record<'a> {
    /// A text that is not empty.
    pub fn text(&self, member: &str) -> Option<&'a str> {
        match self.value.get(member) {
            Some(Json::Text(text)) if !text.is_empty() => Some(text),
            _ => None,
        }
    }

    /// A text that every object of this class must have. It may be empty only if it is a name.
    pub fn required_text(&self, member: &str) -> Result<&'a str, GatherError> {
        match self.value.get(member) {
            Some(Json::Text(text)) if !text.is_empty() || member == "name_label" => Ok(text),
            _ => Err(self.invalid(member, "a text")),
        }
    }

    /// A boolean. An absent one is false: older servers do not have it.
    pub fn flag(&self, member: &str) -> Result<bool, GatherError> {
        match self.value.get(member) {
            Some(Json::Bool(value)) => Ok(*value),
            None => Ok(false),
            Some(_) => Err(self.invalid(member, "a boolean")),
        }
    }

    /// A number that is not negative, as a number or as text. Anything else is unknown.
    pub fn number(&self, member: &str) -> Option<u64> {
        number(self.value.get(member)?)
    }

    /// The reference to another object. One to nothing is `None`.
    pub fn reference(&self, member: &str) -> Option<&'a str> {
        self.text(member).filter(|reference| *reference != NULL)
    }

    /// The references of a set, without those to nothing. An absent set is empty: older servers do not have all of them.
    pub fn references(
        &self,
        member: &str,
    ) -> Result<impl Iterator<Item = &'a str> + use<'a>, GatherError> {
        let is_set = match self.value.get(member) {
            None => true,
            Some(Json::Array(items)) => items.iter().all(|item| matches!(item, Json::Text(_))),
            Some(_) => false,
        };
        if is_set {
            Ok(self.texts(member))
        } else {
            Err(self.invalid(member, "a set of references"))
        }
    }

    /// The texts of a set.
    pub fn texts(&self, member: &str) -> impl Iterator<Item = &'a str> + use<'a> {
        let items = match self.value.get(member) {
            Some(Json::Array(items)) => items.as_slice(),
            _ => &[],
        };
        items.iter().filter_map(|item| match item {
            Json::Text(text) if !text.is_empty() && text != NULL => Some(text.as_str()),
            _ => None,
        })
    }

    /// The texts of a map, with their names.
    pub fn entries(&self, member: &str) -> impl Iterator<Item = (&'a str, &'a str)> + use<'a> {
        let members = match self.value.get(member) {
            Some(Json::Object(members)) => members.as_slice(),
            _ => &[],
        };
        members.iter().filter_map(|(name, value)| match value {
            Json::Text(text) if !text.is_empty() => Some((name.as_str(), text.as_str())),
            _ => None,
        })
    }

    /// A text of a map.
    pub fn entry(&self, member: &str, name: &str) -> Option<&'a str> {
        match self.value.get(member)?.get(name)? {
            Json::Text(text) if !text.is_empty() => Some(text),
            _ => None,
        }
    }

    /// A number of a map.
    pub fn entry_number(&self, member: &str, name: &str) -> Option<u64> {
        number(self.value.get(member)?.get(name)?)
    }

    fn invalid(&self, member: &str, expected: &str) -> GatherError {
        let class = self.class;
        GatherError::protocol(format!(
            "{class}.get_all_records: the member {member} of a record is not {expected}"
        ))
    }
}

/// XAPI sends whole numbers as text, and newer versions as numbers.
fn number(value: &Json) -> Option<u64> {
    match value {
        Json::Number(number) => number.as_u64(),
        Json::Text(text) => text.trim().parse().ok(),
        _ => None,
    }
}
