//! The inventory document: hosts and guests as they are, and the items of its collections.

use std::collections::BTreeMap;

use gatherer_plugin_api::model::{
    CollectionStatus, Completeness, EndpointResult, Guest, Host, Warning,
};
use gatherer_plugin_api::{ErrorKind, GatherError};

use super::items::{self, List};
use super::members::{Unknown, known, take_unknown, typed};
use super::shape::{expected, not_whole};
use super::{Found, MANAGER, Rest, Sink};
use gatherer_plugin_support::json::{Json, member, shown};

/// The major version of the schema that this release reads.
const MAJOR: u64 = 1;

/// Names under which somebody may write a host's guests, in lower case. A host that has one of
/// them instead of `guests` would be a host without guests, and a Manager would forget those.
const LIKE_GUESTS: [&str; 5] = ["guest", "guests", "optionalvmdata", "vm", "vms"];

/// Reads the endpoints, of which each must be complete.
pub fn read(members: Vec<(String, Json)>, each: &mut Sink<'_>) -> Result<Rest, GatherError> {
    if let Some(version) = member(&members, "schemaVersion") {
        check_version(version)?;
    }
    let endpoints = members.into_iter().find(|(name, _)| name == "endpoints");
    let Some((_, Json::Array(endpoints))) = endpoints else { return Ok(Rest::default()) };
    check_complete(&endpoints)?;
    let mut reader = Reader {
        each,
        several: endpoints.len() > 1,
        collections: BTreeMap::new(),
        warnings: Vec::new(),
        unknown: Unknown::default(),
    };
    for endpoint in endpoints {
        reader.endpoint(endpoint)?;
    }
    reader.warnings.extend(reader.unknown.into_warnings());
    Ok(Rest { collections: reader.collections.into_iter().collect(), warnings: reader.warnings })
}

fn check_version(version: &Json) -> Result<(), GatherError> {
    let Json::Text(text) = version else {
        return Err(expected("`schemaVersion`", "a text like \"1.0\"", version));
    };
    let major = text.split('.').next().and_then(|major| major.parse::<u64>().ok());
    match major {
        Some(MAJOR) => Ok(()),
        Some(other) => Err(GatherError::new(
            ErrorKind::Unsupported,
            format!(
                "the inventory is of schema version {other}, this plugin reads version {MAJOR}"
            ),
        )
        .with_hint(
            "use the release that wrote the inventory, or have it written as format gatherer",
        )),
        None => Err(expected("`schemaVersion`", "two numbers like \"1.0\"", version)),
    }
}

fn check_complete(endpoints: &[Json]) -> Result<(), GatherError> {
    let mut failed = Vec::new();
    let mut contradiction = None;
    for (index, endpoint) in endpoints.iter().enumerate() {
        let Some(Json::Text(id)) = endpoint.get("id") else {
            let what = format!("endpoint {} of the inventory", index + 1);
            return Err(expected(&what, "an object with an `id` that is a text", endpoint));
        };
        if !matches!(endpoint.get("status"), Some(Json::Text(status)) if status == "complete") {
            failed.push(id.as_str());
        } else if !matches!(endpoint.get("error"), None | Some(Json::Null)) {
            contradiction.get_or_insert(id);
        }
    }
    if !failed.is_empty() {
        return Err(not_whole("endpoint", &failed));
    }
    match contradiction {
        None => Ok(()),
        Some(id) => Err(GatherError::protocol(format!(
            "the endpoint {} says that it is complete and has an `error`",
            shown(id)
        ))
        .with_hint("an endpoint is complete or has an error, never both; gather again there")),
    }
}

struct Reader<'a, 'b> {
    each: &'a mut Sink<'b>,
    /// Whether there are several endpoints.
    several: bool,
    collections: BTreeMap<String, Result<(), GatherError>>,
    warnings: Vec<Warning>,
    unknown: Unknown,
}

impl Reader<'_, '_> {
    fn endpoint(&mut self, endpoint: Json) -> Result<(), GatherError> {
        let Json::Object(members) = endpoint else {
            return Err(expected("an endpoint of the inventory", "an object", &endpoint));
        };
        let name = match member(&members, "id") {
            Some(Json::Text(id)) => id.clone(),
            _ => String::new(),
        };
        let id = shown(&name);
        if member(&members, "hosts").is_none() {
            let message = format!("the endpoint {id} is complete and has no `hosts`");
            return Err(GatherError::protocol(message)
                .with_hint("an endpoint that truly has none has an empty array"));
        }
        let status = member(&members, "collections").cloned();
        for (own, value) in members {
            match (own.as_str(), value) {
                ("hosts", Json::Array(hosts)) => {
                    for (index, host) in hosts.into_iter().enumerate() {
                        let what = format!("host {} of the endpoint {id}", index + 1);
                        let mut host = self.host(host, &what)?;
                        if self.several {
                            set_manager(&mut host, &name);
                        }
                        (self.each)(Found::Host(Box::new(host)))?;
                    }
                }
                ("detachedGuests", Json::Array(guests)) => {
                    self.items(guests, &items::DETACHED_GUESTS, status.as_ref(), &id)?;
                }
                ("workloads", Json::Object(lists)) => {
                    for (list, value) in lists {
                        self.workload(&list, value, status.as_ref(), (&name, &id))?;
                    }
                }
                ("collections", Json::Object(found)) => {
                    for (name, value) in found {
                        let what = format!("the collection {} of the endpoint {id}", shown(&name));
                        self.collection(name, value, &what)?;
                    }
                }
                ("warnings", Json::Array(found)) => {
                    for value in found {
                        let what = format!("a warning of the endpoint {id}");
                        self.warnings.push(typed::<Warning>(value, &what)?);
                    }
                }
                ("hosts" | "warnings" | "detachedGuests", other) => {
                    let what = format!("`{own}` of the endpoint {id}");
                    return Err(expected(&what, "an array", &other));
                }
                ("collections" | "workloads", other) => {
                    let what = format!("`{own}` of the endpoint {id}");
                    return Err(expected(&what, "an object", &other));
                }
                _ if known::<EndpointResult>().contains(&own.as_str()) => {}
                _ => self.unknown.note("endpoint", own, &name),
            }
        }
        Ok(())
    }

