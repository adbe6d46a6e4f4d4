//! HTTP requests and responses.

use base64::Engine as _;
use gatherer_plugin_api::{CheckStep, Context, GatherError};
use http::header::{AUTHORIZATION, HeaderMap, HeaderName, HeaderValue};
use http::{Method, StatusCode};
use url::Url;

use super::address::{basic_credentials, display_url};
use super::credential::{UsedCredential, explain_unauthorized};
use super::error::Exchange;
use super::status;

/// The maximum size of a response body after decompression, unless the request sets another one.
pub const DEFAULT_MAX_BODY_BYTES: usize = 256 * 1024 * 1024;

/// The maximum length of a URL in the underlying library, in bytes.
const URL_MAX_BYTES: usize = 65_534;

/// A request. User info in its URL becomes basic authentication.
///
/// ```
/// use gatherer_plugin_support::http::{Method, Request};
/// let url = "https://cloud.example.com:5000/v3/auth/tokens".parse().unwrap();
/// let request = Request::new(Method::POST, url)
///     .header("content-type", "application/json")
///     .body(br#"{"auth": {}}"#.to_vec())
///     .max_body_bytes(1024 * 1024);
/// ```
#[derive(Clone)]
pub struct Request {
    pub(super) method: Method,
    /// Without user info and fragment.
    pub(super) url: Url,
    pub(super) headers: HeaderMap,
    pub(super) body: Option<Vec<u8>>,
    pub(super) max_body_bytes: usize,
    pub(super) follows_redirects: bool,
    /// The name of a header whose value is invalid. Sending the request reports it.
    invalid_header: Option<&'static str>,
}

impl Request {
    /// A request without a body. Its only header may be the one for the user info in the URL.
    pub fn new(method: Method, mut url: Url) -> Self {
        let credentials = basic_credentials(&mut url);
        url.set_fragment(None);
        let request = Self {
            method,
            url,
            headers: HeaderMap::new(),
            body: None,
            max_body_bytes: DEFAULT_MAX_BODY_BYTES,
            follows_redirects: true,
            invalid_header: None,
        };
        match credentials {
            Some(text) => {
                let text = base64::engine::general_purpose::STANDARD.encode(text);
                request.header("authorization", &format!("Basic {text}"))
            }
            None => request,
        }
    }

    /// A GET request.
    pub fn get(url: Url) -> Self {
        Self::new(Method::GET, url)
    }

    /// Sets a header and replaces one of the same name. The name must be lower case. An invalid value
    /// is an error of [`Client::send`](super::Client::send).
    #[must_use]
    pub fn header(mut self, name: &'static str, value: &str) -> Self {
        match HeaderValue::from_str(value) {
            Ok(mut value) => {
                // All headers are marked, because a list of secret ones could miss one.
                value.set_sensitive(true);
                self.headers.insert(name, value);
            }
            Err(_) => self.invalid_header = Some(name),
        }
        self
    }

    /// Sets a header whose name is known only at run time, and replaces one of the same name.
    #[must_use]
    pub fn set_header(mut self, name: HeaderName, mut value: HeaderValue) -> Self {
        value.set_sensitive(true);
        self.headers.insert(name, value);
        self
    }

    /// Sets user and password for basic authentication.
    #[must_use]
    pub fn basic_auth(self, user: &str, password: &str) -> Self {
        let text = base64::engine::general_purpose::STANDARD.encode(format!("{user}:{password}"));
        self.header(AUTHORIZATION.as_str(), &format!("Basic {text}"))
    }

    /// Sets the body.
    #[must_use]
    pub fn body(mut self, body: Vec<u8>) -> Self {
        self.body = Some(body);
        self
    }

    /// Sets the maximum size of the response body after decompression, in bytes.
    #[must_use]
    pub fn max_body_bytes(mut self, bytes: usize) -> Self {
        self.max_body_bytes = bytes;
        self
    }

    /// Makes a redirect the response, instead of following it.
    #[must_use]
    pub fn without_redirects(mut self) -> Self {
        self.follows_redirects = false;
        self
    }

    /// The request for messages: its method and URL, without secrets.
    pub fn description(&self) -> String {
        format!("{} {}", self.method, display_url(&self.url))
    }

