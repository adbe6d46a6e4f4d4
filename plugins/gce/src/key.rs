//! Reads the key of the service account from the file in `cert_path`.

use std::path::{Path, PathBuf};

use gatherer_plugin_api::{Context, ErrorKind, GatherError};
use gatherer_plugin_support::file::{self, FileError};
use gatherer_plugin_support::http::{Url, parse_url};
use gatherer_plugin_support::json;
use gatherer_plugin_support::jwt::RsaSigner;
use serde::Deserialize;

use crate::Parameters;
use crate::settings::{invalid, is_googles, url_of};

/// The maximum size of the file. A JSON file with a key of 2,048 bits has 2.4 KiB.
const MAX_BYTES: usize = 64 * 1024;

/// The longest path, in bytes. A longer text is rather a key.
const PATH_MAX: usize = 1024;

/// Where Google issues tokens.
const GOOGLE_TOKEN_URL: &str = "https://oauth2.googleapis.com/token";

/// The domain of Google's APIs. Other clouds that are operated with Google's software have their own.
const GOOGLE_UNIVERSE: &str = "googleapis.com";

/// How to get a file that can be read.
const NEW_KEY_HINT: &str =
    "create a key with `gcloud iam service-accounts keys create FILE --iam-account=EMAIL`";

/// The key of a service account.
#[derive(Debug)]
pub struct ServiceAccountKey {
    /// The e-mail address of the service account.
    pub email: String,
    /// Which of the account's keys it is.
    pub id: Option<String>,
    /// The key itself.
    pub signer: RsaSigner,
    /// Where the account gets its token.
    pub token_url: Url,
    /// What the token service calls itself: assertions are for this URL only.
    pub audience: Url,
}

/// The JSON file that Google Cloud creates for a key. Other members are not used.
#[derive(Deserialize)]
struct KeyFile {
    #[serde(rename = "type")]
    kind: Option<String>,
    client_email: Option<String>,
    client_id: Option<String>,
    private_key: Option<String>,
    private_key_id: Option<String>,
    token_uri: Option<String>,
    universe_domain: Option<String>,
}

/// Reads the key that the parameters name.
pub fn read(parameters: &Parameters, context: &Context) -> Result<ServiceAccountKey, GatherError> {
    let path = path_of(&parameters.cert_path)?;
    let bytes = file::read(&path, MAX_BYTES).map_err(|error| {
        let failed = unreadable(&path, &error.to_string());
        match error {
            FileError::PermissionDenied(_) => {
                failed.with_hint("make it readable for the user that runs the program")
            }
            _ => failed,
        }
    })?;
    parse(&bytes, &path, parameters, context)
}

/// The key in the contents of a file.
fn parse(
    bytes: &[u8],
    path: &Path,
    parameters: &Parameters,
    context: &Context,
) -> Result<ServiceAccountKey, GatherError> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let (file, pem) = if bytes.trim_ascii_start().starts_with(b"{") {
        let mut file = key_file(bytes, path)?;
        let pem = file.private_key.take().unwrap_or_default();
        (Some(file), pem)
    } else if is_pem(bytes) {
        (None, String::from_utf8_lossy(bytes).into_owned())
    } else if bytes.starts_with(&[0x30]) {
        return Err(unreadable(path, "is a key in PKCS #12 or DER format").with_hint(
            "convert it: openssl pkcs12 -in KEY.p12 -passin pass:notasecret -nocerts -nodes -out KEY.pem",
        ));
    } else {
        return Err(unreadable(
            path,
            "is neither the JSON file of a service account nor a key in PEM format",
        )
        .with_hint(NEW_KEY_HINT));
    };
    context.secret(&pem);
    let signer = RsaSigner::from_pem(pem.as_bytes())
        .map_err(|error| unreadable(path, &error.to_string()).with_hint(NEW_KEY_HINT))?;
    let email = email(file.as_ref(), &parameters.service_account_email, path)?;
    let (token_url, audience) = token_service(file.as_ref(), &parameters.token_url, path)?;
    let id = file.and_then(|file| file.private_key_id).filter(|id| !id.is_empty());
    Ok(ServiceAccountKey { email, id, signer, token_url, audience })
}

