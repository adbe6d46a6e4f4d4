//! What the program does to its own process, as runner and as worker: limits, signals,
//! descriptors, children that nobody else ends.

#![allow(unsafe_code)]

mod log_process;
mod run_limit;

use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::sync::OnceLock;

pub use log_process::{fork_log_process, is_log_process};
pub use run_limit::RunLimit;
use rustix::process::{DumpableBehavior, Pid, Resource, Rlimit};

/// Forbids core dumps and the reading of this process's memory by others: it holds secrets.
pub fn protect() -> io::Result<()> {
    rustix::process::setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) })?;
    rustix::process::set_dumpable_behavior(DumpableBehavior::NotDumpable)?;
    Ok(())
}

/// Lets children that end be reaped, whatever the caller has set: where SIGCHLD is ignored, the
/// kernel forgets how a worker ended; where it is blocked, the program does not hear of it.
pub fn wait_for_children() {
    // SAFETY: the default action installs no code, and the set is initialized before it is used.
    unsafe {
        libc::signal(libc::SIGCHLD, libc::SIG_DFL);
        let mut signals = std::mem::zeroed();
        libc::sigemptyset(&raw mut signals);
        for signal in [libc::SIGCHLD, libc::SIGHUP, libc::SIGINT, libc::SIGTERM] {
            libc::sigaddset(&raw mut signals, signal);
        }
        libc::pthread_sigmask(libc::SIG_UNBLOCK, &raw const signals, std::ptr::null_mut());
    }
}

/// Has the signals that end the program end it at once, as by default. For a time in which no
/// code listens for them.
pub fn end_on_signals() {
    for signal in [libc::SIGHUP, libc::SIGINT, libc::SIGTERM] {
        // SAFETY: the default action installs no code.
        unsafe { libc::signal(signal, libc::SIG_DFL) };
    }
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

/// The session of a process, or of this one. 0 if it was begun outside of this container.
pub fn session_of(pid: Option<Pid>) -> Option<i32> {
    // rustix takes no 0 for a process id.
    // SAFETY: the call has no preconditions.
    let session = unsafe { libc::getsid(Pid::as_raw(pid)) };
    (session >= 0).then_some(session)
}

/// A child that has ended and is not reaped yet.
pub fn ended_child() -> Option<Pid> {
    // SAFETY: an all-zero `siginfo_t` is a valid one.
    let mut ended: libc::siginfo_t = unsafe { std::mem::zeroed() };
    let flags = libc::WEXITED | libc::WNOHANG | libc::WNOWAIT;
    loop {
        // SAFETY: the call writes to the structure, which outlives it.
        if unsafe { libc::waitid(libc::P_ALL, 0, &raw mut ended, flags) } == 0 {
            // SAFETY: of a child that has ended the structure holds the process id. It is still all zero
            // where there is none.
            return Pid::from_raw(unsafe { ended.si_pid() });
        }
        if io::Error::last_os_error().raw_os_error() != Some(libc::EINTR) {
            // There is no child.
            return None;
        }
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

/// Raises the soft limit on open descriptors to the hard one, when it is called first. Always
/// returns what the soft limit was before that, and what it is since; `None` is no limit.
pub fn raise_open_files() -> (Option<u64>, Option<u64>) {
    static RAISED: OnceLock<(Option<u64>, Option<u64>)> = OnceLock::new();
    *RAISED.get_or_init(try_raise_open_files)
}

fn try_raise_open_files() -> (Option<u64>, Option<u64>) {
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

/// Makes orphans of workers children of this process, so that it can end them when the run is over.
pub fn adopt_orphans() -> io::Result<()> {
    Ok(rustix::process::set_child_subreaper(Some(rustix::process::getpid()))?)
}
