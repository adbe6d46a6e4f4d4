//! Reads an inventory: its hosts and guests, and the items of its collections.

use std::collections::{BTreeMap, BTreeSet};

use gatherer_plugin_api::model::{
    CollectionStatus, Completeness, EndpointResult, Guest, Host, Warning,
};
use gatherer_plugin_api::{Collection, ErrorKind, GatherError};

use super::format::{FORMATS_HINT, incomplete, wrong_type};
use super::items::{self, ItemList};
use super::members::{deserialize, has_unreadable, known, take_ignored};
use super::warnings::Warnings;
use super::{DocumentSummary, Finding, FindingSink, MANAGER};
use gatherer_plugin_support::json::{Json, member, quote};

/// The major version of the schema that this release reads.
const MAJOR_VERSION: u64 = 1;

/// Wrong names of a host's `guests` that are likely in hand-written documents, in lower case. If they were
/// ignored, the host would have no guests, and a Manager would delete them.
const LIKE_GUESTS: [&str; 5] = ["guest", "guests", "optionalvmdata", "vm", "vms"];

/// Reads the endpoints. All of them must be complete.
pub fn read(
    members: Vec<(String, Json)>,
    sink: &mut FindingSink<'_>,
) -> Result<DocumentSummary, GatherError> {
    if let Some(version) = member(&members, "schemaVersion") {
        check_version(version)?;
    }
    let endpoints = members.into_iter().find(|(name, _)| name == "endpoints");
    let Some((_, Json::Array(endpoints))) = endpoints else {
        return Ok(DocumentSummary::default());
    };
    check_complete(&endpoints)?;
    let mut reader = EndpointReader {
        sink,
        has_several: endpoints.len() > 1,
        collections: BTreeMap::new(),
        warnings: Warnings::default(),
    };
    for endpoint in endpoints {
        reader.endpoint(endpoint)?;
    }
    let collections = reader.collections.into_iter().collect();
    Ok(DocumentSummary { collections, warnings: reader.warnings.into_list() })
}

fn check_version(version: &Json) -> Result<(), GatherError> {
    let Json::Text(text) = version else {
        return Err(wrong_type("`schemaVersion`", "a string like \"1.0\"", version));
    };
    let major = text.split('.').next().and_then(|major| major.parse::<u64>().ok());
    match major {
        Some(MAJOR_VERSION) => Ok(()),
        Some(other) => Err(GatherError::new(
            ErrorKind::Unsupported,
            format!(
                "the inventory has schema version {other}, but this plugin reads version \
                 {MAJOR_VERSION}"
            ),
        )
        .with_hint("use the release that wrote the inventory, or write it with --format gatherer")),
        None => Err(GatherError::protocol("`schemaVersion` must be two numbers like \"1.0\"")
            .with_hint(FORMATS_HINT)),
    }
}

fn check_complete(endpoints: &[Json]) -> Result<(), GatherError> {
    let mut failed = Vec::new();
    let mut contradiction = None;
    for (index, endpoint) in endpoints.iter().enumerate() {
        let Some(Json::Text(id)) = endpoint.get("id") else {
            let subject = format!("endpoint {} of the inventory", index + 1);
            return Err(wrong_type(&subject, "an object with an `id` that is a string", endpoint));
        };
        if !matches!(endpoint.get("status"), Some(Json::Text(status)) if status == "complete") {
            failed.push(id.as_str());
        } else if !matches!(endpoint.get("error"), None | Some(Json::Null)) {
            contradiction.get_or_insert(id);
        }
    }
    if !failed.is_empty() {
        return Err(incomplete("endpoint", &failed));
    }
    match contradiction {
        None => Ok(()),
        Some(id) => Err(GatherError::protocol(format!(
            "the endpoint {} is `complete` but has an `error`",
            quote(id)
        ))
        .with_hint("a complete endpoint must not have an error; write the inventory again")),
    }
}

