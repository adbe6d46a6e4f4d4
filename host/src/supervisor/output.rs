//! What a worker writes beside its frames: log frames, and whatever lands on its stderr.

use gatherer_plugin_api::LogLevel;

use crate::logging;
use crate::protocol::LOG_MAX_BYTES;
use crate::redact::Redactor;

/// How much of the end of a worker's stderr a crash report shows.
const TAIL_BYTES: usize = 400;

/// A longer line of stderr becomes several.
const LINE_MAX_BYTES: usize = 16 * 1024;

/// What a worker writes beside its frames: passed on line by line, up to a limit.
#[derive(Default)]
pub struct Output {
    bytes: u64,
    line: Vec<u8>,
    tail: Vec<u8>,
}

impl Output {
    /// Takes some bytes of stderr. True at the moment at which the limit is passed.
    pub fn take(&mut self, bytes: &[u8], redactor: &Redactor, endpoint: &str) -> bool {
        self.tail.extend_from_slice(bytes);
        // A secret across the cut would not be found: much more than is shown is kept.
        let keep = TAIL_BYTES * 16;
        if self.tail.len() > keep * 2 {
            self.tail.drain(..self.tail.len() - keep);
        }
        let before = self.bytes;
        self.bytes += bytes.len() as u64;
        if before > LOG_MAX_BYTES {
            return false;
        }
        for piece in bytes.split_inclusive(|byte| *byte == b'\n') {
            self.line.extend_from_slice(piece);
            if piece.ends_with(b"\n") {
                self.flush(redactor, endpoint);
            } else if self.line.len() > LINE_MAX_BYTES {
                let text = String::from_utf8_lossy(&self.line).into_owned();
                let (head, rest) = text.split_at(redactor.safe_cut(&text));
                self.line = head.as_bytes().to_vec();
                self.flush(redactor, endpoint);
                self.line = rest.as_bytes().to_vec();
            }
        }
        self.bytes > LOG_MAX_BYTES
    }

    /// Logs what is left of a line.
    pub fn flush(&mut self, redactor: &Redactor, endpoint: &str) {
        let line = String::from_utf8_lossy(&self.line);
        let line = line.trim_end();
        if !line.is_empty() {
            let line = redactor.redact(line);
            logging::emit(LogLevel::Info, "worker", Some(endpoint), &line);
        }
        self.line.clear();
    }

    /// Passes a log frame on. True at the moment at which the limit is passed.
    pub fn log(&mut self, level: LogLevel, target: &str, message: &str, endpoint: &str) -> bool {
        let before = self.bytes;
        self.bytes += (target.len() + message.len() + 16) as u64;
        if before > LOG_MAX_BYTES {
            return false;
        }
        logging::emit(level, target, Some(endpoint), message);
        self.bytes > LOG_MAX_BYTES
    }

    /// The last words, on one line.
    pub fn tail(&self, redactor: &Redactor) -> String {
        let text = redactor.redact(&String::from_utf8_lossy(&self.tail));
        let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
        let start = words.ceil_char_boundary(words.len().saturating_sub(TAIL_BYTES));
        words[start..].to_owned()
    }
}
