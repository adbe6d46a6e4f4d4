//! Encoding records as JSON, and measuring JSON without writing it.

use std::cell::Cell;
use std::io;

use serde::Serialize;

use crate::{GatherError, Record};

/// Buffers with a larger capacity than this are not reused.
const REUSED_BUFFER_MAX_BYTES: usize = 64 * 1024;

thread_local! {
    /// The buffer for the next record. Records are many and of similar lengths, so it is reused.
    static BUFFER: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}

/// Encodes a record as JSON. Returns `None` if it is longer than `max_bytes`. `object` names the
/// record in errors.
pub(crate) fn encode_record(
    record: &Record,
    object: &str,
    max_bytes: usize,
) -> Result<Option<Vec<u8>>, GatherError> {
    let mut buffer = BUFFER.take();
    buffer.clear();
    match serde_json::to_writer(CappedWriter { buffer: &mut buffer, max_bytes }, record) {
        Ok(()) => Ok(Some(buffer)),
        Err(error) if error.is_io() => {
            reuse_buffer(buffer);
            Ok(None)
        }
        Err(_) => Err(encoding_failed(object)),
    }
}

/// Gives the buffer of a record that was sent back, for the next record.
pub(crate) fn reuse_buffer(buffer: Vec<u8>) {
    if buffer.capacity() <= REUSED_BUFFER_MAX_BYTES {
        BUFFER.set(buffer);
    }
}

/// The error of a record that cannot be encoded as JSON.
pub(crate) fn encoding_failed(object: &str) -> GatherError {
    GatherError::internal(format!("the record of {object} cannot be encoded as JSON"))
}

/// The length of a value as JSON, in bytes. 0 for a value that cannot be encoded: the error is
/// reported when the value is written.
pub(crate) fn json_length(value: &impl Serialize) -> usize {
    let mut counter = ByteCounter(0);
    serde_json::to_writer(&mut counter, value).map_or(0, |()| counter.0)
}

/// Writes to a buffer and fails before the buffer grows beyond `max_bytes`.
struct CappedWriter<'a> {
    buffer: &'a mut Vec<u8>,
    max_bytes: usize,
}

impl io::Write for CappedWriter<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.write_all(bytes).map(|()| bytes.len())
    }

    #[inline]
    fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        if bytes.len() > self.max_bytes - self.buffer.len() {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        self.buffer.extend_from_slice(bytes);
        Ok(())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Counts the bytes that are written to it.
struct ByteCounter(usize);

impl io::Write for ByteCounter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0 += bytes.len();
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
