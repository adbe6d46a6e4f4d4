//! A pseudo-terminal whose screens are recorded.

use std::fs::File;
use std::io::Read as _;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt as _;
use std::process::Stdio;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{Action, Winsize, tcflow, tcsetwinsize};

/// A terminal for a run of the program.
pub struct Terminal {
    descriptor: OwnedFd,
    screens: Arc<Mutex<Vec<String>>>,
    reader: JoinHandle<()>,
}

impl Terminal {
    /// A terminal of this size. With 0 its size is unknown.
    pub fn new(rows: u16, columns: u16) -> Self {
        let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY)
            .expect("a pseudo-terminal can be opened");
        grantpt(&master).expect("the pseudo-terminal is ours");
        unlockpt(&master).expect("the pseudo-terminal is ours");
        let size = Winsize { ws_row: rows, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 };
        tcsetwinsize(&master, size).expect("the size can be set");
        let name = ptsname(&master, Vec::new()).expect("the terminal has a name");
        let descriptor = rustix::fs::open(
            std::ffi::OsStr::from_bytes(name.as_bytes()),
            rustix::fs::OFlags::RDWR | rustix::fs::OFlags::NOCTTY,
            rustix::fs::Mode::empty(),
        )
        .expect("the terminal can be opened");
        let screens = Arc::new(Mutex::new(Vec::new()));
        let reader = std::thread::spawn({
            let screens = Arc::clone(&screens);
            // The usual size, if the size is unknown.
            let (rows, columns) = if rows == 0 { (24, 80) } else { (rows, columns) };
            move || record(master.into(), vt100::Parser::new(rows, columns, 0), &screens)
        });
        Self { descriptor, screens, reader }
    }

    /// Stops output to the terminal, as Ctrl-S does.
    pub fn stop(&self) {
        tcflow(&self.descriptor, Action::OOff).expect("a terminal can be stopped");
    }

    /// The terminal as stdout or stderr of the program.
    pub fn stdio(&self) -> Stdio {
        self.descriptor.try_clone().expect("a descriptor is free").into()
    }

    /// Whether the terminal has shown a text at any time.
    pub fn has_shown(&self, text: &str) -> bool {
        let screens = self.screens.lock().unwrap_or_else(PoisonError::into_inner);
        screens.iter().any(|screen| screen.contains(text))
    }

    /// Waits for the end of the program. Returns the lines of the last screen that are not empty, and all screens.
    pub fn finish(self) -> (Vec<String>, Vec<String>) {
        drop(self.descriptor);
        self.reader.join().expect("the reader does not panic");
        let screens = self.screens.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let last = screens.last().cloned().unwrap_or_default();
        let lines = last.lines().map(str::trim_end).filter(|line| !line.is_empty());
        (lines.map(str::to_owned).collect(), screens)
    }
}

/// Records the screen after each read, until no process has the terminal open, which is an error.
fn record(mut master: File, mut parser: vt100::Parser, screens: &Mutex<Vec<String>>) {
    let mut buffer = [0; 8 * 1024];
    while let Ok(length @ 1..) = master.read(&mut buffer) {
        parser.process(&buffer[..length]);
        let screen = parser.screen().contents();
        screens.lock().unwrap_or_else(PoisonError::into_inner).push(screen);
    }
}
