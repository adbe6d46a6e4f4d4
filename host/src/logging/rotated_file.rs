//! The log file: appended to, rotated by size, shared by runs at the same time.

use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use rustix::fs::FlockOperation;

/// The size above which a file is rotated, in bytes; the classic program's.
const MAX_BYTES: u64 = 5 * 1024 * 1024;

/// How many rotated files are kept.
const OLD_FILES: u32 = 5;

/// How often the lock is tried, with a millisecond in between.
const LOCK_ATTEMPTS: u32 = 50;

/// How much a file that could not be rotated grows before the next attempt.
const RETRY_BYTES: u64 = 256 * 1024;

/// An open log file.
pub struct LogFile {
    path: PathBuf,
    file: File,
    max_bytes: u64,
    /// The size below which no attempt to rotate the file is made, after one that failed.
    retry_at: u64,
}

impl LogFile {
    /// Opens the file, or creates it.
    pub fn open(path: &Path) -> io::Result<Self> {
        Ok(Self { path: path.to_owned(), file: open(path)?, max_bytes: MAX_BYTES, retry_at: 0 })
    }

    /// Appends one line with one write.
    pub fn write(&mut self, line: &[u8]) -> io::Result<()> {
        self.reopen_if_rotated()?;
        let metadata = self.file.metadata()?;
        let (size, more) = (metadata.len(), line.len() as u64);
        let full = metadata.is_file() && size > 0 && size + more > self.max_bytes;
        if full && size >= self.retry_at {
            // If it cannot be rotated, a large log is better than none.
            self.retry_at = match self.rotate(more) {
                Ok(()) => 0,
                Err(_) => size + RETRY_BYTES,
            };
        }
        self.file.write_all(line)
    }

    /// Opens the file again if another run has rotated it.
    fn reopen_if_rotated(&mut self) -> io::Result<()> {
        if !self.is_current()? {
            self.file = open(&self.path)?;
        }
        Ok(())
    }

    fn is_current(&self) -> io::Result<bool> {
        let open = self.file.metadata()?;
        match std::fs::metadata(&self.path) {
            Ok(named) => Ok((named.dev(), named.ino()) == (open.dev(), open.ino())),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(error),
        }
    }

    fn rotate(&mut self, more: u64) -> io::Result<()> {
        self.lock()?;
        let full = self.is_current()? && self.file.metadata()?.len() + more > self.max_bytes;
        let renamed = if full { self.rename() } else { Ok(()) };
        let opened = renamed.and_then(|()| open(&self.path));
        rustix::fs::flock(&self.file, FlockOperation::Unlock)?;
        self.file = opened?;
        Ok(())
    }

    /// Takes the lock, which another run holds while it rotates the file. The wait is short, because
    /// any process that can read the log can also hold its lock forever.
    fn lock(&self) -> io::Result<()> {
        for _ in 0..LOCK_ATTEMPTS {
            match rustix::fs::flock(&self.file, FlockOperation::NonBlockingLockExclusive) {
                Err(rustix::io::Errno::WOULDBLOCK) => {
                    std::thread::sleep(std::time::Duration::from_millis(1));
                }
                other => return Ok(other?),
            }
        }
        Err(io::ErrorKind::WouldBlock.into())
    }

    /// Renames the file to `.1`, and each old one to the next number.
    fn rename(&self) -> io::Result<()> {
        for number in (1..OLD_FILES).rev() {
            match std::fs::rename(self.old_path(number), self.old_path(number + 1)) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
        std::fs::rename(&self.path, self.old_path(1))
    }

    fn old_path(&self, number: u32) -> PathBuf {
        let mut name = self.path.clone().into_os_string();
        name.push(format!(".{number}"));
        name.into()
    }
}

fn open(path: &Path) -> io::Result<File> {
    let file = OpenOptions::new()
        .append(true)
        .create(true)
        .mode(0o640)
        // Opening a FIFO that no process reads would block.
        .custom_flags(libc::O_NONBLOCK | libc::O_NOCTTY)
        .open(path)?;
    if file.metadata()?.is_dir() {
        return Err(io::Error::other("it is a folder"));
    }
    Ok(file)
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "files that the tests have written")]
mod tests {
    use super::LogFile;

    #[test]
    fn no_line_is_lost_when_two_runs_rotate_one_file() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("gatherer.log");
        let writers: Vec<_> = (0..4)
            .map(|writer| {
                let path = path.clone();
                std::thread::spawn(move || {
                    let mut file = LogFile::open(&path).expect("opens");
                    file.max_bytes = 4096;
                    for line in 0..100 {
                        file.write(format!("{writer} {line:03} {}\n", "x".repeat(32)).as_bytes())
                            .expect("writes");
                    }
                })
            })
            .collect();
        for writer in writers {
            writer.join().expect("ends");
        }
        let mut lines = Vec::new();
        for name in std::fs::read_dir(folder.path()).expect("lists") {
            let text = std::fs::read_to_string(name.expect("an entry").path()).expect("text");
            assert!(text.len() <= 4096 + 4 * 64, "{}", text.len());
            lines.extend(text.lines().map(|line| line[..5].to_owned()));
        }
        lines.sort();
        lines.dedup();
        assert_eq!(lines.len(), 400);
    }

    #[test]
    fn a_lock_held_by_another_process_delays_lines_but_loses_none() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("gatherer.log");
        let mut file = LogFile::open(&path).expect("opens");
        file.max_bytes = 100;
        let holder = std::fs::File::open(&path).expect("opens");
        rustix::fs::flock(&holder, rustix::fs::FlockOperation::LockShared).expect("free");
        for _ in 0..1000 {
            file.write(b"1234567890123456789\n").expect("writes");
        }
        assert_eq!(std::fs::metadata(&path).expect("the file exists").len(), 20_000);
        assert_eq!(std::fs::read_dir(folder.path()).expect("lists").count(), 1);
    }

    #[test]
    fn keeps_five_old_files() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("gatherer.log");
        let mut file = LogFile::open(&path).expect("opens");
        file.max_bytes = 10;
        for _ in 0..20 {
            file.write(b"12345678\n").expect("writes");
        }
        assert_eq!(std::fs::read_dir(folder.path()).expect("lists").count(), 6);
    }
}
