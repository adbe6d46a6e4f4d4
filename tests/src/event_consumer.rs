//! A consumer of the events of `watch`, as a user would write one: it drops repeated events, and knows from the others what
//! every endpoint has. It panics if an event does not fit to what it knows, because then an event was lost.

use std::collections::{BTreeMap, HashMap};

use serde_json::Value;

/// The prefix of all types.
const PREFIX: &str = "io.github.virtual-host-gatherer.";

/// The identity of an object: its kind, id and name.
type Identity = (String, String, String);

/// What is known of an endpoint.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct KnownEndpoint {
    /// Each object: a copy of it, and the name of its host.
    pub objects: BTreeMap<Identity, (Value, Option<String>)>,
    /// Whether it fails now.
    pub fails: bool,
    /// Whether it was removed from the infile.
    pub is_removed: bool,
}

/// A consumer that has read some events.
#[derive(Debug, Default)]
pub struct EventConsumer {
    /// The endpoints by id.
    pub endpoints: BTreeMap<String, KnownEndpoint>,
    /// The text of each event by source and id.
    seen: HashMap<(String, String), Value>,
    /// The types of the events that were not repeated, in their order, without their prefix, with endpoint and subject.
    pub types: Vec<(String, String, String)>,
    /// How many events were repeated.
    pub repeated: usize,
}

impl EventConsumer {
    /// Reads the lines of a file of events.
    pub fn of_lines(text: &str) -> Self {
        let mut consumer = Self::default();
        for line in text.lines() {
            let event = serde_json::from_str(line);
            consumer.receive(&event.unwrap_or_else(|error| panic!("{error}: {line}")));
        }
        consumer
    }

    /// Receives one event.
    pub fn receive(&mut self, event: &Value) {
        let text = |name: &str| event[name].as_str().unwrap_or_default().to_owned();
        assert_eq!(event["specversion"], "1.0", "{event}");
        let key = (text("source"), text("id"));
        if let Some(known) = self.seen.get(&key) {
            assert_eq!(known, event, "two events have the same id");
            self.repeated += 1;
            return;
        }
        self.seen.insert(key, event.clone());
        let full_type = text("type");
        let kind = full_type.strip_prefix(PREFIX).unwrap_or_else(|| panic!("{event}"));
        let data = &event["data"];
        let id = data["endpoint"].as_str().unwrap_or_else(|| panic!("{event}")).to_owned();
        self.types.push((kind.to_owned(), id.clone(), text("subject")));
        let endpoint = self.endpoints.entry(id).or_default();
        match kind {
            "endpoint.snapshot.begin" => *endpoint = KnownEndpoint::default(),
            "endpoint.snapshot.end" => {
                assert_eq!(data["objects"], endpoint.objects.len(), "{event}");
            }
            "endpoint.failed" => endpoint.fails = true,
            "endpoint.recovered" => {
                assert!(endpoint.fails, "{event}");
                endpoint.fails = false;
            }
            "endpoint.unchanged" => {}
            "endpoint.removed" => endpoint.is_removed = true,
            _ => endpoint.change(kind, data),
        }
    }
}

impl KnownEndpoint {
    /// Applies an event of one object.
    fn change(&mut self, kind: &str, data: &Value) {
        let (object, verb) = kind.split_once('.').unwrap_or_else(|| panic!("{kind}"));
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let after = data["data"].clone();
        let mut before = after.clone();
        for member in data["members"].as_array().into_iter().flatten() {
            let path = member["path"].as_str().expect("a path");
            revert(&mut before, path, member.get("before"));
        }
        let host = data["host"]["name"].as_str().map(str::to_owned);
        let old_name = match object {
            "host" | "guest" => text(&before["name"]),
            _ => text(&data["name"]),
        };
        let id = text(&data["id"]);
        let old = (object.to_owned(), id.clone(), old_name.clone());
        let new = (object.to_owned(), id, text(&data["name"]));
        if verb == "created" {
            let earlier = self.objects.insert(new, (after, host));
            assert_eq!(earlier, None, "created twice: {data}");
            return;
        }
        let (known, known_host) =
            self.objects.remove(&old).unwrap_or_else(|| panic!("not known: {data}"));
        assert_eq!(known, before, "an event before this one is missing: {data}");
        match verb {
            "deleted" => return,
            "migrated" => {
                assert_eq!(known_host.as_deref(), data["from"]["name"].as_str(), "{data}");
            }
            "updated" => {}
            _ => panic!("unknown type {kind}"),
        }
        if object == "host" && old != new {
            // A renamed host takes its guests along.
            for (_, host) in self.objects.values_mut() {
                if host.as_deref() == Some(&old_name) {
                    *host = Some(new.2.clone());
                }
            }
        }
        self.objects.insert(new, (after, host));
    }
}

/// Sets a member to its value before the change.
fn revert(object: &mut Value, path: &str, before: Option<&Value>) {
    let (parent, name) = path.rsplit_once('/').expect("a JSON Pointer");
    let name = name.replace("~1", "/").replace("~0", "~");
    match (object.pointer_mut(parent).expect("the parent exists"), before) {
        (Value::Object(members), Some(before)) => {
            members.insert(name, before.clone());
        }
        (Value::Object(members), None) => {
            members.remove(&name);
        }
        (Value::Array(items), Some(before)) => {
            items[name.parse::<usize>().expect("an index")] = before.clone();
        }
        (parent, _) => panic!("{path}: {parent}"),
    }
}

/// What an endpoint of an inventory has.
pub fn known_of_inventory(endpoint: &Value) -> KnownEndpoint {
    let mut known = KnownEndpoint::default();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
    let mut add = |kind: &str, id: &Value, name: String, data: Value, host: Option<String>| {
        let earlier = known.objects.insert((kind.to_owned(), text(id), name), (data, host));
        assert_eq!(earlier, None, "the test's objects have different ids");
    };
    for mut host in list(&endpoint["hosts"]) {
        let members = host.as_object_mut().expect("a host");
        let guests = members.remove("guests").unwrap_or_default();
        let name = text(&host["name"]);
        for guest in list(&guests) {
            let guest_name = text(&guest["name"]);
            add("guest", &guest["id"].clone(), guest_name, guest, Some(name.clone()));
        }
        add("host", &host["id"].clone(), name, host, None);
    }
    for guest in list(&endpoint["detachedGuests"]) {
        add("guest", &guest["id"].clone(), text(&guest["name"]), guest, None);
    }
    for (kind, member) in [
        ("namespace", "namespaces"),
        ("service-account", "serviceAccounts"),
        ("controller", "controllers"),
        ("pod", "pods"),
        ("service", "services"),
        ("config-map", "configMaps"),
        ("secret", "secrets"),
    ] {
        for item in list(&endpoint["workloads"][member]) {
            let name = match item["namespace"].as_str() {
                Some(namespace) => format!("{namespace}/{}", text(&item["name"])),
                None => text(&item["name"]),
            };
            let host = item["host"]["name"].as_str().map(str::to_owned);
            add(kind, &item["uid"].clone(), name, item, host);
        }
    }
    known
}
