//! The outcome of one run of the program: its exit status, output and log, and the parsed result.

use std::fmt;
use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;
use std::process::ExitStatus;
use std::time::Duration;

use serde_json::Value;

use crate::document::{self, Document};
use crate::run::Run;

/// The exit status, the output and the log of a run.
#[derive(Debug)]
pub struct Outcome {
    /// The exit status of the process.
    pub status: ExitStatus,
    /// Everything that was written to stdout.
    pub stdout: Vec<u8>,
    /// Everything that was written to stderr.
    pub stderr: String,
    /// The content of the log file.
    pub log: String,
    /// The time from the start to the end of the process.
    pub took: Duration,
    pub(crate) run: Run,
}

impl Outcome {
    /// The exit status as a shell shows it: 128 plus the signal, if a signal ended the program.
    pub fn code(&self) -> i32 {
        self.status.code().or_else(|| Some(128 + self.status.signal()?)).unwrap_or(-1)
    }

    /// Panics with all output of the program unless it exited with this code.
    #[track_caller]
    #[expect(
        clippy::return_self_not_must_use,
        reason = "the caller may use it as an assertion only"
    )]
    pub fn expect_code(self, code: i32) -> Self {
        assert_eq!(self.code(), code, "exit status; {}", self.describe());
        self
    }

    /// stdout as text.
    pub fn stdout_text(&self) -> &str {
        std::str::from_utf8(&self.stdout).expect("stdout is text")
    }

    /// Parses the result in the gatherer format, see [`document::gatherer_document`].
    #[track_caller]
    pub fn document(&self) -> Document {
        assert_eq!(self.code(), 0, "exit status; {}", self.describe());
        document::gatherer_document(&self.stdout)
    }

    /// Parses the result in the inventory format, see [`document::inventory`].
    #[track_caller]
    pub fn inventory(&self) -> Value {
        assert_eq!(self.code(), 0, "exit status; {}", self.describe());
        document::inventory(&self.stdout)
    }

    /// The endpoint with this id in the result in the inventory format.
    #[track_caller]
    pub fn endpoint(&self, id: &str) -> Value {
        document::inventory_endpoint(&self.inventory(), id)
    }

    /// The error of the endpoint with this id in the result in the inventory format. Panics if the endpoint
    /// is complete.
    #[track_caller]
    pub fn failure(&self, id: &str) -> Failure {
        let endpoint = self.endpoint(id);
        assert_eq!(endpoint["status"], "failed", "{}", self.describe());
        Failure::of(&endpoint["error"])
    }

    /// The ids of all endpoints that failed, each with its [`Failure`], as one text for a snapshot.
    #[track_caller]
    pub fn failures(&self) -> String {
        let inventory = self.inventory();
        let endpoints = inventory["endpoints"].as_array().into_iter().flatten();
        let failed = endpoints.filter(|endpoint| endpoint["status"] == "failed");
        let failures = failed
            .map(|endpoint| format!("[{}]\n{}", endpoint["id"], Failure::of(&endpoint["error"])));
        failures.collect::<Vec<_>>().join("\n")
    }

    /// stderr and the log file together: every message of the run.
    pub fn messages(&self) -> String {
        format!("{}\n{}", self.stderr, self.log)
    }

    /// The run's `HOME`, which is removed when the outcome is dropped.
    pub fn home(&self) -> &Path {
        self.run.home()
    }

    /// Arguments, exit status, output and log as one text, for the message of a failed assertion.
    pub fn describe(&self) -> String {
        let short = |text: &str| text.chars().take(4000).collect::<String>();
        format!(
            "args {:?}\nstatus {}\nstdout:\n{}\nstderr:\n{}\nlog:\n{}",
            self.run.arguments(),
            self.status,
            short(&String::from_utf8_lossy(&self.stdout)),
            short(&self.stderr),
            short(&self.log)
        )
    }
}

/// The error of a failed endpoint or collection. As a text it is one line of kind and message, and one of
/// the hint if there is one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// The kind of error, one of a closed list.
    pub kind: String,
    /// What failed.
    pub message: String,
    /// What to do about it.
    pub hint: Option<String>,
}

impl Failure {
    /// Reads the member `error` of an endpoint or a collection.
    #[track_caller]
    pub fn of(error: &Value) -> Self {
        let text = |member: &str| error[member].as_str().map(str::to_owned);
        let required = |member: &str| {
            text(member).unwrap_or_else(|| panic!("an error without a {member}: {error:#}"))
        };
        Self { kind: required("kind"), message: required("message"), hint: text("hint") }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.kind, self.message)?;
        self.hint.iter().try_for_each(|hint| write!(f, "\nhint: {hint}"))
    }
}
