//! Pure: instance types.

use gatherer_plugin_api::GatherError;
use gatherer_plugin_support::xml::{Node, child, text};
use serde_json::Number;

use super::{architecture, count, items, number, owned};

/// What is known of an instance type.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct InstanceType {
    /// The name: `m7i.large`.
    pub name: String,
    /// The number of virtual CPUs, unless the instance has other CPU options.
    pub cpus: Option<u32>,
    /// The memory, in bytes.
    pub memory_bytes: Option<u64>,
    /// The architecture, if there is only one.
    pub architecture: Option<String>,
    /// The manufacturer of the processor.
    pub vendor: Option<String>,
    /// The frequency of the processor.
    pub frequency_mhz: Option<Number>,
}

/// Reads an item of `instanceTypeSet`.
pub fn instance_type(node: Node<'_, '_>) -> Result<InstanceType, GatherError> {
    let name = owned(node, &["instanceType"])
        .ok_or_else(|| GatherError::protocol("an instance type has no name"))?;
    let info = child(node, "processorInfo").into_iter();
    let words = info.flat_map(|info| items(info, "supportedArchitectures"));
    let words = words.filter_map(|item| item.text().map(|word| architecture(word.trim())));
    let mut architectures: Vec<&str> = words.collect();
    // A type for 64 bits also runs systems with 32 bits.
    architectures.retain(|word| *word != "i686");
    architectures.dedup();
    Ok(InstanceType {
        name,
        cpus: count(node, &["vCpuInfo", "defaultVCpus"]),
        memory_bytes: number(node, &["memoryInfo", "sizeInMiB"])
            .and_then(|mebibytes| mebibytes.checked_mul(1024 * 1024))
            .filter(|bytes| *bytes > 0),
        architecture: match architectures[..] {
            [only] => Some(only.to_owned()),
            _ => None,
        },
        vendor: owned(node, &["processorInfo", "manufacturer"]),
        frequency_mhz: text(node, &["processorInfo", "sustainedClockSpeedInGhz"])
            .and_then(frequency_mhz),
    })
}

/// The frequency in whole MHz.
fn frequency_mhz(gigahertz: &str) -> Option<Number> {
    let gigahertz: f64 = gigahertz.parse().ok()?;
    if !(0.001..1000.0).contains(&gigahertz) {
        return None;
    }
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "checked above")]
    Some(Number::from((gigahertz * 1000.0).round() as u64))
}
