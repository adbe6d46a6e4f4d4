//! Reads the body of a response: completely, before the deadline, and never more than allowed.

use std::time::Duration;

use gatherer_plugin_api::GatherError;
use http_body_util::BodyExt as _;
use hyper::body::{Body, Bytes};
use tokio::time::{Instant, timeout_at};
use tower::BoxError;

use super::deadline::RequestDeadline;
use super::encoding::{BodyDecoder, BodyError, Encoding};
use super::error::Exchange;

/// How many bytes of the body of an error response are read.
const ERROR_BODY_MAX_BYTES: usize = 64 * 1024;
/// How long the client waits for the body of an error response.
const ERROR_BODY_TIMEOUT: Duration = Duration::from_secs(2);

/// The maximum size of a body after decompression.
#[derive(Debug, Clone)]
pub struct BodyLimit {
    /// The size in bytes.
    pub max_bytes: usize,
    /// What the error says about a larger body, for example `the page is larger than 64 MiB`.
    pub exceeded: String,
    /// The hint of that error.
    pub hint: Option<&'static str>,
}

impl BodyLimit {
    /// A limit whose error is about the response.
    pub fn new(max_bytes: usize) -> Self {
        let mebibyte = 1024 * 1024;
        let size = if max_bytes.is_multiple_of(mebibyte) {
            format!("{} MiB", max_bytes / mebibyte)
        } else {
            format!("{max_bytes} bytes")
        };
        Self { max_bytes, exceeded: format!("the response is larger than {size}"), hint: None }
    }
}

/// Reads the body of one response.
pub struct BodyReader<'a> {
    /// The exchange, for errors.
    pub exchange: &'a Exchange,
    /// When the body must be complete.
    pub deadline: &'a RequestDeadline,
    /// How the body is encoded.
    pub encoding: Encoding,
    /// The maximum size.
    pub limit: BodyLimit,
    /// The initial capacity in bytes for a body whose length the server does not announce. It saves copies
    /// of a large body while it grows.
    pub expected_bytes: usize,
}

impl BodyReader<'_> {
    /// Reads the whole body and decompresses it. A partial body is an error.
    pub async fn read<B>(self, body: B) -> Result<Vec<u8>, GatherError>
    where
        B: Body<Data = Bytes> + Unpin,
        B::Error: Into<BoxError>,
    {
        self.read_with(body, |_| {}).await
    }

    /// Like [`read`](Self::read), and passes the first chunk to `beginning` as soon as it arrives.
    pub async fn read_with<B>(
        self,
        mut body: B,
        beginning: impl FnOnce(&[u8]),
    ) -> Result<Vec<u8>, GatherError>
    where
        B: Body<Data = Bytes> + Unpin,
        B::Error: Into<BoxError>,
    {
        let (mut beginning, started) = (Some(beginning), Instant::now());
        let max_bytes = self.limit.max_bytes;
        let announced = body.size_hint().exact();
        let announced = announced.map(|length| usize::try_from(length).unwrap_or(usize::MAX));
        if self.encoding == Encoding::Identity && announced.is_some_and(|bytes| bytes > max_bytes) {
            return Err(self.error(BodyError::TooLarge, 0));
        }
        let capacity = announced.unwrap_or(self.expected_bytes);
        let mut content = BodyDecoder::new(self.encoding, max_bytes, capacity);
        loop {
            let frame = match timeout_at(self.deadline.at, body.frame()).await {
                Ok(Some(Ok(frame))) => frame,
                Ok(Some(Err(error))) => {
                    return Err(self.exchange.body_failure(&*error.into(), content.len()));
                }
                Ok(None) => {
                    let bytes = content.len();
                    let time = started.elapsed().as_millis();
                    tracing::debug!("{}: {bytes} bytes read ({time} ms)", self.exchange.request);
                    return content.finish().map_err(|error| self.error(error, bytes));
                }
                Err(_) => {
                    return Err(self.deadline.incomplete_body(self.exchange, content.len()));
                }
            };
            // Ignore trailers.
            let Ok(chunk) = frame.into_data() else { continue };
            if let Some(beginning) = beginning.take() {
                beginning(&chunk);
            }
            content.push(&chunk).map_err(|error| self.error(error, content.len()))?;
        }
    }

    fn error(&self, error: BodyError, bytes: usize) -> GatherError {
        let exchange = self.exchange.description();
        let why = match (error, self.encoding) {
            (BodyError::Damaged, _) => {
                return GatherError::protocol(format!(
                    "{exchange}: the gzip data of the response are damaged or truncated after {bytes} \
                     bytes"
                ));
            }
            (BodyError::TooLarge, Encoding::Identity) => self.limit.exceeded.clone(),
            (BodyError::TooLarge, Encoding::Gzip) => {
                format!("{} after decompression", self.limit.exceeded)
            }
        };
        let error = GatherError::protocol(format!("{exchange}: {why}"));
        self.limit.hint.map_or(error.clone(), |hint| error.with_hint(hint))
    }
}

/// Reads the body of an error response, which may be incomplete: up to 64 KiB, and for a short time.
pub async fn read_error_body<B>(
    mut body: B,
    encoding: Encoding,
    deadline: &RequestDeadline,
) -> Vec<u8>
where
    B: Body<Data = Bytes> + Unpin,
{
    let end = deadline.at.min(Instant::now() + ERROR_BODY_TIMEOUT);
    let mut content = BodyDecoder::new(encoding, ERROR_BODY_MAX_BYTES, 0);
    while let Ok(Some(Ok(frame))) = timeout_at(end, body.frame()).await {
        if frame.into_data().is_ok_and(|chunk| content.push(&chunk).is_err()) {
            break;
        }
    }
    content.into_partial()
}
