//! Reads files that a request, a kubeconfig or an endpoint's answer names.
//!
//! Such a name is untrusted: it may lead to a device that has no end, to a FIFO that blocks, to a file of
//! the kernel that blocks or has side effects when it is read, or to a file larger than the machine's memory.
//! So only regular files are opened, never those of the kernel's pseudo file systems, and no more is
//! read than the caller allows. A file on a file system that hangs (FUSE, NFS) still blocks: read
//! where a deadline holds, which is the worker of the endpoint and not the runner.
//!
//! It is a crate of its own because the plugins (through `gatherer_plugin_support::file`) and the program
//! need it, and neither depends on the other.
#![forbid(unsafe_code)]

mod pseudo;

use std::fs::{File, Metadata};
use std::io::{self, Read as _};
use std::os::fd::{AsFd as _, AsRawFd as _};
use std::path::{Path, PathBuf};

use rustix::fs::{Mode, OFlags};

/// Why a file is not read. As text it is the end of a sentence whose subject is the file:
/// "does not exist".
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// Nothing has this name.
    #[error("does not exist")]
    NotFound,
    /// This user may not read it, or may not enter a folder above it.
    #[error("may not be read by this user")]
    PermissionDenied,
    /// It is a directory.
    #[error("is a folder")]
    Directory,
    /// It is a device, a FIFO or a socket.
    #[error("is not a regular file")]
    NotRegular,
    /// It belongs to a file system of the kernel: the name of its type.
    #[error("is not a regular file: it is a file of the kernel ({0})")]
    Pseudo(&'static str),
    /// It is larger than this many bytes.
    #[error("is larger than {}", size(*.0))]
    TooLarge(usize),
    /// Anything else that the system says.
    #[error("cannot be read: {0}")]
    Io(io::Error),
}

impl From<io::Error> for FileError {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::NotFound => Self::NotFound,
            io::ErrorKind::PermissionDenied => Self::PermissionDenied,
            _ => Self::Io(error),
        }
    }
}

impl From<rustix::io::Errno> for FileError {
    fn from(error: rustix::io::Errno) -> Self {
        io::Error::from(error).into()
    }
}

/// A number of bytes in the largest unit that divides it.
fn size(bytes: usize) -> String {
    for (unit, name) in [(1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")] {
        if bytes >= unit && bytes.is_multiple_of(unit) {
            return format!("{} {name}", bytes / unit);
        }
    }
    format!("{bytes} bytes")
}

/// Reads a whole file of at most so many bytes. Symbolic links are followed.
pub fn read(path: &Path, max_bytes: usize) -> Result<Vec<u8>, FileError> {
    Found::find(path)?.read(max_bytes)
}

/// A file that was looked up but not opened for reading: opening some devices has effects. What is
/// checked here is what is read later, whatever takes the name meanwhile.
pub struct Found {
    /// Opened with `O_PATH`: it can be looked at and not read.
    handle: File,
}

impl Found {
    /// Looks a file up. It need not be a regular one yet.
    pub fn find(path: &Path) -> Result<Self, FileError> {
        let handle = rustix::fs::open(path, OFlags::PATH | OFlags::CLOEXEC, Mode::empty())?;
        Ok(Self { handle: handle.into() })
    }

    /// The file's real name, with all links resolved: of what was found, not of what has this name now.
    pub fn real_path(&self) -> Result<PathBuf, FileError> {
        Ok(std::fs::read_link(self.name())?)
    }

    /// Its owner, mode, size and so on.
    pub fn metadata(&self) -> Result<Metadata, FileError> {
        Ok(self.handle.metadata()?)
    }

    /// Checks that it is a regular file of at most so many bytes, and not one of the kernel. For
    /// files that a library reads itself; [`read`](Self::read) checks this too. Returns the size.
    pub fn check(&self, max_bytes: usize) -> Result<usize, FileError> {
        let metadata = self.metadata()?;
        if metadata.is_dir() {
            return Err(FileError::Directory);
        }
        if !metadata.is_file() {
            return Err(FileError::NotRegular);
        }
        if let Some(name) = pseudo::name(rustix::fs::fstatfs(self.handle.as_fd())?.f_type) {
            return Err(FileError::Pseudo(name));
        }
        match usize::try_from(metadata.len()) {
            Ok(size) if size <= max_bytes => Ok(size),
            _ => Err(FileError::TooLarge(max_bytes)),
        }
    }

    /// Reads it whole if it is a regular file of at most so many bytes.
    pub fn read(self, max_bytes: usize) -> Result<Vec<u8>, FileError> {
        // Saves the reading of a file that is far too large; the limit below is what holds.
        let size = self.check(max_bytes)?;
        // Through its descriptor, so that it is the file that was checked.
        let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
        let file = File::from(rustix::fs::open(self.name(), flags, Mode::empty())?);
        let mut bytes = Vec::with_capacity(size);
        // One byte more tells a file of just this size from a larger one, and from one that grows.
        file.take((max_bytes as u64).saturating_add(1)).read_to_end(&mut bytes)?;
        if bytes.len() > max_bytes {
            return Err(FileError::TooLarge(max_bytes));
        }
        Ok(bytes)
    }

    fn name(&self) -> PathBuf {
        PathBuf::from(format!("/proc/self/fd/{}", self.handle.as_raw_fd()))
    }
}

#[cfg(test)]
mod tests;
