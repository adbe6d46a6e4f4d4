//! Fuzz targets: each takes one input and panics if a rule is broken.

use std::io::Read as _;

use flate2::read::MultiGzDecoder;
use gatherer_plugin_api::{ProxySettings, Secret};
use reqwest::StatusCode;
use reqwest::header::{CONTENT_ENCODING, HeaderMap, HeaderValue, LOCATION, RETRY_AFTER};

use crate::http::fuzzing::{redirected, unzipped};
use crate::http::{display_url, parse_url, proxy_for};
use crate::json;
use crate::quantity::Quantity;
use crate::xml::{self, Limits};
use crate::{http, uuid};

/// A target's name, and the function that runs one input.
pub type Target = (&'static str, fn(&[u8]));

/// The targets of this crate.
pub const TARGETS: &[Target] = &[
    ("json", json),
    ("xml", xml),
    ("quantity", quantity),
    ("uuid", uuid),
    ("gzip", gzip),
    ("url", url),
    ("response_head", response_head),
];

/// Strict JSON: accepts nothing that serde_json refuses, and reads the same values.
fn json(input: &[u8]) {
    let Ok(json) = json::parse(input, "the document") else { return };
    // A byte order mark is skipped, which serde_json does not do.
    let input = input.strip_prefix(b"\xef\xbb\xbf").unwrap_or(input);
    let value: serde_json::Value = serde_json::from_slice(input).expect("serde reads it too");
    assert_eq!(serde_json::Value::from(json), value);
}

/// XML within limits, and every node of it.
fn xml(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else { return };
    let Ok(document) = xml::parse(text, Limits::default()) else { return };
    let mut nodes = 0_usize;
    for node in document.descendants() {
        nodes += 1;
        let _ = xml::text(node, &["a", "b"]);
        assert!(xml::children(node, "a").count() <= node.children().count());
    }
    // Each node takes at least a byte of the text, besides the root.
    assert!(nodes <= text.len() + 1, "{nodes} nodes of {} bytes", text.len());
}

/// Quantities of Kubernetes: rounding agrees with itself.
fn quantity(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else { return };
    let Ok(quantity) = text.parse::<Quantity>() else { return };
    let (down, up) = (quantity.round_down(), quantity.round_up());
    if let (Ok(down), Ok(up)) = (down, up) {
        assert!(up == down || up == down + 1, "{text}: {down} and {up}");
        if let Ok(milli) = quantity.milli_round_up() {
            assert!(milli >= down.saturating_mul(1000), "{text}: {milli} of {down}");
            assert!(milli <= up.saturating_mul(1000), "{text}: {milli} of {up}");
        }
    }
    if quantity.is_negative() {
        assert!(up.is_err(), "{text} is below 0");
    }
}

/// UUIDs: the canonical form is read as itself.
fn uuid(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else { return };
    let Some(form) = uuid::canonical(text) else { return };
    assert_eq!(form.len(), 36);
    assert_eq!(uuid::canonical(&form).as_ref(), Some(&form));
}

/// A compressed body: the first byte says in which pieces it comes, the second what its limit is.
fn gzip(input: &[u8]) {
    let [size, most, bytes @ ..] = input else { return };
    let most = usize::from(*most) * 64;
    // A body that is damaged and too large may be refused for either reason.
    let whole = unzipped(bytes, bytes.len(), most).ok();
    let pieces = unzipped(bytes, usize::from(*size) + 1, most).ok();
    assert_eq!(whole, pieces, "it depends on the pieces in which the body comes");
    let Some(content) = whole else { return };
    assert!(content.len() <= most);
    let mut expected = Vec::new();
    if !bytes.is_empty() {
        // The library's reader, which pulls where ours is pushed to.
        let read = MultiGzDecoder::new(bytes).take(most as u64 + 1).read_to_end(&mut expected);
        assert!(read.is_ok(), "it is accepted and damaged");
    }
    assert_eq!(content, expected);
}

/// A password in the URLs that this target makes.
const PASSWORD: &str = "hunter2";

/// A URL, a proxy's URL and its exceptions, separated by line breaks.
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
            let shown = server.display();
            assert!(!shown.contains('@') && !shown.contains('?'), "{shown}");
        }
        Err(error) => assert!(!error.message.contains(PASSWORD), "{}", error.message),
    }
}

/// The head of an answer, a header a line: where it redirects to, how long to wait, how its body is
/// encoded.
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
    redirected(status, &headers);
}

#[cfg(test)]
mod tests {
    #[test]
    fn committed_cases_pass() {
        gatherer_tests::corpus::replay(super::TARGETS);
    }
}
