//! The scripted server: it calls a function for each request to get the answer, and records the requests.

use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use super::accepting::{Accepting, State};
use super::{Action, Identity, ReceivedRequest};

/// An HTTP server with scripted answers. It ends when it is dropped.
#[derive(Debug)]
pub struct ScriptedServer {
    accepting: Accepting,
    scheme: &'static str,
}

/// A script that answers the first request with the first action and so on. The last action answers all later
/// requests too. Panics without actions.
pub fn answers(
    actions: impl IntoIterator<Item = Action>,
) -> impl Fn(&ReceivedRequest) -> Action + Send + Sync + 'static {
    let actions: Vec<Action> = actions.into_iter().collect();
    move |request| actions[request.number.min(actions.len() - 1)].clone()
}

impl ScriptedServer {
    /// Starts a server without TLS. The script is called in a thread for each connection.
    pub fn http(script: impl Fn(&ReceivedRequest) -> Action + Send + Sync + 'static) -> Self {
        Self::start(None, script)
    }

    /// Starts a server with TLS. The script is called in a thread for each connection.
    pub fn https(
        identity: &Identity,
        script: impl Fn(&ReceivedRequest) -> Action + Send + Sync + 'static,
    ) -> Self {
        Self::start(Some(identity.server_config()), script)
    }

    /// Starts a server that sends the greeting of an SSH server to each client, and reads no request.
    pub fn not_http() -> Self {
        let accepting = Accepting::start(|stream, _| {
            let _ = converse(stream, None, |stream, _| {
                stream.write_all(b"SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n")
            });
        });
        Self { accepting, scheme: "http" }
    }

    fn start(
        tls: Option<Arc<rustls::ServerConfig>>,
        script: impl Fn(&ReceivedRequest) -> Action + Send + Sync + 'static,
    ) -> Self {
        let scheme = if tls.is_some() { "https" } else { "http" };
        let accepting = Accepting::start(move |stream, state| {
            // Most faults make the client close the connection, which is an error here.
            let _ = converse(stream, tls.as_ref(), |stream, raw| {
                answer_all(stream, raw, &script, state)
            });
        });
        Self { accepting, scheme }
    }

    /// The address on which it listens.
    pub fn address(&self) -> SocketAddr {
        self.accepting.address
    }

    /// The URL of a path on this server, with the IP address as the host.
    pub fn url(&self, path: &str) -> String {
        format!("{}://{}{path}", self.scheme, self.address())
    }

    /// The requests that have been received so far.
    pub fn received(&self) -> Vec<ReceivedRequest> {
        self.accepting.state.received()
    }

    /// The number of connections that have been accepted so far.
    pub fn connections(&self) -> usize {
        self.accepting.state.connections()
    }
}

/// A byte stream, with TLS or without.
trait Stream: Read + Write {}

impl<S: Read + Write> Stream for S {}

/// Serves one connection and closes it cleanly.
fn converse(
    stream: TcpStream,
    tls: Option<&Arc<rustls::ServerConfig>>,
    serve: impl FnOnce(&mut dyn Stream, &TcpStream) -> io::Result<()>,
) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let raw = stream.try_clone()?;
    match tls {
        Some(config) => {
            let connection =
                rustls::ServerConnection::new(Arc::clone(config)).map_err(io::Error::other)?;
            let mut stream = rustls::StreamOwned::new(connection, stream);
            serve(&mut stream, &raw)?;
            stream.conn.send_close_notify();
            stream.flush()
        }
        None => serve(&mut &stream, &raw),
    }?;
    // The peer must be able to read everything: closing with unread input would reset the connection.
    raw.shutdown(Shutdown::Write)?;
    raw.set_read_timeout(Some(Duration::from_secs(2)))?;
    let mut rest = raw;
    while rest.read(&mut [0; 4096])? > 0 {}
    Ok(())
}

/// Answers the requests of a connection until the peer or a fault ends it.
fn answer_all(
    mut stream: &mut dyn Stream,
    raw: &TcpStream,
    script: &impl Fn(&ReceivedRequest) -> Action,
    state: &State,
) -> io::Result<()> {
    loop {
        let mut request = match ReceivedRequest::read_head(&mut stream) {
            Err(error) if error.kind() == io::ErrorKind::InvalidData => {
                return Action::answer(400, "").perform(&mut stream, raw);
            }
            // The peer may close the connection between two requests.
            Err(_) => return Ok(()),
            Ok(request) => request,
        };
        request.read_body(&mut stream)?;
        state.record(&mut request);
        let is_close = |(name, value): &(String, String)| name == "connection" && value == "close";
        let mut action = script(&request);
        // Without this header in the answer, a client could use the connection again (RFC 9112 section 9.6).
        if let Action::Answer { headers, .. } = &mut action
            && request.headers.iter().any(is_close)
        {
            headers.retain(|header| !is_close(header));
            headers.push(("connection".to_owned(), "close".to_owned()));
        }
        action.perform(&mut stream, raw)?;
        match &action {
            Action::Answer { headers, .. } if !headers.iter().any(is_close) => {}
            _ => return Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Write as _};
    use std::net::TcpStream;

    use super::{ScriptedServer, answers};
    use crate::testing::Action;

    /// Sends bytes on one connection, and returns everything that the server sends.
    fn exchange(server: &ScriptedServer, sent: &str) -> String {
        let mut stream = TcpStream::connect(server.address()).expect("the server accepts");
        stream.write_all(sent.as_bytes()).expect("the server reads");
        let mut received = String::new();
        stream.read_to_string(&mut received).expect("the server closes the connection");
        received
    }

    #[test]
    fn answers_in_turn_on_one_connection_and_records_the_requests() {
        let server = ScriptedServer::http(answers([
            Action::answer(503, "").header("retry-after", "1"),
            Action::answer(200, "later"),
        ]));
        let received = exchange(
            &server,
            "GET /a HTTP/1.1\r\n\r\nPOST /b HTTP/1.1\r\nContent-Length: 2\r\n\r\nhi\
             GET /c HTTP/1.1\r\nConnection: close\r\n\r\n",
        );
        assert_eq!(received.matches("HTTP/1.1 503 ").count(), 1, "{received}");
        assert_eq!(received.matches("retry-after: 1\r\n").count(), 1, "{received}");
        assert_eq!(received.matches("later").count(), 2, "{received}");
        assert_eq!(received.matches("connection: close\r\n").count(), 1, "{received}");
        let requests = server.received();
        assert_eq!(requests[1].body, b"hi");
        let targets: Vec<&str> = requests.iter().map(|request| request.target.as_str()).collect();
        assert_eq!((targets, server.connections()), (vec!["/a", "/b", "/c"], 1));
    }

    #[test]
    fn ends_while_it_sends_an_endless_answer() {
        let server = ScriptedServer::http(answers([Action::Endless(200)]));
        let mut stream = TcpStream::connect(server.address()).expect("the server accepts");
        stream.write_all(b"GET / HTTP/1.1\r\n\r\n").expect("the server reads");
        stream.read_exact(&mut [0; 100]).expect("an answer");
        drop(server);
    }
}
