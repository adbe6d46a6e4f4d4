//! Files that are replaced whole and read whole.

use std::ffi::OsString;
use std::fs::{File, OpenOptions};
use std::io::{self, BufWriter, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use serde::de::DeserializeOwned;

/// The maximum size of a file, in bytes.
const MAX_BYTES: usize = 1024 * 1024 * 1024;

/// Whether a replaced file survives a crash of the machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Durability {
    /// It is on the disk when the call returns.
    Synced,
    /// The kernel writes it later. It survives the end of the process.
    Later,
}

/// Replaces a file by what `write` writes. The old file stays until the new one is complete. Only one process may
/// replace it at a time.
pub fn replace(
    path: &Path,
    durability: Durability,
    write: impl FnOnce(&mut BufWriter<File>) -> io::Result<()>,
) -> io::Result<()> {
    let temporary = path.with_file_name(temporary_name(path));
    let replaced = write_temporary(&temporary, durability, write)
        .and_then(|()| rename(&temporary, path, durability));
    if replaced.is_err() {
        // An error is ignored: the next replacement truncates the file.
        let _ = std::fs::remove_file(&temporary);
    }
    replaced
}

/// Renames a file within its folder, which replaces the target.
pub fn rename(from: &Path, to: &Path, durability: Durability) -> io::Result<()> {
    std::fs::rename(from, to)?;
    match (durability, to.parent()) {
        (Durability::Synced, Some(folder)) => sync_folder(folder),
        _ => Ok(()),
    }
}

/// Removes a file, if it exists.
pub fn remove(path: &Path) -> io::Result<()> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// Reads a whole file; `None` if it does not exist. The error is a message without its subject.
pub fn read(path: &Path) -> Result<Option<Vec<u8>>, String> {
    match std::fs::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(format!("cannot be read: {error}")),
        Ok(_) => gatherer_file_reader::read(path, MAX_BYTES).map(Some).map_err(|e| e.to_string()),
    }
}

/// Reads a document of this program; `None` if it does not exist. The error is a message without its subject.
pub fn read_json<T: DeserializeOwned>(path: &Path) -> Result<Option<T>, String> {
    let Some(bytes) = read(path)? else { return Ok(None) };
    // The message of the parser would quote the document.
    serde_json::from_slice(&bytes).map(Some).map_err(|error| {
        format!(
            "is not a document of this program: line {}, column {}",
            error.line(),
            error.column()
        )
    })
}

fn write_temporary(
    path: &Path,
    durability: Durability,
    write: impl FnOnce(&mut BufWriter<File>) -> io::Result<()>,
) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true).mode(0o600);
    let file = options.custom_flags(libc::O_NOFOLLOW).open(path)?;
    let mut writer = BufWriter::with_capacity(64 * 1024, file);
    write(&mut writer)?;
    writer.flush()?;
    match durability {
        Durability::Synced => writer.get_ref().sync_all(),
        Durability::Later => Ok(()),
    }
}

/// Hidden, so that nothing takes it for a file of an endpoint.
fn temporary_name(path: &Path) -> OsString {
    let mut name = OsString::from(".");
    name.push(path.file_name().unwrap_or_default());
    name.push(".tmp");
    name
}

/// A new name is on the disk only after its folder is synced.
fn sync_folder(folder: &Path) -> io::Result<()> {
    OpenOptions::new().read(true).custom_flags(libc::O_DIRECTORY).open(folder)?.sync_all()
}
