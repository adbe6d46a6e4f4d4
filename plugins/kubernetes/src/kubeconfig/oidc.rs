//! Reads the `auth-provider` `oidc`: an id token, and the settings for renewing it.

use gatherer_plugin_api::{ErrorKind, GatherError};
use gatherer_plugin_support::http::{Url, jwt_expiry, parse_url};
use jiff::{SignedDuration, Timestamp};
use secrecy::SecretString;

use super::config_node::ConfigNode;
use super::files::Files;
use super::{pem, token};

/// The hint for a token that cannot be renewed.
pub const LOG_IN: &str = "log in again with kubectl, or use a service account's token";

/// An id token, its renewal, or both.
#[derive(Clone)]
pub struct Oidc {
    /// May have expired. If `None`, `renewal` is `Ok`.
    pub id_token: Option<IdToken>,
    /// The settings for renewing the token, or the error to return once it has expired.
    pub renewal: Result<Renewal, GatherError>,
}

/// The settings for renewing an id token at its identity provider.
#[derive(Clone)]
pub struct Renewal {
    /// The identity provider: an https URL without user-info, query and fragment.
    pub issuer: Url,
    /// The client that the token was issued to.
    pub client_id: String,
    /// `None` for a public client.
    pub client_secret: Option<SecretString>,
    /// The token that authorizes a renewal.
    pub refresh_token: SecretString,
    /// The only certificate authorities that are trusted for the provider, PEM. `None`: the system's.
    pub authorities: Option<Vec<u8>>,
}

/// A JSON Web Token. Only its expiry is read; the API server verifies it.
#[derive(Clone)]
pub struct IdToken {
    /// The token as it is sent.
    pub text: SecretString,
    /// The time at which it expires.
    pub expiry: Timestamp,
}

impl IdToken {
    /// Parses a token. The error is the predicate of a sentence about the token.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        let expiry = jwt_expiry(text).ok_or("is not a JSON Web Token with an expiry")?;
        Ok(Self { text: token::check(text)?, expiry })
    }

    /// Whether the token is valid for at least this many more seconds.
    pub fn is_valid_for(&self, seconds: i64) -> bool {
        let then = Timestamp::now().saturating_add(SignedDuration::from_secs(seconds));
        then.is_ok_and(|then| then < self.expiry)
    }
}

/// Reads the provider's configuration.
pub fn read(config: &ConfigNode<'_>, files: &Files) -> Result<Oidc, GatherError> {
    let text = |key: &str| {
        let text = config.text(key)?.map(str::trim).filter(|text| !text.is_empty());
        Ok::<_, GatherError>(text)
    };
    let id_token = text("id-token")?
        .map(|token| IdToken::parse(token).map_err(|why| config.error("id-token", why)))
        .transpose()?;
    let issuer = text("idp-issuer-url")?
        .map(|url| parse_issuer(url).map_err(|why| config.error("idp-issuer-url", why)))
        .transpose()?;
    let authorities = match config.data_or_file("idp-certificate-authority", files)? {
        None => None,
        Some((field, bytes)) => {
            Some(pem::authorities(&bytes).map_err(|why| config.error(&field, why))?.pem)
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
    let renewal = renewal.map_err(|missing| {
        let Some(IdToken { expiry, .. }) = &id_token else {
            let why = format!("is missing, and without {missing} it cannot be requested");
            return config.error("id-token", why).with_hint(LOG_IN);
        };
        let why = format!("expired at {expiry}, and without {missing} it cannot be renewed");
        let mut error = config.error("id-token", why);
        error.kind = ErrorKind::Authentication;
        error.with_hint(LOG_IN)
    });
    let is_valid = id_token.as_ref().is_some_and(|token| token.is_valid_for(0));
    match renewal {
        Err(error) if !is_valid => Err(error),
        renewal => Ok(Oidc { id_token, renewal }),
    }
}

/// Parses the issuer's URL. The error is the predicate of a sentence, and does not quote the URL.
fn parse_issuer(text: &str) -> Result<Url, &'static str> {
    let url = parse_url(text)?;
    if url.scheme() != "https" {
        return Err("must be an https URL");
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err("must not contain a user name or password");
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err("must not contain a query or a fragment");
    }
    Ok(url)
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;

    use super::*;

    /// Whether a token with these claims is valid now; `None` if it cannot be parsed.
    fn is_valid(claims: &str) -> Option<bool> {
        let token = format!("e30.{}.c2ln", URL_SAFE_NO_PAD.encode(claims));
        IdToken::parse(&token).ok().map(|token| token.is_valid_for(10))
    }

    #[test]
    fn accepts_any_number_and_nothing_else_as_expiry() {
        for exp in ["4e9", "4000000000.5", "99999999999999", "18446744073709551615", "1e300"] {
            assert_eq!(is_valid(&format!("{{\"exp\":{exp}}}")), Some(true), "{exp}");
        }
        for exp in ["0", "-1", "-0.5", "-1e300", "-9223372036854775808"] {
            assert_eq!(is_valid(&format!("{{\"exp\":{exp}}}")), Some(false), "{exp}");
        }
        for claims in ["{}", "[]", "1", "", "{\"exp\":null}", "{\"exp\":\"4e9\"}", "{\"exp\":[1]}"]
        {
            assert_eq!(is_valid(claims), None, "{claims}");
        }
        let nested = format!("{{\"exp\":4e9,\"x\":{}", "[".repeat(100_000));
        assert_eq!(is_valid(&nested), None);
        for token in ["", ".", "..", "e30.e30", "e30.e30.a.b", "e30.\u{e9}.c2ln"] {
            assert!(IdToken::parse(token).is_err(), "{token}");
        }
    }
}
