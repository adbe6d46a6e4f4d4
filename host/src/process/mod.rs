//! Limits, signals and descriptors of the program's own process, as runner and as worker.

#![allow(unsafe_code)]

mod local_time;
mod log_process;
mod ownership;
mod run_limit;
mod service_manager;
mod stdout_at_start;

use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::sync::OnceLock;

pub use local_time::utc_offset_seconds;
pub use log_process::{fork_log_process, is_log_process};
pub use ownership::{OpenedFile, Ownership, open_like};
pub use run_limit::RunLimit;
use rustix::process::{DumpableBehavior, Pid, Resource, Rlimit};
pub use service_manager::{ServiceManager, watchdog_interval};
pub use stdout_at_start::stdout_was_closed;

/// Disables core dumps and keeps other processes from reading this process's memory, because it holds
/// secrets.
pub fn protect() -> io::Result<()> {
    rustix::process::setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) })?;
    rustix::process::set_dumpable_behavior(DumpableBehavior::NotDumpable)?;
    Ok(())
}

/// Resets SIGCHLD and unblocks the signals that the program handles, which it may have inherited ignored or
/// blocked. If SIGCHLD were ignored, the kernel would discard the exit status of workers; if it were
/// blocked, the program would not be notified.
pub fn reset_inherited_signals() {
    // SAFETY: the default action runs no code of ours, and the set is initialized before it is used.
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

/// Restores the default action of SIGHUP, SIGINT and SIGTERM, which ends the process at once. To be
/// called when no code listens for them any more.
pub fn end_on_signals() {
    for signal in [libc::SIGHUP, libc::SIGINT, libc::SIGTERM] {
        // SAFETY: the default action runs no code of ours.
        unsafe { libc::signal(signal, libc::SIG_DFL) };
    }
}

/// Makes a write beyond RLIMIT_FSIZE (`ulimit -f`) return an error, which can be reported; by default
/// SIGXFSZ ends the process. It installs an empty handler rather than `SIG_IGN`, because `exec` resets
/// handlers: programs that workers start have the default action again.
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

/// The session id of a process; of this process for `None`. 0 if the session leader is outside of this
/// container.
pub fn session_of(pid: Option<Pid>) -> Option<i32> {
    // Not with rustix, whose process ids cannot be 0.
    // SAFETY: the call has no preconditions.
    let session = unsafe { libc::getsid(Pid::as_raw(pid)) };
    (session >= 0).then_some(session)
}

/// A child that has exited and is not reaped yet.
pub fn ended_child() -> Option<Pid> {
    // SAFETY: an all-zero `siginfo_t` is a valid one.
    let mut ended: libc::siginfo_t = unsafe { std::mem::zeroed() };
    let flags = libc::WEXITED | libc::WNOHANG | libc::WNOWAIT;
    loop {
        // SAFETY: the call writes to the structure, which outlives it.
        if unsafe { libc::waitid(libc::P_ALL, 0, &raw mut ended, flags) } == 0 {
            // SAFETY: `waitid` stored the process id of an exited child, or left the structure zeroed if no
            // child has exited.
            return Pid::from_raw(unsafe { ended.si_pid() });
        }
        if io::Error::last_os_error().raw_os_error() != Some(libc::EINTR) {
            // ECHILD: there are no children.
            return None;
        }
    }
}

/// Configures glibc's allocator: one arena for all threads. By default each thread gets an arena, and few of our
/// threads ever work at the same time. `docs/performance.md` has the figures.
pub fn set_up_heap() {
    #[cfg(target_env = "gnu")]
    // SAFETY: `mallopt` sets a number, and no other thread runs yet.
    unsafe {
        libc::mallopt(libc::M_ARENA_MAX, 1);
    }
}

/// Duplicates a file's descriptor without close-on-exec, so that workers inherit it.
pub fn inheritable(file: &File) -> io::Result<OwnedFd> {
    Ok(rustix::io::dup(file)?)
}

/// Raises the soft limit on open descriptors to the hard limit, on the first call. Every call returns the
/// soft limit before and after that; `None` is unlimited.
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

/// Sets the soft limit on open descriptors. Plugins get the original one, because `select` fails for
/// descriptors above 1,023.
pub fn limit_open_files(current: Option<u64>) -> io::Result<()> {
    let maximum = rustix::process::getrlimit(Resource::Nofile).maximum;
    Ok(rustix::process::setrlimit(Resource::Nofile, Rlimit { current, maximum })?)
}

/// Makes this process the parent of processes that outlive their worker, so that it can end them when the
/// run is over.
pub fn adopt_orphans() -> io::Result<()> {
    Ok(rustix::process::set_child_subreaper(Some(rustix::process::getpid()))?)
}
