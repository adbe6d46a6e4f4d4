//! Retries of failed requests: how many, after which delay, and for which errors. Only this module
//! retries.

use std::future::Future;
use std::hash::{BuildHasher as _, Hasher as _, RandomState};
use std::time::{Duration, Instant};

use gatherer_plugin_api::{Context, ErrorKind, GatherError};

use crate::run;

/// The number of retries for all requests of an endpoint together, unless the endpoint sets another one.
pub const DEFAULT_RETRIES: u32 = 3;

/// The maximum delay for an endpoint without a deadline.
const MAX_DELAY_WITHOUT_DEADLINE: Duration = Duration::from_mins(5);

const FIRST_BACKOFF: Duration = Duration::from_millis(500);
const MAX_BACKOFF: Duration = Duration::from_secs(30);

/// Runs an operation, and repeats it while it fails with a retryable error and the endpoint's number of
/// retries and deadline allow it.
///
/// The delay is 0.5 s and doubles each time, up to 30 s. It is reduced at random by up to one half, so
/// that many endpoints of one server do not retry at the same time. If the server requested a longer
/// delay, that one is used. If the delay does not end before the deadline, the error is returned at
/// once.
///
/// Only for operations that may be repeated: reading, or logging in.
pub async fn idempotent<T, Operation, Attempt>(
    context: &Context,
    mut operation: Operation,
) -> Result<T, GatherError>
where
    Operation: FnMut() -> Attempt,
    Attempt: Future<Output = Result<T, GatherError>>,
{
    let mut attempts = 0;
    loop {
        context.check_cancelled()?;
        let started = Instant::now();
        let error = match operation().await {
            Ok(value) => return Ok(value),
            Err(error) => error,
        };
        let budget = context.options().retries.unwrap_or(DEFAULT_RETRIES);
        let retries_left = budget.saturating_sub(context.retries());
        let remaining = run::operation_remaining(context);
        let took = started.elapsed();
        let wait = match decide(error, took, attempts, retries_left, remaining, jitter()) {
            RetryDecision::Wait(wait, error) => {
                tracing::info!("{error}; trying again in {}", run::seconds(wait));
                wait
            }
            RetryDecision::GiveUp(error) => return Err(with_retry_count(error, attempts)),
        };
        context.count_retry();
        attempts += 1;
        tokio::time::sleep(wait).await;
    }
}

#[derive(Debug, PartialEq)]
enum RetryDecision {
    Wait(Duration, GatherError),
    GiveUp(GatherError),
}

/// Decides what to do about an error. The operation `took` this long, and was repeated `attempts` times
/// before. The endpoint has `retries_left`, and `remaining` time until its deadline, if it has one.
fn decide(
    mut error: GatherError,
    took: Duration,
    attempts: u32,
    retries_left: u32,
    remaining: Option<Duration>,
    jitter: f64,
) -> RetryDecision {
    if !error.retryable || error.kind == ErrorKind::Internal || retries_left == 0 {
        return RetryDecision::GiveUp(error);
    }
    let backoff = FIRST_BACKOFF.saturating_mul(1_u32.checked_shl(attempts).unwrap_or(u32::MAX));
    let backoff = backoff.min(MAX_BACKOFF).mul_f64(jitter);
    let requested = error.retry_after_ms.map(Duration::from_millis);
    let wait = requested.map_or(backoff, |requested| requested.max(backoff));
    let allowed = remaining.unwrap_or(MAX_DELAY_WITHOUT_DEADLINE);
    // An operation that timed out needs at least as much time again.
    let needed = if error.kind == ErrorKind::Timeout { took } else { Duration::ZERO };
    if wait.saturating_add(needed) < allowed {
        return RetryDecision::Wait(wait, error);
    }
    if let Some(requested) = requested {
        let limit = match remaining {
            Some(remaining) => format!("the remaining {}", run::seconds(remaining)),
            None => format!("the limit of {}", run::seconds(MAX_DELAY_WITHOUT_DEADLINE)),
        };
        error.message = format!(
            "{}; the server requests a delay of {}, longer than {limit}",
            error.message,
            run::seconds(requested)
        );
    }
    RetryDecision::GiveUp(error)
}

