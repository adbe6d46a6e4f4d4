//! The accounts of Google: the endpoint that issues tokens for signed assertions (RFC 7523), and the check of bearer tokens.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use gatherer_plugin_support::testing::{Action, ReceivedRequest};
use ring::rsa::PublicKeyComponents;
use ring::signature::{RSA_PKCS1_2048_8192_SHA256, RsaKeyPair};
use rustls::pki_types::PrivatePkcs8KeyDer;
use rustls::pki_types::pem::PemObject as _;
use serde_json::{Value, json};

use super::{GceFake, GceFault, errors};

/// The key of the service account, PKCS#8. It belongs to no real account.
pub(super) const KEY_PKCS8: &str = include_str!("key-pkcs8.pem");
/// The same key, PKCS#1.
pub(super) const KEY_PKCS1: &str = include_str!("key-pkcs1.pem");
/// The id of the key.
pub(super) const KEY_ID: &str = "0f5a1c9e7b3d4e6f8a2b4c6d8e0f1a3b5c7d9e1f";

const GRANT_TYPE: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";
/// The audience that Google accepts at all of its token endpoints.
const GOOGLES_TOKEN_ENDPOINT: &str = "https://oauth2.googleapis.com/token";
const GOOGLES_SERVICE: &str = "https://compute.googleapis.com/";
/// The scopes that allow the lists of Compute Engine.
const SCOPES: [&str; 3] = ["compute.readonly", "compute", "cloud-platform"];
const CLOCK_ERROR: &str = "Invalid JWT: Token must be a short-lived token (60 minutes) and in a \
    reasonable timeframe. Check your iat and exp values in the JWT claim.";
/// How far in the future an assertion may be made, in seconds.
const TOLERANCE: i64 = 300;
/// How long an assertion may be valid, in seconds.
const LONGEST: i64 = 3_600;

/// A token that the fake has issued.
#[derive(Debug)]
pub(super) struct IssuedToken {
    value: String,
    /// In seconds since 1970.
    expires_at: i64,
    /// Whether its scopes include Compute Engine.
    includes_compute: bool,
}

/// What a bearer may do.
#[derive(Debug, PartialEq, Eq)]
enum Bearer {
    Accepted,
    WithoutScope,
    Refused,
}

impl GceFake {
    /// Answers a request for a token.
    pub(super) fn issue_token(&self, request: &ReceivedRequest) -> Action {
        if request.method != "POST" {
            return errors::unknown_path();
        }
        let content_type = request.header("content-type").unwrap_or_default();
        if !content_type.starts_with("application/x-www-form-urlencoded") {
            return errors::token_error("invalid_request", "Invalid content type.");
        }
        let form = String::from_utf8_lossy(&request.body);
        let form = ReceivedRequest { target: format!("?{form}"), ..ReceivedRequest::default() };
        let Some(grant_type) = form.query("grant_type") else {
            return errors::token_error(
                "invalid_request",
                "Missing required parameter: grant_type",
            );
        };
        if grant_type != GRANT_TYPE {
            let description = format!("Invalid grant_type: {grant_type}");
            return errors::token_error("unsupported_grant_type", &description);
        }
        let Some(assertion) = form.query("assertion") else {
            return errors::token_error("invalid_request", "Missing required parameter: assertion");
        };
        match self.check_assertion(request, &assertion) {
            Ok(scope) => self.issue(&scope),
            Err((error, description)) => errors::token_error(error, description),
        }
    }

    fn issue(&self, scope: &str) -> Action {
        let expires_at = self.now() + self.token_seconds;
        let mut state = self.state();
        state.logins += 1;
        // With the dots of real ones, which make it look like a JWT.
        let value = format!("ya29.c.c0ASRK0GfakeTokenNumber{:04}-_.sig", state.logins);
        state.tokens.push(IssuedToken {
            value: value.clone(),
            expires_at,
            includes_compute: includes_compute(scope),
        });
        let expires_in = self.token_seconds;
        let token =
            json!({"access_token": value, "expires_in": expires_in, "token_type": "Bearer"});
        Action::json(200, &token)
    }

