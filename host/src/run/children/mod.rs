//! The child processes of the runner: workers, and orphans of workers, which the kernel reparents to the
//! runner (see [`adopt_orphans`](crate::process::adopt_orphans)).
//!
//! The runner reaps all of its children itself, so that no orphan stays a zombie until the end of the run.
//! Nothing here waits for a process without a limit: a process in state D, or a zombie whose tracer does
//! not wait for it, outlives SIGKILL.

mod orphans;
mod proc_state;

pub use orphans::{ORPHANS_LIMIT, end_orphans};
pub use proc_state::{spare_children_of_caller, why_it_survives};

use std::cell::RefCell;
use std::collections::HashMap;
use std::io;
use std::os::unix::process::ExitStatusExt as _;
use std::process::{Command, ExitStatus};
use std::rc::Rc;

use rustix::process::{Pid, Signal, WaitOptions};
use tokio::process::{ChildStderr, ChildStdin, ChildStdout};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::oneshot;

/// The number of children that are reaped before the runtime polls other tasks.
const REAPED_AT_ONCE: usize = 256;

/// The workers that have not been reaped. Cheap to clone; all clones share one list.
#[derive(Clone, Default)]
pub struct Children(Rc<RefCell<HashMap<Pid, oneshot::Sender<ExitStatus>>>>);

/// Reaps every child that exits, while the future of [`Reaper::run`] is polled.
pub struct Reaper {
    sigchld: tokio::signal::unix::Signal,
    children: Children,
}

/// Starts to listen for children that exit. To be called inside a runtime.
pub fn listen() -> io::Result<(Children, Reaper)> {
    let children = Children::default();
    let sigchld = signal(SignalKind::child())?;
    Ok((children.clone(), Reaper { sigchld, children }))
}

impl Reaper {
    /// Reaps children until the future is dropped.
    pub async fn run(mut self) -> ! {
        loop {
            for reaped in 1.. {
                let Some(pid) = crate::process::ended_child() else { break };
                let worker = self.children.0.borrow_mut().remove(&pid);
                if worker.is_some() {
                    // Kills the rest of the worker's process group. This must happen before the worker is
                    // reaped: afterwards its number may be reused.
                    let _ = rustix::process::kill_process_group(pid, Signal::KILL);
                }
                let status = reap(pid);
                // A child that is not in the list is an orphan or the log process: no code waits for it.
                if let Some((worker, status)) = worker.zip(status) {
                    // The receiver was dropped if the runner gave up the worker.
                    let _ = worker.send(status);
                }
                if reaped % REAPED_AT_ONCE == 0 {
                    tokio::task::yield_now().await;
                }
            }
            if self.sigchld.recv().await.is_none() {
                // The runtime is shutting down, and drops this future.
                std::future::pending::<()>().await;
            }
        }
    }
}

impl Children {
    /// Starts a worker with pipes as its three standard streams.
    pub fn spawn(&self, command: &mut Command) -> io::Result<Child> {
        let mut spawned = command.spawn()?;
        let pid = Pid::from_child(&spawned);
        let (sender, status) = oneshot::channel();
        self.0.borrow_mut().insert(pid, sender);
        let mut child =
            Child { pid, children: self.clone(), status, stdin: None, stdout: None, stderr: None };
        // If one of these fails, dropping the child kills the process.
        child.stdin = spawned.stdin.take().map(ChildStdin::from_std).transpose()?;
        child.stdout = spawned.stdout.take().map(ChildStdout::from_std).transpose()?;
        child.stderr = spawned.stderr.take().map(ChildStderr::from_std).transpose()?;
        Ok(child)
    }

    /// The workers that have not been reaped. After the last session these are the ones that the runner gave
    /// up.
    pub fn remaining(&self) -> Vec<Pid> {
        self.0.borrow().keys().copied().collect()
    }
}

/// The process of a worker. Dropping it kills the process and its group, without waiting.
pub struct Child {
    pid: Pid,
    children: Children,
    status: oneshot::Receiver<ExitStatus>,
    /// Its standard input, until it is taken.
    pub stdin: Option<ChildStdin>,
    /// Its standard output, until it is taken.
    pub stdout: Option<ChildStdout>,
    /// Its standard error, until it is taken.
    pub stderr: Option<ChildStderr>,
}

impl Child {
    /// The process id.
    pub fn pid(&self) -> Pid {
        self.pid
    }

    /// Waits until the [`Reaper`] has reaped it; `None` if the status is lost. Cancel safe, but not to be
    /// called again after it has returned.
    pub async fn wait(&mut self) -> Option<ExitStatus> {
        (&mut self.status).await.ok()
    }

    /// Sends a signal to the process and to its group, unless the process was reaped: then its number may
    /// belong to another process, and the [`Reaper`] has killed the group.
    pub fn signal(&self, signal: Signal) {
        if self.children.0.borrow().contains_key(&self.pid) {
            // The process creates its group a moment after it was started.
            let _ = rustix::process::kill_process(self.pid, signal);
            let _ = rustix::process::kill_process_group(self.pid, signal);
        }
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        self.signal(Signal::KILL);
    }
}

/// Reaps a child that has exited.
fn reap(pid: Pid) -> Option<ExitStatus> {
    let (_, status) = rustix::process::waitpid(Some(pid), WaitOptions::NOHANG).ok()??;
    Some(ExitStatus::from_raw(status.as_raw()))
}
