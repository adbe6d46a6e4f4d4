//! Names the temporary files of outfiles, and removes those that killed runs left behind.

use std::ffi::{OsStr, OsString};
use std::fs::OpenOptions;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use rustix::fs::FlockOperation;
use rustix::io::Errno;
use rustix::process::Pid;

/// The maximum length of a file name on Linux, in bytes.
const NAME_MAX_BYTES: usize = 255;

/// The name of a temporary file for a target and a process: `.NAME.PID-N.tmp`. A long NAME is cut to leave room
/// for the rest.
pub fn temporary_name(target: &OsStr, process: u32, attempt: u32) -> OsString {
    let end = format!(".{process}-{attempt}.tmp");
    let kept = target.len().min(NAME_MAX_BYTES - 1 - end.len());
    let mut name = OsString::from(".");
    name.push(OsStr::from_bytes(&target.as_bytes()[..kept]));
    name.push(end);
    name
}

/// Removes the temporary files that killed runs for this target left in its folder. Errors are ignored, because
/// such a file does no harm.
pub fn sweep(target: &Path) {
    let Some(name) = target.file_name() else { return };
    let Ok(entries) = std::fs::read_dir(folder(target)) else { return };
    for entry in entries.filter_map(Result::ok) {
        if owner(&entry.file_name(), name).is_some_and(is_gone) && is_unused(&entry.path()) {
            let _ = std::fs::remove_file(entry.path());
        }
    }
}

/// The folder of a path.
pub fn folder(path: &Path) -> PathBuf {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent.to_owned(),
        _ => PathBuf::from("."),
    }
}

/// The id of the process that created a temporary file of a target; `None` if the file is not one.
fn owner(name: &OsStr, target: &OsStr) -> Option<i32> {
    let rest = name.as_bytes().strip_suffix(b".tmp")?;
    let numbers = &rest[memchr::memrchr(b'.', rest)? + 1..];
    let (process, attempt) = std::str::from_utf8(numbers).ok()?.split_once('-')?;
    let (process, attempt): (u32, u32) = (process.parse().ok()?, attempt.parse().ok()?);
    // Other spellings of the numbers, such as `007` or `+7`, are not accepted.
    (temporary_name(target, process, attempt) == name).then(|| i32::try_from(process).ok())?
}

/// Whether a process does not exist. (A process of another user exists, although it cannot be signalled.)
fn is_gone(process: i32) -> bool {
    let Some(pid) = Pid::from_raw(process) else { return false };
    rustix::process::test_kill_process(pid) == Err(Errno::SRCH)
}

/// Whether a file is a regular file of the current user that no run is writing. A run in another container, whose
/// process ids are different, holds a lock on its file.
fn is_unused(path: &Path) -> bool {
    let opened = OpenOptions::new()
        .write(true)
        .custom_flags(libc::O_NONBLOCK | libc::O_NOCTTY | libc::O_NOFOLLOW)
        .open(path);
    let Ok(file) = opened else { return false };
    let is_own_file = file.metadata().is_ok_and(|metadata| {
        metadata.is_file() && metadata.uid() == rustix::process::geteuid().as_raw()
    });
    let lock = FlockOperation::NonBlockingLockExclusive;
    is_own_file && rustix::fs::flock(&file, lock) != Err(Errno::WOULDBLOCK)
}

#[cfg(test)]
mod tests {
    use std::ffi::OsStr;

    use super::{owner, temporary_name};

    #[test]
    fn recognizes_only_names_that_the_program_uses() {
        let owner = |name: &str| owner(OsStr::new(name), OsStr::new("out.json"));
        let own = temporary_name(OsStr::new("out.json"), 4242, 7);
        assert_eq!(own, ".out.json.4242-7.tmp");
        assert_eq!(owner(".out.json.4242-7.tmp"), Some(4242));
        for other in [
            "out.json",
            "out.json.4242-7.tmp",
            ".out.json.tmp",
            ".out.json.4242.tmp",
            ".out.json.-4242-7.tmp",
            ".out.json.04242-7.tmp",
            ".out.json.+4242-7.tmp",
            ".out.json.4242-7.tmp.old",
            ".out.json.4242-x.tmp",
            ".out.json2.4242-7.tmp",
            ".out.json.99999999999-7.tmp",
        ] {
            assert_eq!(owner(other), None, "{other}");
        }
    }

    #[test]
    fn cuts_the_longest_name_to_fit() {
        let longest = "n".repeat(super::NAME_MAX_BYTES);
        let name = temporary_name(OsStr::new(&longest), u32::MAX, 99);
        assert_eq!(name.len(), super::NAME_MAX_BYTES);
        let name = temporary_name(OsStr::new(&longest), 4242, 7);
        assert_eq!(owner(&name, OsStr::new(&longest)), Some(4242));
    }
}
