//! What each recorder of the process has recorded, and the callbacks that record it.

use std::cell::Cell;
use std::sync::{Mutex, MutexGuard, PoisonError, RwLock};
use std::time::Instant;

use abi_stable::std_types::{RErr, ROk, RResult, RStr, RString};

use super::{Event, LogLine};
use crate::abi::{Callbacks, EmitCode};
use crate::logging::{self, is_sent};
use crate::misfit::misfit;
use crate::{ErrorKind, GatherError, LogLevel, Options, RECORD_MAX_BYTES, Record};

/// The state of a recorder: its settings, and what it has recorded.
#[derive(Debug)]
pub struct State {
    pub endpoint: String,
    pub module: String,
    pub options: Options,
    /// The deadline of the last context.
    pub deadline: Option<Instant>,
    pub cancel_after: Option<usize>,
    pub close_after: Option<usize>,
    pub records_every_log_line: bool,
    pub recording: Recording,
}

/// What was recorded since the gathering began.
#[derive(Debug, Default)]
pub struct Recording {
    pub events: Vec<Event>,
    /// Why the answer cannot be complete, whatever the module returns.
    pub refusal: Option<GatherError>,
    /// Whether the module has seen that it is to stop.
    pub cancellation_seen: bool,
    records: usize,
}

/// All recorders of the process, by their numbers. They are never removed, because a context can be used
/// after its recorder was dropped.
static RECORDERS: RwLock<Vec<&'static Mutex<State>>> = RwLock::new(Vec::new());

thread_local! {
    /// The number of the recorder that this thread used last.
    static CURRENT: Cell<Option<usize>> = const { Cell::new(None) };
}

/// Adds a recorder, and starts to record log lines.
pub fn register() -> (usize, &'static Mutex<State>) {
    let state: &'static _ = Box::leak(Box::new(Mutex::new(State {
        endpoint: "endpoint".to_owned(),
        module: "Module".to_owned(),
        options: Options::default(),
        deadline: None,
        cancel_after: None,
        close_after: None,
        records_every_log_line: false,
        recording: Recording::default(),
    })));
    let mut recorders = RECORDERS.write().unwrap_or_else(PoisonError::into_inner);
    let number = recorders.len();
    recorders.push(state);
    drop(recorders);
    // Log lines do not use the number.
    logging::install_for_everything(callbacks(number));
    (number, state)
}

/// Gives the log lines of this thread to this recorder from now on.
pub fn use_in_this_thread(number: usize) {
    CURRENT.set(Some(number));
}

pub fn lock(state: &'static Mutex<State>) -> MutexGuard<'static, State> {
    // A test that panicked leaves a complete state.
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The callbacks of a recorder.
pub fn callbacks(number: usize) -> Callbacks {
    Callbacks { context: number, emit, log, cancelled, call }
}

fn recorders() -> Vec<&'static Mutex<State>> {
    RECORDERS.read().unwrap_or_else(PoisonError::into_inner).clone()
}

/// Locks the state of the recorder with this number, which the current thread uses from now on.
fn state(number: usize) -> MutexGuard<'static, State> {
    use_in_this_thread(number);
    lock(recorders()[number])
}

impl State {
    /// Whether the gathering is cancelled. If so, the module has now seen it.
    fn check_cancelled(&mut self) -> bool {
        let is_cancelled = self.cancel_after.is_some_and(|max| self.recording.records >= max)
            || self.deadline.is_some_and(|deadline| Instant::now() >= deadline);
        self.recording.cancellation_seen |= is_cancelled;
        is_cancelled
    }

    fn receive(&mut self, json: &str) -> EmitCode {
        if self.check_cancelled() {
            return EmitCode::Cancelled;
        }
        if json.len() > RECORD_MAX_BYTES {
            self.recording.refusal = Some(GatherError::protocol(format!(
                "the plugin sent a record of more than {RECORD_MAX_BYTES} bytes"
            )));
            return EmitCode::TooLarge;
        }
        if self.close_after.is_some_and(|records| self.recording.records >= records) {
            self.recording.refusal =
                Some(GatherError::internal("the runner no longer reads records"));
            return EmitCode::Closed;
        }
        self.recording.records += 1;
        match serde_json::from_str::<Record>(json) {
            Ok(record) => self.recording.events.push(Event::Record(record)),
            Err(error) => {
                let misfit = misfit(json, &error, str::to_owned);
                self.recording.refusal = Some(GatherError::protocol(format!(
                    "the plugin sent a record that does not fit the model (record {}: {misfit})",
                    self.recording.records
                )));
            }
        }
        EmitCode::Ok
    }

    fn record_line(&mut self, line: LogLine) {
        if self.records_every_log_line || is_sent(self.options.log_level, line.level, &line.target)
        {
            self.recording.events.push(Event::Log(line));
        }
    }
}

extern "C" fn emit(number: usize, record: RStr<'_>) -> i32 {
    let code = state(number).receive(record.as_str());
    // Gives another thread of the module the chance to send a record here.
    std::thread::yield_now();
    code as i32
}

extern "C" fn cancelled(number: usize) -> u8 {
    u8::from(state(number).check_cancelled())
}

/// Records a log line. The number is that of the recorder which installed the logger.
extern "C" fn log(_: usize, level: u8, target: RStr<'_>, message: RStr<'_>) {
    let line = LogLine {
        level: LogLevel::from_number(level),
        target: target.to_string(),
        message: message.to_string(),
    };
    match CURRENT.get() {
        Some(number) => state(number).record_line(line),
        None => recorders().into_iter().for_each(|state| lock(state).record_line(line.clone())),
    }
}

extern "C" fn call(
    number: usize,
    method: RStr<'_>,
    request: RStr<'_>,
) -> RResult<RString, RString> {
    let member = |name: &str| {
        let mut request: serde_json::Value =
            serde_json::from_str(request.as_str()).unwrap_or_default();
        request[name].take()
    };
    let text = |name: &str| member(name).as_str().unwrap_or_default().to_owned();
    let not_valid = |method: &str| {
        let error = GatherError::protocol(format!("the request of `{method}` is not valid"));
        RErr(serde_json::to_string(&error).unwrap_or_default().into())
    };
    let event = match method.as_str() {
        "progress" => Event::Progress(text("message")),
        "secret" => Event::Secret(text("text")),
        "check-plan" => {
            Event::CheckPlan(serde_json::from_value(member("steps")).unwrap_or_default())
        }
        "check-step" => match serde_json::from_str(request.as_str()) {
            Ok(step) => Event::CheckStep(step),
            Err(_) => return not_valid("check-step"),
        },
        "expiry" => match serde_json::from_str(request.as_str()) {
            Ok(expiry) => Event::Expiry(expiry),
            Err(_) => return not_valid("expiry"),
        },
        other => {
            let error = GatherError::new(ErrorKind::Unsupported, format!("unknown method {other}"));
            return RErr(serde_json::to_string(&error).unwrap_or_default().into());
        }
    };
    state(number).recording.events.push(event);
    ROk("{}".into())
}
