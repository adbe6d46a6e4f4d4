//! The pseudo file systems of the kernel. Their files claim to be regular files, but reading one may
//! block (`/proc/kmsg`, `trace_pipe`), never end, or have side effects.
//!
//! The list need not be complete to be safe: files of a file system that is missing here are still read
//! with a size limit and within the endpoint's deadline. With the list, such a file is refused at once
//! and with a reason, and no file is read that changes state when it is read.

/// The magic numbers of `statfs(2)` and the kernel's `magic.h`, and the names of the types.
const PSEUDO_FILE_SYSTEMS: [(u32, &str); 22] = [
    (0x0000_9fa0, "proc"),
    (0x6265_6572, "sysfs"),
    (0x6462_6720, "debugfs"),
    (0x7472_6163, "tracefs"),
    (0x0027_e0eb, "cgroup"),
    (0x6367_7270, "cgroup2"),
    (0x0765_5821, "resctrl"),
    (0x7363_6673, "securityfs"),
    (0xf97c_ff8c, "selinuxfs"),
    (0x4341_5d53, "smackfs"),
    (0x6165_676c, "pstore"),
    (0xde5e_81e4, "efivarfs"),
    (0xcafe_4a11, "bpf"),
    (0x6265_6570, "configfs"),
    (0x4249_4e4d, "binfmt_misc"),
    (0x6573_5543, "fusectl"),
    (0x1980_0202, "mqueue"),
    (0x6e73_6673, "nsfs"),
    (0x0904_1934, "anon_inodefs"),
    (0x6759_6969, "rpc_pipefs"),
    (0x6e66_7364, "nfsd"),
    (0xabba_1974, "xenfs"),
];

/// The name of the file system type with this magic number, if it is a pseudo file system.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
pub fn name(magic: rustix::fs::FsWord) -> Option<&'static str> {
    // The width and sign of FsWord depend on the architecture; magic numbers have 32 bits.
    let magic = magic as u32;
    PSEUDO_FILE_SYSTEMS.iter().find(|(known, _)| *known == magic).map(|(_, name)| *name)
}
