//! Module Kubernetes shows an API server who it is, in each of the ways that a kubeconfig knows, and
//! tells nobody else. The API server is one of ours: what it lets in is what the test says.

mod canary;
mod certificates;
mod exec;
mod files;
mod oidc;
mod oidc_failures;
mod proxies;
mod tokens;

use std::path::PathBuf;

use gatherer_tests::fault_server::{
    Authority, Identity, NodeServer, Received, Source, base64, kubeconfig,
};
use gatherer_tests::{Outcome, PluginFolder, Run};
use serde_json::{Value, json};

/// The nodes; with two on a page these are two pages.
const NAMES: [&str; 3] = ["n1", "n2", "n3"];

/// A server's certificates, and the plugin.
struct Place {
    authority: Authority,
    identity: Identity,
    plugins: PluginFolder,
}

impl Place {
    fn new() -> Self {
        let authority = Authority::new("The authority of this test");
        let identity = authority.identity(&["127.0.0.1", "cluster.test"]);
        Self { authority, identity, plugins: PluginFolder::with(&["kubernetes"]) }
    }

    /// An API server that lets in whom the guard does.
    fn server(&self, guard: impl Fn(&Received) -> bool + Send + Sync + 'static) -> NodeServer {
        NodeServer::of(&Source::canned(&NAMES)).guarded(guard).https(&self.identity)
    }

    /// The part of a cluster that says whom to trust.
    fn trust(&self) -> Value {
        json!({ "certificate-authority-data": base64(self.authority.pem()) })
    }

    /// A kubeconfig for the server with this user.
    fn kubeconfig(&self, server: &NodeServer, user: &Value) -> Value {
        kubeconfig(&server.url(""), &self.trust(), user)
    }

    /// A run of these endpoints, by their ids and kubeconfigs: documents or paths.
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

/// Lets in who brings this `Authorization`.
fn wants(authorization: &str) -> impl Fn(&Received) -> bool + Send + Sync + 'static {
    let authorization = authorization.to_owned();
    move |request| request.header("authorization") == Some(&authorization)
}

/// Writes the operator's file into the run's folder, and has it used.
fn with_policy(run: Run, policy: &str) -> Run {
    std::fs::write(run.home().join("config.toml"), format!("[policy]\n{policy}\n")).expect("ok");
    run.args(["--config", "config.toml"])
}

/// Writes a file into the run's folder.
fn write(run: &Run, name: &str, text: &str) -> PathBuf {
    let path = run.home().join(name);
    std::fs::create_dir_all(path.parent().expect("a folder")).expect("a folder can be made");
    std::fs::write(&path, text).expect("writable");
    path
}

/// Panics unless the endpoint has all nodes.
#[track_caller]
fn assert_works(outcome: &Outcome, id: &str) -> Value {
    let endpoint = outcome.endpoint(id);
    let hosts = endpoint["hosts"].as_array().expect("a list");
    let names: Vec<&str> = hosts.iter().filter_map(|host| host["name"].as_str()).collect();
    assert_eq!(names, NAMES, "{id}: {endpoint}\n{}", outcome.describe());
    endpoint
}

/// Panics unless the endpoint failed with an error of this kind, whose message or hint says each of
/// these.
#[track_caller]
fn assert_fails(outcome: &Outcome, id: &str, kind: &str, texts: &[&str]) {
    let error = outcome.endpoint(id)["error"].clone();
    let text = |name: &str| error[name].as_str().unwrap_or_default();
    let said = format!("{} ({})", text("message"), text("hint"));
    assert_eq!(error["kind"], kind, "{id}: {said}\n{}", outcome.describe());
    for text in texts {
        assert!(said.contains(text), "{id}: does not say {text:?}: {said}");
    }
}

/// Panics if one of these texts is anywhere in what the run said, as it stands or in base64.
#[track_caller]
fn assert_silent(outcome: &Outcome, secrets: &[&str]) {
    let printed = String::from_utf8_lossy(&outcome.stdout).into_owned();
    for secret in secrets {
        // Wherever the text begins within a group of three bytes, and without its uncertain ends.
        let coded = (0..3).map(|shift| {
            let text = base64(&format!("{}{secret}", "x".repeat(shift)));
            text.get(4..text.len() - 4).unwrap_or_default().to_owned()
        });
        let forms = [(*secret).to_owned()].into_iter().chain(coded.filter(|text| text.len() > 7));
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
