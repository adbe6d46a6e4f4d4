//! Shows on stderr how far a run has come: two lines at the bottom of a terminal, or plain lines.

use std::io::IsTerminal as _;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::time::{Duration, Instant};

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::{Progress, State, When, status_line};
use crate::output::terminal::progress_lines;

/// A run that is over sooner shows nothing on a terminal: nobody has waited.
const DELAY: Duration = Duration::from_millis(300);

/// How often the lines on a terminal are renewed.
const RENEWED: Duration = Duration::from_millis(100);

/// At most one plain line in this time.
const LINE: Duration = Duration::from_secs(1);

/// A plain line comes after this time also where nothing has changed: a log that stands still
/// looks like a program that hangs.
const SIGN_OF_LIFE: Duration = Duration::from_secs(10);

/// How long the end of a run waits for a terminal or a pipe that takes nothing.
const END: Duration = Duration::from_secs(1);

/// How it is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Look {
    /// On a terminal: two lines that are renewed.
    Bar,
    /// Anywhere: a line now and then.
    Lines,
}

/// How to show it, if at all.
pub fn look(when: When) -> Option<Look> {
    let terminal = std::io::stderr().is_terminal()
        && std::env::var_os("TERM").is_some_and(|term| !term.is_empty() && term != "dumb");
    match (when, terminal) {
        (When::Never, _) | (When::Auto, false) => None,
        (When::Auto | When::Always, true) => Some(Look::Bar),
        (When::Always, false) => Some(Look::Lines),
    }
}

/// The two lines.
struct Screen {
    all: MultiProgress,
    bar: ProgressBar,
}

impl Screen {
    fn new(total: usize) -> Self {
        // More often than they are renewed, so that none of that is left out.
        let target = ProgressDrawTarget::stderr_with_hz(100);
        let all = MultiProgress::with_draw_target(target);
        let bar = all.add(ProgressBar::new(total as u64));
        // ASCII and no colors: right on every terminal, in every locale.
        let style = ProgressStyle::with_template("{spinner} {prefix} [{wide_bar}]\n  {wide_msg}")
            .expect("the template is well-formed")
            .tick_chars("|/-\\ ")
            .progress_chars("##-");
        bar.set_style(style);
        Self { all, bar }
    }

    fn renew(&self, state: &State) {
        // Each of these draws, so only what has changed is set.
        let (counts, longest, done) =
            (status_line::counts(state), status_line::longest(state), state.done as u64);
        if self.bar.prefix() != counts {
            self.bar.set_prefix(counts);
        }
        if self.bar.message() != longest {
            self.bar.set_message(longest);
        }
        if self.bar.position() != done {
            self.bar.set_position(done);
        }
        self.bar.tick();
    }
}

/// Shows how far a run has come, until it goes away.
pub struct Display {
    progress: Progress,
    running: Option<(Sender<()>, Receiver<()>)>,
}

impl Display {
    /// Shows a run of so many endpoints. Plain lines are printed by this.
    pub fn start(look: Option<Look>, total: usize, print: fn(&str)) -> Self {
        let none = Self { progress: Progress::default(), running: None };
        let Some(look) = look.filter(|_| total > 0) else { return none };
        let progress = Progress::new(total);
        let (end, ended) = mpsc::channel();
        let (cleared, is_cleared) = mpsc::channel();
        let shown = progress.clone();
        let thread = std::thread::Builder::new().name("progress".to_owned()).spawn(move || {
            // Goes away when all is done that this does on stderr.
            let _cleared: Sender<()> = cleared;
            let wait = |time| ended.recv_timeout(time) == Err(RecvTimeoutError::Timeout);
            match look {
                Look::Bar => show_bar(&shown, total, wait),
                Look::Lines => print_lines(&shown, print, wait),
            }
        });
        // A machine that has no thread left has other troubles.
        thread.map_or(none, |_| Self { progress, running: Some((end, is_cleared)) })
    }

    /// Where to count.
    pub fn progress(&self) -> Progress {
        self.progress.clone()
    }
}

impl Drop for Display {
    fn drop(&mut self) {
        if let Some((end, is_cleared)) = self.running.take() {
            drop(end);
            let _ = is_cleared.recv_timeout(END);
        }
    }
}

fn snapshot(progress: &Progress) -> State {
    progress.state().map(|state| state.clone()).unwrap_or_default()
}

fn show_bar(progress: &Progress, total: usize, wait: impl Fn(Duration) -> bool) {
    if !wait(DELAY) {
        return;
    }
    let screen = Screen::new(total);
    *progress_lines() = Some(screen.all.clone());
    loop {
        let state = snapshot(progress);
        {
            let _locked = progress_lines();
            screen.renew(&state);
        }
        if !wait(RENEWED) {
            break;
        }
    }
    let mut lines = progress_lines();
    *lines = None;
    screen.bar.finish_and_clear();
    // A terminal that is gone needs no clearing.
    let _ = screen.all.clear();
}

fn print_lines(progress: &Progress, print: fn(&str), wait: impl Fn(Duration) -> bool) {
    let mut last = None;
    let mut said = Instant::now();
    loop {
        let goes_on = wait(LINE);
        let state = snapshot(progress);
        if !goes_on || last.as_ref() != Some(&state) || said.elapsed() >= SIGN_OF_LIFE {
            print(&status_line::line(&state));
            said = Instant::now();
            last = Some(state);
        }
        if !goes_on {
            return;
        }
    }
}