/// Adds to the message how often the operation was repeated.
fn with_retry_count(mut error: GatherError, attempts: u32) -> GatherError {
    if attempts > 0 && error.retryable {
        let times = if attempts == 1 { "retry" } else { "retries" };
        error.message = format!("{} (after {attempts} {times})", error.message);
    }
    error
}

/// A random number between one half and one. The random seed of the standard library's hasher is good
/// enough to spread the workers.
fn jitter() -> f64 {
    let random = u32::try_from(RandomState::new().build_hasher().finish() >> 32).unwrap_or(0);
    0.5 + f64::from(random) / f64::from(u32::MAX) / 2.0
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use gatherer_plugin_api::Options;
    use gatherer_plugin_api::testing::Recorder;

    use super::*;

    const ONE_SECOND: Duration = Duration::from_secs(1);

    fn unavailable() -> GatherError {
        GatherError::new(ErrorKind::Unavailable, "503")
    }

    fn waits(decision: RetryDecision) -> Duration {
        match decision {
            RetryDecision::Wait(wait, _) => wait,
            RetryDecision::GiveUp(error) => panic!("gave up: {error}"),
        }
    }

    fn gives_up(decision: RetryDecision) -> String {
        match decision {
            RetryDecision::Wait(wait, _) => panic!("waits {wait:?}"),
            RetryDecision::GiveUp(error) => error.message,
        }
    }

    #[test]
    fn the_delay_doubles_up_to_a_limit() {
        let wait =
            |attempts| waits(decide(unavailable(), ONE_SECOND, attempts, 1, None, 1.0)).as_millis();
        assert_eq!([wait(0), wait(1), wait(2), wait(9), wait(99)], [500, 1000, 2000, 30000, 30000]);
    }

    #[test]
    fn an_error_that_is_not_retryable_is_returned() {
        let error = GatherError::new(ErrorKind::Permission, "403");
        assert_eq!(gives_up(decide(error, ONE_SECOND, 0, 3, None, 1.0)), "403");
    }

    #[test]
    fn gives_up_when_no_retries_are_left_and_reports_their_number() {
        assert_eq!(gives_up(decide(unavailable(), ONE_SECOND, 3, 0, None, 1.0)), "503");
        assert_eq!(with_retry_count(unavailable(), 3).message, "503 (after 3 retries)");
        assert_eq!(with_retry_count(unavailable(), 0).message, "503");
    }

    #[test]
    fn honours_the_delay_that_the_server_requests() {
        let error = unavailable().with_retry_after_ms(4000);
        let remaining = Some(Duration::from_secs(9));
        let decision = decide(error, ONE_SECOND, 0, 1, remaining, 1.0);
        assert_eq!(waits(decision), Duration::from_secs(4));
    }

    #[test]
    fn gives_up_if_the_server_requests_a_delay_beyond_the_deadline() {
        let error = unavailable().with_retry_after_ms(120_000);
        let remaining = Some(Duration::from_secs(9));
        let message = gives_up(decide(error, ONE_SECOND, 0, 1, remaining, 1.0));
        insta::assert_snapshot!(message);
    }

    #[test]
    fn a_timeout_is_retried_only_if_there_is_as_much_time_again() {
        let decision = |remaining| {
            let error = GatherError::new(ErrorKind::Timeout, "no response");
            decide(error, ONE_SECOND, 0, 1, Some(Duration::from_millis(remaining)), 1.0)
        };
        assert_eq!(waits(decision(1600)), FIRST_BACKOFF);
        assert_eq!(gives_up(decision(1400)), "no response");
    }

    #[test]
    fn jitter_is_between_one_half_and_one() {
        assert!((0..1000).all(|_| (0.5..=1.0).contains(&jitter())));
    }

    #[test]
    fn all_operations_of_an_endpoint_share_its_retries() {
        let context =
            Recorder::new().options(Options { retries: Some(1), ..Options::default() }).context();
        let calls = Cell::new(0);
        let failing = || {
            calls.set(calls.get() + 1);
            async { Err::<(), _>(unavailable()) }
        };
        let outcome = run::block_on(&context, async {
            idempotent(&context, failing).await.expect_err("the operation fails");
            idempotent(&context, failing).await
        });
        assert!(outcome.is_err());
        assert_eq!((calls.get(), context.retries()), (3, 1));
    }
}
