//! The errors of Compute Engine and of the token endpoint.

use gatherer_plugin_support::testing::Action;
use serde_json::{Value, json};

/// An error of the service, which repeats its message in the list of errors.
pub(super) fn error(code: u16, domain: &str, reason: &str, message: &str) -> Action {
    Action::json(code, &body(code, domain, reason, message))
}

fn body(code: u16, domain: &str, reason: &str, message: &str) -> Value {
    let errors = json!([{"message": message, "domain": domain, "reason": reason}]);
    json!({"error": {"code": code, "message": message, "errors": errors}})
}

/// The value of a field is not allowed.
pub(super) fn invalid_value(field: &str, value: &str, detail: &str) -> Action {
    let message = format!("Invalid value for field '{field}': '{value}'. {detail}");
    error(400, "global", "invalid", &message)
}

/// The method does not have this parameter.
pub(super) fn unknown_parameter(name: &str) -> Action {
    let message = format!(
        "Invalid JSON payload received. Unknown name \"{name}\": Cannot bind query parameter. \
         Field '{name}' could not be found in request message."
    );
    let mut body = body(400, "global", "badRequest", &message);
    body["error"]["status"] = json!("INVALID_ARGUMENT");
    Action::json(400, &body)
}

/// A resource does not exist.
pub(super) fn not_found(path: &str) -> Action {
    let message = format!("The resource '{path}' was not found");
    error(404, "global", "notFound", &message)
}

/// The path does not belong to the API: no JSON.
pub(super) fn unknown_path() -> Action {
    let text = "<!DOCTYPE html><title>Error 404 (Not Found)!!1</title>";
    Action::answer(404, text).header("content-type", "text/html; charset=UTF-8")
}

/// The account has no such right on this resource.
pub(super) fn forbidden(permission: &str, resource: &str) -> Action {
    let message = format!("Required '{permission}' permission for '{resource}'");
    error(403, "global", "forbidden", &message)
}

/// The token was issued for other services.
pub(super) fn insufficient_scopes() -> Action {
    let message = "Request had insufficient authentication scopes.";
    let mut body = body(403, "global", "insufficientPermissions", message);
    body["error"]["errors"][0]["message"] = json!("Insufficient Permission");
    body["error"]["status"] = json!("PERMISSION_DENIED");
    Action::json(403, &body)
}

/// The request has no token.
pub(super) fn login_required() -> Action {
    let message = "Request is missing required authentication credential. Expected OAuth 2 access \
        token, login cookie or other valid authentication credential.";
    unauthenticated(message, "Login Required.", "required")
}

/// The token is unknown or has expired.
pub(super) fn invalid_credentials() -> Action {
    let message = "Request had invalid authentication credentials. Expected OAuth 2 access token, \
        login cookie or other valid authentication credential.";
    unauthenticated(message, "Invalid Credentials", "authError")
}

fn unauthenticated(message: &str, short: &str, reason: &str) -> Action {
    let mut body = body(401, "global", reason, message);
    body["error"]["errors"][0]["message"] = json!(short);
    body["error"]["errors"][0]["location"] = json!("Authorization");
    body["error"]["errors"][0]["locationType"] = json!("header");
    body["error"]["status"] = json!("UNAUTHENTICATED");
    Action::json(401, &body)
        .header("www-authenticate", "Bearer realm=\"https://accounts.google.com/\"")
}

/// Too many requests, with this status and reason.
pub(super) fn rate_limited(code: u16, reason: &str) -> Action {
    let message = "Quota exceeded for quota metric 'Read requests' and limit 'Read requests per \
        minute' of service 'compute.googleapis.com' for consumer 'project_number:123456789012'.";
    let mut body = body(code, "usageLimits", reason, message);
    let status = if code == 429 { "RESOURCE_EXHAUSTED" } else { "PERMISSION_DENIED" };
    body["error"]["status"] = json!(status);
    Action::json(code, &body)
}

/// The API is not enabled in the project.
pub(super) fn access_not_configured(project_number: u64) -> Action {
    let help = format!(
        "https://console.developers.google.com/apis/api/compute.googleapis.com/overview?project={project_number}"
    );
    let message = format!(
        "Compute Engine API has not been used in project {project_number} before or it is disabled. \
         Enable it by visiting {help} then retry. If you enabled this API recently, wait a few \
         minutes for the action to propagate to our systems and retry."
    );
    let mut body = body(403, "usageLimits", "accessNotConfigured", &message);
    body["error"]["errors"][0]["extendedHelp"] = json!("https://console.developers.google.com");
    body["error"]["status"] = json!("PERMISSION_DENIED");
    body["error"]["details"] = json!([{
        "@type": "type.googleapis.com/google.rpc.ErrorInfo",
        "reason": "SERVICE_DISABLED",
        "domain": "googleapis.com",
        "metadata": {
            "service": "compute.googleapis.com",
            "consumer": format!("projects/{project_number}"),
        },
    }]);
    Action::json(403, &body)
}

/// An error of the token endpoint (RFC 6749 section 5.2).
pub(super) fn token_error(error: &str, description: &str) -> Action {
    Action::json(400, &json!({"error": error, "error_description": description}))
}
