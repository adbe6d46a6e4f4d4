//! Measures the program as whole processes and compares with the goals: `make bench`.
//!
//! Every number is the median of several runs, start and end of the process included. What a
//! run prints is checked, so that a fast failure cannot pass for a fast gathering.

use std::error::Error;
use std::fmt::Write as _;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// One line of the table.
struct Measurement {
    name: &'static str,
    runs: usize,
    median: Duration,
    goal: Option<Duration>,
}

fn main() -> ExitCode {
    let Some(program) = std::env::args_os().nth(1) else {
        eprintln!("usage: bench PROGRAM");
        return ExitCode::from(2);
    };
    match measure(Path::new(&program)) {
        Ok(measurements) => report(&measurements),
        Err(error) => {
            eprintln!("bench: {error}");
            ExitCode::from(4)
        }
    }
}

fn measure(program: &Path) -> Result<Vec<Measurement>> {
    let folder = tempfile::tempdir()?;
    let bench = Bench { program: program.canonicalize()?, folder: folder.path().to_owned() };
    std::fs::write(folder.path().join("hosts.json"), HOSTS)?;

    let files: Vec<String> = (0..200)
        .map(|number| {
            format!(
                r#"{{"id": "e{number}", "module": "File", "url": "{}/hosts.json"}}"#,
                folder.path().display()
            )
        })
        .collect();
    let slow: Vec<String> =
        (0..32).map(|number| example(number, if number == 0 { 5000 } else { 100 })).collect();

    Ok(vec![
        Measurement {
            name: "/bin/true",
            runs: 51,
            median: median(51, || bench.run(Command::new("/bin/true"), "").map(drop))?,
            goal: None,
        },
        Measurement {
            name: "--list-modules",
            runs: 51,
            median: median(51, || bench.list_modules())?,
            goal: Some(Duration::from_millis(10)),
        },
        Measurement {
            name: "1 Example endpoint, spawn to done",
            runs: 51,
            median: median(51, || bench.gather(&[example(0, 0)]))?,
            goal: None,
        },
        Measurement {
            name: "200 File endpoints",
            runs: 7,
            median: median(7, || bench.gather(&files))?,
            goal: Some(Duration::from_millis(1500)),
        },
        Measurement {
            name: "1 endpoint of 5 s, 31 of 0.1 s",
            runs: 3,
            median: median(3, || bench.gather(&slow))?,
            goal: Some(Duration::from_millis(5600)),
        },
    ])
}

/// Prints the table; fails if a goal is missed.
fn report(measurements: &[Measurement]) -> ExitCode {
    let base = measurements[0].median.as_secs_f64();
    let mut missed = 0;
    let mut table =
        format!("{:<36} {:>5} {:>12} {:>10} {:>12}\n", "what", "runs", "median", "x true", "goal");
    for measurement in measurements {
        let goal = match measurement.goal {
            None => String::new(),
            Some(goal) if measurement.median < goal => format!("< {} ms  met", goal.as_millis()),
            Some(goal) => {
                missed += 1;
                format!("< {} ms  MISSED", goal.as_millis())
            }
        };
        let _ = writeln!(
            table,
            "{:<36} {:>5} {:>9.2} ms {:>10.1}   {goal}",
            measurement.name,
            measurement.runs,
            measurement.median.as_secs_f64() * 1e3,
            measurement.median.as_secs_f64() / base,
        );
    }
    print!("{table}");
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    println!(
        "({processors} processors; whole processes; x true = compared with /bin/true in this run)"
    );
    if missed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

struct Bench {
    program: PathBuf,
    folder: PathBuf,
}

impl Bench {
    /// The program with a log file that goes away with the run.
    fn command(&self) -> Command {
        let mut command = Command::new(&self.program);
        command.arg("--logfile").arg(self.folder.join("gatherer.log"));
        command
    }

    fn list_modules(&self) -> Result<()> {
        let mut command = self.command();
        command.arg("--list-modules");
        let output = self.run(command, "")?;
        if output.contains("\"File\"") { Ok(()) } else { Err("the list lacks module File".into()) }
    }

    /// Gathers from the endpoints, each of which must be there with a host.
    fn gather(&self, endpoints: &[String]) -> Result<()> {
        let mut command = self.command();
        command.args(["--infile", "-"]);
        let output = self.run(command, &format!("[{}]", endpoints.join(",")))?;
        let complete = output.matches("\n    \"e").count();
        if complete != endpoints.len() || output.contains(": null") {
            return Err(format!("not every endpoint was gathered:\n{output}").into());
        }
        Ok(())
    }

    /// Runs a command to its end and returns what it printed.
    fn run(&self, mut command: Command, input: &str) -> Result<String> {
        let mut child = command
            .current_dir(&self.folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()?;
        let mut stdin = child.stdin.take().ok_or("no stdin")?;
        // A program that does not read its input ends the pipe early.
        let _ = stdin.write_all(input.as_bytes());
        drop(stdin);
        let output = child.wait_with_output()?;
        if !output.status.success() {
            return Err(format!("{command:?}: {}", output.status).into());
        }
        Ok(String::from_utf8(output.stdout)?)
    }
}

/// The median time of `runs` runs, after one that is not counted and fills the caches.
fn median(runs: usize, mut run: impl FnMut() -> Result<()>) -> Result<Duration> {
    run()?;
    let mut times = Vec::with_capacity(runs);
    for _ in 0..runs {
        let begin = Instant::now();
        run()?;
        times.push(begin.elapsed());
    }
    times.sort_unstable();
    Ok(times[runs / 2])
}

fn example(number: u32, delay_ms: u32) -> String {
    format!(
        r#"{{"id": "e{number}", "module": "Example", "hostname": "esx{number}", "guests": "10", "delay_ms": "{delay_ms}"}}"#
    )
}

/// One host with two guests, as a person writes it.
const HOSTS: &str = r#"{"esx1": {"name": "esx1", "hostIdentifier": "id1", "type": "qemu", "os": "libvirt", "osVersion": "9.0",
 "totalCpuSockets": 1, "totalCpuCores": 4, "totalCpuThreads": 8, "cpuMhz": 2000.0, "cpuArch": "x86_64", "cpuVendor": "intel",
 "cpuDescription": "Xeon", "ramMb": 4096, "vms": {"a": "00000000-0000-4000-8000-000000000001", "b": "00000000-0000-4000-8000-000000000002"},
 "optionalVmData": {"a": {"vmState": "running"}}}}"#;
