//! A forward proxy, for plain HTTP and CONNECT, that records the requests it receives. It connects to one address
//! for every name, which shows that the client left resolving the name to the proxy.

use std::io::{self, Write as _};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::thread::JoinHandle;

use super::exchange::{Received, read_request};
use super::{State, accept, stop};

/// The proxy. It ends when it is dropped.
#[derive(Debug)]
pub struct ForwardProxy {
    address: SocketAddr,
    state: Arc<State>,
    accepting: Option<JoinHandle<()>>,
}

impl ForwardProxy {
    /// A proxy without authentication.
    pub fn open(target: SocketAddr) -> Self {
        Self::start(target, None)
    }

    /// A proxy for requests with this `Proxy-Authorization`.
    pub fn with_authentication(target: SocketAddr, authorization: &'static str) -> Self {
        Self::start(target, Some(authorization))
    }

    fn start(target: SocketAddr, authorization: Option<&'static str>) -> Self {
        let listener =
            TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port of 127.0.0.1 is free");
        let address = listener.local_addr().expect("the listener has an address");
        let state = Arc::new(State::default());
        let accepting = accept(listener, Arc::clone(&state), move |stream, state| {
            // The peer may close the connection at any time.
            let _ = serve(&stream, target, authorization, state);
            let _ = stream.shutdown(Shutdown::Both);
        });
        Self { address, state, accepting: Some(accepting) }
    }

    /// The address on which it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The requests that have been received so far.
    pub fn received(&self) -> Vec<Received> {
        self.state.received.lock().expect("no thread panicked").clone()
    }
}

impl Drop for ForwardProxy {
    fn drop(&mut self) {
        stop(&self.state, self.address, self.accepting.take());
    }
}

fn serve(
    mut client: &TcpStream,
    target: SocketAddr,
    authorization: Option<&str>,
    state: &State,
) -> io::Result<()> {
    let request = read_request(&mut client)?;
    state.received.lock().expect("no thread panicked").push(request.clone());
    if authorization.is_some() && request.header("proxy-authorization") != authorization {
        return write!(
            client,
            "HTTP/1.1 407 Proxy Authentication Required\r\nproxy-authenticate: Basic realm=\"x\"\r\n\
             content-length: 0\r\nconnection: close\r\n\r\n"
        );
    }
    let mut server = TcpStream::connect(target)?;
    // Stopping the proxy closes this connection too.
    state.connections.lock().expect("no thread panicked").push(server.try_clone()?);
    if request.method == "CONNECT" {
        write!(client, "HTTP/1.1 200 Connection established\r\n\r\n")?;
    } else {
        write!(server, "{}", forwarded(&request))?;
    }
    let (mut from, mut to) = (client.try_clone()?, server.try_clone()?);
    let upward = std::thread::spawn(move || {
        let _ = io::copy(&mut from, &mut to);
        let _ = to.shutdown(Shutdown::Write);
    });
    let _ = io::copy(&mut server, &mut client);
    let _ = client.shutdown(Shutdown::Both);
    let _ = upward.join();
    Ok(())
}

/// The request as the server gets it: with a path instead of a URL, and without the headers for the proxy.
fn forwarded(request: &Received) -> String {
    let rest = request.target.split_once("://").map_or("", |(_, rest)| rest);
    let path = rest.find('/').map_or("/", |start| &rest[start..]);
    let mut text = format!("{} {path} HTTP/1.1\r\n", request.method);
    for (name, value) in &request.headers {
        if !name.starts_with("proxy-") {
            text.extend([name, ": ", value, "\r\n"]);
        }
    }
    text + "\r\n"
}
