//! `plugin verify --watch`: verifies a plugin, and again whenever its file changes.

use std::ffi::OsString;
use std::fs::Metadata;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use crate::commands::fail;
use crate::exit::Exit;

/// The interval at which the file is looked at.
const POLL_INTERVAL: Duration = Duration::from_millis(300);

/// Verifies the file again and again, each time in a process of its own, until a signal ends the program.
pub fn run(file: &Path) -> Exit {
    let is_watch = |argument: &OsString| {
        // It may be abbreviated.
        argument.to_str().is_some_and(|text| text.len() > 2 && "--watch".starts_with(text))
    };
    let arguments: Vec<_> =
        std::env::args_os().skip(1).filter(|argument| !is_watch(argument)).collect();
    loop {
        let verified = version(file);
        if let Err(error) = Command::new("/proc/self/exe").args(&arguments).status() {
            return fail(Exit::Internal, &format!("the plugin cannot be verified: {error}"));
        }
        eprintln!("\nwaiting until {} changes; end with Ctrl+C\n", file.display());
        wait_for_change(file, verified);
    }
}

/// Waits until the file is another version than this one, and is complete: it is written in several steps.
fn wait_for_change(file: &Path, verified: Option<FileVersion>) {
    let mut last = verified;
    loop {
        std::thread::sleep(POLL_INTERVAL);
        let present = version(file);
        if present.is_some() && present != verified && present == last {
            return;
        }
        last = present;
    }
}

/// What changes with each version of a file: its inode, size and time.
type FileVersion = (u64, u64, i64, i64);

/// The version of the file; `None` if it cannot be read now.
fn version(file: &Path) -> Option<FileVersion> {
    let of = |file: Metadata| (file.ino(), file.size(), file.mtime(), file.mtime_nsec());
    std::fs::metadata(file).ok().map(of)
}
