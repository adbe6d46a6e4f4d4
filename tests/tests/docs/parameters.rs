//! Checks the tables of parameters in `docs/modules/` against the manifests, or writes them for `make docs`.

use std::fmt::Write as _;

use gatherer_plugin_api::manifest::{ADDED_OPTIONS, RESERVED};
use serde_json::Value;

use super::{read, repository, section};

const BEGIN: &str = "<!-- parameters: `make docs` writes this table from the manifest -->\n";
const END: &str = "<!-- end of parameters -->";

/// The manifest's entry of every module that is installed, by name.
fn modules() -> Vec<Value> {
    let mut modules = Vec::new();
    for plugin in super::shown::installed_plugins() {
        let manifest = read(&format!("plugins/{plugin}/manifest.json"));
        let mut manifest: Value = serde_json::from_str(&manifest).expect("a manifest is JSON");
        modules.extend(manifest["modules"].take().as_array().expect("modules is a list").clone());
    }
    modules.sort_by_key(name);
    modules
}

fn name(of: &Value) -> String {
    of["name"].as_str().expect("the name is a string").to_owned()
}

/// The table of a module's parameters in Markdown, in the manifest's order.
fn table(module: &Value) -> String {
    let mut table =
        "| parameter | type | default | what it is |\n| --- | --- | --- | --- |\n".to_owned();
    for parameter in module["parameters"].as_array().expect("parameters is a list") {
        let mut kind = vec![parameter["type"].as_str().expect("the type is a string")];
        for mark in ["required", "secret", "advanced"] {
            kind.extend((parameter[mark] == true).then_some(mark));
        }
        let default = match &parameter["default"] {
            Value::String(text) if !text.is_empty() => format!("`{text}`"),
            Value::Number(number) => format!("`{number}`"),
            _ => String::new(),
        };
        let description = parameter["description"].as_str().expect("the description is a string");
        // An example of a secret is of no use.
        let example = match parameter["example"].as_str() {
            Some(example) if parameter["secret"] != true => format!(" For example `{example}`."),
            _ => String::new(),
        };
        let text = format!("{description}{example}").replace('|', "\\|").replace('\n', " ");
        let (name, kind) = (name(parameter), kind.join(", "));
        writeln!(table, "| `{name}` | {kind} | {default} | {text} |")
            .expect("writing to a String cannot fail");
    }
    table
}

#[test]
fn every_module_has_a_document_with_the_parameters_of_its_manifest() {
    let renew = std::env::var_os("GATHERER_RENEW_DOCS").is_some();
    let modules = modules();
    assert!(modules.len() >= 2, "{modules:?}");
    for module in modules {
        let path = format!("docs/modules/{}.md", name(&module));
        let text = read(&path);
        let (before, rest) = text
            .split_once(BEGIN)
            .unwrap_or_else(|| panic!("{path} lacks the line before the table: {BEGIN}"));
        let (shown, after) = rest.split_once(END).expect("a comment ends the table");
        let expected = table(&module);
        if renew {
            let text = format!("{before}{BEGIN}{expected}{END}{after}");
            std::fs::write(repository().join(&path), text).expect("the document can be written");
        } else {
            assert_eq!(shown, expected, "{path}: run `make docs`");
        }
    }
}

#[test]
fn requests_in_the_demo_folder_have_only_parameters_of_their_modules() {
    let modules = modules();
    let folder = repository().join("demo");
    let paths = super::files(&folder);
    let mut shown: Vec<String> = Vec::new();
    for path in paths.iter().filter(|path| !path.ends_with("hosts.json")) {
        let path = path.to_str().expect("the path is UTF-8");
        let request: Value = serde_json::from_str(&read(path)).expect("a request is JSON");
        for endpoint in request.as_array().expect("a request is a list") {
            let module = endpoint["module"].as_str().expect("a module");
            let known = modules.iter().find(|known| name(known) == module);
            let known = known.unwrap_or_else(|| panic!("{path}: module {module} does not exist"));
            let parameters = known["parameters"].as_array().expect("parameters is a list");
            for parameter in parameters.iter().filter(|parameter| parameter["required"] == true) {
                assert!(endpoint.get(name(parameter)).is_some(), "{path}: {}", name(parameter));
            }
            for member in endpoint.as_object().expect("an endpoint is an object").keys() {
                let is_option = RESERVED.contains(&member.as_str()) || member == "module";
                let is_known = parameters.iter().any(|parameter| name(parameter) == *member);
                assert!(is_option || is_known, "{path}: {member} is not a parameter of {module}");
            }
            shown.push(module.to_owned());
        }
    }
    // A cluster is shown by `make demo` if the user has one.
    let missing: Vec<_> = modules
        .iter()
        .map(name)
        .filter(|name| !shown.contains(name) && name != "Kubernetes")
        .collect();
    assert!(missing.is_empty(), "modules without a request in demo/: {missing:?}");
}

#[test]
fn the_page_on_security_has_every_parameter() {
    let security = read("docs/security.md");
    let table = section(&security, "## Where each parameter goes");
    let mut names: Vec<String> =
        RESERVED.iter().chain(&ADDED_OPTIONS).map(|name| (*name).to_owned()).collect();
    for module in modules() {
        names.extend(
            module["parameters"].as_array().expect("parameters is a list").iter().map(name),
        );
    }
    let libvirt = read("docs/modules/Libvirt.md");
    let uri = section(&libvirt, "| parameter | used with | value |");
    names.extend(super::rows(uri).into_iter().map(|(name, _)| name));
    assert!(names.len() > 20, "{names:?}");
    for name in names {
        let is_listed = table.lines().any(|line| {
            let first = line.strip_prefix("| ").and_then(|line| line.split(" | ").next());
            first.is_some_and(|cell| cell.contains(&format!("`{name}`")))
        });
        assert!(is_listed, "docs/security.md does not list {name}");
    }
}
