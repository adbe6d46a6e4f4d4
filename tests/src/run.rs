//! Runs the program once: its command line, its input, and a watchdog.

use std::ffi::{OsStr, OsString};
use std::io::{Read, Write as _};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tempfile::TempDir;

use crate::outcome::Outcome;
use crate::processes::{self, KillOnDrop, Mark};
use crate::program;

/// A run of the program that is being prepared. It has a temporary folder as its `HOME` and working
/// directory, which also holds its log file. Besides `HOME` the environment has `PATH` and `LC_ALL=C`.
#[derive(Debug)]
pub struct Run {
    through: Vec<OsString>,
    args: Vec<OsString>,
    stdin: Vec<u8>,
    env: Vec<(OsString, OsString)>,
    folder: TempDir,
    log: Option<PathBuf>,
    limit: Duration,
    may_leave_processes: bool,
}

impl Run {
    /// A run without arguments, except for the one that names the log file.
    #[expect(clippy::new_without_default, reason = "it creates a folder")]
    pub fn new() -> Self {
        let folder = tempfile::Builder::new()
            .prefix("gatherer-run-")
            .tempdir()
            .expect("a temporary folder can be created");
        let log = Some(folder.path().join("gatherer.log"));
        Self {
            through: Vec::new(),
            args: Vec::new(),
            stdin: Vec::new(),
            env: Vec::new(),
            folder,
            log,
            limit: Duration::from_mins(1),
            may_leave_processes: false,
        }
    }

    /// A run with `--infile -` and these endpoints on stdin.
    pub fn gather(endpoints: &Value) -> Self {
        Self::new().args(["--infile", "-"]).stdin(endpoints.to_string())
    }

    /// Adds arguments.
    #[must_use]
    pub fn args<I: IntoIterator<Item: AsRef<OsStr>>>(mut self, args: I) -> Self {
        self.args.extend(args.into_iter().map(|arg| arg.as_ref().to_owned()));
        self
    }

    /// Adds one argument.
    #[must_use]
    pub fn arg(self, arg: impl AsRef<OsStr>) -> Self {
        self.args([arg])
    }

    /// Adds `--plugin-dir`.
    #[must_use]
    pub fn plugins(self, folder: impl AsRef<Path>) -> Self {
        self.arg("--plugin-dir").arg(folder.as_ref())
    }

    /// Sets the program's stdin, which is empty by default.
    #[must_use]
    pub fn stdin(mut self, bytes: impl Into<Vec<u8>>) -> Self {
        self.stdin = bytes.into();
        self
    }

    /// Adds an environment variable.
    #[must_use]
    pub fn env(mut self, name: impl AsRef<OsStr>, value: impl AsRef<OsStr>) -> Self {
        self.env.push((name.as_ref().to_owned(), value.as_ref().to_owned()));
        self
    }

    /// Does not pass `--logfile`. The log of the `Outcome` is then empty.
    #[must_use]
    pub fn without_logfile(mut self) -> Self {
        self.log = None;
        self
    }

    /// Logs to this file instead of one in the run's folder.
    #[must_use]
    pub fn logfile(mut self, path: impl AsRef<Path>) -> Self {
        self.log = Some(path.as_ref().to_owned());
        self
    }

    /// Sets the time after which the watchdog fails the test. The default is 60 s.
    #[must_use]
    pub fn within(mut self, limit: Duration) -> Self {
        self.limit = limit;
        self
    }

    /// Lets processes of the run outlive it. Without this they fail the test.
    #[must_use]
    pub fn may_leave_processes(mut self) -> Self {
        self.may_leave_processes = true;
        self
    }

    /// Runs as an unprivileged user: as user 65534 if the tests run as root. `None` if that is not possible
    /// on this machine.
    pub fn as_user(mut self) -> Option<Self> {
        if !rustix::process::geteuid().is_root() {
            return Some(self);
        }
        let through = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"];
        let mut probe = Command::new(through[0]);
        probe.args(&through[1..]).arg("test").arg("-x").arg(program());
        if !probe.status().is_ok_and(|status| status.success()) {
            return None;
        }
        crate::plugins::set_mode(self.folder.path(), 0o777);
        self.through = through.iter().map(OsString::from).collect();
        Some(self)
    }

    /// Starts the program with another command, such as `setpriv`, in front of it.
    #[must_use]
    pub fn through<I: IntoIterator<Item: AsRef<OsStr>>>(mut self, command: I) -> Self {
        self.through.extend(command.into_iter().map(|word| word.as_ref().to_owned()));
        self
    }

