//! Calls that may never come back, with an end to the wait for them.

use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use gatherer_plugin_api::GatherError;

/// How often the wait looks whether it is still wanted.
const STEP: Duration = Duration::from_millis(200);

/// Makes a call in a thread of its own. `None` if it takes longer than `patience`: the thread is
/// left to itself then, and ends with the process. `check` ends the wait with its error.
pub fn within<T: Send + 'static>(
    patience: Duration,
    check: impl Fn() -> Result<(), GatherError>,
    call: impl FnOnce() -> T + Send + 'static,
) -> Result<Option<T>, GatherError> {
    let end = Instant::now() + patience;
    let (sender, receiver) = channel();
    // Nobody may be waiting any more when the call comes back.
    let work = move || drop(sender.send(call()));
    std::thread::Builder::new()
        .name("bulk".to_owned())
        .spawn(work)
        .map_err(|error| GatherError::internal(format!("no thread can be started: {error}")))?;
    loop {
        let left = end.saturating_duration_since(Instant::now());
        match receiver.recv_timeout(left.min(STEP)) {
            Ok(answer) => return Ok(Some(answer)),
            Err(RecvTimeoutError::Timeout) if left.is_zero() => return Ok(None),
            Err(RecvTimeoutError::Timeout) => check()?,
            Err(RecvTimeoutError::Disconnected) => {
                return Err(GatherError::internal("the thread of a call to libvirt has died"));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use gatherer_plugin_api::{ErrorKind, GatherError};

    use super::within;

    const LONG: Duration = Duration::from_mins(1);

    #[test]
    fn what_comes_back_is_passed_on_and_what_does_not_is_given_up() {
        assert_eq!(within(LONG, || Ok(()), || 42), Ok(Some(42)));
        let for_ever = || std::thread::park_timeout(LONG);
        assert_eq!(within(Duration::from_millis(50), || Ok(()), for_ever), Ok(None));
    }

    #[test]
    fn a_cancelled_wait_and_a_dead_thread_are_errors() {
        let for_ever = || std::thread::park_timeout(LONG);
        let cancelled = || Err(GatherError::new(ErrorKind::Timeout, "cancelled"));
        let error = within(LONG, cancelled, for_ever).expect_err("cancelled");
        assert_eq!(error.message, "cancelled");
        let dies = || panic!("as a test wants it");
        let error = within::<()>(LONG, || Ok(()), dies).expect_err("nothing came");
        assert_eq!(error.kind, ErrorKind::Internal);
    }
}
