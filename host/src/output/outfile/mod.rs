//! Writes the result to standard output, or to a file that is replaced only by a complete result.

mod leftover;
mod replacement;
mod same_file;

use std::fs::{File, Metadata, OpenOptions};
use std::io::{self, IsTerminal as _, Write as _};
use std::os::fd::AsFd;
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags};
use rustix::io::Errno;

use crate::output::terminal::suspend_display;
use crate::process::{RunLimit, stdout_was_closed};
pub use replacement::abandon;
use replacement::{Replacement, Temporary, missing_target};
pub use same_file::NamedFile;

/// The destination of the result, prepared before any endpoint is queried.
pub enum Outfile {
    /// Standard output.
    Stdout,
    /// A device or a pipe, which is written directly. The run's time limit also limits the wait for the reader of
    /// a FIFO.
    Through(PathBuf, Option<RunLimit>),
    /// A regular file, which is replaced atomically.
    Replace(Replacement),
}

/// Why the result was not written completely.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    /// The reader closed the pipe, so it does not need the rest.
    #[error("the reader closed the output")]
    Closed,
    /// The result cannot be written.
    #[error("{0}")]
    Io(io::Error),
}

impl From<io::Error> for WriteError {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::BrokenPipe => Self::Closed,
            _ => Self::Io(error),
        }
    }
}

impl Outfile {
    /// Checks that the result can be written to this path.
    pub fn prepare(path: Option<&Path>, limit: Option<RunLimit>) -> io::Result<Self> {
        let path = match path {
            Some(path) if path != Path::new("-") => path,
            _ => return check_stdout().map(|()| Self::Stdout),
        };
        match std::fs::metadata(path) {
            // `--outfile /dev/stdout >> file` must append to the file, not replace it.
            Ok(metadata) if is_stdout(&metadata) => Ok(Self::Stdout),
            Ok(metadata) if metadata.is_file() => {
                // A symbolic link is kept; its target is replaced.
                Replacement::of_existing(std::fs::canonicalize(path)?).map(Self::Replace)
            }
            Ok(metadata) if metadata.is_dir() => Err(io::Error::other("it is a folder")),
            Ok(_) => Ok(Self::Through(path.to_owned(), limit)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                Replacement::of_missing(missing_target(path)?).map(Self::Replace)
            }
            Err(error) => Err(error),
        }
    }

    /// Writes the whole result in pieces.
    pub fn write(
        self,
        result: impl FnOnce(&mut Pieces<'_>) -> io::Result<()>,
    ) -> Result<(), WriteError> {
        let mut writer = self.open()?;
        writer.write(result)?;
        writer.finish()
    }

    /// Opens the destination. For a FIFO, this waits for its reader.
    pub fn open(self) -> Result<OutfileWriter, WriteError> {
        Ok(match self {
            Self::Stdout => {
                check_stdout()?;
                OutfileWriter::Stdout { shares_terminal: is_terminal_of_stderr() }
            }
            Self::Through(path, limit) => OutfileWriter::Through(open_through(&path, limit)?),
            Self::Replace(replacement) => {
                let temporary = replacement.temporary()?;
                OutfileWriter::Replace(Box::new((replacement, temporary)))
            }
        })
    }
}

/// An outfile that is being written.
pub enum OutfileWriter {
    /// Standard output.
    Stdout {
        /// Whether it is the same terminal as stderr, which may show the progress.
        shares_terminal: bool,
    },
    /// A device or a pipe.
    Through(File),
    /// A temporary file, and the target that it will replace.
    Replace(Box<(Replacement, Temporary)>),
}

/// The minimum time to wait for the reader of a FIFO, even if the run's time limit has passed.
const READER_TIME: Duration = Duration::from_secs(5);

/// The interval of checks for the reader of a FIFO.
const READER_POLL: Duration = Duration::from_millis(50);

/// The size of one write, in bytes. Larger ones are not faster, because a pipe holds 64 KiB.
const PIECE_BYTES: usize = 256 * 1024;

/// Collects small writes into pieces. A JSON serializer writes only a few bytes at a time, so appending to a vector
/// must be inlined.
pub struct Pieces<'a> {
    writer: &'a mut OutfileWriter,
    bytes: Vec<u8>,
}

impl io::Write for Pieces<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.write_all(bytes).map(|()| bytes.len())
    }

    #[inline]
    fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.bytes.extend_from_slice(bytes);
        if self.bytes.len() < PIECE_BYTES { Ok(()) } else { self.flush() }
    }

    fn flush(&mut self) -> io::Result<()> {
        let written = self.writer.write_piece(&self.bytes);
        self.bytes.clear();
        written
    }
}

