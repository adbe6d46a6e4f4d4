//! I/O: exchanges an assertion that the service account's key signs for an access token (RFC 7523).
//!
//! <https://developers.google.com/identity/protocols/oauth2/service-account#authorizingrequests> describes the request.

use std::time::SystemTime;

use gatherer_plugin_api::model::Timestamp;
use gatherer_plugin_api::{Context, ErrorKind, GatherError};
use gatherer_plugin_support::http::{Client, Method, Request, Response, StatusCode, clock_skew};
use gatherer_plugin_support::json::{self, Json};
use serde_json::json;

use crate::failure::quoted;
use crate::key::ServiceAccountKey;
use crate::map::values;

/// What the token may do: read everything of Compute Engine that the account may read.
const SCOPE: &str = "https://www.googleapis.com/auth/compute.readonly";

/// How long the assertion is valid: the most that Google accepts.
const ASSERTION_SECONDS: i64 = 3600;

/// How far in the past the assertion begins, for a clock that is a little ahead.
const MARGIN_SECONDS: i64 = 30;

/// The maximum size of the answer. A token has about 1 KiB.
const MAX_BYTES: usize = 1024 * 1024;

/// The form without the assertion, which needs no escapes.
const FORM: &str = "grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer&assertion=";

/// Gets an access token, in one attempt.
pub async fn request(
    http: &Client,
    key: &ServiceAccountKey,
    context: &Context,
) -> Result<String, GatherError> {
    let assertion = assertion(key, Timestamp::now().as_second());
    context.secret(&assertion);
    // Not redirected: the assertion is for this URL only.
    let request = Request::new(Method::POST, key.token_url.clone())
        .header("content-type", "application/x-www-form-urlencoded")
        .header("accept", "application/json")
        .body(format!("{FORM}{assertion}").into_bytes())
        .max_body_bytes(MAX_BYTES)
        .without_redirects();
    let response = http.send(request).await?;
    if response.status() != StatusCode::OK {
        return Err(refused(&response, key));
    }
    let description = response.description();
    let json = json::parse(response.body(), description)?;
    let token = values::text(&json, "access_token").unwrap_or_default();
    if !token.is_empty() {
        context.secret(token);
    }
    let is_token = |byte: u8| byte.is_ascii_graphic();
    if token.is_empty() || !token.bytes().all(is_token) {
        return Err(GatherError::protocol(format!(
            "{description}: the answer has no access token"
        ))
        .with_hint("check token_url, and token_uri in the file of cert_path"));
    }
    Ok(token.to_owned())
}

/// The signed assertion of an account at this time.
fn assertion(key: &ServiceAccountKey, now: i64) -> String {
    let issued = now - MARGIN_SECONDS;
    let claims = json!({
        "iss": key.email,
        "scope": SCOPE,
        "aud": key.audience.as_str(),
        "iat": issued,
        "exp": issued + ASSERTION_SECONDS,
    });
    let header: Vec<_> = key.id.iter().map(|id| ("kid", id.as_str())).collect();
    key.signer.sign(&header, &claims)
}

/// The error for an answer without a token. The members `error` and `error_description` are those of RFC 6749 section 5.2.
fn refused(response: &Response, key: &ServiceAccountKey) -> GatherError {
    let error = response.status_error();
    let status = response.status();
    let json = json::parse(response.body(), "the error").ok();
    let text = |name| json.as_ref().and_then(|json: &Json| values::text(json, name));
    let Some(code) = text("error").filter(|_| status.is_client_error()) else { return error };
    if error.kind == ErrorKind::RateLimited {
        return error;
    }
    let description = text("error_description").unwrap_or_default();
    let skew = clock_skew(response.headers(), SystemTime::now());
    let email = &key.email;
    let (why, hint) = if description.contains("Signature") {
        (None, format!("the key has been deleted, or is not one of {email}: create a new one"))
    } else if description.contains("Invalid JWT") && skew.is_some() {
        (skew, "set the clock of this machine, for example with chrony".to_owned())
    } else if description.contains("Invalid JWT: Token must be") {
        (None, "check the clock of this machine".to_owned())
    } else if description.contains("account not found") {
        (None, format!("the service account {email} does not exist: check its name and project"))
    } else {
        (None, format!("check that the service account {email} exists and is enabled, and its key"))
    };
    let said = [Some(code), Some(description), why.as_deref()].into_iter().flatten();
    let said: Vec<_> = said.filter(|text| !text.is_empty()).map(quoted).collect();
    let message = format!("{}: {}", error.message, said.join(": "));
    GatherError::new(ErrorKind::Authentication, message).with_hint(hint)
}

#[cfg(test)]
mod tests {
    use gatherer_plugin_support::jwt::RsaSigner;
    use serde_json::Value;

    use super::*;

    /// The claims of a token; its signature is checked by the tests against the fake.
    fn part(token: &str, index: usize) -> Value {
        use std::io::Read as _;
        let text = token.split('.').nth(index).expect("three parts");
        let mut bytes = Vec::new();
        let alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
        let (mut buffer, mut bits) = (0_u32, 0);
        for byte in text.bytes() {
            let value = alphabet.iter().position(|known| *known == byte).expect("base64url");
            buffer = (buffer << 6) | u32::try_from(value).expect("six bits");
            bits += 6;
            if bits >= 8 {
                bits -= 8;
                bytes.push(u8::try_from((buffer >> bits) & 0xff).expect("eight bits"));
            }
        }
        let mut json = String::new();
        bytes.as_slice().read_to_string(&mut json).expect("UTF-8");
        serde_json::from_str(&json).expect("JSON")
    }

    #[test]
    fn the_assertion_is_for_the_token_service() {
        let pem = include_bytes!("../../../plugin-support/src/http/test_keys/rsa2048-pkcs8.key");
        let key = ServiceAccountKey {
            email: "inventory@my-project.iam.gserviceaccount.com".to_owned(),
            id: Some("key-1".to_owned()),
            signer: RsaSigner::from_pem(pem).expect("a key"),
            token_url: "https://oauth2-inventory.p.googleapis.com/token".parse().expect("a URL"),
            audience: "https://token.example.com/token".parse().expect("a URL"),
        };
        let token = assertion(&key, 1_000_000_000);
        assert_eq!(part(&token, 0), json!({"alg": "RS256", "typ": "JWT", "kid": "key-1"}));
        assert_eq!(
            part(&token, 1),
            json!({
                "iss": "inventory@my-project.iam.gserviceaccount.com",
                "scope": "https://www.googleapis.com/auth/compute.readonly",
                "aud": "https://token.example.com/token",
                "iat": 999_999_970,
                "exp": 1_000_003_570,
            })
        );
    }
}
