//! One run of the program: its command line, what goes in, and a watchdog.

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
use crate::processes::{self, Guard, Mark};
use crate::program;

/// How the program is called. The environment is empty but for `PATH`, `LC_ALL=C` and a `HOME`
/// of its own; the log goes to a file of its own at the level that the arguments ask for.
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
    /// A run with nothing but a log file.
    #[expect(clippy::new_without_default, reason = "it makes a folder")]
    pub fn new() -> Self {
        let folder = tempfile::Builder::new()
            .prefix("gatherer-run-")
            .tempdir()
            .expect("a temporary folder can be made");
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

    /// `--infile -` with these endpoints on stdin.
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

    /// What the program reads on stdin; nothing without this.
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

    /// Does not pass `--logfile`; the log file of `Outcome` is then empty.
    #[must_use]
    pub fn without_logfile(mut self) -> Self {
        self.log = None;
        self
    }

    /// Logs to this file instead of one of its own.
    #[must_use]
    pub fn logfile(mut self, path: impl AsRef<Path>) -> Self {
        self.log = Some(path.as_ref().to_owned());
        self
    }

    /// How long the run may take before the watchdog ends it and fails the test; 60 s.
    #[must_use]
    pub fn within(mut self, limit: Duration) -> Self {
        self.limit = limit;
        self
    }

    /// Does not fail the test if a process of the run outlives it.
    #[must_use]
    pub fn may_leave_processes(mut self) -> Self {
        self.may_leave_processes = true;
        self
    }

    /// Runs as somebody who is not root: as `nobody`, if the tests run as root. `None` if that
    /// is not possible here.
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

    /// Starts the program through another command, which is put before it.
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

    /// The command as it will be started, for who wants to start it otherwise.
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

    /// Runs the program to its end.
    pub fn run(self) -> Outcome {
        self.start().finish()
    }

    /// Starts the program and feeds it its stdin, which is then closed.
    pub fn start(self) -> Running {
        self.start_on(Stdio::piped(), Stdio::piped())
    }

    /// The same, with its stdout and stderr on something else, a terminal say. What is no pipe of
    /// ours is empty in the `Outcome`.
    pub fn start_on(self, stdout: impl Into<Stdio>, stderr: impl Into<Stdio>) -> Running {
        let mut command = self.command();
        command.stdin(Stdio::piped()).stdout(stdout).stderr(stderr);
        let (mut child, mark) = processes::spawn_marked(&mut command)
            .unwrap_or_else(|error| panic!("the program does not start: {error}"));
        let mut stdin = child.stdin.take().expect("stdin is a pipe");
        let bytes = self.stdin.clone();
        std::thread::spawn(move || {
            // A program that does not read its stdin is no fault of the writer.
            let _ = stdin.write_all(&bytes);
        });
        let stdout = read_all(child.stdout.take());
        let stderr = read_all(child.stderr.take());
        let (guard, started) = (Guard(mark), Instant::now());
        Running { pid: child.id(), exit: wait(child), stdout, stderr, guard, started, run: self }
    }
}

/// A program that runs.
#[derive(Debug)]
pub struct Running {
    pid: u32,
    exit: Receiver<ExitStatus>,
    stdout: Receiver<Vec<u8>>,
    stderr: Receiver<Vec<u8>>,
    guard: Guard,
    started: Instant,
    run: Run,
}

impl Running {
    /// The program's process id.
    pub fn pid(&self) -> u32 {
        self.pid
    }

    /// The marks of the processes that stem from it.
    pub fn mark(&self) -> Mark {
        self.guard.0
    }

    /// The run's `HOME`.
    pub fn home(&self) -> &Path {
        self.run.home()
    }

    /// The process ids of the workers that run now.
    pub fn workers(&self) -> Vec<u32> {
        processes::children(self.pid)
    }

    /// Waits until the condition holds; panics with `what` if that takes more than 20 s or the program
    /// ends before.
    pub fn wait_until<T>(&self, what: &str, mut condition: impl FnMut(&Self) -> Option<T>) -> T {
        let until = Instant::now() + Duration::from_secs(20);
        loop {
            if let Some(value) = condition(self) {
                return value;
            }
            // Not its `exe`: only root may look at that of a process that cannot be dumped.
            let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.pid));
            let alive = stat.is_ok_and(|stat| !stat.contains(") Z "));
            assert!(
                alive && Instant::now() < until,
                "{what}: did not happen (program alive: {alive}); log:\n{}",
                self.log()
            );
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// What the log file holds now.
    pub fn log(&self) -> String {
        read_log(self.run.log.as_deref())
    }

    /// Sends the program a signal.
    pub fn signal(&self, signal: Signal) {
        kill_process(as_pid(self.pid), signal).expect("the program is there to be signalled");
    }

    /// Waits for the end. Panics if the watchdog had to end the run, or processes are left.
    pub fn finish(self) -> Outcome {
        let until = self.started + self.run.limit;
        let status = self.expect(&self.exit, until, "to end");
        // Whoever else holds the pipes (a grandchild, by a fault) shows here.
        let until = until.max(Instant::now() + Duration::from_secs(5));
        let stdout = self.expect(&self.stdout, until, "to close its stdout");
        let stderr = self.expect(&self.stderr, until, "to close its stderr");
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

    fn expect<T>(&self, what: &Receiver<T>, until: Instant, doing: &str) -> T {
        match what.recv_timeout(until.saturating_duration_since(Instant::now())) {
            Ok(value) => value,
            Err(RecvTimeoutError::Timeout) => {
                let log = self.log();
                let left = processes::of(self.mark());
                panic!(
                    "the program took more than {:?} {doing}: {:?}\nprocesses: {left:?}\nlog:\n{log}",
                    self.run.limit, self.run.args
                );
            }
            Err(RecvTimeoutError::Disconnected) => panic!("a reader of the program's output died"),
        }
    }
}

fn as_pid(pid: u32) -> Pid {
    let pid = i32::try_from(pid).expect("a process id fits");
    Pid::from_raw(pid).expect("a process id is not 0")
}

fn read_log(path: Option<&Path>) -> String {
    // A device or a pipe is nobody's to read here.
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
            // What came before an error is what the test looks at.
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
