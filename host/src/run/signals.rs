//! The signals that end the program in an orderly way, within a time limit.

use std::io;
use std::time::Duration;

use tokio::runtime::Runtime;
use tokio::signal::unix::{Signal, SignalKind, signal};

use super::children;
use crate::exit::Exit;
use crate::output::outfile;

/// The time limit for ending in an orderly way. It normally takes a second or two, unless a log, a terminal
/// or a disk does not accept data.
const SHUTDOWN_LIMIT: Duration = Duration::from_secs(10);

/// The time limit for the cleanup after that.
const CLEANUP_LIMIT: Duration = Duration::from_secs(1);

/// The part of the cleanup for ending processes that workers left behind.
const CLEANUP_ORPHANS_LIMIT: Duration = Duration::from_millis(500);

/// A signal that ends the program in an orderly way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EndSignal {
    /// SIGHUP.
    Hangup,
    /// SIGINT.
    Interrupt,
    /// SIGTERM.
    Terminate,
}

impl EndSignal {
    /// The exit status.
    pub const fn exit(self) -> Exit {
        match self {
            Self::Hangup => Exit::HungUp,
            Self::Interrupt => Exit::Interrupted,
            Self::Terminate => Exit::Terminated,
        }
    }

    /// The message about the run that it ended.
    pub fn message(self) -> String {
        let name = match self {
            Self::Hangup => "SIGHUP",
            Self::Interrupt => "SIGINT",
            Self::Terminate => "SIGTERM",
        };
        format!("ended by {name} before the whole result was printed")
    }
}

/// What SIGHUP does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HangupMeans {
    /// It ends the program.
    End,
    /// It makes the program read its input again.
    Reload,
}

/// Listens for the signals. Once it is created, signals have no other effect: [`Signals::next`] must be
/// polled until the program ends, or [`end_on_signals`](crate::process::end_on_signals) called.
pub struct Signals {
    /// `None` if SIGHUP has another meaning.
    hangup: Option<Signal>,
    interrupt: Signal,
    terminate: Signal,
}

impl Signals {
    /// Starts to listen, inside a runtime. It also starts a thread that ends the program some time after the
    /// first signal, even if the main thread is blocked.
    pub fn new(hangup: HangupMeans) -> io::Result<Self> {
        let signals = Self::listen(hangup)?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let watch = move || enforce_shutdown_limit(&runtime, hangup);
        // Without the thread signals still work, but not while the main thread is blocked.
        let _ = std::thread::Builder::new().name("shutdown".to_owned()).spawn(watch);
        Ok(signals)
    }

    fn listen(hangup: HangupMeans) -> io::Result<Self> {
        let hangup = match hangup {
            HangupMeans::End => Some(signal(SignalKind::hangup())?),
            HangupMeans::Reload => None,
        };
        Ok(Self {
            hangup,
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
        })
    }

    /// Waits for the next signal. Cancel safe.
    pub async fn next(&mut self) -> EndSignal {
        let hangup = async {
            match &mut self.hangup {
                Some(hangup) => hangup.recv().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            _ = hangup => EndSignal::Hangup,
            _ = self.interrupt.recv() => EndSignal::Interrupt,
            _ = self.terminate.recv() => EndSignal::Terminate,
        }
    }
}

/// Ends the program some time after the first signal. The main thread may be blocked by the reader of
/// stderr or by a disk, and does not handle signals meanwhile.
fn enforce_shutdown_limit(runtime: &Runtime, hangup: HangupMeans) {
    runtime.block_on(async {
        let Ok(mut signals) = Signals::listen(hangup) else { return };
        let signal = signals.next().await;
        tokio::time::sleep(SHUTDOWN_LIMIT).await;
        // Workers end with this process, but the processes that they started do not. The outfile and the log
        // get a thread of their own, because a disk may hang.
        let last = std::thread::Builder::new().name("cleanup".to_owned()).spawn(move || {
            outfile::abandon();
            tracing::error!(file_only = true, "{}", signal.message());
        });
        let deadline = tokio::time::Instant::now() + CLEANUP_LIMIT;
        children::end_orphans(CLEANUP_ORPHANS_LIMIT, &[]);
        if last.is_ok() {
            tokio::time::sleep_until(deadline).await;
        }
        std::process::exit(signal.exit() as i32);
    });
}
