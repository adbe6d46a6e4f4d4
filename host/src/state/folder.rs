//! The state folder itself: opening it, and what it contains besides the files of one endpoint.

use std::fs::{DirBuilder, File};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use super::file_name::file_name;
use super::locked_endpoint::LockedEndpoint;
use super::status_record::StatusRecord;
use super::suspicion::Suspicion;
use super::whole_file::{self, Durability};
use super::{lock, status_record, suspicion};

/// How long a process waits for the lock of an endpoint.
const LOCK_LIMIT: Duration = Duration::from_secs(10);

/// The file that marks a folder of `watch`.
const WATCH_FILE: &str = "watch.json";

/// The lock that `watch` holds as long as it runs. No file name of an endpoint begins with a dot.
const WATCH_LOCK: &str = ".watch";

/// The folders in the state folder.
const ANSWERS: &str = "endpoints";
const NEXT: &str = "next";
const STATUS: &str = "status";
const LOCKS: &str = "locks";
const GUARD: &str = "guard";

/// The state folder or a file in it cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("the state {} {problem}", path.display())]
pub struct StateError {
    path: PathBuf,
    problem: String,
}

impl StateError {
    /// An error about this path. The problem is a message without its subject.
    pub(super) fn new(path: &Path, problem: impl Into<String>) -> Self {
        Self { path: path.to_owned(), problem: problem.into() }
    }

    /// An error of writing this path.
    pub(super) fn unwritable(path: &Path, error: &io::Error) -> Self {
        let hint = match error.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
                "; free space on its file system"
            }
            io::ErrorKind::PermissionDenied => "; it must belong to the user that runs the program",
            _ => "",
        };
        Self::new(path, format!("cannot be written: {error}{hint}"))
    }
}

/// An open state folder.
pub struct StateFolder {
    path: PathBuf,
    /// The lock of the whole folder, if `watch` uses it.
    watch_lock: Option<File>,
    /// Whether the log already says that a run does not replace answers.
    said_not_replaced: AtomicBool,
}

impl StateFolder {
    /// Opens the folder, and creates it with mode 0700 if it does not exist. A folder that other users can write to is
    /// refused.
    pub fn open(path: &Path) -> Result<Self, StateError> {
        let path = std::path::absolute(path)
            .map_err(|error| StateError::new(path, format!("cannot be found: {error}")))?;
        for folder in
            [&path, &path.join(ANSWERS), &path.join(NEXT), &path.join(STATUS), &path.join(LOCKS)]
        {
            create(folder)?;
        }
        Ok(Self { path, watch_lock: None, said_not_replaced: AtomicBool::new(false) })
    }

    /// Opens a folder that must exist, to read it.
    pub fn open_existing(path: &Path) -> Result<Self, StateError> {
        let folder = path.join(STATUS);
        match std::fs::metadata(&folder) {
            Ok(metadata) if metadata.is_dir() => Self::open(path),
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => Err(StateError::new(
                path,
                "cannot be read: permission denied; run the command as the user that the folder belongs to",
            )),
            _ => Err(StateError::new(
                path,
                "is not a state folder; name the DIR of `watch --state DIR` or of a run with --state DIR",
            )),
        }
    }

    /// Opens the folder for `watch`, which alone replaces answers in it from now on. `about` is the content of the file
    /// that marks it.
    pub fn open_for_watch(path: &Path, about: &impl serde::Serialize) -> Result<Self, StateError> {
        let mut folder = Self::open(path)?;
        let lock_path = folder.path.join(LOCKS).join(WATCH_LOCK);
        let locked = lock::lock(&lock_path, Duration::ZERO).map_err(|error| match error.kind() {
            io::ErrorKind::WouldBlock => StateError::new(
                &folder.path,
                "is used by another `watch` that is running; end that one, or use another folder",
            ),
            _ => StateError::unwritable(&lock_path, &error),
        })?;
        folder.watch_lock = Some(locked);
        let marker = folder.path.join(WATCH_FILE);
        whole_file::replace(&marker, Durability::Synced, |writer| {
            Ok(serde_json::to_writer(writer, about)?)
        })
        .map_err(|error| StateError::unwritable(&marker, &error))?;
        Ok(folder)
    }

