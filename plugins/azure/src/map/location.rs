//! Locations, which answers and operators write in different ways: `westeurope`, `West Europe`.

use gatherer_plugin_api::{GatherError, did_you_mean};
use serde_json::Value;

use super::values;

/// The form of a location for comparisons: lower case without blanks.
///
/// ```
/// use gatherer_plugin_azure::map::location::normalized;
/// assert_eq!(normalized("West Europe"), "westeurope");
/// ```
pub fn normalized(text: &str) -> String {
    text.chars().filter(|c| !c.is_whitespace()).flat_map(char::to_lowercase).collect()
}

/// The location of a resource.
pub fn of(entry: &Value, what: &str) -> Result<String, GatherError> {
    let location = values::text(entry, "/location").map(|text| normalized(&text));
    location.ok_or_else(|| GatherError::protocol(format!("{what} has no location")))
}

/// A location of the subscription.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Location {
    /// The normalized name.
    pub name: String,
    /// The name that the portal shows.
    pub display_name: Option<String>,
    /// Whether it is only a part of the world, such as `europe`, in which nothing can be.
    pub is_logical: bool,
}

impl Location {
    /// An entry of the list of locations.
    pub fn parse(entry: &Value) -> Result<Self, GatherError> {
        let name = values::text(entry, "/name").map(|text| normalized(&text));
        let name = name.ok_or_else(|| GatherError::protocol("a location has no name"))?;
        let kind = values::text(entry, "/metadata/regionType");
        Ok(Self {
            name,
            display_name: values::text(entry, "/displayName"),
            is_logical: kind.is_some_and(|kind| kind.eq_ignore_ascii_case("logical")),
        })
    }
}

/// The name of the location that the operator means.
pub fn find(zone: &str, locations: &[Location]) -> Result<String, GatherError> {
    let wanted = normalized(zone);
    let locations: Vec<_> = locations.iter().filter(|location| !location.is_logical).collect();
    let is_wanted = |location: &&&Location| {
        location.name == wanted
            || location.display_name.as_deref().is_some_and(|name| normalized(name) == wanted)
    };
    if let Some(found) = locations.iter().find(is_wanted) {
        return Ok(found.name.clone());
    }
    let closest = did_you_mean(&wanted, locations.iter().map(|location| location.name.as_str()));
    let message = format!("the subscription has no location {zone}{closest}");
    Err(GatherError::configuration(message).with_hint(
        "set zone to the name of a location (`az account list-locations` prints them), or leave it empty for all",
    ))
}

#[cfg(test)]
mod tests {
    use gatherer_plugin_api::ErrorKind;
    use serde_json::json;

    use super::*;

    #[test]
    fn finds_a_location_in_any_spelling() {
        let entries = [
            json!({"name": "westeurope", "displayName": "West Europe"}),
            json!({"name": "EastUS2", "displayName": null}),
            json!({"name": "mtl1", "displayName": "Montreal"}),
            json!({"name": "europe", "displayName": "Europe", "metadata": {"regionType": "Logical"}}),
        ];
        let locations: Vec<_> =
            entries.iter().map(|entry| Location::parse(entry).expect("a location")).collect();
        for (zone, name) in [
            ("westeurope", "westeurope"),
            (" West  Europe ", "westeurope"),
            ("WESTEUROPE", "westeurope"),
            ("East US 2", "eastus2"),
            ("montreal", "mtl1"),
        ] {
            assert_eq!(find(zone, &locations).as_deref(), Ok(name), "{zone}");
        }
        for zone in ["westeurop", "eastus", "west-europe", "europe"] {
            let error = find(zone, &locations).expect_err(zone);
            assert_eq!(error.kind, ErrorKind::Configuration);
        }
        let error = find("West Europ", &locations).expect_err("a typing mistake");
        assert!(error.message.ends_with("did you mean westeurope?"), "{error}");
        assert!(find("x", &[]).is_err());
    }

    #[test]
    fn an_entry_without_a_location_is_an_error() {
        for entry in [json!({}), json!({"location": " "}), json!({"location": []}), json!("eastus")]
        {
            assert_eq!(of(&entry, "a machine").expect_err("none").kind, ErrorKind::Protocol);
            assert!(Location::parse(&entry).is_err());
        }
    }
}
