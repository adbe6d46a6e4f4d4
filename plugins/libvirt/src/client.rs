//! The conversation with libvirt: connecting and asking, in as few calls as the driver allows.

use std::cell::Cell;
use std::collections::{HashMap, HashSet};
use std::ffi::CString;
use std::sync::Arc;
use std::time::Duration;

use gatherer_plugin_api::model::Guest;
use gatherer_plugin_api::{ErrorKind, GatherError};
use gatherer_plugin_support::file::FoundFile;

use crate::Parameters;
use crate::errors::{
    from_failure, from_load_error, is_gone, is_sasl, is_too_much, is_unknown_flag, is_unsupported,
};
use crate::ffi::{Api, Connection, Credentials, Domain, Failure};
use crate::map::{self, HostFacts, Stats};
use crate::patience;
use crate::probe::probe;
use crate::uri::Uri;

/// How many guests one call asks for. Daemons before 2.0 refuse answers above 4,096 guests;
/// 1,000 keeps one answer far below the 32 MiB that a daemon may send at once.
pub const BATCH: usize = 1_000;

/// The longest wait for a bulk call, where the endpoint's own deadline is not near.
const BULK_PATIENCE: Duration = Duration::from_secs(5);

/// How often guests are listed again that are said to be gone. One that comes and goes all the time
/// is there or not with some chance each time, so that this many times in vain are no chance.
const LISTED_AGAIN_MAX: usize = 30;

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
    connection: Arc<Connection>,
    uri: Uri,
    stats_call: Cell<StatsCall>,
    /// How long a bulk call may take.
    patience: Duration,
    /// Whether one has taken longer.
    hung: Cell<bool>,
}

