//! Tests of module Kubernetes against an API server with one fault. Either the endpoint has all nodes,
//! or it fails with the right kind of error and a helpful message; it never has a part of the nodes.
//! Most cases run against a canned list of nodes, and again in front of a real API server.

mod connection_failures;
mod invalid_pages;
mod pages;
mod real_cluster;
mod waiting;

use std::collections::BTreeSet;
use std::time::Duration;

use gatherer_plugin_support::testing::{Authority, Identity, ScriptedServer};
use gatherer_tests::scripted_cluster::{AnswerFault, NodeServer, Source, base64, kubeconfig};
use gatherer_tests::{Outcome, PluginFolder, Run, inventory_endpoint};
use serde_json::{Value, json};

/// The timeout, in seconds, for faults that last until the deadline.
const SHORT: u64 = 5;
/// The timeout, in seconds, for all other faults. All cases run at once, so the machine is busy.
const LONG: u64 = 45;
/// How much longer than its timeout an endpoint may take.
const GRACE: Duration = Duration::from_secs(10);
/// The endpoints' option `retries`.
const RETRIES: u32 = 2;
/// The endpoints' `page_size`: seven nodes need four pages.
const PAGE_SIZE: u32 = 2;

/// The nodes of the canned lists.
const NAMES: [&str; 7] = ["n1", "n2", "n3", "n4", "n5", "n6", "n7"];

/// The expected result of a case.
#[derive(Debug, Clone)]
enum Expected {
    /// Exactly these nodes.
    Nodes(BTreeSet<String>),
    /// An error of this kind, whose message or hint contains this text.
    Error(&'static str, String),
}

/// An endpoint and its expected result.
#[derive(Debug)]
struct Case {
    name: String,
    endpoint: Value,
    expected: Expected,
}

/// The cases, and the servers that must run until all cases are checked.
struct Table {
    source: Source,
    names: BTreeSet<String>,
    token: String,
    authority: Authority,
    identity: Identity,
    cases: Vec<Case>,
    servers: Vec<ScriptedServer>,
}

impl Table {
    fn new(source: &Source, names: &BTreeSet<String>, token: &str) -> Self {
        let authority = Authority::new("The authority of this test");
        let identity = authority.identity(&["127.0.0.1"]);
        Self {
            source: source.clone(),
            names: names.clone(),
            token: token.to_owned(),
            authority,
            identity,
            cases: Vec::new(),
            servers: Vec::new(),
        }
    }

    /// Expects all nodes.
    fn all_nodes(&self) -> Expected {
        Expected::Nodes(self.names.clone())
    }

    /// Adds an endpoint with a kubeconfig for this URL.
    fn add_url(&mut self, name: &str, url: &str, timeout: u64, expected: Expected) {
        let authority = base64(self.authority.pem());
        let cluster = json!({ "certificate-authority-data": authority });
        let document = kubeconfig(url, &cluster, &json!({ "token": self.token }));
        let endpoint = json!({
            "id": name, "module": "Kubernetes", "kubeconfig": document.to_string(),
            "timeout": timeout, "retries": RETRIES, "page_size": PAGE_SIZE,
        });
        assert!(self.cases.iter().all(|case| case.name != name), "duplicate case {name}");
        self.cases.push(Case { name: name.to_owned(), endpoint, expected });
    }

    /// Adds an endpoint for a server with the table's valid certificate.
    fn add(&mut self, name: &str, server: NodeServer, timeout: u64, expected: Expected) {
        let server = server.https(&self.identity);
        self.add_url(name, &server.url(""), timeout, expected);
        self.servers.push(server);
    }

    /// Adds a server with a fault that the module recovers from.
    fn works(&mut self, name: &str, page: usize, times: usize, faults: AnswerFault) {
        let server = NodeServer::of(&self.source).wrong(page, times, faults);
        self.add(name, server, LONG, self.all_nodes());
    }

    /// Adds a server with a fault at each request for that page. Page 0 means every page.
    fn fails(
        &mut self,
        name: &str,
        page: usize,
        faults: AnswerFault,
        kind: &'static str,
        text: &str,
    ) {
        let server = NodeServer::of(&self.source).wrong(page, usize::MAX, faults);
        self.add(name, server, LONG, Expected::Error(kind, text.to_owned()));
    }

    /// Adds a server with a fault that lasts until the deadline.
    fn times_out(&mut self, name: &str, page: usize, faults: AnswerFault, text: &str) {
        let server = NodeServer::of(&self.source).wrong(page, usize::MAX, faults);
        self.add(name, server, SHORT, Expected::Error("timeout", text.to_owned()));
    }

    fn run(&self, format: &str, plugins: &PluginFolder) -> gatherer_tests::Running {
        let endpoints: Vec<&Value> = self.cases.iter().map(|case| &case.endpoint).collect();
        Run::gather(&json!(endpoints))
            .plugins(plugins.path())
            .args(["--format", format, "--jobs", "64"])
            .within(Duration::from_mins(3))
            .start()
    }