    fn collection(&mut self, name: String, value: Json, what: &str) -> Result<(), GatherError> {
        let status: CollectionStatus = typed(value, what)?;
        // One that is complete and has an error is not whole either.
        let result = match status {
            CollectionStatus { error: Some(error), .. } => Err(error),
            CollectionStatus { status: Completeness::Complete, .. } => Ok(()),
            CollectionStatus { .. } => {
                Err(GatherError::new(ErrorKind::Unavailable, format!("{what} is not whole")))
            }
        };
        self.merge(name, result);
        Ok(())
    }

    /// Of several endpoints' collections of one name, the whole is whole if each is.
    fn merge(&mut self, name: String, result: Result<(), GatherError>) {
        let merged = self.collections.entry(name).or_insert(Ok(()));
        if merged.is_ok() {
            *merged = result;
        }
    }

    /// A list of `workloads`. `name` and `id` are the endpoint's, the latter as it is shown.
    fn workload(
        &mut self,
        member: &str,
        value: Json,
        status: Option<&Json>,
        (name, id): (&str, &str),
    ) -> Result<(), GatherError> {
        match (items::workload(member), value) {
            (Some(list), Json::Array(found)) => self.items(found, list, status, id),
            (Some(_), other) => {
                Err(expected(&format!("`{member}` of the endpoint {id}"), "an array", &other))
            }
            (None, _) => {
                let error = items::not_known(&shown(member), &format!("the endpoint {id}"));
                self.merge(items::collection_of_unknown(member), Err(error));
                self.unknown.note("endpoint", format!("workloads.{member}"), name);
                Ok(())
            }
        }
    }

    /// Hands on the items of a list that is whole; of another one nothing can be concluded.
    fn items(
        &mut self,
        found: Vec<Json>,
        list: &List,
        status: Option<&Json>,
        id: &str,
    ) -> Result<(), GatherError> {
        let endpoint = format!("the endpoint {id}");
        if found.is_empty() || !list.is_complete(status, &endpoint)? {
            return Ok(());
        }
        for item in list.read(found, &endpoint, &mut self.unknown) {
            (self.each)(Found::Item(item?))?;
        }
        Ok(())
    }

    /// The guests are read one by one, so that an error names the one that does not fit.
    fn host(&mut self, value: Json, what: &str) -> Result<Host, GatherError> {
        let Json::Object(mut members) = value else {
            return Err(expected(what, "an object", &value));
        };
        let guests = members
            .iter()
            .position(|(name, _)| name == "guests")
            .map(|place| members.swap_remove(place).1);
        let misnamed =
            members.iter().find(|(name, _)| LIKE_GUESTS.contains(&&*name.to_ascii_lowercase()));
        if let Some((name, _)) = misnamed {
            return Err(GatherError::protocol(format!("{what} has a member {}", shown(name)))
                .with_hint("in an inventory the guests of a host stand in its array `guests`"));
        }
        let unknown = take_unknown::<Host>(&mut members);
        let mut host: Host = typed(Json::Object(members), what)?;
        for member in unknown {
            self.unknown.note("host", member, &host.name);
        }
        let guests = match guests {
            None => Vec::new(),
            Some(Json::Array(guests)) => guests,
            Some(other) => {
                return Err(expected(&format!("`guests` of {what}"), "an array", &other));
            }
        };
        for (index, guest) in guests.into_iter().enumerate() {
            let what = format!("guest {} of {what}", index + 1);
            let Json::Object(mut members) = guest else {
                return Err(expected(&what, "an object", &guest));
            };
            let unknown = take_unknown::<Guest>(&mut members);
            let guest: Guest = typed(Json::Object(members), &what)?;
            for member in unknown {
                self.unknown.note("guest", member, &guest.name);
            }
            host.guests.push(guest);
        }
        Ok(host)
    }
}

/// Tells the hosts of one endpoint from another's; one that came through several documents
/// keeps every name.
fn set_manager(host: &mut Host, endpoint: &str) {
    let name = match host.identifiers.other.get(MANAGER) {
        Some(own) => format!("{endpoint}/{own}"),
        None => endpoint.to_owned(),
    };
    host.identifiers.other.insert(MANAGER.to_owned(), name);
}
