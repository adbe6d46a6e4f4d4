//! The fuzz targets of this crate. Each takes one input and panics if a rule is violated.

use std::io::Read as _;

use flate2::read::MultiGzDecoder;
use gatherer_plugin_api::{ProxySettings, Secret};

use crate::http::StatusCode;
use crate::http::fuzzing_hooks::{follow_redirect, gunzip};
use crate::http::header::{CONTENT_ENCODING, HeaderMap, HeaderValue, LOCATION, RETRY_AFTER};
use crate::http::{display_url, parse_url, proxy_for};
use crate::json;
use crate::xml::{self, Limits};
use crate::{http, uuid};

/// The name of a target, and the function that runs it on one input.
pub type Target = (&'static str, fn(&[u8]));

/// The targets of this crate.
pub const TARGETS: &[Target] = &[
    ("json", json),
    ("xml", xml),
    ("uuid", uuid),
    ("gzip", gzip),
    ("url", url),
    ("response_head", response_head),
];

/// Strict JSON: accepts nothing that serde_json rejects, and gives the same values.
fn json(input: &[u8]) {
    let Ok(json) = json::parse(input, "the document") else { return };
    // Unlike serde_json, our parser skips a byte order mark.
    let input = input.strip_prefix(b"\xef\xbb\xbf").unwrap_or(input);
    let value: serde_json::Value =
        serde_json::from_slice(input).expect("serde_json must accept what our parser accepts");
    assert_eq!(serde_json::Value::from(json), value);
}

/// XML: parses a document and visits every node.
fn xml(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else { return };
    let Ok(document) = xml::parse(text, Limits::default()) else { return };
    let mut nodes = 0_usize;
    for node in document.descendants() {
        nodes += 1;
        let _ = xml::text(node, &["a", "b"]);
        assert!(xml::children(node, "a").count() <= node.children().count());
    }
    // Every node except the root takes at least one byte of text.
    assert!(nodes <= text.len() + 1, "{nodes} nodes of {} bytes", text.len());
}

/// UUIDs: the canonical form of a canonical form is the same.
fn uuid(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else { return };
    let Some(form) = uuid::canonical(text) else { return };
    assert_eq!(form.len(), 36);
    assert_eq!(uuid::canonical(&form).as_ref(), Some(&form));
}

/// A gzip body. The first byte of the input is the size of the chunks in which it arrives, the second
/// its size limit.
fn gzip(input: &[u8]) {
    let [chunk_size, max_bytes, bytes @ ..] = input else { return };
    let max_bytes = usize::from(*max_bytes) * 64;
    // A body that is both damaged and too large may be rejected for either reason.
    let whole = gunzip(bytes, bytes.len(), max_bytes).ok();
    let chunked = gunzip(bytes, usize::from(*chunk_size) + 1, max_bytes).ok();
    assert_eq!(whole, chunked, "the result depends on the chunks in which the body arrives");
    let Some(content) = whole else { return };
    assert!(content.len() <= max_bytes);
    let mut expected = Vec::new();
    if !bytes.is_empty() {
        // The library's decoder that reads, whereas ours is written to.
        let read = MultiGzDecoder::new(bytes).take(max_bytes as u64 + 1).read_to_end(&mut expected);
        assert!(read.is_ok(), "a damaged body was accepted");
    }
    assert_eq!(content, expected);
}

/// A password in the seeds of this target. Errors must not contain it.
const PASSWORD: &str = "hunter2";

/// Three lines: a URL, the URL of a proxy, and a `no_proxy` list.
fn url(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else { return };
    let mut lines = text.split('\n');
    let (first, proxy, exceptions) = (lines.next(), lines.next(), lines.next());
    let Ok(url) = parse_url(first.unwrap_or_default()) else { return };
    let shown = display_url(&url);
    assert!(!shown.contains('?') && !shown.contains('#'), "{shown}");
    let rest = shown.split_once("://").map_or("", |(_, rest)| rest);
    let authority = rest.split('/').next().unwrap_or_default();
    assert!(!authority.contains('@'), "{shown}");
    let Some(proxy) = proxy else { return };
    let settings = ProxySettings {
        all: Some(Secret::new(proxy.to_owned())),
        no_proxy: exceptions.map(str::to_owned),
        ..ProxySettings::default()
    };
    match proxy_for(&settings, &url) {
        Ok(None) => {}
        Ok(Some(server)) => {
            let shown = server.display;
            assert!(!shown.contains('@') && !shown.contains('?'), "{shown}");
        }
        Err(error) => assert!(!error.message.contains(PASSWORD), "{}", error.message),
    }
}

/// The head of a response: the status, `Location`, `Retry-After` and `Content-Encoding`, one per line.
fn response_head(input: &[u8]) {
    let mut lines = input.split(|byte| *byte == b'\n');
    let status = lines.next().and_then(|line| StatusCode::from_bytes(line).ok());
    let Some(status) = status else { return };
    let mut headers = HeaderMap::new();
    for (name, line) in [LOCATION, RETRY_AFTER, CONTENT_ENCODING].into_iter().zip(lines) {
        if let Ok(value) = HeaderValue::from_bytes(line) {
            headers.append(name, value);
        }
    }
    let error = http::status_error("GET https://h/", status, &headers);
    assert!(error.message.len() < 4096);
    follow_redirect(status, &headers);
}

#[cfg(test)]
mod tests {
    #[test]
    fn committed_cases_pass() {
        gatherer_tests::corpus::replay(super::TARGETS);
    }
}
