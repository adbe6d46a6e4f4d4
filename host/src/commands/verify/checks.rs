//! The checks that need no endpoint. Each starts a worker with an unusual request. They use no server,
//! provided that the plugin uses the configured proxy.

use std::path::Path;
use std::time::Duration;

use gatherer_plugin_api::manifest::{Manifest, Module, Parameter, ParameterType};
use gatherer_plugin_api::{ErrorKind, GatherError, Policy, ProxySettings};
use serde_json::{Value, json};

use super::VerifySession;
use super::report::CheckReport;
use crate::output::filters::Filters;
use crate::plugins::Catalog;
use crate::request::{self, BaseFolders, Defaults, Endpoint, Entry};
use crate::run::protocol::GATHER;
use crate::run::supervisor::WorkerOutcome;

/// The time limit for a plugin to refuse a request.
const TIMEOUT: Duration = Duration::from_secs(10);

/// The value of required parameters: an address at which no server is expected.
const NO_SERVER: &str = "127.0.0.1";
/// The value of required paths: a file that does not exist.
const NO_FILE: &str = "/nonexistent/plugin-verify";
/// The proxy: a closed port.
const CLOSED_PROXY: &str = "http://127.0.0.1:9";

/// A gathering with plausible parameters is cancelled after this time, because only its parameters are checked.
const GATHERING_LIMIT: Duration = Duration::from_secs(2);

/// A part of values of wrong types, which no message may quote.
const CANARY: &str = "canary-of-plugin-verify";

/// The plugin that is checked.
pub struct CheckedPlugin<'a> {
    /// Starts the workers.
    pub session: VerifySession,
    /// A catalog with only this plugin.
    pub catalog: &'a Catalog,
    /// The plugin's manifest.
    pub manifest: &'a Manifest,
}

impl CheckedPlugin<'_> {
    /// An endpoint of a module with all required parameters, which cannot be gathered successfully.
    fn endpoint(&self, module: &Module) -> Result<Endpoint, String> {
        let mut entry = json!({
            "id": "plugin-verify", "module": module.name, "retries": 0, "proxy": CLOSED_PROXY,
        });
        for parameter in module.parameters.iter().filter(|parameter| parameter.required) {
            entry[&parameter.name] = some_value(parameter);
        }
        let defaults = Defaults {
            timeout: TIMEOUT,
            proxy: ProxySettings::default(),
            folders: BaseFolders::new(Path::new("/"), None),
            filters: Filters::default(),
            max_lost: None,
            policy: Box::new(|_| Policy::default()),
        };
        let entries = request::read(&entry.to_string(), self.catalog, &defaults);
        match entries.map_err(|error| error.to_string())?.pop() {
            Some(Entry::Ready(endpoint)) => Ok(*endpoint),
            Some(
                Entry::Failed(result)
                | Entry::FailedWithoutId(result)
                | Entry::UnusableFile(result),
            ) => Err(result.error.map(|error| error.to_string()).unwrap_or_default()),
            None => Err("the request has no endpoints".to_owned()),
        }
    }

    /// An endpoint of the first module, for checks that do not depend on the module.
    fn any_endpoint(&self) -> Result<Endpoint, String> {
        self.endpoint(self.manifest.modules.first().ok_or("it provides no module")?)
    }
}

/// A value of the right type for a required parameter.
fn some_value(parameter: &Parameter) -> Value {
    match parameter.kind {
        ParameterType::Integer | ParameterType::Number | ParameterType::Boolean => json!(1),
        ParameterType::Path => json!(NO_FILE),
        _ => json!(NO_SERVER),
    }
}

