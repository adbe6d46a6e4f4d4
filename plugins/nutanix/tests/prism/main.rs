//! The whole module against a fake Prism: complete answers, faults between pages, and answers that are silently shorter
//! than the truth.

mod choosing;
mod complete;
mod hostile;
mod lists;
mod page_faults;
mod recorded;

use std::sync::Arc;

use gatherer_plugin_api::model::{Guest, Host};
use gatherer_plugin_api::testing::{Gathered, LogLine, Recorder};
use gatherer_plugin_api::{GatherError, Options};
use gatherer_plugin_nutanix::NutanixAhv;
use gatherer_plugin_support::testing::{Action, ReceivedRequest, TlsServer};
use gatherer_tests::fakes::nutanix::NutanixFake;
use serde_json::{Value, json};

/// The user of the fakes.
pub const USERNAME: &str = "inventory";
/// The password of that user.
pub const PASSWORD: &str = "pa55-of-prism";

/// The parameters as the program passes them.
pub fn parameters(port: u16, password: &str, api: &str) -> Value {
    json!({
        "hostname": "127.0.0.1", "port": port, "username": USERNAME, "password": password, "api": api,
    })
}

/// A gathering from a server, and what the server and the recorder saw of it.
pub struct Gathering {
    /// What the module gathered, or how it failed.
    pub result: Result<Gathered, GatherError>,
    /// The requests, in their order.
    pub requests: Vec<ReceivedRequest>,
    /// The log lines.
    pub log: Vec<LogLine>,
}

impl Gathering {
    /// The hosts of a complete answer.
    pub fn hosts(&self) -> &[Host] {
        &self.result.as_ref().expect("a complete answer").hosts
    }

    /// The guests of a complete answer.
    pub fn guests(&self) -> Vec<&Guest> {
        self.hosts().iter().flat_map(|host| &host.guests).collect()
    }

    /// The error of a failure.
    pub fn error(&self) -> &GatherError {
        self.result.as_ref().expect_err("a failure")
    }

    /// How many requests had this path.
    pub fn count(&self, path: &str) -> usize {
        self.requests.iter().filter(|request| request.path() == path).count()
    }
}

/// Gathers over TLS from a server with this script, without retries.
pub fn gather_from(
    api: &str,
    script: impl Fn(&ReceivedRequest) -> Action + Send + Sync + 'static,
) -> Gathering {
    let server = TlsServer::start(script);
    let options = Options {
        ca_file: Some(server.ca_file().display().to_string()),
        retries: Some(0),
        ..Options::default()
    };
    let recorder = Recorder::new().options(options);
    let parameters = parameters(server.port(), PASSWORD, api);
    let result = recorder.gather::<NutanixAhv>(parameters);
    Gathering { result, requests: server.received(), log: recorder.log_lines() }
}

/// Gathers from a fake.
pub fn gather(api: &str, fake: NutanixFake) -> Gathering {
    let fake = Arc::new(fake);
    gather_from(api, move |request| fake.answer(request))
}
