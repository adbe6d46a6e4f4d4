//! HTTP servers with one chosen fault, with or without TLS, that record the requests they receive. A server
//! ends when it is dropped.

mod answers;
mod certificates;
mod exchange;
mod kubeconfig;
mod nodes;
mod proxy;
mod scripted;
mod upstream;

use std::io::{Read as _, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

pub use answers::gzip;
pub use certificates::{Authority, ClientIdentity, Identity, KeyForm};
pub use exchange::Received;
pub use kubeconfig::{base64, kubeconfig};
pub use nodes::{
    AnswerFault, NodeServer, NodeServerBuilder, RequestFilter, Source, canned_node, faults,
    kubernetes_status,
};
pub use proxy::ForwardProxy;
pub use scripted::{Action, ScriptedServer};
pub use upstream::Upstream;

use exchange::read_request;

/// A document for module File with one host, `h1`.
pub const DOCUMENT: &str = r#"{"h1": {"vms": {}, "name": "h1", "hostIdentifier": "h1-id",
    "type": "qemu", "os": "x", "osVersion": "1", "totalCpuSockets": 1, "totalCpuCores": 1,
    "totalCpuThreads": 1, "cpuMhz": 0, "cpuArch": "x86_64", "cpuVendor": "v",
    "cpuDescription": "d", "ramMb": 1, "optionalVmData": {}}}"#;

