//! A session with libvirt: connects and queries the host and its guests in as few calls as the
//! driver allows.

use std::cell::{Cell, RefCell};
use std::collections::{HashMap, HashSet};
use std::ffi::CString;
use std::sync::Arc;
use std::time::{Duration, Instant};

use gatherer_plugin_api::model::Guest;
use gatherer_plugin_api::{ErrorKind, GatherError};

use crate::Parameters;
use crate::call_timeout::call_with_timeout;
use crate::errors::{
    LOGIN_HINT, gather_error, is_answer_too_large, is_gone, is_sasl, is_unknown_flag,
    is_unsupported, load_error,
};
use crate::ffi::{Api, Connection, Credentials, Domain, Failure};
use crate::files;
use crate::map::{self, HostFacts, Stats};
use crate::probe::probe;
use crate::uri::Uri;

/// How many guests one bulk call covers. Daemons before 2.0 refuse answers of more than 4,096
/// guests; 1,000 guests keep an answer far below 32 MiB, the most that a daemon may send at once.
pub const BATCH: usize = 1_000;

/// The longest wait for a bulk call; shorter if the endpoint's deadline is near.
const BULK_TIMEOUT_MAX: Duration = Duration::from_secs(5);

/// How many times the list is read again for guests that libvirt lists but reports as missing. A
/// guest that is created and removed all the time may look like that by chance a few times, but
/// not this many times in a row.
const CONFIRM_ATTEMPTS_MAX: usize = 30;

/// The user name and password for libvirt, from the parameters; an empty text counts as not set.
pub fn credentials(parameters: &Parameters) -> Result<Credentials, GatherError> {
    let text = |name: &str, value: Option<&str>| {
        let value = value.filter(|value| !value.is_empty());
        value
            .map(CString::new)
            .transpose()
            .map_err(|_| GatherError::configuration(format!("{name} contains a NUL character")))
    };
    let password = parameters.sasl_password.as_ref().map(|secret| secret.expose().as_str());
    Ok(Credentials {
        username: text("sasl_username", parameters.sasl_username.as_deref())?,
        password: text("sasl_password", password)?,
    })
}

/// Whether the daemon did not accept user and password.
fn failed_login(error: &GatherError) -> bool {
    error.kind == ErrorKind::Authentication && error.hint.as_deref() == Some(LOGIN_HINT)
}

/// Loads libvirt's client library.
pub fn load(library: &str) -> Result<&'static Api, GatherError> {
    Api::load(library).map_err(|error| load_error(library, error))
}

/// An open connection, and which calls its driver supports.
pub struct Session {
    connection: Arc<Connection>,
    uri: Uri,
    stats_call: Cell<StatsCall>,
    /// How long a bulk call may take.
    bulk_timeout: Duration,
    /// Whether a bulk call has taken longer than `bulk_timeout`.
    bulk_timed_out: Cell<bool>,
    /// The guests that bulk calls left out because another client's call has locked them.
    locked: RefCell<HashSet<[u8; 16]>>,
}

/// Which call reads state, CPUs and memory of the guests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum StatsCall {
    /// The bulk call, which skips guests that another client's call has locked (QEMU since libvirt
    /// 4.5).
    BulkNoWait,
    /// The bulk call.
    Bulk,
    /// One call for each guest: the driver has no bulk call, or it timed out.
    Single,
}

