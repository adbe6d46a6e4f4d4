//! The compute services: the process of Nova on each host.

use serde_json::Value;

use super::values;

/// The status of what Nova cannot read, because the database of its cell does not answer.
pub const UNKNOWN: &str = "UNKNOWN";

/// A compute service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ComputeService {
    /// The host on which it runs.
    pub host: String,
    /// Whether its cell is down.
    pub is_unknown: bool,
    /// The availability zone.
    pub zone: Option<String>,
}

/// A compute service of a list; `None` if it is another one. An older version may ignore the parameter that selects them.
pub fn service(value: &Value) -> Option<ComputeService> {
    let is_compute = values::text(&value["binary"]).is_none_or(|binary| binary == "nova-compute");
    let status = values::text(&value["status"]).unwrap_or_default();
    is_compute.then(|| ComputeService {
        host: values::text(&value["host"]).unwrap_or_default().to_owned(),
        is_unknown: status.eq_ignore_ascii_case(UNKNOWN),
        zone: values::text(&value["zone"]).map(str::to_owned),
    })
}
