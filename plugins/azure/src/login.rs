//! Logs in: a token for an application, by the client credentials flow of OAuth 2.0 (RFC 6749 section 4.4), with a client
//! secret or an assertion that a certificate's key signs (RFC 7523).
//!
//! <https://learn.microsoft.com/entra/identity-platform/v2-oauth2-client-creds-grant-flow> describes it.

use std::time::{SystemTime, UNIX_EPOCH};

use gatherer_plugin_api::{Context, ErrorKind, GatherError};
use gatherer_plugin_support::http::{self, Method, Request, Response, StatusCode, clock_skew};
use gatherer_plugin_support::{json, uuid};
use ring::rand::{SecureRandom as _, SystemRandom};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::map::values;
use crate::settings::{Credentials, LoginSettings, SigningCertificate};

/// The maximum size of the answer to a login.
const ANSWER_MAX_BYTES: usize = 1024 * 1024;

/// How long an assertion is valid.
const ASSERTION_SECONDS: u64 = 600;

const ASSERTION_TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// The answer to a login.
#[derive(Deserialize)]
struct TokenReply {
    #[serde(default)]
    access_token: Option<String>,
}

/// Logs in and returns the token. It makes one attempt.
pub async fn log_in(
    client: &http::Client,
    login: &LoginSettings,
    context: &Context,
) -> Result<String, GatherError> {
    let form = form(login, context);
    let request = Request::new(Method::POST, login.token_url.clone())
        .header("content-type", "application/x-www-form-urlencoded")
        .header("accept", "application/json")
        .body(form.into_bytes())
        .max_body_bytes(ANSWER_MAX_BYTES);
    let response = client.send(request).await?;
    if response.url().origin() != login.token_url.origin() {
        let message = format!("{}: the answer is from another server", response.exchange());
        return Err(
            GatherError::protocol(message).with_hint("check tenant_id, cloud and authority_url")
        );
    }
    if response.status() != StatusCode::OK {
        return Err(refused(&response, login));
    }
    let reply: TokenReply = json::read(response.body(), response.description())?;
    let token = reply.access_token.filter(|token| !token.trim().is_empty()).ok_or_else(|| {
        GatherError::protocol(format!("{}: the answer has no token", response.description()))
    })?;
    context.secret(&token);
    if token.contains(|c: char| !c.is_ascii_graphic()) {
        let message = format!(
            "{}: the token has characters that a header cannot have",
            response.description()
        );
        return Err(GatherError::protocol(message));
    }
    Ok(token)
}

/// The body of the request.
fn form(login: &LoginSettings, context: &Context) -> String {
    // A query has the same encoding as a form.
    let mut form = login.token_url.clone();
    form.set_query(None);
    {
        let mut pairs = form.query_pairs_mut();
        pairs
            .append_pair("grant_type", "client_credentials")
            .append_pair("client_id", &login.application)
            .append_pair("scope", &login.scope);
        match &login.credentials {
            Credentials::Secret(secret) => {
                pairs.append_pair("client_secret", secret.expose());
            }
            Credentials::Certificate(certificate) => {
                let assertion = assertion(certificate, login);
                context.secret(&assertion);
                pairs
                    .append_pair("client_assertion_type", ASSERTION_TYPE)
                    .append_pair("client_assertion", &assertion);
            }
        }
    }
    form.query().unwrap_or_default().to_owned()
}

fn assertion(certificate: &SigningCertificate, login: &LoginSettings) -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    let mut id = [0; 16];
    SystemRandom::new().fill(&mut id).expect("the system has random numbers");
    let claims = json!({
        "aud": login.token_url.as_str(),
        "iss": login.application,
        "sub": login.application,
        "jti": uuid::from_bytes(id),
        "nbf": now,
        "exp": now + ASSERTION_SECONDS,
    });
    certificate.signer.sign(&[("x5t", &certificate.thumbprint)], &claims)
}

/// The answer to a login that failed (RFC 6749 section 5.2).
#[derive(Default, Deserialize)]
#[serde(default)]
struct Refusal {
    error: Value,
    error_description: Value,
}

/// The error of a login that failed. Its kind follows the word `error`; the description is only shown, because its text
/// and numbers may change.
fn refused(response: &Response, login: &LoginSettings) -> GatherError {
    // Its own error says that the request had no credentials: they are in the body.
    let mut error = http::status_error(response.exchange(), response.status(), response.headers());
    let Ok(refusal) = serde_json::from_slice::<Refusal>(response.body()) else { return error };
    let Some(word) = values::shown(&refusal.error, "") else { return error };
    let kind = match word.as_str() {
        "invalid_client" | "unauthorized_client" | "invalid_grant" | "interaction_required" => {
            ErrorKind::Authentication
        }
        "access_denied" => ErrorKind::Permission,
        "invalid_request"
        | "invalid_scope"
        | "invalid_resource"
        | "invalid_target"
        | "unsupported_grant_type"
        | "unsupported_response_type" => ErrorKind::Configuration,
        "temporarily_unavailable" | "server_error" => ErrorKind::Unavailable,
        _ => error.kind,
    };
    // A status for a service that cannot answer now says more than the word.
    let is_temporary =
        response.status() == StatusCode::TOO_MANY_REQUESTS || response.status().is_server_error();
    let kind = if is_temporary { error.kind } else { kind };
    let changes = kind != error.kind;
    error.message = match values::shown(&refusal.error_description, "") {
        Some(description) => format!("{}: {word}: {description}", error.message),
        None => format!("{}: {word}", error.message),
    };
    if changes {
        let retryable = GatherError::new(kind, String::new()).retryable;
        error.kind = kind;
        error.retryable = retryable;
    }
    error.hint = hint(kind, &login.credentials).map(str::to_owned);
    // An assertion has the time in it.
    if let Credentials::Certificate(_) = login.credentials
        && let Some(skew) = clock_skew(response.headers(), SystemTime::now())
    {
        error.hint = Some(format!("{skew}: set it"));
    }
    error
}

fn hint(kind: ErrorKind, credentials: &Credentials) -> Option<&'static str> {
    match (kind, credentials) {
        (ErrorKind::Authentication, Credentials::Secret(_)) => Some(
            "check application_id and tenant_id, and that secret_key is the value (not the id) of a client \
             secret that has not expired",
        ),
        (ErrorKind::Authentication, Credentials::Certificate(_)) => Some(
            "check application_id and tenant_id, that the certificate is one of the app registration and \
             has not expired, and the clock of this machine",
        ),
        (ErrorKind::Configuration, _) => {
            Some("check tenant_id, application_id, and cloud or authority_url and endpoint_url")
        }
        (ErrorKind::Permission, _) => {
            Some("allow the application to log in: see the sign-in log of the directory")
        }
        _ => None,
    }
}
