//! Which processes stem from a run. Workers have a session of their own and outlive nobody, so
//! neither the session nor the parent tells; a resource limit that only this run has does:
//! it is handed down to every descendant, and anybody may read it.

use std::process::{Child, Command};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// The mark of a run: its value of a limit that nothing here uses otherwise.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mark(u64);

/// Spawns a command whose descendants can be found again.
pub(crate) fn spawn_marked(command: &mut Command) -> std::io::Result<(Child, Mark)> {
    // The limit is this process's own for a moment, so spawning takes turns.
    static TURN: Mutex<()> = Mutex::new(());
    static COUNTER: AtomicU32 = AtomicU32::new(0);
    let _turn = TURN.lock().unwrap_or_else(std::sync::PoisonError::into_inner);

    // Unlike the marks of other test processes and of earlier runs of this one.
    let number = COUNTER.fetch_add(1, Ordering::Relaxed) % 64;
    let mark = u64::from(std::process::id() % 12_000) * 64 + u64::from(number) + 1;
    let before = getrlimit(Resource::Msgqueue);
    setrlimit(Resource::Msgqueue, Rlimit { current: Some(mark), maximum: before.maximum })?;
    let child = command.spawn();
    setrlimit(Resource::Msgqueue, before)?;
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
            .find_map(|line| line.strip_prefix("Max msgqueue size"))
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

/// The children of a process, zombies left out.
pub fn children(parent: u32) -> Vec<u32> {
    all()
        .into_iter()
        .filter(|pid| {
            stat(*pid).is_some_and(|fields| {
                fields.1.get(1).and_then(|field| field.parse().ok()) == Some(parent)
                    && fields.1.first().is_none_or(|state| state != "Z")
            })
        })
        .collect()
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
