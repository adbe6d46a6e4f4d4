//! Temporary files of runs that were killed: how they are named, and when they are removed.

use std::ffi::{OsStr, OsString};
use std::fs::OpenOptions;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::Path;

use rustix::fs::FlockOperation;
use rustix::io::Errno;
use rustix::process::Pid;

/// The longest name of a file on Linux, in bytes.
const NAME_MAX_BYTES: usize = 255;

/// What the temporary file of a target and a process is called: `.NAME.PID-N.tmp`, with the
/// beginning of a name that leaves no room for the rest.
pub fn temporary_name(target: &OsStr, process: u32, attempt: u32) -> OsString {
    let end = format!(".{process}-{attempt}.tmp");
    let kept = target.len().min(NAME_MAX_BYTES - 1 - end.len());
    let mut name = OsString::from(".");
    name.push(OsStr::from_bytes(&target.as_bytes()[..kept]));
    name.push(end);
    name
}

/// Removes the temporary files that killed runs for this target left in its folder. What cannot be
/// removed does no harm.
pub fn sweep(target: &Path) {
    let Some(name) = target.file_name() else { return };
    let Ok(entries) = std::fs::read_dir(super::folder(target)) else { return };
    for entry in entries.filter_map(Result::ok) {
        if owner(&entry.file_name(), name).is_some_and(is_gone) && is_unused(&entry.path()) {
            let _ = std::fs::remove_file(entry.path());
        }
    }
}

/// The process that a temporary file of a target belongs to; none if it is no such file.
fn owner(name: &OsStr, target: &OsStr) -> Option<i32> {
    let rest = name.as_bytes().strip_suffix(b".tmp")?;
    let numbers = &rest[memchr::memrchr(b'.', rest)? + 1..];
    let (process, attempt) = std::str::from_utf8(numbers).ok()?.split_once('-')?;
    let (process, attempt): (u32, u32) = (process.parse().ok()?, attempt.parse().ok()?);
    // Not `007` or `+7`: only what is written as we write it.
    (temporary_name(target, process, attempt) == name).then(|| i32::try_from(process).ok())?
}

/// Whether there is no such process. One of another user is there, though it cannot be signalled.
fn is_gone(process: i32) -> bool {
    let Some(pid) = Pid::from_raw(process) else { return false };
    rustix::process::test_kill_process(pid) == Err(Errno::SRCH)
}

/// Whether it is a regular file of the running user that no run writes. A run in another container,
/// whose process ids are not ours, holds its lock.
fn is_unused(path: &Path) -> bool {
    let opened = OpenOptions::new()
        .write(true)
        .custom_flags(libc::O_NONBLOCK | libc::O_NOCTTY | libc::O_NOFOLLOW)
        .open(path);
    let Ok(file) = opened else { return false };
    let is_ours = file.metadata().is_ok_and(|metadata| {
        metadata.is_file() && metadata.uid() == rustix::process::geteuid().as_raw()
    });
    let lock = FlockOperation::NonBlockingLockExclusive;
    is_ours && rustix::fs::flock(&file, lock) != Err(Errno::WOULDBLOCK)
}

#[cfg(test)]
mod tests {
    use std::ffi::OsStr;

    use super::{owner, temporary_name};

    #[test]
    fn only_a_name_as_the_program_writes_it_is_a_temporary_file() {
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
    fn the_longest_name_of_a_target_has_a_temporary_file() {
        let longest = "n".repeat(super::NAME_MAX_BYTES);
        let name = temporary_name(OsStr::new(&longest), u32::MAX, 99);
        assert_eq!(name.len(), super::NAME_MAX_BYTES);
        let name = temporary_name(OsStr::new(&longest), 4242, 7);
        assert_eq!(owner(&name, OsStr::new(&longest)), Some(4242));
    }
}
