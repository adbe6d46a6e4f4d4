//! Bearer tokens: from the document and from files that are read again.

use std::fmt;

use gatherer_plugin_api::GatherError;
use secrecy::{ExposeSecret as _, SecretString};

use super::files::Files;
use super::view::error;

/// A file with a bearer token, which somebody may renew while we run.
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

    /// The token that it holds now, under the same checks each time: where it lies, how large
    /// it is, whether it looks like a token.
    pub fn read(&self) -> Result<SecretString, GatherError> {
        let bytes = self.files.read(&self.field, &self.name)?;
        let fault =
            |what: &str| error(&self.origin, format_args!("{}: the file {what}", self.field));
        let text =
            std::str::from_utf8(&bytes).map_err(|_| fault("holds something else than a token"))?;
        let token = check(text).map_err(fault)?;
        Ok(token)
    }
}

impl fmt::Debug for TokenFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenFile").field("name", &self.name).finish_non_exhaustive()
    }
}

/// A token without the blanks around it. One that holds what no token holds is some other text
/// that must not be sent, a list of passwords for example. The error is the end of a sentence.
pub fn check(text: &str) -> Result<SecretString, &'static str> {
    let token = text.trim();
    if token.is_empty() {
        return Err("is empty");
    }
    if !token.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err("holds a line break, a blank or another character that no token has");
    }
    Ok(SecretString::from(token))
}

/// The token's text, for the list of secrets.
pub fn text(token: &SecretString) -> String {
    token.expose_secret().to_owned()
}
