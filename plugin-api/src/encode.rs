//! Records as JSON: written, and measured.

use std::cell::Cell;
use std::io;

use serde::Serialize;

use crate::{GatherError, Record};

/// The longest record whose room is kept for the next one.
const KEPT_BYTES: usize = 64 * 1024;

thread_local! {
    /// Kept from record to record: there are many of about one length.
    static JSON: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}

/// The record as JSON; `None` if that is longer than `most` bytes.
pub(crate) fn json_of(
    record: &Record,
    object: &str,
    most: usize,
) -> Result<Option<Vec<u8>>, GatherError> {
    /// Takes no more than there is room for.
    struct Short<'a>(&'a mut Vec<u8>, usize);
    impl io::Write for Short<'_> {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.write_all(bytes).map(|()| bytes.len())
        }
        #[inline]
        fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
            if bytes.len() > self.1 - self.0.len() {
                return Err(io::ErrorKind::FileTooLarge.into());
            }
            self.0.extend_from_slice(bytes);
            Ok(())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let mut json = JSON.take();
    json.clear();
    match serde_json::to_writer(Short(&mut json, most), record) {
        Ok(()) => Ok(Some(json)),
        Err(error) if error.is_io() => {
            keep(json);
            Ok(None)
        }
        Err(_) => Err(no_json(object)),
    }
}

/// Keeps the room of a record that has been handed over.
pub(crate) fn keep(json: Vec<u8>) {
    if json.capacity() <= KEPT_BYTES {
        JSON.set(json);
    }
}

pub(crate) fn no_json(object: &str) -> GatherError {
    GatherError::internal(format!("the record of {object} is not JSON"))
}

/// How long it is as JSON. What is no JSON has no length; who writes it learns that.
pub(crate) fn json_length(value: &impl Serialize) -> usize {
    struct Length(usize);
    impl std::io::Write for Length {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0 += bytes.len();
            Ok(bytes.len())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    let mut length = Length(0);
    serde_json::to_writer(&mut length, value).map_or(0, |()| length.0)
}