impl Session {
    /// Connects read-only. `remaining`, the time until the endpoint's deadline, limits the wait for
    /// a TCP connection, because libvirt itself has no such limit, and for bulk calls.
    pub fn open(
        api: &'static Api,
        uri: Uri,
        credentials: &Credentials,
        remaining: Option<Duration>,
    ) -> Result<Self, GatherError> {
        files::check_test_file(&uri)?;
        probe(&uri, remaining)?;
        let text = CString::new(uri.to_connect_string()).map_err(|_| {
            GatherError::configuration("the parameter uri contains a NUL character")
        })?;
        let shown = if credentials.username.is_some() { "sasl_username" } else { "no user name" };
        tracing::debug!("{uri}: connecting with {shown}");
        let started = Instant::now();
        let connection = api.connect(&text, credentials).map_err(|failure| {
            let error = gather_error(&uri.to_string(), &failure);
            // The daemon's SASL mechanism needs a parameter that the request does not have.
            let error = match credentials.missing_parameters() {
                Some(missing) if error.kind == ErrorKind::Authentication && is_sasl(&failure) => {
                    error.with_hint(format!(
                        "the daemon requires a user name and a password: set {missing}"
                    ))
                }
                None if failed_login(&error) => match credentials.username_text() {
                    Some(user) => error.with_hint(format!(
                        "check sasl_password: the daemon does not accept the password of the user {user}"
                    )),
                    None => error,
                },
                _ => error,
            };
            // Before the connection is open, only a test driver's file can contain invalid XML.
            if error.kind == ErrorKind::Protocol && uri.host().is_none() {
                GatherError { kind: ErrorKind::Configuration, ..error }
            } else {
                error
            }
        })?;
        tracing::debug!("connected to {uri} ({} ms)", started.elapsed().as_millis());
        Ok(Self {
            connection: Arc::new(connection),
            uri,
            stats_call: Cell::new(StatsCall::BulkNoWait),
            bulk_timeout: remaining.map_or(BULK_TIMEOUT_MAX, |left| BULK_TIMEOUT_MAX.min(left / 4)),
            bulk_timed_out: Cell::new(false),
            locked: RefCell::default(),
        })
    }

    /// The facts about the host, and warnings.
    ///
    /// A call that the driver does not support leaves its fact absent. Any other failure fails the
    /// endpoint, because without its UUID or its CPUs the host would look like a different one.
    pub fn host(&self) -> Result<(HostFacts, Vec<String>), GatherError> {
        let connection = &self.connection;
        let mut warnings = Vec::new();
        // On a QEMU host without an emulator this call fails; only the version is lost then.
        let hypervisor_version = match connection.hypervisor_version() {
            Ok(version) => Some(version),
            Err(failure) if is_unsupported(&failure) => None,
            Err(failure) if connection.is_alive() => {
                let error = gather_error("the hypervisor's version is unknown", &failure);
                warnings.push(error.message);
                None
            }
            Err(failure) => return Err(self.error("the hypervisor's version", &failure)),
        };
        let reported = self.optional("the host name", connection.hostname())?;
        let hostname = match (reported, self.uri.host()) {
            (Some(name), _) if !name.trim().is_empty() => name,
            (_, Some(host)) => host.to_owned(),
            (reported, None) => {
                let kind =
                    if reported.is_some() { ErrorKind::Protocol } else { ErrorKind::Unsupported };
                let message = format!("{}: the driver does not report a host name", self.uri);
                return Err(GatherError::new(kind, message));
            }
        };
        let started = Instant::now();
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
        tracing::debug!("{}: read the host ({} ms)", self.uri, started.elapsed().as_millis());
        Ok((facts, warnings))
    }

    /// The handles of all guests, in one call.
    pub fn domains(&self) -> Result<Vec<Domain>, GatherError> {
        let started = Instant::now();
        let domains = self
            .connection
            .domains()
            .map_err(|failure| self.error("the list of guests", &failure))?;
        let time = started.elapsed().as_millis();
        tracing::debug!("{}: listed {} guests ({time} ms)", self.uri, domains.len());
        Ok(domains)
    }

