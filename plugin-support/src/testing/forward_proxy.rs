//! A forward proxy, for plain HTTP and CONNECT or for SOCKS 5, that records the requests it receives. It connects to
//! one address for every name, which shows that the client left resolving the name to the proxy.

use std::io::{self, Read as _, Write as _};
use std::net::{Ipv4Addr, Ipv6Addr, Shutdown, SocketAddr, TcpStream};

use super::ReceivedRequest;
use super::accepting::{Accepting, State};

/// The proxy. It ends when it is dropped.
#[derive(Debug)]
pub struct ForwardProxy {
    accepting: Accepting,
}

/// How the proxy talks to its clients.
#[derive(Clone, Copy)]
enum Protocol {
    /// HTTP, for requests with this `Proxy-Authorization`, or without authentication.
    Http(Option<&'static str>),
    /// SOCKS 5, for clients with this user name and password.
    Socks5(&'static str, &'static str),
}

impl ForwardProxy {
    /// An HTTP proxy without authentication.
    pub fn open(target: SocketAddr) -> Self {
        Self::start(target, Protocol::Http(None))
    }

    /// An HTTP proxy for requests with this `Proxy-Authorization`.
    pub fn with_authentication(target: SocketAddr, authorization: &'static str) -> Self {
        Self::start(target, Protocol::Http(Some(authorization)))
    }

    /// A SOCKS 5 proxy for clients with this user name and password.
    pub fn socks5(target: SocketAddr, user: &'static str, password: &'static str) -> Self {
        Self::start(target, Protocol::Socks5(user, password))
    }

    fn start(target: SocketAddr, protocol: Protocol) -> Self {
        let accepting = Accepting::start(move |stream, state| {
            // The peer may close the connection at any time.
            let _ = match protocol {
                Protocol::Http(authorization) => http(&stream, target, authorization, state),
                Protocol::Socks5(user, password) => socks5(&stream, target, user, password, state),
            };
            let _ = stream.shutdown(Shutdown::Both);
        });
        Self { accepting }
    }

    /// The address on which it listens.
    pub fn address(&self) -> SocketAddr {
        self.accepting.address
    }

    /// The requests that have been received so far.
    pub fn received(&self) -> Vec<ReceivedRequest> {
        self.accepting.state.received()
    }
}

fn http(
    mut client: &TcpStream,
    target: SocketAddr,
    authorization: Option<&str>,
    state: &State,
) -> io::Result<()> {
    let mut request = ReceivedRequest::read_head(&mut client)?;
    state.record(&mut request);
    if authorization.is_some() && request.header("proxy-authorization") != authorization {
        return write!(
            client,
            "HTTP/1.1 407 Proxy Authentication Required\r\nproxy-authenticate: Basic realm=\"x\"\r\n\
             content-length: 0\r\nconnection: close\r\n\r\n"
        );
    }
    let mut server = TcpStream::connect(target)?;
    if request.method == "CONNECT" {
        write!(client, "HTTP/1.1 200 Connection established\r\n\r\n")?;
    } else {
        write!(server, "{}", forwarded(&request))?;
    }
    forward(client, &server, state)
}

/// Passes bytes on in both directions until both peers have finished.
fn forward(mut client: &TcpStream, mut server: &TcpStream, state: &State) -> io::Result<()> {
    state.add_connection(server);
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

/// The request as the server gets it: with a path instead of a URL, and without the headers for the proxy. The
/// connection ends after the answer, so that each request is recorded.
fn forwarded(request: &ReceivedRequest) -> String {
    let rest = request.target.split_once("://").map_or("", |(_, rest)| rest);
    let path = rest.find('/').map_or("/", |start| &rest[start..]);
    let mut text = format!("{} {path} HTTP/1.1\r\nconnection: close\r\n", request.method);
    for (name, value) in &request.headers {
        if !name.starts_with("proxy-") && name != "connection" {
            text.extend([name, ": ", value, "\r\n"]);
        }
    }
    text + "\r\n"
}

/// The proxy's part of RFC 1928 and RFC 1929.
fn socks5(
    mut client: &TcpStream,
    target: SocketAddr,
    user: &str,
    password: &str,
    state: &State,
) -> io::Result<()> {
    let read = |length: u8| {
        let mut bytes = vec![0; usize::from(length)];
        (&mut &*client).read_exact(&mut bytes).map(|()| bytes)
    };
    let methods = read(read(2)?[1])?;
    if !methods.contains(&2) {
        // No acceptable methods.
        return client.write_all(&[5, 0xff]);
    }
    client.write_all(&[5, 2])?;
    let given_user = read(read(2)?[1])?;
    let given_password = read(read(1)?[0])?;
    if given_user != user.as_bytes() || given_password != password.as_bytes() {
        return client.write_all(&[1, 1]);
    }
    client.write_all(&[1, 0])?;
    let command = read(4)?;
    let host = match command[3] {
        1 => Ipv4Addr::from(<[u8; 4]>::try_from(read(4)?).expect("4 bytes")).to_string(),
        4 => format!("[{}]", Ipv6Addr::from(<[u8; 16]>::try_from(read(16)?).expect("16 bytes"))),
        _ => String::from_utf8_lossy(&read(read(1)?[0])?).into_owned(),
    };
    let port = read(2)?;
    let port = u16::from_be_bytes([port[0], port[1]]);
    let mut request = ReceivedRequest {
        method: "SOCKS5".to_owned(),
        target: format!("{host}:{port}"),
        ..ReceivedRequest::default()
    };
    state.record(&mut request);
    let server = TcpStream::connect(target)?;
    client.write_all(&[5, 0, 0, 1, 0, 0, 0, 0, 0, 0])?;
    forward(client, &server, state)
}
