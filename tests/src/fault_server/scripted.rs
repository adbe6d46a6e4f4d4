//! A server that asks a function what to do with each request, and keeps connections open for the
//! next one.

use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread::JoinHandle;

use super::exchange::{Received, read_body, read_request};
use super::{Fault, Identity, State, Stream, accept, converse, misbehave, stop};

/// What is done with one request.
#[derive(Debug, Clone)]
pub enum Action {
    /// An answer in good order; the connection stays.
    Answer {
        /// The status.
        status: u16,
        /// Lines of the head, each with its line break.
        headers: String,
        /// The body.
        body: Vec<u8>,
    },
    /// A fault, which may make use of this document; the connection ends.
    Fault(Fault, Vec<u8>),
}

impl Action {
    /// An answer of this status, with JSON.
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
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
        let address = listener.local_addr().expect("it is bound");
        let state = Arc::new(State::default());
        let secure = tls.is_some();
        let accepting = accept(listener, Arc::clone(&state), move |stream, state| {
            // A peer that goes away is what most faults lead to.
            let _ = converse(stream, tls.as_ref(), |stream, raw| {
                answer_all(stream, raw, &script, state)
            });
        });
        Self { address, secure, state, accepting: Some(accepting) }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// A URL of it, by address.
    pub fn url(&self, path: &str) -> String {
        let scheme = if self.secure { "https" } else { "http" };
        format!("{scheme}://{}{path}", self.address)
    }

    /// The requests so far.
    pub fn received(&self) -> Vec<Received> {
        self.state.received.lock().expect("no thread panicked").clone()
    }

    /// How many connections were made so far.
    pub fn connections(&self) -> usize {
        self.state.connections.lock().expect("no thread panicked").len()
    }
}

impl Drop for ScriptedServer {
    fn drop(&mut self) {
        stop(&self.state, self.address, self.accepting.take());
    }
}

/// Answers the requests of a connection until the peer, or a fault, ends it.
fn answer_all(
    mut stream: &mut dyn Stream,
    raw: &TcpStream,
    script: &impl Fn(&Received) -> Action,
    state: &State,
) -> io::Result<()> {
    // A connection that ends between two requests ends well.
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
