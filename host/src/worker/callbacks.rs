//! The callbacks of the plugin. They write frames, from any thread, and never unwind.

use std::borrow::Cow;
use std::fs::File;
use std::io::{self, Write as _};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, OnceLock};

use abi_stable::std_types::{RResult, RStr, RString};
use gatherer_plugin_api::abi::{Callbacks, EmitCode};
use gatherer_plugin_api::{
    CANCELLED as CANCELLED_MESSAGE, CheckStep, ErrorKind, Expiry, GatherError, LogLevel,
    RECORD_MAX_BYTES, Secret,
};

use crate::request::redact::{Redactor, SECRET_MAX_BYTES, Secrets};
use crate::run::protocol::{FRAME_MAX_BYTES, Frame, RECORD_BEGIN, RECORD_END, STEPS_MAX};

/// The number of bytes of frames that are buffered before they are written.
const BUFFER_BYTES: usize = 32 * 1024;

/// The maximum size of the name of a step, and of what expires, in bytes.
const STEP_NAME_BYTES: usize = 256;

/// The maximum size of the message and of the hint of a step, in bytes.
const STEP_TEXT_BYTES: usize = 16 * 1024;

/// Whether the plugin is to stop.
static CANCELLED: AtomicBool = AtomicBool::new(false);

/// Whether the plugin has seen that it is to stop. After that its answer may be incomplete.
static CANCELLATION_SEEN: AtomicBool = AtomicBool::new(false);

/// Whether a record was refused because of its length.
static RECORD_REFUSED: AtomicBool = AtomicBool::new(false);

static FRAMES: OnceLock<Frames> = OnceLock::new();
static REDACTOR: OnceLock<Redactor> = OnceLock::new();

/// The frame pipe. It gets only complete frames, from one thread at a time.
pub struct Frames {
    pipe: Mutex<FramePipe>,
}

struct FramePipe {
    pipe: File,
    buffer: Vec<u8>,
    closed: bool,
}

/// Sets the pipe for frames, once per process.
pub fn install(pipe: File) -> &'static Frames {
    FRAMES.get_or_init(|| Frames {
        pipe: Mutex::new(FramePipe { pipe, buffer: Vec::new(), closed: false }),
    })
}

/// Sets the secrets that are redacted in texts before they are truncated, once per process.
pub fn set_secrets(secrets: Secrets) {
    REDACTOR.get_or_init(|| Redactor::new(secrets));
}

/// Reports the secrets that were read from files to the runner, and redacts them in this process. To be
/// called once, before the plugin is loaded.
pub fn report_references(secrets: &Secrets) -> Result<(), GatherError> {
    for text in secrets.texts() {
        if let Some(redactor) = REDACTOR.get() {
            redactor.add(text);
        }
        let mut rest = text.as_str();
        while !rest.is_empty() {
            let (piece, after) = rest.split_at(rest.floor_char_boundary(SECRET_MAX_BYTES));
            rest = after;
            let (text, more) = (Secret::new(piece.to_owned()), !rest.is_empty());
            write_at_once(&Frame::Reference { text, more })?;
        }
    }
    write_at_once(&Frame::ReferencesEnd)
}

/// Cancels the gathering: the plugin is to stop. Async-signal-safe.
pub fn cancel() {
    CANCELLED.store(true, Ordering::Relaxed);
}

/// The reason why the plugin's answer cannot be complete, whatever the plugin returns.
pub fn refusal() -> Option<GatherError> {
    if RECORD_REFUSED.load(Ordering::Relaxed) {
        return Some(GatherError::protocol(format!(
            "the plugin sent a record of more than {RECORD_MAX_BYTES} bytes"
        )));
    }
    if CANCELLATION_SEEN.load(Ordering::Relaxed) {
        return Some(GatherError::new(ErrorKind::Timeout, CANCELLED_MESSAGE));
    }
    None
}

/// The callbacks for the plugin.
pub fn table() -> Callbacks {
    Callbacks { context: 0, emit, log, cancelled, call }
}

impl Frames {
    /// Writes the last frame; later ones are refused. Returns false if the runner has closed the pipe.
    pub fn write_last(&self, frame: &Frame<'_>) -> bool {
        let Ok(line) = to_line(frame) else { return false };
        let mut pipe = self.lock();
        let written = pipe.append(&[&line]).and_then(|()| pipe.flush()).is_ok();
        pipe.closed = true;
        written
    }

