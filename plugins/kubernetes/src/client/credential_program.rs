//! Credentials that a program prints: the `exec` protocol of client-go (API group
//! client.authentication.k8s.io), and the older protocol of the auth-provider `gcp` (`cmd-path`).
//! kube's own implementation is not used: it does not limit the output, and it leaves the program
//! running when the worker ends.

use std::process::Command;

use gatherer_plugin_api::{Context, ErrorKind, GatherError};
use gatherer_plugin_support::run;
use http::HeaderValue;
use jiff::{SignedDuration, Timestamp};
use jsonpath_rust::JsonPath as _;
use kube::config::{AuthInfo, AuthProviderConfig, ExecConfig};
use secrecy::SecretString;
use serde_json::{Value, json};
use tokio::sync::Mutex;

use super::credential_source::{CredentialSource, LONGEST_REQUEST, bearer};
use crate::kubeconfig::parse_yaml;
use crate::program::{self, OUTPUT_MAX_BYTES, ProgramError};

/// A token that expires within this time is renewed before the next request.
const LEEWAY: SignedDuration = SignedDuration::from_secs(60);

const NOT_CREDENTIALS: &str = "printed something other than credentials";

/// The credential that a program printed.
#[derive(Default)]
struct PrintedCredential {
    token: Option<SecretString>,
    expiry: Option<Timestamp>,
    /// The client certificate and its key, PEM.
    certificate: Option<(String, String)>,
}

impl PrintedCredential {
    fn is_valid(&self) -> bool {
        self.expiry.is_none_or(|expiry| Timestamp::now() + LEEWAY < expiry)
    }
}

/// A program that prints credentials, and the token that it printed last.
pub(super) struct CredentialProgram {
    auth: AuthInfo,
    source: CredentialSource,
    context: Context,
    /// `None` if the program printed a client certificate: then only that is used.
    token: Mutex<Option<PrintedCredential>>,
}

impl CredentialProgram {
    /// Runs the program for the first time. Also returns the client certificate and its key (PEM),
    /// if the program printed them.
    pub async fn new(
        auth: &AuthInfo,
        source: &CredentialSource,
        context: &Context,
    ) -> Result<(Self, Option<(String, String)>), GatherError> {
        let program = Self {
            auth: auth.clone(),
            source: source.clone(),
            context: context.clone(),
            token: Mutex::default(),
        };
        let mut credential = program.run().await?;
        let certificate = credential.certificate.take();
        if certificate.is_none() {
            program.header(&credential)?;
            *program.token.lock().await = Some(credential);
        }
        Ok((program, certificate))
    }

    /// The `Authorization` header of the next request. Runs the program again if its token has
    /// expired.
    pub async fn authorization(&self) -> Result<Option<HeaderValue>, GatherError> {
        let mut token = self.token.lock().await;
        let Some(last) = token.as_mut() else { return Ok(None) };
        if !last.is_valid() {
            *last = self.run().await?;
        }
        self.header(last).map(Some)
    }

    fn header(&self, credential: &PrintedCredential) -> Result<HeaderValue, GatherError> {
        let missing = || self.failure("returned no credentials");
        let token = credential.token.as_ref().ok_or_else(missing)?;
        bearer(token).map_err(|_| self.source.unsendable())
    }

    async fn run(&self) -> Result<PrintedCredential, GatherError> {
        let wait = run::operation_remaining(&self.context).unwrap_or(LONGEST_REQUEST);
        let credential = match (&self.auth.auth_provider, &self.auth.exec) {
            (Some(provider), _) => tokio::time::timeout(wait, self.run_provider(provider)).await,
            (None, Some(exec)) => tokio::time::timeout(wait, self.run_exec(exec)).await,
            (None, None) => return Err(self.failure("returned no credentials")),
        };
        credential.unwrap_or_else(|_| Err(self.source.too_slow(&self.context)))
    }

    async fn run_exec(&self, exec: &ExecConfig) -> Result<PrintedCredential, GatherError> {
        let mut command = Command::new(exec.command.as_deref().unwrap_or_default());
        command.args(exec.args.iter().flatten());
        for variable in exec.env.iter().flatten() {
            if let (Some(name), Some(value)) = (variable.get("name"), variable.get("value")) {
                command.env(name, value);
            }
        }
        let mut spec = json!({"interactive": false});
        if exec.provide_cluster_info {
            spec["cluster"] = serde_json::to_value(&exec.cluster)
                .map_err(|_| GatherError::internal("the cluster cannot be written as JSON"))?;
        }
        let information =
            json!({"apiVersion": exec.api_version, "kind": "ExecCredential", "spec": spec});
        command.env("KUBERNETES_EXEC_INFO", information.to_string());
        self.exec_credential(&self.output(command).await?)
    }

