//! Finds the processes that descend from a run. A worker starts a session, and the parent of an orphan
//! changes, so neither identifies a descendant. A resource limit does: each run gets its own value, all
//! descendants inherit it, and every user can read it.

use std::process::{Child, Command};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Resource, Rlimit, Signal, getrlimit, kill_process, setrlimit};

/// The mark of a run: its value of a resource limit that has no other use here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mark(u64);

/// Spawns a command and marks it and all its descendants.
pub(crate) fn spawn_marked(command: &mut Command) -> std::io::Result<(Child, Mark)> {
    // This process has the limit for a moment, so only one thread spawns at a time.
    static SPAWNING: Mutex<()> = Mutex::new(());
    static COUNTER: AtomicU32 = AtomicU32::new(0);
    let _spawning = SPAWNING.lock().unwrap_or_else(std::sync::PoisonError::into_inner);

    // The value differs from the marks of other test processes and of earlier runs. It is too large to
    // take effect, and the limit applies to real-time processes only.
    let number = COUNTER.fetch_add(1, Ordering::Relaxed);
    let mark = (1 << 62) | u64::from(std::process::id()) << 24 | u64::from(number);
    let before = getrlimit(Resource::Rttime);
    setrlimit(Resource::Rttime, Rlimit { current: Some(mark), maximum: before.maximum })?;
    let child = command.spawn();
    setrlimit(Resource::Rttime, before)?;
    Ok((child?, Mark(mark)))
}

/// The ids and names of the processes that descend from the marked run and are running. Zombies are not
/// included.
pub fn of(mark: Mark) -> Vec<(u32, String)> {
    let mut found = Vec::new();
    for pid in all() {
        let Ok(limits) = std::fs::read_to_string(format!("/proc/{pid}/limits")) else { continue };
        let marked = limits
            .lines()
            .find_map(|line| line.strip_prefix("Max realtime timeout"))
            .and_then(|rest| rest.split_whitespace().next())
            .is_some_and(|soft| soft == mark.0.to_string());
        if !marked {
            continue;
        }
        if let Some((state, name)) = state(pid)
            && !matches!(state, 'Z' | 'X')
        {
            found.push((pid, name));
        }
    }
    found
}

/// Kills all processes of a run when it is dropped, so that a test that fails leaves none.
#[derive(Debug)]
pub(crate) struct KillOnDrop(pub(crate) Mark);

impl Drop for KillOnDrop {
    fn drop(&mut self) {
        for (pid, _) in of(self.0) {
            if let Some(pid) = i32::try_from(pid).ok().and_then(Pid::from_raw) {
                // The process may have ended in the meantime.
                let _ = kill_process(pid, Signal::KILL);
            }
        }
    }
}

/// Panics if processes of the run are still running after 5 s.
pub fn assert_none_left(mark: Mark) {
    let until = Instant::now() + Duration::from_secs(5);
    loop {
        let left = of(mark);
        if left.is_empty() {
            return;
        }
        assert!(Instant::now() < until, "processes of the run are left: {left:?}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// The name of the process that writes the program's log file.
const LOG_PROCESS: &str = "gatherer-log";

/// The children of a process, without zombies and without the process that writes the log file.
pub fn children(parent: u32) -> Vec<u32> {
    let mut children = all_children(parent);
    children.retain(|(_, name)| name != LOG_PROCESS);
    children.into_iter().map(|(pid, _)| pid).collect()
}

/// The process that writes the log file of the program with this process id.
pub fn log_process(program: u32) -> Option<u32> {
    let mut children = all_children(program).into_iter();
    children.find(|(_, name)| name == LOG_PROCESS).map(|(pid, _)| pid)
}

fn all_children(parent: u32) -> Vec<(u32, String)> {
    all()
        .into_iter()
        .filter_map(|pid| {
            let (name, fields) = stat(pid)?;
            let is_child = fields.get(1)?.parse() == Ok(parent) && fields[0] != "Z";
            is_child.then_some((pid, name))
        })
        .collect()
}

/// The number of children of a process that have ended and are not reaped.
pub fn zombies(parent: u32) -> usize {
    let is_zombie = |pid: &u32| {
        stat(*pid).is_some_and(|(_, fields)| {
            fields.first().is_some_and(|state| state == "Z")
                && fields.get(1).and_then(|field| field.parse().ok()) == Some(parent)
        })
    };
    all().iter().filter(|pid| is_zombie(pid)).count()
}

/// Whether a process has a handler for a signal.
pub fn handles(pid: u32, signal: Signal) -> bool {
    let Ok(status) = std::fs::read_to_string(format!("/proc/{pid}/status")) else { return false };
    let caught = status.lines().find_map(|line| line.strip_prefix("SigCgt:"));
    let caught = caught.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    caught.is_some_and(|mask| mask & (1 << (signal.as_raw() - 1)) != 0)
}

fn all() -> Vec<u32> {
    std::fs::read_dir("/proc")
        .expect("/proc is mounted")
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .collect()
}

fn state(pid: u32) -> Option<(char, String)> {
    let (name, fields) = stat(pid)?;
    Some((fields.first()?.chars().next()?, name))
}

/// The name of a process and the fields that follow it in `stat`: state, parent, ...
fn stat(pid: u32) -> Option<(String, Vec<String>)> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name is in parentheses and may contain any character.
    let (start, end) = (text.find('(')?, text.rfind(')')?);
    let fields = text[end + 1..].split_whitespace().map(str::to_owned).collect();
    Some((text[start + 1..end].to_owned(), fields))
}

#[cfg(test)]
mod tests {
    use std::process::{Command, Stdio};

    use super::{KillOnDrop, of, spawn_marked};

    #[test]
    fn finds_a_grandchild_in_another_session() {
        let mut command = Command::new("sh");
        command.args(["-c", "setsid sleep 30 & echo $!"]).stdout(Stdio::piped());
        let (child, mark) = spawn_marked(&mut command).expect("a shell starts");
        let (_, other) = spawn_marked(&mut Command::new("true")).expect("a command starts");
        let pid = child.id();
        let until = std::time::Instant::now() + std::time::Duration::from_secs(10);
        let left = loop {
            let left = of(mark);
            if left.iter().any(|(id, name)| *id != pid && name == "sleep") {
                break left;
            }
            assert!(std::time::Instant::now() < until, "not found: {left:?}");
            std::thread::sleep(std::time::Duration::from_millis(5));
        };
        assert!(of(other).iter().all(|found| !left.contains(found)));
        drop(KillOnDrop(mark));
        while !of(mark).is_empty() {
            assert!(std::time::Instant::now() < until, "still running: {:?}", of(mark));
            std::thread::sleep(std::time::Duration::from_millis(5));
        }
    }
}
