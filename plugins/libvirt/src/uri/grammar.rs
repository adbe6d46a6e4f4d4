//! The characters that each part of a URI may contain.
//!
//! With the transports `ssh`, `libssh` and `libssh2` libvirt builds a command line for the remote
//! shell, in which the socket's path is not quoted; `ssh` also passes host and user to commands in its
//! configuration (`ProxyCommand`, `Match exec`). So with these transports only characters that no
//! shell interprets are allowed. With the others a part is a host name, an account or the path of a
//! local file, so letters of all scripts and spaces are allowed too.

use std::net::Ipv6Addr;

use gatherer_plugin_api::GatherError;
use percent_encoding::percent_decode_str;

use super::scheme::{Channel, TEST_DRIVER, is_hypervisor};
use super::uri_error;

/// The longest path, in bytes: the kernel's PATH_MAX.
const PATH_MAX: usize = 4_096;
/// The longest user name, in bytes.
const USER_MAX: usize = 256;

/// Decodes the percent-encoding of a part once. In a part that was encoded twice a `%` remains,
/// which is allowed only in a hypervisor's path and in `tls_priority`.
pub(super) fn decode(text: &str) -> Result<String, GatherError> {
    let decoded = percent_decode_str(text)
        .decode_utf8()
        .map_err(|_| uri_error("a percent-encoded part of it is not UTF-8"))?;
    if decoded.chars().any(char::is_control) {
        return Err(uri_error("a percent-encoded part of it is a control character"));
    }
    Ok(decoded.into_owned())
}

/// An absolute path that a shell takes literally as one word. Because it begins with `/`, no shell
/// gives `=`, `:`, `-` and similar characters a special meaning.
pub(super) fn is_shell_safe_path(path: &str) -> bool {
    let safe = |c: char| c.is_ascii_alphanumeric() || "/._-+,:=@".contains(c);
    path.starts_with('/') && path.len() <= PATH_MAX && path.chars().all(safe)
}

/// An absolute path on this machine, without `%`, `~` and `$`, which ssh, libssh and libxml2 expand
/// in file names.
pub(super) fn is_local_path(path: &str) -> bool {
    let is_allowed = |c: char| c.is_alphanumeric() || "/ ._-+,:=@".contains(c);
    path.starts_with('/') && path.len() <= PATH_MAX && path.chars().all(is_allowed)
}

/// A GnuTLS priority string: `NORMAL:-VERS-ALL:+VERS-TLS1.3`, `@LIBVIRT,SYSTEM`, `SECURE256:%COMPAT`.
pub(super) fn is_tls_priority(text: &str) -> bool {
    let is_allowed = |c: char| c.is_ascii_alphanumeric() || ":+-!@%_.,=".contains(c);
    let is_first = |c: char| c.is_ascii_alphanumeric() || c == '@';
    text.starts_with(is_first) && text.len() <= 1_024 && text.chars().all(is_allowed)
}

pub(super) fn parse_user(text: &str, channel: Channel) -> Result<String, GatherError> {
    if text.contains(':') {
        return Err(uri_error("it contains a password, which libvirt ignores there")
            .with_hint("use sasl_username and sasl_password"));
    }
    let user = decode(text)?;
    let is_allowed = |c: char| {
        if channel.is_ssh() {
            c.is_ascii_alphanumeric() || "._-+@\\".contains(c)
        } else {
            c.is_alphanumeric() || "._-+@\\$".contains(c)
        }
    };
    // ssh would parse a leading - as an option. A \ (DOMAIN\user) at the end could escape the quote
    // after it if ssh's configuration inserts the user into a command.
    let is_user = !user.is_empty()
        && user.len() <= USER_MAX
        && !user.starts_with('-')
        && !user.ends_with('\\')
        && user.chars().all(is_allowed);
    if is_user {
        return Ok(user);
    }
    let (problem, allowed) = if channel.is_ssh() {
        (
            "its user name contains a character that is not allowed, because ssh or a shell could interpret it",
            "with this transport: ASCII letters, digits and . _ - + @ \\, but not - first or \\ last",
        )
    } else {
        (
            "its user name contains a character that is not allowed",
            "letters, digits and . _ - + @ \\ $, but not - first or \\ last",
        )
    };
    Err(uri_error(problem).with_hint(format!("allowed {allowed}")))
}

/// Parses `HOST:PORT`; both parts are optional.
pub(super) fn parse_address(text: &str) -> Result<(Option<String>, Option<u16>), GatherError> {
    let bad_host = || {
        uri_error("its host is neither a name nor an IP address").with_hint(
            "a name has ASCII letters, digits and . _ -, and does not begin with - (write an international name \
             as xn--...); an IPv6 address is in brackets, without a zone",
        )
    };
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
        let is_name = !host.starts_with('-')
            && host.len() <= 255
            && host.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-_".contains(&byte));
        if !is_name {
            return Err(bad_host());
        }
        (host, port)
    };
    let port = match port {
        None => None,
        Some(digits) if digits.bytes().all(|byte| byte.is_ascii_digit()) => {
            let port = digits.parse::<u16>().ok().filter(|port| *port > 0);
            Some(port.ok_or_else(|| uri_error("its port must be between 1 and 65535"))?)
        }
        Some(_) => return Err(uri_error("its port is not a number")),
    };
    Ok((Some(host.to_owned()).filter(|host| !host.is_empty()), port))
}

/// Parses a path.
///
/// Only fixed paths are allowed for daemons, because `/embed` would start a complete hypervisor
/// driver in this process. The path of a local test driver is a file. For a remote test driver it
/// would be a file on that machine, so only `/default` is allowed.
pub(super) fn parse_path(
    driver: &str,
    text: &str,
    channel: Channel,
) -> Result<String, GatherError> {
    let path = decode(text)?;
    let (is_allowed, allowed) = if is_hypervisor(driver) {
        (
            is_inventory_path(&path),
            "a path of the hypervisor's inventory: letters, digits, spaces and / . _ - + , : = @ & % ( ) [ ] ' ! # ~ *",
        )
    } else if driver != TEST_DRIVER {
        (matches!(path.as_str(), "" | "/" | "/system" | "/session"), "/system, /session, / or none")
    } else if matches!(channel, Channel::Test | Channel::Unix) {
        (
            path.len() > 1 && is_local_path(&path),
            "/default, or a file's absolute path (local only) of letters, digits, spaces and / . _ - + , : = @",
        )
    } else {
        (matches!(path.as_str(), "" | "/" | "/default"), "/default")
    };
    if is_allowed {
        return Ok(path);
    }
    let problem = if path == "/embed" {
        "its path is not allowed: /embed starts a hypervisor's driver in this process"
    } else if driver == TEST_DRIVER && !matches!(channel, Channel::Test | Channel::Unix) {
        "its path is not allowed: it would be a file on the host"
    } else {
        "its path is not allowed"
    };
    Err(uri_error(problem).with_hint(format!("allowed: {allowed}")))
}

/// Datacenter, cluster and host of a vCenter (with `%`, because vSphere writes `/` in a name as
/// `%2f`). The path is used only in this process and in its requests to the hypervisor.
fn is_inventory_path(path: &str) -> bool {
    let is_allowed = |c: char| c.is_alphanumeric() || "/ ._-+,:=@&%()[]'!#~*".contains(c);
    path.len() <= PATH_MAX && path.chars().all(is_allowed)
}
