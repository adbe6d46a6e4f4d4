//! Which characters each part of a URI may hold.
//!
//! With the transports `ssh`, `libssh` and `libssh2` libvirt builds a command line for the remote
//! shell, in which the socket's path is not quoted; `ssh` also passes host and user to commands of its
//! own configuration (`ProxyCommand`, `Match exec`). So with these transports only characters are
//! allowed that no shell interprets. Everywhere else a part is a host name, an account or the path of
//! a local file; there letters of any script and spaces are allowed as well.

use std::net::Ipv6Addr;

use gatherer_plugin_api::GatherError;
use percent_encoding::percent_decode_str;

use super::refused;
use super::scheme::{TEST_DRIVER, Way, is_hypervisor};

/// The longest path: the kernel's PATH_MAX.
const PATH_MAX: usize = 4_096;
/// The longest user name.
const USER_MAX: usize = 256;

/// A part of a URI without its percent-encoding, which is taken off once. A doubly encoded
/// character is a `%` afterwards, which no part but a hypervisor's path may hold.
pub(super) fn decode(text: &str) -> Result<String, GatherError> {
    let decoded = percent_decode_str(text)
        .decode_utf8()
        .map_err(|_| refused("a percent-encoded part of it is not UTF-8"))?;
    if decoded.chars().any(char::is_control) {
        return Err(refused("a percent-encoded part of it is a control character"));
    }
    Ok(decoded.into_owned())
}

/// An absolute path that a shell reads as one word that means itself. No character is special to
/// it: it begins with `/`, so that `=`, `:`, `-` and the like have no meaning in any shell.
pub(super) fn is_path_for_a_shell(path: &str) -> bool {
    let safe = |c: char| c.is_ascii_alphanumeric() || "/._-+,:=@".contains(c);
    path.starts_with('/') && path.len() <= PATH_MAX && path.chars().all(safe)
}

/// An absolute path of this machine. Missing on purpose: `%`, `~` and `$`, which ssh, libssh and
/// libxml2 expand in names of files.
pub(super) fn is_local_path(path: &str) -> bool {
    let fine = |c: char| c.is_alphanumeric() || "/ ._-+,:=@".contains(c);
    path.starts_with('/') && path.len() <= PATH_MAX && path.chars().all(fine)
}

/// A list of GnuTLS priorities: `NORMAL:-VERS-ALL:+VERS-TLS1.3`, `@LIBVIRT,SYSTEM`, `SECURE256:%COMPAT`.
pub(super) fn is_tls_priority(text: &str) -> bool {
    let fine = |c: char| c.is_ascii_alphanumeric() || ":+-!@%_.,=".contains(c);
    let first = |c: char| c.is_ascii_alphanumeric() || c == '@';
    text.starts_with(first) && text.len() <= 1_024 && text.chars().all(fine)
}

pub(super) fn parse_user(text: &str, way: Way) -> Result<String, GatherError> {
    if text.contains(':') {
        return Err(refused("it holds a password, which libvirt does not read there")
            .with_hint("use sasl_username and sasl_password"));
    }
    let user = decode(text)?;
    let fine = |c: char| {
        if way.is_ssh() {
            c.is_ascii_alphanumeric() || "._-+@\\".contains(c)
        } else {
            c.is_alphanumeric() || "._-+@\\$".contains(c)
        }
    };
    // ssh would take a leading - for an option. A \ (DOMAIN\user) at the end could escape the
    // quote that follows it where ssh's configuration puts the user into a command.
    let is_user = !user.is_empty()
        && user.len() <= USER_MAX
        && !user.starts_with('-')
        && !user.ends_with('\\')
        && user.chars().all(fine);
    if is_user {
        return Ok(user);
    }
    let allowed = if way.is_ssh() {
        "with this transport: ASCII letters, digits and . _ - + @ \\, not - first nor \\ last"
    } else {
        "letters, digits and . _ - + @ \\ $, not - first nor \\ last"
    };
    Err(refused("its user name has a character that is not allowed")
        .with_hint(format!("allowed {allowed}")))
}

/// A host and a port, each of which may be missing.
pub(super) fn parse_address(text: &str) -> Result<(Option<String>, Option<u16>), GatherError> {
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

/// `/embed` starts a whole hypervisor driver in this process, so the paths of daemons are a
/// closed set. The path of a local test driver is a file; of a remote one it would be a file of
/// that machine.
pub(super) fn parse_path(driver: &str, text: &str, way: Way) -> Result<String, GatherError> {
    let path = decode(text)?;
    let (fine, allowed) = if is_hypervisor(driver) {
        (
            is_inventory_path(&path),
            "a path of the hypervisor's inventory: letters, digits, spaces and / . _ - + , : = @ & % ( ) [ ] ' ! # ~ *",
        )
    } else if driver != TEST_DRIVER {
        (matches!(path.as_str(), "" | "/" | "/system" | "/session"), "/system, /session, / or none")
    } else if matches!(way, Way::Test | Way::Unix) {
        (
            path.len() > 1 && is_local_path(&path),
            "/default, or a file's absolute path (local only) of letters, digits, spaces and / . _ - + , : = @",
        )
    } else {
        (matches!(path.as_str(), "" | "/" | "/default"), "/default")
    };
    if fine {
        return Ok(path);
    }
    Err(refused("its path is not allowed").with_hint(format!("allowed: {allowed}")))
}

/// Datacenter, cluster and host of a vCenter (`%` because vSphere writes `/` in a name as
/// `%2f`). It stays in this process and its requests to the hypervisor.
fn is_inventory_path(path: &str) -> bool {
    let fine = |c: char| c.is_alphanumeric() || "/ ._-+,:=@&%()[]'!#~*".contains(c);
    path.len() <= PATH_MAX && path.chars().all(fine)
}
