//! Where the result goes: standard output, or a file that is whole or not there.

mod leftover;

use std::fs::{File, Metadata, OpenOptions};
use std::io::{self, IsTerminal as _, Write as _};
use std::os::fd::AsFd;
use std::os::unix::fs::{
    FileTypeExt as _, MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _,
};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags};
use rustix::fs::FlockOperation;
use rustix::io::Errno;

use crate::output::terminal::suspend_display;
use crate::process::RunLimit;

/// Where the result goes, made ready before anybody is asked.
pub enum Outfile {
    /// Standard output.
    Stdout,
    /// A device or a pipe, which is written through. The run's time limit bounds the wait for
    /// the reader of a FIFO.
    Through(PathBuf, Option<RunLimit>),
    /// A regular file, replaced at once.
    Replace(Replacement),
}

/// A target that is replaced by a temporary file beside it. That file is made twice: once to
/// see that it can be, and once to be written, so that none lies there in between.
pub struct Replacement {
    target: PathBuf,
    old: Option<Metadata>,
}

/// A temporary file that is written. It goes away if it does not become the target.
pub struct Temporary {
    path: PathBuf,
    file: File,
    done: bool,
}

/// The temporary file that is being written, for who ends the program meanwhile.
static PENDING: Mutex<Option<PathBuf>> = Mutex::new(None);

/// Removes the temporary file, and keeps it from becoming the target: the program ends now.
pub fn abandon() {
    static ABANDONED: AtomicBool = AtomicBool::new(false);
    if ABANDONED.swap(true, Ordering::Relaxed) {
        // The lock is never given back.
        return;
    }
    let pending = PENDING.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(path) = &*pending {
        // Nobody can be told, and a hidden file does no harm.
        let _ = std::fs::remove_file(path);
    }
    std::mem::forget(pending);
}

/// Why there is no result.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    /// Whoever was to read it is gone, and does not need it.
    #[error("nobody reads the result")]
    Closed,
    /// It cannot be written.
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
    /// Checks that the result can be written there.
    pub fn prepare(path: Option<&Path>, limit: Option<RunLimit>) -> io::Result<Self> {
        let path = match path {
            None => return Ok(Self::Stdout),
            Some(path) if path == Path::new("-") => return Ok(Self::Stdout),
            Some(path) => path,
        };
        match std::fs::metadata(path) {
            // `/dev/stdout >> file`: what stands in the file already is not ours to replace.
            Ok(metadata) if is_stdout(&metadata) => Ok(Self::Stdout),
            Ok(metadata) if metadata.is_file() => {
                // A symbolic link stays; the file that it leads to is replaced.
                Replacement::beside(std::fs::canonicalize(path)?, Some(metadata)).map(Self::Replace)
            }
            Ok(metadata) if metadata.is_dir() => Err(io::Error::other("it is a folder")),
            Ok(_) => Ok(Self::Through(path.to_owned(), limit)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                Replacement::beside(missing_target(path)?, None).map(Self::Replace)
            }
            Err(error) => Err(error),
        }
    }

    /// Writes the whole result, which comes piece by piece.
    pub fn write(
        self,
        result: impl FnOnce(&mut Pieces<'_>) -> io::Result<()>,
    ) -> Result<(), WriteError> {
        let mut writer = self.open()?;
        writer.write(result)?;
        writer.finish()
    }

    /// Opens it, to be written piece by piece. A FIFO waits here for its reader.
    pub fn open(self) -> Result<Writer, WriteError> {
        Ok(match self {
            Self::Stdout => Writer::Stdout { beside_stderr: is_terminal_of_stderr() },
            Self::Through(path, limit) => Writer::Through(open_through(&path, limit)?),
            Self::Replace(replacement) => {
                let temporary = replacement.temporary()?;
                Writer::Replace(Box::new((replacement, temporary)))
            }
        })
    }
}

/// An outfile that is being written.
pub enum Writer {
    /// Standard output.
    Stdout {
        /// Whether it is the terminal on which how far the run has come may be shown.
        beside_stderr: bool,
    },
    /// A device or a pipe.
    Through(File),
    /// A temporary file, and what it is to become.
    Replace(Box<(Replacement, Temporary)>),
}

/// How long the reader of a FIFO is waited for when the run's time is over already.
const READER_TIME: Duration = Duration::from_secs(5);

/// How often the reader of a FIFO is looked for.
const READER_POLL: Duration = Duration::from_millis(50);

/// How much is written at a time. Fewer, larger pieces gain nothing: a pipe holds 64 KiB.
const PIECE_BYTES: usize = 256 * 1024;

/// What is written, a piece at a time. JSON comes a few bytes at a time, and often: they go into a
/// vector here, where the compiler sees it.
pub struct Pieces<'a> {
    writer: &'a mut Writer,
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
        let written = self.writer.piece(&self.bytes);
        self.bytes.clear();
        written
    }
}