/// Checks that the library can be loaded, and that it returns the same manifest as its note. False if the other
/// checks are not possible.
pub async fn loads(plugin: &CheckedPlugin<'_>, report: &mut CheckReport) -> bool {
    const LOADS: &str = "it can be loaded, and its layout is correct";
    const SAME: &str = "it returns the same manifest as its note";
    let endpoint = match plugin.any_endpoint() {
        Ok(endpoint) => endpoint,
        Err(reason) => {
            report.not_ok(LOADS, &format!("its manifest cannot be used: {reason}"));
            return false;
        }
    };
    match plugin.session.observe(&endpoint, None, None).await.result {
        Ok(_) => {
            report.ok(LOADS);
            report.ok(SAME);
            true
        }
        Err(error) if error.kind == ErrorKind::Configuration => {
            report.ok(LOADS);
            report.not_ok(SAME, &error.to_string());
            false
        }
        Err(error) => {
            report.not_ok(LOADS, &error.to_string());
            false
        }
    }
}

/// Checks that an unknown operation, which a later program may send, is refused.
pub async fn unknown_operation(plugin: &CheckedPlugin<'_>, report: &mut CheckReport) {
    let verdict = match plugin.any_endpoint() {
        Ok(endpoint) => {
            let observed = plugin.session.observe(&endpoint, Some("no-such-operation"), None).await;
            refusal(&observed, |kind| kind == ErrorKind::Unsupported)
        }
        Err(reason) => Err(reason),
    };
    report.verdict("an unknown operation fails with `unsupported`", verdict);
}

/// Checks that a module that the plugin does not provide is refused.
pub async fn unknown_module(plugin: &CheckedPlugin<'_>, report: &mut CheckReport) {
    let verdict = match plugin.any_endpoint() {
        Ok(mut endpoint) => {
            "NoSuchModule".clone_into(&mut endpoint.module);
            "NoSuchModule".clone_into(&mut endpoint.request.module);
            let observed = plugin.session.observe(&endpoint, Some(GATHER), None).await;
            refusal(&observed, |kind| {
                matches!(kind, ErrorKind::Unsupported | ErrorKind::Configuration)
            })
        }
        Err(reason) => Err(reason),
    };
    report.verdict("an unknown module fails with `unsupported`", verdict);
}

/// Checks that a required parameter that is missing or null is refused.
pub async fn missing_parameters(
    plugin: &CheckedPlugin<'_>,
    module: &Module,
    report: &mut CheckReport,
) {
    let check = format!("{}: a missing required parameter fails with `configuration`", module.name);
    let required = || module.parameters.iter().filter(|parameter| parameter.required);
    if required().next().is_none() {
        return report.skipped(&check, "the module has no required parameters");
    }
    let cases =
        required().flat_map(|parameter| [(parameter, None), (parameter, Some(Value::Null))]);
    report.verdict(&check, try_each(plugin, module, cases).await);
}

/// Checks that a value of a type other than that in the manifest is refused. The program would refuse such a
/// value, so it is inserted into the request afterwards.
pub async fn wrong_types(plugin: &CheckedPlugin<'_>, module: &Module, report: &mut CheckReport) {
    let check = format!("{}: a value of a wrong type fails with `configuration`", module.name);
    if module.parameters.is_empty() {
        return report.skipped(&check, "the module has no parameters");
    }
    let cases = module.parameters.iter().flat_map(|parameter| {
        let wrong = match parameter.kind {
            ParameterType::String | ParameterType::Path => json!([CANARY]),
            _ => json!(CANARY),
        };
        [(parameter, Some(wrong)), (parameter, Some(json!({ CANARY: CANARY })))]
    });
    report.verdict(&check, try_each(plugin, module, cases).await);
}

/// Checks that the parameters in the manifest are those that the code reads: an endpoint that sets only what is
/// required, and one that also sets every number and boolean. Other texts may be rejected for their contents.
pub async fn declared_parameters(
    plugin: &CheckedPlugin<'_>,
    module: &Module,
    report: &mut CheckReport,
) {
    let check =
        format!("{}: the code reads the parameters that the manifest declares", module.name);
    report.verdict(&check, reads_declared_parameters(plugin, module).await);
}

