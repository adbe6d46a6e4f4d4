//! I/O: requests to Prism, the version of the API, and the lists of each version.

mod list_v2;
mod list_v3;
mod list_v4;
mod probe;
mod version;

use gatherer_plugin_api::{Context, ErrorKind, GatherError, Secret};
use gatherer_plugin_support::http::{self, Client, Method, Request, Response, StatusCode, Url};
use gatherer_plugin_support::{json, retry};
use serde::de::DeserializeOwned;
use serde_json::Value;
use uuid::Uuid;

pub use list_v2::found as found_v2;
pub use list_v3::found as found_v3;
pub use list_v4::found as found_v4;
pub use probe::{ListKind, probe};
pub use version::{ApiVersion, choose};

/// The maximum size of a reply. v2 lists all VMs of a cluster in one.
const MAX_REPLY_BYTES: usize = 256 * 1024 * 1024;

/// What the user must be allowed to do.
const PERMISSION_HINT: &str = "give the user a role that may view all clusters, hosts and VMs";

/// What to do if the answer is not that of Prism.
const WRONG_SERVER_HINT: &str = "check hostname and port: they must lead to a Prism Central or a Prism Element; if api \
                                 is set, set it to auto";

/// Prism Central or Prism Element.
pub struct Prism<'a> {
    context: &'a Context,
    client: Client,
    base: Url,
    username: &'a str,
    password: &'a Secret<String>,
}

impl<'a> Prism<'a> {
    /// A client for the server at this host and port.
    pub fn new(
        hostname: &str,
        port: u16,
        username: &'a str,
        password: &'a Secret<String>,
        context: &'a Context,
    ) -> Result<Self, GatherError> {
        let base = http::service_url("https", hostname, port)
            .map_err(|why| GatherError::configuration(format!("the parameter hostname {why}")))?;
        if username.contains(':') {
            // RFC 7617: the first colon ends the user name.
            return Err(GatherError::configuration("the parameter username must not have a colon"));
        }
        Ok(Self { context, client: Client::new(context)?, base, username, password })
    }

    /// The URL of the server, without a path.
    pub fn base(&self) -> &Url {
        &self.base
    }

    /// The URL of a path, which begins without a slash.
    fn url(&self, path: &str) -> Url {
        let mut url = self.base.clone();
        url.set_path(path);
        url
    }

    /// A request with the credentials, which every request needs: no session is kept.
    fn request(&self, method: Method, url: Url) -> Request {
        Request::new(method, url)
            .basic_auth(self.username, self.password.expose())
            .header("accept", "application/json")
            .header("ntnx-request-id", &Uuid::new_v4().to_string())
            .max_body_bytes(MAX_REPLY_BYTES)
    }

    fn get(&self, url: Url) -> Request {
        self.request(Method::GET, url)
    }

    fn post(&self, url: Url, body: &Value) -> Request {
        let body = body.to_string().into_bytes();
        self.request(Method::POST, url).header("content-type", "application/json").body(body)
    }

    /// Makes one attempt. Any status except 200 is an error.
    async fn attempt(&self, request: &Request) -> Result<Response, GatherError> {
        let response = self.client.send(request.clone()).await?;
        if response.status() == StatusCode::OK {
            return Ok(response);
        }
        Err(status_error(&response))
    }

    /// Sends a request that only reads, with retries. `None` if the server does not have what is requested.
    async fn response_if_present(
        &self,
        request: &Request,
    ) -> Result<Option<Response>, GatherError> {
        let description = request.description();
        let attempt = async || {
            let response = self.client.send(request.clone()).await?;
            match response.status() {
                StatusCode::OK => Ok(Some(response)),
                // A page to which the server redirects says nothing about the request.
                _ if response.description() != description => Err(status_error(&response)),
                StatusCode::NOT_FOUND
                | StatusCode::METHOD_NOT_ALLOWED
                | StatusCode::NOT_IMPLEMENTED => Ok(None),
                _ => Err(status_error(&response)),
            }
        };
        retry::idempotent(self.context, attempt).await
    }

    /// Sends a request that only reads, with retries, and parses the reply.
    async fn read<T: DeserializeOwned>(&self, request: &Request) -> Result<T, GatherError> {
        parse(&retry::idempotent(self.context, || self.attempt(request)).await?)
    }
}

/// Parses a reply.
fn parse<T: DeserializeOwned>(response: &Response) -> Result<T, GatherError> {
    let body = response.body();
    json::read(body, response.description()).map_err(|error| {
        if body.trim_ascii_start().starts_with(b"{") {
            return error;
        }
        // For example an HTML page.
        error.with_hint(WRONG_SERVER_HINT)
    })
}

/// The error for a status other than 200.
fn status_error(response: &Response) -> GatherError {
    let error = response.status_error();
    match (error.kind, response.status()) {
        (ErrorKind::Permission, _) => error.with_hint(PERMISSION_HINT),
        (_, StatusCode::NOT_FOUND) => error.with_hint(WRONG_SERVER_HINT),
        _ => error,
    }
}
