//! What is sent and what came back.

use base64::Engine as _;
use gatherer_plugin_api::GatherError;
use reqwest::header::{AUTHORIZATION, HeaderMap, HeaderValue};
use reqwest::{Method, StatusCode};
use url::Url;

use super::address::{basic_credentials, display_url};
use super::status;

/// How large an answer may be after decompression, unless the request says otherwise.
pub const DEFAULT_MAX_BODY_BYTES: usize = 256 * 1024 * 1024;

/// The longest URL that the library below takes, in bytes.
const URL_MAX_BYTES: usize = 65_534;

/// A request. User-info in its URL becomes basic authentication.
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
    /// Without user-info and fragment.
    pub(super) url: Url,
    pub(super) headers: HeaderMap,
    pub(super) body: Option<Vec<u8>>,
    pub(super) max_body_bytes: usize,
    /// The header that cannot be sent, said when it is tried.
    unusable: Option<&'static str>,
}

impl Request {
    /// A request without headers of its own and without a body.
    pub fn new(method: Method, mut url: Url) -> Self {
        let credentials = basic_credentials(&mut url);
        url.set_fragment(None);
        let request = Self {
            method,
            url,
            headers: HeaderMap::new(),
            body: None,
            max_body_bytes: DEFAULT_MAX_BODY_BYTES,
            unusable: None,
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

    /// Sets a header, in the place of one of the same name. The name is lower case. A value that
    /// cannot be sent is an error of [`Client::send`](super::Client::send).
    #[must_use]
    pub fn header(mut self, name: &'static str, value: &str) -> Self {
        match HeaderValue::from_str(value) {
            Ok(mut value) => {
                // Unlike a list of secret ones, this cannot miss one.
                value.set_sensitive(true);
                self.headers.insert(name, value);
            }
            Err(_) => self.unusable = Some(name),
        }
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

    /// Sets how large the answer may be after decompression, in bytes.
    #[must_use]
    pub fn max_body_bytes(mut self, bytes: usize) -> Self {
        self.max_body_bytes = bytes;
        self
    }

    /// The request in messages: method and URL, without what may be secret.
    pub fn what(&self) -> String {
        format!("{} {}", self.method, display_url(&self.url))
    }

    pub(super) fn checked(self) -> Result<Self, GatherError> {
        let length = self.url.as_str().len();
        let why = match (self.unusable, self.url.scheme()) {
            (Some(name), _) => format!("the header {name} holds a character that cannot be sent"),
            (None, "http" | "https") if length <= URL_MAX_BYTES => return Ok(self),
            (None, "http" | "https") => {
                format!("the URL has {length} characters; {URL_MAX_BYTES} can be sent")
            }
            (None, _) => "the URL is neither http nor https".to_owned(),
        };
        Err(GatherError::configuration(format!("{}: {why}", self.what())))
    }
}

/// An answer.
pub struct Response {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) body: Vec<u8>,
    pub(super) url: Url,
    pub(super) what: String,
    pub(super) place: String,
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

    /// Where the answer came from, after redirects.
    pub fn url(&self) -> &Url {
        &self.url
    }

    /// The body, decompressed: all that the server sent if the status is 2xx, else as much of its
    /// first 64 KiB as came at once. That it is the document is said by 200 alone.
    pub fn body(&self) -> &[u8] {
        &self.body
    }

    /// The body alone.
    pub fn into_body(self) -> Vec<u8> {
        self.body
    }

    /// The request in messages: method and URL, without what may be secret.
    pub fn what(&self) -> &str {
        &self.what
    }

    /// Like [`what`](Self::what), and through which proxy: an answer may be the proxy's own.
    pub fn place(&self) -> &str {
        &self.place
    }

    /// The answer, if its status is 2xx, not only 200; else what the status means.
    pub fn error_for_status(self) -> Result<Self, GatherError> {
        if self.status.is_success() { Ok(self) } else { Err(self.status_error()) }
    }

    /// What the status means as an error, where 200 is awaited.
    pub fn status_error(&self) -> GatherError {
        let error = status::error(&self.place, self.status, &self.headers);
        if self.status == StatusCode::UNAUTHORIZED && self.dropped_credentials {
            return error.with_hint(
                "user and password are not sent to the host that the answer redirects to; if it \
                 is the right one, name it in the URL",
            );
        }
        error
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn user_info_becomes_basic_authentication_and_is_not_shown() {
        let request = Request::get("http://us%40er:pass@h/a?b#c".parse().expect("a URL"));
        assert_eq!(request.url.as_str(), "http://h/a?b");
        assert_eq!(request.headers[AUTHORIZATION], "Basic dXNAZXI6cGFzcw==");
        assert_eq!(request.what(), "GET http://h/a");
        assert!(!format!("{:?}", request.headers).contains("dXNAZXI6cGFzcw"));
    }

    #[test]
    fn a_header_that_cannot_be_sent_is_named_without_its_value() {
        let request = Request::get("http://h/".parse().expect("a URL"));
        let error = request.header("x-auth-token", "hunter2\n").checked();
        let error = error.map(|_| ()).expect_err("a line break");
        assert_eq!(
            error.message,
            "GET http://h/: the header x-auth-token holds a character that cannot be sent"
        );
    }
}
