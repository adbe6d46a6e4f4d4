//! The child processes of this program: workers, and the orphans of workers, which the kernel
//! gives to this process (see [`adopt_orphans`](crate::process::adopt_orphans)).
//!
//! The program reaps all of its children itself, whichever ends, so that no orphan stays a zombie
//! until the end of the run. Nothing here waits for a process without a limit: one that the kernel
//! keeps (state D, or a zombie whose tracer does not let it go) outlives SIGKILL.

mod leftovers;
mod state;

pub use leftovers::{ORPHANS_LIMIT, end_orphans};
pub use state::{spare_children_of_caller, why_it_stays};

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

/// How many children are reaped before others may work.
const REAPED_AT_ONCE: usize = 256;

/// The workers that have not been reaped. Cheap to clone; all clones are the same list.
#[derive(Clone, Default)]
pub struct Children(Rc<RefCell<HashMap<Pid, oneshot::Sender<ExitStatus>>>>);

/// Reaps every child that ends, while its future is polled.
pub struct Reaper {
    sigchld: tokio::signal::unix::Signal,
    children: Children,
}

/// Begins to listen for children that end. To be called inside a runtime.
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
                    // What the worker left behind in its group. The number is the group's until the
                    // worker is reaped; then it may become another process's.
                    let _ = rustix::process::kill_process_group(pid, Signal::KILL);
                }
                let status = reap(pid);
                // One that is not in the list is an orphan or the log process: no code waits for it.
                if let Some((worker, status)) = worker.zip(status) {
                    // The receiver is gone if the worker was given up.
                    let _ = worker.send(status);
                }
                if reaped % REAPED_AT_ONCE == 0 {
                    tokio::task::yield_now().await;
                }
            }
            if self.sigchld.recv().await.is_none() {
                // Only where the runtime ends, and this future with it.
                std::future::pending::<()>().await;
            }
        }
    }
}

impl Children {
    /// Starts a worker, whose three standard streams are pipes.
    pub fn spawn(&self, command: &mut Command) -> io::Result<Child> {
        let mut spawned = command.spawn()?;
        let pid = Pid::from_child(&spawned);
        let (sender, status) = oneshot::channel();
        self.0.borrow_mut().insert(pid, sender);
        let mut child =
            Child { pid, children: self.clone(), status, stdin: None, stdout: None, stderr: None };
        // Should one of these fail, dropping the child kills the process.
        child.stdin = spawned.stdin.take().map(ChildStdin::from_std).transpose()?;
        child.stdout = spawned.stdout.take().map(ChildStdout::from_std).transpose()?;
        child.stderr = spawned.stderr.take().map(ChildStderr::from_std).transpose()?;
        Ok(child)
    }

    /// The workers that have not been reaped: after the last session, those that were given up.
    pub fn remaining(&self) -> Vec<Pid> {
        self.0.borrow().keys().copied().collect()
    }
}

/// A worker's process. Dropping it kills the process and its group, and waits for nothing.
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
    /// Its process id.
    pub fn pid(&self) -> Pid {
        self.pid
    }

    /// Waits until the [`Reaper`] has reaped it. To be called until it returns, not after that.
    /// `None` if the status is lost.
    pub async fn wait(&mut self) -> Option<ExitStatus> {
        (&mut self.status).await.ok()
    }

    /// Sends a signal to the process and to its group, unless it was reaped: its number may belong
    /// to another process then, and the [`Reaper`] has ended the group.
    pub fn signal(&self, signal: Signal) {
        if self.children.0.borrow().contains_key(&self.pid) {
            // The group comes into being a moment after the process.
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

/// Reaps a child that has ended.
fn reap(pid: Pid) -> Option<ExitStatus> {
    let (_, status) = rustix::process::waitpid(Some(pid), WaitOptions::NOHANG).ok()??;
    Some(ExitStatus::from_raw(status.as_raw()))
}
