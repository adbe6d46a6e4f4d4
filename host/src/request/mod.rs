//! Reads the infile: a list of endpoints, each of which is ready to be queried or failed with a reason.
//!
//! A mistake in the entry of an endpoint fails only that endpoint. Only an infile that is not a list of endpoints fails
//! the run.

mod file_reference;
pub mod filter_option;
mod fragments;
#[cfg(any(test, feature = "fuzzing"))]
pub mod fuzz_infile;
pub mod infile_folder;
mod infile_json;
mod infile_schema;
mod infile_text;
mod options;
pub mod redact;
mod references;
mod shard_of_request;
mod shown_members;
mod values;

use std::collections::HashMap;
use std::time::Duration;

use gatherer_plugin_api::manifest::{ADDED_OPTIONS, Module, RESERVED};
use gatherer_plugin_api::model::{EndpointResult, Warning};
use gatherer_plugin_api::{
    GatherError, GatherRequest, Policy, ProxySettings, closest, did_you_mean,
};
use uuid::Uuid;

use crate::output::changes::lost::MaxLost;
use crate::output::escape::escape;
use crate::output::filters::Filters;
use crate::plugins::Catalog;
use crate::request::redact::{Redactor, Secrets};
pub use fragments::{FragmentText, read_fragments};
use infile_json::{RawObject, Value};
pub use infile_json::{RequestError, decode};
pub use infile_schema::RequestSchema;
use infile_text::InfileText;
pub use options::{TIMEOUT_MAX_SECONDS, proxies_of_environment};
pub use references::References;
pub use shard_of_request::{SHARDS_MAX, ShardOption, shard_of_entry, shown as shown_shard};
pub use shown_members::ShownMembers;
pub use values::BaseFolders;
use values::ResolvedValue;

/// An endpoint that is ready to be queried.
#[derive(Clone)]
pub struct Endpoint {
    /// The endpoint's id.
    pub id: String,
    /// Whether the id is new in each run, because the entry has none.
    pub has_new_id: bool,
    /// The name of its module.
    pub module: String,
    /// The index of the plugin in the catalog.
    pub plugin: usize,
    /// The request for the plugin, without the values of `references`.
    pub request: GatherRequest,
    /// The files with the missing values, which the worker reads.
    pub references: References,
    /// The time limit.
    pub timeout: Duration,
    /// Which of its hosts and guests are kept.
    pub filters: Filters,
    /// How many of its hosts and guests it may lose from one answer to the next.
    pub max_lost: Option<MaxLost>,
    /// The time between two rounds of `watch`, if the entry sets it.
    pub interval: Option<Duration>,
    /// Redacts the endpoint's secrets.
    pub redactor: Redactor,
    /// The members that are set, for the log.
    pub members: ShownMembers,
    /// Problems of its entry that do not fail it.
    pub warnings: Vec<Warning>,
}

impl Endpoint {
    /// A copy for one round of several. Its redactor does not know what plugins report in other rounds, such as the tokens of
    /// their sessions.
    pub fn for_round(&self) -> Self {
        Self { redactor: Redactor::new(self.redactor.secrets()), ..self.clone() }
    }
}

/// One entry of the infile.
pub enum Entry {
    /// It can be queried.
    Ready(Box<Endpoint>),
    /// It cannot be queried, because there is a mistake in the entry.
    Failed(Box<EndpointResult>),
    /// The same, and it has no id that can be used: that of the result is a new one.
    FailedWithoutId(Box<EndpointResult>),
    /// A file of the infile's folder cannot be used. The id of the result is the name of the file; the endpoints in the file
    /// are not known.
    UnusableFile(Box<EndpointResult>),
}

impl Entry {
    /// The endpoint's id.
    pub fn id(&self) -> &str {
        match self {
            Self::Ready(endpoint) => &endpoint.id,
            Self::Failed(result) | Self::FailedWithoutId(result) | Self::UnusableFile(result) => {
                &result.id
            }
        }
    }
}

impl Entry {
    /// Whether the id is that of the infile, so that the entry can be recognized in another run. That of a file which
    /// cannot be used is the name of the file.
    pub fn has_stable_id(&self) -> bool {
        match self {
            Self::Ready(endpoint) => !endpoint.has_new_id,
            Self::FailedWithoutId(_) => false,
            Self::Failed(_) | Self::UnusableFile(_) => true,
        }
    }
}

/// The defaults and settings for reading an infile.
pub struct Defaults {
    /// The time limit of an endpoint.
    pub timeout: Duration,
    /// The proxies from the environment.
    pub proxy: ProxySettings,
    /// The base folders of paths.
    pub folders: BaseFolders,
    /// The filters of an endpoint that has none.
    pub filters: Filters,
    /// How much an endpoint may lose that has no such option.
    pub max_lost: Option<MaxLost>,
    /// A function that returns what the operator allows an endpoint, by its id.
    pub policy: Box<dyn Fn(&str) -> Policy>,
}

