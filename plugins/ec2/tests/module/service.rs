//! The fake of EC2, served over TLS, and a recorder that trusts it.

use std::sync::Arc;

use gatherer_plugin_api::model::{Guest, Host};
use gatherer_plugin_api::testing::{Gathered, Recorder};
use gatherer_plugin_api::{GatherError, Options};
use gatherer_plugin_ec2::AmazonEc2;
use gatherer_plugin_support::testing::{Action, ReceivedRequest, TlsServer};
use gatherer_tests::fakes::ec2::{Ec2Fake, Ec2Inventory, Ec2Key};
use serde_json::{Value, json};

use super::scripted::action;

/// A served fake.
pub struct Served {
    pub fake: Arc<Ec2Fake>,
    pub server: TlsServer,
    pub recorder: Recorder,
}

impl Served {
    pub fn sample() -> Self {
        Self::fake(Ec2Fake::new(Ec2Inventory::sample()))
    }

    pub fn fake(fake: Ec2Fake) -> Self {
        Self::script(fake, Ec2Fake::answer)
    }

    /// Serves the answers of a script, which may ask the fake.
    pub fn script(
        fake: Ec2Fake,
        script: impl Fn(&Ec2Fake, &ReceivedRequest) -> Action + Send + Sync + 'static,
    ) -> Self {
        let fake = Arc::new(fake);
        let shared = Arc::clone(&fake);
        let server = TlsServer::start(move |request| script(&shared, request));
        let ca_file = Some(server.ca_file().display().to_string());
        let options = Options { ca_file, retries: Some(0), ..Options::default() };
        Self { fake, recorder: Recorder::new().endpoint("cloud").options(options), server }
    }

    pub fn gather(&self) -> Result<Gathered, GatherError> {
        self.gather_with(&json!({}))
    }

    /// Gathers with further parameters.
    pub fn gather_with(&self, further: &Value) -> Result<Gathered, GatherError> {
        self.recorder.gather::<AmazonEc2>(self.parameters(further))
    }

    pub fn parameters(&self, further: &Value) -> Value {
        parameters(self.server.port(), &self.fake.key(), further)
    }

    /// The actions that were called, in order.
    pub fn actions(&self) -> Vec<String> {
        self.server.received().iter().map(action).collect()
    }
}

/// The parameters as the program passes them.
pub fn parameters(port: u16, key: &Ec2Key, further: &Value) -> Value {
    let mut parameters = json!({
        "access_key_id": key.id, "secret_access_key": key.secret, "region": "eu-central-1",
        "endpoint_url": format!("https://127.0.0.1:{port}"), "dedicated_hosts": false,
    });
    let further = further.as_object().expect("an object").clone();
    parameters.as_object_mut().expect("an object").extend(further);
    parameters
}

/// The host with this id.
pub fn host<'a>(gathered: &'a Gathered, id: &str) -> &'a Host {
    gathered.hosts.iter().find(|host| host.id == id).expect(id)
}

/// The guest with this name, and the id of its host.
pub fn guest<'a>(gathered: &'a Gathered, name: &str) -> (&'a str, &'a Guest) {
    let guests = gathered
        .hosts
        .iter()
        .flat_map(|host| host.guests.iter().map(|guest| (host.id.as_str(), guest)));
    guests.into_iter().find(|(_, guest)| guest.name == name).expect(name)
}

/// The number of guests on each host, by id.
pub fn counts(gathered: &Gathered) -> Vec<(String, usize)> {
    let mut counts: Vec<_> =
        gathered.hosts.iter().map(|host| (host.id.clone(), host.guests.len())).collect();
    counts.sort();
    counts
}
