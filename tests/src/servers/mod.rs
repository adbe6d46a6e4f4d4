//! Real servers for the tests: on 127.0.0.1, on free ports, in a temporary folder, and ended with
//! the test, however that ends.

pub mod kubernetes;
pub mod libvirt;
mod watcher;

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::Path;

pub use watcher::Watcher;

/// A port of 127.0.0.1 that nobody listens on now. Another process may take it before a server
/// does: who starts one tries again then.
pub fn free_port() -> u16 {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let listener = TcpListener::bind(address).expect("a port of 127.0.0.1 is free");
    listener.local_addr().expect("a listener has an address").port()
}

/// The last lines of a server's log, for an error message.
pub fn tail(log: &Path) -> String {
    let bytes = std::fs::read(log).unwrap_or_default();
    let text = String::from_utf8_lossy(&bytes);
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(15)..].join("\n")
}
