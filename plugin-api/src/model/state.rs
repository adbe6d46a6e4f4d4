//! The states of hosts and guests. The model also keeps the source's own word for each state.

use serde::{Deserialize, Serialize};

/// The state of a guest. The Manager's labels and virt-who's numbers are both derived from it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub enum GuestState {
    /// The source does not know the state.
    Unknown,
    /// Running.
    Running,
    /// Running and waiting for a resource (libvirt's "blocked", which virsh shows as "idle").
    Blocked,
    /// The CPUs are stopped; the memory is kept.
    Paused,
    /// Requested to shut down, but still running.
    ShuttingDown,
    /// Powered off.
    Stopped,
    /// Ended because of a fault.
    Crashed,
    /// Saved to disk, or put to sleep by its power management.
    Suspended,
    /// Being started.
    PoweringOn,
    /// Being powered off.
    PoweringOff,
    /// Being paused.
    Pausing,
    /// Being suspended.
    Suspending,
    /// Being resumed.
    Resuming,
    /// Being reset.
    Resetting,
    /// Being migrated to another host.
    Migrating,
}

impl GuestState {
    /// All states, in the order of declaration.
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

    /// The label of the state in SUSE Manager and Uyuni (`vmState`), which show any other word as
    /// Unknown. They have no label for a blocked guest, so it gets the label of a running one.
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

    /// The state with this Manager label; `None` if the Manager does not have this label.
    pub fn from_manager_label(label: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.manager_label() == label)
    }

    /// The state for a word of any source: a Manager's label, a word of libvirt, or of another product (VMware, Xen,
    /// Hyper-V, VirtualBox, oVirt, Proxmox, Nutanix, OpenStack, OpenNebula, AWS, Azure, Google). Case, blanks and
    /// punctuation do not matter. A word that is not known is [`GuestState::Unknown`]; a word without letters and digits
    /// is no state.
    ///
    /// ```
    /// use gatherer_plugin_api::model::GuestState;
    /// assert_eq!(GuestState::from_word("shut off"), Some(GuestState::Stopped));
    /// assert_eq!(GuestState::from_word("poweredOn"), Some(GuestState::Running));
    /// assert_eq!(GuestState::from_word("dancing"), Some(GuestState::Unknown));
    /// assert_eq!(GuestState::from_word(" "), None);
    /// ```
    pub fn from_word(word: &str) -> Option<Self> {
        let letters: String = word
            .chars()
            .filter(|character| character.is_alphanumeric())
            .map(|character| character.to_ascii_lowercase())
            .collect();
        if letters.is_empty() {
            return None;
        }
        // Azure reports "PowerState/running" and shows "VM running".
        let bare = letters.strip_prefix("powerstate").or_else(|| letters.strip_prefix("vm"));
        let find = |letters: &str| {
            WORDS.iter().find(|(_, words)| words.contains(&letters)).map(|(state, _)| *state)
        };
        Some(find(&letters).or_else(|| bare.and_then(find)).unwrap_or(Self::Unknown))
    }

    /// virt-who's number for the state, 0 to 7, as in libvirt's `virDomainState`. A guest that is
    /// changing its state has the number of its current state.
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

