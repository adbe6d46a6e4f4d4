//! Running a plugin's asynchronous work inside its synchronous `gather`, with an end.

use std::future::{Future, poll_fn};
use std::panic::AssertUnwindSafe;
use std::pin::pin;
use std::task::Poll;
use std::time::{Duration, Instant};

use gatherer_plugin_api::{Context, ErrorKind, GatherError};

/// A thread of the runtime stays as long as the runtime.
const KEEP_ALIVE: Duration = Duration::from_hours(24 * 365);

/// How often the runner's wish to stop is looked at.
const CANCEL_POLL: Duration = Duration::from_millis(50);

/// Runs a future on a runtime of its own until it is done, the endpoint's deadline has come
/// (`timeout`), or the gathering was cancelled.
///
/// The deadlines here are a little earlier than the runner's own: a plugin's sentence, which knows
/// what it was waiting for, has to arrive before the runner gives the worker up.
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
        .thread_keep_alive(KEEP_ALIVE)
        .build()
        .map_err(|error| GatherError::internal(format!("no asynchronous runtime: {error}")))?;
    start_thread(&runtime)?;
    let outcome = runtime.block_on(until_stopped(context, future));
    // A plain drop waits for every name lookup that is still under way in the system's resolver.
    runtime.shutdown_background();
    outcome
}

/// Starts the thread that looks names up, and reads pages. tokio panics where it can start none; as
/// long as there is one, what is given to it waits.
fn start_thread(runtime: &tokio::runtime::Runtime) -> Result<(), GatherError> {
    let failed = |why: &str| {
        GatherError::internal(format!("no thread can be started: {why}"))
            .with_hint("lower --jobs, or raise the limit on processes and threads (`ulimit -u`)")
    };
    let probe = std::thread::Builder::new().name("probe".to_owned()).spawn(|| ());
    // It does nothing that could panic. When it has ended, there may be another one.
    let _ = probe.map_err(|error| failed(&error.to_string()))?.join();
    // Unless another process has taken its place in the meantime. The plugin's own hook would log
    // that as a fault of the plugin; no other thread runs that could need the hook.
    let hook = std::panic::take_hook();
    std::panic::set_hook(Box::new(|_| {}));
    let started = std::panic::catch_unwind(AssertUnwindSafe(|| {
        drop(runtime.spawn_blocking(|| ()));
    }));
    std::panic::set_hook(hook);
    started.map_err(|_| failed("there are too many"))
}

async fn until_stopped<T>(
    context: &Context,
    future: impl Future<Output = Result<T, GatherError>>,
) -> Result<T, GatherError> {
    let mut future = pin!(future);
    let mut ticks = tokio::time::interval(CANCEL_POLL);
    let end = context.deadline().map(|deadline| earlier(deadline, margin(context) / 2));
    let mut end = pin!(end.map(|end| tokio::time::sleep_until(end.into())));
    poll_fn(|cx| {
        if let Poll::Ready(outcome) = future.as_mut().poll(cx) {
            return Poll::Ready(outcome);
        }
        while ticks.poll_tick(cx).is_ready() {
            if let Err(error) = context.check_cancelled() {
                return Poll::Ready(Err(error));
            }
        }
        match end.as_mut().as_pin_mut().map(|end| end.poll(cx)) {
            Some(Poll::Ready(())) => Poll::Ready(Err(GatherError::new(
                ErrorKind::Timeout,
                format!("not done within the endpoint's {}", timeout_text(context)),
            ))),
            _ => Poll::Pending,
        }
    })
    .await
}

/// When a single operation has to give up, so that its own error is the one that is told.
fn operation_deadline(context: &Context) -> Option<Instant> {
    context.deadline().map(|deadline| earlier(deadline, margin(context)))
}

/// How long an operation may still wait. None: no deadline was set.
pub fn operation_remaining(context: &Context) -> Option<Duration> {
    operation_deadline(context).map(|end| end.saturating_duration_since(Instant::now()))
}

/// The endpoint's timeout, as it stands in messages.
pub fn timeout_text(context: &Context) -> String {
    match context.options().timeout_ms {
        Some(milliseconds) => {
            format!("timeout of {}", seconds(Duration::from_millis(milliseconds)))
        }
        None => "time".to_owned(),
    }
}

/// A duration for people: `2 s`, `0.5 s`.
pub fn seconds(duration: Duration) -> String {
    let rounded = (duration.as_secs_f64() * 10.0).round() / 10.0;
    format!("{rounded} s")
}

fn margin(context: &Context) -> Duration {
    let whole = Duration::from_millis(context.options().timeout_ms.unwrap_or(0));
    (whole / 10).min(Duration::from_millis(500))
}

fn earlier(deadline: Instant, margin: Duration) -> Instant {
    deadline.checked_sub(margin).unwrap_or(deadline)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;

    #[test]
    fn what_the_future_says_is_returned() {
        let context = testing::context(gatherer_plugin_api::Options::default());
        assert_eq!(block_on(&context, async { Ok(7) }), Ok(7));
    }

    #[test]
    fn the_deadline_ends_a_future_that_never_does() {
        let options = gatherer_plugin_api::Options { timeout_ms: Some(100), ..Default::default() };
        let error = block_on(&testing::context(options), std::future::pending::<Result<(), _>>())
            .expect_err("never ready");
        assert_eq!(error.kind, ErrorKind::Timeout);
        assert_eq!(error.message, "not done within the endpoint's timeout of 0.1 s");
    }

    #[test]
    fn a_cancelled_gathering_ends_at_once() {
        let context = testing::cancelled_context(gatherer_plugin_api::Options::default());
        let error =
            block_on(&context, std::future::pending::<Result<(), _>>()).expect_err("cancelled");
        assert_eq!(error.kind, ErrorKind::Timeout);
        assert!(error.message.contains("cancelled"), "{error}");
    }
}
