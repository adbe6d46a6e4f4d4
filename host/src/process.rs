//! What the program does to its own process, as runner and as worker: limits, signals,
//! descriptors, children that nobody else ends.

#![allow(unsafe_code)]

mod log_process;

use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;

pub use log_process::fork_log_process;
use log_process::is_log_process;
use rustix::process::{DumpableBehavior, Pid, Resource, Rlimit, Signal, WaitOptions};

/// Forbids core dumps and the reading of this process's memory by others: it holds secrets.
pub fn protect() -> io::Result<()> {
    rustix::process::setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) })?;
    rustix::process::set_dumpable_behavior(DumpableBehavior::NotDumpable)?;
    Ok(())
}

/// Lets children that end be waited for, whatever whoever started us has set: where SIGCHLD is
/// ignored, nobody learns how a worker ended.
pub fn wait_for_children() {
    // SAFETY: the default action installs no code.
    unsafe { libc::signal(libc::SIGCHLD, libc::SIG_DFL) };
}

/// Makes a write beyond RLIMIT_FSIZE (`ulimit -f`) an error that can be reported; by itself SIGXFSZ
/// would end the program. A handler that does nothing instead of `SIG_IGN`: what workers and their
/// children start has the default action back, as a signal's handler does not outlive `exec`.
pub fn survive_file_size_limit() {
    extern "C" fn ignore(_: libc::c_int) {}
    // SAFETY: the handler does nothing, which is async-signal-safe.
    unsafe {
        let mut action: libc::sigaction = std::mem::zeroed();
        action.sa_sigaction = ignore as *const () as usize;
        action.sa_flags = libc::SA_RESTART;
        libc::sigaction(libc::SIGXFSZ, &raw const action, std::ptr::null_mut());
    }
}

/// Has all threads of this process take memory from one heap. By itself the GNU C library gives each
/// thread its own, which it enlarges page by page, with a system call for each; few of our threads
/// ever work at the same time. What is given back is joined to what is free beside it at once: by
/// itself the library puts that off for small blocks, and then goes through all of them whenever a
/// large one is given back, as a page is.
pub fn set_up_heap() {
    #[cfg(target_env = "gnu")]
    // SAFETY: these set numbers, and no other thread runs yet.
    unsafe {
        libc::mallopt(libc::M_ARENA_MAX, 1);
        libc::mallopt(libc::M_MXFAST, 0);
    }
}

/// A descriptor that stays open for workers that are started later.
pub fn inheritable(file: &File) -> io::Result<OwnedFd> {
    Ok(rustix::io::dup(file)?)
}

/// Raises the soft limit on open descriptors to the hard one. What was the soft limit, and
/// what is it now; `None` is no limit.
pub fn raise_open_files() -> (Option<u64>, Option<u64>) {
    let limit = rustix::process::getrlimit(Resource::Nofile);
    let raised = Rlimit { current: limit.maximum, maximum: limit.maximum };
    match rustix::process::setrlimit(Resource::Nofile, raised) {
        Ok(()) => (limit.current, limit.maximum),
        Err(_) => (limit.current, limit.current),
    }
}

/// Sets the soft limit on open descriptors: `select` knows no more than 1,024.
pub fn limit_open_files(current: Option<u64>) -> io::Result<()> {
    let maximum = rustix::process::getrlimit(Resource::Nofile).maximum;
    Ok(rustix::process::setrlimit(Resource::Nofile, Rlimit { current, maximum })?)
}

/// Makes orphans of workers children of this process, so that [`end_orphans`] finds them.
pub fn adopt_orphans() -> io::Result<()> {
    Ok(rustix::process::set_child_subreaper(Some(rustix::process::getpid()))?)
}

/// Ends every child. To be called when no worker is left: these are what workers left behind.
pub fn end_orphans() {
    // A child's children become ours when it ends.
    for _ in 0..100 {
        let children = children();
        if children.is_empty() {
            return;
        }
        for pid in children {
            // One that ended by itself is waited for all the same.
            let _ = rustix::process::kill_process(pid, Signal::KILL);
            let _ = rustix::process::waitpid(Some(pid), WaitOptions::empty());
        }
    }
}

/// The children of all threads but the log process; none where the kernel does not list them.
fn children() -> Vec<Pid> {
    let Ok(threads) = std::fs::read_dir("/proc/self/task") else { return Vec::new() };
    threads
        .filter_map(|thread| std::fs::read_to_string(thread.ok()?.path().join("children")).ok())
        .flat_map(|list| {
            list.split_whitespace().filter_map(|pid| pid.parse().ok()).collect::<Vec<i32>>()
        })
        .filter_map(Pid::from_raw)
        .filter(|pid| !is_log_process(*pid))
        .collect()
}
