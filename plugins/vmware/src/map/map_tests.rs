//! Tests of the mapping, on the page of the fixtures and on variations of it.

use gatherer_plugin_api::{ErrorKind, GatherError};
use gatherer_plugin_support::xml::{self, Limits};
use proptest::prelude::*;

use super::properties::unescape;
use super::{PROPERTIES, VsphereInventory, inventory, record};

const PAGE: &str = include_str!("../../tests/fixtures/page.xml");
/// The properties whose values are numbers or references.
const TYPED: [&str; 9] = [
    "summary.hardware.memorySize",
    "summary.hardware.cpuMhz",
    "summary.hardware.numCpuPkgs",
    "summary.hardware.numCpuCores",
    "summary.hardware.numCpuThreads",
    "summary.config.numCpu",
    "summary.config.memorySizeMB",
    "summary.config.template",
    "runtime.inMaintenanceMode",
];

/// What a page becomes.
fn map(page: &str) -> Result<VsphereInventory, GatherError> {
    let document = xml::parse(page, Limits::default()).expect("well-formed");
    let objects = document.descendants().filter(|node| node.tag_name().name() == "objects");
    let records = objects.map(record).collect::<Result<Vec<_>, _>>()?;
    Ok(inventory(records).expect("every host is in the page"))
}

fn guests(inventory: &VsphereInventory) -> usize {
    let on_hosts: usize = inventory.hosts.iter().map(|host| host.guests.len()).sum();
    on_hosts + inventory.guests_without_host.len()
}

#[test]
fn maps_the_page_of_the_fixtures() {
    let inventory = map(PAGE).expect("valid");
    assert_eq!((inventory.hosts.len(), guests(&inventory)), (4, 13));
    insta::assert_json_snapshot!(inventory.hosts);
    insta::assert_json_snapshot!(inventory.guests_without_host);
}

#[test]
fn a_value_of_a_wrong_type_is_a_protocol_error_that_names_the_property() {
    for path in TYPED {
        let begin = format!("<name>{path}</name><val");
        let (before, rest) = PAGE.split_once(&begin).unwrap_or_else(|| panic!("{path} is missing"));
        let (attributes, rest) = rest.split_once('>').expect("an element");
        let (_, after) = rest.split_once('<').expect("an element has an end");
        for wrong in ["hunter2", "-1", "1.5", "99999999999999999999999", "0x10"] {
            let page = format!("{before}{begin}{attributes}>{wrong}<{after}");
            let error = map(&page).expect_err("a wrong type");
            assert_eq!(error.kind, ErrorKind::Protocol, "{path}: {error}");
            assert!(error.message.contains(path), "{error}");
            assert!(!error.message.contains("hunter2"), "{error}");
        }
        // An unset or empty value is unknown.
        for unknown in ["", " "] {
            map(&format!("{before}{begin}{attributes}>{unknown}<{after}")).expect("unknown");
        }
        let nil = format!("{before}{begin}{attributes} xsi:nil=\"true\">1<{after}");
        map(&nil).expect("unknown");
    }
}

#[test]
fn other_prefixes_and_unknown_elements_change_nothing() {
    let expected = map(PAGE).expect("valid").hosts;
    let page = PAGE
        .replace("xsi:", "i:")
        .replace("xmlns:i=", "xmlns:ignored=")
        .replace("xmlns:xsi", "xmlns:i")
        .replace("<val ", "<other>1</other><val ")
        .replace("</val>", "<!-- a comment --></val><new><name>x</name></new>")
        .replace("<objects>", "<objects><future/>");
    assert_eq!(map(&page).expect("valid").hosts, expected);
}

#[test]
fn decodes_the_three_escapes_and_no_other() {
    for (name, decoded) in [
        ("plain", "plain"),
        ("a%2fb%2Fc", "a/b/c"),
        ("a%5cb%25", "a\\b%"),
        ("100% %", "100% %"),
        ("%252f", "%2f"),
        ("%2", "%2"),
        ("%ä", "%ä"),
        ("", ""),
    ] {
        assert_eq!(unescape(name), decoded, "{name}");
    }
}

#[test]
fn asks_for_no_property_twice() {
    for (kind, paths) in PROPERTIES {
        let mut sorted = paths.to_vec();
        sorted.sort_unstable();
        sorted.dedup();
        assert_eq!(sorted.len(), paths.len(), "{kind}");
    }
}

proptest! {
    /// Whatever a text of the page is, the page is an error or has all of its guests.
    #[test]
    fn a_changed_text_is_an_error_or_loses_no_guest(place in 0_usize..700, text in "[ -%'-;=?-~ä]{0,20}") {
        let ends: Vec<usize> = PAGE.match_indices("</").map(|(end, _)| end).collect();
        let end = ends[place % ends.len()];
        let begin = PAGE[..end].rfind('>').map_or(end, |begin| begin + 1);
        let page = format!("{}{text}{}", &PAGE[..begin], &PAGE[end..]);
        // A changed reference to a host is an error of its own.
        let document = xml::parse(&page, Limits::default()).expect("well-formed");
        let objects = document.descendants().filter(|node| node.tag_name().name() == "objects");
        let records: Result<Vec<_>, _> = objects.map(record).collect();
        if let Ok(records) = records {
            let expected = records.iter().filter(|record| record.is_guest()).count();
            prop_assert_eq!(expected, 13);
            if let Ok(inventory) = inventory(records) {
                prop_assert_eq!(guests(&inventory), expected);
            }
        }
    }
}
