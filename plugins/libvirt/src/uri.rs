//! Which libvirt URIs may be opened: an allow-list, because parts of a URI run programs.
//!
//! A URI is taken apart, every piece is checked, and what libvirt gets is put together anew
//! from the checked pieces: two parsers can then not disagree about what a text means.
//! Errors never quote the user-info, a parameter's value or an unknown parameter's name.

use std::fmt;
use std::net::Ipv6Addr;
use std::path::Path;

use gatherer_plugin_api::GatherError;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

/// Drivers that speak to a libvirt daemon, local or remote.
const DAEMON_DRIVERS: [&str; 7] = ["qemu", "xen", "lxc", "ch", "bhyve", "vz", "vbox"];
/// Drivers that work inside the client library and speak the hypervisor's own protocol.
const CLIENT_DRIVERS: [&str; 5] = ["esx", "vpx", "gsx", "hyperv", "test"];

/// Query parameters that do no more than describe the connection.
const PARAMETERS: [&str; 10] = [
    "no_tty",
    "no_verify",
    "socket",
    "mode",
    "pkipath",
    "tls_priority",
    "keyfile",
    "known_hosts",
    "known_hosts_verify",
    "sshauth",
];
/// Parameters that libvirt knows and that are refused; only these are named in an error.
const REFUSED_PARAMETERS: [&str; 13] = [
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

const KEPT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');
const KEPT_IN_PATH: &AsciiSet = &KEPT.remove(b'/');

/// How the daemon is reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Transport {
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

    const fn as_str(self) -> &'static str {
        match self {
            Self::Unix => "unix",
            Self::Tcp => "tcp",
            Self::Tls => "tls",
            Self::Ssh => "ssh",
            Self::Libssh => "libssh",
            Self::Libssh2 => "libssh2",
        }
    }

    const fn is_ssh(self) -> bool {
        matches!(self, Self::Ssh | Self::Libssh | Self::Libssh2)
    }
}

/// A URI that may be opened. `Display` shows it without user and parameters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Uri {
    driver: &'static str,
    transport: Option<Transport>,
    user: Option<String>,
    host: Option<String>,
    port: Option<u16>,
    path: String,
    parameters: Vec<(&'static str, String)>,
}

impl Uri {
    /// Checks a URI. The error says which part is not allowed.
    pub fn parse(text: &str) -> Result<Self, GatherError> {
        let text = text.trim();
        if text.chars().any(|character| character.is_control() || character == ' ') {
            return Err(refused("it holds a space or a control character"));
        }
        // Without a scheme it would be an alias of libvirt.conf, which may mean anything.
        let (scheme, rest) = text
            .split_once("://")
            .ok_or_else(|| refused("it does not begin like qemu:// or qemu+ssh://"))?;
        let (driver, transport) = parse_scheme(scheme)?;

        if rest.contains('#') {
            return Err(refused("it has a fragment (#)"));
        }
        let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
        let (authority, path) = rest.find('/').map_or((rest, ""), |at| rest.split_at(at));

        let (user, address) = match authority.rsplit_once('@') {
            Some((user, address)) => (Some(parse_user(user)?), address),
            None => (None, authority),
        };
        let (host, port) = parse_address(address)?;
        let remote = transport.is_some_and(|transport| transport != Transport::Unix);
        if host.is_none() && (user.is_some() || port.is_some()) {
            return Err(refused("it has a user or a port but no host"));
        }
        if transport == Some(Transport::Unix) && host.is_some() {
            return Err(refused("the transport unix goes with no host"));
        }
        let path = parse_path(driver, path, remote || host.is_some())?;
        let mut parameters = parse_query(query)?;

        // Nobody answers a prompt: ssh must fail instead of asking.
        if transport.is_some_and(Transport::is_ssh) {
            parameters.retain(|(name, _)| *name != "no_tty");
            parameters.push(("no_tty", "1".to_owned()));
        }
        Ok(Self { driver, transport, user, host, port, path, parameters })
    }

    /// The same URI with what the option `insecure` switches off, and a sentence that says
    /// what that is. Without a sentence nothing is verified with this URI, and it is as before.
    #[must_use]
    pub fn without_verification(mut self) -> (Self, Option<&'static str>) {
        if let Some(Transport::Libssh | Transport::Libssh2) = self.transport {
            let text = "without effect: the URI's parameter known_hosts_verify says how host \
                        keys are verified";
            return (self, Some(text));
        }
        let text = self.risk();
        if text.is_some() {
            self.parameters.retain(|(name, _)| *name != "no_verify");
            self.parameters.push(("no_verify", "1".to_owned()));
        }
        (self, text)
    }

