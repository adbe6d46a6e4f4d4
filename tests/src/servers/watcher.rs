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
    fn the_servers_and_folders_of_a_test_that_died_are_gone() {
        let folder = tempfile::Builder::new().prefix("a b").tempdir().expect("a folder");
        let mut watcher = Command::new("/bin/sh")
            .args(["-c", SCRIPT])
            .stdin(Stdio::piped())
            .spawn()
            .expect("a shell starts");
        let mut first = sleeper().spawn().expect("it starts");
        let mut second = sleeper().spawn().expect("it starts");
        let mut other = sleeper().spawn().expect("it starts");
        let executable = super::executable(first.id(), &sleeper());
        let executable = executable.display();
        let mut pipe = watcher.stdin.take().expect("stdin is a pipe");
        let lines = [
            format!("folder {}", folder.path().display()),
            format!("server {} {executable}", first.id()),
            format!("server {} {executable}", second.id()),
            // Its number is another program's by now.
            format!("server {} /usr/bin/another", other.id()),
        ];
        writeln!(pipe, "{}", lines.join("\n")).expect("it listens");
        drop(pipe);
        assert!(watcher.wait().expect("a child can be waited for").success());
        for server in [&mut first, &mut second] {
            assert!(!server.wait().expect("a child can be waited for").success());
        }
        assert!(!folder.path().exists());
        assert!(other.try_wait().expect("a child can be asked").is_none());
        other.kill().expect("it runs");
        other.wait().expect("a child can be waited for");
    }

    #[test]
    fn nothing_is_touched_once_all_is_done() {
        let folder = tempfile::tempdir().expect("a folder");
        let watcher = Watcher::start().expect("a shell starts");
        watcher.folder(folder.path());
        let mut server = watcher.spawn(&mut sleeper()).expect("it starts");
        drop(watcher);
        assert!(folder.path().exists());
        assert!(server.try_wait().expect("a child can be asked").is_none());
        server.kill().expect("it runs");
        server.wait().expect("a child can be waited for");
    }
}
