//! Reading an answer's body: whole, and never more than allowed.

use std::time::Duration;

use gatherer_plugin_api::{ErrorKind, GatherError};
use tokio::time::Instant;

use super::error::Place;

/// How much of an answer that is an error anyway is read, and for how long.
const ERROR_BODY_BYTES: usize = 64 * 1024;
const ERROR_BODY_WAIT: Duration = Duration::from_secs(2);

/// Reads the whole body. Anything less is an error.
pub(super) async fn read(
    answer: &mut reqwest::Response,
    most: usize,
    place: &Place,
    end: Instant,
    limit: &str,
) -> Result<Vec<u8>, GatherError> {
    let announced = answer.content_length().and_then(|length| usize::try_from(length).ok());
    if announced.is_some_and(|announced| announced > most) {
        return Err(too_large(place, most, ""));
    }
    let mut body = Vec::new();
    loop {
        let chunk = match tokio::time::timeout_at(end, answer.chunk()).await {
            Ok(Ok(Some(chunk))) => chunk,
            Ok(Ok(None)) => return Ok(body),
            Ok(Err(error)) => return Err(place.body_error(&error, body.len())),
            Err(_) => {
                let message = format!(
                    "{}: the answer was not whole within the {limit}: {} bytes had come",
                    place.what,
                    body.len()
                );
                return Err(GatherError::new(ErrorKind::Timeout, message));
            }
        };
        if body.len() + chunk.len() > most {
            return Err(too_large(place, most, " after decompression"));
        }
        body.extend_from_slice(&chunk);
    }
}

/// Reads what an error's answer says, as far as it comes at once.
pub(super) async fn read_what_comes(answer: &mut reqwest::Response, end: Instant) -> Vec<u8> {
    let end = end.min(Instant::now() + ERROR_BODY_WAIT);
    let mut body = Vec::new();
    while let Ok(Ok(Some(chunk))) = tokio::time::timeout_at(end, answer.chunk()).await {
        let room = ERROR_BODY_BYTES - body.len();
        body.extend_from_slice(&chunk[..chunk.len().min(room)]);
        if body.len() == ERROR_BODY_BYTES {
            break;
        }
    }
    body
}

fn too_large(place: &Place, most: usize, when: &str) -> GatherError {
    let mebibyte = 1024 * 1024;
    let size = if most.is_multiple_of(mebibyte) {
        format!("{} MiB", most / mebibyte)
    } else {
        format!("{most} bytes")
    };
    GatherError::protocol(format!("{}: the answer is more than {size}{when}", place.what))
}
