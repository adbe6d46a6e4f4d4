//! Too little memory fails endpoints, with the limit and a way to raise it in the error, but never the run.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::Duration;

use gatherer_tests::{Failure, Outcome, PluginFolder, Run, Running, inventory_endpoint};
use serde_json::{Value, json};

/// How much smaller the documents of a debug build are, because it is slower.
const SCALE: u64 = if cfg!(debug_assertions) { 8 } else { 1 };
const MIB: u64 = 1024 * 1024;

/// A cgroup of version 1 with a memory limit. Dropping this removes it.
struct Cgroup(PathBuf);

impl Cgroup {
    /// Creates a cgroup with a limit in bytes. The error is a reason to skip the test.
    fn new(name: &str, bytes: u64) -> Result<Self, String> {
        let root = Path::new("/sys/fs/cgroup/memory");
        if !root.join("memory.limit_in_bytes").exists() {
            return Err("this machine has no memory controller of cgroup version 1".to_owned());
        }
        let path = root.join(format!("gatherer-{name}-{}", std::process::id()));
        std::fs::create_dir(&path).map_err(|error| format!("{}: {error}", path.display()))?;
        let group = Self(path);
        let limit = group.0.join("memory.limit_in_bytes");
        std::fs::write(limit, bytes.to_string()).map_err(|error| error.to_string())?;
        // Without this limit memory over the limit would go to swap. The file is missing if the kernel
        // does not account swap.
        let _ = std::fs::write(group.0.join("memory.memsw.limit_in_bytes"), bytes.to_string());
        Ok(group)
    }

    /// Starts a run in the cgroup.
    fn start(&self, run: Run) -> Running {
        let script = format!("echo $$ > {}/cgroup.procs && exec \"$0\" \"$@\"", self.0.display());
        run.through(["sh", "-c", &script]).start()
    }

    /// How many processes the kernel has killed because of the limit.
    fn kills(&self) -> u64 {
        let text = std::fs::read_to_string(self.0.join("memory.oom_control")).expect("readable");
        let count = text.lines().find_map(|line| line.strip_prefix("oom_kill ")?.parse().ok());
        count.expect("a count")
    }
}

