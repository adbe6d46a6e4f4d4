//! Messages to the service manager that started the program (sd_notify(3)), if it wants any.

use std::ffi::OsStr;
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

/// A socket of the service manager.
pub struct ServiceManager(Option<(UnixDatagram, SocketAddr)>);

impl ServiceManager {
    /// The manager that the environment names.
    pub fn from_environment() -> Self {
        Self(std::env::var_os("NOTIFY_SOCKET").and_then(|path| Self::connect(&path)))
    }

    fn connect(path: &OsStr) -> Option<(UnixDatagram, SocketAddr)> {
        let address = match path.as_bytes() {
            [b'@', name @ ..] => SocketAddr::from_abstract_name(name),
            [b'/', ..] => SocketAddr::from_pathname(path),
            _ => return None,
        };
        let socket = UnixDatagram::unbound().ok()?;
        // The caller must not wait for a manager that does not read.
        socket.set_nonblocking(true).ok()?;
        Some((socket, address.ok()?))
    }

    /// Sends assignments, one a line: `READY=1`. Does nothing without a manager.
    pub fn notify(&self, assignments: &str) {
        if let Some((socket, address)) = &self.0 {
            // An error is ignored, because the program works without a manager.
            let _ = socket.send_to_addr(assignments.as_bytes(), address);
        }
    }

    /// Announces that the program reads its configuration again. `READY=1` must follow.
    pub fn notify_reloading(&self) {
        let now = clock_gettime(ClockId::Monotonic);
        let microseconds = i128::from(now.tv_sec) * 1_000_000 + i128::from(now.tv_nsec / 1_000);
        self.notify(&format!("RELOADING=1\nMONOTONIC_USEC={microseconds}"));
    }
}

/// How often the manager expects `WATCHDOG=1`; `None` if it does not.
pub fn watchdog_interval() -> Option<Duration> {
    let variable = |name| std::env::var(name).ok()?.parse::<u64>().ok();
    let is_for_us = variable("WATCHDOG_PID").is_none_or(|pid| pid == u64::from(std::process::id()));
    variable("WATCHDOG_USEC").filter(|time| is_for_us && *time > 0).map(Duration::from_micros)
}