/// Reads the text of an infile. The entries keep their order.
pub fn read(
    text: &str,
    catalog: &Catalog,
    defaults: &Defaults,
) -> Result<Vec<Entry>, RequestError> {
    let infile = InfileText::new(text);
    let objects = infile_json::objects(&infile)?;
    let mut ids: Vec<_> = objects.iter().map(EntryId::of).collect();
    fail_duplicates(
        &mut ids,
        |shown| format!("at the positions {} of the request", shown.join(", ")),
        |index| (index + 1).to_string(),
    );
    Ok(objects
        .into_iter()
        .zip(ids)
        .map(|(object, id)| entry(&object, id, catalog, defaults))
        .collect())
}

/// The id of an entry, or an error with an id for the result.
struct EntryId {
    id: String,
    /// Whether the entry has no id that can be used.
    is_new: bool,
    error: Option<GatherError>,
}

impl EntryId {
    fn of(object: &RawObject<'_>) -> Self {
        let new_id = || Self { id: Uuid::new_v4().to_string(), is_new: true, error: None };
        let given = |id| Self { id, is_new: false, error: None };
        let read = match object.value("id") {
            Value::Unset => new_id(),
            Value::Text(id) => given(id),
            Value::Number(id) => given(id.to_owned()),
            Value::Unreadable => {
                new_id().failed("id cannot be read: it has half of a surrogate pair")
            }
            _ => new_id().failed("id must be a string or a number"),
        };
        match object.not_json() {
            Some(message) => read.failed(message),
            None => read,
        }
    }

    fn failed(self, message: &str) -> Self {
        Self { error: Some(GatherError::configuration(message)), ..self }
    }
}

/// The maximum number of positions in an error.
const POSITIONS_SHOWN: usize = 10;

/// The maximum number of skipped plugins in an error.
const SKIPPED_SHOWN: usize = 3;

/// The maximum number of warnings about unknown parameters of one endpoint.
const UNKNOWN_SHOWN: usize = 20;

/// Fails all entries with the same id, because the result could not distinguish them. `place` is where the entry with an
/// index is, `places` the end of the message with some of the places.
fn fail_duplicates(
    ids: &mut [EntryId],
    places: impl Fn(&[String]) -> String,
    place: impl Fn(usize) -> String,
) {
    let mut positions: HashMap<String, Vec<usize>> = HashMap::new();
    for (index, id) in ids.iter().enumerate() {
        positions.entry(id.id.clone()).or_default().push(index);
    }
    for indices in positions.into_values().filter(|indices| indices.len() > 1) {
        let count = indices.len();
        let mut shown: Vec<_> =
            indices.iter().take(POSITIONS_SHOWN).map(|index| place(*index)).collect();
        if count > POSITIONS_SHOWN {
            shown.push(format!("and {} more", count - POSITIONS_SHOWN));
        }
        let shown = places(&shown);
        for index in indices {
            ids[index].error = Some(
                GatherError::configuration(format!(
                    "duplicate id: {count} endpoints have it, {shown}"
                ))
                .with_hint("give each endpoint a unique id"),
            );
        }
    }
}

/// Reads one entry.
fn entry(object: &RawObject<'_>, id: EntryId, catalog: &Catalog, defaults: &Defaults) -> Entry {
    let EntryId { id, is_new, error } = id;
    let mut warnings: Vec<Warning> = object
        .duplicates()
        .map(|key| Warning {
            object: shown_key(key),
            message: "duplicate key in the endpoint; the last value is used".to_owned(),
        })
        .collect();
    let module_name = match object.value("module") {
        Value::Text(name) => Some(name),
        _ => None,
    };
    let outcome = match error {
        Some(error) => Err(error),
        None => ready(object, &id, module_name.as_deref(), catalog, defaults, &mut warnings),
    };
    match outcome {
        Ok(endpoint) => {
            Entry::Ready(Box::new(Endpoint { has_new_id: is_new, warnings, ..endpoint }))
        }
        Err(error) => {
            let mut result = EndpointResult::new(id, module_name, None);
            result.error = Some(error);
            result.warnings = warnings;
            let result = Box::new(result);
            if is_new { Entry::FailedWithoutId(result) } else { Entry::Failed(result) }
        }
    }
}

/// Reads an entry with a valid id.
fn ready(
    object: &RawObject<'_>,
    id: &str,
    module_name: Option<&str>,
    catalog: &Catalog,
    defaults: &Defaults,
    warnings: &mut Vec<Warning>,
) -> Result<Endpoint, GatherError> {
    let (module, plugin) = module(object, module_name, catalog)?;
    let mut problems = Vec::new();
    let mut secrets = Secrets::default();
    let mut parameters = serde_json::Map::new();
    let mut files = Vec::new();
    for parameter in &module.parameters {
        let value = object.value(&parameter.name);
        let value = match values::resolve(parameter, value, &defaults.folders, &mut secrets) {
            Ok(ResolvedValue::InFile(file)) => {
                files.push(file);
                continue;
            }
            Ok(ResolvedValue::Known(value)) => Ok(value),
            Err(problem) => Err(problem),
        };
        values::insert(parameter, module, value, &mut parameters, &mut problems);
    }
    let read = options::read(object, module, defaults, &mut files, &mut secrets, &mut problems);
    let mistyped = warn_about_unknown_parameters(object, module, &mut secrets, warnings);
    if !problems.is_empty() {
        let error = invalid(&problems, module);
        return Err(match mistyped {
            Some((key, meant)) => error.with_hint(format!(
                "{} is not a parameter: did you mean {meant}? {}",
                escape(&key),
                list_of_parameters(module)
            )),
            None => error,
        });
    }
    let redactor = Redactor::new(secrets);
    let mut filters = read.filters;
    filters.redact(|pattern| redactor.redact(pattern));
    let mut options = read.options;
    options.policy = (defaults.policy)(id);
    let timeout = read.timeout.unwrap_or(defaults.timeout);
    options.timeout_ms = u64::try_from(timeout.as_millis()).ok();
    Ok(Endpoint {
        id: id.to_owned(),
        has_new_id: false,
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
        filters,
        max_lost: read.max_lost,
        interval: read.interval,
        redactor,
        members: ShownMembers::of(object, module),
        warnings: Vec::new(),
    })
}

