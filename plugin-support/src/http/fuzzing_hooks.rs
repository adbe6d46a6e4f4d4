//! Entry points for fuzz targets into the private parts of this module.

use gatherer_plugin_api::GatherError;
use http::StatusCode;
use http::header::{AUTHORIZATION, HeaderMap};

use super::encoding::{BodyDecoder, Encoding};
use super::error::Exchange;
use super::redirect::RedirectChain;
use super::request::Request;
use super::{Timeouts, Url};

/// Decodes a gzip body of at most `max_bytes` that arrives in chunks of `chunk_size` bytes.
pub fn gunzip(bytes: &[u8], chunk_size: usize, max_bytes: usize) -> Result<Vec<u8>, String> {
    let mut decoder = BodyDecoder::new(Encoding::Gzip, max_bytes, 0);
    for chunk in bytes.chunks(chunk_size.max(1)) {
        decoder.push(chunk).map_err(|error| format!("{error:?}"))?;
        assert!(decoder.len() <= max_bytes, "the content exceeds the limit");
    }
    decoder.finish().map_err(|error| format!("{error:?}"))
}

/// Follows the redirect of a response. Panics if the next request sends credentials to another origin.
pub fn follow_redirect(status: StatusCode, headers: &HeaderMap) {
    let exchange = Exchange::new("GET https://h/", true, Timeouts::default());
    let _: Result<Encoding, GatherError> = Encoding::of(headers, &exchange);
    let url = Url::parse("https://user:hunter2@h/a/b?c=d").expect("a valid URL");
    let request = Request::get(url);
    assert!(request.headers.contains_key(AUTHORIZATION));
    let mut redirects = RedirectChain::default();
    let Ok(Some(next)) = redirects.follow(&request, status, headers) else { return };
    assert_eq!(next.url.scheme(), "https", "the redirect leads to a connection without TLS");
    assert!(next.url.username().is_empty() && next.url.password().is_none());
    if next.url.origin() != request.url.origin() {
        assert!(!next.headers.contains_key(AUTHORIZATION), "credentials are sent to {}", next.url);
    }
}
