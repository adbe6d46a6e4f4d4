//! The results of `check`: one for each endpoint, and the document with all of them.

use gatherer_plugin_api::model::{Software, Warning};
use gatherer_plugin_api::{
    CheckLog, CheckStep, Expiry, GatherError, PARAMETERS_STEP, REST_STEP, StepStatus,
    overall_status,
};
use schemars::JsonSchema;
use serde::Serialize;

/// The version of the schema, `major.minor`. A minor version only adds members and words.
const SCHEMA_VERSION: &str = "1.0";

/// The result of `check`.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CheckDocument {
    /// The version of this document's schema, `major.minor`. A reader should accept every minor version of a
    /// major version that it knows.
    pub schema_version: String,
    /// The endpoints, in the order of the infile.
    pub endpoints: Vec<EndpointCheck>,
}

impl CheckDocument {
    /// The document with these endpoints.
    pub fn new(endpoints: Vec<EndpointCheck>) -> Self {
        Self { schema_version: SCHEMA_VERSION.to_owned(), endpoints }
    }
}

/// The check of one endpoint.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct EndpointCheck {
    /// The endpoint's id.
    pub id: String,
    /// Its module. Absent if its entry has none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub module: Option<String>,
    /// The plugin that checked it. Absent if none was started.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub plugin: Option<Software>,
    /// The status of the worst step. `not-tried`: no step failed, but not every step was tried.
    pub status: StepStatus,
    /// The steps, in their order.
    pub steps: Vec<CheckStep>,
    /// When certificates, tokens and passwords of the endpoint expire, as far as the check saw it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub expiries: Vec<Expiry>,
}

impl EndpointCheck {
    /// The check of an endpoint by this plugin, which ended with this result. `warnings` are those about the
    /// endpoint's entry.
    pub fn new(
        (id, module): (&str, &str),
        plugin: &Software,
        warnings: &[Warning],
        log: CheckLog,
        result: Result<(), GatherError>,
    ) -> Self {
        let version = plugin.version.as_deref().unwrap_or_default();
        let steps = log.finish(
            parameters_step(warnings),
            result,
            &format!("the plugin {} {version}", plugin.name),
        );
        Self {
            id: id.to_owned(),
            module: Some(module.to_owned()),
            plugin: Some(plugin.clone()),
            status: overall_status(&steps),
            steps,
            expiries: Vec::new(),
        }
    }

    /// Whether the plugin cannot check its endpoints.
    pub fn is_unsupported(&self) -> bool {
        matches!(self.steps.last(), Some(step) if step.status == StepStatus::NotTried
            && step.name == REST_STEP)
            && self.failed_step().is_none()
    }

    /// The step that failed first.
    pub fn failed_step(&self) -> Option<&CheckStep> {
        self.steps.iter().find(|step| step.status == StepStatus::Failed)
    }
}

/// The step about an endpoint's entry that can be used.
fn parameters_step(warnings: &[Warning]) -> CheckStep {
    if warnings.is_empty() {
        return CheckStep::ok(PARAMETERS_STEP, "the endpoint's entry can be used");
    }
    let warnings: Vec<_> =
        warnings.iter().map(|warning| format!("{}: {}", warning.object, warning.message)).collect();
    CheckStep::warning(PARAMETERS_STEP, warnings.join("; "), "change the endpoint's entry")
}
