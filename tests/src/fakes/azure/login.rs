//! The login service: its configuration, and access tokens for an application's secret or certificate.

use gatherer_plugin_support::testing::{Action, ReceivedRequest};
use serde_json::{Value, json};

use super::{AzureFake, AzureFault, assertion, base_url};

/// The Resource Managers of the clouds. There are also tokens for one on this machine.
pub(super) const RESOURCES: [&str; 4] = [
    "https://management.azure.com",
    "https://management.core.windows.net",
    "https://management.core.usgovcloudapi.net",
    "https://management.chinacloudapi.cn",
];

/// The type of the JSON Web Token with which an application proves that it has the key of its certificate.
const ASSERTION_TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// An error of the login service: the field `error`, the code behind `AADSTS`, and the text.
pub(super) struct LoginError(pub u16, pub &'static str, pub u64, pub String);

/// Answers a request for a path of the login service.
pub(super) fn answer(fake: &AzureFake, request: &ReceivedRequest, path: &str) -> Action {
    let Some((tenant, rest)) = path.trim_start_matches('/').split_once('/') else {
        return not_found();
    };
    let is_known = tenant.eq_ignore_ascii_case(&fake.tenant_id);
    match (request.method.as_str(), rest) {
        ("GET", "v2.0/.well-known/openid-configuration") if is_known => {
            configuration(fake, request)
        }
        ("POST", "oauth2/v2.0/token") if is_known => match log_in(fake, request) {
            Ok(answer) => Action::json(200, &answer),
            Err(error) => error.answer(),
        },
        (_, "v2.0/.well-known/openid-configuration" | "oauth2/v2.0/token") if !is_known => {
            let text = format!(
                "Tenant '{tenant}' not found. Check to make sure you have the correct tenant ID and are signing into \
                 the correct cloud. Check with your subscription administrator, this may happen if there are no active \
                 subscriptions for the tenant."
            );
            LoginError(400, "invalid_tenant", 90_002, text).answer()
        }
        _ => not_found(),
    }
}

fn not_found() -> Action {
    Action::answer(404, "<html><body>404 Not Found</body></html>")
        .header("content-type", "text/html")
}

fn configuration(fake: &AzureFake, request: &ReceivedRequest) -> Action {
    let (base, tenant) = (base_url(request), &fake.tenant_id);
    let own = format!("{base}/{tenant}/oauth2/v2.0/token");
    let configuration = json!({
        "token_endpoint": fake.token_endpoint.clone().unwrap_or(own),
        "token_endpoint_auth_methods_supported": ["client_secret_post", "private_key_jwt", "client_secret_basic"],
        "jwks_uri": format!("{base}/{tenant}/discovery/v2.0/keys"),
        "response_modes_supported": ["query", "fragment", "form_post"],
        "subject_types_supported": ["pairwise"],
        "id_token_signing_alg_values_supported": ["RS256"],
        "response_types_supported": ["code", "id_token", "code id_token", "id_token token"],
        "scopes_supported": ["openid", "profile", "email", "offline_access"],
        "issuer": issuer(fake, request),
        "request_uri_parameter_supported": false,
        "authorization_endpoint": format!("{base}/{tenant}/oauth2/v2.0/authorize"),
        "tenant_region_scope": "EU",
        "cloud_instance_name": "microsoftonline.com",
    });
    Action::json(200, &configuration)
}

fn issuer(fake: &AzureFake, request: &ReceivedRequest) -> String {
    format!("{}/{}/v2.0", base_url(request), fake.tenant_id)
}

/// The fields of a form.
struct Form(Vec<(String, String)>);

impl Form {
    fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    fn required(&self, name: &str) -> Result<&str, LoginError> {
        self.get(name).filter(|value| !value.is_empty()).ok_or_else(|| {
            let text = format!("The request body must contain the following parameter: '{name}'.");
            LoginError(400, "invalid_request", 900_144, text)
        })
    }
}

fn log_in(fake: &AzureFake, request: &ReceivedRequest) -> Result<Value, LoginError> {
    // A form is decoded as a query is. A form of another type has no fields.
    let content_type = request.header("content-type").unwrap_or_default();
    let is_form = content_type.starts_with("application/x-www-form-urlencoded");
    let body = if is_form { String::from_utf8_lossy(&request.body) } else { "".into() };
    let target = format!("?{body}");
    let form = Form(ReceivedRequest { target, ..ReceivedRequest::default() }.query_pairs());

    let grant_type = form.required("grant_type")?;
    if grant_type != "client_credentials" {
        let text = format!("The app requested an unsupported grant type '{grant_type}'.");
        return Err(LoginError(400, "unsupported_grant_type", 70_003, text));
    }
    let client = form.required("client_id")?;
    if !client.eq_ignore_ascii_case(&fake.application_id) {
        let text = format!(
            "Application with identifier '{client}' was not found in the directory 'Example'. This can happen if the \
             application has not been installed by the administrator of the tenant or consented to by any user in the \
             tenant. You may have sent your authentication request to the wrong tenant."
        );
        return Err(LoginError(400, "unauthorized_client", 700_016, text));
    }
    let resource = resource(form.required("scope")?)?;
    authenticate(fake, request, &form)?;
    let token = fake.issue_token(resource);
    let seconds = fake.token_seconds;
    let seconds = if fake.happens(&AzureFault::NumbersAsText) {
        json!(seconds.to_string())
    } else {
        json!(seconds)
    };
    Ok(json!({
        "token_type": "Bearer",
        "expires_in": seconds,
        "ext_expires_in": seconds,
        "access_token": token,
    }))
}

/// The service of a scope.
fn resource(scope: &str) -> Result<String, LoginError> {
    let Some(resource) = scope.strip_suffix("/.default") else {
        let text = format!(
            "The provided value for scope {scope} is not valid. Client credential flows must have a scope value with \
             /.default suffixed to the resource identifier (application ID URI)."
        );
        return Err(LoginError(400, "invalid_scope", 1_002_012, text));
    };
    // The identifier of a service may end with a slash.
    let resource = resource.trim_end_matches('/').to_ascii_lowercase();
    let is_local = ["https://127.0.0.1:", "https://localhost:"]
        .iter()
        .any(|local| resource.starts_with(local));
    if !is_local && !RESOURCES.contains(&resource.as_str()) {
        let text = format!(
            "The resource principal named {resource} was not found in the tenant named Example. This can happen if the \
             application has not been installed by the administrator of the tenant or consented to by any user in the \
             tenant. You might have sent your authentication request to the wrong tenant."
        );
        return Err(LoginError(400, "invalid_resource", 500_011, text));
    }
    Ok(resource)
}

fn authenticate(
    fake: &AzureFake,
    request: &ReceivedRequest,
    form: &Form,
) -> Result<(), LoginError> {
    if let Some(secret) = form.get("client_secret") {
        if secret != fake.secret {
            let text = format!(
                "Invalid client secret provided. Ensure the secret being sent in the request is the client secret \
                 value, not the client secret ID, for a secret added to app '{}'.",
                fake.application_id
            );
            return Err(LoginError(401, "invalid_client", 7_000_215, text));
        }
        if fake.happens(&AzureFault::SecretExpired) {
            let text = format!(
                "The provided client secret keys for app '{}' are expired. Visit the Azure portal to create new keys \
                 for your app: https://aka.ms/NewClientSecret, or consider using certificate credentials for added \
                 security: https://aka.ms/certCreds.",
                fake.application_id
            );
            return Err(LoginError(401, "invalid_client", 7_000_222, text));
        }
        return Ok(());
    }
    let Some(assertion) = form.get("client_assertion") else {
        let text = "The request body must contain the following parameter: 'client_assertion' or 'client_secret'.";
        return Err(LoginError(401, "invalid_client", 7_000_218, text.to_owned()));
    };
    if form.required("client_assertion_type")? != ASSERTION_TYPE {
        let text = "The 'client_assertion_type' parameter is invalid.";
        return Err(LoginError(400, "invalid_request", 50_027, text.to_owned()));
    }
    let audiences = [format!("{}{}", base_url(request), request.path()), issuer(fake, request)];
    assertion::check(assertion, fake.certificate.as_ref(), &fake.application_id, &audiences)
}

impl LoginError {
    fn answer(&self) -> Action {
        let Self(status, error, code, text) = self;
        let (trace, correlation) =
            ("7ace7ace-0000-4000-8000-000000000004", "c0441a7e-0000-4000-8000-000000000005");
        let time = "2026-11-28 12:00:00Z";
        let description = format!(
            "AADSTS{code}: {text} Trace ID: {trace} Correlation ID: {correlation} Timestamp: {time}"
        );
        let body = json!({
            "error": error,
            "error_description": description,
            "error_codes": [code],
            "timestamp": time,
            "trace_id": trace,
            "correlation_id": correlation,
            "error_uri": format!("https://login.microsoftonline.com/error?code={code}"),
        });
        Action::json(*status, &body)
    }
}
