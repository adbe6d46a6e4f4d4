//! Waits a limited time for a call that may never return.

use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use gatherer_plugin_api::GatherError;

/// How often the wait calls `check`.
const CHECK_INTERVAL: Duration = Duration::from_millis(200);

/// Makes a call in its own thread, and returns `None` if it takes longer than `timeout`. The thread
/// then keeps running until the process ends. An error of `check` ends the wait with that error.
pub fn call_with_timeout<T: Send + 'static>(
    timeout: Duration,
    check: impl Fn() -> Result<(), GatherError>,
    call: impl FnOnce() -> T + Send + 'static,
) -> Result<Option<T>, GatherError> {
    let end = Instant::now() + timeout;
    let (sender, receiver) = channel();
    // The receiver may be gone when the call returns.
    let work = move || drop(sender.send(call()));
    std::thread::Builder::new()
        .name("libvirt-call".to_owned())
        .spawn(work)
        .map_err(|error| GatherError::internal(format!("a thread cannot be started: {error}")))?;
    loop {
        let left = end.saturating_duration_since(Instant::now());
        match receiver.recv_timeout(left.min(CHECK_INTERVAL)) {
            Ok(answer) => return Ok(Some(answer)),
            Err(RecvTimeoutError::Timeout) if left.is_zero() => return Ok(None),
            Err(RecvTimeoutError::Timeout) => check()?,
            Err(RecvTimeoutError::Disconnected) => {
                return Err(GatherError::internal("the thread of a call to libvirt panicked"));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use gatherer_plugin_api::{ErrorKind, GatherError};

    use super::call_with_timeout;

    const LONG: Duration = Duration::from_mins(1);

    #[test]
    fn returns_the_result_or_none_after_the_timeout() {
        assert_eq!(call_with_timeout(LONG, || Ok(()), || 42), Ok(Some(42)));
        let hangs = || std::thread::park_timeout(LONG);
        assert_eq!(call_with_timeout(Duration::from_millis(50), || Ok(()), hangs), Ok(None));
    }

    #[test]
    fn a_cancelled_wait_and_a_panicked_thread_are_errors() {
        let hangs = || std::thread::park_timeout(LONG);
        let cancelled = || Err(GatherError::new(ErrorKind::Timeout, "cancelled"));
        let error = call_with_timeout(LONG, cancelled, hangs).expect_err("cancelled");
        assert_eq!((error.kind, error.message.as_str()), (ErrorKind::Timeout, "cancelled"));
        let panics = || panic!("intended by the test");
        let error = call_with_timeout::<()>(LONG, || Ok(()), panics).expect_err("panicked");
        assert_eq!(error.kind, ErrorKind::Internal);
    }
}