impl OutfileWriter {
    /// Writes the output of a function, and flushes it.
    pub fn write(
        &mut self,
        result: impl FnOnce(&mut Pieces<'_>) -> io::Result<()>,
    ) -> Result<(), WriteError> {
        let mut pieces = Pieces { writer: self, bytes: Vec::new() };
        result(&mut pieces)?;
        pieces.flush()?;
        Ok(())
    }

    /// Writes bytes without buffering them.
    fn write_piece(&mut self, bytes: &[u8]) -> io::Result<()> {
        match self {
            Self::Stdout { shares_terminal: true } => {
                suspend_display(|| write_all(io::stdout(), bytes))
            }
            Self::Stdout { shares_terminal: false } => write_all(io::stdout(), bytes),
            Self::Through(file) => write_all(file, bytes),
            Self::Replace(both) => both.1.file.write_all(bytes),
        }
    }

    /// Ends the output, and replaces the target.
    pub fn finish(self) -> Result<(), WriteError> {
        match self {
            Self::Stdout { .. } | Self::Through(_) => Ok(()),
            Self::Replace(both) => {
                let (replacement, temporary) = *both;
                Ok(replacement.finish(temporary)?)
            }
        }
    }
}

/// Waits until standard output has no reader any more. False if polling fails (out of memory, for example); then the
/// next write detects it.
pub fn wait_for_closed_stdout() -> bool {
    let stdout = io::stdout();
    loop {
        let mut polled = [PollFd::new(&stdout, PollFlags::empty())];
        match rustix::event::poll(&mut polled, None) {
            // With no requested events, poll reports only errors and hang-ups.
            Ok(_) if !polled[0].revents().is_empty() => return true,
            Ok(_) | Err(Errno::INTR) => {}
            Err(_) => return false,
        }
    }
}

impl std::fmt::Display for Outfile {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Stdout => f.write_str("standard output"),
            Self::Through(path, _) => path.display().fmt(f),
            Self::Replace(replacement) => replacement.target.display().fmt(f),
        }
    }
}

/// Fails if the caller closed standard output. Rust's runtime has opened /dev/null in its place.
pub fn check_stdout() -> io::Result<()> {
    if stdout_was_closed() { Err(io::Error::other("it is closed")) } else { Ok(()) }
}

/// Opens a device or a pipe. With a limit, waits for the reader of a FIFO until the run's time limit, and at least for
/// [`READER_TIME`], because the last endpoint may have used all the time.
fn open_through(path: &Path, limit: Option<RunLimit>) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true);
    let (Some(limit), true) = (limit, std::fs::metadata(path)?.file_type().is_fifo()) else {
        return options.open(path);
    };
    let until = limit.ends_at.max(Instant::now() + READER_TIME);
    options.custom_flags(libc::O_NONBLOCK);
    loop {
        match options.open(path) {
            // There is no reader. The kernel has no call that waits for a reader with a time limit.
            Err(error) if error.raw_os_error() == Some(libc::ENXIO) => {
                if Instant::now() >= until {
                    return Err(io::Error::other(format!(
                        "no process opened this FIFO for reading within the run's time limit of {} s",
                        limit.length.as_secs_f64()
                    )));
                }
                std::thread::sleep(READER_POLL);
            }
            opened => return opened,
        }
    }
}

/// Whether a file is the one that standard output is connected to.
fn is_stdout(metadata: &Metadata) -> bool {
    rustix::fs::fstat(io::stdout())
        .is_ok_and(|stdout| (stdout.st_dev, stdout.st_ino) == (metadata.dev(), metadata.ino()))
}

/// Whether stdout and stderr are the same terminal. (If stdout is another terminal, a blocked write to it must not
/// block stderr.)
fn is_terminal_of_stderr() -> bool {
    let device = |stat: rustix::io::Result<rustix::fs::Stat>| stat.ok().map(|stat| stat.st_rdev);
    io::stdout().is_terminal()
        && io::stderr().is_terminal()
        && device(rustix::fs::fstat(io::stdout())) == device(rustix::fs::fstat(io::stderr()))
}

/// Writes all bytes, even if another process made the descriptor non-blocking.
pub fn write_all(to: impl AsFd, mut bytes: &[u8]) -> io::Result<()> {
    while !bytes.is_empty() {
        match rustix::io::write(&to, bytes) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(written) => bytes = &bytes[written..],
            Err(Errno::INTR) => {}
            Err(Errno::WOULDBLOCK) => wait_for(&to, PollFlags::OUT)?,
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

/// Waits until a descriptor is ready.
pub fn wait_for(descriptor: impl AsFd, events: PollFlags) -> io::Result<()> {
    match rustix::event::poll(&mut [PollFd::new(&descriptor, events)], None) {
        Ok(_) | Err(Errno::INTR) => Ok(()),
        Err(error) => Err(error.into()),
    }
}
