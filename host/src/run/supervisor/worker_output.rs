//! The log lines of a worker: log frames, and the lines of its stderr.

use gatherer_plugin_api::LogLevel;

use crate::logging;
use crate::output::escape::TEXT_MAX_BYTES;
use crate::request::redact::Redactor;
use crate::run::protocol::LOG_MAX_BYTES;

/// How much of the end of a worker's stderr an error shows.
const LAST_OUTPUT_BYTES: usize = 400;

/// How much of the end is kept for that; more, because secrets and white space are shortened.
const TAIL_BYTES: usize = 16 * 1024;

/// A longer line of stderr is logged as several lines.
const LINE_MAX_BYTES: usize = 16 * 1024;

/// The overhead of a log line in addition to its target and its message, in bytes.
const LINE_OVERHEAD_BYTES: usize = 64;

/// Forwards the log lines of a worker, up to a limit.
#[derive(Default)]
pub struct WorkerOutput {
    bytes: u64,
    line: Vec<u8>,
    /// The number of bytes at the beginning of the line that belong to a secret that was redacted already.
    redacted: usize,
    tail: Vec<u8>,
    tail_is_cut: bool,
}

impl WorkerOutput {
    /// Receives bytes of stderr. Returns true once, when the limit is reached.
    pub fn receive(&mut self, bytes: &[u8], redactor: &Redactor) -> bool {
        self.tail.extend_from_slice(bytes);
        // A secret that begins before the kept bytes is not found, so `last_output` drops its rest.
        let keep = TAIL_BYTES + redactor.longest_match();
        if self.tail.len() > keep * 2 {
            self.tail.drain(..self.tail.len() - keep);
            self.tail_is_cut = true;
        }
        let before = self.bytes;
        self.bytes += bytes.len() as u64;
        if before > LOG_MAX_BYTES {
            // Drops the rest of this line, which may contain the rest of a secret.
            self.line.clear();
            return false;
        }
        for piece in bytes.split_inclusive(|byte| *byte == b'\n') {
            self.line.extend_from_slice(piece);
            if piece.ends_with(b"\n") {
                self.bytes += LINE_OVERHEAD_BYTES as u64;
                self.flush(redactor);
            } else if self.line.len() > LINE_MAX_BYTES + redactor.longest_match() {
                let prefix = redactor.redact_prefix(&self.line, self.redacted);
                self.line.drain(..prefix.consumed);
                self.redacted = prefix.redacted;
                log_lines(&prefix.text);
            }
        }
        self.bytes > LOG_MAX_BYTES
    }

    /// Logs the rest of a line.
    pub fn flush(&mut self, redactor: &Redactor) {
        log_lines(&redactor.redact_rest(&self.line, self.redacted));
        self.line.clear();
        self.redacted = 0;
    }

    /// Forwards a log frame. Returns true once, when the limit is reached.
    pub fn log(&mut self, level: LogLevel, target: &str, message: &str) -> bool {
        let before = self.bytes;
        self.bytes += (target.len() + message.len() + LINE_OVERHEAD_BYTES) as u64;
        if before > LOG_MAX_BYTES {
            return false;
        }
        logging::log_for_plugin(level, target, message);
        self.bytes > LOG_MAX_BYTES
    }

    /// The end of stderr, on one line.
    pub fn last_output(&self, redactor: &Redactor) -> String {
        let incomplete =
            if self.tail_is_cut { redactor.longest_match().min(self.tail.len()) } else { 0 };
        let text = redactor.redact_rest(&self.tail, incomplete);
        let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
        let start = words.ceil_char_boundary(words.len().saturating_sub(LAST_OUTPUT_BYTES));
        words[start..].to_owned()
    }
}

/// Logs a line of stderr, as several lines if it is too long for one.
fn log_lines(line: &str) {
    let mut rest = line.trim_end();
    while !rest.is_empty() {
        let (piece, more) = rest.split_at(rest.floor_char_boundary(TEXT_MAX_BYTES));
        tracing::info!(target: "worker", "{piece}");
        rest = more;
    }
}
