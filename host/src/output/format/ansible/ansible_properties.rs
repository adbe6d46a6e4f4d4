//! Property tests: whatever the inventory is, no machine is lost, and Ansible can use all names and variables.

use std::collections::BTreeSet;

use gatherer_plugin_api::model::{EndpointStatus, Guest, GuestState, Host, Inventory, Location};
use proptest::prelude::*;
use serde_json::{Map, Value};

use super::ansible_tests::{document, endpoint};
use super::render;
use crate::output::inventory::assemble;

/// Texts that are often equal after their unusual characters are replaced, and unusual texts.
fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => prop::sample::select(vec!["", "a", "a_a", "a-a", "a_a_a", "all", "localhost", "vhg_guests", "生", "{{ 7*7 }}"])
            .prop_map(String::from),
        1 => prop::sample::select(vec!["__ansible_unsafe", "__ansible_vault", "\"},\n\0{%", "-a", "../a"])
            .prop_map(String::from),
        1 => (0..3_u8, 198..202_usize).prop_map(|(tail, length)| format!("{}{tail}", "é".repeat(length))),
        1 => any::<String>(),
    ]
}

fn labels() -> impl Strategy<Value = std::collections::BTreeMap<String, String>> {
    prop::collection::btree_map(text(), text(), 0..3)
}

fn location() -> impl Strategy<Value = Location> {
    (prop::option::of(text()), prop::option::of(text()))
        .prop_map(|(datacenter, cluster)| Location { datacenter, cluster, folder: None })
}

fn guest() -> impl Strategy<Value = Guest> {
    let state = prop::option::of(prop::sample::select(GuestState::ALL.to_vec()));
    let flags = (any::<bool>(), any::<bool>());
    (prop::option::of(text()), text(), state, flags, labels(), location()).prop_map(
        |(id, name, state, (template, agent), labels, location)| Guest {
            id,
            name,
            state,
            template,
            agent,
            labels,
            location,
            ..Guest::default()
        },
    )
}

fn host() -> impl Strategy<Value = Host> {
    let guests = prop::collection::vec(guest(), 0..4);
    let roles = prop::collection::vec(text(), 0..3);
    (text(), text(), any::<bool>(), roles, location(), labels(), guests).prop_map(
        |(id, name, synthetic, roles, location, labels, guests)| Host {
            synthetic,
            roles,
            location,
            labels,
            guests,
            ..Host::new(id, name)
        },
    )
}

fn inventory() -> impl Strategy<Value = Inventory> {
    let hosts = prop::collection::vec(host(), 0..4);
    let detached = prop::collection::vec(guest(), 0..3);
    let endpoint =
        (text(), hosts, detached, any::<bool>()).prop_map(|(id, hosts, detached, is_complete)| {
            let mut endpoint = endpoint(&id, hosts);
            endpoint.detached_guests = detached;
            if !is_complete {
                endpoint.status = EndpointStatus::Failed;
            }
            endpoint
        });
    prop::collection::vec(endpoint, 0..4).prop_map(|endpoints| assemble(endpoints, None))
}

/// The original text of a variable, which may be marked.
fn original(value: &Value) -> Option<&str> {
    value.get("__ansible_unsafe").unwrap_or(value).as_str()
}

/// Whether all texts that could be templates are marked, and no other key has a meaning for Ansible.
fn is_harmless(value: &Value) -> bool {
    match value {
        Value::String(text) => !text.contains(['{', '#', '%', '(', '\n', '"', '\'']),
        Value::Array(items) => items.iter().all(is_harmless),
        Value::Object(members) if members.contains_key("__ansible_unsafe") => {
            members.len() == 1 && members.values().all(Value::is_string)
        }
        Value::Object(members) => {
            members.iter().all(|(key, value)| !key.starts_with("__ansible") && is_harmless(value))
        }
        _ => true,
    }
}

/// What identifies a machine in the inventory, as often as it is there.
fn machines(inventory: &Inventory) -> Vec<(String, &str, Option<String>, String)> {
    let mut found = Vec::new();
    for endpoint in &inventory.endpoints {
        let of_hosts = endpoint.hosts.iter().flat_map(|host| &host.guests);
        for guest in of_hosts.chain(&endpoint.detached_guests) {
            found.push((endpoint.id.clone(), "guest", guest.id.clone(), guest.name.clone()));
        }
        for host in endpoint.hosts.iter().filter(|host| !host.synthetic) {
            found.push((endpoint.id.clone(), "host", Some(host.id.clone()), host.name.clone()));
        }
    }
    found.sort();
    found
}

