//! Repeated runs of many endpoints, some of which fail or hang, with signals at random times: what a
//! Manager's months are like. Counts what could leak, and what is wrong in a result.

use std::fmt;
use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

use crate::{Outcome, PluginFolder, Run, Running};

/// How a misbehaving endpoint fails at once.
const FAILING: [&str; 10] = [
    "refuses",
    "panic",
    "abort",
    "segfault",
    "exit-7",
    "exit-silently",
    "dies-talking",
    "garbage-frame",
    "half-frame",
    "wrong-counts",
];

/// How a misbehaving endpoint hangs until its timeout.
const HANGING: [&str; 3] = ["sleeps", "endless-loop", "ignores-sigterm"];

/// What leaves a process behind for the runner to end, after a whole answer.
const LEAVES_A_PROCESS: &str = "daemon-holds-pipes";

/// How long the program may take to end after a signal: ten seconds, and time to be scheduled.
const ENDS_WITHIN: Duration = Duration::from_secs(12);

/// How much more memory a run may take than the first ones.
const GROWTH_MAX_KIB: u64 = 16 * 1024;

/// How many runs show what is usual.
const FIRST_RUNS: usize = 3;

/// What is run, and for how long.
#[derive(Debug, Clone)]
pub struct Soak {
    /// How many endpoints each run has.
    pub endpoints: usize,
    /// No run is started after this time.
    pub duration: Duration,
    /// The least number of runs, whatever time they take: 4 have each kind of end once.
    pub least_runs: usize,
    /// Where the random numbers start.
    pub seed: u64,
}

/// What came of it.
#[derive(Debug, Default)]
pub struct Report {
    /// How many runs there were.
    pub runs: usize,
    /// How many endpoints they had.
    pub endpoints: usize,
    /// How many runs were ended by SIGINT, SIGTERM and SIGHUP.
    pub ended: [usize; 3],
    /// How many signals came after the result was printed.
    pub too_late: usize,
    /// How often the runner or a worker was stopped and continued.
    pub stopped: usize,
    /// The most memory of a runner, in KiB.
    pub memory_kib: u64,
    /// The most descriptors that a runner had open.
    pub descriptors: usize,
    /// What is wrong.
    pub findings: Vec<String>,
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [interrupted, terminated, hung_up] = self.ended;
        write!(
            f,
            "soak: {} runs, {} endpoints, {} signals ({interrupted} INT, {terminated} TERM, \
             {hung_up} HUP, {} after the end, {} STOP and CONT); the runner had at most {} MiB and \
             {} descriptors; {} findings in results, processes, files, descriptors and memory",
            self.runs,
            self.endpoints,
            interrupted + terminated + hung_up + self.too_late + self.stopped,
            self.too_late,
            self.stopped,
            self.memory_kib.div_ceil(1024),
            self.descriptors,
            self.findings.len()
        )
    }
}

/// What happens to a run from outside.
#[derive(Debug, Clone, Copy)]
enum Plan {
    /// Nothing.
    Nothing,
    /// The runner or a worker is stopped for a moment, several times.
    Stops,
    /// A signal ends it: its place in [`Report::ended`].
    Ends(usize),
}

/// The signals that end a run, and the exit status of each.
const ENDS: [(Signal, i32); 3] = [(Signal::INT, 130), (Signal::TERM, 143), (Signal::HUP, 129)];

