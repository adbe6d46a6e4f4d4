//! Redirects: where a request goes on, and what it may take with it.

use gatherer_plugin_api::GatherError;
use reqwest::header::{
    ACCEPT, ACCEPT_ENCODING, ACCEPT_LANGUAGE, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE,
    HeaderMap, HeaderName, LOCATION, TRANSFER_ENCODING, USER_AGENT,
};
use reqwest::{Method, StatusCode};
use url::Url;

use super::Request;
use super::address::{basic_credentials, display_url};

/// How many redirects are followed.
const MOST_REDIRECTS: usize = 10;

/// What a request takes along to another host, port or scheme. A list of what may stay, because
/// every service has headers of its own for its credentials.
const HARMLESS: [HeaderName; 5] =
    [ACCEPT, ACCEPT_ENCODING, ACCEPT_LANGUAGE, CONTENT_TYPE, USER_AGENT];

/// The redirects of one request so far.
#[derive(Default)]
pub(crate) struct Trail {
    steps: Vec<(Method, Url)>,
    /// Whether something was left behind at another host's door.
    pub dropped_credentials: bool,
}

impl Trail {
    /// The request to go on with; none if this answer is the last one.
    pub fn follow(
        &mut self,
        request: &Request,
        status: StatusCode,
        headers: &HeaderMap,
    ) -> Result<Option<Request>, GatherError> {
        if !matches!(status.as_u16(), 301 | 302 | 303 | 307 | 308) {
            return Ok(None);
        }
        let wrong = |why: String| GatherError::protocol(format!("{}: {why}", request.what()));
        let location = headers
            .get(LOCATION)
            .ok_or_else(|| wrong(format!("{status} without a Location")))?
            .as_bytes();
        // Servers write UTF-8 there, against the rules.
        let location = std::str::from_utf8(location)
            .ok()
            .and_then(|location| request.url.join(location).ok())
            .ok_or_else(|| wrong(format!("{status} to a Location that is not a URL")))?;
        let next = self.redirected(request, status, location)?;
        self.steps.push((request.method.clone(), request.url.clone()));
        if self.steps.iter().any(|(method, url)| *method == next.method && *url == next.url) {
            return Err(wrong(format!("redirect loop: {}", self.text(&next.url))));
        }
        if self.steps.len() > MOST_REDIRECTS {
            let text = self.text(&next.url);
            return Err(wrong(format!("more than {MOST_REDIRECTS} redirects: {text}")));
        }
        tracing::debug!("{}: {status}, going on to {}", request.what(), display_url(&next.url));
        Ok(Some(next))
    }

    fn redirected(
        &mut self,
        request: &Request,
        status: StatusCode,
        mut location: Url,
    ) -> Result<Request, GatherError> {
        let refused = |why: &str| {
            let to = display_url(&location);
            GatherError::protocol(format!(
                "{}: redirects to {to}, which is not followed: {why}",
                request.what()
            ))
        };
        match (request.url.scheme(), location.scheme()) {
            ("http" | "https", "https") | ("http", "http") => {}
            ("https", "http") => return Err(refused("from https to http")),
            _ => return Err(refused("neither http nor https")),
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
                // A log-in's body is a credential too.
                return Err(refused("a request with a body stays with its host"));
            }
            let before = next.headers.len();
            next.headers = keep_harmless(&next.headers);
            self.dropped_credentials |= next.headers.len() < before;
        }
        // What a server writes there is not a credential of ours.
        basic_credentials(&mut location);
        location.set_fragment(None);
        next.url = location;
        Ok(next)
    }

    fn text(&self, last: &Url) -> String {
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
    use super::*;

    fn url(text: &str) -> Url {
        Url::parse(text).expect("a URL")
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
        Trail::default().follow(from, status, &headers)
    }

    fn followed(from: &Request, status: u16, to: &str) -> Request {
        follow(from, status, to).expect("allowed").expect("followed")
    }

    fn refused(from: &Request, status: u16, to: &str) -> String {
        follow(from, status, to).map(|_| ()).expect_err("refused").message
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
    fn https_never_becomes_http_and_other_schemes_are_refused() {
        let from = request(Method::GET, "https://a.example/x?hunter2");
        let message = refused(&from, 302, "http://a.example/?hunter2");
        assert_eq!(
            message,
            "GET https://a.example/x: redirects to http://a.example/, which is not followed: \
             from https to http"
        );
        assert!(refused(&from, 302, "file:///etc/passwd").contains("neither http nor https"));
    }

    #[test]
    fn methods_change_as_browsers_do_it() {
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
    fn a_body_never_goes_to_another_host() {
        let request = request(Method::POST, "http://a/").body(b"hunter2".to_vec());
        assert!(refused(&request, 307, "http://b/").contains("stays with its host"));
    }

    #[test]
    fn loops_and_long_chains_are_named() {
        let headers = |to: &str| HeaderMap::from_iter([(LOCATION, to.parse().expect("a header"))]);
        let mut trail = Trail::default();
        let first = request(Method::GET, "http://a/1");
        let second = trail.follow(&first, StatusCode::FOUND, &headers("/2"));
        let second = second.expect("allowed").expect("followed");
        let error = trail.follow(&second, StatusCode::FOUND, &headers("/1"));
        assert_eq!(
            error.map(|_| ()).expect_err("a loop").message,
            "GET http://a/2: redirect loop: http://a/1 -> http://a/2 -> http://a/1"
        );

        let mut trail = Trail::default();
        let mut request = request(Method::GET, "http://a/0");
        let error = loop {
            let next = format!("/{}", trail.steps.len() + 1);
            match trail.follow(&request, StatusCode::FOUND, &headers(&next)) {
                Ok(next) => request = next.expect("followed"),
                Err(error) => break error,
            }
        };
        assert!(error.message.contains("more than 10 redirects"), "{error}");
        assert_eq!(request.url.as_str(), "http://a/10");
    }

    #[test]
    fn a_location_with_letters_beyond_ascii_is_understood() {
        let value = reqwest::header::HeaderValue::from_bytes("/ü".as_bytes()).expect("a header");
        let headers = HeaderMap::from_iter([(LOCATION, value)]);
        let from = request(Method::GET, "http://a/");
        let next = Trail::default().follow(&from, StatusCode::FOUND, &headers);
        let next = next.expect("allowed").expect("followed");
        assert_eq!(next.url.as_str(), "http://a/%C3%BC");
    }

    #[test]
    fn a_redirect_without_a_usable_location_is_an_error() {
        let from = request(Method::GET, "http://a/");
        assert!(refused(&from, 302, "http://[").ends_with("that is not a URL"));
        let bare = Trail::default().follow(&from, StatusCode::FOUND, &HeaderMap::new());
        assert!(bare.map(|_| ()).expect_err("wrong").message.ends_with("without a Location"));
    }
}
