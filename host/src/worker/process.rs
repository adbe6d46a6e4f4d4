//! What a worker does to its own process before a plugin is loaded into it.

use std::fs::File;
use std::io::{self, BufRead as _, BufReader};
use std::os::fd::{AsFd as _, AsRawFd as _, BorrowedFd, OwnedFd, RawFd};
use std::sync::atomic::{AtomicPtr, Ordering};

use rustix::fs::{Mode, OFlags};
use rustix::io::FdFlags;
use rustix::pipe::PipeFlags;
use rustix::process::{Resource, Rlimit, Signal};

/// The kernel ends a process of this score before any other when memory runs out: a worker costs
/// one endpoint, the runner would cost them all.
const OOM_SCORE_ADJ: &str = "1000";

/// The pipes to the runner, out of the plugin's reach.
pub struct Pipes {
    /// Brings the assignment, and later perhaps `cancel`.
    pub control: File,
    /// Takes the frames.
    pub frames: File,
}

/// Ties the process's life to the runner's and cuts it loose from everything else: a session
/// of its own (no terminal to prompt on), no core dump, no reading of its memory by others.
pub fn isolate(runner: u32) -> io::Result<()> {
    rustix::process::set_parent_process_death_signal(Some(Signal::KILL))?;
    // The runner may have ended between the fork and the line above.
    let parent = rustix::process::getppid().map(rustix::process::Pid::as_raw_nonzero);
    if parent.and_then(|pid| u32::try_from(pid.get()).ok()) != Some(runner) {
        return Err(io::Error::other("not started by the runner"));
    }
    // Fails only if the process leads a group already, which a shell arranges: by hand.
    rustix::process::setsid()?;
    // Before the process is protected: afterwards its files under /proc are root's. Where it cannot
    // be set, the kernel chooses by size, and the largest process is hardly ever the runner.
    let _ = std::fs::write("/proc/self/oom_score_adj", OOM_SCORE_ADJ);
    crate::process::protect()
}

/// Limits the data of this process, in bytes. Not the address space: other languages'
/// runtimes reserve a lot of that and use little.
pub fn limit_memory(bytes: u64) -> io::Result<()> {
    let limit = rustix::process::getrlimit(Resource::Data);
    let bytes = limit.maximum.map_or(bytes, |maximum| maximum.min(bytes));
    let limit = Rlimit { current: Some(bytes), maximum: Some(bytes) };
    Ok(rustix::process::setrlimit(Resource::Data, limit)?)
}

/// Moves the pipes to descriptors of their own, makes standard input /dev/null and standard
/// output the log pipe, and closes what was inherited besides. On an error standard output may be
/// the frame pipe still.
pub fn take_pipes(plugin: RawFd) -> io::Result<Pipes> {
    let (stdin, stdout, stderr) = (io::stdin(), io::stdout(), io::stderr());
    let control = rustix::io::fcntl_dupfd_cloexec(stdin.as_fd(), 3)?;
    let frames = rustix::io::fcntl_dupfd_cloexec(stdout.as_fd(), 3)?;
    let empty = empty_input()?;
    rustix::stdio::dup2_stdin(&empty)?;
    rustix::stdio::dup2_stdout(stderr.as_fd())?;
    drop(empty);
    close_others(&[plugin, control.as_raw_fd(), frames.as_raw_fd()])?;
    // SAFETY: the runner left the library's descriptor open for us, and nobody closes it.
    let plugin = unsafe { BorrowedFd::borrow_raw(plugin) };
    rustix::io::fcntl_setfd(plugin, FdFlags::CLOEXEC)?;
    Ok(Pipes { control: File::from(control), frames: File::from(frames) })
}

/// Something to read that is at its end: /dev/null, or a pipe where a container has none.
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
        // SAFETY: nothing in this process, which has only begun, owns the descriptor; the one
        // of the listing above is closed already, which is an error that `close` takes.
        unsafe { libc::close(fd) };
    }
    Ok(())
}

/// Calls `cancel` when the runner says so, when it is gone, and on SIGTERM.
pub fn watch_for_cancel(control: BufReader<File>, cancel: fn()) {
    static ON_TERM: AtomicPtr<()> = AtomicPtr::new(std::ptr::null_mut());
    extern "C" fn on_term(_: libc::c_int) {
        let cancel = ON_TERM.load(Ordering::Relaxed);
        // SAFETY: it holds the function pointer that was stored below, before the handler
        // was installed; the function only sets a flag.
        let cancel: fn() = unsafe { std::mem::transmute(cancel) };
        cancel();
    }
    ON_TERM.store(cancel as *mut (), Ordering::Relaxed);
    // SAFETY: the handler is async-signal-safe: it loads two atomics and stores one.
    unsafe {
        let mut action: libc::sigaction = std::mem::zeroed();
        action.sa_sigaction = on_term as *const () as usize;
        action.sa_flags = libc::SA_RESTART;
        libc::sigaction(libc::SIGTERM, &raw const action, std::ptr::null_mut());
    }
    let watch = move || {
        let mut line = String::new();
        // One line, an end or an error: all mean that nobody waits for the answer.
        let _ = { control }.read_line(&mut line);
        cancel();
    };
    // Without the thread there is still SIGTERM.
    let _ = std::thread::Builder::new().name("control".into()).spawn(watch);
}

/// Ends the process without running anybody's destructors.
pub fn exit(code: i32) -> ! {
    // SAFETY: `_exit` has no preconditions.
    unsafe { libc::_exit(code) }
}
