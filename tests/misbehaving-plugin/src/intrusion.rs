//! Attempts of a plugin to access the runner, another worker and the log process. Each attempt is reported as a guest,
//! whose name has the result: `runner kill: EPERM`.

use std::fs::{self, OpenOptions};
use std::io::{self, Read as _};
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::net::{SocketAddr, UnixStream};
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use gatherer_plugin_api::model::{Guest, Host};
use gatherer_plugin_api::{Context, GatherError};

/// Waits for another worker, then makes all attempts on it, the runner and the log process. At the end creates the file
/// `done`, for which the other worker waits. `socket` is an abstract socket of the test.
pub fn attempt_all(context: &Context, done: &str, socket: &str) -> Result<(), GatherError> {
    // SAFETY: the function has no preconditions.
    let runner = unsafe { libc::getppid() };
    let (worker, logger) = loop {
        if let Some(siblings) = siblings_of(runner) {
            break siblings;
        }
        context.check_cancelled()?;
        std::thread::sleep(Duration::from_millis(5));
    };
    let host = context.host(Host::new("attempts", "attempts"))?;
    let report = |attempt: String, result: io::Result<()>| {
        let result = match result.map_err(|error| error.raw_os_error()) {
            Ok(()) => "done".to_owned(),
            Err(Some(libc::EPERM)) => "EPERM".to_owned(),
            Err(Some(libc::EACCES)) => "EACCES".to_owned(),
            Err(number) => format!("{number:?}"),
        };
        context.guest(&host, Guest::new(attempt.as_str(), format!("{attempt}: {result}")))
    };
    for (name, pid) in [("runner", runner), ("worker", worker), ("logger", logger)] {
        for (action, attempt) in ATTEMPTS {
            report(format!("{name} {action}"), attempt(pid))?;
        }
    }
    let connected = SocketAddr::from_abstract_name(socket)
        .and_then(|address| UnixStream::connect_addr(&address).map(drop));
    report("abstract socket".to_owned(), connected)?;
    report("own child kill".to_owned(), kill_own_child())?;
    fs::write(done, "").map_err(|_| GatherError::internal("the file cannot be created"))
}

/// Waits until the file exists.
pub fn wait_for(context: &Context, file: &str) -> Result<(), GatherError> {
    while !Path::new(file).exists() {
        context.check_cancelled()?;
        std::thread::sleep(Duration::from_millis(5));
    }
    Ok(())
}

/// The other children of the runner: another worker and the process that writes the log file.
fn siblings_of(runner: i32) -> Option<(i32, i32)> {
    let own = i32::try_from(std::process::id()).ok()?;
    let pids = fs::read_dir("/proc")
        .ok()?
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse::<i32>().ok());
    let (workers, others): (Vec<_>, Vec<_>) = pids
        .filter(|pid| *pid != own)
        .filter(|pid| {
            let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
            let parent = stat.rsplit(')').next().and_then(|rest| rest.split_whitespace().nth(1));
            parent.and_then(|parent| parent.parse().ok()) == Some(runner)
        })
        .partition(|pid| {
            let words = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
            words.split(|byte| *byte == 0).nth(1) == Some(b"__worker")
        });
    Some((*workers.first()?, *others.first()?))
}

