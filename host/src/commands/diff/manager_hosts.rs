//! The hosts of a document in the Manager's format, as the comparison needs them.
//!
//! A host is identified by its `hostIdentifier`, and a guest by its id. The key of a host is its name; the other members
//! are labels, as texts of what a Manager stores: it reads `"8"` and `8` as the same number.

use std::collections::{BTreeMap, BTreeSet};

use gatherer_plugin_api::model::{Guest, Host};
use serde_json::{Map, Value};

/// The identity of a host.
pub const IDENTIFIER: &str = "hostIdentifier";
/// An older identity of a host, by which a Manager looks it up too.
pub const FALLBACK: &str = "fallbackHostIdentifier";

/// The members that a Manager reads as whole numbers, or stores as such.
const NUMBERS: [&str; 5] =
    ["cpuMhz", "ramMb", "totalCpuCores", "totalCpuSockets", "totalCpuThreads"];

/// Reads the hosts of an endpoint by key. The error is a message.
pub fn read(endpoint: &str, hosts: Map<String, Value>) -> Result<Vec<Host>, String> {
    hosts
        .into_iter()
        .map(|(key, value)| {
            let read = match value {
                Value::Object(members) => host(&key, members),
                _ => Err("must be an object".to_owned()),
            };
            read.map_err(|problem| {
                format!("the host {key:?} of the endpoint {endpoint:?} {problem}")
            })
        })
        .collect()
}

fn host(key: &str, mut members: Map<String, Value>) -> Result<Host, String> {
    let vms = match members.remove("vms") {
        None | Some(Value::Null) => Map::new(),
        Some(Value::Object(vms)) => vms,
        Some(_) => return Err("has `vms` that are not an object".to_owned()),
    };
    let mut data = match members.remove("optionalVmData") {
        Some(Value::Object(data)) => data,
        _ => Map::new(),
    };
    let id = match members.remove(IDENTIFIER).as_ref().and_then(scalar) {
        Some(id) if !id.is_empty() => id,
        _ => return Err(format!("has no `{IDENTIFIER}`")),
    };
    let mut host = Host::new(id, key);
    for (name, id) in vms {
        let data = match data.remove(&name) {
            Some(Value::Object(data)) => data,
            _ => Map::new(),
        };
        // A Manager cannot store such a guest, nor anything else of the document.
        let id = scalar(&id).filter(|id| !id.is_empty());
        let id = id.ok_or_else(|| format!("has the guest {name:?} without an id"))?;
        host.guests.push(Guest {
            id: Some(with_dashes(&id)),
            name,
            attributes: texts(data),
            ..Guest::default()
        });
    }
    host.labels = texts(members);
    for (name, text) in &mut host.labels {
        if NUMBERS.contains(&name.as_str())
            && let Ok(number) = text.trim().parse::<f64>()
            && number.is_finite()
        {
            *text = format!("{:.0}", number.round());
        }
    }
    Ok(host)
}

/// The members as texts.
fn texts(members: Map<String, Value>) -> BTreeMap<String, String> {
    let text = |(name, value): (String, Value)| {
        let text = match scalar(&value) {
            Some(text) => text,
            None if value.is_null() => return None,
            None => value.to_string(),
        };
        Some((name, text))
    };
    members.into_iter().filter_map(text).collect()
}

/// The text of a string, a number or a truth value.
fn scalar(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(flag) => Some(flag.to_string()),
        _ => None,
    }
}

/// The id of a guest in one notation. A Manager ignores the dashes of a UUID, but not whether letters are upper case.
fn with_dashes(id: &str) -> String {
    let digits: String = id.chars().filter(|character| *character != '-').collect();
    if digits.len() != 32 || !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return id.to_owned();
    }
    let groups = [&digits[..8], &digits[8..12], &digits[12..16], &digits[16..20], &digits[20..]];
    groups.join("-")
}

/// Gives hosts of the newer document the identity under which a Manager already has them: it looks up a host by its
/// `hostIdentifier`, and if there is none, by its `fallbackHostIdentifier`. The new identity becomes a label of hosts whose
/// identity changes.
pub fn use_known_identities(old: &mut [Host], new: &mut [Host]) {
    let known: BTreeSet<String> = old.iter().map(|host| host.id.clone()).collect();
    let current: BTreeSet<String> = new.iter().map(|host| host.id.clone()).collect();
    let mut taken = BTreeSet::new();
    for host in new {
        let Some(fallback) = host.labels.get(FALLBACK) else { continue };
        let is_found = !known.contains(&host.id)
            && known.contains(fallback)
            && !current.contains(fallback)
            && taken.insert(fallback.clone());
        if is_found {
            let fallback = fallback.clone();
            let own = std::mem::replace(&mut host.id, fallback.clone());
            host.labels.insert(IDENTIFIER.to_owned(), own);
            for before in old.iter_mut().filter(|before| before.id == fallback) {
                before.labels.insert(IDENTIFIER.to_owned(), fallback.clone());
            }
        }
    }
}
