//! Measures time, processor time and memory of whole processes, and prints tables of the figures.

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use gatherer_tests::processes;

use super::Result;

/// The time of one run of a command.
#[derive(Clone, Copy)]
pub struct Cost {
    /// The time from start to end.
    pub wall: Duration,
    /// The processor time of the process and of the children that it waited for, in user and system mode, in steps of
    /// 10 ms.
    pub processor: Duration,
}

/// Runs a command to its end, and returns its output and its cost.
pub fn run(mut command: Command, input: &str) -> Result<(String, Cost)> {
    let processor = processor_time_of_children()?;
    let begin = Instant::now();
    let output = finish(&mut command, input, |_| ())?.0;
    let wall = begin.elapsed();
    let processor = processor_time_of_children()?.saturating_sub(processor);
    Ok((output, Cost { wall, processor }))
}

/// The peak resident memory of a run, in bytes.
#[derive(Clone, Copy, Default)]
pub struct Peaks {
    /// The peak of the runner.
    pub runner: u64,
    /// The sum of the peaks of its children.
    pub worker: u64,
}

impl Peaks {
    /// The sum of both.
    pub fn together(self) -> u64 {
        self.runner + self.worker
    }

    /// The larger value of each.
    pub fn max(self, other: Self) -> Self {
        Self { runner: self.runner.max(other.runner), worker: self.worker.max(other.worker) }
    }
}

/// Runs a command to its end, and returns its output and its memory. Sampling the memory takes time, so this is
/// separate from [`run`].
pub fn run_watched(mut command: Command, input: &str) -> Result<(String, Peaks)> {
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let ended = finish(&mut command, input, |pid| {
            let done = &done;
            scope.spawn(move || peak_memory(pid, done))
        });
        done.store(true, Ordering::Relaxed);
        let (output, watching) = ended?;
        let peaks = watching.join().map_err(|_| "the memory was not watched")?;
        Ok((output, peaks))
    })
}

/// Starts a command, calls `watch` with its process id, and waits for its end.
fn finish<W>(
    command: &mut Command,
    input: &str,
    watch: impl FnOnce(u32) -> W,
) -> Result<(String, W)> {
    let mut child =
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn()?;
    let watched = watch(child.id());
    let mut stdin = child.stdin.take().ok_or("stdin is not a pipe")?;
    // The program may end without reading its input.
    let _ = stdin.write_all(input.as_bytes());
    drop(stdin);
    let output = child.wait_with_output()?;
    if !output.status.success() {
        return Err(format!("{command:?}: {}", output.status).into());
    }
    Ok((String::from_utf8(output.stdout)?, watched))
}

/// The highest `VmHWM` of a process and of each of its children.
fn peak_memory(runner: u32, done: &AtomicBool) -> Peaks {
    let mut peaks = std::collections::BTreeMap::new();
    while !done.load(Ordering::Relaxed) {
        for pid in std::iter::once(runner).chain(processes::children(runner)) {
            let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
            let kibibytes = status
                .lines()
                .find_map(|line| line.strip_prefix("VmHWM:")?.trim().strip_suffix(" kB"))
                .and_then(|number| number.parse::<u64>().ok());
            if let Some(kibibytes) = kibibytes {
                peaks.insert(pid, kibibytes * 1024);
            }
        }
        std::thread::sleep(Duration::from_millis(2));
    }
    let runner = peaks.remove(&runner).unwrap_or_default();
    Peaks { runner, worker: peaks.values().sum() }
}

/// The processor time of all children that were waited for (`cutime` and `cstime` of /proc/self/stat).
fn processor_time_of_children() -> Result<Duration> {
    let stat = std::fs::read_to_string("/proc/self/stat")?;
    // The fields follow the name of the process, which is in parentheses.
    let (_, fields) = stat.rsplit_once(") ").ok_or("no fields in /proc/self/stat")?;
    let mut times = fields.split(' ').skip(13).map(str::parse::<u64>);
    let (Some(user), Some(system)) = (times.next(), times.next()) else {
        return Err("no times in /proc/self/stat".into());
    };
    let ticks = rustix::param::clock_ticks_per_second();
    Ok(Duration::from_millis((user? + system?) * 1000 / ticks))
}

/// The median of values.
pub fn median<T: PartialOrd + Copy>(values: &[T]) -> T {
    let mut sorted = values.to_vec();
    sorted.sort_by(|one, other| one.partial_cmp(other).expect("no NaN is measured"));
    sorted[sorted.len() / 2]
}

/// The program, with a temporary folder for its log file.
pub struct Program {
    path: PathBuf,
    folder: tempfile::TempDir,
    format: &'static str,
}

impl Program {
    pub fn new(program: &Path) -> Result<Self> {
        let folder = tempfile::tempdir()?;
        Ok(Self { path: program.to_owned(), folder, format: "gatherer" })
    }

    /// Sets another format than the Manager's.
    pub fn printing(self, format: &'static str) -> Self {
        Self { format, ..self }
    }

    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub fn command(&self) -> Command {
        let mut command = Command::new(&self.path);
        command.arg("--logfile").arg(self.folder.path().join("gatherer.log"));
        command.current_dir(self.folder.path());
        command
    }

    /// Gathers, and returns the document and the cost.
    pub fn gather(&self, request: &str) -> Result<(String, Cost)> {
        run(self.gather_command(), request)
    }

    /// Gathers, and returns the document and the memory.
    pub fn gather_watched(&self, request: &str) -> Result<(String, Peaks)> {
        run_watched(self.gather_command(), request)
    }

