//! Which processes stem from a run. Workers have a session of their own and outlive nobody, so
//! neither the session nor the parent tells; a resource limit that only this run has does:
//! it is handed down to every descendant, and anybody may read it.

use std::process::{Child, Command};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Resource, Rlimit, Signal, getrlimit, kill_process, setrlimit};

/// The mark of a run: its value of a limit that nothing here uses otherwise.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mark(u64);

/// Spawns a command whose descendants can be found again.
pub(crate) fn spawn_marked(command: &mut Command) -> std::io::Result<(Child, Mark)> {
    // The limit is this process's own for a moment, so spawning takes turns.
    static TURN: Mutex<()> = Mutex::new(());
    static COUNTER: AtomicU32 = AtomicU32::new(0);
    let _turn = TURN.lock().unwrap_or_else(std::sync::PoisonError::into_inner);

    // Unlike the marks of other test processes and of earlier runs of this one; as a limit so
    // large that nobody meets it, and on what only real-time processes use.
    let number = COUNTER.fetch_add(1, Ordering::Relaxed);
    let mark = (1 << 62) | u64::from(std::process::id()) << 24 | u64::from(number);
    let before = getrlimit(Resource::Rttime);
    setrlimit(Resource::Rttime, Rlimit { current: Some(mark), maximum: before.maximum })?;
    let child = command.spawn();
    setrlimit(Resource::Rttime, before)?;
    Ok((child?, Mark(mark)))
}

/// The processes that stem from the marked run and have not ended, as `pid name` (zombies
/// are ended).
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

/// Ends whatever is left of a run when it goes away, so that a test that fails in the middle
/// leaves nothing behind.
#[derive(Debug)]
pub(crate) struct Guard(pub(crate) Mark);

impl Drop for Guard {
    fn drop(&mut self) {
        for (pid, _) in of(self.0) {
            if let Some(pid) = i32::try_from(pid).ok().and_then(Pid::from_raw) {
                // It may have ended since.
                let _ = kill_process(pid, Signal::KILL);
            }
        }
    }
}

/// Panics if processes of the run are still there after a moment of grace.
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

/// What the program calls the process that writes its log file.
const LOG_PROCESS: &str = "gatherer-log";

/// The children of a process, without zombies and without the one that writes the log file.
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

/// How many children of a process have ended and were not reaped.
pub fn zombies(parent: u32) -> usize {
    let is_one = |pid: &u32| {
        stat(*pid).is_some_and(|(_, fields)| {
            fields.first().is_some_and(|state| state == "Z")
                && fields.get(1).and_then(|field| field.parse().ok()) == Some(parent)
        })
    };
    all().iter().filter(|pid| is_one(pid)).count()
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

/// The name of a process and the fields of its `stat` after it: state, parent, ...
fn stat(pid: u32) -> Option<(String, Vec<String>)> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name stands in parentheses and may hold any character.
    let (start, end) = (text.find('(')?, text.rfind(')')?);
    let fields = text[end + 1..].split_whitespace().map(str::to_owned).collect();
    Some((text[start + 1..end].to_owned(), fields))
}

#[cfg(test)]
mod tests {
    use std::process::{Command, Stdio};

    use super::{Guard, of, spawn_marked};

    #[test]
    fn a_grandchild_in_a_session_of_its_own_is_found() {
        let mut command = Command::new("sh");
        command.args(["-c", "setsid sleep 30 & echo $!"]).stdout(Stdio::piped());
        let (child, mark) = spawn_marked(&mut command).expect("a shell starts");
        let (_, other) = spawn_marked(&mut Command::new("true")).expect("it starts");
        let pid = child.id();
        // The grandchild holds the pipe: the shell's own end is waited for elsewhere.
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
        drop(Guard(mark));
        while !of(mark).is_empty() {
            assert!(std::time::Instant::now() < until, "not ended: {:?}", of(mark));
            std::thread::sleep(std::time::Duration::from_millis(5));
        }
    }
}
