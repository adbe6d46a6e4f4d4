//! Strict parsing of the program's results: the gatherer format with exactly a Manager's types, the
//! inventory format as a JSON value.

use std::collections::BTreeMap;
use std::fmt;
use std::marker::PhantomData;

use serde::Deserialize;
use serde::de::{Deserializer, Error as _, MapAccess, Visitor};
use serde_json::Value;

/// A document for module File with one host, `h1`.
pub const FILE_DOCUMENT: &str = r#"{"h1": {"vms": {}, "name": "h1", "hostIdentifier": "h1-id",
    "type": "qemu", "os": "x", "osVersion": "1", "totalCpuSockets": 1, "totalCpuCores": 1,
    "totalCpuThreads": 1, "cpuMhz": 0, "cpuArch": "x86_64", "cpuVendor": "v",
    "cpuDescription": "d", "ramMb": 1, "optionalVmData": {}}}"#;

/// A result in the gatherer format: the hosts of each endpoint, or `None` if the endpoint failed.
pub type Document = BTreeMap<String, Option<BTreeMap<String, ManagerHost>>>;

/// A host with the types that a Manager expects. In a Manager one value of a wrong type makes all
/// endpoints fail, so here it makes the test fail.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[expect(missing_docs, reason = "named as in the document")]
pub struct ManagerHost {
    pub name: String,
    pub host_identifier: String,
    #[serde(rename = "type")]
    pub kind: String,
    pub os: String,
    pub os_version: String,
    pub total_cpu_sockets: i32,
    pub total_cpu_cores: i32,
    pub total_cpu_threads: i32,
    pub cpu_mhz: f64,
    pub cpu_arch: String,
    pub cpu_vendor: String,
    pub cpu_description: String,
    pub ram_mb: i32,
    pub vms: Unique<String>,
    #[serde(default, deserialize_with = "not_null")]
    pub optional_vm_data: Option<Unique<Unique<String>>>,
    #[serde(default, deserialize_with = "not_null")]
    pub fallback_host_identifier: Option<String>,
}

/// A JSON object without duplicate keys.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Unique<T>(pub BTreeMap<String, T>);

impl<T> std::ops::Deref for Unique<T> {
    type Target = BTreeMap<String, T>;

    fn deref(&self) -> &Self::Target {
        &self.0
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Unique<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct UniqueVisitor<T>(PhantomData<T>);

        impl<'de, T: Deserialize<'de>> Visitor<'de> for UniqueVisitor<T> {
            type Value = Unique<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object without duplicate keys")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Unique<T>, A::Error> {
                let mut members = BTreeMap::new();
                while let Some((key, value)) = map.next_entry::<String, T>()? {
                    if members.contains_key(&key) {
                        return Err(A::Error::custom(format!("duplicate key {key:?}")));
                    }
                    members.insert(key, value);
                }
                Ok(Unique(members))
            }
        }

        deserializer.deserialize_map(UniqueVisitor(PhantomData))
    }
}

/// Deserializes a member that may be absent but must not be null.
fn not_null<'de, D: Deserializer<'de>, T: Deserialize<'de>>(d: D) -> Result<Option<T>, D::Error> {
    T::deserialize(d).map(Some)
}

/// The architectures that a Manager knows.
const ARCHITECTURES: [&str; 17] = [
    "x86_64",
    "aarch64",
    "ppc64le",
    "ppc64",
    "ppc",
    "s390x",
    "s390",
    "i686",
    "i586",
    "i486",
    "i386",
    "armv7l",
    "armv6l",
    "armv5tejl",
    "ia64",
    "cloud",
    "riscv64",
];

/// The guest states that a Manager has a label for.
const STATES: [&str; 14] = [
    "unknown",
    "running",
    "stopped",
    "crashed",
    "paused",
    "powering_on",
    "shutting_down",
    "powering_off",
    "pausing",
    "suspending",
    "suspended",
    "resuming",
    "resetting",
    "migrating",
];

/// Parses a result in the gatherer format and panics at everything that a Manager would reject: wrong
/// types, characters outside ASCII, long values, duplicate keys, words that are not in a closed list.
pub fn gatherer_document(stdout: &[u8]) -> Document {
    let text = std::str::from_utf8(stdout).expect("the result is text");
    assert!(text.is_ascii(), "the result is not pure ASCII: {text}");
    // A Manager removes the line breaks before it parses.
    let joined: String = text.lines().collect();
    let document: Unique<Option<Unique<ManagerHost>>> = serde_json::from_str(&joined)
        .unwrap_or_else(|error| panic!("a Manager cannot read the result: {error}\n{text}"));
    let document: Document = document
        .0
        .into_iter()
        .map(|(endpoint, hosts)| (endpoint, hosts.map(|hosts| hosts.0)))
        .collect();
    for (key, host) in document.values().flatten().flatten() {
        check_host(key, host);
    }
    document
}

