//! The infile to endpoints: each ready to be asked, or failed with a reason.
//!
//! What is wrong with one endpoint is that endpoint's failure; only an infile that is no list
//! of endpoints at all fails the run.

#[cfg(any(test, feature = "fuzzing"))]
pub mod fuzz_infile;
mod infile_json;
mod infile_schema;
mod options;
pub mod redact;
mod references;
mod values;

use std::collections::HashMap;
use std::time::Duration;

use gatherer_plugin_api::manifest::{Module, RESERVED};
use gatherer_plugin_api::model::{EndpointResult, Warning};
use gatherer_plugin_api::{GatherError, GatherRequest, Policy, ProxySettings};
use uuid::Uuid;

use crate::plugins::Catalog;
use crate::request::redact::{Redactor, Secrets};
use infile_json::{RawObject, Value};
pub use infile_json::{RequestError, decode};
pub use infile_schema::Request;
pub use options::{TIMEOUT_MAX_SECONDS, proxies_of_environment};
pub use references::References;
pub use values::Folders;
use values::Given;

/// One endpoint, ready to be asked.
pub struct Endpoint {
    /// Its id.
    pub id: String,
    /// Its module.
    pub module: String,
    /// The plugin's place in the catalog.
    pub plugin: usize,
    /// What its plugin is asked, without the values that `references` leads to.
    pub request: GatherRequest,
    /// The files with the other values, which the worker reads.
    pub references: References,
    /// How long it may take.
    pub timeout: Duration,
    /// Takes its secrets out of texts.
    pub redactor: Redactor,
    /// What is odd about its entry.
    pub warnings: Vec<Warning>,
}

/// One entry of the infile.
pub enum Entry {
    /// It can be asked.
    Ready(Box<Endpoint>),
    /// It cannot, for a reason in its own entry.
    Failed(Box<EndpointResult>),
}

impl Entry {
    /// The endpoint's id.
    pub fn id(&self) -> &str {
        match self {
            Self::Ready(endpoint) => &endpoint.id,
            Self::Failed(result) => &result.id,
        }
    }
}

/// What endpoints are read with.
pub struct Defaults {
    /// How long an endpoint may take.
    pub timeout: Duration,
    /// The proxies of our own environment.
    pub proxy: ProxySettings,
    /// The folders that paths start from.
    pub folders: Folders,
    /// What the operator allows, by endpoint id.
    pub policy: Box<dyn Fn(&str) -> Policy>,
}

/// Reads the infile's text, in the order of its entries.
pub fn read(
    text: &str,
    catalog: &Catalog,
    defaults: &Defaults,
) -> Result<Vec<Entry>, RequestError> {
    let objects = infile_json::objects(text)?;
    let mut identities: Vec<_> = objects.iter().map(Identity::of).collect();
    fail_repeated(&mut identities);
    Ok(objects
        .into_iter()
        .zip(identities)
        .map(|(object, identity)| entry(&object, identity, catalog, defaults))
        .collect())
}

/// Who an entry is.
struct Identity {
    id: String,
    error: Option<GatherError>,
}

impl Identity {
    fn of(object: &RawObject<'_>) -> Self {
        let fresh = || Uuid::new_v4().to_string();
        match object.value("id") {
            Value::Unset => Self { id: fresh(), error: None },
            Value::Text(id) => Self { id, error: None },
            Value::Number(id) => Self { id: id.to_owned(), error: None },
            Value::Unreadable => {
                Self::failed(fresh(), "id cannot be read: it holds half of a surrogate pair")
            }
            _ => Self::failed(fresh(), "id must be a string or a number"),
        }
    }
}

impl Identity {
    fn failed(id: String, message: &str) -> Self {
        Self { id, error: Some(GatherError::configuration(message)) }
    }
}

/// How many positions an error names.
const PLACES_SHOWN: usize = 10;

/// How many unknown parameters of one endpoint are told.
const UNKNOWN_SHOWN: usize = 20;

/// Two endpoints of one id cannot be told apart in the result: neither is asked.
fn fail_repeated(identities: &mut [Identity]) {
    let mut positions: HashMap<String, Vec<usize>> = HashMap::new();
    for (index, identity) in identities.iter().enumerate() {
        positions.entry(identity.id.clone()).or_default().push(index);
    }
    for indices in positions.into_values().filter(|indices| indices.len() > 1) {
        let count = indices.len();
        let mut places: Vec<_> =
            indices.iter().take(PLACES_SHOWN).map(|index| (index + 1).to_string()).collect();
        if count > PLACES_SHOWN {
            places.push(format!("and {} more", count - PLACES_SHOWN));
        }
        let places = places.join(", ");
        for index in indices {
            identities[index].error = Some(
                GatherError::configuration(format!(
                    "{count} endpoints have this id: those at the positions {places} of the request"
                ))
                .with_hint("give each endpoint an id of its own"),
            );
        }
    }
}

