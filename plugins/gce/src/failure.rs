//! Explains the errors of Google's APIs.
//!
//! <https://cloud.google.com/apis/design/errors> and <https://cloud.google.com/compute/docs/api/rate-limits> describe them.

use std::time::SystemTime;

use gatherer_plugin_api::{ErrorKind, GatherError};
use gatherer_plugin_support::http::{Response, StatusCode};
use gatherer_plugin_support::json::{self, Json};
use gatherer_plugin_support::rate_limit::RateLimits;

use crate::map::values;

/// Compute Engine limits the rate of requests with status 403 and one of these reasons.
const LIMITS: RateLimits = RateLimits {
    statuses: &[],
    codes: &["rateLimitExceeded", "userRateLimitExceeded", "quotaExceeded", "RATE_LIMIT_EXCEEDED"],
    delay_headers: &[],
};

/// The longest text of a server that a message quotes, in characters.
const QUOTED_MAX_CHARS: usize = 300;

/// What a request reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wanted<'a> {
    /// The instances of the project, or of this zone of it.
    Instances { zone: Option<&'a str> },
    /// A machine type.
    MachineType,
}

impl Wanted<'_> {
    /// The right that the request needs.
    pub fn right(self) -> &'static str {
        match self {
            Self::Instances { .. } => "compute.instances.list",
            Self::MachineType => "compute.machineTypes.get",
        }
    }
}

/// The error in the body of a response.
#[derive(Debug, Default, PartialEq, Eq)]
struct Failure {
    /// The reasons, the most specific ones last.
    reasons: Vec<String>,
    message: Option<String>,
}

impl Failure {
    /// `None` if the body is not that of an error of Google's APIs.
    fn of(body: &[u8]) -> Option<Self> {
        let json = json::parse(body, "the error").ok()?;
        let error = json.get("error")?;
        if !matches!(error, Json::Object(_)) {
            return None;
        }
        let entries = values::list(error, "errors").iter().chain(values::list(error, "details"));
        let reasons = entries.filter_map(|entry| values::text(entry, "reason"));
        let reasons = reasons.filter(|reason| is_word(reason)).map(str::to_owned).collect();
        Some(Self { reasons, message: values::text(error, "message").map(quoted) })
    }

    fn has(&self, reasons: &[&str]) -> bool {
        self.reasons.iter().any(|own| reasons.contains(&own.as_str()))
    }
}

/// Returns the response if its status is 200; `None` if the machine type does not exist; otherwise the error that explains the
/// status.
pub fn check(
    response: Response,
    wanted: Wanted<'_>,
    project: &str,
    account: &str,
) -> Result<Option<Response>, GatherError> {
    let status = response.status();
    if status == StatusCode::OK {
        return Ok(Some(response));
    }
    let Some(failure) = Failure::of(response.body()) else {
        // Not an answer of the API, but of another server or a proxy.
        let error = LIMITS.check(response, |_| None);
        return Err(error.map_or_else(|error| error, |response| response.status_error()));
    };
    // A machine type that is not offered any more, or whose name is not one.
    let is_missing = matches!(status, StatusCode::NOT_FOUND | StatusCode::BAD_REQUEST)
        && failure.has(&["notFound", "invalid"]);
    if wanted == Wanted::MachineType && is_missing {
        return Ok(None);
    }
    let code = || failure.reasons.iter().find(|own| LIMITS.codes.contains(&own.as_str())).cloned();
    let error = match LIMITS.check(response, |_| code()) {
        Ok(response) => response.status_error(),
        Err(error) => error,
    };
    Err(explain(error, status, &failure, wanted, project, account))
}

