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

/// The size of the lines of a worker that are logged at their own level, in bytes; further ones are logged at debug. Without
/// this, a plugin with a line for each object would push the lines of other runs out of the log file.
const OWN_LEVEL_MAX_BYTES: u64 = 64 * 1024;

/// Forwards the log lines of a worker, up to a limit.
#[derive(Default)]
pub struct WorkerOutput {
    bytes: u64,
    /// The size of the lines so far at info or above.
    own_level_bytes: u64,
    /// The number of lines that were logged at debug instead of their own level.
    lowered: u64,
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
                self.log_lines(&prefix.text);
            }
        }
        self.bytes > LOG_MAX_BYTES
    }

    /// Logs the rest of a line.
    pub fn flush(&mut self, redactor: &Redactor) {
        let rest = redactor.redact_rest(&self.line, self.redacted);
        self.log_lines(&rest);
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
        let level = self.level(level, message.len());
        logging::log_for_plugin(level, target, message);
        self.bytes > LOG_MAX_BYTES
    }

    /// The level at which a line is logged.
    fn level(&mut self, own: LogLevel, bytes: usize) -> LogLevel {
        if own > LogLevel::Info {
            return own;
        }
        self.own_level_bytes += (bytes + LINE_OVERHEAD_BYTES) as u64;
        if self.own_level_bytes <= OWN_LEVEL_MAX_BYTES {
            return own;
        }
        self.lowered += 1;
        LogLevel::Debug
    }

    /// Logs a line of stderr, as several lines if it is too long for one.
    fn log_lines(&mut self, line: &str) {
        let mut rest = line.trim_end();
        while !rest.is_empty() {
            let (piece, more) = rest.split_at(rest.floor_char_boundary(TEXT_MAX_BYTES));
            if self.level(LogLevel::Info, piece.len()) == LogLevel::Info {
                tracing::info!(target: "worker", "{piece}");
            } else {
                tracing::debug!(target: "worker", "{piece}");
            }
            rest = more;
        }
    }

    /// Logs how many lines were logged at debug instead of their own level, after the last line.
    pub fn log_lowered(&self) {
        if self.lowered > 0 {
            tracing::info!("{} more log lines of the plugin are logged only with -v", self.lowered);
        }
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
