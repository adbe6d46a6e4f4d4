//! The signals that end the program in good order.

use std::io;
use std::time::Duration;

use gatherer_plugin_api::LogLevel;
use tokio::runtime::Runtime;
use tokio::signal::unix::{Signal, SignalKind, signal};

use super::children;
use crate::exit::Exit;
use crate::logging;
use crate::output::outfile;

/// How long the program may take to end in good order. It takes a second or two, unless a log, a
/// terminal or a disk takes nothing.
const LIMIT: Duration = Duration::from_secs(10);

/// How long it cleans up after that.
const LAST_LIMIT: Duration = Duration::from_secs(1);

/// How much of that it spends on ending what workers left behind.
const ORPHANS_LIMIT: Duration = Duration::from_millis(500);

/// A signal that ends the program in good order.
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
    /// What the program ends with.
    pub const fn exit(self) -> Exit {
        match self {
            Self::Hangup => Exit::HungUp,
            Self::Interrupt => Exit::Interrupted,
            Self::Terminate => Exit::Terminated,
        }
    }

    /// What is said when it ended the run.
    pub fn sentence(self) -> String {
        let name = match self {
            Self::Hangup => "SIGHUP",
            Self::Interrupt => "SIGINT",
            Self::Terminate => "SIGTERM",
        };
        format!("ended by {name} before the whole result was printed")
    }
}

/// Listens for the signals. From its making on their default actions are off: somebody has to
/// ask for the next one until the program ends.
pub struct Signals {
    hangup: Signal,
    interrupt: Signal,
    terminate: Signal,
}

impl Signals {
    /// Listens, inside a runtime, and sees to it that the first of them ends the program, whatever
    /// holds it up.
    pub fn new() -> io::Result<Self> {
        let signals = Self::listen()?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let watch = move || end_in_time(&runtime);
        // Where no thread can be started, a signal is still heard, but not while the main thread
        // waits for something else.
        let _ = std::thread::Builder::new().name("end".to_owned()).spawn(watch);
        Ok(signals)
    }

    fn listen() -> io::Result<Self> {
        Ok(Self {
            hangup: signal(SignalKind::hangup())?,
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
        })
    }

    /// The next signal. Dropping the future loses none.
    pub async fn next(&mut self) -> EndSignal {
        tokio::select! {
            _ = self.hangup.recv() => EndSignal::Hangup,
            _ = self.interrupt.recv() => EndSignal::Interrupt,
            _ = self.terminate.recv() => EndSignal::Terminate,
        }
    }
}

/// Ends the program a while after the first signal. Who writes to stderr may wait for its reader
/// without an end, and hears no signal meanwhile.
fn end_in_time(runtime: &Runtime) {
    runtime.block_on(async {
        let Ok(mut signals) = Signals::listen() else { return };
        let signal = signals.next().await;
        tokio::time::sleep(LIMIT).await;
        // Workers end with us; what they started does not. A disk that hangs is not waited for.
        let last = std::thread::Builder::new().name("last".to_owned()).spawn(move || {
            outfile::abandon();
            logging::emit_to_file(LogLevel::Error, None, &signal.sentence());
        });
        let cleaned_up = tokio::time::Instant::now() + LAST_LIMIT;
        children::end_orphans(ORPHANS_LIMIT, &[]);
        if last.is_ok() {
            tokio::time::sleep_until(cleaned_up).await;
        }
        std::process::exit(signal.exit() as i32);
    });
}
