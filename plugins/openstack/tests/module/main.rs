//! Tests of both modules against the fake of OpenStack, over TLS.

mod cells;
mod complete;
mod contradictions;
mod faults;
mod hostile;
mod judged;
mod login;
mod recorded;
mod shorter;
mod tenant;

use std::sync::Arc;

use gatherer_plugin_api::model::Guest;
use gatherer_plugin_api::testing::{Gathered, Recorder};
use gatherer_plugin_api::{GatherError, Options};
use gatherer_plugin_openstack::{OpenStack, SuseCloud};
use gatherer_plugin_support::testing::{Action, ReceivedRequest, TlsServer};
use gatherer_tests::fakes::openstack::{OpenstackFake, OpenstackInventory};
use serde_json::{Value, json};

/// The password of the fake's users.
const PASSWORD: &str = "pa55-of-keystone";

/// A served fake, and a recorder that trusts its certificate.
struct Served {
    fake: Arc<OpenstackFake>,
    server: TlsServer,
    recorder: Recorder,
}

impl Served {
    fn fake(fake: OpenstackFake) -> Self {
        Self::script(fake, OpenstackFake::answer)
    }

    /// Serves the answers of a script, which may ask the fake.
    fn script(
        fake: OpenstackFake,
        script: impl Fn(&OpenstackFake, &ReceivedRequest) -> Action + Send + Sync + 'static,
    ) -> Self {
        let fake = Arc::new(fake);
        let shared = Arc::clone(&fake);
        let server = TlsServer::start(move |request| script(&shared, request));
        Self { fake, recorder: recorder(&server, 1), server }
    }

    /// Serves the fake with the answers to requests for this path changed.
    fn changed(
        fake: OpenstackFake,
        path: &'static str,
        change: impl Fn(&mut Value) + Send + Sync + 'static,
    ) -> Self {
        Self::script(fake, move |fake, request| {
            let mut answer = fake.answer(request);
            if request.path().ends_with(path)
                && let Action::Answer { body, .. } = &mut answer
            {
                let mut reply: Value = serde_json::from_slice(body).expect("JSON");
                change(&mut reply);
                *body = reply.to_string().into_bytes();
            }
            answer
        })
    }

    /// The same without retries.
    fn without_retries(mut self) -> Self {
        self.recorder = recorder(&self.server, 0);
        self
    }

    fn suse_cloud(&self) -> Result<Gathered, GatherError> {
        self.recorder.gather::<SuseCloud>(suse_cloud(self.server.port()))
    }

    /// Gathers with module OpenStack, with these parameters in addition.
    fn open_stack(&self, parameters: &Value) -> Result<Gathered, GatherError> {
        self.recorder.gather::<OpenStack>(open_stack(self.server.port(), parameters))
    }

    /// The requests without their host, in order.
    fn requests(&self) -> Vec<String> {
        let received = self.server.received();
        received.iter().map(|request| format!("{} {}", request.method, request.target)).collect()
    }
}

/// The fake of a cloud of the release Zed, with servers in all states.
fn sample() -> OpenstackFake {
    OpenstackFake::new(OpenstackInventory::sample())
}

/// A fake with other settings.
fn with(mut fake: OpenstackFake, change: impl FnOnce(&mut OpenstackFake)) -> OpenstackFake {
    change(&mut fake);
    fake
}

/// A recorder whose endpoint trusts the server.
fn recorder(server: &TlsServer, retries: u32) -> Recorder {
    let ca_file = Some(server.ca_file().display().to_string());
    Recorder::new().options(Options { ca_file, retries: Some(retries), ..Options::default() })
}

/// The parameters of module SUSECloud as the program passes them.
fn suse_cloud(port: u16) -> Value {
    json!({
        "hostname": "127.0.0.1", "port": port, "username": "admin", "password": PASSWORD,
        "protocol": "https", "tenant": "admin", "interface": "public",
    })
}

/// The parameters of module OpenStack as the program passes them.
fn open_stack(port: u16, parameters: &Value) -> Value {
    let mut all = json!({
        "auth_url": format!("https://127.0.0.1:{port}"), "username": "admin", "password": PASSWORD,
        "project": "admin",
    });
    for (name, value) in parameters.as_object().expect("an object") {
        all[name] = value.clone();
    }
    all
}

/// All guests, with the names of their hosts.
fn guests(gathered: &Gathered) -> Vec<(Option<&str>, &Guest)> {
    let on_hosts = gathered
        .hosts
        .iter()
        .flat_map(|host| host.guests.iter().map(|guest| (Some(host.name.as_str()), guest)));
    on_hosts.chain(gathered.detached_guests.iter().map(|guest| (None, guest))).collect()
}

/// The guest with this name, and the name of its host.
fn guest<'a>(gathered: &'a Gathered, name: &str) -> (Option<&'a str>, &'a Guest) {
    guests(gathered).into_iter().find(|(_, guest)| guest.name == name).expect(name)
}
