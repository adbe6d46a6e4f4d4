//! A terminal that a test looks at: a pseudo-terminal, and what would be seen on it.

use std::fs::File;
use std::io::Read as _;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt as _;
use std::process::Stdio;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{Action, Winsize, tcflow, tcsetwinsize};

/// A terminal with a program on it.
pub struct Terminal {
    line: OwnedFd,
    seen: Arc<Mutex<Vec<String>>>,
    reader: JoinHandle<()>,
}

impl Terminal {
    /// A terminal of this size; 0 is one that does not tell it.
    pub fn new(rows: u16, columns: u16) -> Self {
        let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).expect("a pseudo-terminal");
        grantpt(&master).expect("ours");
        unlockpt(&master).expect("ours");
        let size = Winsize { ws_row: rows, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 };
        tcsetwinsize(&master, size).expect("it has a size");
        let name = ptsname(&master, Vec::new()).expect("a name");
        let line = rustix::fs::open(
            std::ffi::OsStr::from_bytes(name.as_bytes()),
            rustix::fs::OFlags::RDWR | rustix::fs::OFlags::NOCTTY,
            rustix::fs::Mode::empty(),
        )
        .expect("it opens");
        let seen = Arc::new(Mutex::new(Vec::new()));
        let reader = std::thread::spawn({
            let seen = Arc::clone(&seen);
            // What has no size is taken for one of the usual size.
            let (rows, columns) = if rows == 0 { (24, 80) } else { (rows, columns) };
            move || watch(master.into(), vt100::Parser::new(rows, columns, 0), &seen)
        });
        Self { line, seen, reader }
    }

    /// Has it take nothing, as after Ctrl-S.
    pub fn stop(&self) {
        tcflow(&self.line, Action::OOff).expect("a terminal");
    }

    /// The program's end of it.
    pub fn stdio(&self) -> Stdio {
        self.line.try_clone().expect("it can be opened twice").into()
    }

    /// Whether this stood on it at some time.
    pub fn has_shown(&self, text: &str) -> bool {
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        seen.iter().any(|screen| screen.contains(text))
    }

    /// What stands on it when the program has ended, without empty lines, and all that stood on
    /// it before.
    pub fn finish(self) -> (Vec<String>, Vec<String>) {
        drop(self.line);
        self.reader.join().expect("it reads to the end");
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let last = seen.last().cloned().unwrap_or_default();
        let lines = last.lines().map(str::trim_end).filter(|line| !line.is_empty());
        (lines.map(str::to_owned).collect(), seen)
    }
}

fn watch(mut master: File, mut parser: vt100::Parser, seen: &Mutex<Vec<String>>) {
    let mut buffer = [0; 8 * 1024];
    // Its end is an error: nobody has the other end open.
    while let Ok(length @ 1..) = master.read(&mut buffer) {
        parser.process(&buffer[..length]);
        let screen = parser.screen().contents();
        seen.lock().unwrap_or_else(PoisonError::into_inner).push(screen);
    }
}
