//! Pure: a machine type.

use gatherer_plugin_api::GatherError;
use gatherer_plugin_api::model::Guest;
use gatherer_plugin_support::json::Json;

use super::values;

const MIB: u64 = 1024 * 1024;

/// What instances of a machine type have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MachineType {
    cpus: Option<u32>,
    memory_bytes: Option<u64>,
    architecture: Option<String>,
}

impl MachineType {
    /// Reads an answer. `request` names it in messages.
    pub fn parse(json: &Json, request: &str) -> Result<Self, GatherError> {
        let cpus = values::positive(json, "guestCpus");
        let memory = values::positive(json, "memoryMb");
        if cpus.is_none() && memory.is_none() {
            return Err(GatherError::protocol(format!(
                "{request}: the answer is not a machine type: it has neither CPUs nor memory"
            )));
        }
        Ok(Self {
            cpus: cpus.and_then(|cpus| u32::try_from(cpus).ok()),
            memory_bytes: memory.and_then(|memory| memory.checked_mul(MIB)),
            architecture: values::text(json, "architecture").and_then(architecture),
        })
    }

    /// Adds this to a guest.
    pub fn describe(&self, guest: &mut Guest) {
        guest.cpus = self.cpus;
        guest.memory_bytes = self.memory_bytes;
        if self.architecture.is_some() {
            guest.architecture.clone_from(&self.architecture);
        }
    }
}

/// The architecture as `uname -m` prints it; `None` if the API does not know it.
pub fn architecture(word: &str) -> Option<String> {
    match word {
        "X86_64" => Some("x86_64".to_owned()),
        "ARM64" => Some("aarch64".to_owned()),
        "ARCHITECTURE_UNSPECIFIED" | "UNDEFINED_ARCHITECTURE" => None,
        other => Some(other.to_ascii_lowercase()),
    }
}

#[cfg(test)]
mod tests {
    use gatherer_plugin_api::ErrorKind;
    use gatherer_plugin_support::json;

    use super::*;

    fn parse(text: &str) -> Result<MachineType, GatherError> {
        MachineType::parse(&json::parse(text.as_bytes(), "x").expect("JSON"), "GET x")
    }

    #[test]
    fn unknown_numbers_are_absent() {
        let of = |text: &str| parse(text).expect("a machine type");
        let full = of(r#"{"guestCpus": 2, "memoryMb": 4096, "architecture": "ARM64"}"#);
        let mut guest = Guest::default();
        full.describe(&mut guest);
        assert_eq!((guest.cpus, guest.memory_bytes), (Some(2), Some(4 << 30)));
        assert_eq!(guest.architecture.as_deref(), Some("aarch64"));
        let texts = of(r#"{"guestCpus": "2", "memoryMb": "614"}"#);
        assert_eq!((texts.cpus, texts.memory_bytes), (Some(2), Some(614 << 20)));
        texts.describe(&mut guest);
        assert_eq!(guest.architecture.as_deref(), Some("aarch64"), "it is that of the disk");
        let huge = of(r#"{"guestCpus": 99999999999, "memoryMb": 18446744073709551615}"#);
        assert_eq!((huge.cpus, huge.memory_bytes), (None, None));
        assert_eq!(
            of(r#"{"guestCpus": 1, "memoryMb": 0, "architecture": "ARCHITECTURE_UNSPECIFIED"}"#)
                .architecture,
            None
        );
        for other in ["{}", "[]", r#"{"items": []}"#, r#"{"guestCpus": 0}"#] {
            assert_eq!(parse(other).expect_err(other).kind, ErrorKind::Protocol, "{other}");
        }
    }
}
