//! The compute services: the process of Nova on each host.

use gatherer_plugin_api::GatherError;
use serde_json::Value;

use super::values;

/// The status of what Nova cannot read, because the database of its cell does not answer.
pub const UNKNOWN: &str = "UNKNOWN";

/// A compute service.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ComputeService {
    /// The host on which it runs.
    pub host: String,
    /// Whether its cell is down.
    pub is_unknown: bool,
    /// The availability zone.
    pub zone: Option<String>,
}

/// A compute service of a list; `None` if it is another one. An older version may ignore the parameter that selects them.
/// Without its status it would not be known whether its cell is down.
pub fn service(value: &Value) -> Result<Option<ComputeService>, GatherError> {
    let is_compute = values::text(&value["binary"]).is_none_or(|binary| binary == "nova-compute");
    if value.is_object() && !is_compute {
        return Ok(None);
    }
    let member = |name: &str| {
        let message = || GatherError::protocol(format!("compute services: one has no {name}"));
        values::text(&value[name]).ok_or_else(message)
    };
    Ok(Some(ComputeService {
        host: member("host")?.to_owned(),
        is_unknown: member("status")?.eq_ignore_ascii_case(UNKNOWN),
        zone: values::text(&value["zone"]).map(str::to_owned),
    }))
}