/// Reads endpoints, passes their hosts and items to the sink, and collects the rest.
struct EndpointReader<'a, 'b> {
    sink: &'a mut FindingSink<'b>,
    /// Whether the inventory has several endpoints.
    has_several: bool,
    collections: BTreeMap<String, Result<(), GatherError>>,
    warnings: Warnings,
}

impl EndpointReader<'_, '_> {
    fn endpoint(&mut self, endpoint: Json) -> Result<(), GatherError> {
        let Json::Object(members) = endpoint else {
            return Err(wrong_type("an endpoint of the inventory", "an object", &endpoint));
        };
        let name = match member(&members, "id") {
            Some(Json::Text(id)) => id.clone(),
            _ => String::new(),
        };
        let id = quote(&name);
        if member(&members, "hosts").is_none() {
            let message = format!("the endpoint {id} is `complete` but has no `hosts`");
            return Err(GatherError::protocol(message)
                .with_hint("an endpoint without hosts must have an empty array"));
        }
        let collections = member(&members, "collections").cloned();
        for (own, value) in members {
            match (own.as_str(), value) {
                ("hosts", Json::Array(hosts)) => {
                    for (index, host) in hosts.into_iter().enumerate() {
                        let subject = format!("host {} of the endpoint {id}", index + 1);
                        let mut host = self.host(host, &subject)?;
                        if self.has_several {
                            set_manager(&mut host, &name);
                        }
                        (self.sink)(Finding::Host(Box::new(host)))?;
                    }
                }
                ("detachedGuests", Json::Array(guests)) => {
                    self.items(guests, &items::DETACHED_GUESTS, collections.as_ref(), &id)?;
                }
                ("workloads", Json::Object(lists)) => {
                    for (list, value) in lists {
                        self.workload(&list, value, collections.as_ref(), (&name, &id))?;
                    }
                }
                ("collections", Json::Object(found)) => {
                    let names: BTreeSet<String> =
                        found.iter().map(|(name, _)| name.clone()).collect();
                    for (name, value) in found {
                        let subject =
                            format!("the collection {} of the endpoint {id}", quote(&name));
                        let name = items::collection_name(&name, |other| names.contains(other));
                        self.collection(name, value, &subject)?;
                    }
                }
                ("warnings", Json::Unreadable(value)) => {
                    self.warnings.add(&name, format!("\"warnings\" is ignored: {value}"));
                }
                ("warnings", Json::Array(found)) => {
                    for value in found {
                        if has_unreadable(&value) {
                            self.warnings.add(&name, "a warning is ignored: it cannot be read");
                            continue;
                        }
                        let subject = format!("a warning of the endpoint {id}");
                        self.warnings.forward(deserialize::<Warning>(value, &subject)?);
                    }
                }
                ("hosts" | "warnings" | "detachedGuests", other) => {
                    let subject = format!("`{own}` of the endpoint {id}");
                    return Err(wrong_type(&subject, "an array", &other));
                }
                ("collections" | "workloads", other) => {
                    let subject = format!("`{own}` of the endpoint {id}");
                    return Err(wrong_type(&subject, "an object", &other));
                }
                _ if known::<EndpointResult>().contains(&own.as_str()) => {}
                (_, value) => self.warnings.add_unknown("endpoint", own, &value, &name),
            }
        }
        Ok(())
    }

    fn collection(&mut self, name: String, value: Json, subject: &str) -> Result<(), GatherError> {
        let status: CollectionStatus = deserialize(value, subject)?;
        // A collection with an error is incomplete, whatever its status is.
        let result = match status {
            CollectionStatus { error: Some(error), .. } => Err(error),
            // A collection without a list is empty, but of an unknown one that is not certain.
            CollectionStatus { status: Completeness::Complete, .. } => {
                let is_known = Collection::from_name(&name).is_some();
                if is_known { Ok(()) } else { Err(items::unsupported_collection(subject)) }
            }
            CollectionStatus { .. } => {
                Err(GatherError::new(ErrorKind::Unavailable, format!("{subject} is incomplete")))
            }
        };
        self.merge(name, result);
        Ok(())
    }

