//! Counts the calls of a libvirt client: a proxy for TCP that reads the headers of its packets.
//!
//! A packet is its length, then six more numbers of 4 bytes: program, version, procedure, type,
//! serial, status (libvirt's `virnetprotocol.x`). Without TLS and SASL they cross in the clear.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// libvirt's own program; keep-alive packets are another one's.
const REMOTE_PROGRAM: u32 = 0x2000_8086;
const TYPE_CALL: u32 = 0;
const CONNECT_OPEN: u32 = 1;
/// `VIR_CONNECT_RO`
pub const READ_ONLY: u32 = 1;
/// The daemon's own limit is 32 MiB.
const PACKET_MAX: usize = 64 << 20;

/// The procedures that our module uses, by their numbers in `remote_protocol.x`.
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

const GREETINGS: [&str; 6] = [
    "auth-list",
    "connect-open",
    "connect-supports-feature",
    "connect-register-close-callback",
    "connect-unregister-close-callback",
    "connect-close",
];

/// A port in front of a daemon's. It stops with the test.
#[derive(Debug)]
pub struct CountingProxy {
    address: SocketAddr,
    state: Arc<State>,
}

#[derive(Debug, Default)]
struct State {
    seen: Mutex<Seen>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct Seen {
    calls: Vec<u32>,
    /// The procedure whose call is not passed on now.
    held: Option<u32>,
    /// The flags of every `connect-open` as the client sent them.
    open_flags: Vec<u32>,
    /// Whether the daemon is told that the client asks for no more than reading.
    read_only: bool,
}

impl State {
    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until the condition holds, for 30 s at most; whether it does.
    fn wait(&self, condition: impl Fn(&Seen) -> bool) -> bool {
        let patience = Duration::from_secs(30);
        let waited =
            self.changed.wait_timeout_while(self.seen(), patience, |seen| !condition(seen));
        !waited.unwrap_or_else(PoisonError::into_inner).1.timed_out()
    }
}

impl CountingProxy {
    /// Listens on a free port, and passes on to `daemon` what it is told.
    pub fn start(daemon: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port of 127.0.0.1 is free");
        let address = listener.local_addr().expect("a listener has an address");
        let state = Arc::new(State::default());
        let shared = Arc::clone(&state);
        std::thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let Ok(server) = TcpStream::connect(daemon) else { continue };
                let state = Arc::clone(&shared);
                std::thread::spawn(move || pass_on(client, server, &state));
            }
        });
        Self { address, state }
    }

    /// Calls of this procedure stay here from now on, until [`CountingProxy::release`].
    pub fn hold(&self, procedure: &str) {
        let known = PROCEDURES.iter().find(|(_, name)| *name == procedure);
        let (number, _) = known.unwrap_or_else(|| panic!("{procedure} is not known here"));
        self.state.seen().held = Some(*number);
    }

    /// Waits for a call of the procedure that is held.
    pub fn wait_for_held(&self) {
        let came = |seen: &Seen| seen.held.is_some_and(|held| seen.calls.contains(&held));
        assert!(self.state.wait(came), "the call was not made: {:?}", self.calls());
    }

    /// Passes on what is held.
    pub fn release(&self) {
        self.state.seen().held = None;
        self.state.changed.notify_all();
    }

    /// Tells the daemon from now on that whoever connects asks for no more than reading, and leaves
    /// the client, which refuses to write by itself where it knows that, in its belief.
    pub fn ask_for_read_only(&self) {
        self.state.seen().read_only = true;
    }

    /// The flags with which connections were opened, as the clients sent them.
    pub fn open_flags(&self) -> Vec<u32> {
        self.state.seen().open_flags.clone()
    }

    /// The URI that goes through it.
    pub fn uri(&self) -> String {
        format!("qemu+tcp://127.0.0.1:{}/system", self.address.port())
    }

    /// The calls without those by which libvirt's own client says hello and goodbye, whoever uses it
    /// and whatever for: what was asked.
    pub fn questions(&self) -> Vec<String> {
        let mut calls = self.calls();
        calls.retain(|name| !GREETINGS.contains(&name.as_str()));
        calls
    }

    /// The calls until now, in their order, by name; a number where the name is not known here.
    pub fn calls(&self) -> Vec<String> {
        self.state.seen().calls.iter().map(|number| name(*number)).collect()
    }
}

fn name(number: u32) -> String {
    let known = PROCEDURES.iter().find(|(known, _)| *known == number);
    known.map_or_else(|| number.to_string(), |(_, name)| (*name).to_owned())
}

fn pass_on(client: TcpStream, server: TcpStream, state: &State) {
    let (Ok(mut to_client), Ok(mut from_server)) = (client.try_clone(), server.try_clone()) else {
        return;
    };
    std::thread::spawn(move || {
        // Either side may hang up whenever it likes.
        let _ = std::io::copy(&mut from_server, &mut to_client);
        let _ = to_client.shutdown(Shutdown::Write);
    });
    let mut server = server;
    let _ = requests(client, &mut server, state);
    let _ = server.shutdown(Shutdown::Write);
}

/// Passes on whole packets of the client, and notes those that are calls.
fn requests(mut from: impl Read, to: &mut impl Write, state: &State) -> std::io::Result<()> {
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
            state.seen().calls.push(number(3));
            state.changed.notify_all();
            // A test that forgot it has long failed when the wait ends.
            state.wait(|seen| seen.held != Some(number(3)));
        }
        let mut body = vec![0; length - 28];
        from.read_exact(&mut body)?;
        // The flags are the last of what `connect-open` takes.
        if (number(1), number(3), number(4)) == (REMOTE_PROGRAM, CONNECT_OPEN, TYPE_CALL)
            && let Some(flags) = body.last_chunk_mut::<4>()
        {
            let mut seen = state.seen();
            seen.open_flags.push(u32::from_be_bytes(*flags));
            if seen.read_only {
                flags[3] |= u8::try_from(READ_ONLY).expect("one bit");
            }
        }
        to.write_all(&head)?;
        to.write_all(&body)?;
    }
}

#[cfg(test)]
mod tests {
    use super::{REMOTE_PROGRAM, State, name, requests};

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
    fn the_flags_of_an_open_are_noted_and_changed_where_that_is_wanted() {
        let sent = packet(REMOTE_PROGRAM, 1, 0, &[0, 0, 0, 0, 0, 0, 0, 2]);
        let state = State::default();
        for (read_only, last) in [(false, 2), (true, 3)] {
            state.seen().read_only = read_only;
            let mut passed = Vec::new();
            requests(&sent[..], &mut passed, &state).expect_err("the client hung up");
            assert_eq!(passed.split_last(), Some((&last, &sent[..sent.len() - 1])));
        }
        assert_eq!(state.seen().open_flags, [2, 2]);
    }

    #[test]
    fn calls_are_counted_and_passed_on_and_nothing_else_is_a_call() {
        let mut sent = packet(REMOTE_PROGRAM, 66, 0, b"");
        sent.extend(packet(0x6b65_6570, 1, 2, b""));
        sent.extend(packet(REMOTE_PROGRAM, 273, 0, b"12345678"));
        sent.extend(packet(REMOTE_PROGRAM, 1, 3, b"a stream, not a call"));
        let (state, mut passed) = (State::default(), Vec::new());
        requests(&sent[..], &mut passed, &state).expect_err("the client hung up");
        assert_eq!(state.seen().calls, [66, 273]);
        assert_eq!(passed, sent);
        assert_eq!(
            (name(273).as_str(), name(9_999).as_str()),
            ("connect-list-all-domains", "9999")
        );
    }
}