async fn reads_declared_parameters(
    plugin: &CheckedPlugin<'_>,
    module: &Module,
) -> Result<(), String> {
    let minimal = plugin.endpoint(module)?;
    let mut full = plugin.endpoint(module)?;
    for parameter in &module.parameters {
        let value = match parameter.kind {
            ParameterType::Integer | ParameterType::Number => json!(1),
            ParameterType::Boolean => json!(true),
            _ => continue,
        };
        full.request.parameters.entry(parameter.name.clone()).or_insert(value);
    }
    for (endpoint, is_minimal) in [(minimal, true), (full, false)] {
        let stop_after = Some(GATHERING_LIMIT);
        let observed = plugin.session.observe(&endpoint, Some(GATHER), stop_after).await;
        let Err(error) = observed.result else { continue };
        let panicked = error.kind == ErrorKind::Internal && error.message.contains("panicked");
        if panicked || error.kind == ErrorKind::Crashed {
            return Err(failed_with(&error));
        }
        if error.kind != ErrorKind::Configuration {
            continue;
        }
        if let Some(reason) = undeclared_field(&error, module) {
            return Err(reason);
        }
        if error.message.contains("has the wrong type") {
            if is_minimal {
                // The text that stands for a server may be no valid value.
                return Ok(());
            }
            return Err(format!("a type in the manifest is not that of the code: {error}"));
        }
    }
    Ok(())
}

/// The reason for an error of a field that the code requires, and the endpoint does not have.
fn undeclared_field(error: &GatherError, module: &Module) -> Option<String> {
    let (_, field) = error.message.split_once("missing field `")?;
    let (field, _) = field.split_once('`')?;
    Some(match module.parameter(field) {
        None => format!("the code requires {field}, which the manifest does not declare"),
        Some(_) => format!(
            "the code requires {field}, which has neither `required` nor a default in the manifest; declare that, or \
             make the field an Option"
        ),
    })
}

/// Queries an endpoint for each case, with one parameter changed. The error is the first case that is not
/// refused.
async fn try_each<'m>(
    plugin: &CheckedPlugin<'_>,
    module: &Module,
    cases: impl Iterator<Item = (&'m Parameter, Option<Value>)>,
) -> Result<(), String> {
    for (parameter, value) in cases {
        let change = match &value {
            None => "is missing",
            Some(Value::Null) => "is null",
            Some(Value::Object(_)) => "is an object",
            Some(Value::Array(_)) => "is a list",
            Some(_) => "is a string",
        };
        let mut endpoint = plugin.endpoint(module)?;
        match value {
            None => endpoint.request.parameters.remove(&parameter.name),
            Some(value) => endpoint.request.parameters.insert(parameter.name.clone(), value),
        };
        let observed = plugin.session.observe(&endpoint, Some(GATHER), None).await;
        refusal(&observed, |kind| kind == ErrorKind::Configuration)
            .map_err(|reason| format!("if {} {change}, {reason}", parameter.name))?;
    }
    Ok(())
}

/// Checks that a request was refused with the right kind of error, and that the error does not quote the value.
fn refusal(
    observed: &WorkerOutcome,
    is_expected: impl Fn(ErrorKind) -> bool,
) -> Result<(), String> {
    match &observed.result {
        Ok(_) => Err("it gathers instead of failing".to_owned()),
        Err(error) if error.to_string().contains(CANARY) => {
            Err("the error quotes the value, which may be secret".to_owned())
        }
        Err(error) if is_expected(error.kind) => ended_normally(observed),
        Err(error) => Err(failed_with(error)),
    }
}

/// A message about the error of an endpoint.
pub fn failed_with(error: &GatherError) -> String {
    format!("it fails with `{}`: {error}", error.kind)
}

/// Checks that the process ended with status 0 after its answer, and was not killed.
pub fn ended_normally(observed: &WorkerOutcome) -> Result<(), String> {
    match &observed.abnormal_end {
        Some(end) => Err(format!("the process {end} after its answer")),
        None => Ok(()),
    }
}
