//! Fetches with curl what the program fetches: every page, in the same order, on one connection.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use gatherer_plugin_support::testing::Authority;
use gatherer_tests::scripted_cluster::{NodeServer, Source, Upstream, base64, kubeconfig};
use gatherer_tests::servers::kubernetes::{Cluster, Method};
use serde_json::{Value, json};

use super::Result;
use super::measure::{Program, run};

/// A request with one endpoint that has a kubeconfig and these parameters.
pub fn request(kubeconfig: &str, parameters: &Value) -> String {
    let mut endpoint = json!({"id": "e", "module": "Kubernetes", "kubeconfig": kubeconfig});
    for (name, value) in parameters.as_object().into_iter().flatten() {
        endpoint[name] = value.clone();
    }
    json!([endpoint]).to_string()
}

/// Whether curl is installed.
pub fn installed() -> bool {
    let mut command = Command::new("curl");
    command.arg("--version");
    run(command, "").is_ok()
}

/// The requests of one run of the program, for curl.
pub struct Curl {
    /// The file with curl's options. It keeps the token out of the command line.
    config: PathBuf,
    requests: usize,
}

impl Curl {
    /// Runs the program once through a server that records its requests, which curl will repeat. The continue
    /// tokens in them are valid for some minutes.
    pub fn new(program: &Program, cluster: &Cluster, parameters: &Value) -> Result<Self> {
        let authority = Authority::new("The authority of the bench");
        let source = Source::Upstream(Upstream::new(cluster.address(), cluster.ca_pem()));
        let server = NodeServer::of(&source).https(&authority.identity(&["127.0.0.1"]));
        let trust = json!({"certificate-authority-data": base64(authority.pem())});
        let user = json!({"token": cluster.admin_token()});
        let document = kubeconfig(&server.url(""), &trust, &user).to_string();
        program.gather(&request(&document, parameters))?;
        let targets: Vec<String> =
            server.received().into_iter().map(|request| request.target).collect();
        Self::of(program.folder(), cluster, &targets)
    }

    fn of(folder: &Path, cluster: &Cluster, targets: &[String]) -> Result<Self> {
        let config = folder.join("curl.conf");
        // The server formats its answers for people if the user agent is curl.
        let mut text = format!(
            "silent\nfail\ngloboff\nuser-agent = \"x\"\ncacert = \"{}\"\nheader = \"Authorization: Bearer {}\"\n",
            cluster.pki().join("ca.crt").display(),
            cluster.admin_token()
        );
        for target in targets {
            // curl skips the requests of the program that have no result.
            if let (200, _) = cluster.request(Method::GET, target, None)? {
                writeln!(text, "url = \"{}{target}\"\noutput = \"/dev/null\"", cluster.url())?;
            }
        }
        std::fs::write(&config, text)?;
        Ok(Self { config, requests: targets.len() })
    }

    /// The number of requests of the program.
    pub fn requests(&self) -> usize {
        self.requests
    }

    /// Repeats all requests, and returns the time that they took.
    pub fn fetch(&self, compressed: bool) -> Result<Duration> {
        let mut command = Command::new("curl");
        // Without this option curl would ignore the failure of any but the last page.
        command.arg("--fail-early").arg("--config").arg(&self.config);
        if compressed {
            command.arg("--compressed");
        }
        Ok(run(command, "")?.1.wall)
    }
}
