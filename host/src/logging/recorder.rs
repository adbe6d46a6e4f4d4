//! The log process: a child that opens the log file and writes it.
//!
//! A thread that waits for a file system that does not answer cannot be ended, and a process with
//! such a thread cannot end either: its caller would wait for ever. So a child process does the
//! waiting.

use std::io::{self, Read as _, Write as _};
use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::process::{Pid, PidfdFlags, WaitOptions};

use super::rotated_file::{LogFile, UnwrittenLines};
use super::{LogFormat, OtherFiles};
use crate::output::outfile::NamedFile;
use crate::process;

/// How long opening the file may take.
const OPEN_TIMEOUT: Duration = Duration::from_secs(2);

/// The number that the child sends when the file is open. A negative number is -1 minus the index of the other file that the
/// path names; any other number is an errno.
const OPENED: i32 = 0;

/// The length of what the child sends at its end: the number of lines that it could not write, and the errno.
const REPORT_BYTES: usize = 8 + 4;

/// The running log process.
pub struct Recorder {
    socket: UnixStream,
    pid: Pid,
    /// Whether the file was open when the program began.
    opened: bool,
    /// `None` if the kernel has no pidfds. Then nothing waits for the end of the process.
    pidfd: Option<OwnedFd>,
}

/// Whether the log file is open.
pub enum Opened {
    /// It is open.
    Yes(Recorder),
    /// It did not open in time. It may still do so.
    NotYet(Recorder),
    /// It is another file of the run, which has this name.
    No(&'static str),
}

impl Recorder {
    /// Starts the process and waits a moment for the file. The calling process must have one thread.
    pub fn start(path: &Path, format: LogFormat, other_files: &OtherFiles) -> io::Result<Opened> {
        let (socket, other) = UnixStream::pair()?;
        let path: PathBuf = path.to_owned();
        let pid = process::fork_log_process(other.as_fd(), || serve(&path, format, other_files))?;
        drop(other);
        let pidfd = rustix::process::pidfd_open(pid, PidfdFlags::empty()).ok();
        let recorder = Self { socket, pid, opened: false, pidfd };
        match recorder.answer(Instant::now() + OPEN_TIMEOUT) {
            None => Ok(Opened::NotYet(recorder)),
            Some(Ok(OPENED)) => Ok(Opened::Yes(Self { opened: true, ..recorder })),
            Some(Ok(index)) if index < 0 => {
                let file =
                    usize::try_from(-1 - index).ok().and_then(|index| other_files.get(index));
                Ok(Opened::No(file.map_or("another file", |(name, _)| name)))
            }
            Some(Ok(error)) => Err(io::Error::from_raw_os_error(error)),
            Some(Err(_)) => Err(io::Error::other("the process that writes it ended")),
        }
    }

    /// [`OPENED`] or an error's number. `None` if the child has not sent it before the deadline.
    fn answer(&self, deadline: Instant) -> Option<io::Result<i32>> {
        let mut answer = [0; 4];
        is_readable(self.socket.as_fd(), deadline)
            .then(|| (&self.socket).read_exact(&mut answer).map(|()| i32::from_ne_bytes(answer)))
    }

    /// The socket that the process reads lines from.
    pub fn socket(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }

    /// Whether the file was open when the program began.
    pub fn is_open(&self) -> bool {
        self.opened
    }

    /// Sends lines to the process, however long that takes.
    pub fn write_all(&self, lines: &[u8]) -> io::Result<()> {
        (&self.socket).write_all(lines)
    }

    /// Sends as many bytes as the socket takes at once. From then on [`write_all`](Self::write_all)
    /// does not block either.
    pub fn write_some(&self, lines: &[u8]) -> io::Result<usize> {
        self.socket.set_nonblocking(true)?;
        (&self.socket).write(lines)
    }

