//! A server that calls a function for each request to get the answer, and keeps connections open for the next
//! request.

use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread::JoinHandle;

use super::exchange::{Received, read_body, read_request};
use super::{Fault, Identity, State, Stream, accept, converse, misbehave, stop};

/// How one request is answered.
#[derive(Debug, Clone)]
pub enum Action {
    /// A correct answer, after which the connection stays open.
    Answer {
        /// The status.
        status: u16,
        /// The header lines, each with its line break.
        headers: String,
        /// The body.
        body: Vec<u8>,
    },
    /// A fault with this document, after which the connection ends.
    Fault(Fault, Vec<u8>),
}

impl Action {
    /// An answer with this status and JSON.
    pub fn json(status: u16, body: &serde_json::Value) -> Self {
        let headers = "content-type: application/json\r\n".to_owned();
        Self::Answer { status, headers, body: body.to_string().into_bytes() }
    }
}

/// The server. It ends when it is dropped.
#[derive(Debug)]
pub struct ScriptedServer {
    address: SocketAddr,
    secure: bool,
    state: Arc<State>,
    accepting: Option<JoinHandle<()>>,
}

impl ScriptedServer {
    /// Starts a server without TLS.
    pub fn http(script: impl Fn(&Received) -> Action + Send + Sync + 'static) -> Self {
        Self::start(None, script)
    }

    /// Starts a server with TLS.
    pub fn https(
        identity: &Identity,
        script: impl Fn(&Received) -> Action + Send + Sync + 'static,
    ) -> Self {
        Self::start(Some(identity.server_config()), script)
    }

    fn start(
        tls: Option<Arc<rustls::ServerConfig>>,
        script: impl Fn(&Received) -> Action + Send + Sync + 'static,
    ) -> Self {
        let listener =
            TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port of 127.0.0.1 is free");
        let address = listener.local_addr().expect("the listener has an address");
        let state = Arc::new(State::default());
        let secure = tls.is_some();
        let accepting = accept(listener, Arc::clone(&state), move |stream, state| {
            // Most faults make the client close the connection, which is an error here.
            let _ = converse(stream, tls.as_ref(), |stream, raw| {
                answer_all(stream, raw, &script, state)
            });
        });
        Self { address, secure, state, accepting: Some(accepting) }
    }

    /// The address on which it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The URL of a path on this server, with the IP address as the host.
    pub fn url(&self, path: &str) -> String {
        let scheme = if self.secure { "https" } else { "http" };
        format!("{scheme}://{}{path}", self.address)
    }

    /// The requests that have been received so far.
    pub fn received(&self) -> Vec<Received> {
        self.state.received.lock().expect("no thread panicked").clone()
    }

    /// The number of connections that have been accepted so far.
    pub fn connections(&self) -> usize {
        self.state.connections.lock().expect("no thread panicked").len()
    }
}

impl Drop for ScriptedServer {
    fn drop(&mut self) {
        stop(&self.state, self.address, self.accepting.take());
    }
}

/// Answers the requests of a connection until the peer or a fault ends it.
fn answer_all(
    mut stream: &mut dyn Stream,
    raw: &TcpStream,
    script: &impl Fn(&Received) -> Action,
    state: &State,
) -> io::Result<()> {
    // The peer may close the connection between two requests.
    while let Ok(mut request) = read_request(&mut stream) {
        read_body(&mut stream, &mut request)?;
        let number = state.requests.fetch_add(1, Ordering::SeqCst);
        state.received.lock().expect("no thread panicked").push(request.clone());
        match script(&request) {
            Action::Answer { status, headers, body } => {
                let length = body.len();
                let head = format!(
                    "HTTP/1.1 {status} As The Test Wants\r\ncontent-length: {length}\r\n{headers}\r\n"
                );
                stream.write_all(&[head.as_bytes(), &body].concat())?;
                stream.flush()?;
            }
            Action::Fault(fault, document) => {
                return misbehave(stream, raw, &fault, &request, number, &document, state);
            }
        }
    }
    Ok(())
}
