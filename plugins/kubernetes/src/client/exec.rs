//! Credentials from a program: client-go's protocol (`exec`, the API group client.authentication.k8s.io), and
//! the older one of the auth-provider `gcp` (`cmd-path`). kube's own running of programs is not used: it
//! takes any amount of output, and leaves the program running when the worker ends.

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

use super::LONGEST_REQUEST;
use super::credentials::Source;
use crate::kubeconfig::parse_yaml;
use crate::program::{self, OUTPUT_MAX_BYTES, ProgramError};

/// A token that expires within this time is renewed before it is sent.
const LEEWAY: SignedDuration = SignedDuration::from_secs(60);

/// What a program gave.
#[derive(Default)]
pub(super) struct Credential {
    token: Option<SecretString>,
    expiry: Option<Timestamp>,
    /// The client's certificate and its key, PEM.
    pub certificate: Option<(String, String)>,
}

impl Credential {
    fn is_good(&self) -> bool {
        self.expiry.is_none_or(|expiry| Timestamp::now() + LEEWAY < expiry)
    }
}

/// A program that gives credentials, and what it gave last.
pub(super) struct Program {
    auth: AuthInfo,
    source: Source,
    context: Context,
    /// Absent if it gave a certificate, which is used alone then.
    token: Mutex<Option<Credential>>,
}

impl Program {
    /// Runs the program for the first time. Gives its client certificate, if it has one.
    pub async fn new(
        auth: &AuthInfo,
        source: &Source,
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

    /// The header for a request that is sent now; the program is run again if its token has expired.
    pub async fn authorization(&self) -> Result<Option<HeaderValue>, GatherError> {
        let mut token = self.token.lock().await;
        let Some(last) = token.as_mut() else { return Ok(None) };
        if !last.is_good() {
            *last = self.run().await?;
        }
        self.header(last).map(Some)
    }

    fn header(&self, credential: &Credential) -> Result<HeaderValue, GatherError> {
        let none = || self.failure("gave no credentials");
        let token = credential.token.as_ref().ok_or_else(none)?;
        super::bearer(token).map_err(|_| self.source.unsendable())
    }

    async fn run(&self) -> Result<Credential, GatherError> {
        let wait = run::operation_remaining(&self.context).unwrap_or(LONGEST_REQUEST);
        let credential = match (&self.auth.auth_provider, &self.auth.exec) {
            (Some(provider), _) => tokio::time::timeout(wait, self.run_provider(provider)).await,
            (None, Some(exec)) => tokio::time::timeout(wait, self.run_exec(exec)).await,
            (None, None) => return Err(self.failure("gave no credentials")),
        };
        credential.unwrap_or_else(|_| Err(self.source.too_slow(&self.context)))
    }

    async fn run_exec(&self, exec: &ExecConfig) -> Result<Credential, GatherError> {
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
                .map_err(|_| GatherError::internal("the cluster is not JSON"))?;
        }
        let information =
            json!({"apiVersion": exec.api_version, "kind": "ExecCredential", "spec": spec});
        command.env("KUBERNETES_EXEC_INFO", information.to_string());
        self.exec_credential(&self.output(command).await?)
    }

    fn exec_credential(&self, printed: &[u8]) -> Result<Credential, GatherError> {
        let other = || self.failure("printed something else than credentials");
        let text = std::str::from_utf8(printed).map_err(|_| other())?;
        // Some print YAML, which client-go takes too.
        let document = if text.trim().is_empty() {
            json!({})
        } else {
            parse_yaml(text).map_err(|_| other())?
        };
        if !document.is_object() {
            return Err(other());
        }
        let status = match &document["status"] {
            Value::Null => return Err(self.failure("gave no credentials")),
            status if status.is_object() => status,
            _ => return Err(other()),
        };
        let field = |name: &str| match &status[name] {
            Value::Null => Ok(None),
            // As client-go, which does not tell an empty text from an absent one.
            Value::String(text) if text.is_empty() => Ok(None),
            Value::String(text) => Ok(Some(text.clone())),
            _ => Err(other()),
        };
        let expiry = field("expirationTimestamp")?.map(|text| self.time(&text)).transpose()?;
        let certificate = field("clientCertificateData")?.zip(field("clientKeyData")?);
        if let Some((_, key)) = &certificate {
            self.context.secret(key);
        }
        let token = field("token")?.map(SecretString::from);
        Ok(Credential { token, expiry, certificate })
    }

    async fn run_provider(&self, provider: &AuthProviderConfig) -> Result<Credential, GatherError> {
        let text = |key: &str| provider.config.get(key).map(String::as_str);
        let credential = |token: &str, expiry| Credential {
            token: Some(SecretString::from(token)),
            expiry,
            certificate: None,
        };
        if let Some(token) = text("id-token") {
            return Ok(credential(token, None));
        }
        if let (Some(token), Some(expiry)) = (text("access-token"), text("expiry")) {
            let known = credential(token, Some(self.time(expiry)?));
            if known.is_good() {
                return Ok(known);
            }
        }
        let mut command = Command::new(text("cmd-path").unwrap_or_default());
        command.args(text("cmd-args").unwrap_or_default().split_whitespace());
        let printed = self.output(command).await?;
        let other = || self.failure("printed something else than credentials");
        let Some(key) = text("token-key") else {
            return Ok(credential(
                std::str::from_utf8(&printed).map_err(|_| other())?.trim(),
                None,
            ));
        };
        let document: Value = serde_json::from_slice(&printed).map_err(|_| other())?;
        let token = at(&document, key).ok_or_else(other)?;
        let expiry = match text("expiry-key") {
            Some(key) => Some(self.time(at(&document, key).ok_or_else(other)?)?),
            None => None,
        };
        Ok(credential(token, expiry))
    }

    fn time(&self, text: &str) -> Result<Timestamp, GatherError> {
        text.parse()
            .map_err(|_| self.failure("gave credentials whose time of expiry is not a valid time"))
    }

    async fn output(&self, command: Command) -> Result<Vec<u8>, GatherError> {
        let who = self.source.who();
        program::output(command).await.map_err(|error| match error {
            ProgramError::Start(error) => {
                GatherError::configuration(format!("{who} cannot be started: {error}"))
                    .with_hint("install it, or name it by its whole path")
            }
            ProgramError::TooMuch => {
                self.failure(&format!("printed more than {} MiB", OUTPUT_MAX_BYTES / (1024 * 1024)))
            }
            ProgramError::Failed(status) => self.failure(&format!("failed: {status}")),
            ProgramError::Machine(error) => {
                GatherError::internal(format!("{who} cannot be run: {error}"))
            }
        })
    }

    /// Nothing that the program printed is ever quoted.
    fn failure(&self, what: &str) -> GatherError {
        GatherError::new(ErrorKind::Authentication, format!("{} {what}", self.source.who()))
            .with_hint("run the program by hand, as the user whom the gatherer runs as")
    }
}

/// The text at a JSONPath as `gcp` writes them: `{.credential.access_token}`.
fn at<'a>(document: &'a Value, key: &str) -> Option<&'a str> {
    let path = key.trim_matches(['"', '{', '}']);
    let path = match path.as_bytes().first() {
        Some(b'$') => path.to_owned(),
        Some(b'.') => format!("${path}"),
        _ => format!("$.{path}"),
    };
    document.query(&path).ok()?.first()?.as_str()
}
