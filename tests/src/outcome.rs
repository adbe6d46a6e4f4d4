//! How one run of the program ended: what it said, read in the formats that it prints.

use std::fmt;
use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;
use std::process::ExitStatus;
use std::time::Duration;

use serde_json::Value;

use crate::document::{self, Document};
use crate::run::Run;

/// How a run ended, and what it left.
#[derive(Debug)]
pub struct Outcome {
    /// How the process ended.
    pub status: ExitStatus,
    /// Everything on stdout.
    pub stdout: Vec<u8>,
    /// Everything on stderr.
    pub stderr: String,
    /// What stands in the log file.
    pub log: String,
    /// From the start to the end.
    pub took: Duration,
    pub(crate) run: Run,
}

impl Outcome {
    /// The exit status as a shell shows it: 128 and the signal, if one ended the program.
    pub fn code(&self) -> i32 {
        self.status.code().or_else(|| Some(128 + self.status.signal()?)).unwrap_or(-1)
    }

    /// Panics with everything that the program said unless it exited with this code.
    #[track_caller]
    #[expect(clippy::return_self_not_must_use, reason = "asserting is a use")]
    pub fn expect_code(self, code: i32) -> Self {
        assert_eq!(self.code(), code, "exit status; {}", self.describe());
        self
    }

    /// stdout as text.
    pub fn stdout_text(&self) -> &str {
        std::str::from_utf8(&self.stdout).expect("stdout is text")
    }

    /// The result in the gatherer format, see [`document::gatherer_document`].
    #[track_caller]
    pub fn document(&self) -> Document {
        assert_eq!(self.code(), 0, "exit status; {}", self.describe());
        document::gatherer_document(&self.stdout)
    }

    /// The result in the inventory format, see [`document::inventory`].
    #[track_caller]
    pub fn inventory(&self) -> Value {
        assert_eq!(self.code(), 0, "exit status; {}", self.describe());
        document::inventory(&self.stdout)
    }

    /// The endpoint of this id in the inventory that was printed.
    #[track_caller]
    pub fn endpoint(&self, id: &str) -> Value {
        document::inventory_endpoint(&self.inventory(), id)
    }

    /// Why the endpoint of this id failed, from the inventory that was printed. Panics if it is complete.
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

    /// The run's `HOME`, which is there as long as the outcome.
    pub fn home(&self) -> &Path {
        self.run.home()
    }

    /// Everything, for a failed assertion.
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
