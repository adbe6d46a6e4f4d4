//! Reading an answer's body: whole, and never more than allowed.

use std::time::Duration;

use gatherer_plugin_api::{ErrorKind, GatherError};
use tokio::time::Instant;

use super::encoding::{Decoder, Encoding, Unusable};
use super::error::Place;

/// How much of an answer that is an error anyway is read, and for how long.
const ERROR_BODY_BYTES: usize = 64 * 1024;
const ERROR_BODY_WAIT: Duration = Duration::from_secs(2);

/// Reads the whole body, decompressed. Anything less is an error.
pub(super) async fn read(
    answer: &mut reqwest::Response,
    encoding: Encoding,
    most: usize,
    place: &Place,
    end: Instant,
    limit: &str,
) -> Result<Vec<u8>, GatherError> {
    let announced = answer.content_length().and_then(|length| usize::try_from(length).ok());
    let unusable = |why, bytes| match (why, encoding) {
        (Unusable::TooLarge, Encoding::Identity) => too_large(place, most, ""),
        (Unusable::TooLarge, Encoding::Gzip) => too_large(place, most, " after decompression"),
        (Unusable::Damaged, _) => GatherError::protocol(format!(
            "{}: the gzip data of the answer are damaged or cut off after {bytes} bytes",
            place.where_text()
        )),
    };
    if encoding == Encoding::Identity && announced.is_some_and(|announced| announced > most) {
        return Err(too_large(place, most, ""));
    }
    let mut body = Decoder::new(encoding, most, announced);
    loop {
        let chunk = match tokio::time::timeout_at(end, answer.chunk()).await {
            Ok(Ok(Some(chunk))) => chunk,
            Ok(Ok(None)) => {
                let bytes = body.len();
                return body.finish().map_err(|why| unusable(why, bytes));
            }
            Ok(Err(error)) => return Err(place.body_error(&error, body.len())),
            Err(_) => {
                let message = format!(
                    "{}: the answer was not whole within the {limit}: {} bytes had come",
                    place.where_text(),
                    body.len()
                );
                return Err(GatherError::new(ErrorKind::Timeout, message));
            }
        };
        body.push(&chunk).map_err(|why| unusable(why, body.len()))?;
    }
}

/// Reads what an error's answer says, as far as it comes at once.
pub(super) async fn read_what_comes(
    answer: &mut reqwest::Response,
    encoding: Encoding,
    end: Instant,
) -> Vec<u8> {
    let end = end.min(Instant::now() + ERROR_BODY_WAIT);
    let mut body = Decoder::new(encoding, ERROR_BODY_BYTES, None);
    while let Ok(Ok(Some(chunk))) = tokio::time::timeout_at(end, answer.chunk()).await {
        if body.push(&chunk).is_err() {
            break;
        }
    }
    body.into_what_came()
}

fn too_large(place: &Place, most: usize, when: &str) -> GatherError {
    let mebibyte = 1024 * 1024;
    let size = if most.is_multiple_of(mebibyte) {
        format!("{} MiB", most / mebibyte)
    } else {
        format!("{most} bytes")
    };
    GatherError::protocol(format!("{}: the answer is more than {size}{when}", place.where_text()))
}
