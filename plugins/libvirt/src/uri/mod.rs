//! Parses libvirt connection URIs with an allow-list, because parts of a URI can run programs.
//!
//! A URI is split into parts, each part is checked, and libvirt gets a new URI that is built from the
//! checked parts, so that two parsers cannot disagree about a text. Errors never quote the user, the
//! value of a parameter, or the name of an unknown parameter.

mod grammar;
mod parameters;
mod refused;
mod scheme;
mod verification;

use std::fmt;
use std::path::Path;

use gatherer_plugin_api::GatherError;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

pub use parameters::Parameter;
pub use scheme::Channel;

use parameters::UriParameters;
use scheme::{TEST_DRIVER, Transport};

/// The longest URI, in bytes.
const URI_MAX_BYTES: usize = 8 * 1024;

/// The characters that are percent-encoded in a user name or a parameter's value.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');
/// The characters that are percent-encoded in a path.
const ENCODED_IN_PATH: &AsciiSet = &ENCODED.remove(b'/');

/// A URI that libvirt may open. `Display` shows it without user and parameters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Uri {
    driver: &'static str,
    transport: Option<Transport>,
    channel: Channel,
    user: Option<String>,
    host: Option<String>,
    port: Option<u16>,
    path: String,
    parameters: UriParameters,
}

impl Uri {
    /// Parses and checks a URI. The error names the part that is not allowed.
    pub fn parse(text: &str) -> Result<Self, GatherError> {
        let text = text.trim();
        if text.len() > URI_MAX_BYTES {
            return Err(uri_error("it is longer than 8 KiB"));
        }
        if text.chars().any(|character| character.is_control() || character == ' ') {
            return Err(uri_error("it contains a space or a control character")
                .with_hint("write a space as %20"));
        }
        // Without a scheme it would be an alias from libvirt.conf, which may refer to any URI.
        let (scheme, rest) = text.split_once("://").ok_or_else(|| {
            uri_error("it must begin with a driver, for example qemu:// or qemu+ssh://").with_hint(
                "an alias of libvirt.conf is not used, because it may stand for any URI: write that URI; \
                 and write qemu:///system instead of qemu:/system",
            )
        })?;
        let (driver, transport) = scheme::parse(scheme)?;

        if rest.contains('#') {
            return Err(uri_error("it has a fragment (#), which libvirt ignores")
                .with_hint("leave it out, or write the character # as %23"));
        }
        let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
        let (authority, path) = rest.find('/').map_or((rest, ""), |at| rest.split_at(at));
        let (user, address) = match authority.rsplit_once('@') {
            Some((user, address)) => (Some(user), address),
            None => (None, authority),
        };

        let (host, port) = grammar::parse_address(address)?;
        let channel = Channel::of(driver, transport, host.is_some());
        let user = user.map(|user| grammar::parse_user(user, channel)).transpose()?;
        if host.is_none() && (user.is_some() || port.is_some()) {
            return Err(uri_error("it has a user or a port but no host")
                .with_hint("write the host; it is localhost if this machine is meant"));
        }
        if transport == Some(Transport::Unix) && host.is_some() {
            return Err(uri_error(
                "a host is not allowed with the transport unix, which uses a local socket",
            )
            .with_hint("leave the host out, or use the transport ssh or tls"));
        }
        let path = grammar::parse_path(driver, path, channel)?;
        let mut parameters = UriParameters::parse(query, channel)?;

        // A worker has no terminal, so ssh must fail instead of prompting.
        if channel.is_ssh() {
            parameters.set(Parameter::NoTty, "1".to_owned());
        }
        Ok(Self { driver, transport, channel, user, host, port, path, parameters })
    }

    /// How libvirt connects.
    pub const fn channel(&self) -> Channel {
        self.channel
    }

    /// The value of a parameter; `None` if it is not set or has no effect with this channel.
    pub fn value(&self, parameter: Parameter) -> Option<&str> {
        self.parameters.get(parameter)
    }

    /// Replaces the file of a parameter by `path`, which the caller has checked. Returns false if the
    /// path contains a character that libvirt, ssh or their libraries could interpret.
    pub fn set_file(&mut self, parameter: Parameter, path: &Path) -> bool {
        let Some(path) = path.to_str().filter(|path| grammar::is_local_path(path)) else {
            return false;
        };
        self.parameters.set(parameter, path.to_owned());
        true
    }

    /// The names of the URI's parameters that have no effect with this channel.
    pub fn unused_parameters(&self) -> impl Iterator<Item = &'static str> {
        self.parameters.unused.iter().map(|parameter| parameter.name())
    }

    /// The file that libvirt's test driver would read.
    pub fn test_file(&self) -> Option<&Path> {
        let is_file = self.driver == TEST_DRIVER
            && matches!(self.channel, Channel::Test | Channel::Unix)
            && self.path != "/default";
        is_file.then(|| Path::new(&self.path))
    }

    /// The URI for libvirt. It contains the user and the parameters, so it must not be shown.
    pub fn to_connect_string(&self) -> String {
        let mut text = self.scheme();
        text.push_str("://");
        if let Some(user) = &self.user {
            text.extend(utf8_percent_encode(user, ENCODED));
            text.push('@');
        }
        text.push_str(&self.address());
        text.extend(utf8_percent_encode(&self.path, ENCODED_IN_PATH));
        for (index, (parameter, value)) in self.parameters.used.iter().enumerate() {
            text.push(if index == 0 { '?' } else { '&' });
            text.push_str(parameter.name());
            text.push('=');
            text.extend(utf8_percent_encode(value, ENCODED));
        }
        text
    }

    /// The host and port of the daemon, to which libvirt connects without a time limit. `None` if
    /// it uses a socket file, ssh or the hypervisor's own protocol.
    pub fn tcp_target(&self) -> Option<(&str, u16)> {
        let default_port = match self.channel {
            Channel::Tcp => 16509,
            Channel::Tls => 16514,
            _ => return None,
        };
        let host = self.host.as_deref().unwrap_or("localhost");
        Some((host, self.port.unwrap_or(default_port)))
    }

    /// The host in the URI.
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

fn uri_error(problem: &str) -> GatherError {
    GatherError::configuration(format!("the parameter uri cannot be used: {problem}"))
}

#[cfg(test)]
mod hostile_tests;
#[cfg(test)]
mod refused_tests;
#[cfg(test)]
mod uri_tests;
