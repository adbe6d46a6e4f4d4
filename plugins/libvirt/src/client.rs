//! The conversation with libvirt: connecting and asking, in as few calls as the driver allows.

use std::collections::HashMap;
use std::ffi::CString;
use std::net::{TcpStream, ToSocketAddrs as _};
use std::time::{Duration, Instant};

use gatherer_plugin_api::model::Guest;
use gatherer_plugin_api::{ErrorKind, GatherError};

use crate::Parameters;
use crate::errors::{from_failure, from_load_error, is_gone, is_unknown_flag, is_unsupported};
use crate::ffi::{Api, Connection, Credentials, Domain, Failure};
use crate::map::{self, HostFacts, Stats};
use crate::uri::Uri;

/// How many guests one call asks for. Daemons before 2.0 refuse answers above 4,096 guests;
/// 500 keeps one answer small enough for a busy daemon.
pub const BATCH: usize = 500;

/// The longest wait for a TCP connection, where the endpoint's own deadline is later.
const PROBE_MAX: Duration = Duration::from_secs(20);
/// How much earlier than the runner the probe gives up, so that its own sentence is told.
const PROBE_MARGIN: Duration = Duration::from_millis(500);

/// What libvirt may be told of the user, from the parameters.
pub fn credentials(parameters: &Parameters) -> Result<Credentials, GatherError> {
    let text = |name: &str, value: Option<&str>| {
        let value = value.filter(|value| !value.is_empty());
        value
            .map(CString::new)
            .transpose()
            .map_err(|_| GatherError::configuration(format!("{name} holds a NUL character")))
    };
    let password = parameters.sasl_password.as_ref().map(|secret| secret.expose().as_str());
    Ok(Credentials {
        username: text("sasl_username", parameters.sasl_username.as_deref())?,
        password: text("sasl_password", password)?,
    })
}

/// Opens libvirt's client library.
pub fn load(library: &str) -> Result<&'static Api, GatherError> {
    Api::load(library).map_err(|error| from_load_error(library, error))
}

/// An open connection and how the driver behind it likes to be asked.
pub struct Session {
    connection: Connection,
    uri: Uri,
    stats_call: std::cell::Cell<StatsCall>,
}

/// How state, CPUs and memory of many guests are asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum StatsCall {
    /// In bulk, without waiting for a hypervisor that hangs (QEMU since libvirt 4.5).
    BulkNoWait,
    /// In bulk.
    Bulk,
    /// Guest by guest: the driver has no bulk call.
    Single,
}

impl Session {
    /// Connects, read-only. `remaining` limits the wait for a TCP
    /// connection; libvirt itself has no such limit.
    pub fn open(
        api: &'static Api,
        uri: Uri,
        credentials: &Credentials,
        remaining: Option<Duration>,
    ) -> Result<Self, GatherError> {
        probe(&uri, remaining)?;
        let text = CString::new(uri.to_connect_string())
            .map_err(|_| GatherError::configuration("the parameter uri holds a NUL character"))?;
        let connection = api.connect(&text, credentials).map_err(|failure| {
            let error = from_failure(&uri.to_string(), &failure);
            // Nothing was said yet, so XML can only be that of a test driver's file.
            if error.kind == ErrorKind::Protocol && uri.host().is_none() {
                GatherError { kind: ErrorKind::Configuration, ..error }
            } else {
                error
            }
        })?;
        log::debug!("connected to {uri}");
        let stats_call = std::cell::Cell::new(StatsCall::BulkNoWait);
        Ok(Self { connection, uri, stats_call })
    }

    /// Everything that is to be known of the host, and what was odd.
    ///
    /// A call that the driver does not have leaves its fact absent; any other failure fails
    /// the endpoint, because a host without its UUID or its CPUs would look like another one.
    pub fn host(&self) -> Result<(HostFacts, Vec<String>), GatherError> {
        let connection = &self.connection;
        let mut warnings = Vec::new();
        // QEMU's version fails where no emulator is installed: that loses the version alone.
        let hypervisor_version = match connection.hypervisor_version() {
            Ok(version) => Some(version),
            Err(failure) if is_unsupported(&failure) => None,
            Err(failure) if connection.is_alive() => {
                let error = from_failure("the hypervisor's version is unknown", &failure);
                warnings.push(error.message);
                None
            }
            Err(failure) => return Err(self.error("the hypervisor's version", &failure)),
        };
        let hostname = match self.optional("the host name", connection.hostname())? {
            Some(name) => name,
            None => self.uri.host().map(str::to_owned).ok_or_else(|| {
                GatherError::new(
                    ErrorKind::Unsupported,
                    format!("{}: the driver tells no host name", self.uri),
                )
            })?,
        };
        let facts = HostFacts {
            hostname,
            driver: connection
                .driver()
                .map_err(|failure| self.error("the driver's name", &failure))?,
            hypervisor_version: hypervisor_version.filter(|version| *version > 0),
            library_version: self
                .optional("libvirt's version", connection.library_version())?
                .filter(|version| *version > 0),
            capabilities: self.optional("the capabilities", connection.capabilities())?,
            node: self.optional("the node's processors and memory", connection.node_info())?,
        };
        Ok((facts, warnings))
    }

    /// Every guest's handle, in one call.
    pub fn domains(&self) -> Result<Vec<Domain>, GatherError> {
        self.connection.domains().map_err(|failure| self.error("the list of guests", &failure))
    }

