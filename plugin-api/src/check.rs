//! The steps of a check, which tells an operator before the first run whether an endpoint will work.

use serde::{Deserialize, Serialize};

use crate::model::Timestamp;
use crate::{ErrorKind, GatherError};

/// The result of one step of a check. [`Context::check_step`](crate::Context::check_step) sends it.
///
/// The message and the hint are sentences for the operator. Neither may contain a secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct CheckStep {
    /// The name: `name`, `port`, `tls`, `login`, `right: NAME` for each right that the module needs, `product`,
    /// `objects`, or another short name.
    pub name: String,
    /// The result.
    pub status: StepStatus,
    /// What was found, as one sentence. Empty for a step that was not tried without a reason of its own.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub message: String,
    /// What the operator can do, as one sentence.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
    /// The kind of failure. Only a failed step has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<ErrorKind>,
}

/// The result of a step, or of a whole check.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum StepStatus {
    /// A run will work, as far as this step can know.
    Ok,
    /// The step was not tried, because an earlier one failed or the plugin cannot do it.
    NotTried,
    /// A run will work today, but the operator should act.
    Warning,
    /// A run will fail, or will lack something that the endpoint asks for.
    Failed,
}

impl StepStatus {
    /// The word used in JSON.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::NotTried => "not-tried",
            Self::Warning => "warning",
            Self::Failed => "failed",
        }
    }
}

impl CheckStep {
    /// A step that found nothing to complain about.
    pub fn ok(name: impl Into<String>, message: impl Into<String>) -> Self {
        Self::new(name, StepStatus::Ok, message)
    }

    /// A step that found something that the operator should change, although a run works today.
    pub fn warning(
        name: impl Into<String>,
        message: impl Into<String>,
        hint: impl Into<String>,
    ) -> Self {
        Self { hint: Some(hint.into()), ..Self::new(name, StepStatus::Warning, message) }
    }

    /// A step that failed. A check that cannot continue returns its error instead; then its next step is the one that
    /// failed.
    pub fn failed(name: impl Into<String>, error: &GatherError) -> Self {
        Self {
            hint: error.hint.clone(),
            kind: Some(error.kind),
            ..Self::new(name, StepStatus::Failed, error.message.clone())
        }
    }

    /// A step that was not tried.
    pub fn not_tried(name: impl Into<String>, reason: impl Into<String>) -> Self {
        Self::new(name, StepStatus::NotTried, reason)
    }

    fn new(name: impl Into<String>, status: StepStatus, message: impl Into<String>) -> Self {
        Self { name: name.into(), status, message: message.into(), hint: None, kind: None }
    }
}

/// When a certificate, token or password of an endpoint expires.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct Expiry {
    /// What expires, as a noun with its article: `the certificate of the server`.
    pub what: String,
    /// When it expires.
    pub at: Timestamp,
}

impl Expiry {
    /// Describes what expires, and when.
    pub fn new(what: impl Into<String>, at: Timestamp) -> Self {
        Self { what: what.into(), at }
    }
}

/// What a check has reported.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CheckLog {
    /// The names of the steps that it was going to make, in their order.
    pub plan: Vec<String>,
    /// The steps that ended, in their order.
    pub steps: Vec<CheckStep>,
}

/// The step whose failure means that the endpoint's parameters are wrong.
pub const PARAMETERS_STEP: &str = "parameters";

/// The step that fails if a check ends without a plan, or after all of its steps.
const UNNAMED_STEP: &str = "check";

/// The step that stands for everything that a plugin without a check does not try.
pub const REST_STEP: &str = "rest";

impl CheckLog {
    /// The steps for an endpoint whose entry cannot be used.
    pub fn of_failed_entry(error: &GatherError) -> Vec<CheckStep> {
        vec![CheckStep::failed(PARAMETERS_STEP, error), CheckStep::not_tried(REST_STEP, "")]
    }

    /// The whole list of steps, after a check ended with this result. `parameters` is the step about the endpoint's
    /// entry, unless the plugin rejects the parameters.
    ///
    /// An error fails the first step of the plan that has not ended. The steps after it were not tried.
    pub fn finish(
        self,
        parameters: CheckStep,
        result: Result<(), GatherError>,
        plugin: &str,
    ) -> Vec<CheckStep> {
        let Self { plan, steps: ended } = self;
        let has_begun = !plan.is_empty() || !ended.is_empty();
        let mut open: Vec<String> =
            plan.into_iter().filter(|name| ended.iter().all(|step| step.name != *name)).collect();
        let mut steps = vec![parameters];
        match &result {
            Err(error) if !has_begun && error.kind == ErrorKind::Unsupported => {
                let reason =
                    format!("{plugin} cannot check its endpoints; a run shows whether they work");
                steps.push(CheckStep::not_tried(REST_STEP, reason));
                return steps;
            }
            Err(error) if !has_begun && error.kind == ErrorKind::Configuration => {
                return Self::of_failed_entry(error);
            }
            _ => steps.extend(ended),
        }
        if let Err(error) = result {
            let name = if open.is_empty() { UNNAMED_STEP.to_owned() } else { open.remove(0) };
            steps.push(CheckStep::failed(name, &error));
        }
        let has_failed = steps.iter().any(|step| step.status == StepStatus::Failed);
        let reason = if has_failed { "" } else { "the plugin did not report this step" };
        steps.extend(open.into_iter().map(|name| CheckStep::not_tried(name, reason)));
        steps
    }
}

