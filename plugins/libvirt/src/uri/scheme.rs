//! Parses the scheme of a URI: the driver, and the transport to its daemon.

use gatherer_plugin_api::{GatherError, did_you_mean};

use super::{refused, uri_error};

/// Drivers that connect to a libvirt daemon, local or remote.
const DAEMON_DRIVERS: [&str; 7] = ["qemu", "xen", "lxc", "ch", "bhyve", "vz", "vbox"];
/// Drivers in the client library that use the hypervisor's own protocol.
const HYPERVISOR_DRIVERS: [&str; 4] = ["esx", "vpx", "gsx", "hyperv"];
/// libvirt's built-in driver for tests.
pub(super) const TEST_DRIVER: &str = "test";

/// The transport that a URI names explicitly.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Transport {
    Unix,
    Tcp,
    Tls,
    Ssh,
    Libssh,
    Libssh2,
}

impl Transport {
    fn parse(word: &str) -> Option<Self> {
        Some(match word {
            "unix" => Self::Unix,
            "tcp" => Self::Tcp,
            "tls" => Self::Tls,
            "ssh" => Self::Ssh,
            "libssh" => Self::Libssh,
            "libssh2" => Self::Libssh2,
            _ => return None,
        })
    }

    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Unix => "unix",
            Self::Tcp => "tcp",
            Self::Tls => "tls",
            Self::Ssh => "ssh",
            Self::Libssh => "libssh",
            Self::Libssh2 => "libssh2",
        }
    }
}

/// How libvirt connects, also if the URI names no transport. The channel decides where the parts of
/// the URI are used, and so which characters they may contain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Channel {
    /// A unix socket on this machine.
    Unix,
    /// TCP without TLS.
    Tcp,
    /// TCP with TLS.
    Tls,
    /// The program `ssh`.
    Ssh,
    /// The library libssh.
    Libssh,
    /// The library libssh2.
    Libssh2,
    /// The hypervisor's own protocol, which the client library implements.
    Hypervisor,
    /// libvirt's test driver in this process.
    Test,
}

impl Channel {
    pub(super) fn of(driver: &str, transport: Option<Transport>, has_host: bool) -> Self {
        match transport {
            Some(Transport::Tcp) => Self::Tcp,
            Some(Transport::Tls) => Self::Tls,
            Some(Transport::Ssh) => Self::Ssh,
            Some(Transport::Libssh) => Self::Libssh,
            Some(Transport::Libssh2) => Self::Libssh2,
            None if HYPERVISOR_DRIVERS.contains(&driver) => Self::Hypervisor,
            None if has_host => Self::Tls,
            None if driver == TEST_DRIVER => Self::Test,
            Some(Transport::Unix) | None => Self::Unix,
        }
    }

    /// Whether libvirt runs a command line in the remote shell.
    pub const fn is_ssh(self) -> bool {
        matches!(self, Self::Ssh | Self::Libssh | Self::Libssh2)
    }
}

/// Whether the driver uses the hypervisor's own protocol.
pub(super) fn is_hypervisor(driver: &str) -> bool {
    HYPERVISOR_DRIVERS.contains(&driver)
}

/// Parses `DRIVER` or `DRIVER+TRANSPORT`.
pub(super) fn parse(scheme: &str) -> Result<(&'static str, Option<Transport>), GatherError> {
    let scheme = scheme.to_ascii_lowercase();
    let (driver, transport) = match scheme.split_once('+') {
        Some((driver, transport)) => (driver, Some(transport)),
        None => (scheme.as_str(), None),
    };
    let drivers = DAEMON_DRIVERS.iter().chain(&HYPERVISOR_DRIVERS).chain([&TEST_DRIVER]);
    let Some(driver) = drivers.clone().find(|known| **known == driver) else {
        if let Some(refused) = refused::driver(driver) {
            let problem = format!("the driver {} is not allowed: {}", refused.name, refused.reason);
            return Err(uri_error(&problem).with_hint(refused.instead));
        }
        let allowed: Vec<_> = drivers.copied().collect();
        let list = allowed.join(", ");
        let meant = did_you_mean(driver, allowed.iter().copied());
        return Err(uri_error(&format!("its driver is not allowed{meant}"))
            .with_hint(format!("allowed: {list}")));
    };
    let transport = match transport {
        None => None,
        Some("ext") => {
            return Err(uri_error("the transport ext is not allowed, because it runs a program")
                .with_hint("use the transport ssh, libssh2 or tls"));
        }
        // These drivers have no daemon. libvirt would fail too, but only after it has connected.
        Some(_) if is_hypervisor(driver) => {
            return Err(uri_error(&format!(
                "a transport is not allowed with the driver {driver}, which has its own protocol"
            ))
            .with_hint(format!("write {driver}://HOST/")));
        }
        Some(word) => Some(Transport::parse(word).ok_or_else(|| {
            uri_error("its transport is not allowed")
                .with_hint("allowed: none, unix, tcp, tls, ssh, libssh, libssh2")
        })?),
    };
    Ok((driver, transport))
}
