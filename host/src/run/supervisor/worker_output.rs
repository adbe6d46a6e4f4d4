//! What a worker writes beside its frames: log frames, and whatever lands on its stderr.

use gatherer_plugin_api::LogLevel;

use crate::logging;
use crate::output::escape::TEXT_MAX_BYTES;
use crate::request::redact::Redactor;
use crate::run::protocol::LOG_MAX_BYTES;

/// How much of the end of a worker's stderr a crash report shows.
const TAIL_BYTES: usize = 400;

/// How much of the end is kept for that: the words of secrets and white space take room too.
const TAIL_KEPT_BYTES: usize = 16 * 1024;

/// A longer line of stderr becomes several.
const LINE_MAX_BYTES: usize = 16 * 1024;

/// What a line of the log has beside its target and its message, in bytes.
const LINE_BYTES: usize = 64;

/// What a worker writes beside its frames: passed on line by line, up to a limit.
#[derive(Default)]
pub struct Output {
    bytes: u64,
    line: Vec<u8>,
    /// How much of the line's beginning belongs to a secret that is replaced already.
    carried: usize,
    tail: Vec<u8>,
    tail_is_cut: bool,
}

impl Output {
    /// Takes some bytes of stderr. True at the moment at which the limit is passed.
    pub fn take(&mut self, bytes: &[u8], redactor: &Redactor) -> bool {
        self.tail.extend_from_slice(bytes);
        // A secret that began before what is kept is not found: it is cut off later.
        let keep = TAIL_KEPT_BYTES + redactor.reach();
        if self.tail.len() > keep * 2 {
            self.tail.drain(..self.tail.len() - keep);
            self.tail_is_cut = true;
        }
        let before = self.bytes;
        self.bytes += bytes.len() as u64;
        if before > LOG_MAX_BYTES {
            // The rest of this line is left out, and with it perhaps the rest of a secret.
            self.line.clear();
            return false;
        }
        for piece in bytes.split_inclusive(|byte| *byte == b'\n') {
            self.line.extend_from_slice(piece);
            if piece.ends_with(b"\n") {
                self.bytes += LINE_BYTES as u64;
                self.flush(redactor);
            } else if self.line.len() > LINE_MAX_BYTES + redactor.reach() {
                let head = redactor.head(&self.line, self.carried);
                self.line.drain(..head.taken);
                self.carried = head.carried;
                log_lines(&head.text);
            }
        }
        self.bytes > LOG_MAX_BYTES
    }

    /// Logs what is left of a line.
    pub fn flush(&mut self, redactor: &Redactor) {
        log_lines(&redactor.redact_rest(&self.line, self.carried));
        self.line.clear();
        self.carried = 0;
    }

    /// Passes a log frame on. True at the moment at which the limit is passed.
    pub fn log(&mut self, level: LogLevel, target: &str, message: &str) -> bool {
        let before = self.bytes;
        self.bytes += (target.len() + message.len() + LINE_BYTES) as u64;
        if before > LOG_MAX_BYTES {
            return false;
        }
        logging::log_for_plugin(level, target, message);
        self.bytes > LOG_MAX_BYTES
    }

    /// The last words, on one line.
    pub fn tail(&self, redactor: &Redactor) -> String {
        let lost = if self.tail_is_cut { redactor.reach().min(self.tail.len()) } else { 0 };
        let text = redactor.redact_rest(&self.tail, lost);
        let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
        let start = words.ceil_char_boundary(words.len().saturating_sub(TAIL_BYTES));
        words[start..].to_owned()
    }
}

/// Logs a line of stderr as several lines if it is too long for one.
fn log_lines(line: &str) {
    let mut rest = line.trim_end();
    while !rest.is_empty() {
        let (piece, more) = rest.split_at(rest.floor_char_boundary(TEXT_MAX_BYTES));
        tracing::info!(target: "worker", "{piece}");
        rest = more;
    }
}
