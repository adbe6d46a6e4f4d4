//! Kills the servers of a test that ended without stopping them, for example because of SIGKILL or the test
//! runner's timeout.

use std::io::Write as _;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::{Mutex, PoisonError};

/// Reads lines `folder PATH` and `server PID EXECUTABLE` from a pipe that only the test holds. If the pipe
/// closes before the line `done`, the test has died: the script kills the servers whose process still runs the
/// same executable, and removes the folders.
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

/// A process that cleans up if this one dies.
#[derive(Debug)]
pub struct Watcher {
    process: Child,
    pipe: Mutex<ChildStdin>,
}

impl Watcher {
    /// Starts the process. It watches nothing yet.
    pub fn start() -> std::io::Result<Self> {
        let mut process = Command::new("/bin/sh")
            .args(["-c", SCRIPT])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            // Signals that the test runner sends to the test's process group must not reach it.
            .process_group(0)
            .spawn()?;
        let pipe = Mutex::new(process.stdin.take().expect("stdin is a pipe"));
        Ok(Self { process, pipe })
    }

    /// Watches a folder, to be removed with everything in it.
    pub fn folder(&self, path: &Path) {
        self.send(&format!("folder {}", path.display()));
    }

    /// Starts a server in a new process group and watches it, to be killed.
    pub fn spawn(&self, command: &mut Command) -> std::io::Result<Child> {
        let server = command.stdin(Stdio::null()).process_group(0).spawn()?;
        let executable = executable(server.id(), command);
        self.send(&format!("server {} {}", server.id(), executable.display()));
        Ok(server)
    }

    fn send(&self, line: &str) {
        let mut pipe = self.pipe.lock().unwrap_or_else(PoisonError::into_inner);
        // If the watcher was killed, only the cleanup after a test that dies is lost.
        let _ = pipe.write_all(format!("{line}\n").as_bytes());
    }
}

impl Drop for Watcher {
    fn drop(&mut self) {
        self.send("done");
        // The script exits after this line.
        let _ = self.process.wait();
    }
}

/// The executable of a new process, as the kernel reports it.
fn executable(pid: u32, command: &Command) -> PathBuf {
    std::fs::read_link(format!("/proc/{pid}/exe"))
        .unwrap_or_else(|_| PathBuf::from(command.get_program()))
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;
    use std::process::{Command, Stdio};

    use super::{SCRIPT, Watcher};

    fn sleeper() -> Command {
        let mut command = Command::new("sleep");
        command.arg("600");
        command
    }

    #[test]
    fn cleans_up_the_servers_and_folders_of_a_test_that_died() {
        let folder = tempfile::Builder::new().prefix("a b").tempdir().expect("a temporary folder");
        let mut watcher = Command::new("/bin/sh")
            .args(["-c", SCRIPT])
            .stdin(Stdio::piped())
            .spawn()
            .expect("a shell starts");
        let mut first = sleeper().spawn().expect("sleep starts");
        let mut second = sleeper().spawn().expect("sleep starts");
        let mut other = sleeper().spawn().expect("sleep starts");
        let executable = super::executable(first.id(), &sleeper());
        let executable = executable.display();
        let mut pipe = watcher.stdin.take().expect("stdin is a pipe");
        let lines = [
            format!("folder {}", folder.path().display()),
            format!("server {} {executable}", first.id()),
            format!("server {} {executable}", second.id()),
            // As if another program had got this process id in the meantime.
            format!("server {} /usr/bin/another", other.id()),
        ];
        writeln!(pipe, "{}", lines.join("\n")).expect("the watcher reads");
        drop(pipe);
        assert!(watcher.wait().expect("a child can be waited for").success());
        for server in [&mut first, &mut second] {
            assert!(!server.wait().expect("a child can be waited for").success());
        }
        assert!(!folder.path().exists());
        assert!(other.try_wait().expect("a child can be waited for").is_none());
        other.kill().expect("the process is running");
        other.wait().expect("a child can be waited for");
    }

    #[test]
    fn leaves_everything_alone_after_done() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let watcher = Watcher::start().expect("a shell starts");
        watcher.folder(folder.path());
        let mut server = watcher.spawn(&mut sleeper()).expect("sleep starts");
        drop(watcher);
        assert!(folder.path().exists());
        assert!(server.try_wait().expect("a child can be waited for").is_none());
        server.kill().expect("the process is running");
        server.wait().expect("a child can be waited for");
    }
}
