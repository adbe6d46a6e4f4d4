//! Real servers for the tests. They listen on free ports of 127.0.0.1, keep their files in a temporary
//! folder, and end with the test, even if the test is killed.

pub mod kubernetes;
pub mod libvirt;
pub mod moto;
pub mod node;
pub mod vcsim;
mod watcher;

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::Path;

pub use watcher::Watcher;

/// A port of 127.0.0.1 that is not in use now. Another process may use it before a server is started, in
/// which case the caller has to try again with another port.
pub fn free_port() -> u16 {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let listener = TcpListener::bind(address).expect("a port of 127.0.0.1 is free");
    listener.local_addr().expect("the listener has an address").port()
}

/// The last lines of a server's log, for an error message.
pub fn tail(log: &Path) -> String {
    let bytes = std::fs::read(log).unwrap_or_default();
    let text = String::from_utf8_lossy(&bytes);
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(15)..].join("\n")
}
