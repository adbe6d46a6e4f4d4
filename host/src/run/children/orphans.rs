//! Ends the processes that workers left behind, after the last worker has ended.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal};

use super::proc_state::{children, descendants, why_it_survives};
use super::reap;

/// The pause between two passes that find the same processes.
const PAUSE: Duration = Duration::from_millis(2);

/// How long the end of a run waits for the processes that it killed.
pub const ORPHANS_LIMIT: Duration = Duration::from_secs(2);

/// The maximum number of processes that a warning names.
const NAMED_MAX: usize = 10;

/// Kills and reaps all descendants, for at most `limit`. One warning names the processes that survive.
/// `given_up` are workers that the runner has already waited for.
pub fn end_orphans(limit: Duration, given_up: &[Pid]) {
    let until = Instant::now() + limit;
    let mut before = BTreeSet::new();
    loop {
        reap_all();
        // A process that repeatedly forks and exits is gone before all of /proc is read. So the list of our
        // own children comes first; the children of a process that exits become ours.
        let listed = children();
        let children: BTreeSet<_> = listed.iter().flatten().copied().map(number).collect();
        if listed.is_some() && children.is_empty() {
            return;
        }
        kill(&children);
        let is_new = !children.is_subset(&before);
        before.extend(children);
        if is_new && Instant::now() < until {
            continue;
        }
        // This also finds the children of a process that survives SIGKILL.
        let left: BTreeSet<_> = descendants().into_iter().map(number).collect();
        if left.is_empty() {
            return;
        }
        kill(&left);
        let is_new = !left.is_subset(&before);
        before.extend(&left);
        let is_known = |pid: &i32| given_up.iter().any(|given_up| number(*given_up) == *pid);
        let all_known = left.iter().all(is_known);
        if Instant::now() >= until || (!is_new && all_known) {
            if !all_known {
                warn(&left);
            }
            return;
        }
        if !is_new {
            std::thread::sleep(PAUSE);
        }
    }
}

fn number(pid: Pid) -> i32 {
    pid.as_raw_nonzero().get()
}

fn kill(pids: &BTreeSet<i32>) {
    for pid in pids.iter().filter_map(|pid| Pid::from_raw(*pid)) {
        // An error means that it has exited, or runs as another user whose processes we may not kill.
        let _ = rustix::process::kill_process(pid, Signal::KILL);
    }
}

/// Reaps the children that have exited.
fn reap_all() {
    while let Some(pid) = crate::process::ended_child() {
        reap(pid);
    }
}

fn warn(left: &BTreeSet<i32>) {
    let named: Vec<_> = left
        .iter()
        .filter_map(|pid| Some((pid, why_it_survives(Pid::from_raw(*pid)?)?)))
        .take(NAMED_MAX)
        .map(|(pid, why)| format!("process {pid}: {why}"))
        .collect();
    if !named.is_empty() {
        let count = left.len();
        let processes = if count == 1 { "process" } else { "processes" };
        tracing::warn!("{count} {processes} of plugins could not be ended: {}", named.join("; "));
    }
}
