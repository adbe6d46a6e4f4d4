//! Reads the user's home folder from the user database.

use std::ffi::{CStr, OsStr};
use std::os::unix::ffi::OsStrExt as _;
use std::path::PathBuf;

/// The longest entry of the user database that is read, in bytes.
const ENTRY_MAX: usize = 1024 * 1024;

/// The home folder of the user that runs this process, from the user database like ssh, not from
/// `HOME`. Always absolute; `None` if the database has no such folder.
pub fn home_of_user() -> Option<PathBuf> {
    let mut buffer = vec![0; 4096];
    loop {
        // SAFETY: all zeros is a valid value of this struct of integers and pointers.
        let mut entry: libc::passwd = unsafe { std::mem::zeroed() };
        let mut result = std::ptr::null_mut();
        // SAFETY: the entry, the result and the buffer of the given length outlive the call.
        let code = unsafe {
            let (start, length) = (buffer.as_mut_ptr(), buffer.len());
            libc::getpwuid_r(libc::getuid(), &raw mut entry, start, length, &raw mut result)
        };
        if code == libc::ERANGE && buffer.len() < ENTRY_MAX {
            buffer.resize(buffer.len() * 2, 0);
            continue;
        }
        if code != 0 || result.is_null() || entry.pw_dir.is_null() {
            return None;
        }
        // SAFETY: not null, so it points to a C string in the buffer, which is still alive.
        let folder = unsafe { CStr::from_ptr(entry.pw_dir) };
        let folder = PathBuf::from(OsStr::from_bytes(folder.to_bytes()));
        return Some(folder).filter(|folder| folder.is_absolute());
    }
}