    /// Ends the lines, and waits until the process is done with all of them, at most until the
    /// deadline. If the process needs longer, it continues after the runner has exited. Returns the lines that it could
    /// not write; `None` if it is not done, if the file did not open, or if the process was killed.
    pub fn finish(&self, deadline: Instant) -> Option<UnwrittenLines> {
        let _ = self.socket.shutdown(std::net::Shutdown::Write);
        let is_open = self.opened || matches!(self.answer(deadline), Some(Ok(OPENED)));
        let mut report = [0; REPORT_BYTES];
        let is_done = is_open
            && is_readable(self.socket.as_fd(), deadline)
            && (&self.socket).read_exact(&mut report).is_ok();
        if let Some(pidfd) = &self.pidfd {
            is_readable(pidfd.as_fd(), deadline);
        }
        // Without this, it would stay a zombie in a container whose init process does not reap orphans.
        let _ = rustix::process::waitpid(Some(self.pid), WaitOptions::NOHANG);
        is_done.then(|| parse_report(&report))
    }
}

fn report(lines: UnwrittenLines) -> [u8; REPORT_BYTES] {
    let mut report = [0; REPORT_BYTES];
    report[..8].copy_from_slice(&lines.count.to_ne_bytes());
    report[8..].copy_from_slice(&lines.errno.to_ne_bytes());
    report
}

fn parse_report(report: &[u8; REPORT_BYTES]) -> UnwrittenLines {
    let (mut count, mut errno) = ([0; 8], [0; 4]);
    count.copy_from_slice(&report[..8]);
    errno.copy_from_slice(&report[8..]);
    UnwrittenLines { count: u64::from_ne_bytes(count), errno: i32::from_ne_bytes(errno) }
}

fn is_readable(descriptor: BorrowedFd<'_>, deadline: Instant) -> bool {
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        let wait = Timespec::try_from(left).unwrap_or_default();
        match poll(&mut [PollFd::new(&descriptor, PollFlags::IN)], Some(&wait)) {
            Err(Errno::INTR) => {}
            ready => return ready.is_ok_and(|ready| ready > 0),
        }
    }
}

/// The index of the other file that is at this path.
pub fn index_of(path: &Path, other_files: &OtherFiles) -> Option<usize> {
    let named = NamedFile::at(path)?;
    other_files.iter().position(|(_, file)| *file == named)
}

/// The child's main function: opens the file, sends the result, writes each line that it receives, and
/// returns when no more can come. The socket is its standard input.
fn serve(path: &Path, format: LogFormat, other_files: &OtherFiles) -> i32 {
    let answer = |number: i32| rustix::io::write(rustix::stdio::stdin(), &number.to_ne_bytes());
    if let Some(index) = index_of(path, other_files) {
        let _ = answer(i32::try_from(index).map_or(i32::MIN, |index| -1 - index));
        return 1;
    }
    let opened = LogFile::open(path, format);
    let sent = answer(match &opened {
        Ok(_) => OPENED,
        // The only error without a number is that of a folder.
        Err(error) => error.raw_os_error().unwrap_or(libc::EISDIR),
    });
    let (Ok(mut file), Ok(_)) = (opened, sent) else { return 1 };
    let mut waiting = Vec::new();
    let mut buffer = vec![0; 64 * 1024];
    loop {
        match rustix::io::read(rustix::stdio::stdin(), buffer.as_mut_slice()) {
            Err(Errno::INTR) => {}
            // No more lines come, or the runner was killed.
            Ok(0) | Err(_) => {
                let _ = rustix::io::write(rustix::stdio::stdin(), &report(file.unwritten()));
                return 0;
            }
            Ok(length) => waiting.extend_from_slice(&buffer[..length]),
        }
        let Some(end) = memchr::memrchr(b'\n', &waiting) else { continue };
        for line in waiting[..=end].split_inclusive(|byte| *byte == b'\n') {
            file.write_or_count(line);
        }
        waiting.drain(..=end);
    }
}
