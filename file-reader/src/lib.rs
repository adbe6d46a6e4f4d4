//! Reads files that a request, a kubeconfig or an endpoint's answer names.
//!
//! Such a path is untrusted: it may name an endless device, a FIFO that blocks, a kernel file that
//! blocks or has side effects when it is read, or a file larger than the machine's memory. Therefore
//! only regular files outside the kernel's pseudo file systems are opened, and at most as many bytes
//! are read as the caller allows. Reading from a file system that hangs (FUSE, NFS) still blocks, so
//! call this only in an endpoint's worker, which has a deadline, and never in the runner.
//!
//! This is a separate crate because both the plugins (as `gatherer_plugin_support::file`) and the program
//! need it, and neither depends on the other.
#![forbid(unsafe_code)]

mod denied;
mod kernel_filesystems;

use std::fs::{File, Metadata};
use std::io::{self, Read as _};
use std::os::fd::{AsFd as _, AsRawFd as _};
use std::path::{Path, PathBuf};

use rustix::fs::{Mode, OFlags};

/// Why a file cannot be read. The text is the predicate of a sentence whose subject is the file:
/// "does not exist".
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// The file does not exist.
    #[error("does not exist")]
    NotFound,
    /// The user of this process may not read the file, or may not enter a folder above it. The text names the user,
    /// the owner and the mode, if they are known.
    #[error("cannot be read: permission denied{0}")]
    PermissionDenied(String),
    /// The file is a directory.
    #[error("is a folder")]
    Directory,
    /// The file is a device, a FIFO or a socket.
    #[error("is not a regular file")]
    NotRegular,
    /// The file belongs to a pseudo file system of the kernel, of this type.
    #[error("is not a regular file: it belongs to the kernel's {0} file system")]
    Pseudo(&'static str),
    /// The file is larger than this limit, in bytes.
    #[error("is larger than {}", format_size(*.0))]
    TooLarge(usize),
    /// Any other error of the operating system.
    #[error("cannot be read: {0}")]
    Io(io::Error),
}

impl From<io::Error> for FileError {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::NotFound => Self::NotFound,
            io::ErrorKind::PermissionDenied => Self::PermissionDenied(String::new()),
            _ => Self::Io(error),
        }
    }
}

impl From<rustix::io::Errno> for FileError {
    fn from(error: rustix::io::Errno) -> Self {
        io::Error::from(error).into()
    }
}

/// Formats a number of bytes in the largest unit that divides it.
fn format_size(bytes: usize) -> String {
    for (unit, name) in [(1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")] {
        if bytes >= unit && bytes.is_multiple_of(unit) {
            return format!("{} {name}", bytes / unit);
        }
    }
    format!("{bytes} bytes")
}

/// Reads a whole file of at most `max_bytes` bytes. Symbolic links are followed.
pub fn read(path: &Path, max_bytes: usize) -> Result<Vec<u8>, FileError> {
    FoundFile::find(path)?.read(max_bytes)
}

/// A file that was looked up but not opened for reading, because opening some devices has side
/// effects. The file that is checked is the one that is read, even if another file gets its name in
/// the meantime.
pub struct FoundFile {
    /// Opened with `O_PATH`: the file can be inspected but not read.
    handle: File,
}

impl FoundFile {
    /// Looks a file up. It may be of any type.
    pub fn find(path: &Path) -> Result<Self, FileError> {
        Self::find_unexplained(path).map_err(|error| match error {
            FileError::PermissionDenied(_) => {
                FileError::PermissionDenied(denied::explain_folder(path))
            }
            other => other,
        })
    }

    pub(crate) fn find_unexplained(path: &Path) -> Result<Self, FileError> {
        let handle = rustix::fs::open(path, OFlags::PATH | OFlags::CLOEXEC, Mode::empty())?;
        Ok(Self { handle: handle.into() })
    }

    /// The current path of the file that was found, with all links resolved.
    pub fn real_path(&self) -> Result<PathBuf, FileError> {
        Ok(std::fs::read_link(self.descriptor_path())?)
    }

    /// The file's owner, mode, size and other metadata.
    pub fn metadata(&self) -> Result<Metadata, FileError> {
        Ok(self.handle.metadata()?)
    }

    /// Checks that this is a regular file of at most `max_bytes` bytes outside the kernel's pseudo file
    /// systems, and returns its size. For files that a library will read; [`read`](Self::read)
    /// makes the same check.
    pub fn check(&self, max_bytes: usize) -> Result<usize, FileError> {
        let metadata = self.metadata()?;
        if metadata.is_dir() {
            return Err(FileError::Directory);
        }
        if !metadata.is_file() {
            return Err(FileError::NotRegular);
        }
        let magic = rustix::fs::fstatfs(self.handle.as_fd())?.f_type;
        if let Some(name) = kernel_filesystems::name(magic) {
            return Err(FileError::Pseudo(name));
        }
        match usize::try_from(metadata.len()) {
            Ok(size) if size <= max_bytes => Ok(size),
            _ => Err(FileError::TooLarge(max_bytes)),
        }
    }

    /// Checks the file as [`check`](Self::check) does, and reads it whole.
    pub fn read(self, max_bytes: usize) -> Result<Vec<u8>, FileError> {
        let metadata = self.metadata();
        self.read_unexplained(max_bytes).map_err(|error| match (error, metadata) {
            (FileError::PermissionDenied(_), Ok(metadata)) => {
                FileError::PermissionDenied(denied::explain_file(&metadata))
            }
            (error, _) => error,
        })
    }

    pub(crate) fn read_unexplained(&self, max_bytes: usize) -> Result<Vec<u8>, FileError> {
        // This avoids reading a file that is already too large. The file may still grow, so the
        // limit is enforced again below.
        let size = self.check(max_bytes)?;
        // Opened through its descriptor, so that it is the file that was checked.
        let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
        let file = File::from(rustix::fs::open(self.descriptor_path(), flags, Mode::empty())?);
        let mut bytes = Vec::with_capacity(size);
        // One more byte than allowed shows that the file is larger than the limit.
        file.take((max_bytes as u64).saturating_add(1)).read_to_end(&mut bytes)?;
        if bytes.len() > max_bytes {
            return Err(FileError::TooLarge(max_bytes));
        }
        Ok(bytes)
    }

    fn descriptor_path(&self) -> PathBuf {
        PathBuf::from(format!("/proc/self/fd/{}", self.handle.as_raw_fd()))
    }
}

#[cfg(test)]
mod reader_tests;