/// The JSON file, if it is that of a service account.
fn key_file(bytes: &[u8], path: &Path) -> Result<KeyFile, GatherError> {
    let file: KeyFile = json::read(bytes, &format!("the file {} in cert_path", path.display()))
        .map_err(|error| {
            GatherError { kind: ErrorKind::Configuration, ..error }.with_hint(NEW_KEY_HINT)
        })?;
    // Other kinds name URLs and programs that would get credentials.
    let other = match file.kind.as_deref() {
        None | Some("service_account") => None,
        Some("authorized_user") => {
            Some("has the login of a user, not the key of a service account")
        }
        Some("external_account" | "external_account_authorized_user") => {
            Some("describes a federated identity, which is not supported")
        }
        Some("impersonated_service_account") => {
            Some("describes an impersonated service account, which is not supported")
        }
        Some(_) => Some("is not the key of a service account"),
    };
    if let Some(why) = other {
        return Err(unreadable(path, why).with_hint(NEW_KEY_HINT));
    }
    if file.private_key.as_deref().unwrap_or_default().is_empty() {
        return Err(unreadable(path, "has no private_key").with_hint(NEW_KEY_HINT));
    }
    match file.universe_domain.as_deref() {
        None | Some("" | GOOGLE_UNIVERSE) => Ok(file),
        Some(_) => {
            let why = "belongs to another cloud (universe_domain), which is not supported";
            Err(GatherError { kind: ErrorKind::Unsupported, ..unreadable(path, why) })
        }
    }
}

/// The service account of the file or of the parameter, which must agree.
fn email(file: Option<&KeyFile>, given: &str, path: &Path) -> Result<String, GatherError> {
    let given = given.trim();
    let of_file = file.and_then(|file| file.client_email.as_deref()).map(str::trim);
    let of_file = of_file.filter(|email| !email.is_empty());
    let id = file.and_then(|file| file.client_id.as_deref());
    match of_file {
        None if given.is_empty() => Err(invalid(
            "service_account_email",
            "must be set, because the key does not name its account",
        )),
        None => Ok(given.to_owned()),
        Some(email)
            if given.is_empty() || email.eq_ignore_ascii_case(given) || id == Some(given) =>
        {
            Ok(email.to_owned())
        }
        Some(_) => {
            Err(unreadable(path, "has the key of another account than service_account_email")
                .with_hint("leave service_account_email empty: the file names the account"))
        }
    }
}

/// Where the account gets its token, and the audience of its assertions. The audience is the URL itself, so that no server
/// can use an assertion at another one. Only a private endpoint of Google's has Google's own audience.
fn token_service(
    file: Option<&KeyFile>,
    given: &str,
    path: &Path,
) -> Result<(Url, Url), GatherError> {
    let of_file = token_uri(file, path)?;
    if given.trim().is_empty() {
        return Ok((of_file.clone(), of_file));
    }
    let url = url_of("token_url", given)?;
    let audience = match (is_googles(&url), is_googles(&of_file)) {
        (true, true) => of_file,
        (true, false) => google_token_url(),
        (false, _) => url.clone(),
    };
    Ok((url, audience))
}

/// The `token_uri` of the file, or Google's own.
fn token_uri(file: Option<&KeyFile>, path: &Path) -> Result<Url, GatherError> {
    let of_file = file.and_then(|file| file.token_uri.as_deref()).filter(|text| !text.is_empty());
    let Some(text) = of_file else { return Ok(google_token_url()) };
    let url =
        parse_url(text).map_err(|why| unreadable(path, &format!("has a token_uri that {why}")))?;
    let is_plain = url.username().is_empty()
        && url.password().is_none()
        && url.query().is_none()
        && url.fragment().is_none();
    if url.scheme() != "https" || !is_plain {
        return Err(unreadable(path, "has a token_uri that is not a plain https URL")
            .with_hint(format!("Google's is {GOOGLE_TOKEN_URL}")));
    }
    Ok(url)
}

fn google_token_url() -> Url {
    GOOGLE_TOKEN_URL.parse().expect("the constant is a URL")
}

fn is_pem(bytes: &[u8]) -> bool {
    bytes.windows(11).any(|window| window == b"-----BEGIN ")
}

/// The path in the parameter. Its text is quoted only if it cannot be a key.
fn path_of(cert_path: &str) -> Result<PathBuf, GatherError> {
    let text = cert_path.trim();
    let is_key = text.contains(['\n', '\r']) || text.starts_with('{') || is_pem(text.as_bytes());
    if is_key || text.len() > PATH_MAX || text.split('/').any(|name| name.len() > 255) {
        return Err(invalid("cert_path", "is not the path of a file")
            .with_hint("write the key into a file, and set cert_path to its path"));
    }
    if text.is_empty() {
        return Err(invalid("cert_path", "is empty"));
    }
    if text.contains(char::is_control) {
        return Err(invalid("cert_path", "must not contain a control character"));
    }
    std::path::absolute(text)
        .map_err(|error| invalid("cert_path", &FileError::from(error).to_string()))
}

fn unreadable(path: &Path, why: &str) -> GatherError {
    GatherError::configuration(format!("the file {} in cert_path {why}", path.display()))
}

#[cfg(test)]
#[path = "key_tests.rs"]
mod tests;
