//! Tests of the whole module against fakes of Proxmox VE.

mod cluster;
mod faults;
mod judged;
mod login;
mod odd_login;
mod recorded;
mod shorter;

use std::sync::Arc;

use gatherer_plugin_api::model::{Guest, Host};
use gatherer_plugin_api::testing::{Gathered, Recorder};
use gatherer_plugin_api::{GatherError, Options};
use gatherer_plugin_proxmox::Proxmox;
use gatherer_plugin_support::testing::{Action, ReceivedRequest, TlsServer};
use gatherer_tests::fakes::proxmox::{FakeProxmox, PASSWORD, USER};
use serde_json::{Value, json};

/// A fake that listens.
struct Served {
    server: TlsServer,
}

impl Served {
    fn new(fake: FakeProxmox) -> Self {
        let fake = Arc::new(fake);
        Self::script(move |request| fake.answer(request))
    }

    fn script(script: impl Fn(&ReceivedRequest) -> Action + Send + Sync + 'static) -> Self {
        Self { server: TlsServer::start(script) }
    }

    fn port(&self) -> u16 {
        self.server.port()
    }

    fn ca_file(&self) -> String {
        self.server.ca_file().display().to_string()
    }

    /// A recorder whose endpoint trusts the server and retries nothing.
    fn recorder(&self) -> Recorder {
        Recorder::new().options(Options {
            ca_file: Some(self.ca_file()),
            retries: Some(0),
            timeout_ms: Some(60_000),
            ..Options::default()
        })
    }

    fn gather(&self) -> Result<Gathered, GatherError> {
        self.recorder().gather::<Proxmox>(parameters(self.port()))
    }

    /// The paths of the requests so far, without those of logins.
    fn paths(&self) -> Vec<String> {
        let requests = self.server.received();
        let paths = requests.iter().map(|request| request.path().replace("/api2/json", ""));
        paths.filter(|path| path != "/access/ticket").collect()
    }
}

fn parameters(port: u16) -> Value {
    json!({"host": "127.0.0.1", "port": port, "username": USER, "password": PASSWORD})
}

fn gather(fake: FakeProxmox) -> Result<Gathered, GatherError> {
    Served::new(fake).gather()
}

fn host<'a>(gathered: &'a Gathered, name: &str) -> &'a Host {
    gathered.hosts.iter().find(|host| host.name == name).expect("the host was gathered")
}

/// The guest with this VMID, and the name of its host.
fn guest(gathered: &Gathered, vmid: u32) -> (&Guest, &str) {
    let vmid = vmid.to_string();
    let mut all =
        gathered.hosts.iter().flat_map(|host| host.guests.iter().map(|guest| (guest, &*host.name)));
    all.find(|(guest, _)| guest.identifiers.other["vmid"] == vmid).expect("the guest was gathered")
}

/// The number of guests.
fn guests(gathered: &Gathered) -> usize {
    gathered.hosts.iter().map(|host| host.guests.len()).sum()
}

/// All warnings, as `object: message`.
fn warnings(gathered: &Gathered) -> Vec<String> {
    let all = gathered.warnings.iter();
    all.map(|warning| format!("{}: {}", warning.object, warning.message)).collect()
}