fn check_host(key: &str, host: &ManagerHost) {
    let at_most = |member: &str, value: &str, limit: usize| {
        assert!(value.chars().count() <= limit, "{member} is longer than {limit}: {value:?}");
    };
    at_most("the host key", key, 128);
    at_most("name", &host.name, 128);
    at_most("os", &host.os, 64);
    at_most("osVersion", &host.os_version, 64);
    at_most("cpuVendor", &host.cpu_vendor, 32);
    at_most("cpuDescription", &host.cpu_description, 64);
    assert!(!host.host_identifier.is_empty(), "{key} has no hostIdentifier");
    assert!(host.cpu_mhz.is_finite(), "{key} has no finite cpuMhz");
    assert!(
        ARCHITECTURES.contains(&host.cpu_arch.as_str()),
        "{key}: cpuArch {:?} is unknown to a Manager",
        host.cpu_arch
    );
    for (name, id) in host.vms.iter() {
        at_most("a guest's name", name, 128);
        assert!(!id.is_empty(), "the guest {name} of {key} has no id");
    }
    for (guest, data) in host.optional_vm_data.iter().flat_map(|data| data.iter()) {
        assert!(
            host.vms.contains_key(guest),
            "optionalVmData has {guest}, which is missing in vms"
        );
        if let Some(state) = data.get("vmState") {
            assert!(STATES.contains(&state.as_str()), "vmState {state:?} is unknown to a Manager");
        }
    }
}

/// The text of one endpoint in a result of the gatherer format, to compare byte by byte.
pub fn endpoint_bytes(stdout: &[u8], id: &str) -> String {
    let text = std::str::from_utf8(stdout).expect("the result is text");
    let start = format!("    {}: ", serde_json::to_string(id).expect("a string is JSON"));
    let mut lines = text.lines().skip_while(|line| !line.starts_with(&start));
    let first = lines.next().unwrap_or_else(|| panic!("{id} is not in the result: {text}"));
    // There is a comma only if another endpoint follows.
    let mut part = vec![first.trim_end_matches(',')];
    if first.ends_with('{') {
        for line in lines {
            // The lines inside an endpoint are indented deeper than its closing brace.
            if line.starts_with("    }") {
                part.push(line.trim_end_matches(','));
                break;
            }
            part.push(line);
        }
    }
    part.join("\n")
}

/// Parses a result in the inventory format. Panics unless exactly the failed endpoints have an error,
/// and those have no hosts.
pub fn inventory(stdout: &[u8]) -> Value {
    let document: Value = serde_json::from_slice(stdout).unwrap_or_else(|error| {
        panic!("the inventory is not JSON: {error}\n{}", String::from_utf8_lossy(stdout))
    });
    let endpoints = document["endpoints"].as_array().expect("endpoints is a list");
    for endpoint in endpoints {
        let failed = endpoint["status"] == "failed";
        assert!(failed || endpoint["status"] == "complete", "{endpoint}");
        assert_eq!(failed, endpoint.get("error").is_some(), "{endpoint}");
        if failed {
            assert_eq!(endpoint["hosts"].as_array().map(Vec::len), Some(0), "{endpoint}");
        }
    }
    document
}

/// The endpoint with this id in an inventory.
pub fn inventory_endpoint(document: &Value, id: &str) -> Value {
    document["endpoints"]
        .as_array()
        .into_iter()
        .flatten()
        .find(|endpoint| endpoint["id"] == id)
        .unwrap_or_else(|| panic!("{id} is not in the inventory: {document:#}"))
        .clone()
}

#[cfg(test)]
mod tests {
    use std::panic::catch_unwind;

    use super::{endpoint_bytes, gatherer_document};

    const HOST: &str = r#"{"name": "h", "hostIdentifier": "i", "type": "qemu", "os": "", "osVersion": "",
        "totalCpuSockets": 1, "totalCpuCores": 1, "totalCpuThreads": 1, "cpuMhz": 0, "cpuArch": "x86_64",
        "cpuVendor": "", "cpuDescription": "", "ramMb": 1, "vms": {}}"#;

    fn is_accepted(host: &str) -> bool {
        let text = format!("{{\"e\": {{\"h\": {host}}}}}");
        catch_unwind(|| gatherer_document(text.as_bytes())).is_ok()
    }

    #[test]
    fn rejects_each_deviation_from_a_managers_types() {
        assert!(is_accepted(HOST));
        for (from, to) in [
            (r#""ramMb": 1"#, r#""ramMb": 1.0"#),
            (r#""ramMb": 1"#, r#""ramMb": "1""#),
            (r#""ramMb": 1"#, r#""ramMb": 3000000000"#),
            (r#""cpuMhz": 0,"#, ""),
            (r#""cpuMhz": 0"#, r#""cpuMhz": null"#),
            (r#""os": """#, r#""os": null"#),
            (r#""osVersion": """#, r#""osVersion": 1"#),
            (r#""vms": {}"#, r#""vms": {"a": null}"#),
            (r#""vms": {}"#, r#""vms": {"a": "1", "a": "2"}"#),
            (r#""vms": {}"#, r#""vms": {}, "optionalVmData": {"a": {"vmState": "idle"}}"#),
            (r#""vms": {}"#, r#""vms": {}, "fallbackHostIdentifier": null"#),
            ("x86_64", "amd64"),
            (r#""h""#, "\"h\u{fc}\""),
        ] {
            let host = HOST.replace(from, to);
            assert_ne!(host, HOST, "{from}");
            assert!(!is_accepted(&host), "{from} -> {to}");
        }
    }

    #[test]
    fn endpoint_bytes_end_before_the_next_endpoint() {
        let text =
            b"{\n    \"a\": {\n        \"h\": {}\n    },\n    \"b\": null,\n    \"c\": {}\n}\n";
        assert_eq!(endpoint_bytes(text, "a"), "    \"a\": {\n        \"h\": {}\n    }");
        assert_eq!(endpoint_bytes(text, "b"), "    \"b\": null");
        assert_eq!(endpoint_bytes(text, "c"), "    \"c\": {}");
    }
}
