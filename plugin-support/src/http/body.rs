//! Reads the body of a response: completely, and never more than allowed.

use std::time::Duration;

use gatherer_plugin_api::{ErrorKind, GatherError};
use tokio::time::Instant;

use super::encoding::{BodyDecoder, BodyError, Encoding};
use super::error::Exchange;

/// How many bytes of the body of an error response are read.
const ERROR_BODY_MAX_BYTES: usize = 64 * 1024;
/// How long the client waits for the body of an error response.
const ERROR_BODY_TIMEOUT: Duration = Duration::from_secs(2);

/// Reads the whole body and decompresses it. A partial body is an error. `limit` describes `end` in
/// messages.
pub(super) async fn read(
    response: &mut reqwest::Response,
    encoding: Encoding,
    max_bytes: usize,
    exchange: &Exchange,
    end: Instant,
    limit: &str,
) -> Result<Vec<u8>, GatherError> {
    let announced = response.content_length().and_then(|length| usize::try_from(length).ok());
    let describe = |error, bytes| match (error, encoding) {
        (BodyError::TooLarge, Encoding::Identity) => too_large(exchange, max_bytes, ""),
        (BodyError::TooLarge, Encoding::Gzip) => {
            too_large(exchange, max_bytes, " after decompression")
        }
        (BodyError::Damaged, _) => GatherError::protocol(format!(
            "{}: the gzip data of the response are damaged or truncated after {bytes} bytes",
            exchange.description()
        )),
    };
    if encoding == Encoding::Identity && announced.is_some_and(|announced| announced > max_bytes) {
        return Err(too_large(exchange, max_bytes, ""));
    }
    let mut body = BodyDecoder::new(encoding, max_bytes, announced);
    loop {
        let chunk = match tokio::time::timeout_at(end, response.chunk()).await {
            Ok(Ok(Some(chunk))) => chunk,
            Ok(Ok(None)) => {
                let bytes = body.len();
                return body.finish().map_err(|error| describe(error, bytes));
            }
            Ok(Err(error)) => return Err(exchange.body_error(&error, body.len())),
            Err(_) => {
                let message = format!(
                    "{}: the response was not complete within the {limit}: {} bytes received",
                    exchange.description(),
                    body.len()
                );
                return Err(GatherError::new(ErrorKind::Timeout, message));
            }
        };
        body.push(&chunk).map_err(|error| describe(error, body.len()))?;
    }
}

/// Reads the body of an error response, which may be incomplete: up to a limit, and for a short time.
pub(super) async fn read_error_body(
    response: &mut reqwest::Response,
    encoding: Encoding,
    end: Instant,
) -> Vec<u8> {
    let end = end.min(Instant::now() + ERROR_BODY_TIMEOUT);
    let mut body = BodyDecoder::new(encoding, ERROR_BODY_MAX_BYTES, None);
    while let Ok(Ok(Some(chunk))) = tokio::time::timeout_at(end, response.chunk()).await {
        if body.push(&chunk).is_err() {
            break;
        }
    }
    body.into_partial()
}

fn too_large(exchange: &Exchange, max_bytes: usize, stage: &str) -> GatherError {
    let mebibyte = 1024 * 1024;
    let size = if max_bytes.is_multiple_of(mebibyte) {
        format!("{} MiB", max_bytes / mebibyte)
    } else {
        format!("{max_bytes} bytes")
    };
    let exchange = exchange.description();
    GatherError::protocol(format!("{exchange}: the response is larger than {size}{stage}"))
}