    /// What the URI itself has libvirt not verify: the sentence of the option `insecure`, where a
    /// parameter does the same.
    pub fn unverified(&self) -> Option<&'static str> {
        let value = |wanted: &str| {
            let found = self.parameters.iter().find(|(name, _)| *name == wanted);
            found.map(|(_, value)| value.as_str())
        };
        match self.transport {
            Some(Transport::Libssh | Transport::Libssh2) => {
                matches!(value("known_hosts_verify"), Some("ignore" | "auto"))
                    .then_some("ssh accepts host keys that are unknown")
            }
            // libvirt takes the value for a number, and every other one than 0 for yes.
            _ => value("no_verify").filter(|text| text.parse() != Ok(0)).and_then(|_| self.risk()),
        }
    }

    /// What `no_verify` means with this URI; nothing where it has no effect.
    fn risk(&self) -> Option<&'static str> {
        match self.transport {
            Some(Transport::Tcp | Transport::Unix | Transport::Libssh | Transport::Libssh2) => None,
            None if self.host.is_none() => None,
            Some(Transport::Tls) | None => Some("the server's certificate is not verified"),
            Some(Transport::Ssh) => Some("ssh accepts host keys that are unknown or have changed"),
        }
    }

    /// The file that libvirt's test driver is about to read.
    pub fn test_file(&self) -> Option<&Path> {
        let is_file = self.driver == "test" && !self.is_remote() && self.path != "/default";
        is_file.then(|| Path::new(&self.path))
    }

    fn is_remote(&self) -> bool {
        self.host.is_some() || self.transport.is_some_and(|way| way != Transport::Unix)
    }

    /// What libvirt is given. It holds the user and the parameters: not for messages.
    pub fn to_connect_string(&self) -> String {
        let mut text = self.scheme();
        text.push_str("://");
        if let Some(user) = &self.user {
            text.extend(utf8_percent_encode(user, KEPT));
            text.push('@');
        }
        text.push_str(&self.address());
        text.extend(utf8_percent_encode(&self.path, KEPT_IN_PATH));
        for (index, (name, value)) in self.parameters.iter().enumerate() {
            text.push(if index == 0 { '?' } else { '&' });
            text.push_str(name);
            text.push('=');
            text.extend(utf8_percent_encode(value, KEPT));
        }
        text
    }

    /// The host and port that libvirt itself will connect to without any time limit. `None`
    /// where it speaks through a socket file, through ssh or with the hypervisor directly.
    pub fn tcp_target(&self) -> Option<(&str, u16)> {
        let default_port = match self.transport {
            Some(Transport::Tcp) => 16509,
            Some(Transport::Tls) => 16514,
            // A host without a transport means TLS.
            None if self.host.is_some() && DAEMON_DRIVERS.contains(&self.driver) => 16514,
            _ => return None,
        };
        let host = self.host.as_deref().unwrap_or("localhost");
        Some((host, self.port.unwrap_or(default_port)))
    }

    /// The host that the URI names.
    pub fn host(&self) -> Option<&str> {
        self.host.as_deref()
    }

    fn scheme(&self) -> String {
        match self.transport {
            Some(transport) => format!("{}+{}", self.driver, transport.as_str()),
            None => self.driver.to_owned(),
        }
    }

    fn address(&self) -> String {
        let host = match &self.host {
            Some(host) if host.contains(':') => format!("[{host}]"),
            Some(host) => host.clone(),
            None => String::new(),
        };
        match self.port {
            Some(port) => format!("{host}:{port}"),
            None => host,
        }
    }
}

impl fmt::Display for Uri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}{}", self.scheme(), self.address(), self.path)
    }
}

fn refused(why: &str) -> GatherError {
    GatherError::configuration(format!("the parameter uri cannot be used: {why}"))
}

fn parse_scheme(scheme: &str) -> Result<(&'static str, Option<Transport>), GatherError> {
    let scheme = scheme.to_ascii_lowercase();
    let (driver, transport) = match scheme.split_once('+') {
        Some((driver, transport)) => (driver, Some(transport)),
        None => (scheme.as_str(), None),
    };
    let known = DAEMON_DRIVERS.iter().chain(&CLIENT_DRIVERS).find(|known| **known == driver);
    let Some(driver) = known else {
        let list = [DAEMON_DRIVERS.as_slice(), CLIENT_DRIVERS.as_slice()].concat().join(", ");
        return Err(refused("its driver is not allowed").with_hint(format!("allowed: {list}")));
    };
    let transport = match transport {
        None => None,
        Some("ext") => {
            return Err(refused("the transport ext is not allowed, it runs a program"));
        }
        Some(word) => Some(Transport::parse(word).ok_or_else(|| {
            refused("its transport is not allowed")
                .with_hint("allowed: none, unix, tcp, tls, ssh, libssh, libssh2")
        })?),
    };
    Ok((*driver, transport))
}

