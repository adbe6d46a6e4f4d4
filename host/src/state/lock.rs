//! Locks on files of the state folder, which are waited for only a limited time.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::time::{Duration, Instant};

use rustix::fs::FlockOperation;
use rustix::io::Errno;

/// The interval at which a lock is tried again. The kernel has no call that waits for a lock with a time limit.
const POLL_INTERVAL: Duration = Duration::from_millis(20);

/// Locks a file until the returned value is dropped. Fails with `WouldBlock` if another process holds the lock for longer
/// than `limit`.
pub fn lock(path: &Path, limit: Duration) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(false).mode(0o600);
    let file = options.custom_flags(libc::O_NOFOLLOW).open(path)?;
    let until = Instant::now() + limit;
    loop {
        match rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => return Ok(file),
            Err(Errno::WOULDBLOCK) if Instant::now() < until => std::thread::sleep(POLL_INTERVAL),
            Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
}