    fn gather_command(&self) -> Command {
        let mut command = self.command();
        command.args(["--infile", "-", "--no-run-info", "--format", self.format]);
        command
    }
}

/// The environment variable with the path of a second program.
const BESIDE_VARIABLE: &str = "BESIDE";

/// A second program, such as an older build, that is measured in the same turns as the program.
pub struct Beside {
    program: Program,
    /// The costs of the program and of the second program in each turn.
    pairs: Vec<(Cost, Cost)>,
    peak_bytes: u64,
}

impl Beside {
    /// The program that [`BESIDE_VARIABLE`] names. If it is not set, there is none.
    pub fn from_environment(format: &'static str) -> Result<Option<Self>> {
        let Some(path) = std::env::var_os(BESIDE_VARIABLE).filter(|path| !path.is_empty()) else {
            return Ok(None);
        };
        let path = PathBuf::from(path);
        let path = path
            .canonicalize()
            .map_err(|error| format!("{BESIDE_VARIABLE}={}: {error}", path.display()))?;
        let program = Program::new(&path)?.printing(format);
        Ok(Some(Self { program, pairs: Vec::new(), peak_bytes: 0 }))
    }

    /// Measures the memory of a run, and returns its output.
    pub fn watch(&mut self, request: &str) -> Result<String> {
        let (output, peaks) = self.program.gather_watched(request)?;
        self.peak_bytes = self.peak_bytes.max(peaks.together());
        Ok(output)
    }

    /// Adds lines that compare the runs since the last call.
    pub fn add_to(&mut self, table: &mut Table, name: &str) {
        let pairs = std::mem::take(&mut self.pairs);
        let peak = std::mem::take(&mut self.peak_bytes);
        let ratio = |part: fn(&Cost) -> Duration| {
            let total = |which: fn(&(Cost, Cost)) -> &Cost| {
                pairs.iter().map(|pair| part(which(pair)).as_secs_f64()).sum::<f64>()
            };
            total(|(own, _)| own) / total(|(_, other)| other)
        };
        let ratios: Vec<f64> = pairs
            .iter()
            .map(|(own, other)| own.wall.as_secs_f64() / other.wall.as_secs_f64())
            .collect();
        let figure = format!(
            "{:.3} x in the median of {} turns, {:.3} x in total; processor time {:.3} x in total",
            median(&ratios),
            pairs.len(),
            ratio(|cost| cost.wall),
            ratio(|cost| cost.processor)
        );
        table.figure(format!("{name}, times the program beside"), figure);
        let walls: Vec<Duration> = pairs.iter().map(|(_, other)| other.wall).collect();
        let figure = format!("{}, peak memory {}", milliseconds(median(&walls)), mebibytes(peak));
        table.figure(format!("{name}, the program beside"), figure);
    }
}

/// Gathers with the program, and in turns before or after it with the one beside it, and returns the output and
/// the cost of the program. `check` sees the output of the one beside it.
pub fn gather_in_turn(
    program: &Program,
    beside: Option<&mut Beside>,
    turn: usize,
    request: &str,
    check: impl Fn(&str) -> Result<()>,
) -> Result<(String, Cost)> {
    let Some(beside) = beside else { return program.gather(request) };
    // In 12 turns both are first, and second, once after each of the six orders of other commands: the first of them pays
    // for the garbage that the server has from the command before.
    let (own, other) = if (turn + turn / 6).is_multiple_of(2) {
        let own = program.gather(request)?;
        (own, beside.program.gather(request)?)
    } else {
        let other = beside.program.gather(request)?;
        (program.gather(request)?, other)
    };
    check(&other.0)?;
    beside.pairs.push((own.1, other.1));
    Ok(own)
}

/// A table of figures, some of which have a goal.
pub struct Table {
    title: String,
    lines: Vec<Line>,
}

struct Line {
    name: String,
    figure: String,
    /// The goal as a text, and whether the figure meets it.
    goal: Option<(String, bool)>,
}

impl Table {
    pub fn new(title: impl Into<String>) -> Self {
        Self { title: title.into(), lines: Vec::new() }
    }

    /// Adds a figure without a goal.
    pub fn figure(&mut self, name: impl Into<String>, figure: impl Into<String>) {
        self.lines.push(Line { name: name.into(), figure: figure.into(), goal: None });
    }

    /// Adds a figure with its goal, and whether the figure meets it.
    pub fn goal(
        &mut self,
        name: impl Into<String>,
        figure: impl Into<String>,
        goal: impl Into<String>,
        met: bool,
    ) {
        let goal = Some((goal.into(), met));
        self.lines.push(Line { name: name.into(), figure: figure.into(), goal });
    }

    /// Prints the table, and returns the number of goals that were missed.
    pub fn print(&self) -> usize {
        let mut text = format!("\n== {}\n", self.title);
        let width = self.lines.iter().map(|line| line.name.chars().count()).max().unwrap_or(0);
        let mut missed = 0;
        for Line { name, figure, goal } in &self.lines {
            let goal = match goal {
                None => String::new(),
                Some((goal, true)) => format!("{goal}  met"),
                Some((goal, false)) => {
                    missed += 1;
                    format!("{goal}  MISSED")
                }
            };
            let line = format!("{name:<width$}  {figure:<44}  {goal}");
            let _ = writeln!(text, "{}", line.trim_end());
        }
        print!("{text}");
        missed
    }
}

pub fn milliseconds(duration: Duration) -> String {
    format!("{:.2} ms", duration.as_secs_f64() * 1e3)
}

pub fn mebibytes(bytes: u64) -> String {
    let tenths = bytes * 10 / (1 << 20);
    format!("{}.{} MiB", tenths / 10, tenths % 10)
}
