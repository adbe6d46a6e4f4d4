//! A fake of OpenStack: keystone v3 and nova with its microversions, over one inventory.
//!
//! It answers with the members of recorded answers, and refuses what the services refuse. The filters and sorting of
//! lists are refused with 501, so that no test relies on a guess.

mod fault;
mod hypervisors;
mod inventory;
mod keystone;
mod microversion;
mod nova;
mod sample;
mod servers;

use std::collections::HashSet;
use std::sync::{Mutex, MutexGuard};

use gatherer_plugin_support::testing::{Action, ReceivedRequest};
use serde_json::{Value, json};

pub use fault::OpenstackFault;
pub use inventory::{
    OpenstackDomain, OpenstackFlavor, OpenstackHypervisor, OpenstackInventory, OpenstackPlace,
    OpenstackPolicy, OpenstackPort, OpenstackProject, OpenstackServer, OpenstackUser,
};
use keystone::Token;

/// A fake OpenStack. `answer` is the script of a `TlsServer`.
///
/// The catalogue has two regions, each with three interfaces, which differ in the path of nova:
///
/// | | public | internal | admin |
/// | --- | --- | --- | --- |
/// | RegionOne | `/compute/v2.1` | `/internal/compute/v2.1` | `/admin/compute/v2.1` |
/// | RegionTwo | `/two/compute/v2.1` | `/two/internal/compute/v2.1` | `/two/admin/compute/v2.1` |
#[derive(Debug)]
pub struct OpenstackFake {
    /// What it has in RegionOne, and the users and projects of all regions.
    pub inventory: OpenstackInventory,
    /// What it has in RegionTwo. Without it there is only RegionOne.
    pub second_region: Option<OpenstackInventory>,
    /// The path of keystone before `/v3`.
    pub identity_path: String,
    /// Whether the catalogue's addresses of nova end with the project's id, as in older clouds.
    pub project_in_url: bool,
    /// nova's option `max_limit`: the largest page.
    pub page_size: usize,
    /// The lowest microversion is 2 point this number.
    pub min_minor: u32,
    /// The highest microversion is 2 point this number.
    pub max_minor: u32,
    /// The cells whose database cannot be reached.
    pub down_cells: Vec<String>,
    /// How long a token is valid, in seconds from now.
    pub token_seconds: i64,
    /// For how many requests to nova a token is valid, if there is a limit.
    pub token_requests: Option<usize>,
    faults: Vec<OpenstackFault>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// How many tokens were issued.
    logins: usize,
    tokens: Vec<Token>,
    /// The faults that happen once, and did.
    happened: HashSet<String>,
    /// The server that was deleted.
    deleted: Option<String>,
}

impl OpenstackFake {
    /// A cloud of the release Zed with pages of 1000.
    pub fn new(inventory: OpenstackInventory) -> Self {
        Self {
            inventory,
            second_region: None,
            identity_path: String::new(),
            project_in_url: false,
            page_size: 1000,
            min_minor: 1,
            max_minor: 93,
            down_cells: Vec::new(),
            token_seconds: 3600,
            token_requests: None,
            faults: Vec::new(),
            state: Mutex::default(),
        }
    }

    /// Adds a fault.
    #[must_use]
    pub fn with(mut self, fault: OpenstackFault) -> Self {
        self.faults.push(fault);
        self
    }

    /// How many tokens were issued.
    pub fn logins(&self) -> usize {
        self.state().logins
    }

    /// How many tokens were issued and not revoked.
    pub fn open_tokens(&self) -> usize {
        self.state().tokens.len()
    }

    /// Answers a request of a client.
    pub fn answer(&self, request: &ReceivedRequest) -> Action {
        let path = request.path();
        for (prefix, region) in self.regions() {
            if let Some(rest) = below(path, &format!("{prefix}/compute")) {
                return nova::answer(self, request, &format!("{prefix}/compute"), rest, region);
            }
        }
        match below(path, &self.identity_path) {
            Some(rest) => keystone::answer(self, request, rest),
            None => Action::answer(404, "<html><body>404 Not Found</body></html>")
                .header("content-type", "text/html"),
        }
    }

    /// The path of each interface of each region, with the region's objects.
    fn regions(&self) -> Vec<(String, &OpenstackInventory)> {
        let mut all = Vec::new();
        for (region, inventory) in
            [("", Some(&self.inventory)), ("/two", self.second_region.as_ref())]
        {
            let Some(inventory) = inventory else { continue };
            for interface in ["", "/internal", "/admin"] {
                all.push((format!("{region}{interface}"), inventory));
            }
        }
        all
    }

    /// The scheme and the host of links.
    fn origin(&self, request: &ReceivedRequest, internal: &str) -> String {
        if self.has(OpenstackFault::InternalLinks) {
            return format!("http://{internal}");
        }
        format!("https://{}", request.header("host").unwrap_or("localhost"))
    }

    fn has(&self, fault: OpenstackFault) -> bool {
        self.faults.contains(&fault)
    }

    /// Whether a fault that happens once happens now, for this kind of request.
    fn happens_once(&self, fault: OpenstackFault, what: &str) -> bool {
        self.has(fault) && self.state().happened.insert(format!("{fault:?} {what}"))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no test panics while it holds the lock")
    }
}

/// The path below a prefix, without slashes at both ends.
fn below<'a>(path: &'a str, prefix: &str) -> Option<&'a str> {
    let rest = path.strip_prefix(prefix)?;
    (rest.is_empty() || rest.starts_with('/')).then(|| rest.trim_matches('/'))
}

/// An error of nova, which names its kind.
fn nova_error(status: u16, kind: &str, message: &str) -> Action {
    Action::json(status, &json!({ kind: {"code": status, "message": message} }))
}

/// An error of nova about the request.
fn bad_request(message: &str) -> Action {
    nova_error(400, "badRequest", message)
}

/// An error of keystone, and of its middleware in nova.
fn keystone_error(status: u16, title: &str, message: &str) -> Action {
    let error = json!({"code": status, "message": message, "title": title});
    Action::json(status, &json!({"error": error}))
}

/// Replaces all whole numbers by texts.
fn integers_to_text(value: &mut Value) {
    match value {
        Value::Number(number) if !number.is_f64() => *value = json!(number.to_string()),
        Value::Array(items) => items.iter_mut().for_each(integers_to_text),
        Value::Object(members) => members.values_mut().for_each(integers_to_text),
        _ => {}
    }
}
