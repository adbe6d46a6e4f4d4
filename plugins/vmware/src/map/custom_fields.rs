//! Custom attributes, which become labels.

use std::collections::BTreeMap;

use gatherer_plugin_api::GatherError;
use gatherer_plugin_support::xml;

use super::properties::{ObjectContent, number_at};

/// The value of a custom attribute of an object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CustomValue {
    /// The number of the attribute.
    pub key: i32,
    /// The value.
    pub value: String,
}

/// The values of an object's custom attributes.
pub fn custom_values(content: &ObjectContent) -> Result<Vec<CustomValue>, GatherError> {
    let mut values = Vec::new();
    for element in content.elements("customValue", "CustomFieldValue") {
        let key = number_at(element, "key", content, "customValue")?;
        if let Some((key, value)) = key.zip(xml::text(element, &["value"])) {
            values.push(CustomValue { key, value: value.to_owned() });
        }
    }
    Ok(values)
}

/// The names of custom attributes by their numbers.
pub fn custom_field_names(content: &ObjectContent) -> Result<BTreeMap<i32, String>, GatherError> {
    let mut names = BTreeMap::new();
    for element in content.elements("field", "CustomFieldDef") {
        let key = number_at(element, "key", content, "field")?;
        if let Some((key, name)) = key.zip(xml::text(element, &["name"])) {
            names.insert(key, name.to_owned());
        }
    }
    Ok(names)
}

/// The labels for values: the name of the attribute, or its number if the name is not known.
pub fn labels(values: Vec<CustomValue>, names: &BTreeMap<i32, String>) -> BTreeMap<String, String> {
    let label = |value: CustomValue| {
        let name = names.get(&value.key).cloned().unwrap_or_else(|| value.key.to_string());
        (name, value.value)
    };
    values.into_iter().map(label).collect()
}
