//! The soak test: repeated runs with many endpoints, some of which fail or hang, and with signals at random
//! times. It looks for leaks and for wrong results, as months of use by a Manager would show them.

use std::fmt;
use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

use crate::{Outcome, PluginFolder, Run, Running};

/// The cases of the misbehaving plugin that fail at once.
const FAILING: [&str; 10] = [
    "refuses",
    "panic",
    "abort",
    "segfault",
    "exit-7",
    "exit-silently",
    "aborts-with-output",
    "garbage-frame",
    "half-frame",
    "wrong-counts",
];

/// The cases of the misbehaving plugin that hang until the timeout.
const HANGING: [&str; 3] = ["sleeps", "endless-loop", "ignores-sigterm"];

/// The case that gives a whole answer and leaves a process behind, which the runner must end.
const LEAVES_A_PROCESS: &str = "daemon-holds-pipes";

/// How long the program may take to end after a signal: ten seconds, plus time to be scheduled.
const ENDS_WITHIN: Duration = Duration::from_secs(12);

/// How much more memory a run may need than the first runs.
const GROWTH_MAX_KIB: u64 = 16 * 1024;

/// The number of runs that determine the normal use of memory.
const FIRST_RUNS: usize = 3;

/// The parameters of a soak test.
#[derive(Debug, Clone)]
pub struct Soak {
    /// The number of endpoints of each run.
    pub endpoints: usize,
    /// The time after which no further run is started.
    pub duration: Duration,
    /// The minimum number of runs, regardless of the duration. Four runs include one without a signal and one with
    /// each signal that ends a run.
    pub least_runs: usize,
    /// The seed of the random numbers.
    pub seed: u64,
}

