//! A small HTTP server on this machine that misbehaves in one chosen way, with or without TLS, and
//! keeps what it was asked. It ends when it is dropped.

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
    Guard, Misdeed, NodeServer, Settings, Source, canned_node, kubernetes_status, misdeed,
};
pub use proxy::ForwardProxy;
pub use scripted::{Action, ScriptedServer};
pub use upstream::Upstream;

use exchange::read_request;

/// A document for module File: one host, `h1`.
pub const DOCUMENT: &str = r#"{"h1": {"vms": {}, "name": "h1", "hostIdentifier": "h1-id",
    "type": "qemu", "os": "x", "osVersion": "1", "totalCpuSockets": 1, "totalCpuCores": 1,
    "totalCpuThreads": 1, "cpuMhz": 0, "cpuArch": "x86_64", "cpuVendor": "v",
    "cpuDescription": "d", "ramMb": 1, "optionalVmData": {}}}"#;

/// What the server does to whoever asks.
#[derive(Debug, Clone)]
pub enum Fault {
    /// Nothing: 200 and the document.
    None,
    /// Nothing: 200 and the document, compressed.
    NoneGzip,
    /// Resets the connection as soon as a request comes.
    Reset,
    /// Closes the connection as soon as a request comes.
    Hangup,
    /// Takes connections and says nothing.
    BlackHole,
    /// A good head, a byte of the document, then nothing.
    Pause,
    /// A good head, then a byte of the document every 20 ms, endlessly many.
    Drip,
    /// A byte of the head every 20 ms, endlessly many.
    DripHead,
    /// This status, with a `Retry-After` if there is one.
    Status(u16, Option<&'static str>),
    /// This status, these lines of the head, each with its line break, and this body.
    Answer(u16, &'static str, Vec<u8>),
    /// These bytes and the end.
    Raw(&'static str),
    /// This status with a body without an end.
    StatusEndless(u16),
    /// This status to the first request, the document to later ones.
    StatusOnce(u16),
    /// Cuts the first answer off in the middle, later ones are whole.
    TruncatedOnce,
    /// A body without an end.
    Endless,
    /// A head without an end.
    EndlessHead,
    /// Announces this many bytes and sends the document.
    Announces(u64),
    /// A chunked body that ends before its last chunk.
    TruncatedChunked,
    /// 1 GiB of zeros in about 1 MiB of gzip.
    GzipBomb,
    /// Whole as HTTP goes, but the gzip data end early.
    TruncatedGzip,
    /// Says gzip, is not.
    DamagedGzip,
    /// Compressed in a way that nobody asked for.
    Brotli,
    /// The document with a byte in it that is not UTF-8.
    InvalidUtf8,
    /// `[` ten thousand times, and as many `]`.
    DeeplyNested,
    /// Half of the document, as if that were all.
    HalfDocument,
    /// No bytes at all.
    Empty,
    /// Greets as an SSH server, before it is asked.
    NotHttp,
    /// `/a` redirects to `/b` and back.
    RedirectLoop,
    /// `/n` redirects to `/n+1`.
    RedirectChain,
    /// Redirects to this URL.
    RedirectTo(String),
    /// Like `None`, but 401 unless the request brings this `Authorization`.
    Wants(&'static str),
}

/// The server.
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
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
        let address = listener.local_addr().expect("it is bound");
        let state = Arc::new(State { document: document.to_vec(), ..State::default() });
        let secure = tls.is_some();
        let accepting = accept(listener, Arc::clone(&state), move |stream, state| {
            // A peer that goes away is what most faults lead to.
            let _ = serve(stream, &fault, tls.as_ref(), state);
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

impl Drop for FaultServer {
    fn drop(&mut self) {
        stop(&self.state, self.address, self.accepting.take());
    }
}

/// A port on which nobody listens.
pub fn closed_port() -> SocketAddr {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
    listener.local_addr().expect("it is bound")
}

/// A port that answers no connection attempt: its queue is full and nobody empties it.
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
        bind(&listener, &SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).expect("a free port");
        listen(&listener, 0).expect("it is bound");
        let listener = TcpListener::from(listener);
        let address = listener.local_addr().expect("it is bound");
        let mut queue = Vec::new();
        while let Ok(stream) = TcpStream::connect_timeout(&address, Duration::from_millis(300)) {
            queue.push(stream);
            assert!(queue.len() < 100, "the queue of a port that nobody serves does not fill");
        }
        Self { address, _listener: listener.into(), _queue: queue }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

/// Takes connections until the state says stop; each gets a thread.
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
            let clone = stream.try_clone().expect("descriptors are left");
            state.connections.lock().expect("no thread panicked").push(clone);
            let (serve, of_thread) = (Arc::clone(&serve), Arc::clone(&state));
            let thread = std::thread::spawn(move || serve(stream, &of_thread));
            state.threads.lock().expect("no thread panicked").push(thread);
        }
    })
}

fn stop(state: &State, address: SocketAddr, accepting: Option<JoinHandle<()>>) {
    state.stopping.store(true, Ordering::SeqCst);
    // Wakes the accepting thread up.
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

/// Serves one connection and ends it in good order.
fn converse(
    stream: TcpStream,
    tls: Option<&Arc<rustls::ServerConfig>>,
    serve: impl FnOnce(&mut dyn Stream, &TcpStream) -> std::io::Result<()>,
) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    let raw = stream.try_clone()?;
    match tls {
        Some(settings) => {
            let connection = rustls::ServerConnection::new(Arc::clone(settings))
                .map_err(std::io::Error::other)?;
            let mut stream = rustls::StreamOwned::new(connection, stream);
            serve(&mut stream, &raw)?;
            stream.conn.send_close_notify();
            stream.flush()
        }
        None => serve(&mut &stream, &raw),
    }?;
    // The peer shall read everything before it sees the end: what it still sends is waited for.
    raw.shutdown(std::net::Shutdown::Write)?;
    raw.set_read_timeout(Some(Duration::from_secs(2)))?;
    let mut rest = raw;
    while rest.read(&mut [0; 4096])? > 0 {}
    Ok(())
}

/// One request and its answer; the connection ends after it.
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

/// Does to one request what the fault says; the connection ends after it.
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
            // Closing with a linger of 0 would not do: other copies of the descriptor keep the
            // socket open. Connecting to nowhere resets it at once.
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
