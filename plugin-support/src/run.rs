//! Runs asynchronous work inside the synchronous `gather`, until it is done, cancelled or timed out.

use std::future::{Future, poll_fn};
use std::panic::AssertUnwindSafe;
use std::pin::pin;
use std::task::Poll;
use std::time::{Duration, Instant};

use gatherer_plugin_api::{Context, ErrorKind, GatherError};

/// How long an idle blocking thread is kept: in effect, as long as the runtime exists.
const THREAD_KEEP_ALIVE: Duration = Duration::from_hours(24 * 365);

/// The interval at which cancellation is checked.
const CANCELLATION_POLL_INTERVAL: Duration = Duration::from_millis(50);

/// Runs a future on a new runtime until it is done, the endpoint's deadline has passed (a `timeout`
/// error), or the gathering is cancelled.
///
/// The deadlines here are slightly earlier than the runner's, so that the plugin's error, which knows
/// what the plugin was waiting for, arrives before the runner gives up the worker.
///
/// Must not be called from inside another runtime.
///
/// ```no_run
/// # fn gather(context: &gatherer_plugin_api::Context) -> Result<(), gatherer_plugin_api::GatherError> {
/// use gatherer_plugin_support::{http, retry, run};
/// let url = "https://inventory.example.com/hosts.json".parse().expect("a valid URL");
/// let client = http::Client::new(context)?;
/// let body = run::block_on(context, async {
///     retry::idempotent(context, || client.get(&url)).await.map(http::Response::into_body)
/// })?;
/// # Ok(()) }
/// ```
pub fn block_on<T>(
    context: &Context,
    future: impl Future<Output = Result<T, GatherError>>,
) -> Result<T, GatherError> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .thread_keep_alive(THREAD_KEEP_ALIVE)
        .build()
        .map_err(|error| {
            GatherError::internal(format!("the asynchronous runtime cannot be created: {error}"))
        })?;
    start_blocking_thread(&runtime)?;
    let outcome = runtime.block_on(until_stopped(context, future));
    // Dropping the runtime would wait for name lookups that are still running in the resolver.
    runtime.shutdown_background();
    outcome
}

/// Starts the thread for blocking work, such as name lookups and the parsing of pages. tokio panics if
/// it has no such thread and cannot start one. If it has one, further work waits for it.
fn start_blocking_thread(runtime: &tokio::runtime::Runtime) -> Result<(), GatherError> {
    let failed = |why: &str| {
        GatherError::internal(format!("no thread can be started: {why}"))
            .with_hint("lower --jobs, or raise the limit on processes and threads (`ulimit -u`)")
    };
    // First check with a thread of our own that a thread can be started. It does not panic.
    let probe = std::thread::Builder::new().name("probe".to_owned()).spawn(|| ());
    let _ = probe.map_err(|error| failed(&error.to_string()))?.join();
    // Another process may have used up the limit since then, so a panic is still possible. It must not
    // be logged as a fault of the plugin. No other thread is running that might need the panic hook.
    let hook = std::panic::take_hook();
    std::panic::set_hook(Box::new(|_| {}));
    let started = std::panic::catch_unwind(AssertUnwindSafe(|| {
        drop(runtime.spawn_blocking(|| ()));
    }));
    std::panic::set_hook(hook);
    started.map_err(|_| failed("too many threads or processes"))
}

async fn until_stopped<T>(
    context: &Context,
    future: impl Future<Output = Result<T, GatherError>>,
) -> Result<T, GatherError> {
    let mut future = pin!(future);
    let mut ticks = tokio::time::interval(CANCELLATION_POLL_INTERVAL);
    let end = context.deadline().map(|deadline| earlier(deadline, margin(context) / 2));
    let mut end = pin!(end.map(|end| tokio::time::sleep_until(end.into())));
    poll_fn(|cx| {
        if let Poll::Ready(outcome) = future.as_mut().poll(cx) {
            return Poll::Ready(outcome);
        }
        // Before the cancellation, because the runner cancels the gathering at the deadline.
        if let Some(Poll::Ready(())) = end.as_mut().as_pin_mut().map(|end| end.poll(cx)) {
            return Poll::Ready(Err(GatherError::new(
                ErrorKind::Timeout,
                format!("did not finish within the endpoint's {}", timeout_text(context)),
            )));
        }
        while ticks.poll_tick(cx).is_ready() {
            if let Err(error) = context.check_cancelled() {
                return Poll::Ready(Err(error));
            }
        }
        Poll::Pending
    })
    .await
}

/// How long a single operation may still take; `None` if the endpoint has no deadline. This is less than
/// the time that [`block_on`] allows, so that the operation's own error is the one that is reported.
pub fn operation_remaining(context: &Context) -> Option<Duration> {
    let deadline = earlier(context.deadline()?, margin(context));
    Some(deadline.saturating_duration_since(Instant::now()))
}

/// The endpoint's timeout, for messages.
pub fn timeout_text(context: &Context) -> String {
    match context.options().timeout_ms {
        Some(milliseconds) => {
            format!("timeout of {}", seconds(Duration::from_millis(milliseconds)))
        }
        None => "time".to_owned(),
    }
}

/// Formats a duration for messages: `2 s`, `0.5 s`.
pub fn seconds(duration: Duration) -> String {
    let rounded = (duration.as_secs_f64() * 10.0).round() / 10.0;
    format!("{rounded} s")
}

/// How much earlier than the runner's deadline operations end: a tenth of the timeout, at most 0.5 s.
fn margin(context: &Context) -> Duration {
    let whole = Duration::from_millis(context.options().timeout_ms.unwrap_or(0));
    (whole / 10).min(Duration::from_millis(500))
}

fn earlier(deadline: Instant, margin: Duration) -> Instant {
    deadline.checked_sub(margin).unwrap_or(deadline)
}

#[cfg(test)]
mod tests {
    use gatherer_plugin_api::Options;
    use gatherer_plugin_api::testing::Recorder;

    use super::*;

    #[test]
    fn returns_the_result_of_the_future() {
        let context = Recorder::new().context();
        assert_eq!(block_on(&context, async { Ok(7) }), Ok(7));
    }

    #[test]
    fn the_deadline_stops_a_future_that_never_completes() {
        let options = Options { timeout_ms: Some(100), ..Options::default() };
        let error = block_on(
            &Recorder::new().options(options).context(),
            std::future::pending::<Result<(), _>>(),
        )
        .expect_err("never ready");
        assert_eq!(error.kind, ErrorKind::Timeout);
        assert!(error.message.contains("0.1 s"), "{error}");
    }

    #[test]
    fn stops_when_the_gathering_is_cancelled() {
        let context = Recorder::new().cancel_after(0).context();
        let error =
            block_on(&context, std::future::pending::<Result<(), _>>()).expect_err("cancelled");
        assert_eq!(error.kind, ErrorKind::Timeout);
        assert!(error.message.contains("cancelled"), "{error}");
    }
}
