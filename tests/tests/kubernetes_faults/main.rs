//! Module Kubernetes against an API server that does one thing wrong: the answer is complete and
//! right, or the endpoint failed with the right kind of error, in words that help. Never is it a
//! part of the nodes. Most cases are asked of a list of nodes that is made here, and once more of
//! one that comes from a real API server.

mod answers;
mod certificates;
mod cluster;
mod pages;
mod waiting;

use std::collections::BTreeSet;
use std::time::Duration;

use gatherer_tests::fault_server::{
    Authority, Identity, Misdeed, NodeServer, NodeServerBuilder, Source, base64, kubeconfig,
};
use gatherer_tests::{Outcome, PluginFolder, Run, inventory_endpoint};
use serde_json::{Value, json};

/// Seconds for faults that only a deadline ends.
const SHORT: u64 = 5;
/// Seconds for faults that end of themselves, on a machine that is busy with all of them.
const LONG: u64 = 45;
/// How much later than its deadline an endpoint may be over.
const GRACE: Duration = Duration::from_secs(10);
/// How often requests may be repeated.
const RETRIES: u32 = 2;
/// On each page, so that seven nodes need four.
const PAGE_SIZE: u32 = 2;

/// The nodes of the canned lists.
const NAMES: [&str; 7] = ["n1", "n2", "n3", "n4", "n5", "n6", "n7"];

/// How a case ends.
#[derive(Debug, Clone)]
enum Expected {
    /// With exactly these nodes.
    Nodes(BTreeSet<String>),
    /// With an error of this kind, whose message or hint says this.
    Error(&'static str, String),
}

/// An endpoint and how it ends.
#[derive(Debug)]
struct Case {
    name: String,
    endpoint: Value,
    expected: Expected,
}

/// The cases, and the servers that have to stay up meanwhile.
struct Table {
    source: Source,
    names: BTreeSet<String>,
    token: String,
    authority: Authority,
    identity: Identity,
    cases: Vec<Case>,
    servers: Vec<NodeServer>,
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

    /// All nodes.
    fn whole(&self) -> Expected {
        Expected::Nodes(self.names.clone())
    }

    /// An endpoint of a kubeconfig for this URL.
    fn add_url(&mut self, name: &str, url: &str, timeout: u64, expected: Expected) {
        let authority = base64(self.authority.pem());
        let cluster = json!({ "certificate-authority-data": authority });
        let document = kubeconfig(url, &cluster, &json!({ "token": self.token }));
        let endpoint = json!({
            "id": name, "module": "Kubernetes", "kubeconfig": document.to_string(),
            "timeout": timeout, "retries": RETRIES, "page_size": PAGE_SIZE,
        });
        assert!(self.cases.iter().all(|case| case.name != name), "{name} stands here twice");
        self.cases.push(Case { name: name.to_owned(), endpoint, expected });
    }

    /// An endpoint of a server that behaves like this, with the table's good certificate.
    fn add(&mut self, name: &str, server: NodeServerBuilder, timeout: u64, expected: Expected) {
        let server = server.https(&self.identity);
        self.add_url(name, &server.url(""), timeout, expected);
        self.servers.push(server);
    }

    /// A server whose misdeed is got over.
    fn works(&mut self, name: &str, page: usize, times: usize, misdeed: Misdeed) {
        let server = NodeServer::of(&self.source).wrong(page, times, misdeed);
        self.add(name, server, LONG, self.whole());
    }

    /// A server that does it each time it is asked for that page; 0 is each page.
    fn fails(&mut self, name: &str, page: usize, misdeed: Misdeed, kind: &'static str, text: &str) {
        let server = NodeServer::of(&self.source).wrong(page, usize::MAX, misdeed);
        self.add(name, server, LONG, Expected::Error(kind, text.to_owned()));
    }