    /// Some guests (at most [`BATCH`]), in one call where the driver has a bulk call for all
    /// that is asked. Left out is a guest of which libvirt itself says that it no longer
    /// exists. `check` is called before each further call.
    pub fn guests(
        &self,
        domains: &[Domain],
        check: impl Fn() -> Result<(), GatherError>,
    ) -> Result<Vec<Guest>, GatherError> {
        let mut known = self.bulk(domains)?;
        let mut guests = Vec::with_capacity(domains.len());
        for domain in domains {
            let failed = |failure| self.error("a guest's name or UUID", &failure);
            let uuid = domain.uuid().map_err(failed)?;
            let name = domain.name().map_err(failed)?;
            let mut stats = known.remove(&uuid).unwrap_or_default();
            if !stats.is_whole() {
                check()?;
                match domain.info() {
                    Ok(info) => stats = info,
                    Err(failure) if is_gone(&failure) => {
                        log::info!("{}: guest {name} was deleted while it was listed", self.uri);
                        continue;
                    }
                    Err(failure) => return Err(self.error(&format!("guest {name}"), &failure)),
                }
            }
            guests.push(map::guest(name, uuid, stats));
        }
        Ok(guests)
    }

    /// An error of this session's data, with the URI in front.
    pub fn name(&self, error: GatherError) -> GatherError {
        GatherError { message: format!("{}: {}", self.uri, error.message), ..error }
    }

    /// What the bulk call tells of these guests; nothing where there is none.
    fn bulk(&self, domains: &[Domain]) -> Result<HashMap<[u8; 16], Stats>, GatherError> {
        if domains.is_empty() {
            return Ok(HashMap::new());
        }
        loop {
            let call = self.stats_call.get();
            let slower = match call {
                StatsCall::BulkNoWait => StatsCall::Bulk,
                StatsCall::Bulk | StatsCall::Single => StatsCall::Single,
            };
            if call == StatsCall::Single {
                return Ok(HashMap::new());
            }
            match self.connection.stats(domains, call == StatsCall::BulkNoWait) {
                Ok(records) => return Ok(records.into_iter().collect()),
                Err(failure) if is_unsupported(&failure) => {
                    self.stats_call.set(StatsCall::Single);
                }
                Err(failure) if is_unknown_flag(&failure) => self.stats_call.set(slower),
                Err(failure) => return Err(self.error("the guests' states", &failure)),
            }
        }
    }

    fn optional<T>(
        &self,
        what: &str,
        result: Result<T, Failure>,
    ) -> Result<Option<T>, GatherError> {
        match result {
            Ok(value) => Ok(Some(value)),
            Err(failure) if is_unsupported(&failure) => Ok(None),
            Err(failure) => Err(self.error(what, &failure)),
        }
    }

    fn error(&self, what: &str, failure: &Failure) -> GatherError {
        from_failure(&format!("{}: {what}", self.uri), failure)
    }
}

/// Connects to the port that libvirt is about to connect to, and hangs up: libvirt would wait
/// for a silent host as long as the kernel does, and its errors do not tell a deadline.
fn probe(uri: &Uri, remaining: Option<Duration>) -> Result<(), GatherError> {
    let Some((host, port)) = uri.tcp_target() else { return Ok(()) };
    let failed = |kind, text: &str| {
        Err(GatherError::new(kind, format!("{uri}: no connection to port {port}: {text}"))
            .with_hint("is the libvirt daemon listening there? see listen_tcp, listen_tls"))
    };
    let addresses = (host, port).to_socket_addrs().map_err(|error| {
        GatherError::new(ErrorKind::Connection, format!("{uri}: {error}"))
            .with_hint("is the host's name right, and does this machine's resolver know it?")
    })?;
    let allowed = remaining.map_or(PROBE_MAX, |left| left.saturating_sub(PROBE_MARGIN));
    let end = Instant::now() + allowed.min(PROBE_MAX);
    let mut outcome = failed(ErrorKind::Connection, "the host has no address");
    for address in addresses {
        let left = end.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return failed(ErrorKind::Timeout, "the time is up");
        }
        match TcpStream::connect_timeout(&address, left) {
            Ok(_) => return Ok(()),
            Err(error) if error.kind() == std::io::ErrorKind::TimedOut => {
                outcome = failed(ErrorKind::Timeout, "no answer");
            }
            Err(error) => outcome = failed(ErrorKind::Connection, &error.to_string()),
        }
    }
    outcome
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use gatherer_plugin_api::{ErrorKind, Secret};

    use super::{credentials, load, probe};
    use crate::Parameters;
    use crate::uri::Uri;

    #[test]
    fn a_missing_library_is_our_own_sentence() {
        let error = load("libvirt-that-is-not.so.0").err().expect("no such library");
        assert_eq!(error.kind, ErrorKind::Unsupported);
        assert_eq!(error.message, "libvirt-that-is-not.so.0 is not installed");
    }

    #[test]
    fn a_closed_port_is_a_connection_error_before_libvirt_is_asked() {
        let port = {
            let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
            listener.local_addr().expect("an address").port()
        };
        let uri = Uri::parse(&format!("qemu+tcp://u@127.0.0.1:{port}/system")).expect("fine");
        let error = probe(&uri, Some(Duration::from_secs(5))).expect_err("closed");
        assert_eq!(error.kind, ErrorKind::Connection);
        assert!(error.message.contains(&port.to_string()), "{error}");
        assert!(!error.message.contains("u@"), "{error}");
    }

    #[test]
    fn an_empty_user_name_counts_as_none_and_nul_is_refused() {
        let parameters = |name: &str, password: &str| Parameters {
            uri: String::new(),
            sasl_username: Some(name.into()),
            sasl_password: Some(Secret::new(password.into())),
        };
        let both = credentials(&parameters("", "")).expect("fine");
        assert!(both.username.is_none() && both.password.is_none());
        let error = credentials(&parameters("u", "hun\0ter2")).err().expect("refused");
        assert_eq!(error.kind, ErrorKind::Configuration);
        assert!(!error.to_string().contains("hun"), "{error}");
    }
}
