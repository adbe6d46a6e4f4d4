//! Reads a file that the command line names, or standard input.

use std::fs::File;
use std::io;
use std::os::fd::AsFd;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;

use crate::process::RunLimit;
use crate::request::infile_folder::{self, Fragment};

/// The size of one read, in bytes.
const PIECE_BYTES: usize = 64 * 1024;

/// Reads a whole file that the command line names; `-` is standard input. `name` is the file's name in
/// error messages ("the infile"). It is an error if a pipe or a terminal does not end within the run's
/// time limit.
pub fn read_file(
    name: &str,
    path: &Path,
    max_bytes: u64,
    limit: Option<RunLimit>,
) -> Result<Vec<u8>, String> {
    let until = limit.map(|limit| limit.ends_at);
    let read = if path == Path::new("-") {
        read_to_end(io::stdin(), max_bytes, until)
    } else {
        // Without O_NONBLOCK, opening a FIFO would wait for its writer without a limit.
        let mut options = File::options();
        let options = options.read(true).custom_flags(libc::O_NONBLOCK | libc::O_NOCTTY);
        options.open(path).and_then(|file| read_to_end(file, max_bytes, until))
    };
    let bytes = match (read, limit) {
        (Ok(bytes), _) => bytes,
        (Err(error), Some(limit)) if error.kind() == io::ErrorKind::TimedOut => {
            return Err(format!(
                "{name} {} cannot be read: it did not end within the run's time limit of {} s; close it \
                 after the last byte, or raise --run-timeout",
                path.display(),
                limit.length.as_secs_f64()
            ));
        }
        (Err(error), _) => {
            return Err(format!("{name} {} cannot be read: {error}", path.display()));
        }
    };
    if bytes.len() as u64 > max_bytes {
        return Err(format!("{name} is longer than {} MiB", max_bytes / (1024 * 1024)));
    }
    if is_utf16(&bytes) {
        return Err(format!("{name} {UTF16}"));
    }
    Ok(bytes)
}

/// What is wrong with a file in UTF-16.
const UTF16: &str = "is written in UTF-16; it must be UTF-8";

/// Reads the files of an infile that is a folder.
pub fn read_folder(folder: &Path, max_bytes: u64) -> Result<Vec<Fragment>, String> {
    let max_bytes = usize::try_from(max_bytes).unwrap_or(usize::MAX);
    let files = infile_folder::read(folder, max_bytes)
        .map_err(|error| format!("the infile is a folder that {error}: {}", folder.display()))?;
    let checked = |file: Fragment| {
        let is_wrong = file.bytes.as_ref().is_ok_and(|bytes| is_utf16(bytes));
        Fragment { bytes: if is_wrong { Err(UTF16.to_owned()) } else { file.bytes }, ..file }
    };
    Ok(files.into_iter().map(checked).collect())
}

/// Whether a text is UTF-16, as the `>` of Windows PowerShell writes it: it begins with a byte order mark, or one of
/// its first four bytes is NUL, which no text in UTF-8 has.
fn is_utf16(bytes: &[u8]) -> bool {
    let has_mark = bytes.starts_with(&[0xff, 0xfe]) || bytes.starts_with(&[0xfe, 0xff]);
    has_mark || bytes.iter().take(4).any(|byte| *byte == 0)
}

/// Reads to the end, or until there are more than `max_bytes`. Works also if the caller made standard
/// input non-blocking.
fn read_to_end(from: impl AsFd, max_bytes: u64, until: Option<Instant>) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let mut piece = vec![0; PIECE_BYTES];
    while bytes.len() as u64 <= max_bytes {
        wait_until_readable(&from, until)?;
        match rustix::io::read(&from, &mut piece) {
            Ok(0) => break,
            Ok(length) => bytes.extend_from_slice(&piece[..length]),
            Err(Errno::INTR | Errno::WOULDBLOCK) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(bytes)
}

/// Waits until data or the end of the file can be read. For a FIFO without a writer, this waits until
/// a process opens it for writing; a regular file is always readable.
fn wait_until_readable(from: &impl AsFd, until: Option<Instant>) -> io::Result<()> {
    loop {
        let left = until.map(|until| until.saturating_duration_since(Instant::now()));
        if left == Some(Duration::ZERO) {
            return Err(io::ErrorKind::TimedOut.into());
        }
        let timeout = left.map(timespec);
        match poll(&mut [PollFd::new(from, PollFlags::IN)], timeout.as_ref()) {
            Ok(0) => return Err(io::ErrorKind::TimedOut.into()),
            Ok(_) => return Ok(()),
            Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
}

fn timespec(time: Duration) -> Timespec {
    Timespec {
        tv_sec: i64::try_from(time.as_secs()).unwrap_or(i64::MAX),
        tv_nsec: time.subsec_nanos().into(),
    }
}
