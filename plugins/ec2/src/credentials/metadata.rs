//! The role of this machine, from the metadata service of its instance (version 2, which needs a session).

use std::time::Duration;

use gatherer_plugin_api::{Context, ErrorKind, GatherError};
use gatherer_plugin_support::http::{Client, Method, Request, Response, StatusCode, Timeouts, Url};
use gatherer_plugin_support::json;
use serde::Deserialize;

use super::Keys;

/// The service is on the machine's own hypervisor, so it answers at once or never.
const TIMEOUTS: Timeouts =
    Timeouts { connect: Duration::from_secs(2), idle: Duration::from_secs(5) };

/// The maximum size of an answer.
const MAX_BYTES: usize = 64 * 1024;

/// How long the session lasts. It is used for two requests.
const SESSION_SECONDS: &str = "60";

/// The folder of the roles' credentials.
const ROLES: [&str; 4] = ["latest", "meta-data", "iam", "security-credentials"];

/// The answer with the credentials of a role.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct RoleCredentials {
    code: Option<String>,
    access_key_id: Option<String>,
    secret_access_key: Option<String>,
    token: Option<String>,
}

/// The access key of the role of this machine.
pub async fn keys(base: &Url, context: &Context) -> Result<Keys, GatherError> {
    // A proxy would give the role of its own machine.
    let client = Client::without_proxy(context, TIMEOUTS);
    let request = Request::new(Method::PUT, url(base, &["latest", "api", "token"]))
        .header("x-aws-ec2-metadata-token-ttl-seconds", SESSION_SECONDS);
    let response = send(&client, request).await.map_err(|error| {
        let is_silent = matches!(error.kind, ErrorKind::Connection | ErrorKind::Timeout);
        if !is_silent {
            return error;
        }
        error.with_hint(
            "the machine must be an instance with the metadata service enabled; in a container, its hop \
             limit must be at least 2; otherwise set access_key_id and secret_access_key",
        )
    })?;
    let session = text(&response)?;
    context.secret(&session);
    let get = |path: &[&str]| {
        let request = Request::get(url(base, path)).header("x-aws-ec2-metadata-token", &session);
        send(&client, request)
    };
    let mut folder = ROLES.to_vec();
    folder.push("");
    let roles = get(&folder).await.map_err(|error| match error.kind {
        ErrorKind::Configuration => GatherError::configuration(
            "this machine has no role (instance profile)",
        )
        .with_hint("attach a role to the instance, or set access_key_id and secret_access_key"),
        _ => error,
    })?;
    let roles = text(&roles)?;
    let role = roles.lines().next().unwrap_or_default().trim();
    let mut path = ROLES.to_vec();
    path.push(role);
    let response = get(&path).await?;
    let found: RoleCredentials = json::read(response.body(), response.description())?;
    match found {
        RoleCredentials {
            code: Some(code),
            access_key_id: Some(id),
            secret_access_key: Some(secret),
            token,
        } if code == "Success" => Ok(Keys { id, secret, token }),
        _ => {
            let description = response.description();
            let message = format!("{description}: the answer has no credentials of the role");
            Err(GatherError::new(ErrorKind::Authentication, message)
                .with_hint("check that the role exists, and that EC2 is allowed to assume it"))
        }
    }
}

async fn send(client: &Client, request: Request) -> Result<Response, GatherError> {
    let request = request.without_redirects().max_body_bytes(MAX_BYTES);
    let response = client.send(request).await?;
    if response.status() == StatusCode::OK { Ok(response) } else { Err(response.status_error()) }
}

/// The text of an answer, a token or names.
fn text(response: &Response) -> Result<String, GatherError> {
    let text = std::str::from_utf8(response.body()).unwrap_or_default().trim();
    if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_graphic() || byte == b'\n') {
        let description = response.description();
        return Err(GatherError::protocol(format!("{description}: the answer is not a token")));
    }
    Ok(text.to_owned())
}

fn url(base: &Url, path: &[&str]) -> Url {
    let mut url = base.clone();
    if let Ok(mut segments) = url.path_segments_mut() {
        segments.clear().extend(path);
    }
    url
}