    /// The scopes of an assertion, or the error and its description.
    fn check_assertion(
        &self,
        request: &ReceivedRequest,
        assertion: &str,
    ) -> Result<String, (&'static str, &'static str)> {
        let Some(claims) = Claims::parse(assertion) else {
            return Err(("invalid_grant", "Bad Request"));
        };
        if claims.text("iss") != Some(&self.email) || self.has(GceFault::AccountDeleted) {
            return Err(("invalid_grant", "Invalid grant: account not found"));
        }
        if !claims.is_signed || self.has(GceFault::KeyDeleted) {
            return Err(("invalid_grant", "Invalid JWT Signature."));
        }
        let own = format!("https://{}/token", request.header("host").unwrap_or_default());
        if !claims.text("aud").is_some_and(|aud| aud == own || aud == GOOGLES_TOKEN_ENDPOINT) {
            return Err(("invalid_grant", "Invalid JWT: Failed audience check."));
        }
        if !claims.are_timely(self.now()) {
            return Err(("invalid_grant", CLOCK_ERROR));
        }
        if claims.text("sub").is_some_and(|sub| sub != self.email) {
            let description = "Client is unauthorized to retrieve access tokens using this method, \
                or client not authorized for any of the scopes requested.";
            return Err(("unauthorized_client", description));
        }
        match claims.text("scope") {
            Some(scope) if !scope.is_empty() => Ok(scope.to_owned()),
            _ => Err(("invalid_scope", "Invalid OAuth scope or ID token audience provided.")),
        }
    }

    /// The error of a request whose bearer may not read Compute Engine.
    pub(super) fn refuse_bearer(&self, request: &ReceivedRequest) -> Option<Action> {
        let Some(authorization) = request.header("authorization") else {
            return Some(errors::login_required());
        };
        let bearer = authorization.strip_prefix("Bearer ");
        match bearer.map_or(Bearer::Refused, |bearer| self.check_bearer(request, bearer)) {
            Bearer::Accepted => None,
            Bearer::WithoutScope => Some(errors::insufficient_scopes()),
            Bearer::Refused => Some(errors::invalid_credentials()),
        }
    }

    /// A bearer is a token of the fake, or an assertion that the client has signed for the service itself.
    fn check_bearer(&self, request: &ReceivedRequest, bearer: &str) -> Bearer {
        let now = self.now();
        if let Some(token) = self.state().tokens.iter().find(|token| token.value == bearer) {
            return match token.expires_at > now {
                true if token.includes_compute => Bearer::Accepted,
                true => Bearer::WithoutScope,
                false => Bearer::Refused,
            };
        }
        let Some(claims) = Claims::parse(bearer) else { return Bearer::Refused };
        let is_of_account = |name| claims.text(name) == Some(&self.email);
        let is_valid = claims.is_signed
            && !self.has(GceFault::KeyDeleted)
            && is_of_account("iss")
            && is_of_account("sub")
            && claims.are_timely(now);
        let own = format!("https://{}/", request.header("host").unwrap_or_default());
        let is_for_us = match (claims.text("aud"), claims.text("scope")) {
            (Some(audience), _) => audience == own || audience == GOOGLES_SERVICE,
            (None, Some(scope)) => includes_compute(scope),
            (None, None) => false,
        };
        if is_valid && is_for_us { Bearer::Accepted } else { Bearer::Refused }
    }
}

fn includes_compute(scope: &str) -> bool {
    scope.split(' ').any(|scope| {
        scope
            .strip_prefix("https://www.googleapis.com/auth/")
            .is_some_and(|name| SCOPES.contains(&name))
    })
}

/// The claims of a JWT.
struct Claims {
    claims: Value,
    /// Whether the key of the service account has signed them with RS256.
    is_signed: bool,
}

impl Claims {
    fn parse(token: &str) -> Option<Self> {
        let (signed, signature) = token.rsplit_once('.')?;
        let (header, claims) = signed.split_once('.')?;
        let decode = |part: &str| URL_SAFE_NO_PAD.decode(part).ok();
        let json = |part: &str| serde_json::from_slice::<Value>(&decode(part)?).ok();
        let header = json(header)?;
        let is_known_key = header.get("kid").is_none_or(|kid| kid == KEY_ID);
        let is_signed = header["alg"] == "RS256"
            && is_known_key
            && public_key()
                .verify(&RSA_PKCS1_2048_8192_SHA256, signed.as_bytes(), &decode(signature)?)
                .is_ok();
        Some(Self { claims: json(claims)?, is_signed })
    }

    fn text(&self, name: &str) -> Option<&str> {
        self.claims[name].as_str()
    }

    /// Whether the assertion was made about now, and is valid now and for an hour at most.
    fn are_timely(&self, now: i64) -> bool {
        let (Some(from), Some(to)) = (self.claims["iat"].as_i64(), self.claims["exp"].as_i64())
        else {
            return false;
        };
        from <= now + TOLERANCE && to > now && to > from && to - from <= LONGEST
    }
}

fn public_key() -> PublicKeyComponents<Vec<u8>> {
    let key = PrivatePkcs8KeyDer::from_pem_slice(KEY_PKCS8.as_bytes()).expect("the key is PEM");
    let key = RsaKeyPair::from_pkcs8(key.secret_pkcs8_der()).expect("the key is an RSA key");
    PublicKeyComponents::from(key.public())
}