    /// Reads up to [`BATCH`] guests, in one call if the driver has a bulk call that reports
    /// everything. Leaves out a guest that no longer exists and is no longer listed. `check` is
    /// called before each further call, and its error ends the reading.
    pub fn guests(
        &self,
        domains: &[Domain],
        check: impl Fn() -> Result<(), GatherError>,
    ) -> Result<Vec<Guest>, GatherError> {
        let started = Instant::now();
        let mut known = self.bulk_stats(domains, &check)?;
        let mut guests = Vec::with_capacity(domains.len());
        let mut missing = HashSet::new();
        for domain in domains {
            let (uuid, name) = self.identity(domain)?;
            let of_guest = known.remove(&uuid);
            if of_guest.is_none() && self.stats_call.get() != StatsCall::Single {
                self.locked.borrow_mut().insert(uuid);
            }
            let mut stats = of_guest.unwrap_or_default();
            if !stats.is_complete() {
                check()?;
                let Some(info) = self.info(domain, &name)? else {
                    missing.insert(uuid);
                    continue;
                };
                stats = info;
            }
            guests.push(map::guest(name, uuid, stats));
        }
        if !missing.is_empty() {
            self.confirm_missing(missing, check, &mut guests)?;
        }
        let time = started.elapsed().as_millis();
        tracing::debug!("{}: read {} guests ({time} ms)", self.uri, guests.len());
        Ok(guests)
    }

    /// Lists the guests again to confirm that `missing` no longer exist, and adds those to `guests`
    /// that were created again meanwhile.
    ///
    /// A guest that is created and removed all the time may be listed and missing again, so this
    /// repeats until the list and the guests agree. If they never do, the endpoint fails, because
    /// neither answer can be trusted.
    fn confirm_missing(
        &self,
        mut missing: HashSet<[u8; 16]>,
        check: impl Fn() -> Result<(), GatherError>,
        guests: &mut Vec<Guest>,
    ) -> Result<(), GatherError> {
        let mut last_name = String::new();
        for _ in 0..CONFIRM_ATTEMPTS_MAX {
            check()?;
            let mut still_missing = HashSet::new();
            for domain in self.domains()? {
                let (uuid, name) = self.identity(&domain)?;
                if !missing.contains(&uuid) {
                    continue;
                }
                check()?;
                if let Some(stats) = self.info(&domain, &name)? {
                    guests.push(map::guest(name, uuid, stats));
                } else {
                    still_missing.insert(uuid);
                    last_name = name;
                }
            }
            if still_missing.is_empty() {
                return Ok(());
            }
            missing = still_missing;
        }
        Err(GatherError::protocol(format!(
            "{}: guest {last_name} is listed, but libvirt reports that it does not exist",
            self.uri
        )))
    }

    /// The UUID and name of a guest, without a call to the daemon.
    fn identity(&self, domain: &Domain) -> Result<([u8; 16], String), GatherError> {
        let failed = |failure| self.error("a guest's name or UUID", &failure);
        Ok((domain.uuid().map_err(failed)?, domain.name().map_err(failed)?))
    }

    /// State, CPUs and memory of one guest; `None` if libvirt reports that it does not exist.
    fn info(&self, domain: &Domain, name: &str) -> Result<Option<Stats>, GatherError> {
        match domain.info() {
            Ok(info) => Ok(Some(info)),
            Err(failure) if is_gone(&failure) => {
                tracing::info!("{}: guest {name} was listed but no longer exists", self.uri);
                Ok(None)
            }
            Err(failure) => Err(self.error(&format!("guest {name}"), &failure)),
        }
    }

    /// The error with this session's URI in front of its message.
    pub fn with_uri(&self, error: GatherError) -> GatherError {
        GatherError { message: format!("{}: {}", self.uri, error.message), ..error }
    }

    /// Whether a call that needs the guest's process may wait for another client's call.
    pub fn is_locked(&self, uuid: [u8; 16]) -> bool {
        self.locked.borrow().contains(&uuid)
    }

    /// Whether a bulk call timed out, so that the process of a guest may hang.
    pub fn bulk_timed_out(&self) -> bool {
        self.bulk_timed_out.get()
    }

    /// A warning for the operator if a bulk call timed out.
    pub fn bulk_timeout_warning(&self) -> Option<String> {
        self.bulk_timed_out.get().then(|| {
            format!(
                "the daemon did not answer the query for all guests within {:.1} s, so each guest \
                 was queried separately: the process of a guest (qemu) may hang",
                self.bulk_timeout.as_secs_f32()
            )
        })
    }

