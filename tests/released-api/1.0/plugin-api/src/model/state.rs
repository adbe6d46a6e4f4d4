//! The states of hosts and guests. The source's own word always stays beside them.

use serde::{Deserialize, Serialize};

/// What a guest is doing: the one enumeration that the Manager's labels and virt-who's
/// numbers both follow from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub enum GuestState {
    /// The source itself does not know.
    Unknown,
    /// It runs.
    Running,
    /// It runs and waits for a resource (libvirt's "blocked", shown as "idle").
    Blocked,
    /// Its CPUs are stopped, its memory is kept.
    Paused,
    /// It was asked to shut down and has not yet.
    ShuttingDown,
    /// It is off.
    Stopped,
    /// It ended by a fault.
    Crashed,
    /// Its state is kept on disk, or its power management put it to sleep.
    Suspended,
    /// It is being started.
    PoweringOn,
    /// It is being switched off.
    PoweringOff,
    /// It is about to be paused.
    Pausing,
    /// It is about to be suspended.
    Suspending,
    /// It is about to run again.
    Resuming,
    /// It is being reset.
    Resetting,
    /// It is moving to another host.
    Migrating,
}

impl GuestState {
    /// Every state, in the order of declaration.
    pub const ALL: [Self; 15] = [
        Self::Unknown,
        Self::Running,
        Self::Blocked,
        Self::Paused,
        Self::ShuttingDown,
        Self::Stopped,
        Self::Crashed,
        Self::Suspended,
        Self::PoweringOn,
        Self::PoweringOff,
        Self::Pausing,
        Self::Suspending,
        Self::Resuming,
        Self::Resetting,
        Self::Migrating,
    ];

    /// The label under which SUSE Manager and Uyuni know the state (`vmState`); any other
    /// word shows as Unknown there. A blocked guest is a running one to them.
    ///
    /// ```
    /// use gatherer_plugin_api::model::GuestState;
    /// assert_eq!(GuestState::ShuttingDown.manager_label(), "shutting_down");
    /// ```
    pub const fn manager_label(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Running | Self::Blocked => "running",
            Self::Paused => "paused",
            Self::ShuttingDown => "shutting_down",
            Self::Stopped => "stopped",
            Self::Crashed => "crashed",
            Self::Suspended => "suspended",
            Self::PoweringOn => "powering_on",
            Self::PoweringOff => "powering_off",
            Self::Pausing => "pausing",
            Self::Suspending => "suspending",
            Self::Resuming => "resuming",
            Self::Resetting => "resetting",
            Self::Migrating => "migrating",
        }
    }

    /// The state of a Manager's label; `None` for a word that the Manager does not know.
    pub fn from_manager_label(label: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.manager_label() == label)
    }

    /// virt-who's number, 0 to 7, which is libvirt's `virDomainState`: a guest on its way
    /// into or out of rest counts as what it still is.
    pub const fn virt_who_number(self) -> u8 {
        match self {
            Self::Unknown => 0,
            Self::Running
            | Self::PoweringOn
            | Self::Pausing
            | Self::Suspending
            | Self::Resetting
            | Self::Migrating => 1,
            Self::Blocked => 2,
            Self::Paused | Self::Resuming => 3,
            Self::ShuttingDown | Self::PoweringOff => 4,
            Self::Stopped => 5,
            Self::Crashed => 6,
            Self::Suspended => 7,
        }
    }
}

/// What a host is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub enum HostState {
    /// It is reachable and takes guests.
    Up,
    /// It is reachable and takes no new guests (maintenance mode, a cordoned node).
    Maintenance,
    /// It is known to be off or not working.
    Down,
    /// Whoever manages it has lost it.
    Disconnected,
}

#[cfg(test)]
mod tests {
    use super::GuestState;

    #[test]
    fn every_label_but_the_shared_one_leads_back_to_its_state() {
        for state in GuestState::ALL {
            let back = GuestState::from_manager_label(state.manager_label());
            let expected = if state == GuestState::Blocked { GuestState::Running } else { state };
            assert_eq!(back, Some(expected));
        }
        assert_eq!(GuestState::from_manager_label("shut off"), None);
    }

    #[test]
    fn virt_who_numbers_stay_in_range() {
        assert!(GuestState::ALL.iter().all(|state| state.virt_who_number() <= 7));
    }
}
