//! The testing kit: runs a module without the program, and records what it sends.
//!
//! A plugin enables the feature `testing` of this crate for its tests only:
//!
//! ```toml
//! [dev-dependencies]
//! gatherer-plugin-api = { version = "1", features = ["testing"] }
//! ```
//!
//! # Testing a module
//!
//! [`Recorder::gather`] runs a whole module. It deserializes the parameters as `export_gatherer!` does,
//! encodes and parses each record as JSON, and checks the rules that the runner checks: the module ended
//! each collection once and sent nothing for it afterwards, it sent a guest only for a host that it sent,
//! it stopped when it was cancelled or its deadline passed, no clone of its [`Context`] outlived it. If a rule is broken, the result is the error
//! with which the runner would fail the endpoint. Unlike the runner, it redacts no secrets, and has no
//! limits on memory, the number of records, and secrets.
//!
//! ```
//! use gatherer_plugin_api::model::{Guest, Host};
//! use gatherer_plugin_api::testing::Recorder;
//! use gatherer_plugin_api::{Context, ErrorKind, GatherError, Gatherer};
//! use serde::Deserialize;
//! use serde_json::json;
//!
//! #[derive(Deserialize)]
//! struct Parameters {
//!     hostname: String,
//! }
//!
//! /// The module to be tested.
//! struct Fixed;
//!
//! impl Gatherer for Fixed {
//!     type Parameters = Parameters;
//!
//!     fn gather(parameters: Parameters, context: &Context) -> Result<(), GatherError> {
//!         let host = context.host(Host::new("4c4c4544", parameters.hostname))?;
//!         context.guest(&host, Guest::new("6695eb01", "web"))?;
//!         context.warning("web", "the guest has no network")
//!     }
//! }
//!
//! // A test asserts what the module gathered: hosts with their guests, collections, warnings.
//! let gathered = Recorder::new().gather::<Fixed>(json!({"hostname": "kvm1"})).expect("an answer");
//! assert_eq!(gathered.hosts[0].name, "kvm1");
//! assert_eq!(gathered.hosts[0].guests[0].name, "web");
//! assert_eq!(gathered.warnings[0].object, "web");
//!
//! // Or how it failed: here a parameter is missing.
//! let error = Recorder::new().gather::<Fixed>(json!({})).expect_err("a parameter is missing");
//! assert_eq!(error.kind, ErrorKind::Configuration);
//! assert!(error.message.contains("hostname"), "{error}");
//!
//! // Or that it stops when it is cancelled.
//! let recorder = Recorder::new().cancel_after(1);
//! let error = recorder.gather::<Fixed>(json!({"hostname": "kvm1"})).expect_err("cancelled");
//! assert_eq!(error.kind, ErrorKind::Timeout);
//! ```
//!
//! The parameters are passed as the runner passes them, after it has converted the texts of a request to
//! the manifest's types and added its defaults: a parameter with a default must be given here.
//!
//! # Testing parts of a module
//!
//! [`Recorder::run`] does the same with a function that gets a [`Context`]. [`Recorder::context`] gives only
//! a context, for functions that need one for its options or deadline, such as the HTTP client of the
//! support crate. What the functions sent is in [`Recorder::events`] and the methods after it.
//!
//! ```
//! use gatherer_plugin_api::testing::Recorder;
//! use gatherer_plugin_api::{Context, Options};
//!
//! fn log_in(context: &Context) -> Option<String> {
//!     context.options().insecure.then(|| {
//!         context.secret("session-7");
//!         "session-7".to_owned()
//!     })
//! }
//!
//! let recorder = Recorder::new().options(Options { insecure: true, ..Options::default() });
//! assert_eq!(log_in(&recorder.context()).as_deref(), Some("session-7"));
//! assert_eq!(recorder.secrets(), ["session-7"]);
//! ```
//!
//! # Log lines, and what the tests of one process share
//!
//! A recorder records the lines of `tracing` and `log` that the runner would receive; see
//! [`Recorder::log_lines`]. All recorders of a process share one `tracing` subscriber and one `log`
//! logger, which the first of them installs. A line belongs to the recorder that its thread used last:
//! the thread created it, called one of its methods, or used one of its contexts. So tests that run at the
//! same time in several threads, as with `cargo test`, do not see each other's lines. A line of a thread
//! that never used a recorder, for example one that a library started, is given to every recorder of the
//! process. If that can confuse a test, put it into a file of its own in `tests/`, or use `cargo nextest`,
//! which runs each test in a process of its own.
//!
//! Nothing else is shared. What a recorder has recorded is kept in memory until the process ends.

