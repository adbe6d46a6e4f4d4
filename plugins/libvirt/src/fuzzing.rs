//! Fuzz targets: each takes one input and panics if a rule is broken.

use gatherer_plugin_api::model::Host;
use percent_encoding::percent_decode_str;

use crate::map::{self, HostFacts, NodeInfo};
use crate::uri::Uri;

/// A target's name, and the function that runs one input.
pub type Target = (&'static str, fn(&[u8]));

/// The targets of this crate.
pub const TARGETS: &[Target] = &[("uri", uri), ("capabilities", capabilities)];

/// Characters that mean something to a shell wherever they stand.
const SHELL: [char; 15] =
    ['$', '`', ';', '|', '&', '<', '>', '(', ')', '\'', '"', '*', '!', '{', '}'];

/// libvirt puts host, path and parameters together for the shell of the remote side. User and names of
/// local files are arguments of the local ssh, in which a backslash or a blank means itself.
fn check_for_shell(written: &str) {
    for part in written.split(['/', '?', '&', '@']) {
        let (name, value) = part.split_once('=').unwrap_or(("", part));
        let value = percent_decode_str(value).decode_utf8().expect("a part is text");
        assert!(!value.contains(SHELL), "{value:?} of {written} may reach a shell");
        let is_remote = matches!(name, "socket" | "netcat" | "command" | "proxy");
        let is_plain = !is_remote || !value.contains(['\\', ' ']);
        assert!(is_plain, "{value:?} of {written} may reach a shell");
    }
}

/// A connection URI.
fn uri(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else { return };
    let Ok(uri) = Uri::parse(text) else { return };
    let written = uri.to_connect_string();
    assert!(written.bytes().all(|byte| byte.is_ascii_graphic()), "{written:?}");
    let again = Uri::parse(&written).expect("what libvirt is given is a URI that is allowed");
    assert_eq!(again.to_connect_string(), written, "the URI is read as it is written");
    if uri.way().is_ssh() {
        check_for_shell(&written);
    }
    let shown = uri.to_string();
    let authority = shown.split("://").nth(1).and_then(|rest| rest.split('/').next());
    let has_user = authority.is_some_and(|authority| authority.contains('@'));
    assert!(!shown.contains('?') && !has_user, "{shown} shows too much");
    let _ = (uri.tcp_target(), uri.test_file(), uri.unverified());
    let (unverified, _) = uri.without_verification();
    Uri::parse(&unverified.to_connect_string()).expect("without verification it is allowed too");
}

/// The capabilities of a hypervisor, as XML. The first bytes are the numbers beside them.
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
    let _ = map::identity_doubt(&facts, &host);
    let json = serde_json::to_string(&host).expect("a host is JSON");
    let again: Host = serde_json::from_str(&json).expect("the runner reads it");
    assert_eq!(again, host, "a host crosses as it is");
}

#[cfg(test)]
mod tests {
    #[test]
    fn committed_cases_pass() {
        gatherer_tests::corpus::replay(super::TARGETS);
    }
}
