//! Reads the details of guests that only their descriptions have: interfaces, disks, the operating system. It takes one
//! call for each guest.

use std::collections::HashMap;
use std::str::FromStr;
use std::time::{Duration, Instant};

use gatherer_plugin_api::model::Guest;
use gatherer_plugin_api::{Context, GatherError};
use gatherer_plugin_support::uuid;

use crate::call_timeout::call_with_timeout;
use crate::client::Session;
use crate::errors::{gather_error, is_gone, is_unsupported};
use crate::ffi::Domain;
use crate::map::describe;

/// The most guests of a hypervisor whose details are read by default.
const MAX_GUESTS: usize = 200;

/// The longest wait for the description of a guest.
const TIMEOUT_MAX: Duration = Duration::from_secs(5);

/// The parameter `details`: whether the details of guests are read.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Details {
    /// If the hypervisor has at most 200 guests.
    #[default]
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

impl FromStr for Details {
    type Err = GatherError;

    fn from_str(text: &str) -> Result<Self, GatherError> {
        match text {
            "auto" | "" => Ok(Self::Auto),
            "always" => Ok(Self::Always),
            "never" => Ok(Self::Never),
            _ => Err(GatherError::configuration("details must be auto, always or never")),
        }
    }
}

/// Reads the details of the guests of one session, until half of the endpoint's remaining time has passed.
pub struct DetailReader<'a> {
    session: &'a Session,
    enabled: bool,
    deadline: Option<Instant>,
    /// Whether the call for a guest timed out. No further calls are made then.
    timed_out: bool,
    /// How many guests have no details, because the time was over or their call failed.
    unread: usize,
    /// The first reason why a guest has none.
    reason: Option<String>,
}

impl<'a> DetailReader<'a> {
    /// A reader for a hypervisor with this number of guests.
    pub fn new(session: &'a Session, details: Details, guests: usize, context: &Context) -> Self {
        let enabled = match details {
            Details::Auto if guests > MAX_GUESTS => {
                tracing::info!(
                    "the details of {guests} guests are not read, which would take a call for each: \
                     set details to always to read them"
                );
                false
            }
            Details::Auto | Details::Always => true,
            Details::Never => false,
        };
        let deadline = context.remaining().map(|time| Instant::now() + time / 2);
        Self { session, enabled, deadline, timed_out: false, unread: 0, reason: None }
    }

    /// Adds the details to guests that were read from these domains. A guest without details is not an error: it was
    /// read completely before. `check` is called before each call, and its error ends the reading.
    pub fn add_to(
        &mut self,
        guests: &mut [Guest],
        domains: &[Domain],
        check: impl Fn() -> Result<(), GatherError>,
    ) -> Result<(), GatherError> {
        if !self.enabled {
            return Ok(());
        }
        if self.session.bulk_timed_out() {
            self.reason.get_or_insert_with(|| "the query for all guests timed out".to_owned());
            self.unread += guests.len();
            return Ok(());
        }
        let by_uuid: HashMap<String, ([u8; 16], &Domain)> = domains
            .iter()
            .filter_map(|domain| domain.uuid().ok().map(|uuid| (uuid, domain)))
            .map(|(uuid, domain)| (uuid::from_bytes(uuid), (uuid, domain)))
            .collect();
        for guest in guests {
            // A guest that was created again meanwhile has no handle here.
            let found = guest.uuid.as_ref().and_then(|uuid| by_uuid.get(uuid));
            let Some((uuid, domain)) = found else { continue };
            if self.session.is_locked(*uuid) {
                tracing::debug!("guest {} is locked, so its details are not read", guest.name);
                continue;
            }
            let left =
                self.deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
            let timeout = left.map_or(TIMEOUT_MAX, |left| left.min(TIMEOUT_MAX));
            if timeout.is_zero() {
                self.skip("reading them took half of the endpoint's time");
                continue;
            }
            if self.timed_out {
                self.unread += 1;
                continue;
            }
            check()?;
            // The daemon may wait without limit for the process of the guest.
            let domain = (*domain).clone();
            let call = move || domain.description();
            match call_with_timeout(timeout, &check, call)? {
                None => {
                    let seconds = timeout.as_secs_f32();
                    self.skip(&format!(
                        "the daemon did not answer within {seconds:.1} s for guest {}, whose process (qemu) may hang",
                        guest.name
                    ));
                    self.timed_out = true;
                }
                Some(Ok(description)) => {
                    if let Err(error) = describe(&description, guest) {
                        self.skip(&format!("guest {}: {error}", guest.name));
                    }
                }
                Some(Err(failure)) if is_unsupported(&failure) => {
                    tracing::debug!("the driver has no descriptions of guests");
                    self.enabled = false;
                    return Ok(());
                }
                Some(Err(failure)) if is_gone(&failure) => {}
                Some(Err(failure)) if self.session.is_alive() => {
                    let error = gather_error(&format!("guest {}", guest.name), &failure);
                    self.skip(&error.message);
                }
                Some(Err(failure)) => {
                    return Err(self.session.error("a guest's description", &failure));
                }
            }
        }
        Ok(())
    }

    fn skip(&mut self, reason: &str) {
        self.unread += 1;
        self.reason.get_or_insert_with(|| reason.to_owned());
    }

    /// A warning if the details of guests could not be read.
    pub fn warning(&self) -> Option<String> {
        let reason = self.reason.as_ref()?;
        let guests = match self.unread {
            1 => "1 guest".to_owned(),
            number => format!("{number} guests"),
        };
        Some(format!(
            "interfaces, disks and operating system of {guests} are unknown: {reason} (set details to never if they \
             are not needed)"
        ))
    }
}

#[cfg(test)]
mod tests {
    use gatherer_plugin_api::ErrorKind;

    use super::Details;

    #[test]
    fn the_parameter_is_one_of_three_words() {
        let parsed = ["auto", "", "always", "never"].map(|text| text.parse::<Details>().ok());
        let expected = [Details::Auto, Details::Auto, Details::Always, Details::Never];
        assert_eq!(parsed, expected.map(Some));
        let error = "yes".parse::<Details>().expect_err("not one of the words");
        assert_eq!(error.kind, ErrorKind::Configuration);
    }
}