    /// The run's `HOME`, which is also its working directory.
    pub fn home(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn arguments(&self) -> &[OsString] {
        &self.args
    }

    /// The command that starts the program, for tests that start it in another way.
    pub fn command(&self) -> Command {
        let mut words = self.through.clone();
        words.push(program().into_os_string());
        words.extend(self.args.iter().cloned());
        let mut command = Command::new(&words[0]);
        command
            .args(&words[1..])
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", self.folder.path())
            .env("LC_ALL", "C")
            .envs(self.env.iter().map(|(name, value)| (name, value)))
            .current_dir(self.folder.path())
            .process_group(0);
        if let Some(log) = &self.log {
            command.arg("--logfile").arg(log);
        }
        command
    }

    /// Runs the program and waits for its end.
    pub fn run(self) -> Outcome {
        self.start().finish()
    }

    /// Starts the program and writes its stdin in the background.
    pub fn start(self) -> Running {
        self.start_on(Stdio::piped(), Stdio::piped())
    }

    /// Starts the program with another stdout and stderr, for example a terminal. The `Outcome` has only the
    /// text of pipes.
    pub fn start_on(self, stdout: impl Into<Stdio>, stderr: impl Into<Stdio>) -> Running {
        let mut command = self.command();
        command.stdin(Stdio::piped()).stdout(stdout).stderr(stderr);
        let (mut child, mark) = processes::spawn_marked(&mut command)
            .unwrap_or_else(|error| panic!("the program does not start: {error}"));
        let mut stdin = child.stdin.take().expect("stdin is a pipe");
        let bytes = self.stdin.clone();
        std::thread::spawn(move || {
            // The program may end without reading all of its stdin.
            let _ = stdin.write_all(&bytes);
        });
        let stdout = read_all(child.stdout.take());
        let stderr = read_all(child.stderr.take());
        let (processes, started) = (KillOnDrop(mark), Instant::now());
        let pid = child.id();
        Running { pid, exit: wait(child), stdout, stderr, processes, started, run: self }
    }
}

/// A running program.
#[derive(Debug)]
pub struct Running {
    pid: u32,
    exit: Receiver<ExitStatus>,
    stdout: Receiver<Vec<u8>>,
    stderr: Receiver<Vec<u8>>,
    processes: KillOnDrop,
    started: Instant,
    run: Run,
}

impl Running {
    /// The process id of the program.
    pub fn pid(&self) -> u32 {
        self.pid
    }

    /// The mark of all processes that descend from it.
    pub fn mark(&self) -> Mark {
        self.processes.0
    }

    /// The run's `HOME`.
    pub fn home(&self) -> &Path {
        self.run.home()
    }

    /// The process ids of the workers that are running now.
    pub fn workers(&self) -> Vec<u32> {
        processes::children(self.pid)
    }

    /// Waits until the condition returns a value. Panics with the description of what is expected if that takes
    /// more than 20 s, or if the program ends before.
    pub fn wait_until<T>(
        &self,
        expected: &str,
        mut condition: impl FnMut(&Self) -> Option<T>,
    ) -> T {
        let until = Instant::now() + Duration::from_secs(20);
        loop {
            if let Some(value) = condition(self) {
                return value;
            }
            // `exe` would not do: only root can read it for a process that is not dumpable.
            let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.pid));
            let alive = stat.is_ok_and(|stat| !stat.contains(") Z "));
            assert!(
                alive && Instant::now() < until,
                "{expected}: did not happen (program alive: {alive}); log:\n{}",
                self.log()
            );
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// The current content of the log file.
    pub fn log(&self) -> String {
        read_log(self.run.log.as_deref())
    }

    /// Sends the program a signal.
    pub fn signal(&self, signal: Signal) {
        kill_process(as_pid(self.pid), signal).expect("the program is running");
    }

    /// Waits for the end of the program. Panics if it runs for too long, or if processes are left.
    pub fn finish(self) -> Outcome {
        let until = self.started + self.run.limit;
        let status = self.wait_for(&self.exit, until, "to end");
        // A grandchild that still holds the pipes, which is a bug, is found here.
        let until = until.max(Instant::now() + Duration::from_secs(5));
        let stdout = self.wait_for(&self.stdout, until, "to close its stdout");
        let stderr = self.wait_for(&self.stderr, until, "to close its stderr");
        if !self.run.may_leave_processes {
            processes::assert_none_left(self.mark());
        }
        Outcome {
            status,
            stdout,
            stderr: String::from_utf8_lossy(&stderr).into_owned(),
            log: read_log(self.run.log.as_deref()),
            took: self.started.elapsed(),
            run: self.run,
        }
    }

    fn wait_for<T>(&self, receiver: &Receiver<T>, until: Instant, action: &str) -> T {
        match receiver.recv_timeout(until.saturating_duration_since(Instant::now())) {
            Ok(value) => value,
            Err(RecvTimeoutError::Timeout) => {
                let log = self.log();
                let left = processes::of(self.mark());
                panic!(
                    "the program took more than {:?} {action}: {:?}\nprocesses: {left:?}\nlog:\n{log}",
                    self.run.limit, self.run.args
                );
            }
            Err(RecvTimeoutError::Disconnected) => {
                panic!("a thread that reads the program's output panicked")
            }
        }
    }
}

fn as_pid(pid: u32) -> Pid {
    let pid = i32::try_from(pid).expect("a process id fits");
    Pid::from_raw(pid).expect("a process id is not 0")
}

fn read_log(path: Option<&Path>) -> String {
    // The log may be a device or a pipe, which is not read here.
    path.filter(|path| path.is_file())
        .and_then(|path| std::fs::read(path).ok())
        .map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
        .unwrap_or_default()
}

fn read_all(from: Option<impl Read + Send + 'static>) -> Receiver<Vec<u8>> {
    let (sender, receiver) = channel();
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        if let Some(mut from) = from {
            // The test gets what was read before an error.
            let _ = from.read_to_end(&mut bytes);
        }
        let _ = sender.send(bytes);
    });
    receiver
}

fn wait(mut child: Child) -> Receiver<ExitStatus> {
    let (sender, receiver) = channel();
    std::thread::spawn(move || {
        let status = child.wait().expect("a child can be waited for");
        let _ = sender.send(status);
    });
    receiver
}
