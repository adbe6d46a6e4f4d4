//! Tests of the whole module against a fake vCenter, which VMware's own client reads too.

mod faults;
mod hostile;
mod losses;
mod misuse;
mod model;

use std::sync::Arc;

use gatherer_plugin_api::testing::{Gathered, Recorder};
use gatherer_plugin_api::{GatherError, Options};
use gatherer_plugin_support::testing::TlsServer;
use gatherer_plugin_vmware::VMware;
use gatherer_tests::fakes::vcenter::{PASSWORD, USER, Vcenter};
use gatherer_tests::{Judge, JudgedGuest, skip};
use serde_json::{Value, json};

/// A fake that listens.
struct Listening {
    server: TlsServer,
    fake: Arc<Vcenter>,
}

impl Listening {
    fn new(fake: Vcenter) -> Self {
        let fake = Arc::new(fake);
        let script = {
            let fake = Arc::clone(&fake);
            move |request: &_| fake.answer(request)
        };
        Self { server: TlsServer::start(script), fake }
    }

    /// The options of an endpoint.
    fn options(&self) -> Options {
        let ca_file = Some(self.server.ca_file().display().to_string());
        Options { ca_file, ..Options::default() }
    }

    fn gather(&self) -> Result<Gathered, GatherError> {
        let recorder = Recorder::new().options(self.options());
        recorder.gather::<VMware>(parameters(self.server.port(), PASSWORD))
    }

    /// The methods that were called, in order.
    fn methods(&self) -> Vec<String> {
        let method = |body: &[u8]| {
            let body = String::from_utf8_lossy(body);
            let (_, rest) = body.split_once("<soapenv:Body><")?;
            Some(rest.split([' ', '>']).next()?.to_owned())
        };
        let requests = self.server.received();
        requests.iter().filter_map(|request| method(&request.body)).collect()
    }
}

fn parameters(port: u16, password: &str) -> Value {
    json!({"hostname": "127.0.0.1", "port": port, "username": USER, "password": password})
}

/// What the module makes of a fake.
fn gather(fake: Vcenter) -> Result<Gathered, GatherError> {
    Listening::new(fake).gather()
}

/// The guests of an answer, in a form that does not depend on the order.
fn guests(gathered: &Gathered) -> Vec<JudgedGuest> {
    JudgedGuest::all_of(&gathered.hosts, &gathered.detached_guests)
}

/// The guests of the whole inventory.
fn all_guests() -> Vec<JudgedGuest> {
    guests(&gather(Vcenter::default()).expect("a complete answer"))
}

#[test]
fn pyvmomi_reads_the_same_guests_with_pages_of_every_size() {
    let judge = match Judge::new() {
        Ok(judge) => judge,
        Err(reason) => skip!("{reason}"),
    };
    for page_size in [1, 3, 1000] {
        let listening = Listening::new(Vcenter { page_size, ..Vcenter::default() });
        let gathered = listening.gather().expect("a complete answer");
        let port = listening.server.port().to_string();
        let ca_file = listening.server.ca_file().display().to_string();
        let judged = judge.read("vmware.py", &["localhost", &port, USER, PASSWORD, &ca_file]);
        assert_eq!(guests(&gathered), judged, "pages of {page_size}");
        assert_eq!(judged.len(), 13);
    }
}

#[test]
fn logs_in_once_reads_one_view_and_logs_out() {
    let listening = Listening::new(Vcenter { page_size: 20, ..Vcenter::default() });
    listening.gather().expect("a complete answer");
    assert_eq!(
        listening.methods(),
        [
            "RetrieveServiceContent",
            "Login",
            "HasPrivilegeOnEntity",
            "RetrieveEntityPermissions",
            "CreateContainerView",
            "RetrievePropertiesEx",
            "RetrievePropertiesEx",
            "ContinueRetrievePropertiesEx",
            "Logout"
        ]
    );
    assert_eq!((listening.fake.logins(), listening.fake.open_sessions()), (1, 0));
}