type Attempt = (&'static str, fn(i32) -> io::Result<()>);

/// The attempts, those that only read first, and last the one that ends the other process if it succeeds.
const ATTEMPTS: &[Attempt] = &[
    ("open mem", |pid| {
        let options = OpenOptions::new().read(true).write(true).to_owned();
        options.open(format!("/proc/{pid}/mem")).map(drop)
    }),
    ("read environ", |pid| read(pid, "environ")),
    ("read maps", |pid| read(pid, "maps")),
    ("read auxv", |pid| read(pid, "auxv")),
    ("link of fd", |pid| fs::read_link(format!("/proc/{pid}/fd/0")).map(drop)),
    ("open fd", |pid| OpenOptions::new().read(true).open(format!("/proc/{pid}/fd/0")).map(drop)),
    ("link of exe", |pid| fs::read_link(format!("/proc/{pid}/exe")).map(drop)),
    ("process_vm_readv", |pid| {
        let mut byte = 0_u8;
        let (local, remote) = (io_vector(&raw mut byte), io_vector(&raw mut byte));
        // SAFETY: both describe one byte of this function.
        check(unsafe { libc::process_vm_readv(pid, &raw const local, 1, &raw const remote, 1, 0) })
    }),
    ("process_vm_writev", |pid| {
        let mut byte = 0_u8;
        let (local, remote) = (io_vector(&raw mut byte), io_vector(&raw mut byte));
        // SAFETY: both describe one byte of this function.
        check(unsafe { libc::process_vm_writev(pid, &raw const local, 1, &raw const remote, 1, 0) })
    }),
    ("pidfd_getfd", |pid| {
        let descriptor = pidfd(pid)?;
        // SAFETY: the arguments are numbers.
        check(unsafe { libc::syscall(libc::SYS_pidfd_getfd, descriptor, 0, 0) })
    }),
    ("ptrace attach", |pid| {
        // SAFETY: neither request takes a pointer that is used.
        unsafe {
            check(libc::ptrace(libc::PTRACE_SEIZE, pid, 0, 0))?;
            check(libc::ptrace(libc::PTRACE_DETACH, pid, 0, 0))
        }
    }),
    // SAFETY: the arguments are numbers.
    ("kill with 0", |pid| check(unsafe { libc::kill(pid, 0) })),
    ("SIGIO", |pid| {
        let mut pipe = [0; 2];
        // SAFETY: the array has room for two descriptors; the other arguments are numbers.
        unsafe {
            check(libc::pipe(pipe.as_mut_ptr()))?;
            check(libc::fcntl(pipe[0], libc::F_SETOWN, pid))?;
            check(libc::fcntl(pipe[0], F_SETSIG, libc::SIGKILL))?;
            check(libc::fcntl(pipe[0], libc::F_SETFL, libc::O_ASYNC | libc::O_NONBLOCK))?;
            // The kernel does not report whether it sent the signal.
            check(libc::write(pipe[1], c"x".as_ptr().cast(), 1))
        }
    }),
    // SAFETY: the arguments are numbers.
    ("SIGSTOP", |pid| check(unsafe { libc::kill(pid, libc::SIGSTOP) })),
    ("rt_sigqueueinfo", |pid| {
        // SAFETY: all zeros are a valid value of this type.
        let mut info: libc::siginfo_t = unsafe { std::mem::zeroed() };
        info.si_code = libc::SI_QUEUE;
        let info = &raw mut info;
        // SAFETY: the pointer is valid for the call.
        check(unsafe { libc::syscall(libc::SYS_rt_sigqueueinfo, pid, libc::SIGTERM, info) })
    }),
    ("pidfd_send_signal", |pid| {
        let descriptor = pidfd(pid)?;
        let nothing = std::ptr::null::<libc::siginfo_t>();
        // SAFETY: a null pointer is allowed.
        check(unsafe {
            libc::syscall(libc::SYS_pidfd_send_signal, descriptor, libc::SIGTERM, nothing, 0)
        })
    }),
    // SAFETY: the arguments are numbers.
    ("tkill", |pid| check(unsafe { libc::syscall(libc::SYS_tkill, pid, libc::SIGTERM) })),
    // SAFETY: the arguments are numbers.
    ("kill", |pid| check(unsafe { libc::kill(pid, libc::SIGKILL) })),
];

/// Not in the `libc` crate for every target.
const F_SETSIG: i32 = 10;

fn read(pid: i32, name: &str) -> io::Result<()> {
    let mut byte = [0];
    match fs::File::open(format!("/proc/{pid}/{name}"))?.read(&mut byte)? {
        // Root can open these files; the kernel refuses access by returning no data.
        0 => Err(io::Error::from_raw_os_error(libc::EACCES)),
        _ => Ok(()),
    }
}

fn io_vector(byte: *mut u8) -> libc::iovec {
    libc::iovec { iov_base: byte.cast(), iov_len: 1 }
}

fn pidfd(pid: i32) -> io::Result<i64> {
    // SAFETY: the arguments are numbers. The descriptor stays open in this short-lived process.
    let descriptor = unsafe { libc::syscall(libc::SYS_pidfd_open, pid, 0) };
    check(descriptor).map(|()| descriptor)
}

fn check(returned: impl TryInto<i64>) -> io::Result<()> {
    let succeeded = returned.try_into().is_ok_and(|number| number >= 0);
    if succeeded { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// A worker may kill the processes that it started, for example ssh.
fn kill_own_child() -> io::Result<()> {
    let mut child = Command::new("sleep").arg("60").spawn()?;
    child.kill()?;
    child.wait().map(drop)
}
