//! Tests of authentication in module Kubernetes: it uses each login method of a kubeconfig, and sends
//! the credentials to no other server. The API server is a test server; each test decides which
//! requests it accepts.

mod canary;
mod client_certificates;
mod exec;
mod in_cluster;
mod named_files;
mod oidc;
mod oidc_failures;
mod proxies;
mod tokens;

use std::path::PathBuf;

use gatherer_plugin_support::testing::{Authority, Identity, ReceivedRequest, ScriptedServer};
use gatherer_tests::scripted_cluster::{NodeServer, Source, base64, kubeconfig};
use gatherer_tests::{Outcome, PluginFolder, Run};
use serde_json::{Value, json};

/// The nodes. They need two pages of two nodes each.
const NAMES: [&str; 3] = ["n1", "n2", "n3"];

/// The certificates of the API server, and a folder with the plugin.
struct Setup {
    authority: Authority,
    identity: Identity,
    plugins: PluginFolder,
}

impl Setup {
    fn new() -> Self {
        let authority = Authority::new("The authority of this test");
        let identity = authority.identity(&["127.0.0.1", "cluster.test"]);
        Self { authority, identity, plugins: PluginFolder::with(&["kubernetes"]) }
    }

    /// An API server that accepts the requests for which the guard returns true.
    fn server(
        &self,
        guard: impl Fn(&ReceivedRequest) -> bool + Send + Sync + 'static,
    ) -> ScriptedServer {
        NodeServer::of(&Source::canned(&NAMES)).guarded(guard).https(&self.identity)
    }

    /// A kubeconfig's cluster with the server's authority.
    fn trust(&self) -> Value {
        json!({ "certificate-authority-data": base64(self.authority.pem()) })
    }

    /// A kubeconfig for the server, with this user.
    fn kubeconfig(&self, server: &ScriptedServer, user: &Value) -> Value {
        kubeconfig(&server.url(""), &self.trust(), user)
    }

    /// A run of endpoints with these ids and kubeconfigs. A kubeconfig is a document or a path.
    fn run<'a>(&self, endpoints: impl IntoIterator<Item = (&'a str, Value)>) -> Run {
        let endpoints: Vec<Value> = endpoints
            .into_iter()
            .map(|(id, document)| {
                let text = document.as_str().map_or_else(|| document.to_string(), str::to_owned);
                json!({"id": id, "module": "Kubernetes", "kubeconfig": text, "timeout": 30,
                    "retries": 0, "page_size": 2})
            })
            .collect();
        self.run_of(&endpoints)
    }

    /// A run of these endpoints.
    fn run_of(&self, endpoints: &[Value]) -> Run {
        Run::gather(&json!(endpoints)).plugins(self.plugins.path()).args([
            "--format",
            "inventory",
            "-v",
            "-v",
        ])
    }
}

/// A guard that accepts requests with this `Authorization` header.
fn requires(authorization: &str) -> impl Fn(&ReceivedRequest) -> bool + Send + Sync + 'static {
    let authorization = authorization.to_owned();
    move |request| request.header("authorization") == Some(&authorization)
}

/// Writes an operator's file with this policy into the run's folder, and passes it to the run.
fn with_policy(run: Run, policy: &str) -> Run {
    let text = format!("[policy]\n{policy}\n");
    std::fs::write(run.home().join("config.toml"), text).expect("the file can be written");
    run.args(["--config", "config.toml"])
}

/// Writes a file into the run's folder.
fn write(run: &Run, name: &str, text: &str) -> PathBuf {
    let path = run.home().join(name);
    let folder = path.parent().expect("the path has a parent");
    std::fs::create_dir_all(folder).expect("the folder can be created");
    std::fs::write(&path, text).expect("the file can be written");
    path
}

/// Panics unless the endpoint has all nodes. Returns the endpoint.
#[track_caller]
fn assert_works(outcome: &Outcome, id: &str) -> Value {
    let endpoint = outcome.endpoint(id);
    let hosts = endpoint["hosts"].as_array().expect("a list");
    let names: Vec<&str> = hosts.iter().filter_map(|host| host["name"].as_str()).collect();
    assert_eq!(names, NAMES, "{id}: {endpoint}\n{}", outcome.describe());
    endpoint
}

/// Panics unless the endpoint failed with an error of this kind, whose message and hint together
/// contain each of these texts.
#[track_caller]
fn assert_fails(outcome: &Outcome, id: &str, kind: &str, texts: &[&str]) {
    let error = outcome.endpoint(id)["error"].clone();
    let text = |name: &str| error[name].as_str().unwrap_or_default();
    let message = format!("{} ({})", text("message"), text("hint"));
    assert_eq!(error["kind"], kind, "{id}: {message}\n{}", outcome.describe());
    for text in texts {
        assert!(message.contains(text), "{id}: {text:?} is missing in: {message}");
    }
}

/// Panics if one of these texts, plain or in base64, is anywhere in the run's output or log.
#[track_caller]
fn assert_no_leak(outcome: &Outcome, secrets: &[&str]) {
    let printed = String::from_utf8_lossy(&outcome.stdout).into_owned();
    for secret in secrets {
        // The base64 form depends on the position within a group of three bytes. The characters at
        // both ends also depend on the neighbouring text, so they are cut off.
        let encoded = (0..3).map(|shift| {
            let text = base64(&format!("{}{secret}", "x".repeat(shift)));
            text.get(4..text.len() - 4).unwrap_or_default().to_owned()
        });
        let forms = [(*secret).to_owned()].into_iter().chain(encoded.filter(|text| text.len() > 7));
        for form in forms {
            for (place, text) in
                [("stdout", &printed), ("stderr", &outcome.stderr), ("log", &outcome.log)]
            {
                let found = text.lines().find(|line| line.contains(&form));
                assert!(found.is_none(), "{secret} is on {place} as {form}: {found:?}");
            }
        }
    }
}