    /// Writes one line, the concatenation of `line`. With `at_once` it is not buffered.
    fn write(&self, line: &[&[u8]], at_once: bool) -> Result<(), ()> {
        let mut pipe = self.lock();
        if pipe.closed {
            return Err(());
        }
        let mut written = pipe.append(line);
        if at_once && written.is_ok() {
            written = pipe.flush();
        }
        written.map_err(|_| pipe.closed = true)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, FramePipe> {
        // A thread that panicked while it held the lock left complete frames in the buffer.
        self.pipe.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

impl FramePipe {
    fn append(&mut self, line: &[&[u8]]) -> io::Result<()> {
        for part in line {
            self.buffer.extend_from_slice(part);
        }
        if self.buffer.len() >= BUFFER_BYTES { self.flush() } else { Ok(()) }
    }

    fn flush(&mut self) -> io::Result<()> {
        let written = self.pipe.write_all(&self.buffer);
        self.buffer.clear();
        written
    }
}

fn to_line(frame: &Frame<'_>) -> serde_json::Result<Vec<u8>> {
    let mut line = serde_json::to_vec(frame)?;
    line.push(b'\n');
    Ok(line)
}

extern "C" fn emit(_: usize, record: RStr<'_>) -> i32 {
    let code = if cancelled(0) != 0 {
        EmitCode::Cancelled
    } else if record.len() > RECORD_MAX_BYTES {
        RECORD_REFUSED.store(true, Ordering::Relaxed);
        EmitCode::TooLarge
    } else {
        // In JSON a line feed is white space, but here it would end the frame.
        let record = match memchr::memchr(b'\n', record.as_bytes()) {
            None => Cow::from(record.as_str()),
            Some(_) => record.replace('\n', " ").into(),
        };
        let parts = [RECORD_BEGIN, record.as_bytes(), RECORD_END, b"\n"];
        match FRAMES.get().map(|frames| frames.write(&parts, false)) {
            Some(Ok(())) => EmitCode::Ok,
            _ => EmitCode::Closed,
        }
    };
    code as i32
}

extern "C" fn log(_: usize, level: u8, target: RStr<'_>, message: RStr<'_>) {
    let frame = Frame::Log {
        level,
        target: shorten(target.as_str(), 256),
        // Escaping makes a character up to six times as long.
        message: shorten(message.as_str(), FRAME_MAX_BYTES / 8),
    };
    if let (Ok(line), Some(frames)) = (to_line(&frame), FRAMES.get()) {
        // If the pipe is closed the line is lost; the next record returns an error to the plugin.
        let _ = frames.write(&[&line], true);
    }
}

/// Logs a message of the worker itself.
pub fn log_own(level: LogLevel, message: &str) {
    log(0, level as u8, "worker".into(), message.into());
}

extern "C" fn cancelled(_: usize) -> u8 {
    let cancelled = CANCELLED.load(Ordering::Relaxed);
    if cancelled {
        CANCELLATION_SEEN.store(true, Ordering::Relaxed);
    }
    u8::from(cancelled)
}

extern "C" fn call(_: usize, method: RStr<'_>, request: RStr<'_>) -> RResult<RString, RString> {
    let outcome = match method.as_str() {
        "progress" => progress(request.as_str()),
        "secret" => secret(request.as_str()),
        "retries" => retries(request.as_str()),
        "check-plan" => check_plan(request.as_str()),
        "check-step" => check_step(request.as_str()),
        "expiry" => expiry(request.as_str()),
        other => Err(GatherError::new(
            ErrorKind::Unsupported,
            format!("unknown method {}", shorten(other, 64)),
        )),
    };
    match outcome {
        Ok(()) => RResult::ROk("{}".into()),
        Err(error) => RResult::RErr(serde_json::to_string(&error).unwrap_or_default().into()),
    }
}

fn progress(request: &str) -> Result<(), GatherError> {
    let request: serde_json::Value = serde_json::from_str(request)
        .map_err(|_| GatherError::protocol("the request of `progress` is not JSON"))?;
    let message = request.get("message").and_then(|message| message.as_str()).unwrap_or_default();
    write_at_once(&Frame::Progress { message: shorten(message, 4096) })
}

fn retries(request: &str) -> Result<(), GatherError> {
    #[derive(serde::Deserialize)]
    struct RetriesRequest {
        count: u32,
    }
    let RetriesRequest { count } = serde_json::from_str(request).map_err(|_| {
        GatherError::protocol("the request of `retries` must be {\"count\": number}")
    })?;
    write_at_once(&Frame::Retries { count })
}

fn check_plan(request: &str) -> Result<(), GatherError> {
    #[derive(serde::Deserialize)]
    struct PlanRequest {
        steps: Vec<String>,
    }
    let PlanRequest { steps } = serde_json::from_str(request).map_err(|_| {
        GatherError::protocol("the request of `check-plan` must be {\"steps\": [name, ...]}")
    })?;
    if steps.len() > STEPS_MAX {
        return Err(GatherError::protocol(format!("a check has at most {STEPS_MAX} steps")));
    }
    let steps = steps.iter().map(|name| shorten(name, STEP_NAME_BYTES)).collect();
    write_at_once(&Frame::CheckPlan { steps })
}

fn check_step(request: &str) -> Result<(), GatherError> {
    let mut step: CheckStep = serde_json::from_str(request)
        .map_err(|_| GatherError::protocol("the request of `check-step` is not a step"))?;
    step.name = shorten(&step.name, STEP_NAME_BYTES);
    step.message = shorten(&step.message, STEP_TEXT_BYTES);
    step.hint = step.hint.map(|hint| shorten(&hint, STEP_TEXT_BYTES));
    write_at_once(&Frame::CheckStep { step })
}

fn expiry(request: &str) -> Result<(), GatherError> {
    let mut expiry: Expiry = serde_json::from_str(request)
        .map_err(|_| GatherError::protocol("the request of `expiry` must be {\"what\", \"at\"}"))?;
    expiry.what = shorten(&expiry.what, STEP_NAME_BYTES);
    write_at_once(&Frame::Expiry { expiry })
}

/// Reports that no request was retried, because the plugin was not asked for anything.
pub fn report_no_retries() {
    // If the pipe is closed, the last frame is lost too.
    let _ = write_at_once(&Frame::Retries { count: 0 });
}

/// Redacts a secret in this process from now on, and reports it to the runner. If it cannot be redacted,
/// it might be shown later, so the worker fails and exits.
fn secret(request: &str) -> Result<(), GatherError> {
    #[derive(serde::Deserialize)]
    struct SecretRequest {
        text: Secret<String>,
    }
    let learned = serde_json::from_str(request)
        .map_err(|_| GatherError::protocol("the request of `secret` must be {\"text\": text}"))
        .and_then(|SecretRequest { text }| match REDACTOR.get() {
            Some(redactor) => Ok(redactor.learn(text.expose()).map(|()| text)?),
            None => Ok(text),
        });
    match learned {
        Ok(text) => write_at_once(&Frame::Secret { text }),
        Err(error) => {
            if let Some(frames) = FRAMES.get() {
                frames.write_last(&Frame::Failed { error });
            }
            super::isolation::exit(0);
        }
    }
}

fn write_at_once(frame: &Frame<'_>) -> Result<(), GatherError> {
    let line = to_line(frame).map_err(|_| GatherError::internal("the frame is not JSON"))?;
    match FRAMES.get().map(|frames| frames.write(&[&line], true)) {
        Some(Ok(())) => Ok(()),
        _ => Err(GatherError::internal("the runner has closed the frame pipe")),
    }
}

/// Shortens the texts of an error so that it fits into a frame; names in it may have any length.
pub fn shorten_error(mut error: GatherError) -> GatherError {
    // Escaping makes a character up to six times as long, and there are two texts.
    const TEXT_BYTES: usize = FRAME_MAX_BYTES / 16;
    error.message = shorten(&error.message, TEXT_BYTES);
    error.hint = error.hint.map(|hint| shorten(&hint, TEXT_BYTES));
    error
}

/// Truncates a text. If it is too long it is redacted first, because the runner would not recognize a part
/// of a secret.
fn shorten(text: &str, bytes: usize) -> String {
    match REDACTOR.get() {
        Some(redactor) if text.len() > bytes => redactor.redact_beginning(text, bytes),
        _ => text[..text.floor_char_boundary(bytes)].to_owned(),
    }
}