#[cfg(test)]
mod recorder_tests;
mod recording;

use std::sync::{Mutex, MutexGuard};

use serde_json::Value;

use crate::assembly::Assembly;
pub use crate::assembly::Gathered;
use crate::export::{Operation, run_with};
use crate::model::Warning;
use crate::{
    CANCELLED, CheckLog, CheckStep, Context, ErrorKind, Expiry, GatherError, Gatherer, LogLevel,
    Options, PARAMETERS_STEP, Record, Summary,
};
use recording::{Recording, State};

/// Stands in for the runner in tests: gives modules a [`Context`] and records what they send.
///
/// Create it with [`Recorder::new`], change its settings with the methods that return a `Recorder`, then
/// call [`gather`](Self::gather), [`run`](Self::run) or [`context`](Self::context). The
/// [documentation of the module](self) has examples.
#[derive(Debug)]
pub struct Recorder {
    number: usize,
    state: &'static Mutex<State>,
}

/// Something that a module sent.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Event {
    /// A host, a guest, an item, the end of a collection, a warning, or that the module starts over.
    Record(Record),
    /// A log line.
    Log(LogLine),
    /// What the module is doing, for the progress display.
    Progress(String),
    /// A secret that the module learned.
    Secret(String),
    /// The names of a check's steps.
    CheckPlan(Vec<String>),
    /// A step of a check that has ended.
    CheckStep(CheckStep),
    /// When something of the endpoint expires.
    Expiry(Expiry),
}

/// A log line.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct LogLine {
    /// The level.
    pub level: LogLevel,
    /// The part of the plugin, or of a library, that logged the line: by default the path of its module.
    pub target: String,
    /// The message, followed by the fields as ` name=value`.
    pub message: String,
}

impl std::fmt::Display for LogLine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.target, self.message)
    }
}

impl Default for Recorder {
    fn default() -> Self {
        Self::new()
    }
}

impl Recorder {
    /// A recorder for an endpoint named `endpoint` of a module named `Module`, with the options of an
    /// endpoint that sets none and the log level `info`.
    pub fn new() -> Self {
        let (number, state) = recording::register();
        recording::use_in_this_thread(number);
        Self { number, state }
    }

    /// Sets the endpoint's id.
    #[must_use]
    pub fn endpoint(self, id: impl Into<String>) -> Self {
        self.state().endpoint = id.into();
        self
    }

    /// Sets the name of the module, for messages.
    #[must_use]
    pub fn module(self, name: impl Into<String>) -> Self {
        self.state().module = name.into();
        self
    }

    /// Sets the options: the timeout, proxies, the log level, what the operator allows.
    #[must_use]
    pub fn options(self, options: Options) -> Self {
        self.state().options = options;
        self
    }

    /// Cancels the gathering once the module has sent this number of records: 0 cancels it before it
    /// starts.
    #[must_use]
    pub fn cancel_after(self, records: usize) -> Self {
        self.state().cancel_after = Some(records);
        self
    }

    /// Refuses every record after this number, as if the runner had ended.
    #[must_use]
    pub fn close_after(self, records: usize) -> Self {
        self.state().close_after = Some(records);
        self
    }

    /// Records every log line, not only those that the runner would receive: of the plugin and of all
    /// libraries, at every level, and the fields of spans as lines with the target `span`. For a test
    /// that no credential is logged.
    #[must_use]
    pub fn record_every_log_line(self) -> Self {
        self.state().records_every_log_line = true;
        self
    }

    /// Runs a module with these parameters, a JSON object, and returns the complete result. An error is
    /// the module's, or that of a broken rule. Events of an earlier call are forgotten.
    ///
    /// # Panics
    ///
    /// If the parameters are not an object, or if the module panics.
    pub fn gather<G: Gatherer>(&self, parameters: Value) -> Result<Gathered, GatherError> {
        let Value::Object(parameters) = parameters else {
            panic!("the parameters must be a JSON object: {parameters}")
        };
        self.run(|context| run_with::<G>(Operation::Gather, parameters, context))
    }

