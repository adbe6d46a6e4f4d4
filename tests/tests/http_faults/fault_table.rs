//! A table of endpoints for module File, each with a faulty server and the expected result.

use std::time::Duration;

use gatherer_plugin_support::testing::{Action, ScriptedServer, answers};
use gatherer_tests::{Outcome, Run, inventory_endpoint};
use serde_json::{Value, json};

use crate::CANARY;

/// The timeout in seconds for faults that only a deadline ends.
pub const SHORT: u64 = 4;
/// The timeout in seconds for faults that end without a deadline, on a machine that is busy.
pub const LONG: u64 = 45;
/// How much later than its deadline an endpoint may finish.
const GRACE: Duration = Duration::from_secs(10);

/// An endpoint with its fault and the expected result.
struct Case {
    name: &'static str,
    url: String,
    timeout: u64,
    options: Value,
    /// The kind of the error, and a value that its message or hint mentions. `None`: no error.
    expected: Option<(&'static str, &'static str)>,
}

/// The cases, and their servers, which must run until the cases are checked.
#[derive(Default)]
pub struct Table {
    cases: Vec<Case>,
    servers: Vec<ScriptedServer>,
    options: Value,
}

impl Table {
    pub fn with_options(options: Value) -> Self {
        Self { options, ..Self::default() }
    }

    pub fn add(
        &mut self,
        name: &'static str,
        server: ScriptedServer,
        timeout: u64,
        expected: Option<(&'static str, &'static str)>,
    ) {
        let url = server.url("/a");
        self.servers.push(server);
        self.add_url(name, &url, timeout, expected);
    }

    pub fn add_url(
        &mut self,
        name: &'static str,
        url: &str,
        timeout: u64,
        expected: Option<(&'static str, &'static str)>,
    ) {
        let url = url.replace("://", &format!("://user:{CANARY}@")) + "?token=" + CANARY;
        self.cases.push(Case { name, url, timeout, options: self.options.clone(), expected });
    }

    /// Adds a case that fails with this kind of error. `mentions` is a value in its message or hint.
    pub fn fails(
        &mut self,
        name: &'static str,
        action: Action,
        kind: &'static str,
        mentions: &'static str,
    ) {
        self.add(name, server(action), LONG, Some((kind, mentions)));
    }

    pub fn times_out(&mut self, name: &'static str, action: Action, mentions: &'static str) {
        self.add(name, server(action), SHORT, Some(("timeout", mentions)));
    }

    pub fn works(&mut self, name: &'static str, action: Action) {
        self.add(name, server(action), LONG, None);
    }

    /// Gathers all endpoints in one run, and checks the result of each.
    pub fn check(&self) -> Outcome {
        let endpoints: Vec<Value> = self
            .cases
            .iter()
            .map(|case| {
                let mut endpoint = json!({
                    "id": case.name, "module": "File", "url": case.url,
                    "timeout": case.timeout, "retries": 1,
                });
                let members = endpoint.as_object_mut().expect("an object");
                members.extend(case.options.as_object().cloned().unwrap_or_default());
                endpoint
            })
            .collect();
        let outcome = Run::gather(&Value::from(endpoints))
            .args(["--format", "inventory", "--jobs", "64", "-vv"])
            .within(Duration::from_mins(3))
            .run();
        let inventory = outcome.inventory();
        let wrong: Vec<String> = self
            .cases
            .iter()
            .filter_map(|case| {
                let endpoint = inventory_endpoint(&inventory, case.name);
                let why = case.wrong(&endpoint)?;
                Some(format!("{}: {why}: {endpoint}", case.name))
            })
            .collect();
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
        assert!(!outcome.messages().contains(CANARY), "{}", outcome.describe());
        assert!(!outcome.stdout_text().contains(CANARY), "{}", outcome.describe());
        outcome
    }
}

impl Case {
    /// How the result differs from the expected one.
    fn wrong(&self, endpoint: &Value) -> Option<String> {
        let took = Duration::from_millis(endpoint["run"]["durationMs"].as_u64()?);
        if took > Duration::from_secs(self.timeout) + GRACE {
            return Some(format!("took {took:?}"));
        }
        let error = &endpoint["error"];
        let Some((kind, mentions)) = self.expected else {
            let whole = endpoint["status"] == "complete" && endpoint["hosts"][0]["name"] == "h1";
            return (!whole).then(|| "is not complete".to_owned());
        };
        if error["kind"] != kind || endpoint["status"] != "failed" {
            return Some(format!("is not a {kind} error"));
        }
        let text = format!(
            "{} ({})",
            error["message"].as_str().unwrap_or_default(),
            error["hint"].as_str().unwrap_or_default()
        );
        (!text.contains(mentions)).then(|| format!("does not mention {mentions:?}"))
    }
}

pub fn server(action: Action) -> ScriptedServer {
    ScriptedServer::http(answers([action]))
}
