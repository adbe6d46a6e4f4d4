//! Tests of the whole module against the fake of XAPI, over TLS.

mod faults;
mod hostile;
mod judged;
mod login;
mod pool;
mod recorded;
mod shorter;

use std::sync::Arc;

use gatherer_plugin_api::model::Guest;
use gatherer_plugin_api::testing::{Gathered, Recorder};
use gatherer_plugin_api::{GatherError, Options};
use gatherer_plugin_support::testing::{Action, ReceivedRequest, TlsServer};
use gatherer_plugin_xen::Xen;
use gatherer_tests::fakes::xapi::XapiFake;
use serde_json::{Value, json};

/// A served fake, and a recorder that trusts its certificate.
struct Served {
    fake: Arc<XapiFake>,
    server: TlsServer,
    recorder: Recorder,
}

impl Served {
    fn fake(fake: XapiFake) -> Self {
        Self::script(fake, XapiFake::answer)
    }

    /// Serves the answers of a script, which may ask the fake.
    fn script(
        fake: XapiFake,
        script: impl Fn(&XapiFake, &ReceivedRequest) -> Action + Send + Sync + 'static,
    ) -> Self {
        let fake = Arc::new(fake);
        let shared = Arc::clone(&fake);
        let server = TlsServer::start(move |request| script(&shared, request));
        Self { fake, recorder: recorder(&server, 1), server }
    }

    /// The same without retries.
    fn without_retries(mut self) -> Self {
        self.recorder = recorder(&self.server, 0);
        self
    }

    fn gather(&self) -> Result<Gathered, GatherError> {
        self.recorder.gather::<Xen>(parameters(self.server.port()))
    }

    /// The methods that were called, in order.
    fn methods(&self) -> Vec<String> {
        self.server.received().iter().map(method).collect()
    }
}

/// A recorder whose endpoint trusts the server.
fn recorder(server: &TlsServer, retries: u32) -> Recorder {
    let ca_file = Some(server.ca_file().display().to_string());
    Recorder::new().options(Options { ca_file, retries: Some(retries), ..Options::default() })
}

/// The parameters as the program passes them.
fn parameters(port: u16) -> Value {
    json!({
        "hostname": "127.0.0.1",
        "port": port,
        "username": "inventory",
        "password": "pa55-of-xapi",
    })
}

/// The method that a request calls.
fn method(request: &ReceivedRequest) -> String {
    let call: Value = serde_json::from_slice(&request.body).expect("a call");
    call["method"].as_str().expect("a method").to_owned()
}

/// The guest with this name, and the name of its host.
fn guest<'a>(gathered: &'a Gathered, name: &str) -> (&'a str, &'a Guest) {
    let guests = gathered
        .hosts
        .iter()
        .flat_map(|host| host.guests.iter().map(|guest| (host.name.as_str(), guest)));
    guests.into_iter().find(|(_, guest)| guest.name == name).expect(name)
}

fn count(gathered: &Gathered) -> usize {
    gathered.hosts.iter().map(|host| host.guests.len()).sum()
}
