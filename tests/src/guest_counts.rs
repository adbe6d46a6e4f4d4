//! Checks that every guest of the inventory reaches a Manager.

use serde_json::Value;

use crate::Run;

/// Gathers from one endpoint in the formats `inventory` and `gatherer`, and checks that both have all `expected`
/// guests, each of them on a host: a Manager's format leaves out guests that are on no host.
///
/// # Panics
///
/// If the endpoint fails, or a format has another number of guests.
#[track_caller]
pub fn assert_no_guest_is_lost(mut endpoint: Value, expected: usize) {
    endpoint["id"] = "e".into();
    let endpoints = Value::Array(vec![endpoint]);
    let inventory = Run::gather(&endpoints).args(["--format", "inventory"]).run();
    let gathered = inventory.endpoint("e");
    assert_eq!(gathered["status"], "complete", "{}", gathered["error"]);
    let guests = |host: &Value| host["guests"].as_array().map_or(0, Vec::len);
    let on_hosts: usize =
        gathered["hosts"].as_array().expect("a list of hosts").iter().map(guests).sum();
    let detached = gathered["detachedGuests"].as_array().map_or(0, Vec::len);
    assert_eq!((on_hosts, detached), (expected, 0), "guests on hosts, and on none");

    let document = Run::gather(&endpoints).run().document();
    let hosts = document["e"].as_ref().expect("the endpoint is complete");
    let printed: usize = hosts.values().map(|host| host.vms.len()).sum();
    assert_eq!(printed, expected, "guests that a Manager reads");
}