    /// Returns the request if it can be sent.
    pub(super) fn checked(self) -> Result<Self, GatherError> {
        let length = self.url.as_str().len();
        let why = match (self.invalid_header, self.url.scheme()) {
            (Some(name), _) => {
                format!("the header {name} contains a character that is not allowed")
            }
            (None, "http" | "https") if length <= URL_MAX_BYTES => return Ok(self),
            (None, "http" | "https") => {
                format!("the URL is {length} bytes long; the limit is {URL_MAX_BYTES} bytes")
            }
            (None, _) => "the URL is neither http nor https".to_owned(),
        };
        Err(GatherError::configuration(format!("{}: {why}", self.description())))
    }
}

/// A response.
pub struct Response {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) body: Vec<u8>,
    pub(super) url: Url,
    pub(super) description: String,
    pub(super) exchange: Exchange,
    pub(super) exchange_text: String,
    /// The credential in the header `Authorization` of the request.
    pub(super) credential: Option<UsedCredential>,
    pub(super) dropped_credentials: bool,
}

impl Response {
    /// The status.
    pub fn status(&self) -> StatusCode {
        self.status
    }

    /// The headers.
    pub fn headers(&self) -> &HeaderMap {
        &self.headers
    }

    /// The URL that sent the response, after redirects.
    pub fn url(&self) -> &Url {
        &self.url
    }

    /// The decompressed body: complete if the status is 2xx, otherwise as much of the first 64 KiB as
    /// arrived within a short time. Only status 200 means that the body is the whole document.
    pub fn body(&self) -> &[u8] {
        &self.body
    }

    /// Returns the body and drops the rest of the response.
    pub fn into_body(self) -> Vec<u8> {
        self.body
    }

    /// The request for messages: its method and URL, without secrets.
    pub fn description(&self) -> &str {
        &self.description
    }

    /// Like [`description`](Self::description), with the proxy that was used, which may have sent the response.
    pub fn exchange(&self) -> &str {
        &self.exchange_text
    }

    /// Returns the response if its status is 2xx, otherwise an error that explains the status.
    pub fn error_for_status(self) -> Result<Self, GatherError> {
        if self.status.is_success() { Ok(self) } else { Err(self.status_error()) }
    }

    /// The step `login` of a check, for a response that proves that the server accepts the request's credentials. It is a
    /// warning if they expire soon.
    pub fn login_step(&self, context: &Context) -> CheckStep {
        let certificate = || self.exchange.client_certificate();
        match self.credential.clone().or_else(certificate) {
            Some(used) => {
                let message = format!("the server accepts {}", used.name);
                used.accepted_step("login", &message, context)
            }
            None => CheckStep::ok("login", "the server answers without credentials"),
        }
    }

    /// The error that explains the status to a caller that requires 200.
    pub fn status_error(&self) -> GatherError {
        let error = status::error(&self.exchange_text, self.status, &self.headers);
        let error = self.exchange.explain_status(error, &self.headers);
        if self.status == StatusCode::UNAUTHORIZED && self.dropped_credentials {
            return error.with_hint(
                "user and password are not sent to the host of a redirect; if it is the right host, \
                 use it in the URL",
            );
        }
        if self.status == StatusCode::UNAUTHORIZED {
            let certificate = self.exchange.client_certificate();
            let used: Vec<_> = self.credential.iter().cloned().chain(certificate).collect();
            return explain_unauthorized(error, &used);
        }
        error
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn user_info_becomes_basic_authentication_and_is_not_shown() {
        let request = Request::get("http://us%40er:pass@h/a?b#c".parse().expect("a valid URL"));
        assert_eq!(request.url.as_str(), "http://h/a?b");
        assert_eq!(request.headers[AUTHORIZATION], "Basic dXNAZXI6cGFzcw==");
        assert_eq!(request.description(), "GET http://h/a");
        assert!(!format!("{:?}", request.headers).contains("dXNAZXI6cGFzcw"));
    }

    #[test]
    fn an_invalid_header_is_named_without_its_value() {
        let request = Request::get("http://h/".parse().expect("a valid URL"));
        let error = request.header("x-auth-token", "hunter2\n").checked();
        let error = error.map(|_| ()).expect_err("the value has a line break");
        assert_eq!(error.kind, gatherer_plugin_api::ErrorKind::Configuration);
        assert!(!error.to_string().contains("hunter2"), "{error}");
        insta::assert_snapshot!(error);
    }
}
