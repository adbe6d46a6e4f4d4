//! Tests whose server or right cannot be had say so, and are counted.

use std::io::Write as _;

/// Ends the test with `skipped: reason`, and notes it for the summary of `make test`.
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

/// Prints `skipped: reason` and appends `test: reason` as one line to the file that `GATHERER_SKIP_FILE`
/// names. Called by [`skip!`](crate::skip).
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
    // One write, so that tests that run side by side do not mix their lines.
    file.write_all(line.as_bytes()).expect("the skip file takes a line");
}