    /// The path of the folder.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Locks the files of an endpoint until the returned value is dropped. Waits up to 10 s for another process.
    pub fn lock(&self, id: &str) -> Result<LockedEndpoint<'_>, StateError> {
        let path = self.path.join(LOCKS).join(file_name(id));
        let locked = lock::lock(&path, LOCK_LIMIT).map_err(|error| match error.kind() {
            io::ErrorKind::WouldBlock => StateError::new(
                &path,
                format!(
                    "is still locked by another process after {} s; is another run with the same folder hanging?",
                    LOCK_LIMIT.as_secs()
                ),
            ),
            _ => StateError::unwritable(&path, &error),
        })?;
        Ok(LockedEndpoint::new(self, id, Some(locked)))
    }

    /// The files of an endpoint, only to read them, if they cannot be locked. Files are replaced whole.
    pub fn without_lock(&self, id: &str) -> LockedEndpoint<'_> {
        LockedEndpoint::new(self, id, None)
    }

    /// Whether there is a status of this endpoint.
    pub fn has_status(&self, id: &str) -> bool {
        self.status_path(id).exists()
    }

    /// The suspicions of all endpoints, sorted by id. Unreadable ones are left out with a warning.
    pub fn suspicions(&self) -> Result<Vec<Suspicion>, StateError> {
        let folder = self.path.join(GUARD);
        if !folder.exists() {
            return Ok(Vec::new());
        }
        let paths = json_files(&folder)?;
        let mut suspicions: Vec<_> =
            paths.iter().filter_map(|path| suspicion::read(path)).collect();
        suspicions.sort_by(|one, other| one.id.cmp(&other.id));
        Ok(suspicions)
    }

    /// The status of every endpoint that the folder knows, sorted by id. Unreadable ones are left out with a warning.
    pub fn statuses(&self) -> Result<Vec<StatusRecord>, StateError> {
        let paths = json_files(&self.path.join(STATUS))?;
        let mut statuses: Vec<_> =
            paths.iter().filter_map(|path| status_record::read(path)).collect();
        statuses.sort_by(|one, other| one.id.cmp(&other.id));
        Ok(statuses)
    }

    /// Whether a run may replace answers. In a folder of `watch` a run must not, because the events of the changes would
    /// never be written. Logs that once.
    pub fn may_replace(&self) -> bool {
        let may = self.watch_lock.is_some() || !self.path.join(WATCH_FILE).exists();
        if !may && !self.said_not_replaced.swap(true, Ordering::Relaxed) {
            tracing::warn!(
                "the state folder {} belongs to `watch`: this run compares with the answers in it, but does not \
                 replace them; use another folder for runs, or remove {WATCH_FILE} in it if `watch` does not use it \
                 any more",
                self.path.display()
            );
        }
        may
    }

    pub(super) fn answer_path(&self, id: &str) -> PathBuf {
        self.json_path(ANSWERS, id)
    }

    pub(super) fn next_path(&self, id: &str) -> PathBuf {
        self.json_path(NEXT, id)
    }

    pub(super) fn status_path(&self, id: &str) -> PathBuf {
        self.json_path(STATUS, id)
    }

    pub(super) fn suspicion_path(&self, id: &str) -> PathBuf {
        self.json_path(GUARD, id)
    }

    fn json_path(&self, folder: &str, id: &str) -> PathBuf {
        self.path.join(folder).join(format!("{}.json", file_name(id)))
    }
}

/// Creates a folder with mode 0700 if it does not exist, and checks it.
pub(super) fn create(folder: &Path) -> Result<(), StateError> {
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(folder)
        .map_err(|error| StateError::unwritable(folder, &error))?;
    check_trust(folder)
}

/// The JSON files in a folder.
fn json_files(folder: &Path) -> Result<Vec<PathBuf>, StateError> {
    let unreadable = |error: io::Error| StateError::new(folder, format!("cannot be read: {error}"));
    let mut paths = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(unreadable)? {
        let path = entry.map_err(unreadable)?.path();
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        if !name.starts_with('.') && path.extension().is_some_and(|extension| extension == "json") {
            paths.push(path);
        }
    }
    Ok(paths)
}

/// Refuses a folder that others than root and this user can write to.
fn check_trust(folder: &Path) -> Result<(), StateError> {
    let metadata = std::fs::symlink_metadata(folder)
        .map_err(|error| StateError::new(folder, format!("cannot be inspected: {error}")))?;
    // The state folder itself may be a symbolic link (systemd's StateDirectory= of a dynamic user is one).
    let metadata = if metadata.is_symlink() { std::fs::metadata(folder) } else { Ok(metadata) }
        .map_err(|error| StateError::new(folder, format!("cannot be inspected: {error}")))?;
    let uid = rustix::process::geteuid().as_raw();
    let problem = if !metadata.is_dir() {
        "is not a folder".to_owned()
    } else if metadata.uid() != uid && metadata.uid() != 0 {
        format!("belongs to user {}, not to root or the user that runs the program", metadata.uid())
    } else if metadata.mode() & 0o022 != 0 {
        "is writable by others than its owner; `chmod go-w` it".to_owned()
    } else {
        return Ok(());
    };
    Err(StateError::new(folder, problem))
}
