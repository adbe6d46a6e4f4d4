//! Follows redirects: which are allowed, and which headers the next request keeps.

use gatherer_plugin_api::GatherError;
use http::header::{
    ACCEPT, ACCEPT_ENCODING, ACCEPT_LANGUAGE, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE,
    HeaderMap, HeaderName, LOCATION, TRANSFER_ENCODING, USER_AGENT,
};
use http::{Method, StatusCode};
use url::Url;

use super::Request;
use super::address::{basic_credentials, display_url};

/// The maximum number of redirects that are followed.
const MAX_REDIRECTS: usize = 10;

/// The headers that a request keeps when it is redirected to another host, port or scheme. This is an
/// allow-list because services use their own headers for credentials.
const HARMLESS: [HeaderName; 5] =
    [ACCEPT, ACCEPT_ENCODING, ACCEPT_LANGUAGE, CONTENT_TYPE, USER_AGENT];

/// The redirects of one request so far.
#[derive(Default)]
pub(crate) struct RedirectChain {
    steps: Vec<(Method, Url)>,
    /// Whether headers were dropped because a redirect led to another origin.
    pub dropped_credentials: bool,
}

impl RedirectChain {
    /// The request to send next; `None` if this response is not a redirect.
    pub fn follow(
        &mut self,
        request: &Request,
        status: StatusCode,
        headers: &HeaderMap,
    ) -> Result<Option<Request>, GatherError> {
        if !matches!(status.as_u16(), 301 | 302 | 303 | 307 | 308) {
            return Ok(None);
        }
        let invalid =
            |why: String| GatherError::protocol(format!("{}: {why}", request.description()));
        let location = headers
            .get(LOCATION)
            .ok_or_else(|| invalid(format!("{status} without a Location header")))?
            .as_bytes();
        // HTTP allows only ASCII here, but some servers send UTF-8.
        let location = std::str::from_utf8(location)
            .ok()
            .and_then(|location| request.url.join(location).ok())
            .ok_or_else(|| invalid(format!("{status} with a Location that is not a valid URL")))?;
        let next = self.redirected_request(request, status, location)?;
        self.steps.push((request.method.clone(), request.url.clone()));
        if self.steps.iter().any(|(method, url)| *method == next.method && *url == next.url) {
            return Err(invalid(format!("redirect loop: {}", self.display(&next.url))));
        }
        if self.steps.len() > MAX_REDIRECTS {
            let urls = self.display(&next.url);
            return Err(invalid(format!("more than {MAX_REDIRECTS} redirects: {urls}")));
        }
        tracing::debug!(
            "{}: {status}, redirected to {}",
            request.description(),
            display_url(&next.url)
        );
        Ok(Some(next))
    }

    /// Builds the request to the location of a redirect.
    fn redirected_request(
        &mut self,
        request: &Request,
        status: StatusCode,
        mut location: Url,
    ) -> Result<Request, GatherError> {
        let refused = |why: &str| {
            let to = display_url(&location);
            GatherError::protocol(format!(
                "{}: the redirect to {to} is not allowed: {why}",
                request.description()
            ))
        };
        match (request.url.scheme(), location.scheme()) {
            ("http" | "https", "https") | ("http", "http") => {}
            ("https", "http") => return Err(refused("it leads from https to http")),
            _ => return Err(refused("its scheme is neither http nor https")),
        }
        let mut next = request.clone();
        let becomes_get = match status.as_u16() {
            303 => request.method != Method::HEAD,
            301 | 302 => request.method == Method::POST,
            _ => false,
        };
        if becomes_get {
            next.method = Method::GET;
            next.body = None;
            for name in [CONTENT_TYPE, CONTENT_LENGTH, CONTENT_ENCODING, TRANSFER_ENCODING] {
                next.headers.remove(name);
            }
        }
        if location.origin() != request.url.origin() {
            if next.body.is_some() {
                // The body of a login request contains credentials.
                return Err(refused("a request with a body must stay on its host"));
            }
            let before = next.headers.len();
            next.headers = keep_harmless(&next.headers);
            self.dropped_credentials |= next.headers.len() < before;
        }
        // Credentials that the server puts into the location are not the endpoint's.
        basic_credentials(&mut location);
        location.set_fragment(None);
        next.url = location;
        Ok(next)
    }

    /// All URLs of the chain, for messages.
    fn display(&self, last: &Url) -> String {
        let urls = self.steps.iter().map(|(_, url)| url).chain([last]);
        urls.map(display_url).collect::<Vec<_>>().join(" -> ")
    }
}

fn keep_harmless(headers: &HeaderMap) -> HeaderMap {
    headers
        .iter()
        .filter(|(name, _)| HARMLESS.contains(name))
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect()
}

#[cfg(test)]
mod tests {
    use gatherer_plugin_api::ErrorKind;

    use super::*;

    fn url(text: &str) -> Url {
        Url::parse(text).expect("a valid URL")
    }

    fn request(method: Method, text: &str) -> Request {
        Request::new(method, url(text))
            .header("authorization", "Basic hunter2")
            .header("cookie", "hunter2")
            .header("x-auth-token", "hunter2")
            .header("accept", "application/json")
    }

    fn follow(from: &Request, status: u16, to: &str) -> Result<Option<Request>, GatherError> {
        let headers = HeaderMap::from_iter([(LOCATION, to.parse().expect("a header"))]);
        let status = StatusCode::from_u16(status).expect("a status");
        RedirectChain::default().follow(from, status, &headers)
    }

