//! What holds for every plugin, whichever endpoints there are: each check is a worker of its own
//! that is asked something odd. No server is asked, as far as a plugin keeps to the proxy.

use std::path::Path;
use std::time::Duration;

use gatherer_plugin_api::manifest::{Manifest, Module, Parameter, ParameterType};
use gatherer_plugin_api::{ErrorKind, GatherError, Policy, ProxySettings};
use serde_json::{Value, json};

use super::Lab;
use super::report::Report;
use crate::plugins::Catalog;
use crate::request::{self, Defaults, Endpoint, Entry, Folders};
use crate::run::protocol::GATHER;
use crate::run::supervisor::WorkerOutcome;

/// How long a plugin may take to refuse something.
const TIMEOUT: Duration = Duration::from_secs(10);

/// Nothing listens there, or nobody has it.
const NOWHERE: &str = "127.0.0.1";
const NO_FILE: &str = "/nonexistent/plugin-verify";
const CLOSED_PROXY: &str = "http://127.0.0.1:9";

/// Stands in values of wrong types: no message may quote it.
const CANARY: &str = "odd-value-of-plugin-verify";

/// A plugin that is checked.
pub struct Plugin<'a> {
    /// Where its workers are started.
    pub lab: Lab,
    /// The plugin alone.
    pub catalog: &'a Catalog,
    /// What it says of itself.
    pub manifest: &'a Manifest,
}

impl Plugin<'_> {
    /// An endpoint of a module with all that is required, and nothing to be found.
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
            folders: Folders::new(Path::new("/"), None),
            policy: Box::new(|_| Policy::default()),
        };
        let entries = request::read(&entry.to_string(), self.catalog, &defaults);
        match entries.map_err(|error| error.to_string())?.pop() {
            Some(Entry::Ready(endpoint)) => Ok(*endpoint),
            Some(Entry::Failed(result)) => {
                Err(result.error.map(|error| error.to_string()).unwrap_or_default())
            }
            None => Err("there is no endpoint".to_owned()),
        }
    }

    /// An endpoint of the first module, for what does not depend on the module.
    fn any_endpoint(&self) -> Result<Endpoint, String> {
        self.endpoint(self.manifest.modules.first().ok_or("it serves no module")?)
    }
}

fn some_value(parameter: &Parameter) -> Value {
    match parameter.kind {
        ParameterType::Integer | ParameterType::Number | ParameterType::Boolean => json!(1),
        ParameterType::Path => json!(NO_FILE),
        _ => json!(NOWHERE),
    }
}

/// Whether the library can be loaded and says the same of itself as its note.
pub async fn loads(plugin: &Plugin<'_>, report: &mut Report) -> bool {
    const LOADS: &str = "it can be loaded, and its layout is this program's";
    const SAME: &str = "it says the same of itself as its note";
    let endpoint = match plugin.any_endpoint() {
        Ok(endpoint) => endpoint,
        Err(why) => {
            report.not_ok(LOADS, &format!("its manifest cannot be used: {why}"));
            return false;
        }
    };
    match plugin.lab.observe(&endpoint, None, None).await.result {
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

/// An operation of a later program is refused in a way that this one understands.
pub async fn unknown_operation(plugin: &Plugin<'_>, report: &mut Report) {
    let verdict = match plugin.any_endpoint() {
        Ok(endpoint) => {
            let observed = plugin.lab.observe(&endpoint, Some("no-such-operation"), None).await;
            refusal(&observed, |kind| kind == ErrorKind::Unsupported)
        }
        Err(why) => Err(why),
    };
    report.verdict("an unknown operation is `unsupported`", verdict);
}

/// A module that it does not serve is refused.
pub async fn unknown_module(plugin: &Plugin<'_>, report: &mut Report) {
    let verdict = match plugin.any_endpoint() {
        Ok(mut endpoint) => {
            "NoSuchModule".clone_into(&mut endpoint.module);
            "NoSuchModule".clone_into(&mut endpoint.request.module);
            let observed = plugin.lab.observe(&endpoint, Some(GATHER), None).await;
            refusal(&observed, |kind| {
                matches!(kind, ErrorKind::Unsupported | ErrorKind::Configuration)
            })
        }
        Err(why) => Err(why),
    };
    report.verdict("an unknown module is `unsupported`", verdict);
}

/// Every required parameter that is missing or null is refused.
pub async fn missing_parameters(plugin: &Plugin<'_>, module: &Module, report: &mut Report) {
    let check = format!("{}: a required parameter that is missing is `configuration`", module.name);
    let required = || module.parameters.iter().filter(|parameter| parameter.required);
    if required().next().is_none() {
        return report.skipped(&check, "none is required");
    }
    let cases =
        required().flat_map(|parameter| [(parameter, None), (parameter, Some(Value::Null))]);
    report.verdict(&check, try_each(plugin, module, cases).await);
}

/// Every parameter is refused that has a value of another type than the manifest says. The program
/// refuses it before; here the plugin is asked past it.
pub async fn wrong_types(plugin: &Plugin<'_>, module: &Module, report: &mut Report) {
    let check = format!("{}: a value of a wrong type is `configuration`", module.name);
    if module.parameters.is_empty() {
        return report.skipped(&check, "it has no parameter");
    }
    let cases = module.parameters.iter().flat_map(|parameter| {
        let odd = match parameter.kind {
            ParameterType::String | ParameterType::Path => json!([CANARY]),
            _ => json!(CANARY),
        };
        [(parameter, Some(odd)), (parameter, Some(json!({ CANARY: CANARY })))]
    });
    report.verdict(&check, try_each(plugin, module, cases).await);
}

/// Asks with one parameter set to each of these. The first that is not refused is the verdict.
async fn try_each<'m>(
    plugin: &Plugin<'_>,
    module: &Module,
    cases: impl Iterator<Item = (&'m Parameter, Option<Value>)>,
) -> Result<(), String> {
    for (parameter, value) in cases {
        let what = match &value {
            None => "is missing",
            Some(Value::Null) => "is null",
            Some(Value::Object(_)) => "is an object",
            Some(Value::Array(_)) => "is a list",
            Some(_) => "is a text",
        };
        let mut endpoint = plugin.endpoint(module)?;
        match value {
            None => endpoint.request.parameters.remove(&parameter.name),
            Some(value) => endpoint.request.parameters.insert(parameter.name.clone(), value),
        };
        let observed = plugin.lab.observe(&endpoint, Some(GATHER), None).await;
        refusal(&observed, |kind| kind == ErrorKind::Configuration)
            .map_err(|why| format!("where {} {what}, {why}", parameter.name))?;
    }
    Ok(())
}

/// Whether what is wrong was refused with the right kind of error and without quoting it.
fn refusal(observed: &WorkerOutcome, is_right: impl Fn(ErrorKind) -> bool) -> Result<(), String> {
    match &observed.result {
        Ok(_) => Err("it gathers as if nothing were wrong".to_owned()),
        Err(error) if error.to_string().contains(CANARY) => {
            Err("the error quotes the value, which may be secret".to_owned())
        }
        Err(error) if is_right(error.kind) => ended_in_peace(observed),
        Err(error) => Err(failed_with(error)),
    }
}

/// What an endpoint failed with.
pub fn failed_with(error: &GatherError) -> String {
    format!("it fails with `{}`: {error}", error.kind)
}

/// Whether the process ended after its answer, by itself and with status 0.
pub fn ended_in_peace(observed: &WorkerOutcome) -> Result<(), String> {
    match &observed.abnormal_end {
        Some(odd) => Err(format!("the process {odd} after its answer")),
        None => Ok(()),
    }
}