    /// Gathers all cases in one run, as an inventory, and checks them.
    fn check(&self) {
        let plugins = PluginFolder::with(&["kubernetes"]);
        let failures = self.check_inventory(&self.run("inventory", &plugins).finish());
        assert!(failures.is_empty(), "{}", failures.join("\n"));
    }

    /// Returns a description of each case whose result is wrong.
    fn check_inventory(&self, outcome: &Outcome) -> Vec<String> {
        let inventory = outcome.inventory();
        let check = |case: &Case| {
            let endpoint = inventory_endpoint(&inventory, &case.name);
            println!("{}: {}", case.name, summary(&endpoint));
            let why = case.failure(&endpoint)?;
            let shown: String = endpoint.to_string().chars().take(1500).collect();
            Some(format!("{}: {why}: {shown}", case.name))
        };
        self.cases.iter().filter_map(check).collect()
    }

    /// The same for a run in the Manager's format, with the messages from the log.
    fn check_gatherer(&self, outcome: &Outcome) -> Vec<String> {
        let document = outcome.document();
        let check = |case: &Case| {
            let endpoint = document.get(&case.name).expect("the document has each endpoint");
            let found = endpoint
                .as_ref()
                .map(|hosts| hosts.values().map(|host| host.name.clone()).collect::<BTreeSet<_>>());
            let is_logged = |text: &str| {
                outcome.log.lines().any(|line| line.contains(&case.name) && line.contains(text))
            };
            match (&case.expected, found) {
                (Expected::Nodes(names), Some(found)) if *names == found => None,
                (Expected::Error(_, text), None) if is_logged(text) => None,
                (Expected::Error(_, text), None) => {
                    Some(format!("{}: the log does not contain {text:?}", case.name))
                }
                (expected, found) => Some(format!("{}: {found:?} is not {expected:?}", case.name)),
            }
        };
        self.cases.iter().filter_map(check).collect()
    }
}

impl Case {
    /// Describes how the endpoint differs from the expected result.
    fn failure(&self, endpoint: &Value) -> Option<String> {
        let took = Duration::from_millis(endpoint["run"]["durationMs"].as_u64().expect("a time"));
        let timeout = Duration::from_secs(self.endpoint["timeout"].as_u64().expect("one"));
        if took > timeout + GRACE {
            return Some(format!("took {took:?}"));
        }
        let hosts = endpoint["hosts"].as_array().expect("a list");
        let found: BTreeSet<String> =
            hosts.iter().filter_map(|host| Some(host["name"].as_str()?.to_owned())).collect();
        let error = &endpoint["error"];
        match &self.expected {
            Expected::Nodes(names) => {
                let is_complete = endpoint["status"] == "complete" && found == *names;
                (!is_complete || hosts.len() != names.len()).then(|| format!("is not {names:?}"))
            }
            Expected::Error(kind, _) if error["kind"] != *kind => {
                Some(format!("is not a {kind} error"))
            }
            Expected::Error(_, text) => {
                let message = format!(
                    "{} ({})",
                    error["message"].as_str().unwrap_or_default(),
                    error["hint"].as_str().unwrap_or_default()
                );
                (!message.contains(text)).then(|| format!("does not contain {text:?}"))
            }
        }
    }
}

/// A summary of an endpoint's result, for the test's output.
fn summary(endpoint: &Value) -> String {
    let error = &endpoint["error"];
    let text = |name: &str| error[name].as_str().unwrap_or_default().to_owned();
    match endpoint["hosts"].as_array().filter(|_| error.is_null()) {
        Some(hosts) => format!("complete, {} hosts", hosts.len()),
        None => format!("{}: {} ({})", text("kind"), text("message"), text("hint")),
    }
}

/// Fills two tables, gathers one in the Manager's format and one as an inventory at the same time, and
/// checks each case in both.
fn check(source: &Source, names: &BTreeSet<String>, token: &str, fill: impl Fn(&mut Table)) {
    let plugins = PluginFolder::with(&["kubernetes"]);
    let mut tables = [(); 2].map(|()| Table::new(source, names, token));
    tables.iter_mut().for_each(&fill);
    let running = tables[0].run("inventory", &plugins);
    let document = tables[1].run("gatherer", &plugins).finish();
    let inventory = running.finish();
    let mut failures = tables[0].check_inventory(&inventory);
    failures.extend(tables[1].check_gatherer(&document));
    assert!(failures.is_empty(), "{} failures:\n{}", failures.len(), failures.join("\n"));
}

/// The same with a canned list of nodes.
fn check_canned(fill: impl Fn(&mut Table)) {
    let names = NAMES.map(str::to_owned).into();
    check(&Source::canned(&NAMES), &names, "a-token", fill);
}
