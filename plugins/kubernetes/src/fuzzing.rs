//! The fuzz targets of this crate. Each takes one input and panics if a rule is broken.

use crate::quantity::Quantity;
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
    ("quantity", quantity),
];

/// Quantities: the ways of rounding are consistent.
fn quantity(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else { return };
    let Ok(quantity) = text.parse::<Quantity>() else { return };
    let (down, up) = (quantity.round_down(), quantity.round_up());
    if let (Ok(down), Ok(up)) = (down, up) {
        assert!(up == down || up == down + 1, "{text}: {down} and {up}");
        if let Ok(milli) = quantity.milli_round_up() {
            assert!(milli >= down.saturating_mul(1000), "{text}: {milli} of {down}");
            assert!(milli <= up.saturating_mul(1000), "{text}: {milli} of {up}");
        }
    }
    if quantity.is_negative() {
        assert!(up.is_err(), "{text} is negative");
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn committed_cases_pass() {
        gatherer_tests::corpus::replay(super::TARGETS);
    }
}
