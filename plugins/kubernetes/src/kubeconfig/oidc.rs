//! `auth-provider` `oidc`: an id token, and what renews it at its identity provider.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use gatherer_plugin_api::{ErrorKind, GatherError};
use gatherer_plugin_support::http::{Url, parse_url};
use jiff::{SignedDuration, Timestamp};
use secrecy::SecretString;
use serde_json::Value;

use super::files::Files;
use super::view::Node;
use super::{pem, token};

/// What helps where nothing renews a token.
pub const LOG_IN: &str = "log in again with kubectl, or use a service account's token";

/// What a kubeconfig says of an id token.
#[derive(Clone)]
pub struct Oidc {
    /// Good or not; without one there is a renewal.
    pub id_token: Option<IdToken>,
    /// What renews it, or else what is to be said when it has expired.
    pub renewal: Result<Renewal, GatherError>,
}

/// What an identity provider is asked with.
#[derive(Clone)]
pub struct Renewal {
    /// Who issued the token: https, without user-info, query and fragment.
    pub issuer: Url,
    /// Whom the token was issued to.
    pub client_id: String,
    /// A public client has none.
    pub client_secret: Option<SecretString>,
    /// What a new token is given for.
    pub refresh_token: SecretString,
    /// The certificate authorities, PEM, that alone are trusted for the provider.
    pub authorities: Option<Vec<u8>>,
}

/// A JSON Web Token. Whose it is and whether it is true is for the API server to judge.
#[derive(Clone)]
pub struct IdToken {
    /// As it is sent.
    pub text: SecretString,
    /// Until when it is good.
    pub expiry: Timestamp,
}

impl IdToken {
    /// Reads a token. The error is the end of a sentence.
    pub fn read(text: &str) -> Result<Self, &'static str> {
        let expiry = expiry_of(text).ok_or("is not a JSON Web Token with an expiry")?;
        Ok(Self { text: token::check(text)?, expiry })
    }

    /// Whether it is good now and so long from now.
    pub fn is_good_for(&self, seconds: i64) -> bool {
        let then = Timestamp::now().saturating_add(SignedDuration::from_secs(seconds));
        then.is_ok_and(|then| then < self.expiry)
    }
}

/// Reads the provider's configuration.
pub fn read(config: &Node<'_>, files: &Files) -> Result<Oidc, GatherError> {
    let text = |key: &str| {
        let text = config.text(key)?.map(str::trim).filter(|text| !text.is_empty());
        Ok::<_, GatherError>(text)
    };
    let id_token = text("id-token")?
        .map(|token| IdToken::read(token).map_err(|what| config.error("id-token", what)))
        .transpose()?;
    let issuer = text("idp-issuer-url")?
        .map(|url| issuer(url).map_err(|what| config.error("idp-issuer-url", what)))
        .transpose()?;
    let authorities = match config.data_or_file("idp-certificate-authority", files)? {
        None => None,
        Some((field, bytes)) => {
            let found = pem::authorities(&bytes).map_err(|what| config.error(&field, what))?;
            Some(pem::write_certificates(&found).into_bytes())
        }
    };
    let secret = |key: &str| Ok::<_, GatherError>(text(key)?.map(SecretString::from));
    let renewal = match (secret("refresh-token")?, text("client-id")?, issuer) {
        (Some(refresh_token), Some(client_id), Some(issuer)) => Ok(Renewal {
            issuer,
            client_id: client_id.to_owned(),
            client_secret: secret("client-secret")?,
            refresh_token,
            authorities,
        }),
        (None, ..) => Err("refresh-token"),
        (_, None, _) => Err("client-id"),
        (.., None) => Err("idp-issuer-url"),
    };
    let renewal = renewal.map_err(|lacks| {
        let Some(IdToken { expiry, .. }) = &id_token else {
            let what = format!("is missing, and without {lacks} none can be had");
            return config.error("id-token", what).with_hint(LOG_IN);
        };
        let what = format!("expired at {expiry}, and without {lacks} it cannot be renewed");
        let mut error = config.error("id-token", what);
        error.kind = ErrorKind::Authentication;
        error.with_hint(LOG_IN)
    });
    let good = id_token.as_ref().is_some_and(|token| token.is_good_for(0));
    match renewal {
        Err(error) if !good => Err(error),
        renewal => Ok(Oidc { id_token, renewal }),
    }
}

/// The error is the end of a sentence, and quotes nothing.
fn issuer(text: &str) -> Result<Url, &'static str> {
    let url = parse_url(text)?;
    if url.scheme() != "https" {
        return Err("is not an https URL");
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err("holds a user or a password");
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err("holds a query or a fragment, which an issuer's URL has not");
    }
    Ok(url)
}

/// Until when a JSON Web Token is good.
fn expiry_of(token: &str) -> Option<Timestamp> {
    let mut parts = token.split('.');
    let claims = match (parts.next(), parts.next(), parts.next(), parts.next()) {
        (Some(_), Some(claims), Some(_), None) => claims.trim_end_matches('='),
        _ => return None,
    };
    let claims: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(claims).ok()?).ok()?;
    let expiry = claims.get("exp")?;
    #[expect(clippy::cast_possible_truncation, reason = "saturates")]
    let seconds = expiry.as_i64().or_else(|| Some(expiry.as_f64()? as i64))?;
    // Some say "never" by a year that no calendar has.
    let seconds = seconds.clamp(Timestamp::MIN.as_second(), Timestamp::MAX.as_second());
    Timestamp::from_second(seconds).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whether a token with these claims is good now; none if it is no token.
    fn is_good(claims: &str) -> Option<bool> {
        let token = format!("e30.{}.c2ln", URL_SAFE_NO_PAD.encode(claims));
        IdToken::read(&token).ok().map(|token| token.is_good_for(10))
    }

    #[test]
    fn any_number_is_an_expiry_and_nothing_else_is() {
        for exp in ["4e9", "4000000000.5", "99999999999999", "18446744073709551615", "1e300"] {
            assert_eq!(is_good(&format!("{{\"exp\":{exp}}}")), Some(true), "{exp}");
        }
        for exp in ["0", "-1", "-0.5", "-1e300", "-9223372036854775808"] {
            assert_eq!(is_good(&format!("{{\"exp\":{exp}}}")), Some(false), "{exp}");
        }
        for claims in ["{}", "[]", "1", "", "{\"exp\":null}", "{\"exp\":\"4e9\"}", "{\"exp\":[1]}"]
        {
            assert_eq!(is_good(claims), None, "{claims}");
        }
        let nested = format!("{{\"exp\":4e9,\"x\":{}", "[".repeat(100_000));
        assert_eq!(is_good(&nested), None);
        for token in ["", ".", "..", "e30.e30", "e30.e30.a.b", "e30.\u{e9}.c2ln"] {
            assert!(IdToken::read(token).is_err(), "{token}");
        }
    }
}