fn parse_user(text: &str) -> Result<String, GatherError> {
    if text.contains(':') {
        return Err(refused("it holds a password, which libvirt does not read there")
            .with_hint("use sasl_username and sasl_password"));
    }
    let user = decode(text)?;
    // ssh would take a leading - for an option.
    let fine = !user.is_empty()
        && !user.starts_with('-')
        && user.chars().all(|c| c.is_alphanumeric() || "._-+@\\$".contains(c));
    if fine { Ok(user) } else { Err(refused("its user name has a character that is not allowed")) }
}

fn parse_address(text: &str) -> Result<(Option<String>, Option<u16>), GatherError> {
    let bad_host = || refused("its host is neither a name nor an IP address");
    let (host, port) = if let Some(rest) = text.strip_prefix('[') {
        let (host, rest) = rest.split_once(']').ok_or_else(bad_host)?;
        host.parse::<Ipv6Addr>().map_err(|_| bad_host())?;
        match rest.strip_prefix(':') {
            Some(port) => (host, Some(port)),
            None if rest.is_empty() => (host, None),
            None => return Err(bad_host()),
        }
    } else {
        let (host, port) = match text.split_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (text, None),
        };
        let fine = !host.starts_with('-')
            && host.len() <= 255
            && host.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-_".contains(&byte));
        if !fine {
            return Err(bad_host());
        }
        (host, port)
    };
    let port = match port {
        None => None,
        Some(digits) if digits.bytes().all(|byte| byte.is_ascii_digit()) => {
            let port = digits.parse::<u16>().ok().filter(|port| *port > 0);
            Some(port.ok_or_else(|| refused("its port is not between 1 and 65535"))?)
        }
        Some(_) => return Err(refused("its port is not a number")),
    };
    Ok((Some(host.to_owned()).filter(|host| !host.is_empty()), port))
}

/// `/embed` starts a whole hypervisor driver in this process, hence a list here too. A local
/// test driver's path is a file; a remote one's would be a file of that machine.
fn parse_path(driver: &str, text: &str, remote: bool) -> Result<String, GatherError> {
    let path = decode(text)?;
    let fine = match driver {
        "test" if remote => matches!(path.as_str(), "" | "/" | "/default"),
        "test" => path.starts_with('/') && path.len() > 1,
        "esx" | "vpx" | "gsx" | "hyperv" => true,
        _ => matches!(path.as_str(), "" | "/" | "/system" | "/session"),
    };
    if fine {
        return Ok(path);
    }
    Err(refused("its path is not allowed").with_hint(if driver == "test" {
        "allowed: /default or a file's absolute path (local only)"
    } else {
        "allowed: /system, /session, / or none"
    }))
}

fn parse_query(query: &str) -> Result<Vec<(&'static str, String)>, GatherError> {
    let mut parameters: Vec<(&'static str, String)> = Vec::new();
    // libvirt separates by & and by ;, decodes names too, and does not look at their case.
    for pair in query.split(['&', ';']).filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let name = decode(name)?.to_ascii_lowercase();
        let Some(known) = PARAMETERS.iter().find(|known| **known == name) else {
            let what = match REFUSED_PARAMETERS.iter().find(|known| **known == name) {
                Some(known) => format!("its parameter {known} is not allowed"),
                None => "it has a parameter that is not allowed".to_owned(),
            };
            let hint = format!("allowed: {}", PARAMETERS.join(", "));
            return Err(refused(&what).with_hint(hint));
        };
        if parameters.iter().any(|(earlier, _)| earlier == known) {
            return Err(refused(&format!("its parameter {known} stands there twice")));
        }
        let value = decode(value)?;
        // Values become arguments of ssh and file names.
        if value.starts_with('-') {
            return Err(refused(&format!("the value of its parameter {known} begins with -")));
        }
        parameters.push((known, value));
    }
    Ok(parameters)
}

fn decode(text: &str) -> Result<String, GatherError> {
    let decoded = percent_decode_str(text)
        .decode_utf8()
        .map_err(|_| refused("a percent-encoded part of it is not UTF-8"))?;
    if decoded.chars().any(char::is_control) {
        return Err(refused("a percent-encoded part of it is a control character"));
    }
    Ok(decoded.into_owned())
}

#[cfg(test)]
mod tests;
