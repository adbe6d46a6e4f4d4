//! Fuzz targets: each takes one input and panics if it breaks a rule.

use gatherer_plugin_api::model::{Guest, Host};
use percent_encoding::percent_decode_str;

use crate::map::{self, HostFacts, NodeInfo};
use crate::uri::Uri;

/// A target's name, and the function that runs it on one input.
pub type Target = (&'static str, fn(&[u8]));

/// The targets of this crate.
pub const TARGETS: &[Target] =
    &[("uri", uri), ("capabilities", capabilities), ("description", description)];

/// Characters that a shell interprets in any position.
const SHELL_SPECIAL: [char; 15] =
    ['$', '`', ';', '|', '&', '<', '>', '(', ')', '\'', '"', '*', '!', '{', '}'];

/// Panics if a part of the URI contains a character that a shell interprets.
///
/// libvirt builds a command line for the remote shell from host, path and parameters. The user name
/// and the names of local files are arguments of the local ssh, which takes a backslash or a space
/// literally.
fn assert_shell_safe(connect_string: &str) {
    for part in connect_string.split(['/', '?', '&', '@']) {
        let (name, value) = part.split_once('=').unwrap_or(("", part));
        let value = percent_decode_str(value).decode_utf8().expect("a part is text");
        assert!(!value.contains(SHELL_SPECIAL), "{value:?} of {connect_string} may reach a shell");
        let is_remote = matches!(name, "socket" | "netcat" | "command" | "proxy");
        let is_literal = !is_remote || !value.contains(['\\', ' ']);
        assert!(is_literal, "{value:?} of {connect_string} may reach a shell");
    }
}

/// A connection URI.
fn uri(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else { return };
    let Ok(uri) = Uri::parse(text) else { return };
    let written = uri.to_connect_string();
    assert!(written.bytes().all(|byte| byte.is_ascii_graphic()), "{written:?}");
    let again = Uri::parse(&written).expect("the URI for libvirt is allowed");
    assert_eq!(again.to_connect_string(), written, "parsing the URI again gives the same URI");
    if uri.channel().is_ssh() {
        assert_shell_safe(&written);
    }
    let shown = uri.to_string();
    let authority = shown.split("://").nth(1).and_then(|rest| rest.split('/').next());
    let has_user = authority.is_some_and(|authority| authority.contains('@'));
    assert!(!shown.contains('?') && !has_user, "{shown} shows a user name or parameters");
    let _ = (uri.tcp_target(), uri.test_file(), uri.verification_warning());
    let (unverified, _) = uri.without_verification();
    Uri::parse(&unverified.to_connect_string()).expect("allowed without verification too");
}

/// The capabilities of a hypervisor, as XML. The first eight bytes are the numbers of the other
/// calls.
fn capabilities(input: &[u8]) {
    let Some((numbers, xml)) = input.split_at_checked(8) else { return };
    let Ok(xml) = std::str::from_utf8(xml) else { return };
    let number = |place: usize| match numbers[place] {
        255 => u32::MAX,
        byte => u32::from(byte),
    };
    let facts = HostFacts {
        hostname: "h".to_owned(),
        driver: "QEMU".to_owned(),
        hypervisor_version: Some(u64::from(number(0)) * 1_000_000),
        library_version: None,
        capabilities: Some(xml.to_owned()),
        node: Some(NodeInfo {
            model: "x86_64".to_owned(),
            memory_kib: u64::from(number(1)) << 32,
            cpus: number(2),
            mhz: number(3),
            nodes: number(4),
            sockets: number(5),
            cores: number(6),
            threads: number(7),
        }),
    };
    let Ok(host) = map::host(&facts) else { return };
    let _ = map::missing_uuid_warning(&facts, &host);
    let json = serde_json::to_string(&host).expect("a host can be serialized");
    let again: Host = serde_json::from_str(&json).expect("the runner can parse the host");
    assert_eq!(again, host, "a host is the same after serialization");
}

/// The description of a guest, as XML.
fn description(input: &[u8]) {
    let Ok(xml) = std::str::from_utf8(input) else { return };
    let mut guest = Guest::new("u", "web");
    if map::describe(xml, &mut guest).is_err() {
        assert_eq!(guest, Guest::new("u", "web"), "a rejected description changes nothing");
        return;
    }
    let json = serde_json::to_string(&guest).expect("a guest can be serialized");
    let again: Guest = serde_json::from_str(&json).expect("the runner can parse the guest");
    assert_eq!(again, guest, "a guest is the same after serialization");
}

#[cfg(test)]
mod tests {
    #[test]
    fn committed_cases_pass() {
        gatherer_tests::corpus::replay(super::TARGETS);
    }
}