    /// Parses the printed `ExecCredential`.
    fn exec_credential(&self, printed: &[u8]) -> Result<PrintedCredential, GatherError> {
        let invalid = || self.failure(NOT_CREDENTIALS);
        let text = std::str::from_utf8(printed).map_err(|_| invalid())?;
        // Some programs print YAML, which client-go accepts too.
        let document = if text.trim().is_empty() {
            json!({})
        } else {
            parse_yaml(text).map_err(|_| invalid())?
        };
        if !document.is_object() {
            return Err(invalid());
        }
        let status = match &document["status"] {
            Value::Null => return Err(self.failure("returned no credentials")),
            status if status.is_object() => status,
            _ => return Err(invalid()),
        };
        let field = |name: &str| match &status[name] {
            Value::Null => Ok(None),
            // client-go also treats an empty string as absent.
            Value::String(text) if text.is_empty() => Ok(None),
            Value::String(text) => Ok(Some(text.clone())),
            _ => Err(invalid()),
        };
        let expiry =
            field("expirationTimestamp")?.map(|text| self.parse_expiry(&text)).transpose()?;
        let certificate = field("clientCertificateData")?.zip(field("clientKeyData")?);
        if let Some((_, key)) = &certificate {
            self.context.secret(key);
        }
        let token = field("token")?.map(SecretString::from);
        Ok(PrintedCredential { token, expiry, certificate })
    }

    /// Returns the provider's token, or runs its program if it has none that is valid.
    async fn run_provider(
        &self,
        provider: &AuthProviderConfig,
    ) -> Result<PrintedCredential, GatherError> {
        let text = |key: &str| provider.config.get(key).map(String::as_str);
        let credential = |token: &str, expiry| PrintedCredential {
            token: Some(SecretString::from(token)),
            expiry,
            certificate: None,
        };
        if let Some(token) = text("id-token") {
            return Ok(credential(token, None));
        }
        if let (Some(token), Some(expiry)) = (text("access-token"), text("expiry")) {
            let known = credential(token, Some(self.parse_expiry(expiry)?));
            if known.is_valid() {
                return Ok(known);
            }
        }
        let mut command = Command::new(text("cmd-path").unwrap_or_default());
        command.args(text("cmd-args").unwrap_or_default().split_whitespace());
        let printed = self.output(command).await?;
        let invalid = || self.failure(NOT_CREDENTIALS);
        let Some(key) = text("token-key") else {
            return Ok(credential(
                std::str::from_utf8(&printed).map_err(|_| invalid())?.trim(),
                None,
            ));
        };
        let document: Value = serde_json::from_slice(&printed).map_err(|_| invalid())?;
        let token = at(&document, key).ok_or_else(invalid)?;
        let expiry = match text("expiry-key") {
            Some(key) => Some(self.parse_expiry(at(&document, key).ok_or_else(invalid)?)?),
            None => None,
        };
        Ok(credential(token, expiry))
    }

    fn parse_expiry(&self, text: &str) -> Result<Timestamp, GatherError> {
        text.parse().map_err(|_| self.failure("printed credentials with an invalid expiry time"))
    }

    async fn output(&self, command: Command) -> Result<Vec<u8>, GatherError> {
        let name = self.source.name();
        program::output(command).await.map_err(|error| match error {
            ProgramError::Start(error) => {
                GatherError::configuration(format!("{name} cannot be started: {error}"))
                    .with_hint("install the program, or write its absolute path")
            }
            ProgramError::TooMuch => {
                self.failure(&format!("printed more than {} MiB", OUTPUT_MAX_BYTES / (1024 * 1024)))
            }
            ProgramError::Failed(status) => self.failure(&format!("failed: {status}")),
            ProgramError::Machine(error) => {
                GatherError::internal(format!("{name} cannot be run: {error}"))
            }
        })
    }

    /// An error about the program. It never quotes the program's output.
    fn failure(&self, problem: &str) -> GatherError {
        GatherError::new(ErrorKind::Authentication, format!("{} {problem}", self.source.name()))
            .with_hint("run the program by hand, as the user that runs the gatherer")
    }
}

/// The string at a JSONPath in the notation of `gcp`: `{.credential.access_token}`.
fn at<'a>(document: &'a Value, key: &str) -> Option<&'a str> {
    let path = key.trim_matches(['"', '{', '}']);
    let path = match path.as_bytes().first() {
        Some(b'$') => path.to_owned(),
        Some(b'.') => format!("${path}"),
        _ => format!("$.{path}"),
    };
    document.query(&path).ok()?.first()?.as_str()
}
