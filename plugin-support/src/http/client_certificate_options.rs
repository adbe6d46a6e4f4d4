//! Reads PEM texts that a request contains or names, such as the endpoint's options `client_cert` and `client_key`.

use std::path::Path;

use gatherer_plugin_api::{Context, GatherError};

use super::client_certificate::ClientCertificate;
use crate::file::{self, FileError};

/// The maximum size of each file: that of a secret that the runner redacts.
const MAX_BYTES: usize = 128 * 1024;

impl ClientCertificate {
    /// The client certificate in the endpoint's options; `None` if they have none. The texts of files with
    /// a key are registered as secrets.
    ///
    /// # Errors
    ///
    /// `configuration` if an option is missing or its file cannot be used, `unsupported` for a sound key of an
    /// unsupported type.
    pub fn of_endpoint(context: &Context) -> Result<Option<Self>, GatherError> {
        let options = context.options();
        let Some(certificate) = &options.client_cert else {
            return match &options.client_key {
                None => Ok(None),
                Some(_) => Err(GatherError::configuration("client_key is set without client_cert")
                    .with_hint(BOTH_HINT)),
            };
        };
        let certificate = PemText::read("client_cert", certificate.expose(), context)?;
        let key = match &options.client_key {
            Some(key) => &PemText::read("client_key", key.expose(), context)?,
            None if certificate.has_key() => &certificate,
            None => {
                let message = "client_cert is set without client_key, and contains no key";
                return Err(GatherError::configuration(message).with_hint(BOTH_HINT));
            }
        };
        match Self::from_pem(&certificate.pem, &key.pem) {
            Ok(pair) => {
                if pair.has_invalid_blocks {
                    context.warning("client_cert", "a PEM block is not valid and is ignored")?;
                }
                Ok(Some(pair))
            }
            Err(error) => {
                let option = if error.is_about_key { key } else { &certificate };
                Err(error.refine(option.error(&error.why)))
            }
        }
    }
}

const BOTH_HINT: &str = "set both options, or only client_cert if its file contains both in PEM";

/// The PEM text of an option or a parameter.
pub struct PemText {
    /// The subject of a sentence about the text: the option, with the path of its file.
    pub subject: String,
    /// The text.
    pub pem: Vec<u8>,
}

impl std::fmt::Debug for PemText {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // The text may have a private key.
        f.debug_struct("PemText").field("subject", &self.subject).finish_non_exhaustive()
    }
}

impl PemText {
    /// Reads the file that the option with this name names, unless its value is the text itself. The text of a file with a
    /// key is registered as a secret.
    ///
    /// # Errors
    ///
    /// `configuration` if the file cannot be read.
    pub fn read(name: &str, value: &str, context: &Context) -> Result<Self, GatherError> {
        // The runner makes the same distinction before it resolves a path.
        if value.contains(['\n', '\r']) || value.trim_start().starts_with("-----BEGIN ") {
            return Ok(Self { subject: name.to_owned(), pem: value.into() });
        }
        let mut option = Self { subject: format!("{name}: the file {value}"), pem: Vec::new() };
        option.pem = file::read(Path::new(value), MAX_BYTES).map_err(|error| {
            let failure = option.error(&error.to_string());
            match error {
                FileError::PermissionDenied(_) => {
                    failure.with_hint("make it readable for the user that runs the program")
                }
                _ => failure,
            }
        })?;
        if name == "client_key" || option.has_key() {
            context.secret(&String::from_utf8_lossy(&option.pem));
        }
        Ok(option)
    }

    fn has_key(&self) -> bool {
        self.pem.windows(11).any(|window| window == b"PRIVATE KEY")
    }

    /// A `configuration` error about the text. The predicate follows the subject: "contains no key".
    pub fn error(&self, predicate: &str) -> GatherError {
        GatherError::configuration(format!("{} {predicate}", self.subject))
    }
}
