//! Explains a status other than 200 to the operator.

use std::time::SystemTime;

use gatherer_plugin_api::{ErrorKind, GatherError};
use http::StatusCode;
use http::header::{HeaderMap, RETRY_AFTER};

/// The error for a status. `request` names the request in the message.
pub fn error(request: &str, status: StatusCode, headers: &HeaderMap) -> GatherError {
    use ErrorKind as Kind;

    let (kind, hint) = match status.as_u16() {
        401 => (Kind::Authentication, Some("check user, password or token")),
        403 => (Kind::Permission, Some("allow the user to read this")),
        404 | 410 => (Kind::Configuration, Some("check the URL: it does not exist on the server")),
        408 | 504 => (Kind::Timeout, None),
        407 => (Kind::Authentication, Some("check the proxy's user and password")),
        429 => (Kind::RateLimited, None),
        500..=599 => (Kind::Unavailable, None),
        414 | 431 => (Kind::Configuration, Some("use a shorter URL or shorter headers")),
        400..=499 => (Kind::Configuration, Some("check the URL and the parameters")),
        _ => (Kind::Protocol, None),
    };
    let why = match status.as_u16() {
        206 => ": the response is only a part of the document",
        200..=299 => ": the status must be 200 OK",
        _ => "",
    };
    // `status` prints the registered reason phrase, not the one that the server sent.
    let mut error = GatherError::new(kind, format!("{request}: {status}{why}"));
    if let Some(hint) = hint {
        error = error.with_hint(hint);
    }
    // Waiting does not help against 501 Not Implemented and 505 HTTP Version Not Supported.
    if matches!(status.as_u16(), 501 | 505) {
        error = error.with_retryable(false);
    }
    match retry_after_ms(headers, SystemTime::now()) {
        Some(milliseconds) if error.retryable => error.with_retry_after_ms(milliseconds),
        _ => error,
    }
}

fn retry_after_ms(headers: &HeaderMap, now: SystemTime) -> Option<u64> {
    parse_retry_after(headers.get(RETRY_AFTER)?.to_str().ok()?.trim(), now)
}

/// Parses the value of `Retry-After`, seconds or an HTTP date (RFC 9110 section 10.2.3), to milliseconds.
pub(crate) fn parse_retry_after(text: &str, now: SystemTime) -> Option<u64> {
    if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Some(text.parse::<u64>().map_or(u64::MAX, |seconds| seconds.saturating_mul(1000)));
    }
    let date = httpdate::parse_http_date(text).ok()?;
    let wait = date.duration_since(now).unwrap_or_default();
    Some(u64::try_from(wait.as_millis()).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn headers(retry_after: &str) -> HeaderMap {
        HeaderMap::from_iter([(RETRY_AFTER, retry_after.parse().expect("a header"))])
    }

    #[test]
    fn each_status_has_its_kind() {
        for (status, kind, retryable) in [
            (202, ErrorKind::Protocol, false),
            (206, ErrorKind::Protocol, false),
            (300, ErrorKind::Protocol, false),
            (400, ErrorKind::Configuration, false),
            (401, ErrorKind::Authentication, false),
            (403, ErrorKind::Permission, false),
            (404, ErrorKind::Configuration, false),
            (414, ErrorKind::Configuration, false),
            (431, ErrorKind::Configuration, false),
            (407, ErrorKind::Authentication, false),
            (429, ErrorKind::RateLimited, true),
            (500, ErrorKind::Unavailable, true),
            (501, ErrorKind::Unavailable, false),
            (503, ErrorKind::Unavailable, true),
            (504, ErrorKind::Timeout, true),
        ] {
            let code = StatusCode::from_u16(status).expect("a status");
            let error = error("GET http://h/", code, &HeaderMap::new());
            assert_eq!((error.kind, error.retryable), (kind, retryable), "{status}");
            assert!(error.message.starts_with(&format!("GET http://h/: {status} ")), "{error}");
        }
    }

    #[test]
    fn retry_after_is_seconds_or_a_date() {
        let now = httpdate::parse_http_date("Sun, 06 Nov 1994 08:49:30 GMT").expect("a date");
        let parsed = |text: &str| retry_after_ms(&headers(text), now);
        assert_eq!(parsed("120"), Some(120_000));
        assert_eq!(parsed(" 0 "), Some(0));
        assert_eq!(parsed("Sun, 06 Nov 1994 08:49:37 GMT"), Some(7000));
        assert_eq!(parsed("Sun, 06 Nov 1994 08:49:00 GMT"), Some(0));
        assert_eq!(parsed("99999999999999999999999"), Some(u64::MAX));
        for text in ["", "-1", "1.5", "soon"] {
            assert_eq!(parsed(text), None, "{text}");
        }
        let far = now + Duration::from_secs(1);
        assert_eq!(retry_after_ms(&HeaderMap::new(), far), None);
    }

    #[test]
    fn the_error_contains_the_time_of_retry_after() {
        let error = error("GET http://h/", StatusCode::TOO_MANY_REQUESTS, &headers("3"));
        assert_eq!(error.retry_after_ms, Some(3000));
    }
}
