//! Processes that fork and end, so that no process id is theirs for long.

use std::ffi::CString;
use std::time::Duration;

/// However a test ends, a chain does not outlive it for long.
const LONGEST: Duration = Duration::from_secs(30);

/// Starts a chain of processes in a session of its own: each waits for the pause, forks the next one and
/// ends. The last one makes the file.
pub fn chain(length: u32, pause: Duration, file: &str) {
    let file = CString::new(file).unwrap_or_default();
    let started = std::time::Instant::now();
    // SAFETY: the children call nothing but async-signal-safe functions.
    unsafe {
        if libc::fork() != 0 {
            return;
        }
        libc::setsid();
        for _ in 0..length {
            libc::usleep(u32::try_from(pause.as_micros()).unwrap_or(0));
            if started.elapsed() > LONGEST || libc::fork() != 0 {
                libc::_exit(0);
            }
        }
        libc::close(libc::creat(file.as_ptr(), 0o644));
        libc::_exit(0);
    }
}

/// Starts a process in a session of its own that opens a file.
pub fn opener(file: &str) {
    let file = CString::new(file).unwrap_or_default();
    // SAFETY: the child calls nothing but async-signal-safe functions.
    unsafe {
        if libc::fork() == 0 {
            libc::setsid();
            libc::open(file.as_ptr(), libc::O_RDONLY);
            libc::_exit(0);
        }
    }
}