/// Adds to the error of a status what the API says, and what to do.
fn explain(
    mut error: GatherError,
    status: StatusCode,
    failure: &Failure,
    wanted: Wanted<'_>,
    project: &str,
    account: &str,
) -> GatherError {
    if let Some(message) = &failure.message {
        error.message = format!("{}: {message}", error.message);
    }
    let right = wanted.right();
    let hint = match status {
        _ if error.kind == ErrorKind::RateLimited => return error,
        StatusCode::UNAUTHORIZED => {
            format!("check that {account} is enabled and its key has not been deleted")
        }
        StatusCode::FORBIDDEN if failure.has(&["accessNotConfigured", "SERVICE_DISABLED"]) => {
            format!(
                "enable the Compute Engine API: gcloud services enable compute.googleapis.com \
             --project={project}"
            )
        }
        StatusCode::FORBIDDEN if failure.has(&["BILLING_DISABLED", "billingNotEnabled"]) => {
            format!("enable billing for the project {project}")
        }
        StatusCode::FORBIDDEN
            if failure.has(&["SECURITY_POLICY_VIOLATED", "vpcServiceControls"]) =>
        {
            "allow this machine and the service account in the perimeter of the project".to_owned()
        }
        StatusCode::FORBIDDEN => {
            format!("grant {account} a role with {right} on the project {project}")
        }
        StatusCode::NOT_FOUND | StatusCode::BAD_REQUEST => match wanted {
            Wanted::Instances { zone: Some(zone) } => {
                format!("check project_id and zone: {project} must have a zone {zone}")
            }
            Wanted::Instances { zone: None } => format!("check project_id: {project}"),
            Wanted::MachineType => return error,
        },
        _ => return error,
    };
    error.with_hint(hint)
}

/// The milliseconds until the quotas, which are for each minute, have been reset, with a margin for the clock.
pub fn until_next_minute(now: SystemTime) -> u64 {
    const MINUTE: u64 = 60_000;
    const MARGIN: u64 = 10_000;

    let now = now.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_millis();
    MINUTE - u64::try_from(now).unwrap_or(u64::MAX) % MINUTE + MARGIN
}

/// Makes a text of a server safe for messages: short, and without control characters and a full stop.
pub fn quoted(text: &str) -> String {
    let text = text.trim_end_matches('.');
    let shown = text.chars().take(QUOTED_MAX_CHARS);
    let shown: String = shown.map(|c| if c.is_control() { ' ' } else { c }).collect();
    if shown.len() < text.len() { format!("{shown}...") } else { shown }
}

/// Whether a reason can be compared and quoted.
fn is_word(text: &str) -> bool {
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.');
    text.len() <= 100 && text.bytes().all(is_allowed)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn finds_the_reasons_of_old_and_new_errors_and_no_others() {
        let body = br#"{"error": {"code": 403, "message": "Quota\nexceeded", "status": "PERMISSION_DENIED",
            "errors": [{"domain": "usageLimits", "reason": "rateLimitExceeded"}, 7, {"reason": "a b"}],
            "details": [{"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "RATE_LIMIT_EXCEEDED"}]}}"#;
        let failure = Failure::of(body).expect("an error");
        assert_eq!(failure.reasons, ["rateLimitExceeded", "RATE_LIMIT_EXCEEDED"]);
        assert_eq!(failure.message.as_deref(), Some("Quota exceeded"));
        for other in ["", "<html>", "{}", r#"{"error": "invalid_grant"}"#, "[]"] {
            assert_eq!(Failure::of(other.as_bytes()), None, "{other}");
        }
        let empty = Failure::of(br#"{"error": {"errors": null}}"#);
        assert_eq!(empty, Some(Failure::default()));
    }

    #[test]
    fn quotas_are_reset_at_the_next_full_minute() {
        let wait = |ms| until_next_minute(SystemTime::UNIX_EPOCH + Duration::from_millis(ms));
        assert_eq!(
            [wait(0), wait(59_999), wait(60_000), wait(90_000)],
            [70_000, 10_001, 70_000, 40_000]
        );
    }

    #[test]
    fn a_quoted_text_is_short_and_has_no_control_characters() {
        assert_eq!(quoted("a\nb\u{1b}[1m"), "a b [1m");
        assert_eq!(quoted("Invalid JWT Signature."), "Invalid JWT Signature");
        assert_eq!(quoted(&"ä".repeat(1000)).chars().count(), QUOTED_MAX_CHARS + 3);
        assert_eq!(quoted(&"ä".repeat(QUOTED_MAX_CHARS)).chars().count(), QUOTED_MAX_CHARS);
    }
}
