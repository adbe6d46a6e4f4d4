//! What the plugin calls: writes frames, from any thread, and never unwinds.

use std::borrow::Cow;
use std::fs::File;
use std::io::{self, Write as _};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, OnceLock};

use abi_stable::std_types::{RResult, RStr, RString};
use gatherer_plugin_api::abi::{Callbacks, EmitCode};
use gatherer_plugin_api::{
    CANCELLED as CANCELLED_MESSAGE, ErrorKind, GatherError, LogLevel, RECORD_MAX_BYTES, Secret,
};

use crate::request::redact::{Redactor, SECRET_MAX_BYTES, Secrets};
use crate::run::protocol::{FRAME_MAX_BYTES, Frame, RECORD_BEGIN, RECORD_END};

/// How many bytes of frames are gathered before they are written.
const BUFFER_BYTES: usize = 32 * 1024;

static CANCELLED: AtomicBool = AtomicBool::new(false);

/// Whether the plugin has seen that it was to stop. From then on it may have left things out.
static TOLD_TO_STOP: AtomicBool = AtomicBool::new(false);

/// Whether a record was refused for its length.
static RECORD_LOST: AtomicBool = AtomicBool::new(false);

static FRAMES: OnceLock<Frames> = OnceLock::new();
static REDACTOR: OnceLock<Redactor> = OnceLock::new();

/// The frame pipe; whole frames only, one thread at a time.
pub struct Frames {
    state: Mutex<State>,
}

struct State {
    pipe: File,
    buffer: Vec<u8>,
    closed: bool,
}

/// Installs the pipe that frames go to, once in a process.
pub fn install(pipe: File) -> &'static Frames {
    FRAMES.get_or_init(|| Frames {
        state: Mutex::new(State { pipe, buffer: Vec::new(), closed: false }),
    })
}

/// Says what must not be cut through, once in a process.
pub fn hide(secrets: Secrets) {
    REDACTOR.get_or_init(|| Redactor::new(secrets));
}

/// Tells the runner and this process which texts of the files that the request refers to are secret.
/// Once, before the plugin is loaded.
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

/// From now on the plugin is told to stop. Async-signal-safe.
pub fn cancel() {
    CANCELLED.store(true, Ordering::Relaxed);
}

/// Why the plugin's answer cannot be whole, whatever it says.
pub fn refusal() -> Option<GatherError> {
    if RECORD_LOST.load(Ordering::Relaxed) {
        return Some(GatherError::protocol(
            "the plugin sent a record that is longer than one may be",
        ));
    }
    let told = TOLD_TO_STOP.load(Ordering::Relaxed);
    told.then(|| GatherError::new(ErrorKind::Timeout, CANCELLED_MESSAGE))
}

/// The table that is handed to the plugin.
pub fn table() -> Callbacks {
    Callbacks { context: 0, emit, log, cancelled, call }
}

impl Frames {
    /// Writes the last frame; later ones are refused. False if nobody took it.
    pub fn write_last(&self, frame: &Frame<'_>) -> bool {
        let Ok(line) = to_line(frame) else { return false };
        let mut state = self.lock();
        let written = state.append(&[&line]).and_then(|()| state.flush()).is_ok();
        state.closed = true;
        written
    }

    /// Writes one line, which comes in parts.
    fn write(&self, line: &[&[u8]], at_once: bool) -> Result<(), ()> {
        let mut state = self.lock();
        if state.closed {
            return Err(());
        }
        let mut written = state.append(line);
        if at_once && written.is_ok() {
            written = state.flush();
        }
        written.map_err(|_| state.closed = true)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        // A thread that died while it wrote left whole frames in the buffer.
        self.state.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

impl State {
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
        RECORD_LOST.store(true, Ordering::Relaxed);
        EmitCode::TooLarge
    } else {
        // A line end is white space in JSON, and would end the frame here.
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
        // Escaping makes a character up to six bytes long.
        message: shorten(message.as_str(), FRAME_MAX_BYTES / 8),
    };
    if let (Ok(line), Some(frames)) = (to_line(&frame), FRAMES.get()) {
        // A log line that nobody takes is lost; the next record says so.
        let _ = frames.write(&[&line], true);
    }
}

/// Logs a line of the worker's own.
pub fn log_own(level: LogLevel, message: &str) {
    log(0, level as u8, "worker".into(), message.into());
}

extern "C" fn cancelled(_: usize) -> u8 {
    let cancelled = CANCELLED.load(Ordering::Relaxed);
    if cancelled {
        TOLD_TO_STOP.store(true, Ordering::Relaxed);
    }
    u8::from(cancelled)
}

extern "C" fn call(_: usize, method: RStr<'_>, request: RStr<'_>) -> RResult<RString, RString> {
    let outcome = match method.as_str() {
        "progress" => progress(request.as_str()),
        "secret" => secret(request.as_str()),
        other => Err(GatherError::new(
            ErrorKind::Unsupported,
            format!("the runner knows no method {}", shorten(other, 64)),
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

/// The worker learns a secret at once, and the runner with the next that it reads. What cannot
/// be hidden might be shown: that ends the process.
fn secret(request: &str) -> Result<(), GatherError> {
    #[derive(serde::Deserialize)]
    struct Request {
        text: Secret<String>,
    }
    let learned = serde_json::from_str(request)
        .map_err(|_| GatherError::protocol("the request of `secret` is not {\"text\": text}"))
        .and_then(|Request { text }| match REDACTOR.get() {
            Some(redactor) => Ok(redactor.learn(text.expose()).map(|()| text)?),
            None => Ok(text),
        });
    match learned {
        Ok(text) => write_at_once(&Frame::Secret { text }),
        Err(error) => {
            if let Some(frames) = FRAMES.get() {
                frames.write_last(&Frame::Failed { error });
            }
            super::process::exit(0);
        }
    }
}

fn write_at_once(frame: &Frame<'_>) -> Result<(), GatherError> {
    let line = to_line(frame).map_err(|_| GatherError::internal("the frame is not JSON"))?;
    match FRAMES.get().map(|frames| frames.write(&[&line], true)) {
        Some(Ok(())) => Ok(()),
        _ => Err(GatherError::internal("nobody reads the frames any more")),
    }
}

/// The error, with texts so short that it fits into a frame: a name in it may be of any length.
pub fn shorten_error(mut error: GatherError) -> GatherError {
    // Escaping makes a character up to six bytes long, and there are two texts.
    const TEXT_BYTES: usize = FRAME_MAX_BYTES / 16;
    error.message = shorten(&error.message, TEXT_BYTES);
    error.hint = error.hint.map(|hint| shorten(&hint, TEXT_BYTES));
    error
}

/// The beginning of a text. Where it is cut, the secrets are taken out first: the runner would
/// not know the rest of one.
fn shorten(text: &str, bytes: usize) -> String {
    match REDACTOR.get() {
        Some(redactor) if text.len() > bytes => redactor.redact_beginning(text, bytes),
        _ => text[..text.floor_char_boundary(bytes)].to_owned(),
    }
}
