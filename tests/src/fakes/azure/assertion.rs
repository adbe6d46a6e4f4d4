//! The JSON Web Token with which an application logs in by a certificate: its signature and its claims.

use std::time::{SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::signature::{
    RSA_PKCS1_2048_8192_SHA256, RSA_PSS_2048_8192_SHA256, RsaParameters, UnparsedPublicKey,
};
use serde_json::Value;

use super::certificate::RegisteredCertificate;
use super::login::LoginError;

/// The difference of clocks that the login service accepts, in seconds.
const CLOCK_SKEW: f64 = 300.0;

/// The longest time for which a token may be valid, in seconds.
const LONGEST: f64 = 24.0 * 3600.0;

/// Checks a token of this application for one of these audiences.
pub(super) fn check(
    token: &str,
    certificate: Option<&RegisteredCertificate>,
    application: &str,
    audiences: &[String],
) -> Result<(), LoginError> {
    let parsed = parse(token).ok_or_else(malformed)?;
    let (algorithm, is_registered) = match (&parsed.header["alg"], certificate) {
        (algorithm, Some(known)) if algorithm == "RS256" => {
            (&RSA_PKCS1_2048_8192_SHA256, is_thumbprint(&parsed.header["x5t"], &known.sha1))
        }
        (algorithm, Some(known)) if algorithm == "PS256" => {
            (&RSA_PSS_2048_8192_SHA256, is_thumbprint(&parsed.header["x5t#S256"], &known.sha256))
        }
        (_, None) => (&RSA_PKCS1_2048_8192_SHA256, false),
        _ => return Err(malformed()),
    };
    let Some(certificate) = certificate.filter(|_| is_registered) else {
        return Err(not_registered("The key was not found."));
    };
    if !parsed.is_signed_by(certificate, algorithm) {
        return Err(not_registered("The key used to sign the assertion is another one."));
    }
    check_claims(&parsed.claims, application, audiences)
}

fn check_claims(claims: &Value, application: &str, audiences: &[String]) -> Result<(), LoginError> {
    let text = |name: &str| claims[name].as_str().unwrap_or_default();
    if text("iss") != application || text("sub") != application {
        let text = "Client assertion application identifier doesn't match 'client_id' parameter. Review the \
                    documentation at https://learn.microsoft.com/entra/identity-platform/certificate-credentials .";
        return Err(refused(700_021, text));
    }
    if !audiences.iter().any(|audience| audience == text("aud")) {
        let text = "Client assertion audience claim does not match Realm issuer. Review the documentation at \
                    https://learn.microsoft.com/entra/identity-platform/certificate-credentials .";
        return Err(refused(700_023, text));
    }
    // A time may have a fraction (RFC 7519, section 2).
    let time = |name: &str| claims[name].as_f64();
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("it is after 1970").as_secs_f64();
    let starts = time("nbf").or_else(|| time("iat")).unwrap_or(now);
    let is_in_time = time("exp")
        .is_some_and(|ends| ends + CLOCK_SKEW > now && ends > starts && ends - starts <= LONGEST);
    if !is_in_time || starts > now + CLOCK_SKEW {
        let text = "Client assertion is not within its valid time range. Review the documentation at \
                    https://learn.microsoft.com/entra/identity-platform/certificate-credentials .";
        return Err(refused(700_024, text));
    }
    // Without a unique id, a token cannot be told from its copy.
    if text("jti").is_empty() {
        return Err(malformed());
    }
    Ok(())
}

/// A token: its header, its claims, the signed text and the signature.
struct Parsed<'t> {
    header: Value,
    claims: Value,
    signed: &'t str,
    signature: Vec<u8>,
}

impl Parsed<'_> {
    fn is_signed_by(
        &self,
        known: &RegisteredCertificate,
        algorithm: &'static RsaParameters,
    ) -> bool {
        UnparsedPublicKey::new(algorithm, &known.public_key)
            .verify(self.signed.as_bytes(), &self.signature)
            .is_ok()
    }
}

fn parse(token: &str) -> Option<Parsed<'_>> {
    let (signed, signature) = token.rsplit_once('.')?;
    let (header, claims) = signed.split_once('.')?;
    let json = |part: &str| -> Option<Value> {
        serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).ok()?).ok()
    };
    let signature = URL_SAFE_NO_PAD.decode(signature).ok()?;
    Some(Parsed { header: json(header)?, claims: json(claims)?, signed, signature })
}

/// Whether a member of the header is this hash, in Base64 with or without padding.
fn is_thumbprint(member: &Value, hash: &[u8]) -> bool {
    let text = member.as_str().unwrap_or_default().trim_end_matches('=');
    URL_SAFE_NO_PAD.decode(text).is_ok_and(|bytes| bytes == hash)
}

fn malformed() -> LoginError {
    let text = "JWT token is invalid or malformed.".to_owned();
    LoginError(400, "invalid_request", 50_027, text)
}

fn not_registered(reason: &str) -> LoginError {
    let text = format!(
        "The certificate with identifier used to sign the client assertion is not registered on application. \
         [Reason - {reason}]"
    );
    refused(700_027, &text)
}

fn refused(code: u64, text: &str) -> LoginError {
    LoginError(401, "invalid_client", code, text.to_owned())
}
