//! Ports on which no server answers.

use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::time::Duration;

/// The address of a port that is not in use, so that a connection to it is refused.
pub fn closed_port() -> SocketAddr {
    let listener =
        TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port of 127.0.0.1 is free");
    listener.local_addr().expect("the listener has an address")
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
        use rustix::net::{AddressFamily, SocketType, bind, listen, socket};

        let listener = socket(AddressFamily::INET, SocketType::STREAM, None).expect("a socket");
        bind(&listener, &SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))
            .expect("a port of 127.0.0.1 is free");
        listen(&listener, 0).expect("a socket that is bound can listen");
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
