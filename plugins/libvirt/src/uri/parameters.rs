//! The parameters of a URI that do no more than describe the connection: which there are, which
//! transport uses them, and which values they may have.

use gatherer_plugin_api::GatherError;

use super::grammar::{decode, is_local_path, is_path_for_a_shell, is_tls_priority};
use super::refused;
use super::scheme::Way;

/// A parameter that is allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Parameter {
    /// Never ask.
    NoTty,
    /// Do not verify certificate or host key.
    NoVerify,
    /// The daemon's unix socket.
    Socket,
    /// Which daemon's socket to use.
    Mode,
    /// A folder with certificates.
    Pkipath,
    /// The priorities of GnuTLS.
    TlsPriority,
    /// A private key for ssh.
    Keyfile,
    /// A file of known host keys.
    KnownHosts,
    /// What to do with unknown host keys.
    KnownHostsVerify,
    /// How to authenticate with ssh.
    Sshauth,
}

/// All of them.
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

/// Parameters that libvirt knows and that are refused; only these are named in an error.
const REFUSED: [&str; 13] = [
    "command",
    "sshconfig",
    "netcat",
    "proxy",
    "name",
    "authfile",
    "root",
    "debug",
    "auth",
    "transport",
    "vcenter",
    "auto_answer",
    "gateway",
];

const SSH_METHODS: [&str; 4] = ["agent", "privkey", "password", "keyboard-interactive"];

impl Parameter {
    /// Its name in a URI.
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

    /// Whether libvirt uses it on this way. What is not used is not passed on.
    pub(super) const fn is_used(self, way: Way) -> bool {
        match self {
            Self::NoTty | Self::Keyfile => way.is_ssh(),
            Self::NoVerify => matches!(way, Way::Tls | Way::Ssh | Way::Hypervisor),
            Self::Socket | Self::Mode => way.is_ssh() || matches!(way, Way::Unix),
            Self::Pkipath | Self::TlsPriority => matches!(way, Way::Tls),
            Self::KnownHosts | Self::KnownHostsVerify | Self::Sshauth => {
                matches!(way, Way::Libssh | Way::Libssh2)
            }
        }
    }

    /// The value as libvirt gets it, or what is allowed.
    fn check(self, value: String, way: Way) -> Result<String, &'static str> {
        let allow =
            |fine: bool, value: String, allowed| if fine { Ok(value) } else { Err(allowed) };
        match self {
            Self::NoTty | Self::NoVerify => {
                let fine = matches!(value.as_str(), "0" | "1");
                allow(fine, value, "0 or 1")
            }
            Self::Mode => {
                let fine = matches!(value.as_str(), "auto" | "direct" | "legacy");
                allow(fine, value, "auto, direct or legacy")
            }
            // libvirt does not look at the case of these two.
            Self::KnownHostsVerify => {
                let value = value.to_ascii_lowercase();
                let fine = matches!(value.as_str(), "normal" | "auto" | "ignore");
                allow(fine, value, "normal, auto or ignore")
            }
            Self::Sshauth => {
                let value = value.to_ascii_lowercase();
                let fine = value.split(',').all(|method| SSH_METHODS.contains(&method));
                allow(
                    fine,
                    value,
                    "agent, privkey, password and keyboard-interactive, with commas between them",
                )
            }
            Self::TlsPriority => {
                let fine = is_tls_priority(&value);
                allow(fine, value, "a list of GnuTLS priorities")
            }
            // The only value that libvirt puts into a command of a shell, and it does so unquoted.
            Self::Socket if way.is_ssh() => {
                let fine = is_path_for_a_shell(&value);
                allow(
                    fine,
                    value,
                    "with this transport: an absolute path of ASCII letters, digits and / . _ - + , : = @",
                )
            }
            Self::Socket | Self::Pkipath => {
                let fine = is_local_path(&value);
                allow(fine, value, LOCAL_PATH)
            }
            Self::Keyfile | Self::KnownHosts => {
                let fine = is_local_path(value.strip_prefix('~').unwrap_or(&value));
                allow(fine, value, LOCAL_PATH)
            }
        }
    }
}

const LOCAL_PATH: &str = "an absolute path of letters, digits, spaces and / . _ - + , : = @";

/// A URI's parameters.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Parameters {
    /// Those that libvirt gets, in their order.
    pub(super) used: Vec<(Parameter, String)>,
    /// Those that the transport does not use, and libvirt does not get.
    pub(super) unused: Vec<Parameter>,
}

impl Parameters {
    pub(super) fn parse(query: &str, way: Way) -> Result<Self, GatherError> {
        let mut parameters = Self::default();
        let mut seen = Vec::new();
        // libvirt separates by & and by ;, decodes names too, and does not look at their case.
        for pair in query.split(['&', ';']).filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let name = decode(name)?.to_ascii_lowercase();
            let Some(known) = ALLOWED.into_iter().find(|known| known.name() == name) else {
                let what = match REFUSED.iter().find(|known| **known == name) {
                    Some(known) => format!("its parameter {known} is not allowed"),
                    None => "it has a parameter that is not allowed".to_owned(),
                };
                let hint = format!("allowed: {}", ALLOWED.map(Parameter::name).join(", "));
                return Err(refused(&what).with_hint(hint));
            };
            let name = known.name();
            if seen.contains(&known) {
                return Err(refused(&format!("its parameter {name} is duplicated")));
            }
            seen.push(known);
            let value = known.check(decode(value)?, way).map_err(|allowed| {
                refused(&format!("the value of its parameter {name} is not allowed"))
                    .with_hint(format!("allowed: {allowed}"))
            })?;
            if known.is_used(way) {
                parameters.used.push((known, value));
            } else {
                parameters.unused.push(known);
            }
        }
        Ok(parameters)
    }

    pub(super) fn get(&self, wanted: Parameter) -> Option<&str> {
        let found = self.used.iter().find(|(parameter, _)| *parameter == wanted);
        found.map(|(_, value)| value.as_str())
    }

    /// Sets a value, at the end.
    pub(super) fn set(&mut self, parameter: Parameter, value: String) {
        self.used.retain(|(known, _)| *known != parameter);
        self.used.push((parameter, value));
    }
}
