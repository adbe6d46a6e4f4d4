//! The sizes of virtual machines: how many CPUs and how much memory they have.

use std::collections::BTreeMap;

use gatherer_plugin_api::GatherError;
use serde_json::Value;

use super::values;

const MIB: u64 = 1024 * 1024;

/// A size. A number that is not known is absent.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Size {
    /// The name for comparisons, in lower case: `standard_d2s_v5`.
    pub name: String,
    /// The number of CPUs.
    pub cpus: Option<u32>,
    /// The memory.
    pub memory_bytes: Option<u64>,
}

impl Size {
    /// An entry of the list of a location's sizes.
    pub fn parse(entry: &Value) -> Result<Self, GatherError> {
        let name = values::text(entry, "/name");
        Ok(Self {
            name: name.ok_or_else(|| GatherError::protocol("a size has no name"))?.to_lowercase(),
            cpus: values::count(entry, "/numberOfCores"),
            memory_bytes: values::positive(entry, "/memoryInMB")
                .and_then(|mib| mib.checked_mul(MIB)),
        })
    }
}

/// The sizes of one location by their names in lower case.
pub type Sizes = BTreeMap<String, Size>;

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn reads_a_size() {
        let size = Size::parse(
            &json!({"name": "Standard_D2s_v5", "numberOfCores": 2, "memoryInMB": 8192}),
        );
        let expected = Size {
            name: "standard_d2s_v5".to_owned(),
            cpus: Some(2),
            memory_bytes: Some(8 * 1024 * MIB),
        };
        assert_eq!(size, Ok(expected));
    }

    #[test]
    fn numbers_of_wrong_types_are_unknown() {
        for number in [json!(null), json!(0), json!(-1), json!("x"), json!([]), json!(u64::MAX)] {
            let entry = json!({"name": "x", "numberOfCores": number, "memoryInMB": number});
            let size = Size::parse(&entry).expect("a size");
            assert_eq!((size.cpus, size.memory_bytes), (None, None), "{number}");
        }
        assert!(Size::parse(&json!({"numberOfCores": 2})).is_err());
    }
}
