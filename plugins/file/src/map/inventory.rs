//! The inventory document: hosts and guests as they are.

use std::collections::BTreeMap;

use gatherer_plugin_api::model::{CollectionStatus, Completeness, Guest, Host, Warning};
use gatherer_plugin_api::{ErrorKind, GatherError};
use serde::de::DeserializeOwned;

use super::Document;
use super::json::{Json, shown};
use super::shape::{expected, not_whole};

/// The major version of the schema that this release reads.
const MAJOR: u64 = 1;

/// Reads the endpoints, of which each must be complete.
pub fn read(members: Vec<(String, Json)>) -> Result<Document, GatherError> {
    let mut document = Document::default();
    let mut collections = BTreeMap::<String, Result<(), GatherError>>::new();
    for (name, value) in members {
        match (name.as_str(), value) {
            ("schemaVersion", version) => check_version(&version)?,
            ("endpoints", Json::Array(endpoints)) => {
                check_complete(&endpoints)?;
                for endpoint in endpoints {
                    add_endpoint(endpoint, &mut document, &mut collections)?;
                }
            }
            _ => {}
        }
    }
    document.collections = collections.into_iter().collect();
    Ok(document)
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
    for (index, endpoint) in endpoints.iter().enumerate() {
        let Some(Json::Text(id)) = endpoint.get("id") else {
            let what = format!("endpoint {} of the inventory", index + 1);
            return Err(expected(&what, "an object with an `id` that is a text", endpoint));
        };
        if !matches!(endpoint.get("status"), Some(Json::Text(status)) if status == "complete") {
            failed.push(id.as_str());
        }
    }
    if failed.is_empty() { Ok(()) } else { Err(not_whole("endpoint", &failed)) }
}

fn add_endpoint(
    endpoint: Json,
    document: &mut Document,
    collections: &mut BTreeMap<String, Result<(), GatherError>>,
) -> Result<(), GatherError> {
    let Json::Object(members) = endpoint else {
        return Err(expected("an endpoint of the inventory", "an object", &endpoint));
    };
    let id = match super::json::member(&members, "id") {
        Some(Json::Text(id)) => shown(id),
        _ => String::new(),
    };
    if super::json::member(&members, "hosts").is_none() {
        let message = format!("the endpoint {id} is complete and has no `hosts`");
        return Err(GatherError::protocol(message)
            .with_hint("an endpoint that truly has none has an empty array"));
    }
    for (name, value) in members {
        match (name.as_str(), value) {
            ("hosts", Json::Array(hosts)) => {
                for (index, host) in hosts.into_iter().enumerate() {
                    let what = format!("host {} of the endpoint {id}", index + 1);
                    document.hosts.push(host_of(host, &what)?);
                }
            }
            ("collections", Json::Object(found)) => {
                for (name, value) in found {
                    let what = format!("the collection {} of the endpoint {id}", shown(&name));
                    let status: CollectionStatus = typed(value, &what)?;
                    let result = match status {
                        CollectionStatus { status: Completeness::Complete, .. } => Ok(()),
                        CollectionStatus { error, .. } => Err(error.unwrap_or_else(|| {
                            GatherError::new(ErrorKind::Unavailable, format!("{what} is not whole"))
                        })),
                    };
                    // Of several endpoints' collections of one name, the whole is whole if each is.
                    let merged = collections.entry(name).or_insert(Ok(()));
                    if merged.is_ok() {
                        *merged = result;
                    }
                }
            }
            ("warnings", Json::Array(found)) => {
                for value in found {
                    let what = format!("a warning of the endpoint {id}");
                    document.warnings.push(typed::<Warning>(value, &what)?);
                }
            }
            ("hosts" | "warnings", other) => {
                return Err(expected(
                    &format!("`{name}` of the endpoint {id}"),
                    "an array",
                    &other,
                ));
            }
            ("collections", other) => {
                let what = format!("`collections` of the endpoint {id}");
                return Err(expected(&what, "an object", &other));
            }
            _ => {}
        }
    }
    Ok(())
}

/// The guests are read one by one, so that an error names the one that does not fit.
fn host_of(value: Json, what: &str) -> Result<Host, GatherError> {
    let Json::Object(mut members) = value else {
        return Err(expected(what, "an object", &value));
    };
    let guests = members
        .iter()
        .position(|(name, _)| name == "guests")
        .map(|place| members.swap_remove(place).1);
    let mut host: Host = typed(Json::Object(members), what)?;
    let guests = match guests {
        None => Vec::new(),
        Some(Json::Array(guests)) => guests,
        Some(other) => return Err(expected(&format!("`guests` of {what}"), "an array", &other)),
    };
    for (index, guest) in guests.into_iter().enumerate() {
        let what = format!("guest {} of {what}", index + 1);
        host.guests.push(typed::<Guest>(guest, &what)?);
    }
    Ok(host)
}

fn typed<T: DeserializeOwned>(value: Json, what: &str) -> Result<T, GatherError> {
    // serde's own text quotes what it read, so that the place alone is told.
    serde_json::from_value(value.into()).map_err(|_| {
        GatherError::protocol(format!("{what} is not what the inventory's schema says"))
            .with_hint("`virtual-host-gatherer schema inventory` prints the schema")
    })
}