impl Drop for Cgroup {
    fn drop(&mut self) {
        // A process leaves the cgroup a moment after its end.
        for _ in 0..200 {
            if std::fs::remove_dir(&self.0).is_ok() {
                return;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        eprintln!("{} is left", self.0.display());
    }
}

/// Waits for the end of a run, and returns the runner's peak memory in MiB.
fn finish(running: Running) -> (Outcome, u64) {
    let status = format!("/proc/{}/status", running.pid());
    let (ended, end) = channel::<()>();
    let watch = std::thread::spawn(move || {
        let mut peak = 0;
        // The file disappears when the runner ends.
        while let Ok(text) = std::fs::read_to_string(&status) {
            let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
            let kib = line.and_then(|line| line.split_whitespace().next()?.parse().ok());
            peak = peak.max(kib.unwrap_or(0));
            if end.recv_timeout(Duration::from_millis(5)) != Err(RecvTimeoutError::Timeout) {
                break;
            }
        }
        peak / 1024
    });
    let outcome = running.finish();
    drop(ended);
    (outcome, watch.join().expect("the thread does not panic"))
}

/// Writes a document of about this size for module File, and returns the number of its guests.
fn document(path: &Path, bytes: u64) -> u64 {
    let file = std::fs::File::create(path).expect("a file");
    let mut file = std::io::BufWriter::new(file);
    let (mut written, mut hosts) = (0, 0);
    while written < bytes {
        // Most of the document is long texts, because a guest with short texts uses twenty times its length
        // in memory.
        let description = "x".repeat(20_000);
        let guests: Vec<_> = (0..5)
            .map(|guest| {
                let name = format!("guest-{hosts:04}-{guest:03}.production.example.com");
                format!(r#""{name}":"{hosts:08x}-0000-4000-8000-{guest:012x}""#)
            })
            .collect();
        let host = format!(
            "{}\"host-{hosts}\":{{\"cpuArch\":\"x86_64\",\"cpuMhz\":\"2400\",\"hostIdentifier\":\"h-{hosts}\",\
             \"name\":\"host-{hosts}\",\"os\":\"SLES {description}\",\"osVersion\":\"15\",\"ramMb\":131072,\
             \"totalCpuCores\":32,\"totalCpuSockets\":2,\"totalCpuThreads\":64,\"type\":\"qemu\",\
             \"vms\":{{{}}}}}",
            if hosts == 0 { "{" } else { "," },
            guests.join(",")
        );
        file.write_all(host.as_bytes()).expect("written");
        (written, hosts) = (written + host.len() as u64, hosts + 1);
    }
    file.write_all(b"}").and_then(|()| file.flush()).expect("written");
    hosts * 5
}

#[test]
fn large_documents_in_a_small_cgroup_are_complete_or_fail_with_the_limit() {
    let limit = 1024 * MIB / SCALE;
    let group = match Cgroup::new("documents", limit) {
        Ok(group) => group,
        Err(reason) => gatherer_tests::skip!("{reason}"),
    };
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("hosts.json");
    let guests = document(&path, 60 * MIB / SCALE);
    let plugins = PluginFolder::with(&["file"]);
    let endpoints: Value = (0..8)
        .map(|number| {
            let url = format!("file://{}", path.display());
            json!({"id": format!("e{number}"), "module": "File", "url": url})
        })
        .collect();
    let run = Run::gather(&endpoints)
        .plugins(plugins.path())
        .args(["--format", "inventory", "--jobs", "8"])
        .within(Duration::from_mins(5));
    let (outcome, peak) = finish(group.start(run));
    let inventory = outcome.inventory();
    let mut complete = 0;
    for number in 0..8 {
        let endpoint = inventory_endpoint(&inventory, &format!("e{number}"));
        if endpoint["status"] == "complete" {
            let hosts = endpoint["hosts"].as_array().expect("hosts").iter();
            let count: usize =
                hosts.map(|host| host["guests"].as_array().map_or(0, Vec::len)).sum();
            assert_eq!(count as u64, guests);
            complete += 1;
        } else {
            assert_mentions_limit(&endpoint, limit);
        }
    }
    assert!(complete > 0, "one answer alone must fit into the memory: {inventory:#}");
    println!(
        "{complete} of 8 complete, {} workers killed by the kernel, peak of the runner {peak} of {} MiB",
        group.kills(),
        limit / MIB
    );
    assert!(peak < limit / MIB, "{peak} MiB");
}

/// Checks that the error has the limit and its source, and that the hint has the setting to raise.
#[track_caller]
fn assert_mentions_limit(endpoint: &Value, limit: u64) {
    let failure = Failure::of(&endpoint["error"]);
    let limit = format!("{} MiB", limit / MIB);
    for part in ["memory.limit_in_bytes", &limit] {
        assert!(failure.message.contains(part), "{part} is missing: {failure}");
    }
    assert!(failure.hint.as_ref().is_some_and(|hint| hint.contains("MemoryMax=")), "{failure}");
}

#[test]
fn the_kernel_kills_a_worker_and_not_the_runner() {
    let limit = 96 * MIB;
    let group = match Cgroup::new("worker", limit) {
        Ok(group) => group,
        Err(reason) => gatherer_tests::skip!("{reason}"),
    };
    let plugins = PluginFolder::with(&["example", "misbehaving"]);
    let endpoints = json!([
        {"id": "good", "module": "Example", "hostname": "h", "guests": "3"},
        // It uses memory up to the limit of the cgroup, which is below the worker's own limit.
        {"id": "bad", "module": "Misbehaving", "case": "fills-memory"},
    ]);
    let run = Run::gather(&endpoints).plugins(plugins.path());
    // One worker at a time, because the kernel may kill either of two.
    let run = run.args(["--format", "inventory", "--jobs", "1"]);
    let outcome = group.start(run).finish();
    assert_eq!(outcome.endpoint("good")["status"], "complete");
    let bad = outcome.endpoint("bad");
    assert_eq!(bad["error"]["kind"], "crashed");
    assert_mentions_limit(&bad, limit);
    assert!(!outcome.messages().contains("bug in the plugin"), "{}", outcome.describe());
    assert!(group.kills() >= 1);
}

#[test]
fn workers_raise_their_oom_score_and_the_runner_keeps_its_own() {
    for as_user in [false, true] {
        let plugins = PluginFolder::with(&["misbehaving"]);
        let endpoints = json!([{"id": "s", "module": "Misbehaving", "case": "sleeps"}]);
        let run = Run::gather(&endpoints).plugins(plugins.path());
        let run = if as_user { run.as_user() } else { Some(run) };
        let Some(run) = run else {
            gatherer_tests::skip!("another user cannot run the program on this machine");
        };
        let running = run.start();
        let score = |pid: u32| {
            std::fs::read_to_string(format!("/proc/{pid}/oom_score_adj")).ok()?.trim().parse().ok()
        };
        let own: Option<i32> = score(std::process::id());
        running.wait_until("a worker has its score", |running| {
            let scores = running.workers().into_iter().map(score);
            scores.flatten().any(|score: i32| score == 1000).then_some(())
        });
        assert_eq!(score(running.pid()), own, "the runner's score has changed");
        running.signal(rustix::process::Signal::TERM);
        running.finish().expect_code(143);
    }
}
