//! Fuzz targets: each takes one input and panics if it breaks a rule.

use gatherer_plugin_api::ErrorKind;
use gatherer_plugin_api::model::Host;
use gatherer_plugin_support::json;
use serde_json::Value;

use crate::clouds_yaml;
use crate::map::{self, Found, flavor, hypervisor, server, service};

/// A target's name, and the function that runs it on one input.
pub type Target = (&'static str, fn(&[u8]));

/// The targets of this crate.
pub const TARGETS: &[Target] = &[("nova_lists", nova_lists), ("clouds_yaml", a_clouds_yaml)];

/// A document with the members `servers`, `services`, `hypervisors` and `flavors`.
fn nova_lists(input: &[u8]) {
    let Ok(mut lists) = json::read::<Value>(input, "the lists") else { return };
    let mut take = |name: &str| match lists.get_mut(name).map(Value::take) {
        Some(Value::Array(items)) => items,
        _ => Vec::new(),
    };
    let flavors = flavor::by_id(&take("flavors"));
    let mut found = Found::default();
    for value in take("servers") {
        let Ok(listed) = server::listed(&value, Some("r"), &flavors) else { return };
        found.servers.push(listed);
    }
    for value in take("services") {
        let Ok(service) = service::service(&value) else { return };
        found.services.extend(service);
    }
    for value in take("hypervisors") {
        let Ok(hypervisor) = hypervisor::hypervisor(&value, Some("r")) else { return };
        found.hypervisors.push(hypervisor);
    }
    let is_down = map::check_cells(&found.servers, &found.services).is_err();
    let servers = found.servers.len();
    assert!(!is_down || servers > 0 || !found.services.is_empty());
    let _ = map::missing_servers(&found);
    let lost = found.servers.iter().filter(|server| server.found.is_none()).count();
    let of_project = map::project_answer(found.servers.clone(), "e", None);
    assert_eq!(
        of_project.hosts[0].guests.len(),
        servers - lost,
        "each server is on the pseudo-host"
    );
    let answer = match map::answer(found, None) {
        Ok(answer) => answer,
        Err(error) => {
            assert_ne!(error.kind, ErrorKind::Internal, "{}", error.message);
            return;
        }
    };
    let placed: usize = answer.hosts.iter().map(|host| host.guests.len()).sum();
    assert_eq!(placed + answer.detached.len(), servers - lost, "each server is in one place");
    for host in &answer.hosts {
        assert_ne!(host.memory_bytes, Some(0));
        let text = serde_json::to_string(host).expect("a host can be serialized");
        let again: Host = serde_json::from_str(&text).expect("the runner can parse the host");
        assert_eq!(&again, host, "a host is the same after serialization");
    }
}

/// A clouds.yaml.
fn a_clouds_yaml(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else { return };
    match clouds_yaml::parse(text, "") {
        Ok(entry) => assert!(entry.secrets().all(|secret| !secret.is_empty())),
        Err(error) => assert!(
            matches!(error.kind, ErrorKind::Configuration | ErrorKind::Unsupported),
            "{}",
            error.message
        ),
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn committed_cases_pass() {
        gatherer_tests::corpus::replay(super::TARGETS);
    }
}
