//! Processes that leave the worker's session, among them chains of processes that fork and exit quickly.

use std::ffi::CString;
use std::time::Duration;

/// The longest time that a chain exists, so that it does not outlive a failed test for long.
const LIFETIME_MAX: Duration = Duration::from_secs(30);

/// Starts a chain of processes in a new session: each one waits for the pause, forks the next one and exits. The last one
/// creates the file.
pub fn chain(length: u32, pause: Duration, file: &str) {
    let file = CString::new(file).unwrap_or_default();
    let started = std::time::Instant::now();
    // SAFETY: the children call only async-signal-safe functions.
    unsafe {
        if libc::fork() != 0 {
            return;
        }
        libc::setsid();
        for _ in 0..length {
            libc::usleep(u32::try_from(pause.as_micros()).unwrap_or(0));
            if started.elapsed() > LIFETIME_MAX || libc::fork() != 0 {
                libc::_exit(0);
            }
        }
        libc::close(libc::creat(file.as_ptr(), 0o644));
        libc::_exit(0);
    }
}

/// Starts a process in a new session that opens a file.
pub fn opener(file: &str) {
    let file = CString::new(file).unwrap_or_default();
    // SAFETY: the child calls only async-signal-safe functions.
    unsafe {
        if libc::fork() == 0 {
            libc::setsid();
            libc::open(file.as_ptr(), libc::O_RDONLY);
            libc::_exit(0);
        }
    }
}
