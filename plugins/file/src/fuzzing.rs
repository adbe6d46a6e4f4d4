//! The fuzz targets of this crate. Each takes one input and panics if a rule is violated.

use gatherer_plugin_api::model::Host;
use gatherer_plugin_api::{ErrorKind, Item};

use crate::map;

/// The name of a target, and the function that runs it on one input.
pub type Target = (&'static str, fn(&[u8]));

/// The targets of this crate.
pub const TARGETS: &[Target] = &[("document", document)];

/// A document in any of the three formats.
fn document(input: &[u8]) {
    let document = match map::read(input) {
        Ok(document) => document,
        Err(error) => {
            assert_ne!(error.kind, ErrorKind::Internal, "{}", error.message);
            return;
        }
    };
    for host in &document.hosts {
        let json = serde_json::to_string(host).expect("a host can be encoded as JSON");
        let parsed: Host = serde_json::from_str(&json).expect("the runner can parse the host");
        assert_eq!(&parsed, host, "the runner gets a different host");
    }
    for item in &document.items {
        let json = serde_json::to_string(item).expect("an item can be encoded as JSON");
        let parsed: Item = serde_json::from_str(&json).expect("the runner can parse the item");
        assert_eq!(&parsed, item, "the runner gets a different item");
    }
    let collections = &document.summary.collections;
    for (name, _) in collections {
        let ends = collections.iter().filter(|(other, _)| other == name).count();
        assert_eq!(ends, 1, "the collection {name} ends {ends} times");
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn committed_cases_pass() {
        gatherer_tests::corpus::replay(super::TARGETS);
    }
}