impl Soak {
    /// Runs, and tells each run as it ends.
    pub fn run(&self, mut tell: impl FnMut(&str)) -> Report {
        let mut random = Random(self.seed | 1);
        let plugins = PluginFolder::with(&["example", "misbehaving"]);
        let temporary = tempfile::tempdir().expect("a temporary folder can be made");
        let mut report = Report::default();
        let before = own_descriptors();
        let mut usual_kib = Vec::new();
        let (start, mut longest) = (Instant::now(), Duration::from_secs(1));
        while report.runs < self.least_runs || start.elapsed() < self.duration {
            let plan = match report.runs {
                0 => Plan::Nothing,
                number @ 1..=3 => Plan::Ends(number - 1),
                _ => match random.below(10) {
                    0..4 => Plan::Nothing,
                    4..6 => Plan::Stops,
                    _ => Plan::Ends(random.below(3)),
                },
            };
            report.runs += 1;
            report.endpoints += self.endpoints;
            let entries = entries(self.endpoints, &mut random);
            // The harness panics where a process is left or the run does not end.
            let result = catch_unwind(AssertUnwindSafe(|| {
                once(plan, &entries, &plugins, temporary.path(), longest, &mut random)
            }));
            let number = report.runs;
            let one = match result {
                Ok(one) => one,
                Err(panic) => {
                    let text = panic.downcast_ref::<String>().cloned().unwrap_or_default();
                    report.findings.push(format!("run {number}, {plan:?}: {text}"));
                    continue;
                }
            };
            report.add(plan, &one);
            if matches!(plan, Plan::Nothing) {
                longest = longest.max(one.took);
            }
            if usual_kib.len() < FIRST_RUNS {
                usual_kib.push(one.memory_kib);
            }
            let usual = usual_kib.iter().max().copied().unwrap_or_default();
            let mut findings = one.findings;
            if one.memory_kib > usual + GROWTH_MAX_KIB {
                findings.push(format!("{} KiB of memory, {usual} before", one.memory_kib));
            }
            findings.extend(files_in(temporary.path()).map(|name| format!("{name} is left")));
            let more: Vec<_> =
                findings.iter().map(|text| format!("run {number}, {plan:?}: {text}")).collect();
            tell(&format!(
                "run {number}: {plan:?}, exit status {}, {:.1} s, {} MiB, {} descriptors{}",
                one.code,
                one.took.as_secs_f64(),
                one.memory_kib.div_ceil(1024),
                one.descriptors,
                more.iter().fold(String::new(), |all, text| all + "\n    FOUND " + text)
            ));
            report.findings.extend(more);
        }
        // Threads of the harness close theirs a moment after the run.
        let until = Instant::now() + Duration::from_secs(5);
        while own_descriptors() > before && Instant::now() < until {
            std::thread::sleep(Duration::from_millis(10));
        }
        let after = own_descriptors();
        if after > before {
            report.findings.push(format!("{before} descriptors were open before, {after} are now"));
        }
        report
    }
}

impl Report {
    fn add(&mut self, plan: Plan, one: &Once) {
        match plan {
            Plan::Ends(signal) if one.is_ended => self.ended[signal] += 1,
            Plan::Ends(_) if one.too_late => self.too_late += 1,
            // The run may have ended before its signal was due.
            _ => {}
        }
        self.stopped += one.stopped;
        self.memory_kib = self.memory_kib.max(one.memory_kib);
        self.descriptors = self.descriptors.max(one.descriptors);
    }
}

/// How one run ended.
#[derive(Default)]
struct Once {
    code: i32,
    took: Duration,
    /// The signal ended it.
    is_ended: bool,
    /// The signal came after the result was printed.
    too_late: bool,
    stopped: usize,
    memory_kib: u64,
    descriptors: usize,
    findings: Vec<String>,
}