    /// The same, which only the deadline ends.
    fn times_out(&mut self, name: &str, page: usize, misdeed: Misdeed, text: &str) {
        let server = NodeServer::of(&self.source).wrong(page, usize::MAX, misdeed);
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

    /// Gathers all of them as an inventory alone.
    fn check(&self) {
        let plugins = PluginFolder::with(&["kubernetes"]);
        let wrong = self.check_inventory(&self.run("inventory", &plugins).finish());
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    }

    fn check_inventory(&self, outcome: &Outcome) -> Vec<String> {
        let inventory = outcome.inventory();
        let check = |case: &Case| {
            let endpoint = inventory_endpoint(&inventory, &case.name);
            println!("{}: {}", case.name, in_words(&endpoint));
            let why = case.wrong(&endpoint)?;
            let shown: String = endpoint.to_string().chars().take(1500).collect();
            Some(format!("{}: {why}: {shown}", case.name))
        };
        self.cases.iter().filter_map(check).collect()
    }

    fn check_gatherer(&self, outcome: &Outcome) -> Vec<String> {
        let document = outcome.document();
        let check = |case: &Case| {
            let endpoint = document.get(&case.name).expect("each endpoint is there");
            let found = endpoint
                .as_ref()
                .map(|hosts| hosts.values().map(|host| host.name.clone()).collect::<BTreeSet<_>>());
            let said = |text: &str| {
                outcome.log.lines().any(|line| line.contains(&case.name) && line.contains(text))
            };
            match (&case.expected, found) {
                (Expected::Nodes(names), Some(found)) if *names == found => None,
                (Expected::Error(_, text), None) if said(text) => None,
                (Expected::Error(_, text), None) => {
                    Some(format!("{}: the log does not say {text:?}", case.name))
                }
                (expected, found) => Some(format!("{}: {found:?} is not {expected:?}", case.name)),
            }
        };
        self.cases.iter().filter_map(check).collect()
    }
}

impl Case {
    /// What is wrong with how the endpoint went.
    fn wrong(&self, endpoint: &Value) -> Option<String> {
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
                let whole = endpoint["status"] == "complete" && found == *names;
                (!whole || hosts.len() != names.len()).then(|| format!("is not {names:?}"))
            }
            Expected::Error(kind, _) if error["kind"] != *kind => {
                Some(format!("is not a {kind} error"))
            }
            Expected::Error(_, text) => {
                let said = format!(
                    "{} ({})",
                    error["message"].as_str().unwrap_or_default(),
                    error["hint"].as_str().unwrap_or_default()
                );
                (!said.contains(text)).then(|| format!("does not say {text:?}"))
            }
        }
    }
}

/// How an endpoint went, for who runs this to read it.
fn in_words(endpoint: &Value) -> String {
    let error = &endpoint["error"];
    let text = |name: &str| error[name].as_str().unwrap_or_default().to_owned();
    match endpoint["hosts"].as_array().filter(|_| error.is_null()) {
        Some(hosts) => format!("complete, {} hosts", hosts.len()),
        None => format!("{}: {} ({})", text("kind"), text("message"), text("hint")),
    }
}

/// Fills two tables, gathers one in the gatherer's format and one as an inventory, both at the same
/// time, and checks each case in both.
fn check(source: &Source, names: &BTreeSet<String>, token: &str, fill: impl Fn(&mut Table)) {
    let plugins = PluginFolder::with(&["kubernetes"]);
    let mut tables = [(); 2].map(|()| Table::new(source, names, token));
    tables.iter_mut().for_each(&fill);
    let running = tables[0].run("inventory", &plugins);
    let document = tables[1].run("gatherer", &plugins).finish();
    let inventory = running.finish();
    let mut wrong = tables[0].check_inventory(&inventory);
    wrong.extend(tables[1].check_gatherer(&document));
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
}

/// The same with a list that is made here.
fn check_canned(fill: impl Fn(&mut Table)) {
    let names = NAMES.map(str::to_owned).into();
    check(&Source::canned(&NAMES), &names, "a-token", fill);
}