/// The status of a whole check: that of its worst step.
pub fn overall_status(steps: &[CheckStep]) -> StepStatus {
    steps.iter().map(|step| step.status).max().unwrap_or(StepStatus::NotTried)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn finished(
        plan: &[&str],
        ended: &[CheckStep],
        result: Result<(), GatherError>,
    ) -> Vec<(String, StepStatus)> {
        let log = CheckLog {
            plan: plan.iter().map(|name| (*name).to_owned()).collect(),
            steps: ended.to_vec(),
        };
        let steps = log.finish(CheckStep::ok(PARAMETERS_STEP, ""), result, "the plugin p 1.0");
        steps.into_iter().map(|step| (step.name, step.status)).collect()
    }

    fn names(steps: &[(&str, StepStatus)]) -> Vec<(String, StepStatus)> {
        steps.iter().map(|(name, status)| ((*name).to_owned(), *status)).collect()
    }

    #[test]
    fn an_error_fails_the_first_open_step_and_the_rest_is_not_tried() {
        use StepStatus::{Failed, NotTried, Ok};
        let error = Err(GatherError::new(ErrorKind::Authentication, "401"));
        let steps = finished(&["port", "login", "objects"], &[CheckStep::ok("port", "")], error);
        let expected = [("parameters", Ok), ("port", Ok), ("login", Failed), ("objects", NotTried)];
        assert_eq!(steps, names(&expected));
    }

    #[test]
    fn an_error_before_the_plan_is_about_the_parameters_only_if_it_is_of_that_kind() {
        use StepStatus::{Failed, NotTried, Ok};
        let steps = finished(&[], &[], Err(GatherError::configuration("wrong")));
        assert_eq!(steps, names(&[("parameters", Failed), ("rest", NotTried)]));
        let steps = finished(&[], &[], Err(GatherError::internal("wrong")));
        assert_eq!(steps, names(&[("parameters", Ok), ("check", Failed)]));
        let unsupported = || GatherError::new(ErrorKind::Unsupported, "no check");
        let steps = finished(&[], &[], Err(unsupported()));
        assert_eq!(steps, names(&[("parameters", Ok), ("rest", NotTried)]));
        let steps = finished(&["port"], &[], Err(unsupported()));
        assert_eq!(steps, names(&[("parameters", Ok), ("port", Failed)]));
    }

    #[test]
    fn an_error_after_every_step_of_the_plan_is_shown_too() {
        use StepStatus::{Failed, Ok};
        let error = Err(GatherError::internal("a panic"));
        let steps = finished(&["port"], &[CheckStep::ok("port", "")], error);
        assert_eq!(steps, names(&[("parameters", Ok), ("port", Ok), ("check", Failed)]));
    }

    #[test]
    fn steps_that_a_successful_check_left_out_are_not_tried() {
        use StepStatus::{NotTried, Ok};
        let steps = finished(&["port", "login"], &[CheckStep::ok("login", "")], Result::Ok(()));
        let expected = [("parameters", Ok), ("login", Ok), ("port", NotTried)];
        assert_eq!(steps, names(&expected));
    }

    #[test]
    fn the_worst_step_is_the_status_of_the_check() {
        let ok = CheckStep::ok("a", "");
        let warning = CheckStep::warning("b", "", "");
        let failed = CheckStep::failed("c", &GatherError::internal(""));
        let left_out = CheckStep::not_tried("d", "");
        let status = |steps: &[&CheckStep]| {
            overall_status(&steps.iter().map(|step| (*step).clone()).collect::<Vec<_>>())
        };
        assert_eq!(status(&[&ok]), StepStatus::Ok);
        assert_eq!(status(&[&ok, &left_out]), StepStatus::NotTried);
        assert_eq!(status(&[&warning, &ok, &left_out]), StepStatus::Warning);
        assert_eq!(status(&[&ok, &failed, &warning]), StepStatus::Failed);
    }
}
