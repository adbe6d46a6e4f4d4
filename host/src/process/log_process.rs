//! The child process that writes the log file: forking it, and recognizing it among the children.

use std::io;
use std::os::fd::BorrowedFd;
use std::panic::AssertUnwindSafe;
use std::sync::atomic::{AtomicI32, Ordering};

use rustix::process::Pid;

/// The process id of the log process; 0 before it is forked.
static LOG_PROCESS: AtomicI32 = AtomicI32::new(0);

/// The name of the log process in `ps`.
const NAME: &std::ffi::CStr = c"gatherer-log";

/// Whether a child is the log process. It is neither a worker nor an orphan of one, and exits when the
/// runner closes its socket.
pub fn is_log_process(pid: Pid) -> bool {
    LOG_PROCESS.load(Ordering::Relaxed) == pid.as_raw_nonzero().get()
}

/// Forks the log process. In the child, `socket` becomes standard input, output and error, all other
/// descriptors are closed, and the signals that end the runner are ignored. The child runs `serve` and
/// exits with the status that it returns.
///
/// The process must have only one thread: a lock that another thread holds, for example the
/// allocator's, would stay locked in the child for ever.
pub fn fork_log_process(socket: BorrowedFd<'_>, serve: impl FnOnce() -> i32) -> io::Result<Pid> {
    if !is_single_threaded() {
        return Err(io::Error::other("the process has several threads"));
    }
    // SAFETY: no other thread runs (see above), so the child may run any code.
    let pid = match unsafe { libc::fork() } {
        0 => {
            // A panic must not unwind into the runner's code.
            let status = std::panic::catch_unwind(AssertUnwindSafe(|| {
                if detach(socket).is_ok() { serve() } else { 1 }
            }));
            // SAFETY: `_exit` has no preconditions.
            unsafe { libc::_exit(status.unwrap_or(1)) }
        }
        // -1: the fork failed.
        ..0 => return Err(io::Error::last_os_error()),
        pid => Pid::from_raw(pid).ok_or_else(io::Error::last_os_error)?,
    };
    LOG_PROCESS.store(pid.as_raw_nonzero().get(), Ordering::Relaxed);
    Ok(pid)
}

/// Whether this process has one thread; true if `/proc` cannot be read.
fn is_single_threaded() -> bool {
    std::fs::read_dir("/proc/self/task").map_or(true, |threads| threads.count() <= 1)
}

/// Closes the runner's descriptors in the child, above all the caller's pipes, whose reader would otherwise
/// wait for this process; and ignores signals that a terminal sends to the whole group.
fn detach(socket: BorrowedFd<'_>) -> io::Result<()> {
    for signal in [libc::SIGHUP, libc::SIGINT, libc::SIGQUIT, libc::SIGTERM] {
        // SAFETY: ignoring a signal runs no code.
        unsafe { libc::signal(signal, libc::SIG_IGN) };
    }
    // SAFETY: the name is a C string that lives as long as the program.
    unsafe { libc::prctl(libc::PR_SET_NAME, NAME.as_ptr()) };
    // The message of a panic goes to the runner, which ignores it. A container may have no /dev/null.
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
        // SAFETY: as above; closing a closed descriptor is an error without effect.
        unsafe { libc::close(descriptor) };
    }
}
