//! Preparation of the worker's process, before it loads a plugin.

use std::fs::File;
use std::io::{self, BufRead as _, BufReader};
use std::os::fd::{AsFd as _, AsRawFd as _, BorrowedFd, OwnedFd, RawFd};
use std::sync::atomic::{AtomicPtr, Ordering};

use rustix::fs::{Mode, OFlags};
use rustix::io::FdFlags;
use rustix::pipe::PipeFlags;
use rustix::process::{Resource, Rlimit, Signal};

/// The highest score: when memory runs out, the kernel kills such a process first. Killing a worker fails
/// one endpoint, killing the runner would fail all of them.
const OOM_SCORE_ADJ: &str = "1000";

/// The pipes to the runner, on descriptors that the plugin does not know.
pub struct Pipes {
    /// For reading the assignment, and later possibly `cancel`.
    pub control: File,
    /// For writing the frames.
    pub frames: File,
}

/// Makes the kernel kill this process when the runner ends, and isolates it: a new session (no terminal to
/// prompt on), no core dumps, no access to its memory for other processes. Fails if the runner did not
/// start it.
pub fn isolate(runner: u32) -> io::Result<()> {
    rustix::process::set_parent_process_death_signal(Some(Signal::KILL))?;
    // The runner may have ended between the fork and the line above.
    let parent = rustix::process::getppid().map(rustix::process::Pid::as_raw_nonzero);
    if parent.and_then(|pid| u32::try_from(pid.get()).ok()) != Some(runner) {
        return Err(io::Error::other("not started by the runner"));
    }
    // Fails only if the process leads a group already, as it does if a shell started it.
    rustix::process::setsid()?;
    // Before `protect`, after which its files under /proc belong to root. If the score cannot be set, the
    // kernel chooses by size, and the largest process is hardly ever the runner.
    let _ = std::fs::write("/proc/self/oom_score_adj", OOM_SCORE_ADJ);
    crate::process::protect()
}

/// Limits the data of this process, in bytes. It does not limit the address space, of which the runtimes of
/// other languages reserve much more than they use.
pub fn limit_memory(bytes: u64) -> io::Result<()> {
    let limit = rustix::process::getrlimit(Resource::Data);
    let bytes = limit.maximum.map_or(bytes, |maximum| maximum.min(bytes));
    let limit = Rlimit { current: Some(bytes), maximum: Some(bytes) };
    Ok(rustix::process::setrlimit(Resource::Data, limit)?)
}

/// Moves the pipes to other descriptors, makes standard input /dev/null and standard output the log pipe,
/// and closes all other inherited descriptors except the library's. After an error standard output may
/// still be the frame pipe.
pub fn take_pipes(plugin: RawFd) -> io::Result<Pipes> {
    let (stdin, stdout, stderr) = (io::stdin(), io::stdout(), io::stderr());
    let control = rustix::io::fcntl_dupfd_cloexec(stdin.as_fd(), 3)?;
    let frames = rustix::io::fcntl_dupfd_cloexec(stdout.as_fd(), 3)?;
    let empty = empty_input()?;
    rustix::stdio::dup2_stdin(&empty)?;
    rustix::stdio::dup2_stdout(stderr.as_fd())?;
    drop(empty);
    close_others(&[plugin, control.as_raw_fd(), frames.as_raw_fd()])?;
    // SAFETY: the runner left the library's descriptor open, and no code closes it.
    let plugin = unsafe { BorrowedFd::borrow_raw(plugin) };
    rustix::io::fcntl_setfd(plugin, FdFlags::CLOEXEC)?;
    Ok(Pipes { control: File::from(control), frames: File::from(frames) })
}

/// An empty input: /dev/null, or a closed pipe if a container has no /dev/null.
fn empty_input() -> io::Result<OwnedFd> {
    let null = rustix::fs::open("/dev/null", OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty());
    match null {
        Ok(null) => Ok(null),
        Err(_) => Ok(rustix::pipe::pipe_with(PipeFlags::CLOEXEC)?.0),
    }
}

fn close_others(keep: &[RawFd]) -> io::Result<()> {
    let open: Vec<RawFd> = std::fs::read_dir("/proc/self/fd")?
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .filter(|fd| *fd > 2 && !keep.contains(fd))
        .collect();
    for fd in open {
        // SAFETY: this process has only just started and owns no other descriptor. The one of the
        // directory that was read above is closed already, which is an error without effect.
        unsafe { libc::close(fd) };
    }
    Ok(())
}

/// Calls `cancel` when the runner sends `cancel`, when the runner is gone, and on SIGTERM.
pub fn watch_for_cancel(control: BufReader<File>, cancel: fn()) {
    static ON_TERM: AtomicPtr<()> = AtomicPtr::new(std::ptr::null_mut());
    extern "C" fn on_term(_: libc::c_int) {
        let cancel = ON_TERM.load(Ordering::Relaxed);
        // SAFETY: it holds the function pointer that was stored below, before the handler
        // was installed. The function only sets a flag.
        let cancel: fn() = unsafe { std::mem::transmute(cancel) };
        cancel();
    }
    ON_TERM.store(cancel as *mut (), Ordering::Relaxed);
    // SAFETY: the handler is async-signal-safe: it only loads and stores atomics.
    unsafe {
        let mut action: libc::sigaction = std::mem::zeroed();
        action.sa_sigaction = on_term as *const () as usize;
        action.sa_flags = libc::SA_RESTART;
        libc::sigaction(libc::SIGTERM, &raw const action, std::ptr::null_mut());
    }
    let watch = move || {
        let mut line = String::new();
        // One line, the end of the pipe and an error all mean that the runner does not want the answer.
        let _ = { control }.read_line(&mut line);
        cancel();
    };
    // If the thread cannot be started, SIGTERM still works.
    let _ = std::thread::Builder::new().name("control".into()).spawn(watch);
}

/// Exits without running destructors.
pub fn exit(code: i32) -> ! {
    // SAFETY: `_exit` has no preconditions.
    unsafe { libc::_exit(code) }
}
