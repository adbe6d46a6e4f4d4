//! Skips tests that lack a server or a privilege, and counts them.

use std::io::Write as _;

/// Ends the test with `skipped: reason`, and records it for the summary of `make test`.
///
/// ```no_run
/// # fn which(_: &str) -> bool { false }
/// if !which("libvirtd") {
///     gatherer_tests::skip!("libvirtd is not installed");
/// }
/// ```
#[macro_export]
macro_rules! skip {
    ($($reason:tt)+) => {{
        $crate::note_skipped(&format!($($reason)+));
        return;
    }};
}

/// Prints `skipped: reason` and appends the line `test: reason` to the file that `GATHERER_SKIP_FILE`
/// names. [`skip!`](crate::skip) calls it.
pub fn note_skipped(reason: &str) {
    eprintln!("skipped: {reason}");
    let Some(path) = std::env::var_os("GATHERER_SKIP_FILE") else { return };
    let thread = std::thread::current();
    let line = format!("{}: {}\n", thread.name().unwrap_or("test"), reason.replace('\n', " "));
    let mut file = std::fs::OpenOptions::new()
        .create(true)
        .append(true)
        .open(&path)
        .unwrap_or_else(|error| panic!("GATHERER_SKIP_FILE {}: {error}", path.display()));
    // One write, so that concurrent tests do not mix their lines.
    file.write_all(line.as_bytes()).expect("the skip file is writable");
}
