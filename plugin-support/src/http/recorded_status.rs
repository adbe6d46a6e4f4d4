//! Records the status that a proxy answers to CONNECT, because the library's error does not name it.

use std::io;
use std::mem::MaybeUninit;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};

use http::StatusCode;
use hyper::rt::{Read, ReadBuf, ReadBufCursor, Write};

/// The number of bytes that are recorded: those of `HTTP/1.1 403`.
const STATUS_LINE_BYTES: usize = 12;

/// The first bytes that a proxy sent.
#[derive(Clone, Default)]
pub(super) struct RecordedStatus(Arc<Mutex<Vec<u8>>>);

impl RecordedStatus {
    /// The status, if the proxy answered with one.
    pub fn status(&self) -> Option<StatusCode> {
        let bytes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let line = std::str::from_utf8(bytes.get(..STATUS_LINE_BYTES)?).ok()?;
        let (version, status) = line.split_once(' ')?;
        version.starts_with("HTTP/1.").then(|| status.parse().ok())?
    }

    fn add(&self, bytes: &[u8]) {
        let mut recorded = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let missing = STATUS_LINE_BYTES.saturating_sub(recorded.len());
        recorded.extend_from_slice(&bytes[..bytes.len().min(missing)]);
    }
}

/// A connection whose first bytes are recorded.
pub(super) struct RecordedStream<S> {
    /// The connection.
    pub stream: S,
    /// Gets the bytes.
    pub status: RecordedStatus,
}

impl<S: Read + Unpin> Read for RecordedStream<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        mut buffer: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        let mut bytes = [MaybeUninit::uninit(); 1024];
        let length = buffer.remaining().min(bytes.len());
        let mut read = ReadBuf::uninit(&mut bytes[..length]);
        ready!(Pin::new(&mut self.stream).poll_read(cx, read.unfilled()))?;
        self.status.add(read.filled());
        buffer.put_slice(read.filled());
        Poll::Ready(Ok(()))
    }
}

impl<S: Write + Unpin> Write for RecordedStream<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
