//! I/O: requests to the Compute Engine API with the token of the service account.

use std::time::SystemTime;

use gatherer_plugin_api::{Context, ErrorKind, GatherError};
use gatherer_plugin_support::http::{Client, Request, Url};
use gatherer_plugin_support::json::{self, Json};
use gatherer_plugin_support::retry;
use gatherer_plugin_support::session::Session;

use crate::failure::{self, Wanted};
use crate::key::ServiceAccountKey;
use crate::settings::{Settings, invalid, is_googles};
use crate::token;

/// The maximum size of an answer. A page has at most 500 instances, each of a few KiB, with up to 512 KiB of metadata.
const MAX_BYTES: usize = 256 * 1024 * 1024;

/// The API of one project.
pub struct Compute<'a> {
    context: &'a Context,
    http: Client,
    settings: &'a Settings,
    key: ServiceAccountKey,
    session: Session<String>,
}

impl<'a> Compute<'a> {
    /// Prepares requests, without sending anything. A token of Google's is sent to Google's servers only: a request may name
    /// any key that the program can read, and must not get a token for it.
    pub fn new(
        settings: &'a Settings,
        key: ServiceAccountKey,
        context: &'a Context,
    ) -> Result<Self, GatherError> {
        if is_googles(&key.token_url) && !is_googles(&settings.api) {
            let why = "is not a server of Google's, and would get a token that Google issued";
            return Err(invalid("endpoint_url", why).with_hint(
                "use a host in googleapis.com, or set token_url to the server that issues tokens for it",
            ));
        }
        let (http, session) = (Client::new(context)?, Session::default());
        Ok(Self { context, http, settings, key, session })
    }

    /// What is read from where.
    pub fn settings(&self) -> &Settings {
        self.settings
    }

    /// The e-mail address of the service account.
    pub fn account(&self) -> &str {
        &self.key.email
    }

    /// Checks the connection to the API.
    pub async fn check_connection(&self) -> Result<(), GatherError> {
        self.http.check_connection(&self.settings.api).await
    }

    /// Gets a token.
    pub async fn log_in(&self) -> Result<(), GatherError> {
        let attempt = async || self.session.run(|| self.token(), async |_: &String| Ok(())).await;
        retry::idempotent(self.context, attempt).await
    }

    /// The URL of a path in the project.
    pub fn url(&self, path: &[&str]) -> Url {
        let mut url = self.settings.api.clone();
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.extend(["projects", &self.settings.project]).extend(path);
        }
        url
    }

    /// Reads a document, with retries and after a login if necessary. `parse` gets the document, and the request for messages.
    /// `None` if the document is a machine type that does not exist.
    pub async fn read<T>(
        &self,
        url: &Url,
        wanted: Wanted<'_>,
        parse: impl Fn(&Json, &str) -> Result<T, GatherError>,
    ) -> Result<Option<T>, GatherError> {
        let request = async |token: &String| {
            let request = Request::get(url.clone())
                .header("authorization", &format!("Bearer {token}"))
                .header("accept", "application/json")
                .max_body_bytes(MAX_BYTES)
                .without_redirects();
            let response = self.http.send(request).await?;
            failure::check(response, wanted, &self.settings.project, &self.key.email)
        };
        let attempt = async || {
            let response = self.session.run(|| self.token(), &request).await;
            let response = response.map_err(|error| self.wait_for_quota(error))?;
            let Some(response) = response else { return Ok(None) };
            let json = json::parse(response.body(), response.description())
                .map_err(|error| hinted(error, &self.settings.api))?;
            let read = parse(&json, response.description());
            read.map(Some).map_err(|error| hinted(error, &self.settings.api))
        };
        retry::idempotent(self.context, attempt).await
    }

    /// A limit that is still there after a retry is a quota, which is reset at the next full minute.
    fn wait_for_quota(&self, mut error: GatherError) -> GatherError {
        let is_quota = error.kind == ErrorKind::RateLimited && error.retry_after_ms.is_none();
        if is_quota && self.context.retries() > 0 {
            error.retry_after_ms = Some(failure::until_next_minute(SystemTime::now()));
        }
        error
    }

    async fn token(&self) -> Result<String, GatherError> {
        token::request(&self.http, &self.key, self.context).await
    }
}

/// Adds to an error about an answer that is not the API's that another server may have sent it.
fn hinted(error: GatherError, api: &Url) -> GatherError {
    if error.kind != ErrorKind::Protocol || error.hint.is_some() {
        return error;
    }
    let host = api.host_str().unwrap_or_default();
    error.with_hint(format!(
        "check that {host} is the Compute Engine API, and no proxy answers for it"
    ))
}
