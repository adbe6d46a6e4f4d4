//! Writes events to the file and to the sink, in pieces, until both have them.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use super::event_file::EventFile;
use super::http_sink::HttpSink;

/// The maximum number of events in a piece. It is also the size of a batch.
const PIECE_EVENTS: usize = 500;

/// The size of the events from which a piece is written, in bytes.
const PIECE_BYTES: usize = 256 * 1024;

/// The delay after a file could not be written. It doubles up to [`DELAY_MAX`].
const DELAY_MIN: Duration = Duration::from_millis(500);
const DELAY_MAX: Duration = Duration::from_secs(30);

/// The interval at which a waiting thread checks whether the program ends.
const STOP_POLL: Duration = Duration::from_millis(50);

/// Events were not written, because the program ends or the reader of standard output is gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the events were not written before the end; they are written again")]
pub struct NotWritten;

/// Where events go. Shared by threads.
pub struct Outputs {
    file: Option<EventFile>,
    sink: Option<HttpSink>,
    stop: Arc<StopFlag>,
    written: AtomicU64,
}

/// Tells all threads that wait for an output to give up.
#[derive(Default)]
pub struct StopFlag(AtomicBool);

impl StopFlag {
    /// Makes all threads give up.
    pub fn set(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// Whether threads are to give up.
    pub fn is_set(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    /// Sleeps, unless the program ends meanwhile.
    pub fn sleep(&self, time: Duration) -> Result<(), NotWritten> {
        let mut left = time;
        while !self.is_set() && left > Duration::ZERO {
            let part = left.min(STOP_POLL);
            std::thread::sleep(part);
            left -= part;
        }
        if self.is_set() { Err(NotWritten) } else { Ok(()) }
    }
}

impl Outputs {
    /// Outputs that give up when `stop` is set.
    pub const fn new(file: Option<EventFile>, sink: Option<HttpSink>, stop: Arc<StopFlag>) -> Self {
        Self { file, sink, stop, written: AtomicU64::new(0) }
    }

    /// The file of the events.
    pub const fn file(&self) -> Option<&EventFile> {
        self.file.as_ref()
    }

    /// The number of events that were written.
    pub fn written(&self) -> u64 {
        self.written.load(Ordering::Relaxed)
    }

    /// Begins to write events that belong together.
    pub const fn begin(&self) -> Delivery<'_> {
        Delivery { outputs: self, events: Vec::new(), bytes: 0 }
    }

    fn write_to_file(&self, file: &EventFile, text: &[u8]) -> Result<(), NotWritten> {
        self.retry(|| file.append(text))
    }

    /// Repeats a write until it succeeds. Only the first failure is logged.
    fn retry(&self, write: impl Fn() -> std::io::Result<()>) -> Result<(), NotWritten> {
        let mut delay = DELAY_MIN;
        let mut failed = false;
        loop {
            let error = match write() {
                Ok(()) => {
                    if failed {
                        tracing::info!("the events can be written again");
                    }
                    return Ok(());
                }
                Err(error) => error,
            };
            if error.kind() == std::io::ErrorKind::BrokenPipe {
                return Err(NotWritten);
            }
            if !failed {
                tracing::error!(
                    "the events cannot be written: {error}; trying again until they can"
                );
            }
            failed = true;
            self.stop.sleep(delay)?;
            delay = (delay * 2).min(DELAY_MAX);
        }
    }
}

/// Events of one round that are being written.
pub struct Delivery<'a> {
    outputs: &'a Outputs,
    events: Vec<Vec<u8>>,
    bytes: usize,
}

impl Delivery<'_> {
    /// Writes an event, the text of a JSON object without a line break. Waits for a slow output.
    pub fn write(&mut self, event: Vec<u8>) -> Result<(), NotWritten> {
        self.bytes += event.len();
        self.events.push(event);
        if self.bytes >= PIECE_BYTES || self.events.len() >= PIECE_EVENTS {
            return self.write_piece();
        }
        Ok(())
    }

    /// Writes the rest. With `durable`, events in a file are on the disk when the call returns.
    pub fn finish(mut self, durable: bool) -> Result<(), NotWritten> {
        self.write_piece()?;
        if let (Some(file), true) = (&self.outputs.file, durable) {
            self.outputs.retry(|| file.sync())?;
        }
        Ok(())
    }

    fn write_piece(&mut self) -> Result<(), NotWritten> {
        let events = std::mem::take(&mut self.events);
        let bytes = std::mem::take(&mut self.bytes);
        if events.is_empty() {
            return Ok(());
        }
        if let Some(file) = &self.outputs.file {
            let mut text = Vec::with_capacity(bytes + events.len());
            for event in &events {
                text.extend_from_slice(event);
                text.push(b'\n');
            }
            self.outputs.write_to_file(file, &text)?;
        }
        let count = events.len() as u64;
        if let Some(sink) = &self.outputs.sink {
            sink.send(events)?;
        }
        self.outputs.written.fetch_add(count, Ordering::Relaxed);
        Ok(())
    }
}
