//! An outfile that is written to a temporary file, which then replaces the target.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use rustix::fs::FlockOperation;

use super::leftover::{self, folder};
use crate::process::Ownership;

/// A target that is replaced by a temporary file in the same folder. That file is created twice: once to check that
/// this is possible, and once to be written, so that it does not exist in between.
pub struct Replacement {
    pub(super) target: PathBuf,
    old: Option<Ownership>,
}

/// A temporary file that is being written. It is removed when dropped, unless it became the target.
pub struct Temporary {
    path: PathBuf,
    pub(super) file: File,
    /// Why it does not have the owner, the group and the mode of the old file.
    owner_error: Option<io::Error>,
    done: bool,
}

/// The temporary file that is being written, for [`abandon`].
static PENDING: Mutex<Option<PathBuf>> = Mutex::new(None);

/// Removes the temporary file and prevents it from becoming the target, because the program exits now.
pub fn abandon() {
    static ABANDONED: AtomicBool = AtomicBool::new(false);
    if ABANDONED.swap(true, Ordering::Relaxed) {
        // The lock is never released.
        return;
    }
    let pending = PENDING.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(path) = &*pending {
        // An error is ignored: the program is exiting, and a hidden file does no harm.
        let _ = std::fs::remove_file(path);
    }
    std::mem::forget(pending);
}

impl Replacement {
    /// Checks that the target, which exists, can be replaced.
    pub(super) fn of_existing(target: PathBuf) -> io::Result<Self> {
        // A file that may not be written is not replaced, even if the permissions of its folder allow it.
        let old = Ownership::of(&OpenOptions::new().write(true).open(&target)?)?;
        Self::prepare(target, Some(old))
    }

    /// Checks that the target, which does not exist, can be created.
    pub(super) fn of_missing(target: PathBuf) -> io::Result<Self> {
        Self::prepare(target, None)
    }

    fn prepare(target: PathBuf, old: Option<Ownership>) -> io::Result<Self> {
        let replacement = Self { target, old };
        leftover::sweep(&replacement.target);
        let temporary = replacement.temporary()?;
        if let Some(error) = &temporary.owner_error {
            replacement.report_owner(error);
        }
        Ok(replacement)
    }

    /// Logs, once, that the new file cannot get the owner of the old one. (`watch` replaces its metrics each second.)
    fn report_owner(&self, error: &io::Error) {
        static REPORTED: AtomicBool = AtomicBool::new(false);
        if !REPORTED.swap(true, Ordering::Relaxed) {
            tracing::warn!(
                "the new file {} does not have the owner, group and mode of the old one: {error}; other programs may not \
                 be able to read it",
                self.target.display()
            );
        }
    }

    /// Replaces the target by the temporary file.
    pub(super) fn finish(&self, mut temporary: Temporary) -> io::Result<()> {
        temporary.file.sync_all()?;
        {
            let mut pending = PENDING.lock().unwrap_or_else(PoisonError::into_inner);
            std::fs::rename(&temporary.path, &self.target)?;
            temporary.done = true;
            *pending = None;
        }
        // The new name is on the disk only after the folder is synced. If the folder cannot be opened, the kernel
        // writes it later.
        #[expect(
            clippy::disallowed_methods,
            reason = "the folder that a file was just written into"
        )]
        let _ = File::open(folder(&self.target)).and_then(|folder| folder.sync_all());
        Ok(())
    }

    /// Creates the temporary file.
    pub(super) fn temporary(&self) -> io::Result<Temporary> {
        let name = self
            .target
            .file_name()
            .ok_or_else(|| io::Error::other("it is not the path of a file"))?;
        for attempt in 0..100 {
            let hidden = leftover::temporary_name(name, std::process::id(), attempt);
            let path = folder(&self.target).join(hidden);
            match OpenOptions::new().write(true).create_new(true).mode(0o666).open(&path) {
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(error),
                Ok(file) => {
                    *PENDING.lock().unwrap_or_else(PoisonError::into_inner) = Some(path.clone());
                    // On a file system without locks, only the process id protects the file.
                    let _ = rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive);
                    // A run in another container may have removed it before it was locked.
                    if !path.exists() {
                        continue;
                    }
                    let owner_error = self.old.as_ref().and_then(|old| old.give_to(&file).err());
                    return Ok(Temporary { path, file, owner_error, done: false });
                }
            }
        }
        Err(io::Error::other("all names for a temporary file are in use"))
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        if !self.done {
            // An error is ignored, because a hidden file does no harm.
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

/// The path of a file that does not exist yet, after symbolic links are resolved.
pub(super) fn missing_target(path: &Path) -> io::Result<PathBuf> {
    let mut path = path.to_owned();
    for _ in 0..40 {
        match std::fs::read_link(&path) {
            Ok(link) => path = folder(&path).join(link),
            Err(_) => return Ok(path),
        }
    }
    Err(io::Error::other("too many symbolic links"))
}
