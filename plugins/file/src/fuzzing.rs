//! Fuzz targets: each takes one input and panics if a rule is broken.

use gatherer_plugin_api::model::Host;
use gatherer_plugin_api::{ErrorKind, Item};

use crate::map;

/// A target's name, and the function that runs one input.
pub type Target = (&'static str, fn(&[u8]));

/// The targets of this crate.
pub const TARGETS: &[Target] = &[("document", document)];

/// A document of any of the three shapes.
fn document(input: &[u8]) {
    let document = match map::read(input) {
        Ok(document) => document,
        Err(error) => {
            assert_ne!(error.kind, ErrorKind::Internal, "{}", error.message);
            return;
        }
    };
    for host in &document.hosts {
        let json = serde_json::to_string(host).expect("a host is JSON");
        let again: Host = serde_json::from_str(&json).expect("the runner reads it");
        assert_eq!(&again, host, "a host crosses as it is");
    }
    for item in &document.items {
        let json = serde_json::to_string(item).expect("an item is JSON");
        let again: Item = serde_json::from_str(&json).expect("the runner reads it");
        assert_eq!(&again, item, "an item crosses as it is");
    }
    for (name, _) in &document.rest.collections {
        let is_listed_once =
            document.rest.collections.iter().filter(|(other, _)| other == name).count() == 1;
        assert!(is_listed_once, "the collection {name} ends twice");
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn committed_cases_pass() {
        gatherer_tests::corpus::replay(super::TARGETS);
    }
}
