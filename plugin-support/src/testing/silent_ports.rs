//! Ports on which no server answers.

use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::time::Duration;

/// The address of a port on which connections are refused. It stays reserved until this process ends, so that no
/// other server gets it.
pub fn closed_port() -> SocketAddr {
    let socket = bound_socket();
    let address = rustix::net::getsockname(&socket).expect("the socket has an address");
    std::mem::forget(socket);
    address.try_into().expect("the address is one of IP")
}

/// A socket with a free port of 127.0.0.1 that does not listen.
fn bound_socket() -> OwnedFd {
    use rustix::net::{AddressFamily, SocketType, bind, socket};

    let socket = socket(AddressFamily::INET, SocketType::STREAM, None).expect("a socket");
    bind(&socket, &SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))
        .expect("a port of 127.0.0.1 is free");
    socket
}

/// A port that answers no connection attempt, because its queue is full and no connection is accepted.
#[derive(Debug)]
pub struct FullPort {
    address: SocketAddr,
    _listener: OwnedFd,
    _queue: Vec<TcpStream>,
}

impl FullPort {
    /// Opens the port and fills its queue.
    pub fn open() -> Self {
        let listener = bound_socket();
        rustix::net::listen(&listener, 0).expect("a socket that is bound can listen");
        let listener = TcpListener::from(listener);
        let address = listener.local_addr().expect("the listener has an address");
        let mut queue = Vec::new();
        while let Ok(stream) = TcpStream::connect_timeout(&address, Duration::from_millis(300)) {
            queue.push(stream);
            assert!(queue.len() < 100, "the queue does not fill up");
        }
        Self { address, _listener: listener.into(), _queue: queue }
    }

    /// The address on which it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}