fn once(
    plan: Plan,
    entries: &Value,
    plugins: &PluginFolder,
    temporary: &Path,
    longest: Duration,
    random: &mut Random,
) -> Once {
    let running = Run::gather(entries)
        .plugins(plugins.path())
        .args(["--outfile", "result.json"])
        .env("TMPDIR", temporary)
        .within(Duration::from_mins(5))
        .start();
    let mut once = Once::default();
    let wait = random.up_to(longest);
    let started = Instant::now();
    let mut signalled = None;
    let mut next_stop = random.up_to(longest / 4);
    // Sampled, because what a process had at most is gone with it.
    while once.sample(running.pid()) {
        match plan {
            Plan::Ends(signal) if signalled.is_none() && started.elapsed() >= wait => {
                send(running.pid(), ENDS[signal].0);
                signalled = Some(Instant::now());
            }
            Plan::Stops if started.elapsed() >= next_stop => {
                once.stop(&running, random);
                next_stop = started.elapsed() + random.up_to(longest / 2);
            }
            _ => {}
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    let ended_within = signalled.map(|at: Instant| at.elapsed());
    let outcome = running.finish();
    (once.code, once.took) = (outcome.code(), outcome.took);
    once.is_ended = match plan {
        Plan::Ends(signal) => signalled.is_some() && once.code == ENDS[signal].1,
        Plan::Nothing | Plan::Stops => false,
    };
    if once.is_ended {
        if let Some(took) = ended_within.filter(|took| *took > ENDS_WITHIN) {
            once.findings.push(format!("it took {took:?} to end after the signal"));
        }
        once.check_folder(&outcome, &[]);
    } else {
        once.too_late = signalled.is_some();
        once.check_folder(&outcome, &["result.json"]);
        once.check_result(&outcome, entries);
    }
    once
}

impl Once {
    /// Looks at a runner; false if it has ended.
    fn sample(&mut self, pid: u32) -> bool {
        let Ok(status) = fs::read_to_string(format!("/proc/{pid}/status")) else { return false };
        let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        // A zombie has no memory.
        let Some(peak) = peak else { return false };
        let peak = peak.split_whitespace().next().and_then(|number| number.parse().ok());
        self.memory_kib = self.memory_kib.max(peak.unwrap_or_default());
        let descriptors = fs::read_dir(format!("/proc/{pid}/fd")).map_or(0, Iterator::count);
        self.descriptors = self.descriptors.max(descriptors);
        true
    }

    /// Stops the runner or one of its workers for a moment.
    fn stop(&mut self, running: &Running, random: &mut Random) {
        let workers = running.workers();
        let pid = match workers.get(random.below(workers.len() + 1)) {
            Some(worker) => *worker,
            None => running.pid(),
        };
        send(pid, Signal::STOP);
        std::thread::sleep(random.up_to(Duration::from_millis(300)));
        send(pid, Signal::CONT);
        self.stopped += 1;
    }

    /// Nothing but the log and these files is left beside the result.
    fn check_folder(&mut self, outcome: &Outcome, expected: &[&str]) {
        let mut found: Vec<_> = files_in(outcome.home()).collect();
        found.retain(|name| name != "gatherer.log");
        found.sort();
        if found != expected {
            self.findings.push(format!("files are {found:?}, not {expected:?}"));
        }
    }

    /// The result has every endpoint, and null for exactly those that had to fail.
    fn check_result(&mut self, outcome: &Outcome, entries: &Value) {
        if outcome.code() != 0 {
            self.findings.push(format!("exit status {}: {}", outcome.code(), outcome.describe()));
            return;
        }
        let text = fs::read(outcome.home().join("result.json")).unwrap_or_default();
        let Ok(Value::Object(document)) = serde_json::from_slice(&text) else {
            self.findings.push("the result is not a JSON object".to_owned());
            return;
        };
        let entries = entries.as_array().map(Vec::as_slice).unwrap_or_default();
        if document.len() != entries.len() {
            self.findings.push(format!("{} endpoints of {}", document.len(), entries.len()));
        }
        let wrong = entries.iter().filter(|entry| {
            let id = entry["id"].as_str().unwrap_or_default();
            let fails = entry["module"] == "Misbehaving" && entry["case"] != LEAVES_A_PROCESS;
            document.get(id).is_none_or(|result| result.is_null() != fails)
        });
        let wrong: Vec<String> = wrong.take(5).map(ToString::to_string).collect();
        if !wrong.is_empty() {
            let log: String = outcome.log.chars().take(2000).collect();
            self.findings.push(format!("wrong results of {wrong:?}; log:\n{log}"));
        }
    }
}

/// One in ten fails, one in twenty hangs, one in fifty leaves a process behind; spread at random.
fn entries(count: usize, random: &mut Random) -> Value {
    let mut entries: Vec<Value> = (0..count)
        .map(|number| {
            let id = format!("e{number}");
            let case = |cases: &[&str], random: &mut Random| cases[random.below(cases.len())].to_owned();
            if number % 20 == 0 {
                let case = case(&HANGING, random);
                json!({"id": id, "module": "Misbehaving", "case": case, "timeout": 1})
            } else if number % 10 == 5 {
                json!({"id": id, "module": "Misbehaving", "case": case(&FAILING, random)})
            } else if number % 50 == 1 {
                json!({"id": id, "module": "Misbehaving", "case": LEAVES_A_PROCESS})
            } else {
                let (guests, delay) = (random.below(20), random.below(30));
                json!({"id": id, "module": "Example", "hostname": id, "guests": guests, "delay_ms": delay})
            }
        })
        .collect();
    for place in (1..entries.len()).rev() {
        entries.swap(place, random.below(place + 1));
    }
    Value::Array(entries)
}

/// It may have ended since.
fn send(pid: u32, signal: Signal) {
    if let Some(pid) = i32::try_from(pid).ok().and_then(Pid::from_raw) {
        let _ = kill_process(pid, signal);
    }
}

fn own_descriptors() -> usize {
    fs::read_dir("/proc/self/fd").map_or(0, Iterator::count)
}

fn files_in(folder: &Path) -> impl Iterator<Item = String> + use<> {
    let entries = fs::read_dir(folder).into_iter().flatten();
    entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok())
}

/// Xorshift: the same numbers for the same seed, which is all that is asked for.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.next() % end.max(1) as u64).expect("it is below a usize")
    }

    fn up_to(&mut self, longest: Duration) -> Duration {
        longest / 1000 * u32::try_from(self.next() % 1000).expect("it is below 1000")
    }
}
