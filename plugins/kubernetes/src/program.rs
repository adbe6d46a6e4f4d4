//! Runs a program that prints credentials, and kills everything that the program leaves behind.
//!
//! Between the worker and the program runs the *keeper*, a fork of the worker that never calls exec.
//! It waits for the program to end, and for the end of a pipe whose other end only the worker holds.
//! When either happens, the keeper kills every descendant of the program, including those in other
//! sessions: it is a subreaper, so it becomes the parent of processes whose parent has ended.
//! Therefore no process outlives the worker, no matter how the worker ends; and the worker ends with
//! the runner, even if the runner is killed. If the keeper itself is killed, the kernel kills the
//! program (`PR_SET_PDEATHSIG`); the runner then adopts the program's descendants and ends them
//! together with its other orphans.
#![allow(unsafe_code)]

use std::fs::File;
use std::io::{self, Read as _};
use std::os::fd::{AsRawFd as _, RawFd};
use std::os::unix::process::CommandExt as _;
use std::process::{Command, ExitStatus, Stdio};

use rustix::pipe::{PipeFlags, pipe_with};
use rustix::process::{
    Signal, getpid, set_child_subreaper, set_parent_process_death_signal, setsid,
};
use tokio::sync::oneshot;

/// The most that a program may print, in bytes.
pub const OUTPUT_MAX_BYTES: usize = 1024 * 1024;

/// Why a program returned no output.
#[derive(Debug)]
pub enum ProgramError {
    /// It cannot be started.
    Start(io::Error),
    /// It printed more than [`OUTPUT_MAX_BYTES`].
    TooMuch,
    /// It ended with this status, which is not success.
    Failed(ExitStatus),
    /// A pipe or a thread that is needed to run it cannot be created or read.
    Machine(io::Error),
}

/// Runs a program, and returns its stdout once it has ended. Its stdin is empty; its stderr is
/// discarded, because it may contain secrets. Dropping the future kills the program.
pub async fn output(mut command: Command) -> Result<Vec<u8>, ProgramError> {
    let machine = |error: rustix::io::Errno| ProgramError::Machine(error.into());
    let (watched, alive) = pipe_with(PipeFlags::CLOEXEC).map_err(machine)?;
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
    let (sender, receiver) = oneshot::channel();
    // Starting a program and reading its output block, so both run in a separate thread.
    std::thread::Builder::new()
        .name("credentials".to_owned())
        .spawn(move || {
            let watched = File::from(watched);
            let descriptor = watched.as_raw_fd();
            // SAFETY: the closure runs between fork and exec. It only makes system calls: it does not
            // allocate memory or take a lock.
            unsafe { command.pre_exec(move || fork_keeper(descriptor)) };
            let mut child = match command.spawn() {
                Ok(child) => child,
                Err(error) => return drop(sender.send(Err(ProgramError::Start(error)))),
            };
            drop(watched);
            let outcome = read_output(&mut child);
            // Sending fails after the deadline, because the receiver is gone.
            let _ = sender.send(outcome);
            // If the program printed too much, the keeper is still running.
            let _ = child.wait();
        })
        .map_err(ProgramError::Machine)?;
    let outcome = receiver.await;
    drop(alive);
    let panicked = || ProgramError::Machine(io::Error::other("the thread that reads it panicked"));
    outcome.unwrap_or_else(|_| Err(panicked()))
}

fn read_output(child: &mut std::process::Child) -> Result<Vec<u8>, ProgramError> {
    let mut bytes = Vec::new();
    if let Some(stdout) = child.stdout.take() {
        stdout
            .take(OUTPUT_MAX_BYTES as u64 + 1)
            .read_to_end(&mut bytes)
            .map_err(ProgramError::Machine)?;
    }
    if bytes.len() > OUTPUT_MAX_BYTES {
        return Err(ProgramError::TooMuch);
    }
    let status = child.wait().map_err(ProgramError::Machine)?;
    if status.success() { Ok(bytes) } else { Err(ProgramError::Failed(status)) }
}