    /// The result of the bulk call for these guests; empty if the driver has no bulk call, or if it
    /// timed out.
    ///
    /// In the bulk call the daemon queries the process of each running guest, and waits without
    /// limit for a process that hangs, for example on a dead file system: libvirt's flag skips only
    /// guests for which another call already waits. So the call runs in a thread, with a timeout.
    /// The call for a single guest does not query the guest's process.
    fn bulk_stats(
        &self,
        domains: &[Domain],
        check: impl Fn() -> Result<(), GatherError>,
    ) -> Result<HashMap<[u8; 16], Stats>, GatherError> {
        if domains.is_empty() {
            return Ok(HashMap::new());
        }
        loop {
            let (nowait, without_flag) = match self.stats_call.get() {
                StatsCall::BulkNoWait => (true, StatsCall::Bulk),
                StatsCall::Bulk => (false, StatsCall::Single),
                StatsCall::Single => return Ok(HashMap::new()),
            };
            let (connection, batch) = (Arc::clone(&self.connection), domains.to_vec());
            let call = move || connection.stats(&batch, nowait);
            let Some(answer) = call_with_timeout(self.bulk_timeout, &check, call)? else {
                tracing::warn!("{}: the bulk call did not return in time", self.uri);
                self.bulk_timed_out.set(true);
                self.stats_call.set(StatsCall::Single);
                return Ok(HashMap::new());
            };
            match answer {
                Ok(records) => return Ok(records.into_iter().collect()),
                Err(failure) if is_unsupported(&failure) => {
                    self.stats_call.set(StatsCall::Single);
                }
                // One guest with hundreds of processors may exceed the size limit of an answer.
                Err(failure) if is_answer_too_large(&failure) => {
                    self.stats_call.set(StatsCall::Single);
                }
                Err(failure) if is_unknown_flag(&failure) => self.stats_call.set(without_flag),
                // Old daemons fail the whole call if one guest was deleted meanwhile. On a busy
                // daemon every call may fail like that, so this batch is read guest by guest.
                Err(failure) if is_gone(&failure) => return Ok(HashMap::new()),
                Err(failure) => return Err(self.error("the guests' states", &failure)),
            }
        }
    }

    /// `None` if the driver does not support the call.
    fn optional<T>(
        &self,
        subject: &str,
        result: Result<T, Failure>,
    ) -> Result<Option<T>, GatherError> {
        match result {
            Ok(value) => Ok(Some(value)),
            Err(failure) if is_unsupported(&failure) => Ok(None),
            Err(failure) => Err(self.error(subject, &failure)),
        }
    }

    /// Whether the connection still works.
    pub fn is_alive(&self) -> bool {
        self.connection.is_alive()
    }

    /// The error of a failed call that reads `subject`.
    pub fn error(&self, subject: &str, failure: &Failure) -> GatherError {
        gather_error(&format!("{}: {subject}", self.uri), failure)
    }
}

#[cfg(test)]
mod tests {
    use gatherer_plugin_api::{ErrorKind, Secret};

    use super::{credentials, load};
    use crate::Parameters;

    #[test]
    fn a_missing_library_is_unsupported_and_named() {
        let error = load("libvirt-missing.so.0").err().expect("the library does not exist");
        assert_eq!(error.kind, ErrorKind::Unsupported);
        assert!(error.message.contains("libvirt-missing.so.0"), "{error}");
    }

    #[test]
    fn an_empty_user_name_counts_as_not_set_and_nul_is_rejected() {
        let parameters = |name: &str, password: &str| Parameters {
            uri: String::new(),
            sasl_username: Some(name.into()),
            sasl_password: Some(Secret::new(password.into())),
            details: String::new(),
        };
        let both = credentials(&parameters("", "")).expect("valid credentials");
        assert!(both.username.is_none() && both.password.is_none());
        let error = credentials(&parameters("u", "hun\0ter2")).err().expect("rejected");
        assert_eq!(error.kind, ErrorKind::Configuration);
        assert!(!error.to_string().contains("hun"), "{error}");
    }
}
