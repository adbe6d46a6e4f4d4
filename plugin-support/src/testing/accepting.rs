//! Accepts connections for a server or a proxy, and serves each in a thread, until it is dropped.

use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

use super::ReceivedRequest;

/// A listener on a free port of 127.0.0.1, with the thread that accepts its connections.
#[derive(Debug)]
pub(super) struct Accepting {
    pub(super) address: SocketAddr,
    pub(super) state: Arc<State>,
    thread: Option<JoinHandle<()>>,
}

/// What the threads of one server share.
#[derive(Debug, Default)]
pub(super) struct State {
    stopping: AtomicBool,
    connections: Mutex<Vec<TcpStream>>,
    threads: Mutex<Vec<JoinHandle<()>>>,
    received: Mutex<Vec<ReceivedRequest>>,
}

impl Accepting {
    /// Serves each connection with this function, which returns when the connection is closed.
    pub(super) fn start(serve: impl Fn(TcpStream, &State) + Send + Sync + 'static) -> Self {
        let listener =
            TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port of 127.0.0.1 is free");
        let address = listener.local_addr().expect("the listener has an address");
        let state = Arc::new(State::default());
        let shared = Arc::clone(&state);
        let serve = Arc::new(serve);
        let thread = std::thread::spawn(move || {
            for stream in listener.incoming() {
                if shared.stopping.load(Ordering::SeqCst) {
                    return;
                }
                let Ok(stream) = stream else { continue };
                shared.add_connection(&stream);
                let (serve, state) = (Arc::clone(&serve), Arc::clone(&shared));
                let thread = std::thread::spawn(move || serve(stream, &state));
                shared.threads.lock().expect("no thread panicked").push(thread);
            }
        });
        Self { address, state, thread: Some(thread) }
    }
}

impl State {
    /// Closes this connection too when the server ends.
    pub(super) fn add_connection(&self, stream: &TcpStream) {
        let clone = stream.try_clone().expect("a descriptor is free");
        self.connections.lock().expect("no thread panicked").push(clone);
    }

    /// Numbers a request and records it.
    pub(super) fn record(&self, request: &mut ReceivedRequest) {
        let mut received = self.received.lock().expect("no thread panicked");
        request.number = received.len();
        received.push(request.clone());
    }

    pub(super) fn received(&self) -> Vec<ReceivedRequest> {
        self.received.lock().expect("no thread panicked").clone()
    }

    pub(super) fn connections(&self) -> usize {
        self.connections.lock().expect("no thread panicked").len()
    }
}

impl Drop for Accepting {
    fn drop(&mut self) {
        self.state.stopping.store(true, Ordering::SeqCst);
        // Wakes up the thread that accepts.
        let _ = TcpStream::connect(self.address);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
        // This also ends each thread that waits for its peer or sends an endless answer.
        for connection in self.state.connections.lock().expect("no thread panicked").drain(..) {
            let _ = connection.shutdown(Shutdown::Both);
        }
        let threads = std::mem::take(&mut *self.state.threads.lock().expect("no thread panicked"));
        for thread in threads {
            let _ = thread.join();
        }
    }
}
