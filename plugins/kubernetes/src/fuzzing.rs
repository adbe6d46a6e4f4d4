//! The fuzz targets of this crate. Each takes one input and panics if a rule is broken.

use crate::{client, kubeconfig};

/// A target's name, and the function that runs one input.
pub type Target = (&'static str, fn(&[u8]));

/// The targets of this crate.
pub const TARGETS: &[Target] = &[
    ("kubeconfig", kubeconfig::kubeconfig_fuzzing::kubeconfig),
    ("id_token", kubeconfig::kubeconfig_fuzzing::id_token),
    ("page", client::response_fuzzing::page),
    ("status", client::response_fuzzing::status),
    ("discovery", client::response_fuzzing::discovery),
];

#[cfg(test)]
mod tests {
    #[test]
    fn committed_cases_pass() {
        gatherer_tests::corpus::replay(super::TARGETS);
    }
}