/// The error of an endpoint whose entry has these problems.
fn invalid(problems: &[String], module: &Module) -> GatherError {
    GatherError::configuration(problems.join("; ")).with_hint(list_of_parameters(module))
}

fn list_of_parameters(module: &Module) -> String {
    format!("`virtual-host-gatherer modules {}` lists its parameters", module.name)
}

/// The module of an entry, and the index of its plugin.
fn module<'a>(
    object: &RawObject<'_>,
    module_name: Option<&str>,
    catalog: &'a Catalog,
) -> Result<(&'a Module, usize), GatherError> {
    let Some(name) = module_name else {
        let problem = match object.value("module") {
            Value::Unset => "module is missing",
            _ => "module must be a string",
        };
        let hint = "`virtual-host-gatherer modules` lists the modules";
        let mistyped =
            object.keys().find(|key| *key != "module" && closest(key, ["module"]).is_some());
        return Err(GatherError::configuration(problem).with_hint(match mistyped {
            Some(key) => format!(
                "the key {} is not known: did you mean module? {hint}",
                escape(&shown_key(key))
            ),
            None => hint.to_owned(),
        }));
    };
    catalog.module(name).ok_or_else(|| {
        let names: Vec<_> = catalog.modules().map(|(module, _)| module.name.as_str()).collect();
        let skipped = catalog.skipped_for(name);
        let mut facts: Vec<_> =
            skipped.iter().take(SKIPPED_SHOWN).map(|skipped| skipped.message()).collect();
        facts.push(if names.is_empty() {
            "no plugin was found".to_owned()
        } else {
            let meant = did_you_mean(name, names.iter().copied());
            format!("the modules are {}{meant}", names.join(", "))
        });
        let problem = format!("unknown module {}: {}", escape(name), facts.join("; "));
        let remedy = skipped.iter().find_map(|skipped| skipped.remedy());
        GatherError::configuration(problem).with_hint(remedy.unwrap_or_else(|| {
            "`virtual-host-gatherer modules` lists the plugins that were skipped, with the reason"
                .to_owned()
        }))
    })
}

/// Adds warnings about unknown members. Their values are treated as secrets, because one may be a password with a
/// mistyped name, except for user names. Returns the first mistyped name, and the name that was probably meant.
fn warn_about_unknown_parameters<'a>(
    object: &RawObject<'_>,
    module: &'a Module,
    secrets: &mut Secrets,
    warnings: &mut Vec<Warning>,
) -> Option<(String, &'a str)> {
    // A parameter that is set was not mistyped.
    let unset: Vec<&str> = module
        .parameters
        .iter()
        .map(|parameter| parameter.name.as_str())
        .chain(RESERVED)
        .chain(ADDED_OPTIONS)
        .filter(|name| matches!(object.value(name), Value::Unset))
        .collect();
    let mut mistyped = None;
    let mut unknown = 0;
    for (key, value) in object.members() {
        let known = RESERVED.contains(&key)
            || ADDED_OPTIONS.contains(&key)
            || module.parameter(key).is_some();
        if known || matches!(value, Value::Unset) {
            continue;
        }
        match values::text(&value) {
            Some(text) if values::names_user(key) => secrets.add_user(&text),
            Some(text) => secrets.add(&text),
            None => {}
        }
        unknown += 1;
        if unknown <= UNKNOWN_SHOWN {
            let meant = closest(key, unset.iter().copied());
            let suggestion = meant.map(|meant| format!("; did you mean {meant}?"));
            warnings.push(Warning {
                object: shown_key(key),
                message: format!(
                    "is not a parameter of module {}; it is ignored{}",
                    module.name,
                    suggestion.unwrap_or_default()
                ),
            });
            mistyped = mistyped.or(meant.map(|meant| (shown_key(key), meant)));
        }
    }
    if unknown > UNKNOWN_SHOWN {
        warnings.push(Warning {
            object: module.name.clone(),
            message: format!(
                "{unknown} members of the endpoint are not parameters; they are ignored"
            ),
        });
    }
    mistyped
}

/// A key in a message. A long one is cut.
fn shown_key(key: &str) -> String {
    key.chars().take(128).collect()
}
