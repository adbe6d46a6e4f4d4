//! The state of processes as `/proc` reports it.
#![expect(clippy::disallowed_methods, reason = "files of the kernel about processes")]

use std::collections::HashMap;
use std::sync::OnceLock;

use rustix::io::Errno;
use rustix::process::{Pid, WaitId, WaitIdOptions};

use crate::process::{is_log_process, session_of};

/// The reason why a process survives SIGKILL, as part of a sentence: "it waits for the kernel (state D)".
/// `None` if `/proc` does not list the process.
pub fn why_it_survives(pid: Pid) -> Option<String> {
    let folder = format!("/proc/{}", pid.as_raw_nonzero());
    let state = Stat::read(&folder)?.state;
    if state == 'Z'
        && let Some(tracer) = tracer(&folder)
    {
        return Some(format!(
            "it has exited, but process {tracer} traces it and does not release it (state Z): end that \
             process"
        ));
    }
    // Another thread may still run although the first one has exited.
    let threads = std::fs::read_dir(format!("{folder}/task")).into_iter().flatten().flatten();
    let mut threads = threads.filter_map(|thread| Stat::read(thread.path().to_str()?));
    if state == 'D' || threads.any(|thread| thread.state == 'D') {
        return Some(
            "it waits for the kernel (state D): a file system or a device does not answer"
                .to_owned(),
        );
    }
    Some(format!("it is in state {state}"))
}

/// The tracer of a process.
fn tracer(folder: &str) -> Option<u32> {
    let status = std::fs::read_to_string(format!("{folder}/status")).ok()?;
    let tracer = status.lines().find_map(|line| line.strip_prefix("TracerPid:"))?;
    tracer.trim().parse().ok().filter(|tracer| *tracer != 0)
}

/// The first fields of `stat` of a process or thread (proc_pid_stat(5)).
struct Stat {
    state: char,
    parent: i32,
}

impl Stat {
    fn read(folder: &str) -> Option<Self> {
        Self::parse(&std::fs::read_to_string(format!("{folder}/stat")).ok()?)
    }

    fn parse(text: &str) -> Option<Self> {
        // The name before it is in parentheses and may contain any character.
        let (_, fields) = text.rsplit_once(')')?;
        let mut fields = fields.split_whitespace();
        let state = fields.next()?.chars().next()?;
        Some(Self { state, parent: fields.next()?.parse().ok()? })
    }
}

/// The descendants that the caller left to this process, recorded before it started any process.
static CALLERS_DESCENDANTS: OnceLock<Vec<Pid>> = OnceLock::new();

/// Records the descendants that exist already, which must not be killed: a shell that starts this program
/// with `exec` leaves it the shell's children, for example the reader of the result
/// (`exec ... > >(tee result)`). To be called before the first child is started.
pub fn spare_children_of_caller() {
    // Nearly always there are none, and one system call shows that.
    let ended = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
    let has_none = matches!(rustix::process::waitid(WaitId::All, ended), Err(Errno::CHILD));
    if !has_none {
        let _ = CALLERS_DESCENDANTS.set(descendants());
    }
}

/// Whether a process must not be killed: the log process, which exits when the runner does, and descendants
/// of the caller. Every worker starts a session, and no process can join an existing session. So a process
/// in the session of this program is a descendant of its caller.
fn is_spared(pid: Pid) -> bool {
    let is_in_session =
        || session_of(Some(pid)).is_some_and(|other| session_of(None) == Some(other));
    is_log_process(pid)
        || is_in_session()
        || CALLERS_DESCENDANTS.get().is_some_and(|pids| pids.contains(&pid))
}

/// All descendants of this process that have not been reaped, except the log process and descendants of the
/// caller.
pub fn descendants() -> Vec<Pid> {
    let Ok(processes) = std::fs::read_dir("/proc") else { return Vec::new() };
    let parents: HashMap<i32, i32> = processes
        .filter_map(|entry| {
            let name = entry.ok()?.file_name().into_string().ok()?;
            let pid: i32 = name.parse().ok()?;
            Some((pid, Stat::read(&format!("/proc/{name}"))?.parent))
        })
        .collect();
    let own = rustix::process::getpid().as_raw_nonzero().get();
    let is_descendant = |pid: i32| {
        let mut ancestor = pid;
        // Bounded, because reused process ids could form a cycle.
        for _ in 0..parents.len() {
            if Pid::from_raw(ancestor).is_none_or(is_spared) {
                return false;
            }
            match parents.get(&ancestor) {
                Some(&parent) if parent == own => return true,
                Some(&parent) => ancestor = parent,
                None => return false,
            }
        }
        false
    };
    let descendants = parents.keys().filter(|pid| is_descendant(**pid));
    descendants.filter_map(|pid| Pid::from_raw(*pid)).collect()
}

/// The children among [`descendants`], as the kernel lists them, which is faster. `None` if the kernel does
/// not list them (without `CONFIG_PROC_CHILDREN`).
pub fn children() -> Option<Vec<Pid>> {
    let mut children = Vec::new();
    for thread in std::fs::read_dir("/proc/self/task").ok()? {
        let list = std::fs::read_to_string(thread.ok()?.path().join("children")).ok()?;
        let pids = list.split_whitespace().filter_map(|pid| Pid::from_raw(pid.parse().ok()?));
        children.extend(pids.filter(|pid| !is_spared(*pid)));
    }
    Some(children)
}

#[cfg(test)]
mod tests {
    use super::{Stat, descendants};

    #[test]
    fn reads_the_fields_after_a_name_with_parentheses() {
        let stat = Stat::parse("12 (a) D 9 (b) S 7 12 12").expect("fields");
        assert_eq!((stat.state, stat.parent), ('S', 7));
        assert!(Stat::parse("12 (a").is_none());
    }

    #[test]
    fn finds_the_children_of_children() {
        // In a session of its own, as workers are.
        let mut shell = std::process::Command::new("setsid");
        shell
            .args(["sh", "-c", "setsid sleep 60 & echo $!; wait"])
            .stdout(std::process::Stdio::piped());
        let mut shell = shell.spawn().expect("a shell starts");
        let mut line = String::new();
        let mut stdout = std::io::BufReader::new(shell.stdout.take().expect("a pipe"));
        std::io::BufRead::read_line(&mut stdout, &mut line).expect("text");
        let sleeper: i32 = line.trim().parse().expect("a process id");
        let found = descendants();
        let sleeper = rustix::process::Pid::from_raw(sleeper).expect("a process id");
        assert!(
            found.contains(&sleeper) && found.contains(&rustix::process::Pid::from_child(&shell))
        );
        rustix::process::kill_process(sleeper, rustix::process::Signal::KILL).expect("it runs");
        shell.wait().expect("it ends with its child");
    }
}
