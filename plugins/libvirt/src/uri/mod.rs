//! Which libvirt URIs may be opened: an allow-list, because parts of a URI run programs.
//!
//! A URI is taken apart, every piece is checked, and what libvirt gets is put together anew
//! from the checked pieces: two parsers can then not disagree about what a text means.
//! Errors never quote the user-info, a parameter's value or an unknown parameter's name.

mod grammar;
mod parameters;
mod scheme;
mod verification;

use std::fmt;
use std::path::Path;

use gatherer_plugin_api::GatherError;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

pub use parameters::Parameter;
pub use scheme::Way;

use parameters::Parameters;
use scheme::{TEST_DRIVER, Transport};

/// The longest URI, in bytes.
const MAX_BYTES: usize = 8 * 1024;

const KEPT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');
const KEPT_IN_PATH: &AsciiSet = &KEPT.remove(b'/');

/// A URI that may be opened. `Display` shows it without user and parameters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Uri {
    driver: &'static str,
    transport: Option<Transport>,
    way: Way,
    user: Option<String>,
    host: Option<String>,
    port: Option<u16>,
    path: String,
    parameters: Parameters,
}

impl Uri {
    /// Checks a URI. The error says which part is not allowed.
    pub fn parse(text: &str) -> Result<Self, GatherError> {
        let text = text.trim();
        if text.len() > MAX_BYTES {
            return Err(refused("it is longer than 8 KiB"));
        }
        if text.chars().any(|character| character.is_control() || character == ' ') {
            return Err(refused("it holds a space or a control character"));
        }
        // Without a scheme it would be an alias of libvirt.conf, which may mean anything.
        let (scheme, rest) = text
            .split_once("://")
            .ok_or_else(|| refused("it does not begin like qemu:// or qemu+ssh://"))?;
        let (driver, transport) = scheme::parse(scheme)?;

        if rest.contains('#') {
            return Err(refused("it has a fragment (#)"));
        }
        let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
        let (authority, path) = rest.find('/').map_or((rest, ""), |at| rest.split_at(at));
        let (user, address) = match authority.rsplit_once('@') {
            Some((user, address)) => (Some(user), address),
            None => (None, authority),
        };

        let (host, port) = grammar::parse_address(address)?;
        let way = Way::of(driver, transport, host.is_some());
        let user = user.map(|user| grammar::parse_user(user, way)).transpose()?;
        if host.is_none() && (user.is_some() || port.is_some()) {
            return Err(refused("it has a user or a port but no host"));
        }
        if transport == Some(Transport::Unix) && host.is_some() {
            return Err(refused("the transport unix is used without a host"));
        }
        let path = grammar::parse_path(driver, path, way)?;
        let mut parameters = Parameters::parse(query, way)?;

        // There is no terminal: ssh must fail instead of asking.
        if way.is_ssh() {
            parameters.set(Parameter::NoTty, "1".to_owned());
        }
        Ok(Self { driver, transport, way, user, host, port, path, parameters })
    }

    /// How libvirt reaches what it names.
    pub const fn way(&self) -> Way {
        self.way
    }

    /// The value of a parameter that libvirt gets.
    pub fn value(&self, parameter: Parameter) -> Option<&str> {
        self.parameters.get(parameter)
    }

    /// Puts the path of a file that was checked in the place of the one that the URI names. False if
    /// it has a character that libvirt, ssh or a library of theirs could take for something else.
    pub fn set_file(&mut self, parameter: Parameter, path: &Path) -> bool {
        let Some(path) = path.to_str().filter(|path| grammar::is_local_path(path)) else {
            return false;
        };
        self.parameters.set(parameter, path.to_owned());
        true
    }

    /// The names of the parameters that the URI holds and this way to the daemon has no use for.
    pub fn unused_parameters(&self) -> impl Iterator<Item = &'static str> {
        self.parameters.unused.iter().map(|parameter| parameter.name())
    }

    /// The file that libvirt's test driver is about to read.
    pub fn test_file(&self) -> Option<&Path> {
        let is_file = self.driver == TEST_DRIVER
            && matches!(self.way, Way::Test | Way::Unix)
            && self.path != "/default";
        is_file.then(|| Path::new(&self.path))
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
        for (index, (parameter, value)) in self.parameters.used.iter().enumerate() {
            text.push(if index == 0 { '?' } else { '&' });
            text.push_str(parameter.name());
            text.push('=');
            text.extend(utf8_percent_encode(value, KEPT));
        }
        text
    }

    /// The host and port that libvirt itself will connect to without any time limit. `None`
    /// where it speaks through a socket file, through ssh or with the hypervisor directly.
    pub fn tcp_target(&self) -> Option<(&str, u16)> {
        let default_port = match self.way {
            Way::Tcp => 16509,
            Way::Tls => 16514,
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

#[cfg(test)]
mod hostile_tests;
#[cfg(test)]
mod tests;
