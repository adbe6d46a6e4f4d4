//! A TCP proxy that counts the calls of a libvirt client by reading the headers of its packets.
//!
//! A packet begins with its length and six more numbers of 4 bytes: program, version, procedure, type,
//! serial, status (libvirt's `virnetprotocol.x`). Without TLS and SASL packets are not encrypted.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// The number of libvirt's remote program. Keep-alive packets have another program number.
const REMOTE_PROGRAM: u32 = 0x2000_8086;
const TYPE_CALL: u32 = 0;
const CONNECT_OPEN: u32 = 1;
/// `VIR_CONNECT_RO`
pub const READ_ONLY: u32 = 1;
/// The largest packet that is forwarded, in bytes. The limit of the daemon is 32 MiB.
const PACKET_MAX: usize = 64 << 20;

/// The procedures that the module uses, by their numbers in `remote_protocol.x`.
const PROCEDURES: [(u32, &str); 17] = [
    (1, "connect-open"),
    (2, "connect-close"),
    (3, "connect-get-type"),
    (4, "connect-get-version"),
    (6, "node-get-info"),
    (7, "connect-get-capabilities"),
    (16, "domain-get-info"),
    (59, "connect-get-hostname"),
    (60, "connect-supports-feature"),
    (66, "auth-list"),
    (110, "connect-get-uri"),
    (157, "connect-get-lib-version"),
    (273, "connect-list-all-domains"),
    (344, "connect-get-all-domain-stats"),
    (360, "connect-register-close-callback"),
    (361, "connect-unregister-close-callback"),
    (14, "domain-get-xml-desc"),
];

/// Calls that libvirt's client library makes for every connection.
const CONNECTION_CALLS: [&str; 6] = [
    "auth-list",
    "connect-open",
    "connect-supports-feature",
    "connect-register-close-callback",
    "connect-unregister-close-callback",
    "connect-close",
];

/// A proxy in front of a daemon. It ends with the test's process.
#[derive(Debug)]
pub struct CountingProxy {
    address: SocketAddr,
    state: Arc<ProxyState>,
}

#[derive(Debug, Default)]
struct ProxyState {
    observed: Mutex<ObservedCalls>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct ObservedCalls {
    /// The procedure numbers of all calls, in their order.
    calls: Vec<u32>,
    /// The procedure whose calls are not forwarded at present.
    held: Option<u32>,
    /// The flags of every `connect-open`, as the client sent them.
    open_flags: Vec<u32>,
    /// Whether the proxy changes the flags of `connect-open` to read-only.
    force_read_only: bool,
}

impl ProxyState {
    fn observed(&self) -> MutexGuard<'_, ObservedCalls> {
        self.observed.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits up to 30 s for the condition, and returns whether it became true.
    fn wait(&self, condition: impl Fn(&ObservedCalls) -> bool) -> bool {
        let timeout = Duration::from_secs(30);
        let waited = self
            .changed
            .wait_timeout_while(self.observed(), timeout, |observed| !condition(observed));
        !waited.unwrap_or_else(PoisonError::into_inner).1.timed_out()
    }
}

impl CountingProxy {
    /// Listens on a free port, and forwards connections to `daemon`.
    pub fn start(daemon: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port of 127.0.0.1 is free");
        let address = listener.local_addr().expect("a listener has an address");
        let state = Arc::new(ProxyState::default());
        let shared = Arc::clone(&state);
        std::thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let Ok(server) = TcpStream::connect(daemon) else { continue };
                let state = Arc::clone(&shared);
                std::thread::spawn(move || forward(client, server, &state));
            }
        });
        Self { address, state }
    }

    /// Holds calls of this procedure back until [`CountingProxy::release`].
    pub fn hold(&self, procedure: &str) {
        let known = PROCEDURES.iter().find(|(_, name)| *name == procedure);
        let (number, _) = known.unwrap_or_else(|| panic!("{procedure} is not in PROCEDURES"));
        self.state.observed().held = Some(*number);
    }

    /// Waits for a call of the procedure that is held back.
    pub fn wait_for_held(&self) {
        let is_held = |observed: &ObservedCalls| {
            observed.held.is_some_and(|held| observed.calls.contains(&held))
        };
        assert!(self.state.wait(is_held), "the client did not make the call: {:?}", self.calls());
    }

    /// Forwards the calls that are held back.
    pub fn release(&self) {
        self.state.observed().held = None;
        self.state.changed.notify_all();
    }

    /// From now on changes every `connect-open` to read-only. The client does not notice, so it does
    /// not refuse to write, as it would if it had opened the connection read-only.
    pub fn force_read_only(&self) {
        self.state.observed().force_read_only = true;
    }

    /// The flags of all `connect-open` calls, as the clients sent them.
    pub fn open_flags(&self) -> Vec<u32> {
        self.state.observed().open_flags.clone()
    }

    /// The URI of the proxy.
    pub fn uri(&self) -> String {
        format!("qemu+tcp://127.0.0.1:{}/system", self.address.port())
    }

    /// The calls without those that libvirt's client library makes for every connection.
    pub fn queries(&self) -> Vec<String> {
        let mut calls = self.calls();
        calls.retain(|name| !CONNECTION_CALLS.contains(&name.as_str()));
        calls
    }

    /// The names of all calls so far, in their order. A procedure that is not in the list has its number.
    pub fn calls(&self) -> Vec<String> {
        self.state.observed().calls.iter().map(|number| name(*number)).collect()
    }
}

