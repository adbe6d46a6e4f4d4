//! Ends the servers of a test that dies without ending them, as by SIGKILL or a runner's timeout.

use std::io::Write as _;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::{Mutex, PoisonError};

/// Reads `folder PATH` and `server PID EXECUTABLE` from a pipe that only the test holds. The pipe's
/// end without `done` is the test's death: the servers are killed, where the process is still the
/// one that was started, and the folders removed.
const SCRIPT: &str = r#"
folders= servers=
while IFS=' ' read -r word first rest; do
    case $word in
    folder) folders="$folders
$first${rest:+ $rest}" ;;
    server) servers="$servers
$first $rest" ;;
    done) exit 0 ;;
    esac
done
printf '%s\n' "$servers" | while IFS=' ' read -r pid executable; do
    [ -n "$pid" ] || continue
    [ "$(readlink "/proc/$pid/exe")" != "$executable" ] || kill -9 "$pid"
done
printf '%s\n' "$folders" | while IFS= read -r folder; do
    [ -z "$folder" ] || rm -rf -- "$folder"
done
"#;

/// A process that outlives this one for a moment if it has to.
#[derive(Debug)]
pub struct Watcher {
    process: Child,
    pipe: Mutex<ChildStdin>,
}

impl Watcher {
    /// Starts it, with nothing to watch.
    pub fn start() -> std::io::Result<Self> {
        let mut process = Command::new("/bin/sh")
            .args(["-c", SCRIPT])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            // What a runner sends to the test's group must not reach it.
            .process_group(0)
            .spawn()?;
        let pipe = Mutex::new(process.stdin.take().expect("stdin is a pipe"));
        Ok(Self { process, pipe })
    }

    /// Has the folder removed, with everything in it.
    pub fn folder(&self, path: &Path) {
        self.tell(&format!("folder {}", path.display()));
    }

    /// Starts a server in a process group of its own, and has it killed.
    pub fn spawn(&self, command: &mut Command) -> std::io::Result<Child> {
        let server = command.stdin(Stdio::null()).process_group(0).spawn()?;
        let executable = executable(server.id(), command);
        self.tell(&format!("server {} {}", server.id(), executable.display()));
        Ok(server)
    }

    fn tell(&self, line: &str) {
        let mut pipe = self.pipe.lock().unwrap_or_else(PoisonError::into_inner);
        // A watcher that somebody killed costs the cleaning up after a test that dies, no more.
        let _ = pipe.write_all(format!("{line}\n").as_bytes());
    }
}

impl Drop for Watcher {
    fn drop(&mut self) {
        self.tell("done");
        // It has read its last line.
        let _ = self.process.wait();
    }
}

/// The file that a new process runs, as the kernel names it.
fn executable(pid: u32, command: &Command) -> PathBuf {
    std::fs::read_link(format!("/proc/{pid}/exe"))
        .unwrap_or_else(|_| PathBuf::from(command.get_program()))
}
