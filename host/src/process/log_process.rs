//! The child process that writes the log file: how it is made and told from other children.

use std::io;
use std::os::fd::BorrowedFd;
use std::panic::AssertUnwindSafe;
use std::sync::atomic::{AtomicI32, Ordering};

use rustix::process::Pid;

/// The process id of the log process; 0 if there is none.
static LOG_PROCESS: AtomicI32 = AtomicI32::new(0);

/// What the log process is called in lists of processes.
const NAME: &std::ffi::CStr = c"gatherer-log";

/// Whether a child is the log process, which ends by itself when its work is done: it is neither a
/// worker nor an orphan of one.
pub fn is_log_process(pid: Pid) -> bool {
    LOG_PROCESS.load(Ordering::Relaxed) == pid.as_raw_nonzero().get()
}

/// Forks the log process. In it this descriptor is standard input, output and error, everything
/// else is closed, and signals that end the runner do not end it. `serve` says its exit status.
///
/// The caller must have no other thread: of what other threads hold, a lock of the allocator for
/// example, the child would never be rid.
pub fn fork_log_process(socket: BorrowedFd<'_>, serve: impl FnOnce() -> i32) -> io::Result<Pid> {
    if !is_single_threaded() {
        return Err(io::Error::other("other threads run"));
    }
    // SAFETY: no other thread runs (see above), so the child is a whole process.
    let pid = match unsafe { libc::fork() } {
        0 => {
            // A panic must not go on into the runner's code.
            let status = std::panic::catch_unwind(AssertUnwindSafe(|| {
                if detach(socket).is_ok() { serve() } else { 1 }
            }));
            // SAFETY: `_exit` has no preconditions.
            unsafe { libc::_exit(status.unwrap_or(1)) }
        }
        // -1 is not a process id, and `from_raw` accepts none below 0.
        ..0 => return Err(io::Error::last_os_error()),
        pid => Pid::from_raw(pid).ok_or_else(io::Error::last_os_error)?,
    };
    LOG_PROCESS.store(pid.as_raw_nonzero().get(), Ordering::Relaxed);
    Ok(pid)
}

/// Whether this process has one thread, or cannot know.
fn is_single_threaded() -> bool {
    std::fs::read_dir("/proc/self/task").map_or(true, |threads| threads.count() <= 1)
}

/// Rids the child of the runner's descriptors, above all of the caller's pipes: a reader of them
/// must not wait for us. And of the signals that reach the whole group from a terminal.
fn detach(socket: BorrowedFd<'_>) -> io::Result<()> {
    for signal in [libc::SIGHUP, libc::SIGINT, libc::SIGQUIT, libc::SIGTERM] {
        // SAFETY: a disposition that runs no code.
        unsafe { libc::signal(signal, libc::SIG_IGN) };
    }
    // SAFETY: the name is a C string that lives as long as the program.
    unsafe { libc::prctl(libc::PR_SET_NAME, NAME.as_ptr()) };
    // What a panic would print goes to the runner, which does not look at it. No /dev/null is
    // needed for that.
    rustix::stdio::dup2_stdin(socket)?;
    rustix::stdio::dup2_stdout(socket)?;
    rustix::stdio::dup2_stderr(socket)?;
    close_others();
    Ok(())
}

fn close_others() {
    // SAFETY: the child runs nothing but `serve`, which opens what it needs.
    if unsafe { libc::syscall(libc::SYS_close_range, 3_u32, u32::MAX, 0_u32) } == 0 {
        return;
    }
    let open: Vec<i32> = std::fs::read_dir("/proc/self/fd")
        .into_iter()
        .flatten()
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .filter(|descriptor| *descriptor > 2)
        .collect();
    for descriptor in open {
        // SAFETY: as above; one that is closed already is an error that `close` takes.
        unsafe { libc::close(descriptor) };
    }
}
