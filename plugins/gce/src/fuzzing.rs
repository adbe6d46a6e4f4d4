//! Fuzz targets: each takes one input and panics if it breaks a rule.

use gatherer_plugin_api::ErrorKind;
use gatherer_plugin_api::model::Guest;
use gatherer_plugin_support::json;

use crate::map::machine_type::MachineType;
use crate::map::page::{self, Scope};

/// A target's name, and the function that runs it on one input.
pub type Target = (&'static str, fn(&[u8]));

/// The targets of this crate.
pub const TARGETS: &[Target] = &[("compute", compute)];

/// An answer of the API as JSON, after a byte that selects which: `a` a page of all zones, `z` a page of one zone, otherwise a
/// machine type.
fn compute(input: &[u8]) {
    let Some((selector, answer)) = input.split_first() else { return };
    let Ok(answer) = json::parse(answer, "the answer") else { return };
    let parsed = match selector {
        b'a' => page::parse(&answer, Scope::AllZones, "GET x"),
        b'z' => page::parse(&answer, Scope::Zone("z"), "GET x"),
        _ => {
            if let Ok(found) = MachineType::parse(&answer, "GET x") {
                let mut guest = Guest::default();
                found.describe(&mut guest);
                assert_ne!(guest.cpus, Some(0), "an unknown number is absent");
                assert_ne!(guest.memory_bytes, Some(0), "an unknown size is absent");
            }
            return;
        }
    };
    let page = match parsed {
        Ok(page) => page,
        Err(error) => {
            let is_expected = matches!(error.kind, ErrorKind::Protocol | ErrorKind::Unavailable);
            assert!(is_expected, "{}: {}", error.kind, error.message);
            assert!(!error.message.contains(char::is_control), "{error:?}");
            return;
        }
    };
    assert_ne!(page.next.as_deref(), Some(""), "an empty token is no token");
    for instance in page.instances {
        assert!(instance.id.bytes().all(|byte| byte.is_ascii_digit()), "{}", instance.id);
        assert_eq!(instance.guest.id.as_ref(), Some(&instance.id));
        assert!(!instance.zone.is_empty() && !instance.guest.name.is_empty());
        let json = serde_json::to_string(&instance.guest).expect("a guest can be serialized");
        let again: Guest = serde_json::from_str(&json).expect("the runner can parse the guest");
        assert_eq!(again, instance.guest, "a guest is the same after serialization");
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn committed_cases_pass() {
        gatherer_tests::corpus::replay(super::TARGETS);
    }
}
