//! The lists of modules, for a Manager and for people, and `plugin inspect`.

#[cfg(any(test, feature = "fuzzing"))]
pub mod fuzz_manifest;

use std::fmt::Write as _;
use std::path::Path;

use gatherer_plugin_api::manifest::{
    ADDED_OPTIONS, AuthorMistakes, DefaultValue, Module, Parameter,
};
use gatherer_plugin_api::{ABI_VERSION, API_VERSION, did_you_mean};
use serde::{Serialize, Serializer};
use serde_json::{Map, Value, json};

use super::fail;
use super::printing::{prepare, print, write};
use crate::cli::Settings;
use crate::exit::Exit;
use crate::output::escape::{escape, escape_json_lines};
use crate::output::format::manager_json;
use crate::plugins::{self, Catalog, Inspected, Plugin};
use crate::worker::confine::{self, Protections};

/// Runs the command `modules`.
pub fn run(name: Option<&str>, as_json: bool, settings: &Settings) -> Exit {
    let catalog = match read_catalog(settings) {
        Ok(catalog) => catalog,
        Err(exit) => return exit,
    };
    let protections = || confine::measure(settings.confine());
    let Some(name) = name else {
        return print(&if as_json {
            json(&catalog, None, protections().as_ref())
        } else {
            table(&catalog)
        });
    };
    match catalog.module(name) {
        None => fail(
            Exit::Usage,
            &format!(
                "unknown module {name}{}; `virtual-host-gatherer modules` lists all modules",
                did_you_mean(name, catalog.modules().map(|(module, _)| module.name.as_str()))
            ),
        ),
        Some(_) if as_json => print(&json(&catalog, Some(name), protections().as_ref())),
        Some((module, plugin)) => print(&details(module, &catalog.plugins[plugin])),
    }
}

/// Runs `--list-modules`. The list is written to the outfile, if there is one.
pub fn list_for_manager(outfile: Option<&Path>, settings: &Settings) -> Exit {
    let catalog = match read_catalog(settings) {
        Ok(catalog) => catalog,
        Err(exit) => return exit,
    };
    log_skipped(&catalog);
    let names: Vec<_> = catalog.modules().map(|(module, _)| module.name.as_str()).collect();
    if names.is_empty() {
        tracing::warn!(
            "no usable plugin was found in {}, so the list is empty; install the plugins there, or name their \
             folder with --plugin-dir or in the config file",
            searched_folders(&catalog)
        );
    } else {
        tracing::info!("listed the modules {}", names.join(", "));
    }
    match prepare(outfile, settings.run_limit) {
        Ok(outfile) => write(outfile, &manager_list(&catalog), Exit::Done),
        Err(problem) => fail(Exit::Unwritable, &problem),
    }
}

/// Runs the command `plugin inspect`.
pub fn inspect(file: &Path) -> Exit {
    match plugins::inspect(file) {
        Ok(inspected) => print(&inspection(&inspected)),
        Err(reason) => fail(Exit::Unreadable, &format!("the file {} {reason}", file.display())),
    }
}

/// Reads the plugin folders.
pub fn read_catalog(settings: &Settings) -> Result<Catalog, Exit> {
    Catalog::read(&settings.folders).map_err(|error| fail(Exit::Unreadable, &error.to_string()))
}

/// Logs which plugin files are not used, and the warnings about folders and modules.
pub fn log_skipped(catalog: &Catalog) {
    for skipped in &catalog.skipped {
        tracing::warn!("{}", skipped.message());
    }
    for warning in &catalog.warnings {
        tracing::warn!("{warning}");
    }
}

/// The output of `--list-modules`: each module with the defaults of its parameters that are not advanced, in
/// the order of the form. It is ASCII, indented by four spaces, and has only strings, numbers and null.
pub fn manager_list(catalog: &Catalog) -> String {
    manager_json(&InOrder(catalog.modules().map(|(module, _)| {
        let name = ("module", Value::from(module.name.clone()));
        let shown = module.parameters.iter().filter(|parameter| !parameter.advanced);
        let parameters =
            shown.map(|parameter| (parameter.name.as_str(), default_json(&parameter.default)));
        (module.name.as_str(), InOrder(std::iter::once(name).chain(parameters)))
    })))
}

/// Serializes as an object with its members in the order of the iterator.
struct InOrder<I>(I);

impl<K: Serialize, V: Serialize, I: Iterator<Item = (K, V)> + Clone> Serialize for InOrder<I> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.clone())
    }
}

/// The default of a parameter as JSON.
fn default_json(default: &DefaultValue) -> Value {
    match default {
        DefaultValue::Null => Value::Null,
        DefaultValue::Text(text) => Value::from(text.clone()),
        DefaultValue::Number(number) => Value::Number(number.clone()),
    }
}

/// The output of `modules --json`, with the protections that workers have on this machine. `name` selects one
/// module.
pub fn json(catalog: &Catalog, name: Option<&str>, protections: Option<&Protections>) -> String {
    let modules: Map<String, Value> = catalog
        .modules()
        .filter(|(module, _)| name.is_none_or(|name| name == module.name))
        .map(|(module, plugin)| {
            let value = json!({
                "summary": module.summary,
                "parameters": module.parameters,
                "environment": module.environment,
                "plugin": {
                    "name": plugin.manifest.name,
                    "version": plugin.manifest.version,
                    "file": plugin.path.display().to_string(),
                },
            });
            (module.name.clone(), value)
        })
        .collect();
    let skipped: Vec<Value> = catalog
        .skipped
        .iter()
        .map(
            |skipped| json!({"file": skipped.path.display().to_string(), "reason": skipped.reason}),
        )
        .collect();
    let document = json!({
        "modules": modules,
        "skipped": skipped,
        "warnings": catalog.warnings,
        "protections": protections,
    });
    escape_json_lines(&format!("{document:#}\n"))
}