    /// Checks an endpoint with these parameters, a JSON object, and returns all steps as an operator sees them: first
    /// `parameters`, then those that the module sent, the step that failed because of the module's error, and those that
    /// were not tried. Events of an earlier call are forgotten.
    ///
    /// # Panics
    ///
    /// If the parameters are not an object, or if the module panics.
    pub fn check<G: Gatherer>(&self, parameters: Value) -> Vec<CheckStep> {
        let Value::Object(parameters) = parameters else {
            panic!("the parameters must be a JSON object: {parameters}")
        };
        self.state().recording = Recording::default();
        let context = self.context();
        let result = run_with::<G>(Operation::Check, parameters, &context)
            .and_then(|()| context.wait_for_clones());
        let mut log = CheckLog::default();
        for event in self.events() {
            match event {
                Event::CheckPlan(plan) => log.plan = plan,
                Event::CheckStep(step) => log.steps.push(step),
                _ => {}
            }
        }
        let plugin = format!("the plugin of the module {}", context.module());
        log.finish(CheckStep::ok(PARAMETERS_STEP, ""), result, &plugin)
    }

    /// Runs a function as if it were a module, and returns the complete result as [`gather`](Self::gather)
    /// does.
    pub fn run(
        &self,
        module: impl FnOnce(&Context) -> Result<(), GatherError>,
    ) -> Result<Gathered, GatherError> {
        self.state().recording = Recording::default();
        let context = self.context();
        let result = module(&context).and_then(|()| context.wait_for_clones());
        self.evaluate(result, &context.summary())
    }

    /// A context whose records, calls and log lines this recorder records, also after the recorder was
    /// dropped. The endpoint's timeout begins now; when it has passed, the gathering is cancelled.
    pub fn context(&self) -> Context {
        let mut state = self.state();
        let (endpoint, module) = (state.endpoint.clone(), state.module.clone());
        let callbacks = recording::callbacks(self.number);
        let context = Context::new(callbacks, endpoint, module, state.options.clone());
        state.deadline = context.deadline();
        context
    }

    /// Cancels the gathering now.
    pub fn cancel(&self) {
        self.state().cancel_after = Some(0);
    }

    /// What was sent, in the order in which it arrived. Refused records are not included; hosts, guests
    /// and items that were withdrawn later are.
    pub fn events(&self) -> Vec<Event> {
        self.state().recording.events.clone()
    }

    /// The records among the events.
    pub fn records(&self) -> Vec<Record> {
        self.select(|event| match event {
            Event::Record(record) => Some(record.clone()),
            _ => None,
        })
    }

    /// The warnings among the events.
    pub fn warnings(&self) -> Vec<Warning> {
        self.select(|event| match event {
            Event::Record(Record::Warning { object, message }) => {
                Some(Warning { object: object.clone(), message: message.clone() })
            }
            _ => None,
        })
    }

    /// The log lines among the events: those that the runner would receive, which are the lines of crates
    /// whose names begin with `gatherer` up to `Options::log_level`, and the lines of other crates up to
    /// that level and at most `info`. See [the module](self#log-lines-and-what-the-tests-of-one-process-share)
    /// for tests that run at the same time.
    pub fn log_lines(&self) -> Vec<LogLine> {
        self.select(|event| match event {
            Event::Log(line) => Some(line.clone()),
            _ => None,
        })
    }

    /// The messages for the progress display among the events.
    pub fn progress(&self) -> Vec<String> {
        self.select(|event| match event {
            Event::Progress(message) => Some(message.clone()),
            _ => None,
        })
    }

    /// The secrets that the module learned, among the events.
    pub fn secrets(&self) -> Vec<String> {
        self.select(|event| match event {
            Event::Secret(text) => Some(text.clone()),
            _ => None,
        })
    }

    /// When certificates, tokens and passwords expire, among the events.
    pub fn expiries(&self) -> Vec<Expiry> {
        self.select(|event| match event {
            Event::Expiry(expiry) => Some(expiry.clone()),
            _ => None,
        })
    }

    fn select<T>(&self, select: impl Fn(&Event) -> Option<T>) -> Vec<T> {
        self.state().recording.events.iter().filter_map(select).collect()
    }

    /// What the runner makes of a gathering that ended.
    fn evaluate(
        &self,
        result: Result<(), GatherError>,
        summary: &Summary,
    ) -> Result<Gathered, GatherError> {
        let mut assembly = Assembly::default();
        self.records().into_iter().try_for_each(|record| assembly.add(record))?;
        result?;
        let state = self.state();
        if let Some(error) = state.recording.refusal.clone() {
            return Err(error);
        }
        if state.recording.cancellation_seen {
            return Err(GatherError::new(ErrorKind::Timeout, CANCELLED));
        }
        drop(state);
        assembly.finish(summary)
    }

    fn state(&self) -> MutexGuard<'static, State> {
        recording::use_in_this_thread(self.number);
        recording::lock(self.state)
    }
}