/// How state, CPUs and memory of many guests are asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum StatsCall {
    /// In bulk, without waiting for a guest that somebody else's call works on (QEMU since libvirt
    /// 4.5).
    BulkNoWait,
    /// In bulk.
    Bulk,
    /// Guest by guest: the driver has no bulk call, or does not come back from it.
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
        check_file(&uri)?;
        probe(&uri, remaining)?;
        let text = CString::new(uri.to_connect_string())
            .map_err(|_| GatherError::configuration("the parameter uri holds a NUL character"))?;
        let connection = api.connect(&text, credentials).map_err(|failure| {
            let error = from_failure(&uri.to_string(), &failure);
            // A mechanism that would fit needs what we were not given.
            let error = match credentials.lacking() {
                Some(lacking) if error.kind == ErrorKind::Authentication && is_sasl(&failure) => {
                    error.with_hint(format!(
                        "the daemon asks for a user and a password: set {lacking}"
                    ))
                }
                _ => error,
            };
            // Nothing was said yet, so XML can only be that of a test driver's file.
            if error.kind == ErrorKind::Protocol && uri.host().is_none() {
                GatherError { kind: ErrorKind::Configuration, ..error }
            } else {
                error
            }
        })?;
        tracing::debug!("connected to {uri}");
        Ok(Self {
            connection: Arc::new(connection),
            uri,
            stats_call: Cell::new(StatsCall::BulkNoWait),
            patience: remaining.map_or(BULK_PATIENCE, |left| BULK_PATIENCE.min(left / 4)),
            hung: Cell::new(false),
        })
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
        let told = self.optional("the host name", connection.hostname())?;
        let hostname = match (told, self.uri.host()) {
            (Some(name), _) if !name.trim().is_empty() => name,
            (_, Some(host)) => host.to_owned(),
            (told, None) => {
                let kind =
                    if told.is_some() { ErrorKind::Protocol } else { ErrorKind::Unsupported };
                let message = format!("{}: the driver tells no host name", self.uri);
                return Err(GatherError::new(kind, message));
            }
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
    /// that is asked. Left out is a guest of which libvirt says that it no longer exists, and
    /// which it then no longer lists. `check` is called before each further call.
    pub fn guests(
        &self,
        domains: &[Domain],
        check: impl Fn() -> Result<(), GatherError>,
    ) -> Result<Vec<Guest>, GatherError> {
        let mut known = self.bulk(domains, &check)?;
        let mut guests = Vec::with_capacity(domains.len());
        let mut gone = HashSet::new();
        for domain in domains {
            let (uuid, name) = self.identity(domain)?;
            let mut stats = known.remove(&uuid).unwrap_or_default();
            if !stats.is_whole() {
                check()?;
                let Some(info) = self.info(domain, &name)? else {
                    gone.insert(uuid);
                    continue;
                };
                stats = info;
            }
            guests.push(map::guest(name, uuid, stats));
        }
        if !gone.is_empty() {
            self.listed_again(gone, check, &mut guests)?;
        }
        Ok(guests)
    }

    /// Of guests that are said to be gone, those that are listed nevertheless: they were made
    /// anew meanwhile. It is asked again for as long as a guest is listed and then gone, as one
    /// that is made and removed all the time may be. One that is so again and again fails the
    /// endpoint, because then neither answer is to be believed.
    fn listed_again(
        &self,
        mut gone: HashSet<[u8; 16]>,
        check: impl Fn() -> Result<(), GatherError>,
        guests: &mut Vec<Guest>,
    ) -> Result<(), GatherError> {
        let mut doubtful = String::new();
        for _ in 0..LISTED_AGAIN_MAX {
            check()?;
            let mut still = HashSet::new();
            for domain in self.domains()? {
                let (uuid, name) = self.identity(&domain)?;
                if !gone.contains(&uuid) {
                    continue;
                }
                check()?;
                if let Some(stats) = self.info(&domain, &name)? {
                    guests.push(map::guest(name, uuid, stats));
                } else {
                    still.insert(uuid);
                    doubtful = name;
                }
            }
            if still.is_empty() {
                return Ok(());
            }
            gone = still;
        }
        Err(GatherError::protocol(format!(
            "{}: guest {doubtful} is listed, and does not exist when it is asked for",
            self.uri
        )))
    }

    fn identity(&self, domain: &Domain) -> Result<([u8; 16], String), GatherError> {
        let failed = |failure| self.error("a guest's name or UUID", &failure);
        Ok((domain.uuid().map_err(failed)?, domain.name().map_err(failed)?))
    }

    /// What a guest says of itself; `None` if it is said not to exist.
    fn info(&self, domain: &Domain, name: &str) -> Result<Option<Stats>, GatherError> {
        match domain.info() {
            Ok(info) => Ok(Some(info)),
            Err(failure) if is_gone(&failure) => {
                tracing::info!(
                    "{}: guest {name} is listed, and gone when it is asked for",
                    self.uri
                );
                Ok(None)
            }
            Err(failure) => Err(self.error(&format!("guest {name}"), &failure)),
        }
    }

    /// An error of this session's data, with the URI in front.
    pub fn name(&self, error: GatherError) -> GatherError {
        GatherError { message: format!("{}: {}", self.uri, error.message), ..error }
    }

    /// A sentence for the operator if the bulk call did not come back.
    pub fn slowness(&self) -> Option<String> {
        self.hung.get().then(|| {
            format!(
                "the daemon did not answer for all guests at once within {:.1} s, so each was asked \
                 for by itself: the process of one of them (qemu) may hang",
                self.patience.as_secs_f32()
            )
        })
    }

    /// What the bulk call tells of these guests; nothing where there is none.
    ///
    /// It speaks with the process of each running guest, and waits for ever for one that hangs
    /// (one in a dead file system, say), as libvirt's flag spares us only the guests that another
    /// call waits for already. So it has a thread and an end. The call for a single guest speaks
    /// with no guest's process.
    fn bulk(
        &self,
        domains: &[Domain],
        check: impl Fn() -> Result<(), GatherError>,
    ) -> Result<HashMap<[u8; 16], Stats>, GatherError> {
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
            let (connection, asked) = (Arc::clone(&self.connection), domains.to_vec());
            let nowait = call == StatsCall::BulkNoWait;
            let ask = move || connection.stats(&asked, nowait);
            let Some(answer) = patience::within(self.patience, &check, ask)? else {
                tracing::warn!("{}: the bulk call does not come back", self.uri);
                self.hung.set(true);
                self.stats_call.set(StatsCall::Single);
                return Ok(HashMap::new());
            };
            match answer {
                Ok(records) => return Ok(records.into_iter().collect()),
                Err(failure) if is_unsupported(&failure) => {
                    self.stats_call.set(StatsCall::Single);
                }
                // One guest with hundreds of processors may be more than an answer can hold.
                Err(failure) if is_too_much(&failure) => self.stats_call.set(StatsCall::Single),
                Err(failure) if is_unknown_flag(&failure) => self.stats_call.set(slower),
                // Old daemons fail the whole call for one guest that was deleted meanwhile: on
                // a busy one that may happen every time.
                Err(failure) if is_gone(&failure) => return Ok(HashMap::new()),
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

/// The largest file that the test driver is given.
const TEST_FILE_MAX_BYTES: usize = 16 * 1024 * 1024;

/// Refuses a file for the test driver that is not a regular one of a sensible size: libvirt reads
/// it itself, would wait for a FIFO for ever and take any amount of memory.
fn check_file(uri: &Uri) -> Result<(), GatherError> {
    let Some(path) = uri.test_file() else { return Ok(()) };
    FoundFile::find(path)
        .and_then(|found| found.check(TEST_FILE_MAX_BYTES))
        .map(drop)
        .map_err(|error| GatherError::configuration(format!("{uri}: it {error}")))
}

#[cfg(test)]
mod tests {
    use gatherer_plugin_api::{ErrorKind, Secret};

    use super::{credentials, load};
    use crate::Parameters;

    #[test]
    fn a_missing_library_is_our_own_sentence() {
        let error = load("libvirt-that-is-not.so.0").err().expect("no such library");
        assert_eq!(error.kind, ErrorKind::Unsupported);
        assert_eq!(error.message, "libvirt-that-is-not.so.0 is not installed");
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
