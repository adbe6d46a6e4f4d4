//! The file that events are appended to, or standard output.

use std::fs::{File, OpenOptions};
use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::os::fd::AsFd as _;
use std::os::unix::fs::{FileTypeExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use rustix::fs::FlockOperation;

use crate::output::outfile;
use crate::process::{OpenedFile, Ownership, open_like};

/// How much of a file is read at once to find its last line break, in bytes.
const BLOCK_BYTES: u64 = 64 * 1024;

/// A file of events. Threads append whole lines to it.
pub struct EventFile {
    /// `None` is standard output.
    path: Option<PathBuf>,
    destination: Mutex<Destination>,
    /// The number of appended pieces.
    appended: AtomicU64,
    /// The number of pieces that are known to be on the disk.
    synced: Mutex<u64>,
    is_closed: AtomicBool,
}

enum Destination {
    Stdout,
    /// A device or a FIFO.
    Device(File),
    /// A regular file, and its length without an incomplete line.
    Regular(File, u64),
}

impl EventFile {
    /// Opens the file, and creates it if it does not exist; `-` is standard output. The incomplete last line of a program
    /// that was killed is removed: the event is written again.
    pub fn open(path: &Path) -> io::Result<Self> {
        let (path, destination) = if path == Path::new("-") {
            outfile::check_stdout()?;
            (None, Destination::Stdout)
        } else {
            // What rotates files often calls the last one `.1`.
            let mut rotated = path.as_os_str().to_owned();
            rotated.push(".1");
            let rotated = Ownership::at(Path::new(&rotated));
            (Some(path.to_owned()), Destination::open(path, rotated.as_ref())?)
        };
        Ok(Self {
            path,
            destination: Mutex::new(destination),
            appended: AtomicU64::new(0),
            synced: Mutex::new(0),
            is_closed: AtomicBool::new(false),
        })
    }

    /// Whether the reader of standard output or of the FIFO is gone.
    pub fn is_closed(&self) -> bool {
        self.is_closed.load(Ordering::Relaxed)
    }

    /// Opens the file again, because it may have been renamed to be archived. If that fails, the open one stays in use.
    pub fn reopen(&self) {
        let Some(path) = &self.path else { return };
        let mut destination = self.lock();
        if matches!(&*destination, Destination::Device(_)) {
            return;
        }
        let mut old = None;
        // The lock of the open file would keep the same file from being opened again.
        if let Destination::Regular(file, _) = &*destination {
            let _ = file.sync_data();
            old = Ownership::of(file).ok();
            let _ = rustix::fs::flock(file, FlockOperation::Unlock);
        }
        match Destination::open(path, old.as_ref()) {
            Ok(opened) => *destination = opened,
            Err(error) => tracing::error!(
                "the file of events {} cannot be opened again: {error}; the open one stays in use",
                path.display()
            ),
        }
    }

    /// Appends whole lines. After an error none of them is in the file.
    pub fn append(&self, lines: &[u8]) -> io::Result<()> {
        let mut destination = self.lock();
        let written = match &mut *destination {
            Destination::Stdout => outfile::write_all(io::stdout(), lines),
            Destination::Device(file) => outfile::write_all(file.as_fd(), lines),
            Destination::Regular(file, length) => {
                // A log rotation may have truncated it.
                *length = file.metadata()?.len().min(*length);
                match outfile::write_all(file.as_fd(), lines) {
                    Ok(()) => {
                        *length += lines.len() as u64;
                        Ok(())
                    }
                    Err(error) => {
                        // An error is ignored: the next start removes an incomplete line, and repeated events have the same ids.
                        let _ = file.set_len(*length);
                        Err(error)
                    }
                }
            }
        };
        if written.as_ref().is_err_and(|error| error.kind() == io::ErrorKind::BrokenPipe) {
            self.is_closed.store(true, Ordering::Relaxed);
        }
        self.appended.fetch_add(1, Ordering::Relaxed);
        written
    }

    /// Waits until everything that was appended before is on the disk. Threads that wait at the same time share one
    /// write.
    pub fn sync(&self) -> io::Result<()> {
        let needed = self.appended.load(Ordering::Relaxed);
        let mut synced = self.synced.lock().unwrap_or_else(PoisonError::into_inner);
        if *synced >= needed {
            return Ok(());
        }
        let (file, appended) = {
            let destination = self.lock();
            let Destination::Regular(file, _) = &*destination else { return Ok(()) };
            (file.try_clone()?, self.appended.load(Ordering::Relaxed))
        };
        file.sync_data()?;
        *synced = appended;
        Ok(())
    }

    fn lock(&self) -> MutexGuard<'_, Destination> {
        self.destination.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Destination {
    /// Opens a file, which is created like `old` if it does not exist.
    fn open(path: &Path, old: Option<&Ownership>) -> io::Result<Self> {
        let mut options = OpenOptions::new();
        options.read(true).append(true).custom_flags(libc::O_NOCTTY);
        match std::fs::metadata(path) {
            Ok(metadata) if metadata.is_dir() => return Err(io::Error::other("it is a folder")),
            Ok(metadata) if metadata.file_type().is_fifo() => {
                // Without O_NONBLOCK this would wait for the reader without a limit.
                let opened =
                    OpenOptions::new().write(true).custom_flags(libc::O_NONBLOCK).open(path);
                return opened.map(Self::Device).map_err(|error| match error.raw_os_error() {
                    Some(libc::ENXIO) => {
                        io::Error::other("no process has opened this FIFO for reading yet")
                    }
                    _ => error,
                });
            }
            Ok(metadata) if !metadata.is_file() => {
                return Ok(Self::Device(OpenOptions::new().append(true).open(path)?));
            }
            _ => {}
        }
        let OpenedFile { mut file, owner_error } = open_like(path, &options, old)?;
        if let Some(error) = owner_error {
            tracing::warn!(
                "the new file {} does not have the owner, group and mode of the old one: {error}; other programs may not be \
                 able to read it",
                path.display()
            );
        }
        if rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive)
            == Err(rustix::io::Errno::WOULDBLOCK)
        {
            return Err(io::Error::other("another `watch` writes to it"));
        }
        let length = whole_lines(&mut file)?;
        if length < file.metadata()?.len() {
            tracing::info!(
                "removing an incomplete line at the end of {}; its event is written again",
                path.display()
            );
            file.set_len(length)?;
        }
        Ok(Self::Regular(file, length))
    }
}

/// The length of a file up to its last line break.
fn whole_lines(file: &mut File) -> io::Result<u64> {
    let mut end = file.metadata()?.len();
    let mut block = Vec::new();
    while end > 0 {
        let start = end.saturating_sub(BLOCK_BYTES);
        file.seek(SeekFrom::Start(start))?;
        block.clear();
        file.by_ref().take(end - start).read_to_end(&mut block)?;
        if let Some(index) = memchr::memrchr(b'\n', &block) {
            return Ok(start + index as u64 + 1);
        }
        end = start;
    }
    Ok(0)
}

#[cfg(test)]
mod tests {
    use std::os::fd::AsRawFd as _;

    use super::EventFile;

    fn content(path: &std::path::Path) -> String {
        let bytes = gatherer_file_reader::read(path, 1024 * 1024).expect("readable");
        String::from_utf8(bytes).expect("text")
    }

    #[test]
    fn removes_an_incomplete_last_line() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("events");
        let long = "x".repeat(200_000);
        for (before, kept) in [
            ("", ""),
            ("{}\n", "{}\n"),
            ("{}\n{\"a\"", "{}\n"),
            ("{\"a\"", ""),
            (&format!("{{}}\n{long}"), "{}\n"),
            (&format!("{long}\n{long}"), &format!("{long}\n")),
        ] {
            std::fs::write(&path, before).expect("writable");
            let file = EventFile::open(&path).expect("it can be opened");
            file.append(b"{\"new\"}\n").expect("writable");
            file.sync().expect("it can be synced");
            assert_eq!(content(&path), format!("{kept}{{\"new\"}}\n"));
        }
    }

    /// A sealed memory file cannot be written, as on a full disk.
    #[test]
    fn an_error_after_a_truncation_does_not_extend_the_file() {
        let file = rustix::fs::memfd_create("events", rustix::fs::MemfdFlags::ALLOW_SEALING);
        let file = std::fs::File::from(file.expect("it can be created"));
        let path = format!("/proc/self/fd/{}", file.as_raw_fd());
        let events = EventFile::open(path.as_ref()).expect("it can be opened");
        events.append(b"before the rotation\n").expect("writable");
        file.set_len(0).expect("it can be truncated");
        events.append(b"1\n").expect("writable");
        rustix::fs::fcntl_add_seals(&file, rustix::fs::SealFlags::WRITE).expect("it can be sealed");
        events.append(b"2\n").expect_err("it is sealed");
        assert_eq!(file.metadata().expect("it exists").len(), 2);
    }

    #[test]
    fn a_file_is_written_by_one_program() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("events");
        let _file = EventFile::open(&path).expect("it can be opened");
        assert!(EventFile::open(&path).is_err());
    }

    #[test]
    fn a_renamed_file_is_replaced_when_it_is_opened_again() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("events");
        let file = EventFile::open(&path).expect("it can be opened");
        file.append(b"1\n").expect("writable");
        file.reopen();
        file.append(b"2\n").expect("writable");
        std::fs::rename(&path, folder.path().join("old")).expect("the same folder");
        file.append(b"3\n").expect("writable");
        file.reopen();
        file.append(b"4\n").expect("writable");
        file.sync().expect("it can be synced");
        assert_eq!(
            (content(&folder.path().join("old")), content(&path)),
            ("1\n2\n3\n".to_owned(), "4\n".to_owned())
        );
    }
}
