//! The log file: appended to, rotated by size, shared by runs at the same time.

use std::borrow::Cow;
use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use gatherer_plugin_api::LogLevel;
use rustix::fs::FlockOperation;

use super::LogFormat;
use super::line::LogLine;
use crate::process::{OpenedFile, Ownership, open_like};

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
    format: LogFormat,
    max_bytes: u64,
    /// Whether a warning about the owner of a new file was logged.
    owner_reported: bool,
    /// The size below which no attempt to rotate the file is made, after one that failed.
    retry_at: u64,
    /// Whether the file ends in the middle of a line, because the rest could not be written.
    ends_in_line: bool,
    unwritten: UnwrittenLines,
}

/// How many lines could not be written, and the last error.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct UnwrittenLines {
    /// The number of lines.
    pub count: u64,
    /// The error's number; 0 if there is none.
    pub errno: i32,
}

impl LogFile {
    /// Opens the file, or creates it. A new file gets the owner, the group and the mode of the last rotated file,
    /// if there is one.
    pub fn open(path: &Path, format: LogFormat) -> io::Result<Self> {
        let opened = open(path, Ownership::at(&old_path(path, 1)).as_ref())?;
        let (path, file) = (path.to_owned(), opened.file);
        let mut log = Self {
            path,
            file,
            format,
            max_bytes: MAX_BYTES,
            owner_reported: false,
            retry_at: 0,
            ends_in_line: false,
            unwritten: UnwrittenLines::default(),
        };
        log.report_owner(opened.owner_error)?;
        Ok(log)
    }

    /// Appends one line with one write. If that fails (the disk may be full), counts it; the next line is tried again.
    pub fn write_or_count(&mut self, line: &[u8]) {
        if let Err(error) = self.write(line) {
            self.unwritten.count += 1;
            self.unwritten.errno = error.raw_os_error().unwrap_or(libc::EIO);
        }
    }

    /// The lines that could not be written so far.
    pub fn unwritten(&self) -> UnwrittenLines {
        self.unwritten
    }

    fn write(&mut self, line: &[u8]) -> io::Result<()> {
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
        self.append(line)
    }

    /// Writes a line, after the end of a line that was not written completely.
    fn append(&mut self, line: &[u8]) -> io::Result<()> {
        let line =
            if self.ends_in_line { Cow::from([b"\n", line].concat()) } else { Cow::from(line) };
        let mut rest = &*line;
        while !rest.is_empty() {
            match self.file.write(rest) {
                Ok(written @ 1..) => rest = &rest[written..],
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => {
                    self.ends_in_line |= rest.len() < line.len();
                    return Err(error);
                }
            }
        }
        self.ends_in_line = false;
        Ok(())
    }

    /// Opens the file again if another run has rotated it.
    fn reopen_if_rotated(&mut self) -> io::Result<()> {
        if self.is_current()? {
            return Ok(());
        }
        let opened = open(&self.path, Some(&Ownership::of(&self.file)?))?;
        (self.file, self.ends_in_line) = (opened.file, false);
        self.report_owner(opened.owner_error)
    }

    /// Logs, once, that a new file could not get the owner of the old one.
    fn report_owner(&mut self, error: Option<io::Error>) -> io::Result<()> {
        let Some(error) = error.filter(|_| !self.owner_reported) else { return Ok(()) };
        self.owner_reported = true;
        let message = format!(
            "the new log file {} does not have the owner, group and mode of the old one: {error}; other programs may \
             not be able to read it or to rotate it",
            self.path.display()
        );
        let line = super::for_file(self.format, &LogLine::of_runner(LogLevel::Warn, message));
        self.file.write_all(line.as_bytes())
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
        let old = Ownership::of(&self.file)?;
        let opened = renamed.and_then(|()| open(&self.path, Some(&old)));
        rustix::fs::flock(&self.file, FlockOperation::Unlock)?;
        let opened = opened?;
        (self.file, self.ends_in_line) = (opened.file, false);
        self.report_owner(opened.owner_error)
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
            match std::fs::rename(old_path(&self.path, number), old_path(&self.path, number + 1)) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
        std::fs::rename(&self.path, old_path(&self.path, 1))
    }
}

/// The path of a rotated file.
fn old_path(path: &Path, number: u32) -> PathBuf {
    let mut name = path.to_owned().into_os_string();
    name.push(format!(".{number}"));
    name.into()
}

/// Opens the file. If it does not exist, it is created like `old`.
fn open(path: &Path, old: Option<&Ownership>) -> io::Result<OpenedFile> {
    let mut options = OpenOptions::new();
    options.append(true).mode(0o640);
    // Opening a FIFO that no process reads would block.
    options.custom_flags(libc::O_NONBLOCK | libc::O_NOCTTY);
    let opened = open_like(path, &options, old)?;
    if opened.file.metadata()?.is_dir() {
        return Err(io::Error::other("it is a folder"));
    }
    Ok(opened)
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "files that the tests have written")]
mod tests {
    use super::{LogFile, LogFormat};

    #[test]
    fn no_line_is_lost_when_two_runs_rotate_one_file() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("gatherer.log");
        let writers: Vec<_> = (0..4)
            .map(|writer| {
                let path = path.clone();
                std::thread::spawn(move || {
                    let mut file = LogFile::open(&path, LogFormat::Text).expect("opens");
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
        let mut file = LogFile::open(&path, LogFormat::Text).expect("opens");
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
        let mut file = LogFile::open(&path, LogFormat::Text).expect("opens");
        file.max_bytes = 10;
        for _ in 0..20 {
            file.write(b"12345678\n").expect("writes");
        }
        assert_eq!(std::fs::read_dir(folder.path()).expect("lists").count(), 6);
    }
}