/// The result of a soak test.
#[derive(Debug, Default)]
pub struct Report {
    /// The number of runs.
    pub runs: usize,
    /// The number of endpoints of all runs.
    pub endpoints: usize,
    /// The number of runs that SIGINT, SIGTERM and SIGHUP ended.
    pub ended: [usize; 3],
    /// The number of signals that came after the result was printed.
    pub too_late: usize,
    /// How often the runner or a worker was stopped and continued.
    pub stopped: usize,
    /// The peak memory of any runner, in KiB.
    pub memory_kib: u64,
    /// The largest number of descriptors that a runner had open.
    pub descriptors: usize,
    /// The bugs that were found.
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

/// The signals that a run gets.
#[derive(Debug, Clone, Copy)]
enum Plan {
    /// None.
    Nothing,
    /// The runner or a worker is stopped for a moment, several times.
    Stops,
    /// A signal that ends the run, by its index in [`ENDS`].
    Ends(usize),
}

/// The signals that end a run, with the exit status of each.
const ENDS: [(Signal, i32); 3] = [(Signal::INT, 130), (Signal::TERM, 143), (Signal::HUP, 129)];

impl Soak {
    /// Runs the soak test, and calls `print` with a line after each run.
    pub fn run(&self, mut print: impl FnMut(&str)) -> Report {
        let mut random = Random(self.seed | 1);
        let plugins = PluginFolder::with(&["example", "misbehaving"]);
        let temporary = tempfile::tempdir().expect("a temporary folder can be created");
        let mut report = Report::default();
        let before = own_descriptors();
        let mut first_kib = Vec::new();
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
            // The harness panics if a process is left or the run does not end.
            let result = catch_unwind(AssertUnwindSafe(|| {
                run_once(plan, &entries, &plugins, temporary.path(), longest, &mut random)
            }));
            let number = report.runs;
            let run = match result {
                Ok(run) => run,
                Err(panic) => {
                    let text = panic.downcast_ref::<String>().cloned().unwrap_or_default();
                    report.findings.push(format!("run {number}, {plan:?}: {text}"));
                    continue;
                }
            };
            report.add(plan, &run);
            if matches!(plan, Plan::Nothing) {
                longest = longest.max(run.took);
            }
            if first_kib.len() < FIRST_RUNS {
                first_kib.push(run.memory_kib);
            }
            let usual = first_kib.iter().max().copied().unwrap_or_default();
            let mut findings = run.findings;
            if run.memory_kib > usual + GROWTH_MAX_KIB {
                findings.push(format!("{} KiB of memory, {usual} before", run.memory_kib));
            }
            findings.extend(files_in(temporary.path()).map(|name| format!("{name} is left")));
            let findings: Vec<_> =
                findings.iter().map(|text| format!("run {number}, {plan:?}: {text}")).collect();
            print(&format!(
                "run {number}: {plan:?}, exit status {}, {:.1} s, {} MiB, {} descriptors{}",
                run.code,
                run.took.as_secs_f64(),
                run.memory_kib.div_ceil(1024),
                run.descriptors,
                findings.iter().fold(String::new(), |all, text| all + "\n    FOUND " + text)
            ));
            report.findings.extend(findings);
        }
        // The harness's threads may close their descriptors a moment after the run.
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
    fn add(&mut self, plan: Plan, run: &RunReport) {
        match plan {
            Plan::Ends(signal) if run.is_ended => self.ended[signal] += 1,
            Plan::Ends(_) if run.too_late => self.too_late += 1,
            // The run may have ended before its signal was due.
            _ => {}
        }
        self.stopped += run.stopped;
        self.memory_kib = self.memory_kib.max(run.memory_kib);
        self.descriptors = self.descriptors.max(run.descriptors);
    }
}

/// The result of one run.
#[derive(Default)]
struct RunReport {
    code: i32,
    took: Duration,
    /// The signal ended the run.
    is_ended: bool,
    /// The signal came after the result was printed.
    too_late: bool,
    stopped: usize,
    memory_kib: u64,
    descriptors: usize,
    findings: Vec<String>,
}

fn run_once(
    plan: Plan,
    entries: &Value,
    plugins: &PluginFolder,
    temporary: &Path,
    longest: Duration,
    random: &mut Random,
) -> RunReport {
    let running = Run::gather(entries)
        .plugins(plugins.path())
        .args(["--outfile", "result.json"])
        .env("TMPDIR", temporary)
        .within(Duration::from_mins(5))
        .start();
    let mut report = RunReport::default();
    let wait = random.up_to(longest);
    let started = Instant::now();
    let mut signalled = None;
    let mut next_stop = random.up_to(longest / 4);
    // Memory and descriptors are sampled, because their peaks cannot be read after the process ended.
    while report.sample(running.pid()) {
        match plan {
            Plan::Ends(signal) if signalled.is_none() && started.elapsed() >= wait => {
                send(running.pid(), ENDS[signal].0);
                signalled = Some(Instant::now());
            }
            Plan::Stops if started.elapsed() >= next_stop => {
                report.stop(&running, random);
                next_stop = started.elapsed() + random.up_to(longest / 2);
            }
            _ => {}
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    let ended_within = signalled.map(|at: Instant| at.elapsed());
    let outcome = running.finish();
    (report.code, report.took) = (outcome.code(), outcome.took);
    report.is_ended = match plan {
        Plan::Ends(signal) => signalled.is_some() && report.code == ENDS[signal].1,
        Plan::Nothing | Plan::Stops => false,
    };
    if report.is_ended {
        if let Some(took) = ended_within.filter(|took| *took > ENDS_WITHIN) {
            report.findings.push(format!("it took {took:?} to end after the signal"));
        }
        report.check_folder(&outcome, &[]);
    } else {
        report.too_late = signalled.is_some();
        report.check_folder(&outcome, &["result.json"]);
        report.check_result(&outcome, entries);
    }
    report
}

impl RunReport {
    /// Samples memory and descriptors of a runner. Returns false if it has ended.
    fn sample(&mut self, pid: u32) -> bool {
        let Ok(status) = fs::read_to_string(format!("/proc/{pid}/status")) else { return false };
        let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        // A zombie has no such line.
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

    /// Checks that the run's folder has these files, besides the log.
    fn check_folder(&mut self, outcome: &Outcome, expected: &[&str]) {
        let mut found: Vec<_> = files_in(outcome.home()).collect();
        found.retain(|name| name != "gatherer.log");
        found.sort();
        if found != expected {
            self.findings.push(format!("files are {found:?}, not {expected:?}"));
        }
    }

    /// Checks that the result has every endpoint, with null for exactly those that must fail.
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

/// The endpoints of a run in random order: one in ten fails, one in twenty hangs, one in fifty leaves a process
/// behind.
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

/// Sends a signal to a process, which may have ended in the meantime.
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

/// A random number generator (xorshift) that gives the same numbers for the same seed.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.next() % end.max(1) as u64).expect("the number is below `end`")
    }

    fn up_to(&mut self, longest: Duration) -> Duration {
        longest / 1000 * u32::try_from(self.next() % 1000).expect("the number is below 1000")
    }
}