    /// Merges the results of several endpoints' collections with the same name: the merged collection is
    /// complete if each of them is.
    fn merge(&mut self, name: String, result: Result<(), GatherError>) {
        let merged = self.collections.entry(name).or_insert(Ok(()));
        if merged.is_ok() {
            *merged = result;
        }
    }

    /// Reads a list of `workloads`. `name` is the endpoint's id, `id` the same quoted for messages.
    fn workload(
        &mut self,
        member: &str,
        value: Json,
        collections: Option<&Json>,
        (name, id): (&str, &str),
    ) -> Result<(), GatherError> {
        match (items::workload(member), value) {
            (Some(list), Json::Array(items)) => self.items(items, list, collections, id),
            (Some(_), other) => {
                Err(wrong_type(&format!("`{member}` of the endpoint {id}"), "an array", &other))
            }
            (None, value) => {
                let error = items::unsupported(&quote(member), &format!("the endpoint {id}"));
                self.merge(items::collection_of_unknown(member), Err(error));
                self.warnings.add_unknown("endpoint", format!("workloads.{member}"), &value, name);
                Ok(())
            }
        }
    }

    /// Passes the items of a list to the sink, if its collection is complete.
    fn items(
        &mut self,
        items: Vec<Json>,
        list: &ItemList,
        collections: Option<&Json>,
        id: &str,
    ) -> Result<(), GatherError> {
        let endpoint = format!("the endpoint {id}");
        if items.is_empty() || !list.is_complete(collections, &endpoint)? {
            return Ok(());
        }
        for item in list.read(items, &endpoint, &mut self.warnings) {
            (self.sink)(Finding::Item(item?))?;
        }
        Ok(())
    }

    /// Reads a host, and its guests one by one, so that an error can name the guest that is invalid.
    fn host(&mut self, value: Json, subject: &str) -> Result<Host, GatherError> {
        let Json::Object(mut members) = value else {
            return Err(wrong_type(subject, "an object", &value));
        };
        let guests = members
            .iter()
            .position(|(name, _)| name == "guests")
            .map(|index| members.swap_remove(index).1);
        let misnamed =
            members.iter().find(|(name, _)| LIKE_GUESTS.contains(&&*name.to_ascii_lowercase()));
        if let Some((name, _)) = misnamed {
            return Err(GatherError::protocol(format!("{subject} has a member {}", quote(name)))
                .with_hint("in an inventory the guests of a host must be in its array `guests`"));
        }
        take_ignored::<Host>(&mut members, "host", subject, &mut self.warnings)?;
        let mut host: Host = deserialize(Json::Object(members), subject)?;
        let guests = match guests {
            None => Vec::new(),
            Some(Json::Array(guests)) => guests,
            Some(other) => {
                return Err(wrong_type(&format!("`guests` of {subject}"), "an array", &other));
            }
        };
        for (index, guest) in guests.into_iter().enumerate() {
            let subject = format!("guest {} of {subject}", index + 1);
            let Json::Object(mut members) = guest else {
                return Err(wrong_type(&subject, "an object", &guest));
            };
            take_ignored::<Guest>(&mut members, "guest", &subject, &mut self.warnings)?;
            host.guests.push(deserialize::<Guest>(Json::Object(members), &subject)?);
        }
        Ok(host)
    }
}

/// Adds the name of the endpoint to a host, so that hosts of several endpoints can be distinguished. If
/// the host already has the name of a manager from another document, both are kept.
fn set_manager(host: &mut Host, endpoint: &str) {
    let name = match host.identifiers.other.get(MANAGER) {
        Some(own) => format!("{endpoint}/{own}"),
        None => endpoint.to_owned(),
    };
    host.identifiers.other.insert(MANAGER.to_owned(), name);
}
