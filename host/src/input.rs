//! Files that the command line names, and standard input.

use std::fs::File;
use std::io::{ErrorKind, Read};
use std::path::Path;

use rustix::event::PollFlags;

use crate::outfile;

/// A file that the command line names, read to its end; `-` is standard input. `what` is how a
/// sentence about it begins.
pub fn read_file(what: &str, path: &Path, max_bytes: u64) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::new();
    let limit = max_bytes + 1;
    let read = if path == Path::new("-") {
        read_to_end(&mut std::io::stdin().lock().take(limit), &mut bytes)
    } else {
        File::open(path).and_then(|file| file.take(limit).read_to_end(&mut bytes).map(drop))
    };
    read.map_err(|error| format!("{what} {} cannot be read: {error}", path.display()))?;
    if bytes.len() as u64 > max_bytes {
        return Err(format!("{what} is longer than {} MiB", max_bytes / (1024 * 1024)));
    }
    Ok(bytes)
}

/// Reads to the end, also where somebody has made standard input non-blocking.
fn read_to_end(from: &mut impl Read, bytes: &mut Vec<u8>) -> std::io::Result<()> {
    loop {
        match from.read_to_end(bytes) {
            Ok(_) => return Ok(()),
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                outfile::wait_for(std::io::stdin(), PollFlags::IN)?;
            }
            Err(error) => return Err(error),
        }
    }
}
