//! What an operator reads after a failure at night: for each failure what the Manager gets, the line in the log, and
//! the line in the table. Each must be enough to act on, which the reviewer of the snapshots decides.

mod cluster;
mod hypervisor;
mod local;
mod web;

use gatherer_tests::{Outcome, Run, assert_message};
use serde_json::Value;

/// The id of the endpoint in every case.
const ID: &str = "night";

/// The table of the failures.
#[derive(Default)]
struct Failures {
    rows: String,
}

impl Failures {
    /// Runs a case twice, for the Manager and for an operator, and adds its row. `run` prepares the run. The message must
    /// contain these texts.
    #[track_caller]
    fn add(&mut self, case: &str, run: impl Fn() -> Run, texts: &[&str]) {
        let manager = run().run();
        let table = run().args(["--format", "table"]).run();
        let gets = match manager.document().get(ID) {
            None => "no key".to_owned(),
            Some(None) => "null".to_owned(),
            Some(Some(hosts)) => format!("{} hosts", hosts.len()),
        };
        let log = lines(&manager);
        let shown = table.expect_code(0);
        // Without the list of hosts and its head.
        let is_host = |line: &str| ["node-", "NAME "].iter().any(|start| line.starts_with(start));
        let shown = shown.stdout_text().lines().filter(|line| !is_host(line.trim()));
        let words: Vec<_> = shown.flat_map(str::split_whitespace).collect();
        let shown = without_durations(&words.join(" "));
        for text in texts {
            assert!(log.contains(text), "{case}: {text:?} is missing in the log: {log}");
            assert!(shown.contains(text), "{case}: {text:?} is missing in the table: {shown}");
        }
        let row = format!("{case}\n  Manager: {gets}\n  log:     {log}\n  table:   {shown}\n");
        self.rows.push_str(&row);
    }

    /// Compares the table with its snapshot, without what differs from run to run.
    #[track_caller]
    fn check(self, name: &str) {
        let mut text = self.rows;
        for (pattern, replacement) in [
            (r"to port \d+", "to port [port]"),
            (r"(Temporary failure in name resolution|Name or service not known)", "[unknown name]"),
            (r"belongs to user \d+", "belongs to user [user]"),
        ] {
            let pattern = regex::Regex::new(pattern).expect("a valid pattern");
            text = pattern.replace_all(&text, replacement).into_owned();
        }
        assert_message!(name, text);
    }
}

/// Replaces numbers of seconds.
fn without_durations(text: &str) -> String {
    let pattern = regex::Regex::new(r"\d+(\.\d+)? s\b").expect("a valid pattern");
    pattern.replace_all(text, "[number] s").into_owned()
}

/// The errors and warnings about the endpoint in the log, without their times.
fn lines(outcome: &Outcome) -> String {
    let is_problem = |line: &&str| {
        line.contains(&format!("[{ID}]")) && (line.contains("ERROR") || line.contains("WARNING"))
    };
    let lines = outcome.log.lines().filter(is_problem).map(|line| {
        let start = line.find("ERROR").or_else(|| line.find("WARNING")).unwrap_or(0);
        line[start..].to_owned()
    });
    let lines: Vec<_> = lines.collect();
    assert!(!lines.is_empty(), "{}", outcome.describe());
    without_durations(&lines.join("\n           "))
}

/// The endpoint of a case, with these members.
fn endpoint(module: &str, members: Value) -> Value {
    let mut endpoint = members;
    endpoint["id"] = ID.into();
    endpoint["module"] = module.into();
    endpoint
}