impl Writer {
    /// Writes something, and keeps nothing back.
    pub fn write(
        &mut self,
        result: impl FnOnce(&mut Pieces<'_>) -> io::Result<()>,
    ) -> Result<(), WriteError> {
        let mut pieces = Pieces { writer: self, bytes: Vec::new() };
        result(&mut pieces)?;
        pieces.flush()?;
        Ok(())
    }

    fn piece(&mut self, bytes: &[u8]) -> io::Result<()> {
        match self {
            Self::Stdout { beside_stderr: true } => {
                suspend_display(|| write_all(io::stdout(), bytes))
            }
            Self::Stdout { beside_stderr: false } => write_all(io::stdout(), bytes),
            Self::Through(file) => write_all(file, bytes),
            Self::Replace(both) => both.1.file.write_all(bytes),
        }
    }

    /// Nothing more comes: the target is replaced now.
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

/// Waits until nobody can read standard output any more. False if that cannot be told, as for
/// want of memory: then the next line tells.
pub fn wait_for_closed_stdout() -> bool {
    let stdout = io::stdout();
    loop {
        let mut polled = [PollFd::new(&stdout, PollFlags::empty())];
        match rustix::event::poll(&mut polled, None) {
            // Without a wish only errors and hang-ups are told.
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

/// Opens a device or a pipe. With a limit, a FIFO waits for its reader until the run's time is over,
/// and for a moment in any case: the last endpoint may have taken all of that time.
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
            // There is no reader. The kernel has no call that waits for one with a limit.
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

fn is_stdout(metadata: &Metadata) -> bool {
    rustix::fs::fstat(io::stdout())
        .is_ok_and(|stdout| (stdout.st_dev, stdout.st_ino) == (metadata.dev(), metadata.ino()))
}

/// Whether stdout is a terminal, and stderr the same one: who waits for another one must keep
/// nobody from writing to stderr.
fn is_terminal_of_stderr() -> bool {
    let device = |stat: rustix::io::Result<rustix::fs::Stat>| stat.ok().map(|stat| stat.st_rdev);
    io::stdout().is_terminal()
        && io::stderr().is_terminal()
        && device(rustix::fs::fstat(io::stdout())) == device(rustix::fs::fstat(io::stderr()))
}

/// Writes everything, also to a descriptor that somebody has made non-blocking.
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

/// Waits until a descriptor that is not ready is.
pub fn wait_for(descriptor: impl AsFd, what: PollFlags) -> io::Result<()> {
    match rustix::event::poll(&mut [PollFd::new(&descriptor, what)], None) {
        Ok(_) | Err(Errno::INTR) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// Where a file that is not there yet will lie: a symbolic link may lead to it.
fn missing_target(path: &Path) -> io::Result<PathBuf> {
    let mut path = path.to_owned();
    for _ in 0..40 {
        match std::fs::read_link(&path) {
            Ok(link) => path = folder(&path).join(link),
            Err(_) => return Ok(path),
        }
    }
    Err(io::Error::other("too many symbolic links"))
}

fn folder(path: &Path) -> PathBuf {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent.to_owned(),
        _ => PathBuf::from("."),
    }
}

impl Replacement {
    fn beside(target: PathBuf, old: Option<Metadata>) -> io::Result<Self> {
        // A file that we may not write is not replaced either, though its folder would let us.
        if old.is_some() {
            OpenOptions::new().write(true).open(&target)?;
        }
        let replacement = Self { target, old };
        leftover::sweep(&replacement.target);
        drop(replacement.temporary()?);
        Ok(replacement)
    }

    fn finish(&self, mut temporary: Temporary) -> io::Result<()> {
        temporary.file.sync_all()?;
        {
            let mut pending = PENDING.lock().unwrap_or_else(PoisonError::into_inner);
            std::fs::rename(&temporary.path, &self.target)?;
            temporary.done = true;
            *pending = None;
        }
        // The name is on the disk only when its folder is; a folder that we may not open is
        // written some time later.
        #[expect(
            clippy::disallowed_methods,
            reason = "the folder that a file was just written into"
        )]
        let _ = File::open(folder(&self.target)).and_then(|folder| folder.sync_all());
        Ok(())
    }

    fn temporary(&self) -> io::Result<Temporary> {
        let name = self.target.file_name().ok_or_else(|| io::Error::other("it names no file"))?;
        for attempt in 0..100 {
            let hidden = leftover::temporary_name(name, std::process::id(), attempt);
            let path = folder(&self.target).join(hidden);
            match OpenOptions::new().write(true).create_new(true).mode(0o666).open(&path) {
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(error),
                Ok(file) => {
                    *PENDING.lock().unwrap_or_else(PoisonError::into_inner) = Some(path.clone());
                    // Where the file system has no locks, the process id alone says that it is
                    // ours.
                    let _ = rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive);
                    // A run in another container may have removed it before it was locked.
                    if !path.exists() {
                        continue;
                    }
                    let temporary = Temporary { path, file, done: false };
                    if let Some(old) = &self.old {
                        temporary.keep(old)?;
                    }
                    return Ok(temporary);
                }
            }
        }
        Err(io::Error::other("no name for a temporary file is free"))
    }
}

impl Temporary {
    /// Gives the file the old one's owner and mode.
    fn keep(&self, old: &Metadata) -> io::Result<()> {
        let new = self.file.metadata()?;
        if (new.uid(), new.gid()) != (old.uid(), old.gid()) {
            let owner = rustix::fs::Uid::from_raw(old.uid());
            let group = rustix::fs::Gid::from_raw(old.gid());
            rustix::fs::fchown(self.file.as_fd(), Some(owner), Some(group))?;
        }
        self.file.set_permissions(std::fs::Permissions::from_mode(old.mode() & 0o7777))
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        if !self.done {
            // Nobody can be told, and a hidden file does no harm.
            let _ = std::fs::remove_file(&self.path);
        }
    }
}
