//! Recognizes responses that limit the rate of requests by other signs than status 429 and `Retry-After`.

use std::time::SystemTime;

use gatherer_plugin_api::{ErrorKind, GatherError};

use crate::http::{HeaderMap, Response, parse_retry_after};

/// How a service says that it received too many requests. Status 429 always means that, and `Retry-After`
/// always gives the delay.
///
/// ```no_run
/// use gatherer_plugin_api::{Context, GatherError};
/// use gatherer_plugin_support::http::{Client, Response, Url};
/// use gatherer_plugin_support::rate_limit::RateLimits;
/// use gatherer_plugin_support::retry;
///
/// const LIMITS: RateLimits = RateLimits {
///     statuses: &[413],
///     codes: &["rateLimitExceeded", "Throttling"],
///     delay_headers: &["x-ms-retry-after-ms"],
/// };
///
/// #[derive(serde::Deserialize)]
/// struct Failure {
///     code: String,
/// }
///
/// fn code(body: &[u8]) -> Option<String> {
///     serde_json::from_slice(body).ok().map(|failure: Failure| failure.code)
/// }
///
/// async fn get(context: &Context, client: &Client, url: &Url) -> Result<Response, GatherError> {
///     retry::idempotent(context, async || LIMITS.check(client.get(url).await?, code)).await
/// }
/// ```
#[derive(Debug, Clone, Copy)]
pub struct RateLimits {
    /// Other statuses that mean it.
    pub statuses: &'static [u16],
    /// The codes of errors that mean it, with any status other than 2xx.
    pub codes: &'static [&'static str],
    /// Other headers that give the delay, in lower case: in milliseconds if the name ends with `-ms`,
    /// otherwise as `Retry-After` does.
    pub delay_headers: &'static [&'static str],
}

impl RateLimits {
    /// Returns the response if its status is 2xx, otherwise the error that explains it. If the response limits
    /// the rate, the error is a `rate-limited` one with the longest delay that the headers give, which
    /// [`retry::idempotent`](crate::retry::idempotent) waits for. `code` finds the code of the error in the body.
    pub fn check(
        &self,
        response: Response,
        code: impl FnOnce(&[u8]) -> Option<String>,
    ) -> Result<Response, GatherError> {
        let status = response.status();
        if status.is_success() {
            return Ok(response);
        }
        let mut error = response.status_error();
        let code = code(response.body()).filter(|code| self.codes.contains(&code.as_str()));
        let is_limit = code.is_some() || self.statuses.contains(&status.as_u16());
        if !is_limit && error.kind != ErrorKind::RateLimited {
            return Err(error);
        }
        if let Some(code) = code {
            error.message = format!("{} ({code})", error.message);
        }
        error.kind = ErrorKind::RateLimited;
        error.retryable = true;
        error.hint = None;
        error.retry_after_ms = self.delay_ms(response.headers(), SystemTime::now());
        Err(error)
    }

    /// The longest delay in these headers.
    fn delay_ms(&self, headers: &HeaderMap, now: SystemTime) -> Option<u64> {
        let names = ["retry-after"].iter().chain(self.delay_headers);
        let delays = names.filter_map(|name| {
            let text = headers.get(*name)?.to_str().ok()?.trim();
            if name.ends_with("-ms") { text.parse().ok() } else { parse_retry_after(text, now) }
        });
        delays.max()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn the_longest_delay_counts_in_the_unit_of_its_header() {
        let limits = RateLimits {
            statuses: &[],
            codes: &[],
            delay_headers: &["x-retry-after-ms", "x-reset"],
        };
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(784_111_770);
        for (headers, delay) in [
            (vec![], None),
            (vec![("retry-after", "2")], Some(2000)),
            (vec![("retry-after", "2"), ("x-retry-after-ms", "2500")], Some(2500)),
            (vec![("x-retry-after-ms", "1.5"), ("retry-after", "1")], Some(1000)),
            (vec![("x-reset", "Sun, 06 Nov 1994 08:49:37 GMT")], Some(7000)),
            (vec![("x-other", "9")], None),
        ] {
            let map = headers.iter().map(|(name, value)| {
                (name.parse().expect("a name"), value.parse().expect("a value"))
            });
            assert_eq!(limits.delay_ms(&map.collect(), now), delay, "{headers:?}");
        }
    }
}
