//! Runs asynchronous work that starts child processes, on the main thread, while they are reaped.

use std::io;

use tokio::runtime::{EnterGuard, Runtime};
use tokio::task::LocalSet;

use super::children::{self, Children, ORPHANS_LIMIT, Reaper};
use super::reserve::{Descriptors, OutputThread, Reserve};
use super::signals::{HangupMeans, Signals};
use crate::process;

/// A runtime whose work may start workers.
pub struct WorkerRuntime {
    runtime: Runtime,
    descriptors: Descriptors,
    children: Children,
    reaper: Reaper,
}

impl WorkerRuntime {
    /// Allocates what a run needs, and makes this process the parent of processes that its workers leave behind.
    pub fn new(hangup: HangupMeans) -> io::Result<(Self, Signals, OutputThread)> {
        process::adopt_orphans()?;
        let Reserve { runtime, signals, output, descriptors } = Reserve::with_hangup(hangup)?;
        let (children, reaper) = {
            let _inside = runtime.enter();
            children::listen()?
        };
        Ok((Self { runtime, descriptors, children, reaper }, signals, output))
    }

    /// Starts child processes.
    pub fn children(&self) -> Children {
        self.children.clone()
    }

    /// Makes the runtime the current one, for what must be created inside of one.
    pub fn enter(&self) -> EnterGuard<'_> {
        self.runtime.enter()
    }

    /// Runs the work to its end. Then kills the child processes that it left, and frees the reserved descriptors. The
    /// runtime is returned for the rest of the run, which starts no processes.
    pub fn block_on<T>(self, work: impl Future<Output = T>) -> (T, Runtime) {
        let Self { runtime, descriptors, children, reaper } = self;
        let result = LocalSet::new().block_on(&runtime, async {
            tokio::select! {
                result = work => result,
                never = reaper.run() => never,
            }
        });
        drop(descriptors);
        children::end_orphans(ORPHANS_LIMIT, &children.remaining());
        (result, runtime)
    }
}