    fn followed(from: &Request, status: u16, to: &str) -> Request {
        follow(from, status, to).expect("allowed").expect("followed")
    }

    fn error(from: &Request, status: u16, to: &str) -> GatherError {
        follow(from, status, to).map(|_| ()).expect_err("refused")
    }

    /// The messages of all redirects that are refused.
    #[test]
    fn messages_of_refused_redirects() {
        let get = request(Method::GET, "https://a.example/x?hunter2");
        let post = request(Method::POST, "http://a/").body(b"hunter2".to_vec());
        let no_location =
            RedirectChain::default().follow(&get, StatusCode::FOUND, &HeaderMap::new());
        let errors = [
            error(&get, 302, "http://a.example/?hunter2"),
            error(&get, 302, "file:///etc/passwd"),
            error(&post, 307, "http://b/"),
            error(&get, 302, "http://["),
            no_location.map(|_| ()).expect_err("refused"),
        ];
        let messages: Vec<_> = errors.iter().map(ToString::to_string).collect();
        assert!(!messages.concat().contains("hunter2"));
        insta::assert_snapshot!(messages.join("\n"));
    }

    #[test]
    fn credentials_stay_with_their_scheme_host_and_port() {
        let from = request(Method::GET, "https://a.example/x?y");
        for to in ["/z", "https://a.example:443/z", "//a.example/z", "https://u:p@a.example/z#f"] {
            let next = followed(&from, 302, to);
            assert_eq!(next.url.as_str(), "https://a.example/z", "{to}");
            assert_eq!(next.headers.len(), 4, "{to}");
        }
        for to in ["https://b.example/z", "https://a.example:444/z", "https://u:p@x.a.example/z"] {
            let next = followed(&from, 302, to);
            assert_eq!(next.headers.keys().collect::<Vec<_>>(), [ACCEPT], "{to}");
            assert!(!next.url.as_str().contains('@'), "{to}");
        }
        let next = followed(&request(Method::GET, "http://a.example/"), 302, "https://a.example/");
        assert_eq!(next.headers.len(), 1);
    }

    #[test]
    fn refuses_a_redirect_from_https_to_another_scheme() {
        let from = request(Method::GET, "https://a.example/x");
        for location in ["http://a.example/", "file:///etc/passwd"] {
            assert_eq!(error(&from, 302, location).kind, ErrorKind::Protocol, "{location}");
        }
    }

    #[test]
    fn the_method_changes_as_in_browsers() {
        let post = |status| {
            let request = request(Method::POST, "http://a/").body(b"b".to_vec());
            let next = followed(&request, status, "/n");
            (next.method.to_string(), next.body.is_some())
        };
        for status in [301, 302, 303] {
            assert_eq!(post(status), ("GET".to_owned(), false));
        }
        for status in [307, 308] {
            assert_eq!(post(status), ("POST".to_owned(), true));
        }
    }

    #[test]
    fn refuses_to_send_a_body_to_another_host() {
        let request = request(Method::POST, "http://a/").body(b"hunter2".to_vec());
        assert_eq!(error(&request, 307, "http://b/").kind, ErrorKind::Protocol);
    }

    #[test]
    fn errors_list_the_urls_of_loops_and_long_chains() {
        let headers = |to: &str| HeaderMap::from_iter([(LOCATION, to.parse().expect("a header"))]);
        let mut redirects = RedirectChain::default();
        let first = request(Method::GET, "http://a/1");
        let second = redirects.follow(&first, StatusCode::FOUND, &headers("/2"));
        let second = second.expect("allowed").expect("followed");
        let error = redirects.follow(&second, StatusCode::FOUND, &headers("/1"));
        let error = error.map(|_| ()).expect_err("a loop");
        let urls = "http://a/1 -> http://a/2 -> http://a/1";
        assert!(error.message.ends_with(urls), "{error}");

        let mut redirects = RedirectChain::default();
        let mut request = request(Method::GET, "http://a/0");
        let error = loop {
            let next = format!("/{}", redirects.steps.len() + 1);
            match redirects.follow(&request, StatusCode::FOUND, &headers(&next)) {
                Ok(next) => request = next.expect("followed"),
                Err(error) => break error,
            }
        };
        assert!(error.message.contains("more than 10 redirects"), "{error}");
        assert_eq!(request.url.as_str(), "http://a/10");
    }

    #[test]
    fn accepts_a_location_in_utf8() {
        let value = http::header::HeaderValue::from_bytes("/ü".as_bytes()).expect("a header");
        let headers = HeaderMap::from_iter([(LOCATION, value)]);
        let from = request(Method::GET, "http://a/");
        let next = RedirectChain::default().follow(&from, StatusCode::FOUND, &headers);
        let next = next.expect("allowed").expect("followed");
        assert_eq!(next.url.as_str(), "http://a/%C3%BC");
    }

    #[test]
    fn refuses_a_redirect_without_a_valid_location() {
        let from = request(Method::GET, "http://a/");
        assert_eq!(error(&from, 302, "http://[").kind, ErrorKind::Protocol);
        let no_location =
            RedirectChain::default().follow(&from, StatusCode::FOUND, &HeaderMap::new());
        assert_eq!(no_location.map(|_| ()).expect_err("refused").kind, ErrorKind::Protocol);
    }
}
