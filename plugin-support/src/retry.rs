//! The one owner of retrying: how often, after how long, and when not.

use std::future::Future;
use std::hash::{BuildHasher as _, Hasher as _, RandomState};
use std::time::{Duration, Instant};

use gatherer_plugin_api::{Context, ErrorKind, GatherError};

use crate::run;

/// How many requests of one endpoint are repeated in all, unless the endpoint says otherwise.
pub const DEFAULT_RETRIES: u32 = 3;

/// The longest wait that is granted to an endpoint without a deadline.
const LONGEST_WAIT: Duration = Duration::from_mins(5);

const FIRST_BACKOFF: Duration = Duration::from_millis(500);
const LONGEST_BACKOFF: Duration = Duration::from_secs(30);

/// Runs an operation again while it fails with a retryable error, as long as the endpoint's
/// budget of retries and its deadline allow.
///
/// Waits 0.5 s, then twice as long each time, up to 30 s, less up to a half at random so that
/// many endpoints of one server do not come back together; or as long as the endpoint asked for. If
/// that is longer than the time that is left, the error is returned at once.
///
/// Only for operations that may be done twice: reading, or logging in.
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
        let left = budget.saturating_sub(context.retries());
        let remaining = run::operation_remaining(context);
        let took = started.elapsed();
        let wait = match decide(error, took, attempts, left, remaining, jitter()) {
            Verdict::Wait(wait, error) => {
                tracing::info!("{error}; trying again in {}", run::seconds(wait));
                wait
            }
            Verdict::GiveUp(error) => return Err(counted(error, attempts)),
        };
        context.count_retry();
        attempts += 1;
        tokio::time::sleep(wait).await;
    }
}

#[derive(Debug, PartialEq)]
enum Verdict {
    Wait(Duration, GatherError),
    GiveUp(GatherError),
}

/// What to do about an error that came after this long and this many earlier retries of the same
/// operation.
fn decide(
    mut error: GatherError,
    took: Duration,
    attempts: u32,
    left: u32,
    remaining: Option<Duration>,
    jitter: f64,
) -> Verdict {
    if !error.retryable || error.kind == ErrorKind::Internal {
        return Verdict::GiveUp(error);
    }
    if left == 0 {
        return Verdict::GiveUp(error);
    }
    let backoff = FIRST_BACKOFF.saturating_mul(1_u32.checked_shl(attempts).unwrap_or(u32::MAX));
    let backoff = backoff.min(LONGEST_BACKOFF).mul_f64(jitter);
    let asked = error.retry_after_ms.map(Duration::from_millis);
    let wait = asked.map_or(backoff, |asked| asked.max(backoff));
    let allowed = remaining.unwrap_or(LONGEST_WAIT);
    // What timed out once would need as long again to be any better.
    let needed = if error.kind == ErrorKind::Timeout { took } else { Duration::ZERO };
    if wait.saturating_add(needed) < allowed {
        return Verdict::Wait(wait, error);
    }
    if let Some(asked) = asked {
        let left = match remaining {
            Some(remaining) => format!("the {} that are left", run::seconds(remaining)),
            None => format!("the {} that are granted", run::seconds(LONGEST_WAIT)),
        };
        error.message = format!(
            "{}; it asks to come back after {}, later than {left}",
            error.message,
            run::seconds(asked)
        );
    }
    Verdict::GiveUp(error)
}

/// Says how often the operation that still fails was repeated.
fn counted(mut error: GatherError, attempts: u32) -> GatherError {
    if attempts > 0 && error.retryable {
        let times = if attempts == 1 { "retry" } else { "retries" };
        error.message = format!("{} (after {attempts} {times})", error.message);
    }
    error
}

/// Between one half and one. The standard library's hasher is seeded at random, which is random
/// enough to keep workers apart.
fn jitter() -> f64 {
    let random = u32::try_from(RandomState::new().build_hasher().finish() >> 32).unwrap_or(0);
    0.5 + f64::from(random) / f64::from(u32::MAX) / 2.0
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use gatherer_plugin_api::Options;

    use super::*;
    use crate::testing;

    const ONE_SECOND: Duration = Duration::from_secs(1);

    fn unavailable() -> GatherError {
        GatherError::new(ErrorKind::Unavailable, "503")
    }

    fn waits(verdict: Verdict) -> Duration {
        match verdict {
            Verdict::Wait(wait, _) => wait,
            Verdict::GiveUp(error) => panic!("gave up: {error}"),
        }
    }

    fn gives_up(verdict: Verdict) -> String {
        match verdict {
            Verdict::Wait(wait, _) => panic!("waits {wait:?}"),
            Verdict::GiveUp(error) => error.message,
        }
    }

    #[test]
    fn waits_double_up_to_a_limit() {
        let wait =
            |attempts| waits(decide(unavailable(), ONE_SECOND, attempts, 1, None, 1.0)).as_millis();
        assert_eq!([wait(0), wait(1), wait(2), wait(9), wait(99)], [500, 1000, 2000, 30000, 30000]);
    }

    #[test]
    fn an_error_that_is_final_is_not_retried() {
        let error = GatherError::new(ErrorKind::Permission, "403");
        assert_eq!(gives_up(decide(error, ONE_SECOND, 0, 3, None, 1.0)), "403");
    }

    #[test]
    fn the_budget_ends_retrying_and_the_message_says_so() {
        assert_eq!(gives_up(decide(unavailable(), ONE_SECOND, 3, 0, None, 1.0)), "503");
        assert_eq!(counted(unavailable(), 3).message, "503 (after 3 retries)");
        assert_eq!(counted(unavailable(), 0).message, "503");
    }

    #[test]
    fn the_endpoints_wish_is_honoured_if_there_is_time() {
        let asked = unavailable().with_retry_after_ms(4000);
        let left = Some(Duration::from_secs(9));
        assert_eq!(waits(decide(asked, ONE_SECOND, 0, 1, left, 1.0)), Duration::from_secs(4));
    }

    #[test]
    fn a_wish_beyond_the_deadline_ends_it_at_once_and_the_message_says_so() {
        let asked = unavailable().with_retry_after_ms(120_000);
        let message = gives_up(decide(asked, ONE_SECOND, 0, 1, Some(Duration::from_secs(9)), 1.0));
        assert_eq!(
            message,
            "503; it asks to come back after 120 s, later than the 9 s that are left"
        );
    }

    #[test]
    fn what_timed_out_is_not_tried_again_without_the_time_for_it() {
        let verdict = |remaining| {
            let error = GatherError::new(ErrorKind::Timeout, "no answer");
            decide(error, ONE_SECOND, 0, 1, Some(Duration::from_millis(remaining)), 1.0)
        };
        assert_eq!(waits(verdict(1600)), FIRST_BACKOFF);
        assert_eq!(gives_up(verdict(1400)), "no answer");
    }

    #[test]
    fn jitter_stays_between_a_half_and_one() {
        assert!((0..1000).all(|_| (0.5..=1.0).contains(&jitter())));
    }

    #[test]
    fn the_budget_is_the_endpoints_not_the_operations() {
        let context = testing::context(Options { retries: Some(1), ..Options::default() });
        let calls = Cell::new(0);
        let failing = || {
            calls.set(calls.get() + 1);
            async { Err::<(), _>(unavailable()) }
        };
        let outcome = run::block_on(&context, async {
            idempotent(&context, failing).await.expect_err("fails");
            idempotent(&context, failing).await
        });
        assert!(outcome.is_err());
        assert_eq!((calls.get(), context.retries()), (3, 1));
    }
}