/// The words of all known sources for each state, in lower case and with letters and digits only.
const WORDS: [(GuestState, &[&str]); 15] = [
    (GuestState::Unknown, &["unknown", "nostate", "undefined"]),
    (
        GuestState::Running,
        &["running", "active", "on", "poweredon", "up", "online", "started", "runn", "rescue"],
    ),
    (GuestState::Blocked, &["blocked", "idle"]),
    (GuestState::Paused, &["paused", "prelaunch", "postmigrate", "ioerror"]),
    (GuestState::ShuttingDown, &["shuttingdown", "inshutdown", "dying", "softshutdown"]),
    (
        GuestState::Stopped,
        &[
            "stopped",
            "shutoff",
            "shutdown",
            "off",
            "poweredoff",
            "powereddown",
            "poweroff",
            "down",
            "offline",
            "halted",
            "terminated",
            "deallocated",
            "undeployed",
            "shelved",
            "shelvedoffloaded",
            "succeeded",
            "poff",
            "stop",
            "unde",
        ],
    ),
    (
        GuestState::Crashed,
        &[
            "crashed",
            "failed",
            "fail",
            "error",
            "aborted",
            "internalerror",
            "guestpanicked",
            "gurumeditation",
        ],
    ),
    (
        GuestState::Suspended,
        &["suspended", "pmsuspended", "saved", "hibernated", "hibernating", "susp"],
    ),
    (
        GuestState::PoweringOn,
        &[
            "poweringon",
            "poweringup",
            "starting",
            "booting",
            "boot",
            "pending",
            "pend",
            "prolog",
            "prol",
            "provisioning",
            "staging",
            "scheduling",
            "scheduled",
            "build",
            "waitforlaunch",
        ],
    ),
    (
        GuestState::PoweringOff,
        &["poweringoff", "poweringdown", "stopping", "deallocating", "shutdownpoweroff", "epilog"],
    ),
    (GuestState::Pausing, &["pausing"]),
    (GuestState::Suspending, &["suspending", "saving", "savingstate", "savevm", "savesuspend"]),
    (GuestState::Resuming, &["resuming", "restoring", "restoringstate", "restorevm", "unpausing"]),
    (
        GuestState::Resetting,
        &["resetting", "reset", "rebooting", "reboot", "hardreboot", "rebootinprogress"],
    ),
    (
        GuestState::Migrating,
        &["migrating", "migrate", "migr", "inmigrate", "finishmigrate", "migratingto"],
    ),
];

/// The state of a host.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub enum HostState {
    /// Reachable and accepts guests.
    Up,
    /// Reachable but does not accept new guests (maintenance mode, a cordoned node).
    Maintenance,
    /// Known to be off or not working.
    Down,
    /// The software that manages the host has lost the connection to it.
    Disconnected,
}

#[cfg(test)]
mod tests {
    use super::GuestState;

    #[test]
    fn labels_map_back_to_their_states_except_for_blocked() {
        for state in GuestState::ALL {
            let back = GuestState::from_manager_label(state.manager_label());
            let expected = if state == GuestState::Blocked { GuestState::Running } else { state };
            assert_eq!(back, Some(expected));
        }
        assert_eq!(GuestState::from_manager_label("shut off"), None);
    }

    #[test]
    fn words_of_many_products_have_a_state_and_each_word_only_one() {
        for (word, state) in [
            ("in shutdown", GuestState::ShuttingDown),
            ("idle", GuestState::Blocked),
            ("SHUT OFF", GuestState::Stopped),
            ("shutting down", GuestState::ShuttingDown),
            ("pmsuspended", GuestState::Suspended),
            ("no state", GuestState::Unknown),
            ("poweredOff", GuestState::Stopped),
            ("POWEROFF", GuestState::Stopped),
            ("ON", GuestState::Running),
            ("SHUTDOWN_POWEROFF", GuestState::PoweringOff),
            ("guest-panicked", GuestState::Crashed),
            ("VM deallocated", GuestState::Stopped),
            ("PowerState/running", GuestState::Running),
            ("ausgeschaltet", GuestState::Unknown),
            ("läuft", GuestState::Unknown),
        ] {
            assert_eq!(GuestState::from_word(word), Some(state), "{word}");
        }
        assert_eq!(GuestState::from_word(" - "), None);
        for state in GuestState::ALL {
            let label = state.manager_label();
            assert_eq!(GuestState::from_word(label), GuestState::from_manager_label(label));
        }
        let mut words: Vec<_> = super::WORDS.iter().flat_map(|(_, words)| *words).collect();
        let count = words.len();
        words.sort();
        words.dedup();
        assert_eq!(words.len(), count, "a word has two states");
    }

    #[test]
    fn virt_who_numbers_are_at_most_7() {
        assert!(GuestState::ALL.iter().all(|state| state.virt_who_number() <= 7));
    }
}
