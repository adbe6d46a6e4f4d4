//! Fuzz targets: each takes one input and panics if a rule is broken.

use crate::{client, kubeconfig};

/// The targets of this crate, by name.
pub const TARGETS: &[(&str, fn(&[u8]))] = &[
    ("kubeconfig", kubeconfig::fuzzing::kubeconfig),
    ("id_token", kubeconfig::fuzzing::id_token),
    ("page", client::fuzzing::page),
    ("status", client::fuzzing::status),
    ("discovery", client::fuzzing::discovery),
];

#[cfg(test)]
mod tests {
    #[test]
    fn committed_cases_pass() {
        gatherer_tests::corpus::replay(super::TARGETS);
    }
}