fn entry(
    object: &RawObject<'_>,
    identity: Identity,
    catalog: &Catalog,
    defaults: &Defaults,
) -> Entry {
    let Identity { id, error } = identity;
    let mut warnings: Vec<Warning> = object
        .repeated()
        .map(|key| Warning {
            object: shown_key(key),
            message: "stands twice in the endpoint; the last one holds".to_owned(),
        })
        .collect();
    let named = match object.value("module") {
        Value::Text(name) => Some(name),
        _ => None,
    };
    let outcome = match error {
        Some(error) => Err(error),
        None => ready(object, &id, named.as_deref(), catalog, defaults, &mut warnings),
    };
    match outcome {
        Ok(endpoint) => Entry::Ready(Box::new(Endpoint { warnings, ..endpoint })),
        Err(error) => {
            let mut result = EndpointResult::new(id, named, None);
            result.error = Some(error);
            result.warnings = warnings;
            Entry::Failed(Box::new(result))
        }
    }
}

fn ready(
    object: &RawObject<'_>,
    id: &str,
    named: Option<&str>,
    catalog: &Catalog,
    defaults: &Defaults,
    warnings: &mut Vec<Warning>,
) -> Result<Endpoint, GatherError> {
    let (module, plugin) = module(object, named, catalog)?;
    let mut problems = Vec::new();
    let mut secrets = Secrets::default();
    let mut parameters = serde_json::Map::new();
    let mut files = Vec::new();
    for parameter in &module.parameters {
        let value = object.value(&parameter.name);
        let value = match values::resolve(parameter, value, &defaults.folders, &mut secrets) {
            Ok(Given::InFile(file)) => {
                files.push(file);
                continue;
            }
            Ok(Given::Value(value)) => Ok(value),
            Err(problem) => Err(problem),
        };
        values::insert(parameter, module, value, &mut parameters, &mut problems);
    }
    let read = options::read(object, defaults, &mut files, &mut secrets, &mut problems);
    unknown_parameters(object, module, &mut secrets, warnings);
    if !problems.is_empty() {
        return Err(invalid(&problems, module));
    }
    let mut options = read.options;
    options.policy = (defaults.policy)(id);
    let timeout = read.timeout.unwrap_or(defaults.timeout);
    options.timeout_ms = u64::try_from(timeout.as_millis()).ok();
    Ok(Endpoint {
        id: id.to_owned(),
        module: module.name.clone(),
        plugin,
        request: GatherRequest {
            endpoint: id.to_owned(),
            module: module.name.clone(),
            parameters,
            options,
        },
        references: References { files, folders: defaults.folders.clone() },
        timeout,
        redactor: Redactor::new(secrets),
        warnings: Vec::new(),
    })
}

/// The error of an endpoint with these problems.
fn invalid(problems: &[String], module: &Module) -> GatherError {
    GatherError::configuration(problems.join("; "))
        .with_hint(format!("`virtual-host-gatherer modules {}` lists its parameters", module.name))
}

fn module<'a>(
    object: &RawObject<'_>,
    named: Option<&str>,
    catalog: &'a Catalog,
) -> Result<(&'a Module, usize), GatherError> {
    let Some(name) = named else {
        let problem = match object.value("module") {
            Value::Unset => "the endpoint names no module",
            _ => "module must be a string",
        };
        return Err(GatherError::configuration(problem)
            .with_hint("`virtual-host-gatherer modules` lists the modules"));
    };
    catalog.module(name).ok_or_else(|| {
        let served: Vec<_> = catalog.modules().map(|(module, _)| module.name.as_str()).collect();
        let known = if served.is_empty() {
            "no plugin was found".to_owned()
        } else {
            format!("there are {}", served.join(", "))
        };
        GatherError::configuration(format!(
            "there is no module {}: {known}",
            crate::output::escape::escape(name)
        ))
        .with_hint("`virtual-host-gatherer modules` says which plugins were skipped, and why")
    })
}

/// Warns of members that mean nothing. Their values are secret: somebody may have mistyped the
/// name of a password.
fn unknown_parameters(
    object: &RawObject<'_>,
    module: &Module,
    secrets: &mut Secrets,
    warnings: &mut Vec<Warning>,
) {
    let mut unknown = 0;
    for key in object.keys() {
        let known = RESERVED.contains(&key)
            || module.parameters.iter().any(|parameter| parameter.name == key);
        let value = object.value(key);
        if known || matches!(value, Value::Unset) {
            continue;
        }
        if let Some(text) = values::text(&value) {
            secrets.add(&text);
        }
        unknown += 1;
        if unknown <= UNKNOWN_SHOWN {
            warnings.push(Warning {
                object: shown_key(key),
                message: format!("is no parameter of module {}; it is ignored", module.name),
            });
        }
    }
    if unknown > UNKNOWN_SHOWN {
        warnings.push(Warning {
            object: module.name.clone(),
            message: format!(
                "{unknown} members of the endpoint are no parameters; they are ignored"
            ),
        });
    }
}

/// A key as it is shown: an endless one would hide the rest.
fn shown_key(key: &str) -> String {
    key.chars().take(128).collect()
}
