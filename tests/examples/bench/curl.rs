//! curl, which fetches what the program asks for: every page, in the same order, on one connection.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use gatherer_tests::fault_server::{Authority, NodeServer, Source, Upstream, base64, kubeconfig};
use gatherer_tests::servers::kubernetes::{Cluster, Method};
use serde_json::{Value, json};

use super::Result;
use super::measure::{Program, run};

/// A request of one endpoint with these parameters besides its kubeconfig.
pub fn request(kubeconfig: &str, parameters: &Value) -> String {
    let mut endpoint = json!({"id": "e", "module": "Kubernetes", "kubeconfig": kubeconfig});
    for (name, value) in parameters.as_object().into_iter().flatten() {
        endpoint[name] = value.clone();
    }
    json!([endpoint]).to_string()
}

/// Whether there is a curl.
pub fn installed() -> bool {
    let mut command = Command::new("curl");
    command.arg("--version");
    run(command, "").is_ok()
}

/// curl with all that one gathering asks for.
pub struct Curl {
    /// Its options, the token among them, which is not for a command line.
    config: PathBuf,
    requests: usize,
}

impl Curl {
    /// Has the program gather once through a server that keeps what it is asked, which is the list
    /// of what to fetch: the pages' tokens too are good for some minutes, as long as nothing changes.
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
        // The server prints for people if curl says its own name.
        let mut text = format!(
            "silent\nfail\ngloboff\nuser-agent = \"x\"\ncacert = \"{}\"\nheader = \"Authorization: Bearer {}\"\n",
            cluster.pki().join("ca.crt").display(),
            cluster.admin_token()
        );
        for target in targets {
            // What is not there is asked for by the program alone.
            if let (200, _) = cluster.request(Method::GET, target, None)? {
                writeln!(text, "url = \"{}{target}\"\noutput = \"/dev/null\"", cluster.url())?;
            }
        }
        std::fs::write(&config, text)?;
        Ok(Self { config, requests: targets.len() })
    }

    /// How many requests the program made.
    pub fn requests(&self) -> usize {
        self.requests
    }

    /// Fetches it all.
    pub fn fetch(&self, compressed: bool) -> Result<Duration> {
        let mut command = Command::new("curl");
        // The first page that fails ends it: the rest would be measured otherwise.
        command.arg("--fail-early").arg("--config").arg(&self.config);
        if compressed {
            command.arg("--compressed");
        }
        Ok(run(command, "")?.1.wall)
    }
}
