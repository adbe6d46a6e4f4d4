//! What fuzz targets need of this module's private parts.

use gatherer_plugin_api::GatherError;
use reqwest::StatusCode;
use reqwest::header::{AUTHORIZATION, HeaderMap};

use super::encoding::{Decoder, Encoding};
use super::error::Place;
use super::redirect::Trail;
use super::request::Request;
use super::{Limits, Url};

/// A gzip body that comes in pieces of a size, up to a limit.
pub fn unzipped(bytes: &[u8], size: usize, most: usize) -> Result<Vec<u8>, String> {
    let unusable = |why| format!("{why:?}");
    let mut decoder = Decoder::new(Encoding::Gzip, most, None);
    for piece in bytes.chunks(size.max(1)) {
        decoder.push(piece).map_err(unusable)?;
        assert!(decoder.len() <= most, "more than the limit is kept");
    }
    decoder.finish().map_err(unusable)
}

/// Follows an answer's redirect. Panics if that takes credentials to another place.
pub fn redirected(status: StatusCode, headers: &HeaderMap) {
    let place = Place::new("GET https://h/", true, Limits::default());
    let _: Result<Encoding, GatherError> = Encoding::of(headers, &place);
    let url = Url::parse("https://user:hunter2@h/a/b?c=d").expect("a URL");
    let request = Request::get(url);
    assert!(request.headers.contains_key(AUTHORIZATION));
    let mut trail = Trail::default();
    let Ok(Some(next)) = trail.follow(&request, status, headers) else { return };
    assert_eq!(next.url.scheme(), "https", "it leaves TLS");
    assert!(next.url.username().is_empty() && next.url.password().is_none());
    if next.url.origin() != request.url.origin() {
        assert!(!next.headers.contains_key(AUTHORIZATION), "credentials go to {}", next.url);
    }
}
