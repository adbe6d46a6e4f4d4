//! Finds out whether standard output was open when the program was started.

use std::sync::atomic::{AtomicBool, Ordering};

static WAS_CLOSED: AtomicBool = AtomicBool::new(false);

/// The C library calls it before Rust's runtime begins, which opens /dev/null in place of a closed standard output: a result
/// would be lost without an error.
#[used]
#[unsafe(link_section = ".init_array")]
static CHECK: extern "C" fn() = check;

extern "C" fn check() {
    // SAFETY: the call only reads the flags of a descriptor.
    if unsafe { libc::fcntl(libc::STDOUT_FILENO, libc::F_GETFD) } < 0 {
        WAS_CLOSED.store(true, Ordering::Relaxed);
    }
}

/// Whether the caller started the program without a standard output.
pub fn stdout_was_closed() -> bool {
    WAS_CLOSED.load(Ordering::Relaxed)
}
