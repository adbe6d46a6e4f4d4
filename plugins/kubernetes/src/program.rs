//! Runs a program that prints credentials, and leaves nothing of it behind.
//!
//! Between the worker and the program is a process of ours, the *keeper*: a fork of the worker that
//! never executes anything. It waits for the program, and for the end of a pipe whose other end only
//! the worker has. When either comes, it kills every process that stems from the program, also those
//! in sessions of their own: as a subreaper it becomes the parent of those whose parent has ended. So
//! nothing outlives the worker, however that ends; and the worker ends with the runner, also with one
//! that is killed. If the keeper itself is killed, the program is (`PR_SET_PDEATHSIG`); what the program
//! has started is then adopted by the runner, which ends it with its own orphans.
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

/// The most that a program may print.
pub const OUTPUT_MAX_BYTES: usize = 1024 * 1024;

/// Why a program gave no output.
#[derive(Debug)]
pub enum ProgramError {
    /// It cannot be started.
    Start(io::Error),
    /// It printed more than [`OUTPUT_MAX_BYTES`].
    TooMuch,
    /// It ended with this status.
    Failed(ExitStatus),
    /// The machine lacks what running it takes.
    Machine(io::Error),
}

/// What a program prints to its stdout until it ends. Its stdin is empty, and its stderr is discarded, which
/// may hold secrets. Dropping the future ends it.
pub async fn output(mut command: Command) -> Result<Vec<u8>, ProgramError> {
    let machine = |error: rustix::io::Errno| ProgramError::Machine(error.into());
    let (watched, alive) = pipe_with(PipeFlags::CLOEXEC).map_err(machine)?;
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
    let (sender, receiver) = oneshot::channel();
    // Starting a program blocks, and so does reading what it prints.
    std::thread::Builder::new()
        .name("credentials".to_owned())
        .spawn(move || {
            let watched = File::from(watched);
            let descriptor = watched.as_raw_fd();
            // SAFETY: the closure runs between fork and exec and makes system calls only: it neither
            // allocates nor takes a lock.
            unsafe { command.pre_exec(move || keep(descriptor)) };
            let mut child = match command.spawn() {
                Ok(child) => child,
                Err(error) => return drop(sender.send(Err(ProgramError::Start(error)))),
            };
            drop(watched);
            let outcome = read(&mut child);
            // After the deadline the receiver is gone.
            let _ = sender.send(outcome);
            // Of one that printed too much, the keeper is still there.
            let _ = child.wait();
        })
        .map_err(ProgramError::Machine)?;
    let outcome = receiver.await;
    drop(alive);
    outcome.unwrap_or_else(|_| Err(ProgramError::Machine(io::Error::other("its reader died"))))
}

fn read(child: &mut std::process::Child) -> Result<Vec<u8>, ProgramError> {
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

/// Runs in the process that was forked to become the program. Makes it the keeper, and returns in
/// a fork of it, which becomes the program.
fn keep(watched: RawFd) -> io::Result<()> {
    // Out of reach of signals to the worker's group, which the keeper has to outlive for a moment.
    setsid()?;
    set_child_subreaper(Some(getpid()))?;
    let keeper = getpid();
    // SAFETY: this process has one thread, as it was forked itself just now.
    match unsafe { libc::fork() } {
        -1 => Err(io::Error::last_os_error()),
        0 => {
            set_parent_process_death_signal(Some(Signal::KILL))?;
            if rustix::process::getppid() == Some(keeper) {
                return Ok(());
            }
            Err(io::ErrorKind::Interrupted.into())
        }
        program => watch(program, watched),
    }
}

/// The keeper's work; see the top of this file. Only system calls: the memory is a copy of the worker's, in
/// which locks may be held by threads that are not here.
fn watch(program: libc::pid_t, watched: RawFd) -> ! {
    // SAFETY: plain system calls on memory of this function, in a process with one thread that uses none
    // of the descriptors that it closes.
    unsafe {
        libc::dup2(watched, 0);
        close_from(1);
        let mut ended: libc::sigset_t = std::mem::zeroed();
        libc::sigemptyset(&raw mut ended);
        libc::sigaddset(&raw mut ended, libc::SIGCHLD);
        libc::sigprocmask(libc::SIG_BLOCK, &raw const ended, std::ptr::null_mut());
        let signals = libc::signalfd(-1, &raw const ended, libc::SFD_NONBLOCK);
        let wanted = |fd| libc::pollfd { fd, events: libc::POLLIN, revents: 0 };
        loop {
            let mut status = 0;
            loop {
                match libc::waitpid(-1, &raw mut status, libc::WNOHANG) {
                    pid if pid == program => end(Some(status)),
                    pid if pid > 0 => {}
                    _ => break,
                }
            }
            let mut poll = [wanted(0), wanted(signals)];
            libc::poll(poll.as_mut_ptr(), 2, -1);
            if poll[0].revents != 0 {
                end(None);
            }
            let mut signal = [0_u8; size_of::<libc::signalfd_siginfo>()];
            while libc::read(signals, signal.as_mut_ptr().cast(), signal.len()) > 0 {}
        }
    }
}

/// Kills and reaps every descendant, and ends the keeper as the program ended.
unsafe fn end(status: Option<libc::c_int>) -> ! {
    // SAFETY: as in `watch`.
    unsafe {
        loop {
            kill_children();
            // The children of one that has ended are ours, and are killed in the next round.
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

/// Kills the children that there are now.
unsafe fn kill_children() {
    // SAFETY: as in `watch`.
    unsafe {
        let list = libc::open(c"/proc/thread-self/children".as_ptr(), libc::O_RDONLY);
        if list < 0 {
            // A kernel without such lists: at least the program's group, of which the keeper is one.
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
    // SAFETY: as in `watch`.
    unsafe {
        if libc::syscall(libc::SYS_close_range, first, libc::c_uint::MAX, 0) == 0 {
            return;
        }
        // Linux before 5.9. A worker has few descriptors, and the kernel gives the lowest that is free.
        for descriptor in first..4096 {
            libc::close(descriptor);
        }
    }
}
