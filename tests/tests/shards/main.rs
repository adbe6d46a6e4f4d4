//! `--shard` and `merge`: runs that share a request, and their inventories.

mod merge;
mod problems;
mod select;

use std::collections::BTreeSet;

use gatherer_tests::{PluginFolder, Run};
use serde_json::{Value, json};

/// Twelve endpoints of module Example, one that fails and one with a mistake in its entry.
fn request() -> Value {
    let endpoint = |number| json!({"id": format!("kvm{number}"), "module": "Example", "hostname": format!("host{number}")});
    let mut endpoints: Vec<Value> = (0..12).map(endpoint).collect();
    endpoints.push(json!({"id": "refuses", "module": "Misbehaving", "case": "refuses"}));
    endpoints.push(json!({"id": "mistake", "module": "NoSuchModule"}));
    endpoints.into()
}

fn plugins() -> PluginFolder {
    PluginFolder::with(&["example", "misbehaving"])
}

/// The ids of an inventory's endpoints.
fn ids(inventory: &Value) -> BTreeSet<String> {
    let endpoints = inventory["endpoints"].as_array().expect("endpoints");
    endpoints.iter().map(|endpoint| endpoint["id"].as_str().expect("an id").to_owned()).collect()
}

/// The document of one shard.
fn shard(request: &Value, plugins: &PluginFolder, shard: &str) -> Value {
    let run = Run::gather(request).plugins(plugins.path());
    run.args(["--format", "inventory", "--shard", shard]).run().expect_code(0).inventory()
}
