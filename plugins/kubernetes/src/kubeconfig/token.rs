//! Bearer tokens from the document, and from files that are read again before each request.

use std::fmt;

use gatherer_plugin_api::GatherError;
use secrecy::{ExposeSecret as _, SecretString};

use super::config_node::error;
use super::files::Files;

/// A file with a bearer token, which another process may renew during the run.
#[derive(Clone)]
pub struct TokenFile {
    origin: String,
    field: String,
    name: String,
    files: Files,
}

impl TokenFile {
    pub(super) fn new(origin: &str, field: String, name: &str, files: &Files) -> Self {
        Self { origin: origin.to_owned(), field, name: name.to_owned(), files: files.clone() }
    }

    /// The name of the file.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The token as messages name it.
    pub fn token_text(&self) -> String {
        format!("the token of the file {} ({})", self.name, self.field)
    }

    /// Reads the current token. Each read checks again that the file is in an allowed folder, is not
    /// too large, and contains a token.
    pub fn read(&self) -> Result<SecretString, GatherError> {
        let bytes = self.files.read(&self.field, &self.name)?;
        let invalid =
            |why: &str| error(&self.origin, format_args!("{}: the file {why}", self.field));
        let text = std::str::from_utf8(&bytes).map_err(|_| invalid("does not contain a token"))?;
        check(text).map_err(invalid)
    }
}

impl fmt::Debug for TokenFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenFile").field("name", &self.name).finish_non_exhaustive()
    }
}

/// Checks a token and removes surrounding whitespace. A text with other characters than tokens have
/// is not a token, but maybe a list of passwords, and must not be sent. The error is the predicate of
/// a sentence about the text.
pub fn check(text: &str) -> Result<SecretString, &'static str> {
    let token = text.trim();
    if token.is_empty() {
        return Err("is empty");
    }
    if !token.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err("contains a character that is not allowed in a token, such as a line break");
    }
    Ok(SecretString::from(token))
}

/// The token's text, for the list of secrets.
pub fn text(token: &SecretString) -> String {
    token.expose_secret().to_owned()
}
