//! Tests of the client against servers in the same process.

mod ahead_tests;
mod connection_tests;
mod credential_tests;
mod paging_tests;
mod request_tests;
mod restart_tests;

use base64::Engine as _;
use gatherer_plugin_api::testing::Recorder;
use gatherer_plugin_api::{GatherError, Options};
use serde_json::{Value, json};

use super::testing::{nodes, page};

/// A kubeconfig with this cluster and this user.
fn kubeconfig(cluster: &Value, user: &Value) -> String {
    json!({
        "apiVersion": "v1", "kind": "Config", "current-context": "x",
        "clusters": [{"name": "c", "cluster": cluster}],
        "users": [{"name": "u", "user": user}],
        "contexts": [{"name": "x", "context": {"cluster": "c", "user": "u"}}],
    })
    .to_string()
}

fn encoded(pem: &str) -> String {
    base64::engine::general_purpose::STANDARD.encode(pem)
}

fn document() -> Vec<u8> {
    page(&["n0"], "", "7").to_string().into_bytes()
}

fn token() -> Value {
    json!({"token": "a-good-token"})
}

fn few_retries(options: Options) -> Options {
    Options { retries: Some(0), timeout_ms: Some(10_000), ..options }
}

fn gather(cluster: &Value, user: &Value, options: Options) -> Result<usize, GatherError> {
    let context = Recorder::new().options(few_retries(options)).context();
    nodes(&kubeconfig(cluster, user), &context).map(|nodes| nodes.len())
}
