//! Checks the signature of a request: Signature Version 4.

use std::fmt::Write as _;

use gatherer_plugin_support::testing::ReceivedRequest;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use ring::{digest, hmac};

use super::Ec2Error;

/// How far the time of a request may be from the service's.
const LARGEST_SKEW: SignedDuration = SignedDuration::from_mins(15);

/// An access key.
#[derive(Debug, Clone)]
pub struct Ec2Key {
    /// The id.
    pub id: String,
    /// The secret.
    pub secret: String,
    /// The session token of a temporary key.
    pub token: Option<String>,
    /// When a temporary key expires.
    pub expires: Option<Timestamp>,
}

/// What the signature of a request must be for.
pub(super) struct Scope<'a> {
    pub(super) region: &'a str,
    pub(super) service: &'a str,
    pub(super) now: Timestamp,
}

/// The parts of the header Authorization.
struct Authorization<'a> {
    key_id: &'a str,
    /// Date, region, service and `aws4_request`.
    scope: &'a str,
    signed_headers: &'a str,
    signature: &'a str,
}

/// Checks the signature, its time, its scope and the key. Returns the key.
pub(super) fn check(
    request: &ReceivedRequest,
    keys: &[Ec2Key],
    scope: &Scope,
) -> Result<Ec2Key, Ec2Error> {
    let authorization = request.header("authorization").and_then(Authorization::parse);
    let authorization = authorization.ok_or_else(Ec2Error::auth_failure)?;
    let time_text = request.header("x-amz-date").ok_or_else(Ec2Error::auth_failure)?;
    let time = DateTime::strptime("%Y%m%dT%H%M%SZ", time_text)
        .and_then(|time| time.to_zoned(TimeZone::UTC))
        .map_err(|_| Ec2Error::auth_failure())?
        .timestamp();
    if scope.now.duration_since(time).abs() > LARGEST_SKEW {
        return Err(Ec2Error::request_expired());
    }
    let expected_scope =
        format!("{}/{}/{}/aws4_request", &time_text[..8], scope.region, scope.service);
    let key = keys.iter().find(|key| key.id == authorization.key_id);
    let key = key.ok_or_else(Ec2Error::auth_failure)?;
    let signature = signature(request, &authorization, &key.secret, time_text);
    if authorization.scope != expected_scope
        || signature.as_deref() != Some(authorization.signature)
        || request.header("x-amz-security-token") != key.token.as_deref()
    {
        return Err(Ec2Error::auth_failure());
    }
    if key.expires.is_some_and(|expires| expires <= scope.now) {
        return Err(Ec2Error::request_expired());
    }
    Ok(key.clone())
}

impl<'a> Authorization<'a> {
    fn parse(header: &'a str) -> Option<Self> {
        let rest = header.strip_prefix("AWS4-HMAC-SHA256 ")?;
        let mut parts = rest.split(',').map(str::trim);
        let (key_id, scope) = parts.next()?.strip_prefix("Credential=")?.split_once('/')?;
        let signed_headers = parts.next()?.strip_prefix("SignedHeaders=")?;
        let signature = parts.next()?.strip_prefix("Signature=")?;
        parts.next().is_none().then_some(Self { key_id, scope, signed_headers, signature })
    }
}

/// The right signature, or `None` if a header that must be signed is not.
fn signature(
    request: &ReceivedRequest,
    authorization: &Authorization,
    secret: &str,
    time: &str,
) -> Option<String> {
    let hash = hex(digest::digest(&digest::SHA256, &request.body).as_ref());
    if request.header("x-amz-content-sha256").is_some_and(|given| given != hash) {
        return None;
    }
    let signed: Vec<&str> = authorization.signed_headers.split(';').collect();
    let must_be_signed =
        |name: &str| name == "host" || name == "content-type" || name.starts_with("x-amz-");
    let mut names = request.headers.iter().map(|(name, _)| name.as_str());
    let mut all = names.by_ref().filter(|name| must_be_signed(name));
    if !signed.is_sorted() || !signed.contains(&"host") || all.any(|name| !signed.contains(&name)) {
        return None;
    }
    let mut headers = String::new();
    for name in &signed {
        let words: Vec<&str> = request.header(name)?.split_whitespace().collect();
        headers.extend([name, ":", &words.join(" "), "\n"]);
    }
    let mut query: Vec<String> = request
        .query_pairs()
        .iter()
        .map(|(name, value)| format!("{}={}", encode(name), encode(value)))
        .collect();
    query.sort();
    let canonical = format!(
        "{}\n{}\n{}\n{headers}\n{}\n{hash}",
        request.method,
        request.path(),
        query.join("&"),
        authorization.signed_headers
    );
    let canonical = hex(digest::digest(&digest::SHA256, canonical.as_bytes()).as_ref());
    let text = format!("AWS4-HMAC-SHA256\n{time}\n{}\n{canonical}", authorization.scope);
    let mut key = format!("AWS4{secret}").into_bytes();
    for part in authorization.scope.split('/') {
        key = sign(&key, part);
    }
    Some(hex(&sign(&key, &text)))
}

fn sign(key: &[u8], text: &str) -> Vec<u8> {
    let key = hmac::Key::new(hmac::HMAC_SHA256, key);
    hmac::sign(&key, text.as_bytes()).as_ref().to_vec()
}

/// Encodes all but the characters that URLs need not encode.
fn encode(text: &str) -> String {
    let mut encoded = String::new();
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            encoded.push(byte.into());
        } else {
            let _ = write!(encoded, "%{byte:02X}");
        }
    }
    encoded
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}
