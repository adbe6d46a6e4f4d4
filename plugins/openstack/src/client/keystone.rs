//! The login: a token of the identity service.
//!
//! <https://docs.openstack.org/api-ref/identity/v3/> describes the API.

use gatherer_plugin_api::model::Timestamp;
use gatherer_plugin_api::{ErrorKind, GatherError};
use gatherer_plugin_support::http::{Method, Request, Response, StatusCode};
use gatherer_plugin_support::{json, retry};

use super::Cloud;
use super::status::{self, RATE_LIMITS};
use crate::access::Identity;
use crate::catalog::{ComputeEndpoint, TokenReply};

/// The maximum size of an answer with a token. The catalog of a cloud with many regions has some 100 KiB.
const TOKEN_MAX_BYTES: usize = 16 * 1024 * 1024;

/// What to do if the answer is not that of the identity service.
const WRONG_SERVER: &str =
    "check that this is the identity service (Keystone) with version 3 of its API";

/// A login that succeeded.
#[derive(Clone)]
pub struct Login {
    /// The token.
    pub(super) token: String,
    /// The compute service of the catalog.
    pub compute: ComputeEndpoint,
    /// The name or id of the project.
    pub project: Option<String>,
    /// When the user's password expires.
    pub password_expires_at: Option<Timestamp>,
}

impl Cloud {
    /// Logs in, unless it has been done.
    pub async fn login(&self) -> Result<Login, GatherError> {
        let log_in = async || self.log_in().await;
        let attempt = async || {
            self.session
                .run(log_in, async |login: &Login| Ok::<_, GatherError>(login.clone()))
                .await
        };
        retry::idempotent(&self.context, attempt).await
    }

    /// Requests a token. Makes one attempt.
    pub(super) async fn log_in(&self) -> Result<Login, GatherError> {
        let mut url = self.access.auth_url.clone();
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.extend(["auth", "tokens"]);
        }
        let request = Request::new(Method::POST, url)
            .header("content-type", "application/json")
            .header("accept", "application/json")
            .body(self.access.token_request().to_string().into_bytes())
            .max_body_bytes(TOKEN_MAX_BYTES);
        let response = self.http.send(request).await?;
        let response = match response.status() {
            StatusCode::CREATED => response,
            StatusCode::UNAUTHORIZED => return Err(self.refused(&response)),
            status if status.is_success() => {
                let message =
                    format!("{}: {status} is not the answer to a login", response.description());
                return Err(GatherError::protocol(message).with_hint(WRONG_SERVER));
            }
            StatusCode::NOT_FOUND
            | StatusCode::METHOD_NOT_ALLOWED
            | StatusCode::MULTIPLE_CHOICES => {
                let message = response.status_error().message;
                return Err(GatherError::configuration(message).with_hint(WRONG_SERVER));
            }
            _ => RATE_LIMITS.check(response, status::no_code)?,
        };
        let header = response.headers().get("x-subject-token");
        let token = header.and_then(|token| token.to_str().ok()).filter(|token| !token.is_empty());
        let token = token.ok_or_else(|| {
            GatherError::protocol(format!("{}: the answer has no token", response.description()))
                .with_hint(WRONG_SERVER)
        })?;
        self.context.secret(token);
        let reply: TokenReply = json::read(response.body(), response.description())?;
        Ok(Login {
            token: token.to_owned(),
            compute: reply.token.compute(&self.access)?,
            project: reply.token.project().map(str::to_owned),
            password_expires_at: reply.token.password_expires_at(),
        })
    }

    /// The error about credentials that the identity service does not accept.
    fn refused(&self, response: &Response) -> GatherError {
        let name = self.access.identity.name();
        let message =
            format!("{}: the identity service does not accept {name}", response.description());
        let hint = match &self.access.identity {
            Identity::Password { .. } => {
                "check the user, its domain and password, and that it is enabled and has a role in the \
                 project, whose name and domain must be right too"
            }
            Identity::ApplicationCredential { .. } => {
                "check the id and the secret, and that the credential has not expired and its user is enabled"
            }
        };
        GatherError::new(ErrorKind::Authentication, message).with_hint(hint)
    }
}
