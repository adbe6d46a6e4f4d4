//! A file system that does not answer: a FUSE server in this process reads requests and does not reply.
//! A process that opens a file there waits in the kernel (state D) and survives SIGKILL.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::os::fd::AsRawFd as _;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use rustix::mount::{MountFlags, UnmountFlags, mount, unmount};
use tempfile::TempDir;

/// The opcode of the kernel's first request (fuse(4), `linux/fuse.h`).
const FUSE_INIT: u32 = 26;

/// The size of the read buffer. The kernel requires at least 8 KiB.
const REQUEST_MAX_BYTES: usize = 128 * 1024;

/// A mounted folder in which every access to a file hangs. Dropping it aborts all accesses and unmounts it.
#[derive(Debug)]
pub struct HangingFolder {
    folder: TempDir,
    unanswered: Arc<AtomicUsize>,
}

impl HangingFolder {
    /// Mounts the folder. The error is the reason why that is not possible on this machine.
    pub fn mount() -> Result<Self, String> {
        let device = File::options().read(true).write(true).open("/dev/fuse");
        let device = device.map_err(|error| format!("/dev/fuse: {error}"))?;
        let folder = tempfile::Builder::new().prefix("gatherer-hanging-").tempdir();
        let folder = folder.map_err(|error| format!("no temporary folder: {error}"))?;
        let options =
            format!("fd={},rootmode=40000,user_id=0,group_id=0,allow_other\0", device.as_raw_fd());
        let options = std::ffi::CStr::from_bytes_with_nul(options.as_bytes()).expect("one NUL");
        let flags = MountFlags::NOSUID | MountFlags::NODEV;
        mount("gatherer-tests", folder.path(), "fuse", flags, options)
            .map_err(|error| format!("a FUSE file system cannot be mounted: {error}"))?;
        let unanswered = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&unanswered);
        std::thread::spawn(move || serve(device, &count));
        Ok(Self { folder, unanswered })
    }

    /// The path of a file that hangs.
    pub fn file(&self) -> PathBuf {
        self.folder.path().join("file")
    }

    /// The number of requests that have been received and not answered.
    pub fn waiting(&self) -> usize {
        self.unanswered.load(Ordering::SeqCst)
    }
}

impl Drop for HangingFolder {
    fn drop(&mut self) {
        let folder = self.folder.path();
        // FORCE aborts the connection, which fails every waiting request.
        if let Err(error) = unmount(folder, UnmountFlags::FORCE | UnmountFlags::DETACH) {
            eprintln!("{} cannot be unmounted: {error}", folder.display());
        }
    }
}

/// Answers the kernel's first request, FUSE_INIT, and no other. Returns when the connection is aborted.
fn serve(mut device: File, unanswered: &AtomicUsize) {
    let mut request = vec![0; REQUEST_MAX_BYTES];
    // The header of a request: length, opcode, unique, ...
    while let Ok(24..) = device.read(&mut request) {
        let word = |at: usize| u32::from_ne_bytes(request[at..at + 4].try_into().expect("4 bytes"));
        if word(4) == FUSE_INIT {
            let unique: [u8; 8] = request[8..16].try_into().expect("8 bytes");
            device.write_all(&init_answer(unique)).expect("the kernel accepts the answer");
        } else {
            unanswered.fetch_add(1, Ordering::SeqCst);
        }
    }
}

/// `struct fuse_out_header` with `struct fuse_init_out`.
fn init_answer(unique: [u8; 8]) -> Vec<u8> {
    let mut body = Vec::new();
    // Version 7.31, no read-ahead, no flags.
    for word in [7_u32, 31, 0, 0] {
        body.extend(word.to_ne_bytes());
    }
    // The limits of background requests.
    for half in [16_u16, 12] {
        body.extend(half.to_ne_bytes());
    }
    // The longest write in bytes, and the granularity of time stamps in nanoseconds.
    for word in [4096_u32, 1] {
        body.extend(word.to_ne_bytes());
    }
    body.resize(64, 0);
    let mut answer = Vec::new();
    answer.extend(u32::try_from(16 + body.len()).expect("short").to_ne_bytes());
    answer.extend(0_i32.to_ne_bytes());
    answer.extend(unique);
    answer.extend(body);
    answer
}
