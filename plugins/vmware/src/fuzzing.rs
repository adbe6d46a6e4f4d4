//! Fuzz targets: each takes one input and panics if it breaks a rule.

use gatherer_plugin_api::model::{Guest, Host};

use crate::client::{object_page, soap};
use crate::map;

/// A target's name, and the function that runs it on one input.
pub type Target = (&'static str, fn(&[u8]));

/// The targets of this crate.
pub const TARGETS: &[Target] = &[("vsphere_page", page), ("vsphere_answer", answer)];

/// The maximum length of a message about an input, in bytes.
const MAX_MESSAGE_BYTES: usize = 4096;

/// A page of objects.
fn page(input: &[u8]) {
    let page = match soap::read_answer(input, "RetrievePropertiesEx", object_page) {
        Ok(Ok(page)) => page,
        Ok(Err(error)) => {
            assert!(error.to_string().len() < MAX_MESSAGE_BYTES, "{error}");
            return;
        }
        Err(_) => return,
    };
    let records = page.records.unwrap_or_default();
    let guests = records.iter().filter(|record| record.is_guest()).count();
    let Ok(inventory) = map::inventory(records) else { return };
    let on_hosts: usize = inventory.hosts.iter().map(|host| host.guests.len()).sum();
    assert_eq!(on_hosts + inventory.guests_without_host.len(), guests, "no guest is lost");
    for host in &inventory.hosts {
        let json = serde_json::to_string(host).expect("a host can be serialized");
        let again: Host = serde_json::from_str(&json).expect("the runner can parse the host");
        assert_eq!(again, *host, "a host is the same after serialization");
    }
    for guest in &inventory.guests_without_host {
        let json = serde_json::to_string(guest).expect("a guest can be serialized");
        let again: Guest = serde_json::from_str(&json).expect("the runner can parse the guest");
        assert_eq!(again, *guest, "a guest is the same after serialization");
    }
}

/// Other documents: an answer of a method, a fault, and the list of versions.
fn answer(input: &[u8]) {
    if let Ok(version) = soap::negotiate(input) {
        assert!(version.bytes().all(|byte| byte.is_ascii_graphic()), "{version:?}");
    }
    if let Err(soap::NoResult::Fault(fault)) = soap::read_answer(input, "Login", |_| ()) {
        let error = fault.error("Login");
        assert!(error.to_string().len() < MAX_MESSAGE_BYTES, "{error}");
        assert!(!error.message.contains(char::is_control), "{error:?}");
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn committed_cases_pass() {
        gatherer_tests::corpus::replay(super::TARGETS);
    }
}
