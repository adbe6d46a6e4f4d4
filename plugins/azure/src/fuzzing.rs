//! The fuzz targets of this crate. Each takes one input and panics if a rule is violated.

use gatherer_plugin_api::model::Guest;
use gatherer_plugin_support::json;
use serde_json::Value;

use crate::map::location::{self, Location};
use crate::map::machine::{ListedState, Machine};
use crate::map::size::{Size, Sizes};
use crate::map::values;

/// The name of a target, and the function that runs it on one input.
pub type Target = (&'static str, fn(&[u8]));

/// The targets of this crate.
pub const TARGETS: &[Target] = &[("azure_lists", lists)];

/// A document with the lists `machines`, `states`, `sizes` and `locations`.
fn lists(input: &[u8]) {
    let Ok(document) = json::read::<Value>(input, "the lists") else { return };
    let entries = |name: &str| values::list(&document, name);
    let sizes = entries("/sizes").iter().filter_map(|entry| Size::parse(entry).ok());
    let sizes: Sizes = sizes.map(|size| (size.name.clone(), size)).collect();
    let locations: Vec<_> =
        entries("/locations").iter().filter_map(|entry| Location::parse(entry).ok()).collect();
    for found in locations.iter().filter(|location| !location.is_logical) {
        assert!(location::find(&found.name, &locations).is_ok());
    }
    for entry in entries("/states") {
        let Ok(listed) = ListedState::parse(entry) else { continue };
        assert!(listed.id.parts().iter().all(|part| !part.is_empty() && *part != ".."));
    }
    for entry in entries("/machines") {
        let Ok(mut machine) = Machine::parse(entry) else { continue };
        let _ = machine.set_size(&sizes);
        assert_eq!(machine.location, location::normalized(&machine.location));
        let guest = machine.guest;
        assert!(guest.id.as_ref().is_some_and(|id| !id.is_empty()) && !guest.name.is_empty());
        assert!(guest.state.is_some());
        assert!(guest.cpus != Some(0) && guest.memory_bytes != Some(0));
        let json = serde_json::to_string(&guest).expect("a guest can be encoded as JSON");
        let parsed: Guest = serde_json::from_str(&json).expect("the runner can parse the guest");
        assert_eq!(parsed, guest, "the runner gets a different guest");
    }
    let _ = values::shown(&document, "/message");
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    #[test]
    fn committed_cases_pass() {
        gatherer_tests::corpus::replay(super::TARGETS);
    }

    /// Any JSON value with the names and words of answers.
    fn value() -> impl Strategy<Value = Value> {
        let words = [
            "/subscriptions/s/resourceGroups/g/providers/Microsoft.Compute/virtualMachines/a",
            "eastus",
            "East US",
            "Standard_B1s",
            "PowerState/running",
            "0b9d0c55-1111-4222-8333-444455556666",
            "4",
            "",
        ];
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            ".{0,20}".prop_map(Value::from),
            prop::sample::select(words.to_vec()).prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 40, 6, |inner| {
            let key = prop::sample::select(vec![
                "id",
                "name",
                "location",
                "properties",
                "hardwareProfile",
                "vmSize",
                "instanceView",
                "statuses",
                "code",
                "vmId",
                "storageProfile",
                "osDisk",
                "dataDisks",
                "diskSizeGB",
                "tags",
                "zones",
                "numberOfCores",
                "memoryInMB",
                "displayName",
                "imageReference",
                "timeCreated",
            ]);
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
                prop::collection::btree_map(key.prop_map(str::to_owned), inner, 0..8)
                    .prop_map(|map| Value::Object(map.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

        /// The function of the fuzz target checks what comes out.
        #[test]
        fn any_answer_is_mapped_or_refused_without_a_panic(
            entries in prop::collection::vec(value(), 0..4), properties in value(),
        ) {
            let mut entries = entries;
            let id = "/subscriptions/s/resourceGroups/g/providers/Microsoft.Compute/virtualMachines/b";
            entries.push(json!({"id": id, "location": "eastus", "properties": properties}));
            let document = json!({"machines": entries, "states": entries, "sizes": entries, "locations": entries});
            for (_, target) in super::TARGETS {
                target(document.to_string().as_bytes());
            }
        }
    }
}
