//! The parameters of a URI that are allowed because they only describe the connection: which
//! transport uses them, and their allowed values.

use gatherer_plugin_api::{GatherError, did_you_mean};

use super::grammar::{decode, is_local_path, is_shell_safe_path, is_tls_priority};
use super::refused;
use super::scheme::Channel;
use super::uri_error;

/// An allowed parameter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Parameter {
    /// Never prompt.
    NoTty,
    /// Do not verify the certificate or the host key.
    NoVerify,
    /// The daemon's unix socket.
    Socket,
    /// Whether to use the socket of libvirtd or of the driver's own daemon.
    Mode,
    /// A folder with certificates.
    Pkipath,
    /// The GnuTLS priority string.
    TlsPriority,
    /// A private key for ssh.
    Keyfile,
    /// A file of known host keys.
    KnownHosts,
    /// How to handle unknown host keys.
    KnownHostsVerify,
    /// The authentication methods of ssh.
    Sshauth,
}

/// All allowed parameters.
const ALLOWED: [Parameter; 10] = [
    Parameter::NoTty,
    Parameter::NoVerify,
    Parameter::Socket,
    Parameter::Mode,
    Parameter::Pkipath,
    Parameter::TlsPriority,
    Parameter::Keyfile,
    Parameter::KnownHosts,
    Parameter::KnownHostsVerify,
    Parameter::Sshauth,
];

const SSH_METHODS: [&str; 4] = ["agent", "privkey", "password", "keyboard-interactive"];

impl Parameter {
    /// The parameter's name in a URI.
    pub const fn name(self) -> &'static str {
        match self {
            Self::NoTty => "no_tty",
            Self::NoVerify => "no_verify",
            Self::Socket => "socket",
            Self::Mode => "mode",
            Self::Pkipath => "pkipath",
            Self::TlsPriority => "tls_priority",
            Self::Keyfile => "keyfile",
            Self::KnownHosts => "known_hosts",
            Self::KnownHostsVerify => "known_hosts_verify",
            Self::Sshauth => "sshauth",
        }
    }

    /// Whether libvirt uses the parameter with this channel. Others are not passed to libvirt.
    pub(super) const fn is_used(self, channel: Channel) -> bool {
        match self {
            Self::NoTty | Self::Keyfile => channel.is_ssh(),
            Self::NoVerify => matches!(channel, Channel::Tls | Channel::Ssh | Channel::Hypervisor),
            Self::Socket | Self::Mode => channel.is_ssh() || matches!(channel, Channel::Unix),
            Self::Pkipath | Self::TlsPriority => matches!(channel, Channel::Tls),
            Self::KnownHosts | Self::KnownHostsVerify | Self::Sshauth => {
                matches!(channel, Channel::Libssh | Channel::Libssh2)
            }
        }
    }

    const fn is_path(self) -> bool {
        matches!(self, Self::Socket | Self::Pkipath | Self::Keyfile | Self::KnownHosts)
    }

    /// The value in libvirt's spelling, or a description of the allowed values as the error.
    fn check(self, value: String, channel: Channel) -> Result<String, &'static str> {
        let value = match self {
            // libvirt ignores the case of these two.
            Self::KnownHostsVerify | Self::Sshauth => value.to_ascii_lowercase(),
            _ => value,
        };
        let (is_allowed, allowed) = match self {
            Self::NoTty | Self::NoVerify => (matches!(value.as_str(), "0" | "1"), "0 or 1"),
            Self::Mode => {
                (matches!(value.as_str(), "auto" | "direct" | "legacy"), "auto, direct or legacy")
            }
            Self::KnownHostsVerify => {
                (matches!(value.as_str(), "normal" | "auto" | "ignore"), "normal, auto or ignore")
            }
            Self::Sshauth => (
                value.split(',').all(|method| SSH_METHODS.contains(&method)),
                "agent, privkey, password and keyboard-interactive, with commas between them",
            ),
            Self::TlsPriority => (is_tls_priority(&value), "a GnuTLS priority string"),
            // libvirt inserts this value into a shell command, without quotes.
            Self::Socket if channel.is_ssh() => (
                is_shell_safe_path(&value),
                "with this transport: an absolute path of ASCII letters, digits and / . _ - + , : = @",
            ),
            Self::Socket | Self::Pkipath => (is_local_path(&value), LOCAL_PATH),
            Self::Keyfile | Self::KnownHosts => {
                (is_local_path(value.strip_prefix('~').unwrap_or(&value)), LOCAL_PATH)
            }
        };
        if is_allowed { Ok(value) } else { Err(allowed) }
    }
}

const LOCAL_PATH: &str = "an absolute path of letters, digits, spaces and / . _ - + , : = @";

/// The parameters of a URI.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct UriParameters {
    /// The parameters for libvirt, in their order.
    pub(super) used: Vec<(Parameter, String)>,
    /// The parameters that have no effect with the channel, and are not passed to libvirt.
    pub(super) unused: Vec<Parameter>,
}

impl UriParameters {
    pub(super) fn parse(query: &str, channel: Channel) -> Result<Self, GatherError> {
        let mut parameters = Self::default();
        let mut seen = Vec::new();
        // libvirt splits at & and ;, decodes names too, and ignores their case.
        for pair in query.split(['&', ';']).filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let name = decode(name)?.to_ascii_lowercase();
            let Some(known) = ALLOWED.into_iter().find(|known| known.name() == name) else {
                if let Some(refused) = refused::parameter(&name) {
                    let problem = format!(
                        "its parameter {} is not allowed: {}",
                        refused.name, refused.reason
                    );
                    return Err(uri_error(&problem).with_hint(refused.instead));
                }
                // Its name is not quoted, because it may be a secret.
                let names = ALLOWED.map(Parameter::name);
                let problem = format!(
                    "it has a parameter that is not allowed: parameters can name programs and files{}",
                    did_you_mean(&name, names)
                );
                let hint = format!("allowed: {}", names.join(", "));
                return Err(uri_error(&problem).with_hint(hint));
            };
            let name = known.name();
            if seen.contains(&known) {
                return Err(uri_error(&format!("duplicate parameter {name}"))
                    .with_hint("leave only one of them"));
            }
            seen.push(known);
            let value = known.check(decode(value)?, channel).map_err(|allowed| {
                let reason = if known.is_path() {
                    ", because ssh, a shell or a library could interpret it"
                } else {
                    ""
                };
                uri_error(&format!("the value of its parameter {name} is not allowed{reason}"))
                    .with_hint(format!("allowed: {allowed}"))
            })?;
            if known.is_used(channel) {
                parameters.used.push((known, value));
            } else {
                parameters.unused.push(known);
            }
        }
        Ok(parameters)
    }

    pub(super) fn get(&self, parameter: Parameter) -> Option<&str> {
        let found = self.used.iter().find(|(known, _)| *known == parameter);
        found.map(|(_, value)| value.as_str())
    }

    /// Sets a value. The parameter moves to the end.
    pub(super) fn set(&mut self, parameter: Parameter, value: String) {
        self.used.retain(|(known, _)| *known != parameter);
        self.used.push((parameter, value));
    }
}
