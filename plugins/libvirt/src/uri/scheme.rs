//! The first part of a URI: the driver, and the transport by which its daemon is reached.

use gatherer_plugin_api::GatherError;

use super::refused;

/// Drivers that speak to a libvirt daemon, local or remote.
const DAEMON_DRIVERS: [&str; 7] = ["qemu", "xen", "lxc", "ch", "bhyve", "vz", "vbox"];
/// Drivers that work inside the client library and speak the hypervisor's own protocol.
const HYPERVISOR_DRIVERS: [&str; 4] = ["esx", "vpx", "gsx", "hyperv"];
/// libvirt's built-in driver for tests.
pub(super) const TEST_DRIVER: &str = "test";

/// How a URI says that the daemon is reached.
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

/// How libvirt reaches what the URI names, with or without a transport in it. It decides where a
/// part of the URI goes, and so which characters it may hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// A unix socket of this machine.
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
    /// The hypervisor's own protocol, spoken by the client library.
    Hypervisor,
    /// The test driver in this process.
    Test,
}

impl Way {
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

    /// Whether a command line for the remote shell is part of it.
    pub const fn is_ssh(self) -> bool {
        matches!(self, Self::Ssh | Self::Libssh | Self::Libssh2)
    }
}

/// Whether the driver speaks the hypervisor's own protocol.
pub(super) fn is_hypervisor(driver: &str) -> bool {
    HYPERVISOR_DRIVERS.contains(&driver)
}

pub(super) fn parse(scheme: &str) -> Result<(&'static str, Option<Transport>), GatherError> {
    let scheme = scheme.to_ascii_lowercase();
    let (driver, transport) = match scheme.split_once('+') {
        Some((driver, transport)) => (driver, Some(transport)),
        None => (scheme.as_str(), None),
    };
    let mut drivers = DAEMON_DRIVERS.iter().chain(&HYPERVISOR_DRIVERS).chain([&TEST_DRIVER]);
    let Some(driver) = drivers.clone().find(|known| **known == driver) else {
        let list = drivers.by_ref().copied().collect::<Vec<_>>().join(", ");
        return Err(refused("its driver is not allowed").with_hint(format!("allowed: {list}")));
    };
    let transport = match transport {
        None => None,
        Some("ext") => {
            return Err(refused("the transport ext is not allowed, it runs a program"));
        }
        // No daemon speaks for these drivers: libvirt fails too, but only after it has connected.
        Some(_) if is_hypervisor(driver) => {
            return Err(refused(&format!("the driver {driver} is used without a transport"))
                .with_hint(format!("write {driver}://HOST/")));
        }
        Some(word) => Some(Transport::parse(word).ok_or_else(|| {
            refused("its transport is not allowed")
                .with_hint("allowed: none, unix, tcp, tls, ssh, libssh, libssh2")
        })?),
    };
    Ok((driver, transport))
}
