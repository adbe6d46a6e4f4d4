//! Tests of the whole module against the fake of Compute Engine, over TLS.

mod complete;
mod faults;
mod hostile;
mod judged;
mod lists;
mod login;
mod machine_types;
mod recorded;

use std::path::PathBuf;
use std::sync::Arc;

use gatherer_plugin_api::model::Guest;
use gatherer_plugin_api::testing::{Gathered, Recorder};
use gatherer_plugin_api::{GatherError, Options};
use gatherer_plugin_gce::GoogleCe;
use gatherer_plugin_support::testing::{Action, ReceivedRequest, TlsServer};
use gatherer_tests::fakes::gce::GceFake;
use serde_json::{Value, json};
use tempfile::TempDir;

/// A served fake, the file with its key, and a recorder that trusts its certificate.
struct Served {
    fake: Arc<GceFake>,
    server: TlsServer,
    folder: TempDir,
    recorder: Recorder,
}

impl Served {
    fn fake(fake: GceFake) -> Self {
        Self::script(fake, GceFake::answer)
    }

    /// Serves the answers of a script, which may ask the fake.
    fn script(
        fake: GceFake,
        script: impl Fn(&GceFake, &ReceivedRequest) -> Action + Send + Sync + 'static,
    ) -> Self {
        let fake = Arc::new(fake);
        let shared = Arc::clone(&fake);
        let server = TlsServer::start(move |request| script(&shared, request));
        let folder = tempfile::tempdir().expect("a folder");
        let started = Self { recorder: recorder(&server, 1), fake, server, folder };
        started.write_key(started.fake.key_file(&started.base()).to_string());
        started
    }

    /// The same with this number of retries.
    fn retries(mut self, retries: u32) -> Self {
        self.recorder = recorder(&self.server, retries);
        self
    }

    /// The URL of the server, without a slash at the end.
    fn base(&self) -> String {
        format!("https://127.0.0.1:{}", self.server.port())
    }

    fn key_path(&self) -> PathBuf {
        self.folder.path().join("key.json")
    }

    fn write_key(&self, contents: impl AsRef<[u8]>) {
        std::fs::write(self.key_path(), contents).expect("written");
    }

    /// The parameters as the program passes them: those that are not set are absent.
    fn parameters(&self) -> Value {
        json!({
            "cert_path": self.key_path(),
            "project_id": self.fake.inventory.project,
            "endpoint_url": self.base(),
        })
    }

    fn gather(&self) -> Result<Gathered, GatherError> {
        self.gather_with(&json!({}))
    }

    /// Gathers with other values of some parameters.
    fn gather_with(&self, others: &Value) -> Result<Gathered, GatherError> {
        let mut parameters = self.parameters();
        for (name, value) in others.as_object().expect("an object") {
            parameters[name] = value.clone();
        }
        self.recorder.gather::<GoogleCe>(parameters)
    }

    /// The targets of the requests so far, without the requests for tokens.
    fn targets(&self) -> Vec<String> {
        let received = self.server.received().into_iter();
        received.map(|request| request.target).filter(|target| target != "/token").collect()
    }
}

/// A recorder whose endpoint trusts the server.
fn recorder(server: &TlsServer, retries: u32) -> Recorder {
    let ca_file = Some(server.ca_file().display().to_string());
    let options = Options { ca_file, retries: Some(retries), ..Options::default() };
    Recorder::new().endpoint("cloud").options(options)
}

/// The guest with this id, and the id of its host.
fn guest<'a>(gathered: &'a Gathered, id: &str) -> (&'a str, &'a Guest) {
    let mut guests = gathered
        .hosts
        .iter()
        .flat_map(|host| host.guests.iter().map(|guest| (host.id.as_str(), guest)));
    guests.find(|(_, guest)| guest.id.as_deref() == Some(id)).expect(id)
}

fn count(gathered: &Gathered) -> usize {
    assert!(gathered.detached_guests.is_empty(), "every instance is in a zone");
    gathered.hosts.iter().map(|host| host.guests.len()).sum()
}

/// Whether a request is for a list of instances.
fn is_list(request: &ReceivedRequest) -> bool {
    request.path().ends_with("/instances")
}

/// Whether a request is for a machine type.
fn is_machine_type(request: &ReceivedRequest) -> bool {
    request.path().contains("/machineTypes/")
}
