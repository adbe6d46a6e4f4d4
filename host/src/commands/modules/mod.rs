//! The lists of modules, for a Manager and for people, and `plugin inspect`.

#[cfg(any(test, feature = "fuzzing"))]
pub mod fuzz_manifest;
mod page;

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
use crate::output::terminal;
use crate::plugins::{self, Catalog, Inspected, Plugin};
use crate::worker::confine::{self, Protections};
use page::Page;

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
            table(&catalog, print_width())
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
        Some((module, plugin)) => print(&details(module, &catalog.plugins[plugin], print_width())),
    }
}

/// The width of texts on standard output.
fn print_width() -> usize {
    terminal::output_width(terminal::is_terminal())
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
        Ok(inspected) => print(&inspection(&inspected, print_width())),
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

/// The output of `--list-modules`: each module that is not advanced, with the defaults of its parameters that are not advanced, in
/// the order of the form. It is ASCII, indented by four spaces, and has only strings, numbers and null.
pub fn manager_list(catalog: &Catalog) -> String {
    let listed = catalog.modules().filter(|(module, _)| !module.advanced);
    manager_json(&InOrder(listed.map(|(module, _)| {
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

/// The output of `modules`, in a width.
pub fn table(catalog: &Catalog, width: usize) -> String {
    let mut page = Page::new(width);
    let column = catalog.modules().map(|(module, _)| module.name.len()).max().unwrap_or(0);
    for (module, plugin) in catalog.modules() {
        page.put(column + 2, &format!("{:column$}  {}", module.name, escape(&module.summary)));
        page.put(column + 2, &format!("{:column$}  {}", "", plugin_line(plugin)));
    }
    if page.is_empty() {
        let folders = searched_folders(catalog);
        page.put(0, &format!("There are no modules, because no plugin was found in {folders}."));
    } else {
        page.blank();
        page.put(0, "`virtual-host-gatherer modules NAME` shows a module's parameters.");
    }
    if !catalog.skipped.is_empty() {
        page.blank();
        page.put(0, "Skipped:");
        for skipped in &catalog.skipped {
            page.put(2, &format!("  {}", skipped.message()));
        }
    }
    for warning in &catalog.warnings {
        page.blank();
        page.put(0, &format!("Warning: {}", escape(warning)));
    }
    page.into_text()
}

/// The name, version and file of a plugin.
fn plugin_line(plugin: &Plugin) -> String {
    format!(
        "{} {}, {}",
        escape(&plugin.manifest.name),
        escape(&plugin.manifest.version),
        escape(&plugin.path.display().to_string())
    )
}

/// The folders that were searched for plugins, for a message.
fn searched_folders(catalog: &Catalog) -> String {
    let folders = catalog.folders.iter().map(|folder| escape(&folder.display().to_string()));
    folders.collect::<Vec<_>>().join(", ")
}

/// The output of `modules NAME`, in a width.
pub fn details(module: &Module, plugin: &Plugin, width: usize) -> String {
    let mut page = Page::new(width);
    page.put(0, &format!("{}: {}", module.name, escape(&module.summary)));
    page.put(0, &format!("Plugin {}", plugin_line(plugin)));
    if !module.environment.is_empty() {
        page.put(0, &format!("Environment: {}", escape(&module.environment.join(", "))));
    }
    page.blank();
    page.put(0, "Parameters:");
    for parameter in &module.parameters {
        page.put(2, &format!("  {} ({})", parameter.name, facts(parameter)));
        page.put(6, &format!("      {}", escape(&parameter.description)));
        if let Some(example) = &parameter.example {
            page.put(6, &format!("      Example: {}", escape(example)));
        }
    }
    let mut options =
        vec!["id", "timeout (seconds)", "retries", "proxy (URL or none)", "ca_file", "insecure"];
    options.extend(ADDED_OPTIONS.into_iter().filter(|name| module.parameter(name).is_none()));
    page.blank();
    page.put(0, &format!("Every endpoint also has: {}.", options.join(", ")));
    page.into_text()
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

/// The output of `plugin inspect`, in a width: the manifest, and whether the plugin would be used.
pub fn inspection(inspected: &Inspected, width: usize) -> String {
    /// The width of the titles.
    const INDENT: usize = 13;
    let manifest = &inspected.plugin.manifest;
    let verdict = |verdict: &Result<(), String>| match verdict {
        Ok(()) => "yes".to_owned(),
        Err(reason) => format!("no: the file {}", escape(reason)),
    };
    let mut page = Page::new(width);
    for (title, value) in [
        ("File:", escape(&inspected.plugin.path.display().to_string())),
        ("Plugin:", format!("{} {}", escape(&manifest.name), escape(&manifest.version))),
        ("ABI:", format!("{} (this program: {ABI_VERSION})", escape(&manifest.abi))),
        (
            "Minimum API:",
            format!("{} (this program: {API_VERSION})", escape(&manifest.minimum_api)),
        ),
        ("Trusted:", verdict(&inspected.trust)),
        ("Used:", verdict(&inspected.verdict)),
    ] {
        page.put(INDENT, &format!("{title:INDENT$}{value}"));
    }
    for module in &manifest.modules {
        page.blank();
        page.put(0, &format!("Module {}: {}", module.name, escape(&module.summary)));
        for parameter in &module.parameters {
            page.put(2, &format!("  {} ({})", parameter.name, facts(parameter)));
        }
    }
    let mistakes = AuthorMistakes::of(&inspected.plugin.manifest_text, manifest);
    let mistakes = [mistakes.members_and_defaults, mistakes.unmarked_secrets].concat();
    if !mistakes.is_empty() {
        page.blank();
        page.put(0, "Mistakes in the manifest:");
        for mistake in mistakes {
            page.put(2, &format!("  {}", escape(&mistake)));
        }
    }
    page.into_text()
}