fn strings(value: &Value) -> impl Iterator<Item = &str> {
    value.as_array().into_iter().flatten().filter_map(Value::as_str)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn no_machine_is_lost_and_all_members_of_groups_exist(inventory in inventory()) {
        let document = document(&inventory);
        let hostvars = document["_meta"]["hostvars"].as_object().expect("an object");
        let mut printed: Vec<_> = hostvars.values().map(|variables| {
            let text = |name: &str| variables.get(name).and_then(original).map(str::to_owned);
            let kind = if variables["vhg_kind"] == "host" { "host" } else { "guest" };
            (text("vhg_endpoint").expect("text"), kind, text("vhg_id"), text("vhg_name").expect("text"))
        }).collect();
        printed.sort();
        prop_assert_eq!(printed, machines(&inventory));

        let groups: Map<String, Value> =
            document.as_object().expect("an object").clone().into_iter().filter(|(name, _)| name != "_meta").collect();
        for (name, group) in &groups {
            let of_name = name.strip_prefix("vhg_").unwrap_or("");
            prop_assert!(name == "all" || !of_name.is_empty(), "{name}");
            prop_assert!(name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_'), "{name}");
            prop_assert!(name.len() <= 200 && !hostvars.contains_key(name));
            prop_assert!(name == "all" || group.get("hosts").is_some() || group.get("children").is_some());
            let hosts: Vec<_> = strings(&group["hosts"]).collect();
            prop_assert!(hosts.iter().all(|host| hostvars.contains_key(*host)));
            prop_assert_eq!(hosts.iter().collect::<BTreeSet<_>>().len(), hosts.len());
            prop_assert!(strings(&group["children"]).all(|child| groups.contains_key(child)));
        }
        for (name, variables) in hostvars {
            prop_assert!(!name.is_empty() && name.len() <= 200);
            prop_assert!(!["all", "ungrouped", "localhost", "127.0.0.1"].contains(&name.as_str()));
            prop_assert!(name.chars().all(|c| c.is_alphanumeric() || "._-".contains(c)), "{name:?}");
            prop_assert!(!name.starts_with(['-', '.']) && !name.starts_with("__ansible"));
            prop_assert!(is_harmless(variables), "{variables:#}");
            let kinds = ["vhg_guests", "vhg_hosts", "vhg_templates", "vhg_agents"];
            let is_in = |kind: &&str| strings(&groups[*kind]["hosts"]).any(|host| host == name);
            prop_assert!(kinds.iter().any(is_in));
            prop_assert!(variables["vhg_kind"] == "host" || !is_in(&"vhg_hosts"));
            prop_assert!(variables["vhg_template"] != true || !is_in(&"vhg_guests"));
        }
        prop_assert!(is_harmless(&document["all"]));
    }

    #[test]
    fn the_script_finds_each_machine_on_its_own_line(inventory in inventory()) {
        let text = render(&inventory).text;
        let document = document(&inventory);
        let failed: Vec<_> =
            text.lines().filter_map(|line| line.strip_prefix("            \"vhg_failed_endpoints\": ")).collect();
        prop_assert_eq!(failed.len(), 1);
        let failures: Value = serde_json::from_str(failed[0]).expect("JSON");
        prop_assert_eq!(&failures, &document["all"]["vars"]["vhg_failed_endpoints"]);
        prop_assert_eq!(failed[0] == "[]", inventory.endpoints.iter().all(|e| e.status == EndpointStatus::Complete));
        for (name, variables) in document["_meta"]["hostvars"].as_object().expect("an object") {
            let start = format!("            \"{name}\": ");
            let lines: Vec<_> = text.lines().filter_map(|line| line.strip_prefix(&start)).collect();
            prop_assert_eq!(lines.len(), 1);
            let printed: Value = serde_json::from_str(lines[0].trim_end_matches(',')).expect("JSON");
            prop_assert_eq!(&printed, variables);
        }
    }
}
