//! Fuzz targets: the answers of EC2 and STS, and the shared credentials file.

use gatherer_plugin_support::xml::{self, Limits};

use crate::credentials::{is_token, keys_of_profile, keys_of_role};
use crate::failure;
use crate::map::replies;

/// A target's name, and the function that runs it on one input.
pub type Target = (&'static str, fn(&[u8]));

/// The targets of this crate.
pub const TARGETS: &[Target] = &[("ec2_answer", ec2_answer)];

/// Any text as the answer to each call, and as the file: a list or an error, and no panic.
fn ec2_answer(data: &[u8]) {
    let _ = failure::code(data);
    let Ok(text) = std::str::from_utf8(data) else { return };
    let _ = is_token(text);
    let _ = keys_of_profile(text, "default");
    let limits = Limits { bytes: 1024 * 1024, nodes: 100_000, depth: 50 };
    let Ok(document) = xml::parse(text, limits) else { return };
    let root = document.root_element();
    let _ = keys_of_role(root);
    let _ = replies::zones(root);
    for instance in replies::instances(root).ok().and_then(|page| page.items).into_iter().flatten()
    {
        let guest = instance.into_guest(None);
        assert!(guest.id.is_some_and(|id| !id.is_empty()));
    }
    let types = replies::types(root).ok().and_then(|page| page.items).unwrap_or_default();
    for host in
        replies::dedicated_hosts(root).ok().and_then(|page| page.items).into_iter().flatten()
    {
        assert!(!host.into_host("eu-central-1", types.first()).id.is_empty());
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn committed_cases_pass() {
        gatherer_tests::corpus::replay(super::TARGETS);
    }
}
