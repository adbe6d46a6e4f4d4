//! Reads a document of `diff`: an inventory, or a document in the Manager's format, which this or the classic program
//! wrote.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use gatherer_plugin_api::model::{EndpointResult, EndpointStatus, Inventory};
use serde::Deserialize;
use serde::de::DeserializeSeed as _;
use serde_json::{Map, Value};

use super::manager_hosts;
use super::report::DocumentKind;
use super::unique_keys::{DUPLICATE_KEY, UniqueKeys};
use crate::commands::{inventory_document, json_file};
use crate::output::format::{self, Format, FormatOptions};
use crate::output::inventory;

/// The expected content, for messages.
const EXPECTED: &str = "an inventory, or a document in the Manager's format";

/// A document that was read.
pub struct Document {
    pub kind: DocumentKind,
    /// What a Manager reads, by endpoint: the hosts and guests, or `None` if it keeps what it has. See `manager_hosts.rs`
    /// for the members of such a result.
    pub answers: BTreeMap<String, Option<EndpointResult>>,
    /// The endpoints of an inventory.
    pub results: BTreeMap<String, EndpointResult>,
}

/// The members by which the kind of a document is recognized.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Recognized {
    #[serde(default)]
    schema_version: Value,
    #[serde(default)]
    endpoints: serde::de::IgnoredAny,
}

/// Reads a document. The error is a message without its subject.
pub fn read(bytes: &[u8]) -> Result<Document, String> {
    // `endpoints` is only skipped here, because an inventory can be large.
    let recognized: Recognized = json_file::parse(bytes, EXPECTED)?;
    let _ = recognized.endpoints;
    match recognized.schema_version {
        Value::String(version) => {
            inventory_document::read_version(bytes, &version).map(from_inventory)
        }
        _ => from_manager_format(members(bytes)?),
    }
}

/// The members of a document in the Manager's format.
fn members(bytes: &[u8]) -> Result<Map<String, Value>, String> {
    let mut reader = serde_json::Deserializer::from_slice(bytes);
    match UniqueKeys.deserialize(&mut reader) {
        Ok(Value::Object(members)) => Ok(members),
        Err(error) if error.is_data() && error.to_string().starts_with(DUPLICATE_KEY) => {
            let (line, column) = (error.line(), error.column());
            Err(format!(
                "cannot be used: a key appears twice in one object, at line {line} column {column}; expected {EXPECTED}"
            ))
        }
        // Its error says what is wrong.
        _ => json_file::parse(bytes, EXPECTED),
    }
}

/// An inventory, also as a Manager would read it.
fn from_inventory(mut read: Inventory) -> Document {
    for endpoint in &mut read.endpoints {
        inventory::normalize(endpoint, false);
    }
    let text = format::render(Format::Gatherer, &read, &FormatOptions::default()).text;
    let members = serde_json::from_str(&text).expect("the format is JSON");
    let answers = answers(members).expect("the format has the Manager's types");
    let mut results = BTreeMap::new();
    for endpoint in read.endpoints {
        match results.entry(endpoint.id.clone()) {
            Entry::Vacant(vacant) => drop(vacant.insert(endpoint)),
            // A Manager gets nothing of endpoints with the same id.
            Entry::Occupied(mut other) => {
                let other: &mut EndpointResult = other.get_mut();
                *other = EndpointResult::new(endpoint.id, None, None);
            }
        }
    }
    Document { kind: DocumentKind::Inventory, answers, results }
}

/// A document in the Manager's format.
fn from_manager_format(members: Map<String, Value>) -> Result<Document, String> {
    let answers = answers(members)?;
    Ok(Document { kind: DocumentKind::Manager, answers, results: BTreeMap::new() })
}

fn answers(
    members: Map<String, Value>,
) -> Result<BTreeMap<String, Option<EndpointResult>>, String> {
    let mut answers = BTreeMap::new();
    for (id, hosts) in members {
        let answer = match hosts {
            Value::Null => None,
            Value::Object(hosts) => {
                let hosts = manager_hosts::read(&id, hosts)
                    .map_err(|problem| format!("cannot be used: {problem}; expected {EXPECTED}"))?;
                let status = EndpointStatus::Complete;
                Some(EndpointResult {
                    status,
                    hosts,
                    ..EndpointResult::new(id.clone(), None, None)
                })
            }
            _ => {
                return Err(format!(
                    "cannot be used: the endpoint {id:?} must be an object of hosts or null; expected {EXPECTED}"
                ));
            }
        };
        answers.insert(id, answer);
    }
    Ok(answers)
}

impl Document {
    /// The ids of the endpoints, sorted.
    pub fn ids(&self) -> impl Iterator<Item = &str> + Clone {
        self.answers.keys().map(String::as_str)
    }

    /// Why an endpoint failed, if the document says so.
    pub fn reason(&self, id: &str) -> Option<String> {
        let error = self.results.get(id)?.error.as_ref()?;
        Some(format!("{}: {error}", error.kind))
    }
}