/// The output of `modules`.
pub fn table(catalog: &Catalog) -> String {
    let mut text = String::new();
    let width = catalog.modules().map(|(module, _)| module.name.len()).max().unwrap_or(0);
    for (module, plugin) in catalog.modules() {
        put(&mut text, &format!("{:width$}  {}", module.name, escape(&module.summary)));
        put(
            &mut text,
            &format!(
                "{:width$}  {} {}, {}",
                "",
                escape(&plugin.manifest.name),
                escape(&plugin.manifest.version),
                escape(&plugin.path.display().to_string())
            ),
        );
    }
    if text.is_empty() {
        put(
            &mut text,
            &format!(
                "There are no modules, because no plugin was found in {}.",
                searched_folders(catalog)
            ),
        );
    } else {
        put(&mut text, "\n`virtual-host-gatherer modules NAME` shows a module's parameters.");
    }
    if !catalog.skipped.is_empty() {
        put(&mut text, "\nSkipped:");
        for skipped in &catalog.skipped {
            put(&mut text, &format!("  {}", skipped.message()));
        }
    }
    for warning in &catalog.warnings {
        put(&mut text, &format!("\nWarning: {}", escape(warning)));
    }
    text
}

/// The folders that were searched for plugins, for a message.
fn searched_folders(catalog: &Catalog) -> String {
    let folders = catalog.folders.iter().map(|folder| escape(&folder.display().to_string()));
    folders.collect::<Vec<_>>().join(", ")
}

/// The output of `modules NAME`.
pub fn details(module: &Module, plugin: &Plugin) -> String {
    let mut text = String::new();
    put(&mut text, &format!("{}: {}", module.name, escape(&module.summary)));
    put(
        &mut text,
        &format!(
            "Plugin {} {}, {}",
            escape(&plugin.manifest.name),
            escape(&plugin.manifest.version),
            escape(&plugin.path.display().to_string())
        ),
    );
    if !module.environment.is_empty() {
        put(&mut text, &format!("Environment: {}", escape(&module.environment.join(", "))));
    }
    put(&mut text, "\nParameters:");
    for parameter in &module.parameters {
        put(&mut text, &format!("  {} ({})", parameter.name, facts(parameter)));
        put(&mut text, &format!("      {}", escape(&parameter.description)));
        if let Some(example) = &parameter.example {
            put(&mut text, &format!("      Example: {}", escape(example)));
        }
    }
    let mut options =
        vec!["id", "timeout (seconds)", "retries", "proxy (URL or none)", "ca_file", "insecure"];
    options.extend(ADDED_OPTIONS.into_iter().filter(|name| module.parameter(name).is_none()));
    put(&mut text, &format!("\nEvery endpoint also has: {}.", options.join(", ")));
    text
}

/// The type, flags and default of a parameter.
fn facts(parameter: &Parameter) -> String {
    let mut facts = vec![parameter.kind.as_str().to_owned()];
    if parameter.required {
        facts.push("required".into());
    }
    if parameter.secret {
        facts.push("secret".into());
    }
    if parameter.advanced {
        facts.push("advanced".into());
    }
    match &parameter.default {
        DefaultValue::Text(text) if !text.is_empty() => {
            facts.push(format!("default {}", escape(text)));
        }
        DefaultValue::Number(number) => facts.push(format!("default {number}")),
        _ => {}
    }
    facts.join(", ")
}

/// The output of `plugin inspect`: the manifest, and whether the plugin would be used.
pub fn inspection(inspected: &Inspected) -> String {
    let manifest = &inspected.plugin.manifest;
    let mut text = String::new();
    let verdict = |verdict: &Result<(), String>| match verdict {
        Ok(()) => "yes".to_owned(),
        Err(reason) => format!("no: the file {}", escape(reason)),
    };
    put(
        &mut text,
        &format!("File:        {}", escape(&inspected.plugin.path.display().to_string())),
    );
    put(
        &mut text,
        &format!("Plugin:      {} {}", escape(&manifest.name), escape(&manifest.version)),
    );
    put(
        &mut text,
        &format!("ABI:         {} (this program: {ABI_VERSION})", escape(&manifest.abi)),
    );
    put(
        &mut text,
        &format!("Minimum API: {} (this program: {API_VERSION})", escape(&manifest.minimum_api)),
    );
    put(&mut text, &format!("Trusted:     {}", verdict(&inspected.trust)));
    put(&mut text, &format!("Used:        {}", verdict(&inspected.verdict)));
    for module in &manifest.modules {
        put(&mut text, &format!("\nModule {}: {}", module.name, escape(&module.summary)));
        for parameter in &module.parameters {
            put(&mut text, &format!("  {} ({})", parameter.name, facts(parameter)));
        }
    }
    let mistakes = AuthorMistakes::of(&inspected.plugin.manifest_text, manifest);
    let mistakes = [mistakes.members_and_defaults, mistakes.unmarked_secrets].concat();
    if !mistakes.is_empty() {
        put(&mut text, "\nMistakes in the manifest:");
        for mistake in mistakes {
            put(&mut text, &format!("  {}", escape(&mistake)));
        }
    }
    text
}

/// Appends a line.
fn put(text: &mut String, line: &str) {
    // Writing to a string cannot fail.
    let _ = writeln!(text, "{line}");
}
