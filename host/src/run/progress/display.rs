//! The progress display on stderr: two updated lines at the bottom of a terminal, or plain lines.

use std::io::IsTerminal as _;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::time::{Duration, Instant};

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::{Counters, Progress, When, status_line};
use crate::output::terminal::progress_lines;

/// A run that takes less time shows no progress on a terminal.
const BAR_DELAY: Duration = Duration::from_millis(300);

/// The interval at which the lines on a terminal are updated.
const BAR_INTERVAL: Duration = Duration::from_millis(100);

/// The minimum interval between plain lines.
const LINE_INTERVAL: Duration = Duration::from_secs(1);

/// The interval at which a plain line is printed even if nothing has changed, to show that the program has
/// not hung.
const UNCHANGED_LINE_INTERVAL: Duration = Duration::from_secs(10);

/// How long the end of a run waits for a terminal or a pipe that does not accept data.
const END_TIMEOUT: Duration = Duration::from_secs(1);

/// The form of the display.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DisplayStyle {
    /// Two lines that are updated, on a terminal.
    Bar,
    /// A plain line from time to time.
    Lines,
}

/// The form of the display on this program's stderr; `None` for no display.
pub fn display_style(when: When) -> Option<DisplayStyle> {
    let terminal = std::io::stderr().is_terminal()
        && std::env::var_os("TERM").is_some_and(|term| !term.is_empty() && term != "dumb");
    match (when, terminal) {
        (When::Never, _) | (When::Auto, false) => None,
        (When::Auto | When::Always, true) => Some(DisplayStyle::Bar),
        (When::Always, false) => Some(DisplayStyle::Lines),
    }
}

/// The two lines on a terminal.
struct Bar {
    lines: MultiProgress,
    bar: ProgressBar,
}

impl Bar {
    fn new(total: usize) -> Self {
        // More often than `BAR_INTERVAL`, so that indicatif skips no update.
        let target = ProgressDrawTarget::stderr_with_hz(100);
        let lines = MultiProgress::with_draw_target(target);
        let bar = lines.add(ProgressBar::new(total as u64));
        // ASCII without colors works on every terminal, in every locale.
        let style = ProgressStyle::with_template("{spinner} {prefix} [{wide_bar}]\n  {wide_msg}")
            .expect("the template is well-formed")
            .tick_chars("|/-\\ ")
            .progress_chars("##-");
        bar.set_style(style);
        Self { lines, bar }
    }

    fn update(&self, counters: &Counters) {
        // Each setter draws, so only changes are set.
        let counts = status_line::counts(counters);
        if self.bar.prefix() != counts {
            self.bar.set_prefix(counts);
        }
        let longest = status_line::longest_running(counters);
        if self.bar.message() != longest {
            self.bar.set_message(longest);
        }
        let done = counters.done as u64;
        if self.bar.position() != done {
            self.bar.set_position(done);
        }
        self.bar.tick();
    }
}

/// Shows the progress of a run until it is dropped.
pub struct Display {
    progress: Progress,
    running: Option<(Sender<()>, Receiver<()>)>,
}

impl Display {
    /// Shows a run of `total` endpoints. `print` prints a plain line.
    pub fn start(style: Option<DisplayStyle>, total: usize, print: fn(&str)) -> Self {
        let none = Self { progress: Progress::default(), running: None };
        let Some(style) = style.filter(|_| total > 0) else { return none };
        let progress = Progress::new(total);
        let (end, ended) = mpsc::channel();
        let (cleared, is_cleared) = mpsc::channel();
        let shown = progress.clone();
        let thread = std::thread::Builder::new().name("progress".to_owned()).spawn(move || {
            // Dropped when the thread has finished with stderr.
            let _cleared: Sender<()> = cleared;
            let wait = |time| ended.recv_timeout(time) == Err(RecvTimeoutError::Timeout);
            match style {
                DisplayStyle::Bar => show_bar(&shown, total, wait),
                DisplayStyle::Lines => print_lines(&shown, print, wait),
            }
        });
        // If the thread cannot be started, the run goes on without a display.
        thread.map_or(none, |_| Self { progress, running: Some((end, is_cleared)) })
    }

    /// The counters that are shown.
    pub fn progress(&self) -> Progress {
        self.progress.clone()
    }
}

impl Drop for Display {
    fn drop(&mut self) {
        if let Some((end, is_cleared)) = self.running.take() {
            drop(end);
            let _ = is_cleared.recv_timeout(END_TIMEOUT);
        }
    }
}

fn snapshot(progress: &Progress) -> Counters {
    progress.counters().map(|counters| counters.clone()).unwrap_or_default()
}

/// Shows the bar until `wait` returns false.
fn show_bar(progress: &Progress, total: usize, wait: impl Fn(Duration) -> bool) {
    if !wait(BAR_DELAY) {
        return;
    }
    let bar = Bar::new(total);
    *progress_lines() = Some(bar.lines.clone());
    loop {
        let counters = snapshot(progress);
        {
            let _locked = progress_lines();
            bar.update(&counters);
        }
        if !wait(BAR_INTERVAL) {
            break;
        }
    }
    let mut lines = progress_lines();
    *lines = None;
    bar.bar.finish_and_clear();
    // An error means that the terminal is gone.
    let _ = bar.lines.clear();
}

/// Prints plain lines until `wait` returns false, and a last one then.
fn print_lines(progress: &Progress, print: fn(&str), wait: impl Fn(Duration) -> bool) {
    let mut last = None;
    let mut printed_at = Instant::now();
    loop {
        let continues = wait(LINE_INTERVAL);
        let counters = snapshot(progress);
        if !continues
            || last.as_ref() != Some(&counters)
            || printed_at.elapsed() >= UNCHANGED_LINE_INTERVAL
        {
            print(&status_line::line(&counters));
            printed_at = Instant::now();
            last = Some(counters);
        }
        if !continues {
            return;
        }
    }
}
