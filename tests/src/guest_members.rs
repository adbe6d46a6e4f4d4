//! Compares the members of guests that a module reports with the table in docs/inventory.md.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use gatherer_plugin_api::model::{Guest, Host};
use serde_json::Value;

/// The first line of the table's section.
const SECTION: &str = "### Which module reports what";

/// The cell of a member that the module's source does not have.
const NOT_REPORTED: &str = "–";

/// Checks that the guests of a module have the members that the table lists for the module, and no others. A member counts as
/// reported if one of the guests has it.
///
/// # Panics
///
/// If the table says otherwise.
#[track_caller]
pub fn assert_guest_members(module: &str, hosts: &[Host], detached: &[Guest]) {
    let listed = listed(module);
    let mut reported = BTreeSet::new();
    for guest in hosts.iter().flat_map(|host| &host.guests).chain(detached) {
        let guest = serde_json::to_value(guest).expect("a guest can be serialized");
        add_members(&guest, "", &mut reported);
    }
    reported.retain(|member| listed.contains_key(member));
    let expected: BTreeSet<String> = listed
        .into_iter()
        .filter(|(_, is_reported)| *is_reported)
        .map(|(member, _)| member)
        .collect();
    assert_eq!(reported, expected, "module {module} and the table of docs/inventory.md");
}

/// Adds the names of the members of an object, and of objects and lists of objects in it, such as `disks.name`.
fn add_members(object: &Value, prefix: &str, members: &mut BTreeSet<String>) {
    for (name, value) in object.as_object().into_iter().flatten() {
        let name = format!("{prefix}{name}");
        let nested = match value {
            Value::Array(items) => items.iter().collect(),
            other => vec![other],
        };
        for value in nested {
            add_members(value, &format!("{name}."), members);
        }
        members.insert(name);
    }
}

/// The members in the table, and whether the module reports each.
fn listed(module: &str) -> BTreeMap<String, bool> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/inventory.md");
    let text = std::fs::read_to_string(&path).expect("docs/inventory.md can be read");
    let (_, section) = text.split_once(SECTION).expect("docs/inventory.md has the section");
    let rows = section.lines().skip_while(|line| !line.starts_with('|'));
    let mut rows = rows
        .take_while(|line| line.starts_with('|'))
        .map(|line| line.trim_matches('|').split('|').map(str::trim).collect::<Vec<_>>());
    let header = rows.next().expect("the table has a header");
    let column = header.iter().position(|cell| *cell == module);
    let column = column.unwrap_or_else(|| panic!("the table has no column {module}"));
    let cells = rows.skip(1).flat_map(|row| {
        let is_reported = row[column] != NOT_REPORTED;
        let members: Vec<String> =
            row[0].split(", ").map(|name| name.trim_matches('`').to_owned()).collect();
        members.into_iter().map(move |member| (member, is_reported))
    });
    cells.collect()
}
