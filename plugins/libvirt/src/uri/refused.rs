//! The drivers and parameters of libvirt that are not allowed, each with the reason and with what can be used
//! instead. An error names only these, because an unknown name may be a secret.

/// A driver or parameter that is not allowed.
pub(super) struct Refused {
    /// Its name in a URI.
    pub(super) name: &'static str,
    /// Why it is not allowed.
    pub(super) reason: &'static str,
    /// What to do instead.
    pub(super) instead: &'static str,
}

const fn refused(name: &'static str, reason: &'static str, instead: &'static str) -> Refused {
    Refused { name, reason, instead }
}

const SSH_SETTINGS: &str = "put such settings into ~/.ssh/config of the user that runs the program";

const PARAMETERS: [Refused; 13] = [
    refused("command", "it names a program to run on this machine", SSH_SETTINGS),
    refused("sshconfig", "the file that it names can contain programs to run", SSH_SETTINGS),
    refused(
        "netcat",
        "it names a program to run on the host",
        "leave it out: virt-ssh-helper or nc of the host is used",
    ),
    refused(
        "proxy",
        "with ssh it chooses the program that runs on the host, and with esx a server that gets the login",
        "leave it out: libvirt chooses the program, and connects to the hypervisor directly",
    ),
    refused(
        "name",
        "the daemon opens the URI in it, which can be any URI",
        "write the driver and the path of that URI into this one",
    ),
    refused("authfile", "it names a file with passwords", "set sasl_username and sasl_password"),
    refused(
        "root",
        "it starts a hypervisor's driver in this process",
        "leave it out, and use the path /system or /session",
    ),
    refused(
        "debug",
        "it makes libvirt print what it sends",
        "leave it out, and use the option -v of this program",
    ),
    refused(
        "auth",
        "the daemon chooses how a client logs in",
        "leave it out, and set sasl_username and sasl_password if the daemon requires them",
    ),
    refused(
        "transport",
        "http would send the password without encryption",
        "leave it out: https is used",
    ),
    refused(
        "vcenter",
        "it makes libvirt log in to another server",
        "leave it out, or query the vCenter as an endpoint of its own (vpx://)",
    ),
    refused(
        "auto_answer",
        "it answers questions about guests, which changes them",
        "leave it out: reading asks no questions",
    ),
    refused("gateway", "reading a host does not need it", "leave it out"),
];

const NOT_A_HYPERVISOR: &str = "it has no guests";
const NAME_THE_HYPERVISOR: &str = "write the URI of the hypervisor, for example qemu:///system";
const RUNS_PROGRAMS: &str = "it runs the hypervisor's programs on this machine";
const USE_DAEMON_OR_SSH: &str =
    "query hypervisors that have a libvirt daemon, for example qemu+ssh://HOST/system";
const REMOVED: &str = "libvirt no longer has it";

const DRIVERS: [Refused; 17] = [
    refused("secret", NOT_A_HYPERVISOR, NAME_THE_HYPERVISOR),
    refused("network", NOT_A_HYPERVISOR, NAME_THE_HYPERVISOR),
    refused("storage", NOT_A_HYPERVISOR, NAME_THE_HYPERVISOR),
    refused("interface", NOT_A_HYPERVISOR, NAME_THE_HYPERVISOR),
    refused("nodedev", NOT_A_HYPERVISOR, NAME_THE_HYPERVISOR),
    refused("nwfilter", NOT_A_HYPERVISOR, NAME_THE_HYPERVISOR),
    refused("remote", "the daemon would choose the driver", NAME_THE_HYPERVISOR),
    refused("openvz", RUNS_PROGRAMS, USE_DAEMON_OR_SSH),
    refused("vmwareplayer", RUNS_PROGRAMS, USE_DAEMON_OR_SSH),
    refused("vmwarews", RUNS_PROGRAMS, USE_DAEMON_OR_SSH),
    refused("vmwarefusion", RUNS_PROGRAMS, USE_DAEMON_OR_SSH),
    refused("parallels", "it is an older name of the driver vz", "write vz instead"),
    refused("libxl", "it is not the name of the driver in a URI", "write xen instead"),
    refused("kvm", "it is not the name of the driver in a URI", "write qemu instead"),
    refused("uml", REMOVED, USE_DAEMON_OR_SSH),
    refused("phyp", REMOVED, USE_DAEMON_OR_SSH),
    refused("xenapi", REMOVED, "use the URI of another driver, for example xen+ssh://HOST/system"),
];

/// The parameter of this name, in lower case, if libvirt has it.
pub(super) fn parameter(name: &str) -> Option<&'static Refused> {
    PARAMETERS.iter().find(|known| known.name == name)
}

/// The driver of this name, in lower case.
pub(super) fn driver(name: &str) -> Option<&'static Refused> {
    DRIVERS.iter().find(|known| known.name == name)
}
