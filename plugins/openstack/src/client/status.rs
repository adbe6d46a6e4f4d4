//! Explains answers of the compute service that are not the requested document.

use gatherer_plugin_api::{ErrorKind, GatherError};
use gatherer_plugin_support::http::Response;
use gatherer_plugin_support::rate_limit::RateLimits;
use serde_json::Value;

/// How the services say that they received too many requests. Nova's older versions use 413.
pub const RATE_LIMITS: RateLimits =
    RateLimits { statuses: &[413], codes: &["overLimit", "overLimitFault"], delay_headers: &[] };

/// The longest part of a server's own sentence that an error shows, in characters.
const SHOWN_MAX_CHARS: usize = 200;

/// The code of an error: the name of the only member of its body.
pub fn code(body: &[u8]) -> Option<String> {
    let fault: Value = serde_json::from_slice(body).ok()?;
    fault.as_object()?.keys().next().cloned()
}

/// For a service whose errors have no code.
pub fn no_code(_: &[u8]) -> Option<String> {
    None
}

/// The sentence of an error.
pub fn sentence(body: &[u8]) -> Option<String> {
    let fault: Value = serde_json::from_slice(body).ok()?;
    let message = fault.as_object()?.values().next()?["message"].as_str()?;
    let shown = message.chars().filter(|character| !character.is_control());
    Some(shown.take(SHOWN_MAX_CHARS).collect())
}

/// The policy that forbids a request, as Nova names it: `os_compute_api:servers:detail:get_all_tenants`.
fn policy(body: &[u8]) -> Option<String> {
    let sentence = sentence(body)?;
    let word = sentence.split(' ').find(|word| word.contains(':'))?;
    let is_name = |character: char| character.is_ascii_alphanumeric() || ":_-".contains(character);
    word.chars().all(is_name).then(|| word.to_owned())
}

/// The error for a status other than 200. `right` is the policy that the request needs.
pub fn error(response: Response, right: &str) -> GatherError {
    let body = response.body().to_vec();
    let mut error = match RATE_LIMITS.check(response, code) {
        Err(error) => error,
        Ok(response) => return response.status_error(),
    };
    if error.kind == ErrorKind::Permission {
        let policy = policy(&body).unwrap_or_else(|| right.to_owned());
        error.message = format!("{}: the policy {policy} does not allow it", error.message);
        return error.with_hint(format!(
            "give the user a role for which the policy {policy} allows it (usually admin)"
        ));
    }
    if let Some(sentence) = sentence(&body) {
        error.message = format!("{}: {sentence}", error.message);
    }
    error
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_policy_is_the_only_word_with_colons() {
        let body = |message: &str| {
            serde_json::json!({"forbidden": {"code": 403, "message": message}}).to_string()
        };
        let of = |message| policy(body(message).as_bytes());
        let forbidden = "Policy doesn't allow os_compute_api:os-services:list to be performed.";
        assert_eq!(of(forbidden).as_deref(), Some("os_compute_api:os-services:list"));
        assert_eq!(of("Forbidden"), None);
        assert_eq!(of("see http://cloud.example.com/"), None);
        assert_eq!(policy(b"<html>"), None);
    }

    #[test]
    fn the_code_is_the_name_of_the_only_member() {
        assert_eq!(code(br#"{"overLimit": {"code": 413}}"#).as_deref(), Some("overLimit"));
        for body in [&b""[..], b"[]", b"{}", b"<html>"] {
            assert_eq!(code(body), None);
        }
    }
}
