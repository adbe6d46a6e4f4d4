//! The fuzz targets of this crate. Each takes one input and panics if a rule is violated.

use gatherer_plugin_api::model::{Guest, Host};
use serde_json::Value;

use crate::map::guest::{self, Scope};
use crate::map::guest_list;
use crate::map::host::{self, Cluster, ListedNode};
use crate::map::property;

/// The name of a target, and the function that runs it on one input.
pub type Target = (&'static str, fn(&[u8]));

/// The targets of this crate.
pub const TARGETS: &[Target] =
    &[("proxmox_cluster", cluster), ("proxmox_property", property_string)];

/// A document with the members of all answers: `resources`, `nodes`, `status`, `node` and `config`.
fn cluster(input: &[u8]) {
    let Ok(Value::Object(mut answers)) = serde_json::from_slice(input) else { return };
    let mut take = |name: &str| answers.remove(name).unwrap_or_default();
    let status: Vec<_> = serde_json::from_value(take("status")).unwrap_or_default();
    let nodes: Vec<_> = serde_json::from_value(take("nodes")).unwrap_or_default();
    let own = serde_json::from_value(take("node")).ok();
    let cluster = Cluster::new(&status, &take("version"));
    for entry in &nodes {
        let host = host::host(&ListedNode::new(entry, &status), own.as_ref(), &cluster);
        let json = serde_json::to_string(&host).expect("a host can be encoded as JSON");
        let parsed: Host = serde_json::from_str(&json).expect("the runner can parse the host");
        assert_eq!(parsed, host, "the runner gets a different host");
        assert!(!host.cpu.is_empty() && host.memory_bytes != Some(0));
    }
    let config = serde_json::from_value(take("config")).ok();
    let entries: Vec<_> = serde_json::from_value(take("resources")).unwrap_or_default();
    let number = entries.len();
    let Ok(guests) = guest_list::guests(entries) else { return };
    assert!(guests.len() <= number);
    let scope = Scope { cluster: cluster.name.clone(), name: "c".to_owned() };
    for listed in &guests {
        for config in [config.as_ref(), None] {
            let guest = guest::guest(listed, config, &scope);
            assert!(guest.id.as_ref().is_some_and(|id| !id.is_empty()) && !guest.name.is_empty());
            assert_ne!((guest.cpus, guest.memory_bytes), (Some(0), Some(0)));
            let json = serde_json::to_string(&guest).expect("a guest can be encoded as JSON");
            let parsed: Guest =
                serde_json::from_str(&json).expect("the runner can parse the guest");
            assert_eq!(parsed, guest, "the runner gets a different guest");
        }
    }
}

/// A property string.
fn property_string(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else { return };
    for (name, value) in property::properties(text) {
        assert!(text.contains(name) && text.contains(value));
    }
    if let Some((uuid, written)) = property::smbios_uuid(text) {
        assert_eq!(uuid.len(), 36);
        assert!(text.contains(written));
    }
    if let Some(mac) = property::mac(text) {
        assert_eq!((mac.len(), mac.to_ascii_lowercase()), (17, mac.clone()));
    }
    for address in property::static_addresses(text) {
        assert!(text.contains(&address));
    }
    let (_, _) = (property::memory_mib(text), property::size_bytes(text));
    let _ = property::numbered(text, "net");
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    #[test]
    fn committed_cases_pass() {
        gatherer_tests::corpus::replay(super::TARGETS);
    }

    /// Any JSON value.
    fn value() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<f64>().prop_map(Value::from),
            "[a-z0-9=,:;.!@/ -]{0,40}".prop_map(Value::from),
            prop::sample::select(vec![
                "qemu",
                "lxc",
                "pve-a",
                "running",
                "uuid=0b9d0c55-1111-4222-8333-444455556666,base64=1",
                "virtio=BC:24:11:00:00:0A,bridge=vmbr0",
                "current=2048",
                "local:1,size=10G",
                "100",
                "",
            ])
            .prop_map(Value::from),
        ];
        leaf.prop_recursive(3, 24, 6, |inner| {
            let key = prop::sample::select(vec![
                "type",
                "vmid",
                "node",
                "name",
                "status",
                "template",
                "maxcpu",
                "maxmem",
                "smbios1",
                "net0",
                "scsi0",
                "memory",
                "cpuinfo",
                "sockets",
                "mhz",
                "pveversion",
                "/",
                "/vms",
                "VM.Audit",
                "quorate",
                "online",
            ]);
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
                prop::collection::btree_map(key.prop_map(str::to_owned), inner, 0..8)
                    .prop_map(|map| Value::Object(map.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

        /// The functions of the fuzz targets check what comes out.
        #[test]
        fn any_answer_is_mapped_or_refused_without_a_panic(
            status in value(), nodes in value(), node in value(), resources in value(), config in value(),
        ) {
            let answers = json!({"status": status, "nodes": nodes, "node": node, "resources": resources,
                "config": config, "version": "9"});
            for (_, target) in super::TARGETS {
                target(answers.to_string().as_bytes());
            }
        }

        #[test]
        fn any_property_string_is_parsed_without_a_panic(text in any::<String>(), list in "[a-z0-9=,:. %/+-]{0,80}") {
            for (_, target) in super::TARGETS {
                target(text.as_bytes());
                target(list.as_bytes());
            }
        }
    }
}
