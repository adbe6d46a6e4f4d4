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
        // Azure reports "PowerState/running" and shows "VM running". Hyper-V adds "Critical" if it has lost the storage.
        let bare = letters
            .strip_prefix("powerstate")
            .or_else(|| letters.strip_prefix("vm"))
            .or_else(|| letters.strip_suffix("critical"));
        let find = |word: &str| {
            let of_state = |words: &str| words.split(' ').any(|known| known == word);
            WORDS.iter().find(|(_, words)| of_state(words)).map(|(state, _)| *state)
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

/// The words of all known sources for each state, in lower case and with letters and digits only, separated by blanks.
/// They are those of libvirt's `virDomainState` and QEMU's `RunState`, `xl list` and XAPI's `vm_power_state`, vSphere's
/// `VirtualMachinePowerState` and `GuestState`, Hyper-V's `VMState` and SCVMM's `VirtualMachineState`, VirtualBox's
/// `MachineState` and `VBoxManage`, oVirt's `VmStatus` and VDSM, Nutanix's `power_state`, OpenStack's server status and Nova's
/// `vm_states`, OpenNebula's `VM_STATE` and `LCM_STATE` with their short forms, EC2's instance state, Azure's `PowerState`,
/// Compute Engine's instance status, and KubeVirt's phases and `printableStatus`. A name means what its source's
/// documentation says: Nova's `RESIZE` is a migration to another host, and OpenNebula's `HOLD` a machine that is not started.
const WORDS: [(GuestState, &str); 15] = [
    (
        GuestState::Unknown,
        "unknown nostate undefined undetermined other unassigned notresponding unrecognized",
    ),
    (
        GuestState::Running,
        "running active on poweredon up online started enabled runn actv kon r rescue rescued \
         resized verifyresize password livesnapshotting onlinesnapshotting \
         deletingsnapshotonline deletingsnapshotlive hotplug hotplugsnapshot hotplugnic \
         hotplugsaveas hotplugresize hotp snap",
    ),
    (GuestState::Blocked, "blocked idle b"),
    (
        GuestState::Paused,
        "paused prelaunch preconfig postmigrate ioerror watchdog debug colo quiesce kpaused p \
         deletingsnapshotpaused deletingsnapshotlivepaused",
    ),
    (GuestState::ShuttingDown, "shuttingdown inshutdown dying softshutdown pendingstop d"),
    (
        GuestState::Stopped,
        "stopped shutoff shutdown off poweredoff powereddown poweroff down offline halted \
         notrunning disabled terminated deallocated undeployed shelved shelvedoffloaded \
         softdelete softdeleted deleted succeeded done hold imagelocked stored poff stop unde \
         koff s teleported snapshotting offlinesnapshotting restoringsnapshot \
         deletingsnapshot settingup hotplugsaveaspoweroff hotplugprologpoweroff \
         hotplugepilogpoweroff disksnapshotpoweroff disksnapshotrevertpoweroff \
         disksnapshotdeletepoweroff diskresizepoweroff",
    ),
    (
        GuestState::Crashed,
        "crashed failed fail failure error aborted abortedsaved stuck internalerror \
         guestpanicked gurumeditation crashloopbackoff repairing creationfailed bootfailure \
         prologfailure cloningfailure c",
    ),
    (
        GuestState::Suspended,
        "suspended pmsuspended saved fastsaved hibernated hibernating standby susp ksuspended \
         hotplugsaveassuspended disksnapshotsuspended disksnapshotrevertsuspended \
         disksnapshotdeletesuspended",
    ),
    (
        GuestState::PoweringOn,
        "poweringon poweringup starting booting boot pending pend prolog prol provisioning \
         staging scheduling scheduled build building rebuild revertresize waitforlaunch \
         waitingforvolumebinding errorunschedulable errimagepull imagepullbackoff \
         errorpvcnotfound datavolumeerror undercreation init lcminit cloning clon bootunknown \
         bootpoweroff bootsuspended bootstopped bootundeploy prologresume prologundeploy",
    ),
    (
        GuestState::PoweringOff,
        "poweringoff poweringdown stopping deallocating deprovisioning terminating \
         shutdownpoweroff shutdownundeploy shut cancel epilog epil epilogstop epilogundeploy \
         cleanup clea cleanupresubmit cleanupdelete",
    ),
    (GuestState::Pausing, "pausing"),
    (
        GuestState::Suspending,
        "suspending saving fastsaving savingstate savevm savesuspend savestop save",
    ),
    (GuestState::Resuming, "resuming restoring restoringstate restorevm unpausing"),
    (GuestState::Resetting, "resetting reset rebooting reboot hardreboot rebootinprogress"),
    (
        GuestState::Migrating,
        "migrating migrate migr inmigrate finishmigrate migratingto migrationsource \
         migrationdestination teleporting teleportingpausedvm teleportingin \
         teleportingincoming undermigration resize savemigrate prologmigrate \
         prologmigratepoweroff prologmigratesuspend bootmigrate waitforsync \
         waitingforreceiver",
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
        let mut words: Vec<_> =
            super::WORDS.iter().flat_map(|(_, words)| words.split(' ')).collect();
        let count = words.len();
        words.sort_unstable();
        words.dedup();
        assert_eq!(words.len(), count, "a word has two states");
    }

    /// Each list as its vendor publishes it. A word is not in the table only if it means that the state is not known.
    #[test]
    fn every_published_word_of_a_product_is_in_the_table() {
        let lists = [
            "no state|running|idle|blocked|paused|in shutdown|shut off|crashed|dying|pmsuspended",
            "debug|finish-migrate|inmigrate|internal-error|io-error|paused|postmigrate|prelaunch|restore-vm|running|\
             save-vm|shutdown|suspended|watchdog|guest-panicked|colo|preconfig",
            "r-----|-b----|--p---|---s--|----c-|-----d|Halted|Paused|Running|Suspended",
            "poweredOn|poweredOff|suspended|shuttingDown|resetting|standby|notRunning|running|POWERED_ON",
            "Other|Running|Off|Stopping|Saved|Paused|Starting|Reset|Saving|Pausing|Resuming|FastSaved|FastSaving|\
             RunningCritical|Off-Critical|StoppingCritical|SavedCritical|PausedCritical|StartingCritical|\
             ResetCritical|SavingCritical|PausingCritical|ResumingCritical|FastSavedCritical|FastSavingCritical",
            "PoweredOff|Saved|Teleported|Aborted|AbortedSaved|aborted-saved|Running|Paused|Stuck|guru meditation|\
             Teleporting|LiveSnapshotting|Starting|Stopping|Saving|Restoring|TeleportingPausedVM|TeleportingIn|\
             DeletingSnapshotOnline|DeletingSnapshotPaused|OnlineSnapshotting|RestoringSnapshot|DeletingSnapshot|\
             SettingUp|Snapshotting|poweroff",
            "unassigned|down|up|powering_up|paused|migrating|unknown|not_responding|wait_for_launch|\
             reboot_in_progress|saving_state|restoring_state|suspended|image_locked|powering_down|\
             Migration Source|Migration Destination",
            "ON|OFF|PAUSED|SUSPENDED|UNDETERMINED|kOn|kOff",
            "ACTIVE|BUILD|DELETED|ERROR|HARD_REBOOT|MIGRATING|PASSWORD|PAUSED|REBOOT|REBUILD|RESCUE|RESIZE|\
             REVERT_RESIZE|SHELVED|SHELVED_OFFLOADED|SHUTOFF|SOFT_DELETED|SUSPENDED|UNKNOWN|VERIFY_RESIZE|active|\
             building|paused|suspended|stopped|rescued|resized|soft-delete|deleted|error|shelved|shelved_offloaded|\
             NOSTATE|CRASHED",
            "INIT|PENDING|HOLD|ACTIVE|STOPPED|SUSPENDED|DONE|FAILED|POWEROFF|UNDEPLOYED|CLONING|CLONING_FAILURE|\
             LCM_INIT|PROLOG|BOOT|RUNNING|MIGRATE|SAVE_STOP|SAVE_SUSPEND|SAVE_MIGRATE|PROLOG_MIGRATE|PROLOG_RESUME|\
             EPILOG_STOP|EPILOG|SHUTDOWN|CANCEL|FAILURE|CLEANUP|HOTPLUG|SHUTDOWN_POWEROFF|BOOT_POWEROFF|pend|hold|\
             actv|stop|susp|done|poff|unde|clon|fail|prol|boot|runn|migr|save|epil|shut|clea|hotp|snap",
            "pending|running|shutting-down|terminated|stopping|stopped",
            "PowerState/starting|PowerState/running|PowerState/stopping|PowerState/stopped|PowerState/deallocating|\
             PowerState/deallocated|VM running|Saved|Hibernated",
            "PENDING|PROVISIONING|STAGING|RUNNING|PENDING_STOP|STOPPING|STOPPED|TERMINATED|REPAIRING|SUSPENDING|\
             SUSPENDED|DEPROVISIONING",
            "Pending|Scheduling|Scheduled|Running|Succeeded|Failed|WaitForSync|Stopped|Provisioning|Starting|Paused|\
             Stopping|Terminating|CrashLoopBackOff|Migrating|ErrorUnschedulable|ErrImagePull|ImagePullBackOff|\
             ErrorPvcNotFound|DataVolumeError|WaitingForVolumeBinding|WaitingForReceiver",
        ];
        let without_state = [
            "no state",
            "Other",
            "unassigned",
            "unknown",
            "not_responding",
            "UNDETERMINED",
            "NOSTATE",
            "UNKNOWN",
        ];
        for word in lists.iter().flat_map(|list| list.split('|')) {
            let state = GuestState::from_word(word);
            let is_unknown = state == Some(GuestState::Unknown);
            assert_eq!(is_unknown, without_state.contains(&word), "{word}: {state:?}");
        }
        for (word, state) in [
            ("RESCUED", GuestState::Running),
            ("SOFT_DELETED", GuestState::Stopped),
            ("building", GuestState::PoweringOn),
            ("aborted-saved", GuestState::Crashed),
            ("teleporting", GuestState::Migrating),
            ("FastSaved", GuestState::Suspended),
            ("Paused-Critical", GuestState::Paused),
            ("image_locked", GuestState::Stopped),
        ] {
            assert_eq!(GuestState::from_word(word), Some(state), "{word}");
        }
    }

    #[test]
    fn virt_who_numbers_are_at_most_7() {
        assert!(GuestState::ALL.iter().all(|state| state.virt_who_number() <= 7));
    }
}