/// Runs in the forked child before exec. The child becomes the keeper and does not return; a second
/// fork returns and becomes the program.
fn fork_keeper(watched: RawFd) -> io::Result<()> {
    // A signal to the worker's process group must not reach the keeper, which must outlive the worker
    // for a moment.
    setsid()?;
    set_child_subreaper(Some(getpid()))?;
    let keeper = getpid();
    // SAFETY: this process was just forked, so it has only one thread.
    match unsafe { libc::fork() } {
        -1 => Err(io::Error::last_os_error()),
        0 => {
            set_parent_process_death_signal(Some(Signal::KILL))?;
            if rustix::process::getppid() == Some(keeper) {
                return Ok(());
            }
            Err(io::ErrorKind::Interrupted.into())
        }
        program => run_keeper(program, watched),
    }
}

/// The keeper's main loop; see the top of this file. It only makes system calls: its memory is a copy of
/// the worker's, so a lock may be held by a thread that does not exist here.
fn run_keeper(program: libc::pid_t, watched: RawFd) -> ! {
    // SAFETY: system calls on this function's own memory, in a process with one thread, which uses none
    // of the descriptors that are closed.
    unsafe {
        libc::dup2(watched, 0);
        close_from(1);
        let mut ended: libc::sigset_t = std::mem::zeroed();
        libc::sigemptyset(&raw mut ended);
        libc::sigaddset(&raw mut ended, libc::SIGCHLD);
        libc::sigprocmask(libc::SIG_BLOCK, &raw const ended, std::ptr::null_mut());
        let signals = libc::signalfd(-1, &raw const ended, libc::SFD_NONBLOCK);
        let readable = |fd| libc::pollfd { fd, events: libc::POLLIN, revents: 0 };
        loop {
            let mut status = 0;
            loop {
                match libc::waitpid(-1, &raw mut status, libc::WNOHANG) {
                    pid if pid == program => kill_descendants_and_exit(Some(status)),
                    pid if pid > 0 => {}
                    _ => break,
                }
            }
            let mut poll = [readable(0), readable(signals)];
            libc::poll(poll.as_mut_ptr(), 2, -1);
            if poll[0].revents != 0 {
                kill_descendants_and_exit(None);
            }
            let mut signal = [0_u8; size_of::<libc::signalfd_siginfo>()];
            while libc::read(signals, signal.as_mut_ptr().cast(), signal.len()) > 0 {}
        }
    }
}

/// Kills and reaps every descendant, and ends the keeper the way the program ended.
unsafe fn kill_descendants_and_exit(status: Option<libc::c_int>) -> ! {
    // SAFETY: as in `run_keeper`.
    unsafe {
        loop {
            kill_children();
            // The keeper inherits the children of each reaped process, and kills them in the next
            // round.
            let mut ignored = 0;
            if libc::waitpid(-1, &raw mut ignored, 0) == -1
                && *libc::__errno_location() != libc::EINTR
            {
                break;
            }
        }
        match status {
            Some(status) if libc::WIFSIGNALED(status) => {
                let signal = libc::WTERMSIG(status);
                libc::signal(signal, libc::SIG_DFL);
                libc::kill(libc::getpid(), signal);
                libc::_exit(128 + signal)
            }
            Some(status) => libc::_exit(libc::WEXITSTATUS(status)),
            None => libc::_exit(0),
        }
    }
}

/// Kills the keeper's current children.
unsafe fn kill_children() {
    // SAFETY: as in `run_keeper`.
    unsafe {
        let list = libc::open(c"/proc/thread-self/children".as_ptr(), libc::O_RDONLY);
        if list < 0 {
            // The kernel has no such list. Kill at least the process group of the program, which
            // includes the keeper.
            libc::kill(0, libc::SIGKILL);
        }
        let (mut text, mut pid) = ([0_u8; 4096], 0);
        loop {
            let length = libc::read(list, text.as_mut_ptr().cast(), text.len());
            let Ok(length @ 1..) = usize::try_from(length) else { break };
            for byte in &text[..length] {
                if byte.is_ascii_digit() {
                    pid = pid * 10 + libc::pid_t::from(byte - b'0');
                    continue;
                }
                if pid > 0 {
                    libc::kill(pid, libc::SIGKILL);
                }
                pid = 0;
            }
        }
        libc::close(list);
    }
}

/// Closes every descriptor from this one on.
unsafe fn close_from(first: libc::c_int) {
    // SAFETY: as in `run_keeper`.
    unsafe {
        if libc::syscall(libc::SYS_close_range, first, libc::c_uint::MAX, 0) == 0 {
            return;
        }
        // Linux before 5.9 has no `close_range`. A worker has few descriptors, and the kernel always
        // assigns the lowest free number.
        for descriptor in first..4096 {
            libc::close(descriptor);
        }
    }
}