fn name(number: u32) -> String {
    let known = PROCEDURES.iter().find(|(known, _)| *known == number);
    known.map_or_else(|| number.to_string(), |(_, name)| (*name).to_owned())
}

/// Forwards a connection in both directions until one side closes it.
fn forward(client: TcpStream, server: TcpStream, state: &ProxyState) {
    let (Ok(mut to_client), Ok(mut from_server)) = (client.try_clone(), server.try_clone()) else {
        return;
    };
    std::thread::spawn(move || {
        // Errors are expected: either side may close the connection at any time.
        let _ = std::io::copy(&mut from_server, &mut to_client);
        let _ = to_client.shutdown(Shutdown::Write);
    });
    let mut server = server;
    let _ = forward_requests(client, &mut server, state);
    let _ = server.shutdown(Shutdown::Write);
}

/// Forwards whole packets of the client, and records those that are calls.
fn forward_requests(
    mut from: impl Read,
    to: &mut impl Write,
    state: &ProxyState,
) -> std::io::Result<()> {
    loop {
        let mut head = [0; 28];
        from.read_exact(&mut head)?;
        let number = |index: usize| {
            let bytes = head[index * 4..][..4].try_into().expect("four bytes");
            u32::from_be_bytes(bytes)
        };
        let length = usize::try_from(number(0)).expect("32 bits fit");
        if !(28..=PACKET_MAX).contains(&length) {
            return Err(std::io::Error::other("not a packet of libvirt"));
        }
        if number(1) == REMOTE_PROGRAM && number(4) == TYPE_CALL {
            state.observed().calls.push(number(3));
            state.changed.notify_all();
            // The wait ends after 30 s if the test does not release the call.
            state.wait(|observed| observed.held != Some(number(3)));
        }
        let mut body = vec![0; length - 28];
        from.read_exact(&mut body)?;
        // The flags are the last argument of `connect-open`.
        if (number(1), number(3), number(4)) == (REMOTE_PROGRAM, CONNECT_OPEN, TYPE_CALL)
            && let Some(flags) = body.last_chunk_mut::<4>()
        {
            let mut observed = state.observed();
            observed.open_flags.push(u32::from_be_bytes(*flags));
            if observed.force_read_only {
                flags[3] |= u8::try_from(READ_ONLY).expect("one bit");
            }
        }
        to.write_all(&head)?;
        to.write_all(&body)?;
    }
}

#[cfg(test)]
mod tests {
    use super::{ProxyState, REMOTE_PROGRAM, forward_requests, name};

    fn packet(program: u32, procedure: u32, kind: u32, body: &[u8]) -> Vec<u8> {
        let length = 28 + u32::try_from(body.len()).expect("short");
        let mut bytes = Vec::new();
        for number in [length, program, 1, procedure, kind, 0, 0] {
            bytes.extend(number.to_be_bytes());
        }
        bytes.extend(body);
        bytes
    }

    #[test]
    fn records_the_flags_of_an_open_and_forces_read_only() {
        let sent = packet(REMOTE_PROGRAM, 1, 0, &[0, 0, 0, 0, 0, 0, 0, 2]);
        let state = ProxyState::default();
        for (force_read_only, last) in [(false, 2), (true, 3)] {
            state.observed().force_read_only = force_read_only;
            let mut passed = Vec::new();
            forward_requests(&sent[..], &mut passed, &state).expect_err("the end of the input");
            assert_eq!(passed.split_last(), Some((&last, &sent[..sent.len() - 1])));
        }
        assert_eq!(state.observed().open_flags, [2, 2]);
    }

    #[test]
    fn counts_only_calls_and_forwards_all_packets() {
        let mut sent = packet(REMOTE_PROGRAM, 66, 0, b"");
        sent.extend(packet(0x6b65_6570, 1, 2, b""));
        sent.extend(packet(REMOTE_PROGRAM, 273, 0, b"12345678"));
        sent.extend(packet(REMOTE_PROGRAM, 1, 3, b"a stream, not a call"));
        let (state, mut passed) = (ProxyState::default(), Vec::new());
        forward_requests(&sent[..], &mut passed, &state).expect_err("the end of the input");
        assert_eq!(state.observed().calls, [66, 273]);
        assert_eq!(passed, sent);
        assert_eq!(
            (name(273).as_str(), name(9_999).as_str()),
            ("connect-list-all-domains", "9999")
        );
    }
}
