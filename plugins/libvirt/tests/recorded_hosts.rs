//! Converts each host in `fixtures/` to the model and compares it with its snapshot.

#![expect(clippy::disallowed_methods, reason = "reads fixtures of this repository")]

use std::fs;

use gatherer_plugin_libvirt::map::{self, HostFacts};

#[test]
fn every_recorded_host_matches_its_snapshot() {
    insta::glob!("fixtures/*.facts.json", |path| {
        let facts = fs::read(path).expect("the fixture can be read");
        let mut facts: HostFacts = serde_json::from_slice(&facts).expect("valid facts");
        // `NAME.facts.json` without its last two extensions, and with another one.
        let capabilities = path.with_extension("").with_extension("xml");
        facts.capabilities = fs::read_to_string(capabilities).ok();
        let host = map::host(&facts).expect("the host can be mapped");
        insta::assert_json_snapshot!("host", host);
    });
}