/// How a server answers a request.
#[derive(Debug, Clone)]
pub enum Fault {
    /// Without a fault: status 200 and the document.
    None,
    /// Without a fault: status 200 and the document, compressed with gzip.
    NoneGzip,
    /// Resets the connection after the request.
    Reset,
    /// Closes the connection after the request.
    Hangup,
    /// Accepts the connection and never answers.
    BlackHole,
    /// Sends a valid head and one byte of the document, then nothing more.
    Pause,
    /// Sends a valid head, then a byte of the document every 20 ms, endlessly.
    Drip,
    /// Sends a byte of the head every 20 ms, endlessly.
    DripHead,
    /// Sends this status, with this `Retry-After` if there is one.
    Status(u16, Option<&'static str>),
    /// Sends this status, these header lines, each with its line break, and this body.
    Answer(u16, &'static str, Vec<u8>),
    /// Sends these bytes and closes the connection.
    Raw(&'static str),
    /// Sends this status with an endless body.
    StatusEndless(u16),
    /// Answers the first request with this status, later ones with the document.
    StatusOnce(u16),
    /// Truncates the first answer. Later ones are whole.
    TruncatedOnce,
    /// Sends an endless body.
    Endless,
    /// Sends an endless head.
    EndlessHead,
    /// Sends the document with this Content-Length.
    Announces(u64),
    /// Sends a chunked body without the last chunk.
    TruncatedChunked,
    /// Sends 1 GiB of zeros in about 1 MiB of gzip.
    GzipBomb,
    /// Sends a complete HTTP answer with truncated gzip data.
    TruncatedGzip,
    /// Sends data that are not gzip with `Content-Encoding: gzip`.
    DamagedGzip,
    /// Sends an encoding that the client did not offer.
    Brotli,
    /// Sends the document with a byte in it that is not UTF-8.
    InvalidUtf8,
    /// Sends `[` ten thousand times, and `]` as many times.
    DeeplyNested,
    /// Sends half of the document as a complete HTTP answer.
    HalfDocument,
    /// Sends an empty body.
    Empty,
    /// Sends the greeting of an SSH server and reads no request.
    NotHttp,
    /// Redirects `/a` to `/b` and `/b` to `/a`.
    RedirectLoop,
    /// Redirects `/n` to `/n+1`.
    RedirectChain,
    /// Redirects to this URL.
    RedirectTo(String),
    /// Like `None`, but status 401 unless the request has this `Authorization`.
    RequiresAuthorization(&'static str),
}

/// A server that answers every request with the same fault.
#[derive(Debug)]
pub struct FaultServer {
    address: SocketAddr,
    secure: bool,
    state: Arc<State>,
    accepting: Option<JoinHandle<()>>,
}

#[derive(Debug, Default)]
struct State {
    stopping: AtomicBool,
    connections: Mutex<Vec<TcpStream>>,
    threads: Mutex<Vec<JoinHandle<()>>>,
    received: Mutex<Vec<Received>>,
    requests: AtomicUsize,
    document: Vec<u8>,
}

impl FaultServer {
    /// Starts a server without TLS.
    pub fn http(fault: Fault, document: &[u8]) -> Self {
        Self::start(fault, document, None)
    }

    /// Starts a server with TLS.
    pub fn https(fault: Fault, document: &[u8], identity: &Identity) -> Self {
        Self::start(fault, document, Some(identity.server_config()))
    }

    fn start(fault: Fault, document: &[u8], tls: Option<Arc<rustls::ServerConfig>>) -> Self {
        let listener =
            TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port of 127.0.0.1 is free");
        let address = listener.local_addr().expect("the listener has an address");
        let state = Arc::new(State { document: document.to_vec(), ..State::default() });
        let secure = tls.is_some();
        let accepting = accept(listener, Arc::clone(&state), move |stream, state| {
            // Most faults make the client close the connection, which is an error here.
            let _ = serve(stream, &fault, tls.as_ref(), state);
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

impl Drop for FaultServer {
    fn drop(&mut self) {
        stop(&self.state, self.address, self.accepting.take());
    }
}

/// The address of a port that is not in use.
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
        listen(&listener, 0).expect("the listener has an address");
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

/// Accepts connections until the server stops, and serves each in a thread.
fn accept(
    listener: TcpListener,
    state: Arc<State>,
    serve: impl Fn(TcpStream, &State) + Send + Sync + 'static,
) -> JoinHandle<()> {
    let serve = Arc::new(serve);
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            if state.stopping.load(Ordering::SeqCst) {
                return;
            }
            let Ok(stream) = stream else { continue };
            let clone = stream.try_clone().expect("a descriptor is free");
            state.connections.lock().expect("no thread panicked").push(clone);
            let (serve, thread_state) = (Arc::clone(&serve), Arc::clone(&state));
            let thread = std::thread::spawn(move || serve(stream, &thread_state));
            state.threads.lock().expect("no thread panicked").push(thread);
        }
    })
}

/// Ends all threads of a server and closes its connections.
fn stop(state: &State, address: SocketAddr, accepting: Option<JoinHandle<()>>) {
    state.stopping.store(true, Ordering::SeqCst);
    // Wakes up the thread that accepts.
    let _ = TcpStream::connect(address);
    if let Some(thread) = accepting {
        let _ = thread.join();
    }
    let connections = std::mem::take(&mut *state.connections.lock().expect("no thread panicked"));
    for connection in connections {
        let _ = connection.shutdown(std::net::Shutdown::Both);
    }
    let threads = std::mem::take(&mut *state.threads.lock().expect("no thread panicked"));
    for thread in threads {
        let _ = thread.join();
    }
}

fn serve(
    stream: TcpStream,
    fault: &Fault,
    tls: Option<&Arc<rustls::ServerConfig>>,
    state: &State,
) -> std::io::Result<()> {
    converse(stream, tls, |stream, raw| exchange(stream, raw, fault, state))
}

/// A byte stream, with TLS or without.
trait Stream: std::io::Read + Write {}

impl<S: std::io::Read + Write> Stream for S {}

/// Serves one connection and closes it cleanly.
fn converse(
    stream: TcpStream,
    tls: Option<&Arc<rustls::ServerConfig>>,
    serve: impl FnOnce(&mut dyn Stream, &TcpStream) -> std::io::Result<()>,
) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    let raw = stream.try_clone()?;
    match tls {
        Some(config) => {
            let connection =
                rustls::ServerConnection::new(Arc::clone(config)).map_err(std::io::Error::other)?;
            let mut stream = rustls::StreamOwned::new(connection, stream);
            serve(&mut stream, &raw)?;
            stream.conn.send_close_notify();
            stream.flush()
        }
        None => serve(&mut &stream, &raw),
    }?;
    // The peer must be able to read everything: closing with unread input would reset the connection.
    raw.shutdown(std::net::Shutdown::Write)?;
    raw.set_read_timeout(Some(Duration::from_secs(2)))?;
    let mut rest = raw;
    while rest.read(&mut [0; 4096])? > 0 {}
    Ok(())
}

/// Handles one request, after which the connection ends.
fn exchange(
    mut stream: &mut dyn Stream,
    raw: &TcpStream,
    fault: &Fault,
    state: &State,
) -> std::io::Result<()> {
    if matches!(fault, Fault::NotHttp) {
        return stream.write_all(b"SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n");
    }
    let request = match read_request(&mut stream) {
        Err(error)
            if error.kind() == std::io::ErrorKind::InvalidData
                && !matches!(fault, Fault::BlackHole) =>
        {
            return exchange::refuse(&mut stream);
        }
        request => request?,
    };
    let number = state.requests.fetch_add(1, Ordering::SeqCst);
    state.received.lock().expect("no thread panicked").push(request.clone());
    misbehave(stream, raw, fault, &request, number, &state.document, state)
}

/// Answers one request with the fault, after which the connection ends.
fn misbehave(
    mut stream: &mut dyn Stream,
    raw: &TcpStream,
    fault: &Fault,
    request: &Received,
    number: usize,
    document: &[u8],
    state: &State,
) -> std::io::Result<()> {
    match fault {
        Fault::Reset => {
            // Closing with a linger of 0 would not work, since copies of the descriptor keep the socket
            // open. Connecting to AF_UNSPEC resets it at once.
            rustix::net::connect_unspec(raw)?;
            Ok(())
        }
        Fault::Hangup => raw.shutdown(std::net::Shutdown::Both),
        Fault::BlackHole => {
            // Until the peer or the server ends the connection.
            while stream.read(&mut [0; 4096])? > 0 {}
            Ok(())
        }
        fault => answers::answer(&mut stream, fault, request, number, document, state),
    }
}
