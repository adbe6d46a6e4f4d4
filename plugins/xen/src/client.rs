//! I/O: calls of XAPI within one session, over JSON-RPC and TLS.

use std::sync::OnceLock;
use std::time::Duration;

use gatherer_plugin_api::{Context, ErrorKind, GatherError, Secret};
use gatherer_plugin_support::http::{Client, Method, Request, Url, service_url};
use gatherer_plugin_support::json::Json;
use gatherer_plugin_support::retry;
use gatherer_plugin_support::session::Session;
use serde_json::{Value, json};

use crate::Parameters;
use crate::record::Class;
use crate::reply::{self, HOST_IS_SLAVE, Reply, XapiError};

/// The version of the API with which a client logs in. Every XAPI accepts the oldest one.
const API_VERSION: &str = "1.0";

/// How long a logout may take. The inventory is already complete.
const LOGOUT_TIMEOUT: Duration = Duration::from_secs(5);

/// How the server's log names the session.
const ORIGINATOR: &str = "virtual-host-gatherer";

/// Calls XAPI of one pool. It logs in with the first call, and once more if the session ends.
pub struct Xapi {
    context: Context,
    http: Client,
    /// The host that the endpoint names.
    host: Url,
    /// The coordinator that this host named, if it is another host.
    coordinator: OnceLock<Url>,
    port: u16,
    username: String,
    password: Secret<String>,
    session: Session<String>,
}

impl Xapi {
    /// Prepares the calls of a host and its coordinator, without sending anything.
    pub fn new(host: Url, parameters: &Parameters, context: &Context) -> Result<Self, GatherError> {
        Ok(Self {
            context: context.clone(),
            http: Client::new(context)?,
            host,
            coordinator: OnceLock::new(),
            port: parameters.port,
            username: parameters.username.clone(),
            password: parameters.password.clone(),
            session: Session::default(),
        })
    }

    /// Logs in.
    pub async fn open(&self) -> Result<(), GatherError> {
        self.session.run(|| self.log_in(), async |_: &String| Ok(())).await
    }

    /// The name of the user.
    pub fn username(&self) -> &str {
        &self.username
    }

    /// The coordinator, if the host of the endpoint named another one.
    pub fn other_coordinator(&self) -> Option<&Url> {
        self.coordinator.get()
    }

    /// All objects of a class.
    pub async fn records(&self, class: &'static str) -> Result<Class, GatherError> {
        let method = format!("{class}.get_all_records");
        let request = async |session: &String| {
            let (url, parameters) = (self.url(), json!([session]));
            match self.call(url, &method, &parameters).await? {
                Reply::Result(result) => Class::new(class, result),
                Reply::Failure(error) => Err(error.explain(&subject(url, &method))),
            }
        };
        let call = async || self.session.run(|| self.log_in(), &request).await;
        let records = retry::idempotent(&self.context, call).await?;
        tracing::debug!(class, records = records.len(), "read");
        Ok(records)
    }

    /// Ends the session. The result does not matter: the server ends old sessions by itself.
    pub async fn log_out(mut self) {
        let Some(session) = std::mem::take(&mut self.session).into_token() else { return };
        let parameters = json!([session]);
        let call = self.call(self.url(), "session.logout", &parameters);
        match tokio::time::timeout(LOGOUT_TIMEOUT, call).await {
            Ok(Ok(_)) => {}
            Ok(Err(error)) => tracing::debug!("the session was not ended: {error}"),
            Err(_) => tracing::debug!("the session was not ended in time"),
        }
    }

    /// The host that answers for the pool, as far as is known.
    fn url(&self) -> &Url {
        self.coordinator.get().unwrap_or(&self.host)
    }

    /// Opens a session with the coordinator. Follows the name of the coordinator once, and never again.
    async fn log_in(&self) -> Result<String, GatherError> {
        let url = self.url();
        let error = match self.open_session(url).await? {
            Ok(session) => return Ok(session),
            Err(error) => error,
        };
        if error.code != HOST_IS_SLAVE || self.coordinator.get().is_some() {
            return Err(error.explain(&subject(url, LOGIN)));
        }
        let address = error.parameters.first().map_or("", String::as_str);
        // The password is sent to the named host, so its certificate must be valid for this address.
        let coordinator = service_url("https", address, self.port).map_err(|_| {
            let subject = subject(url, LOGIN);
            GatherError::protocol(format!("{subject}: the host names no valid coordinator"))
        })?;
        tracing::info!("{} is not the coordinator of its pool, {} is", url, coordinator);
        let coordinator = self.coordinator.get_or_init(|| coordinator);
        let session = self.open_session(coordinator).await.map_err(|error| {
            if error.kind != ErrorKind::Tls {
                return error;
            }
            error.with_hint(
                "the certificate must be valid for the address that the pool uses; or set hostname \
                 to the coordinator",
            )
        })?;
        session.map_err(|error| error.explain(&subject(coordinator, LOGIN)))
    }

    /// One login. The inner error is that of XAPI.
    async fn open_session(&self, url: &Url) -> Result<Result<String, XapiError>, GatherError> {
        let parameters = json!([self.username, self.password.expose(), API_VERSION, ORIGINATOR]);
        match self.call(url, LOGIN, &parameters).await? {
            Reply::Result(Json::Text(session)) if !session.is_empty() => {
                self.context.secret(&session);
                Ok(Ok(session))
            }
            Reply::Result(_) => {
                let subject = subject(url, LOGIN);
                Err(GatherError::protocol(format!("{subject}: the result is not a session")))
            }
            Reply::Failure(error) => Ok(Err(error)),
        }
    }

    /// One call, without repetition.
    async fn call(
        &self,
        url: &Url,
        method: &str,
        parameters: &Value,
    ) -> Result<Reply, GatherError> {
        let body = json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": parameters});
        let request = Request::new(Method::POST, endpoint(url))
            .header("content-type", "application/json")
            .header("accept", "application/json")
            .body(body.to_string().into_bytes());
        tracing::debug!(method, host = url.host_str(), "calling");
        let response = self.http.send(request).await?.error_for_status();
        let response = response.map_err(|error| match error.kind {
            ErrorKind::Configuration => error.with_hint(reply::WRONG_SERVER),
            _ => error,
        })?;
        reply::parse(response.body(), &subject(url, method))
    }
}

const LOGIN: &str = "session.login_with_password";

/// The URL of the JSON-RPC service of a host.
fn endpoint(url: &Url) -> Url {
    let mut url = url.clone();
    url.set_path("/jsonrpc");
    url
}

/// The call for messages.
fn subject(url: &Url, method: &str) -> String {
    format!("{}: {method}", endpoint(url))
}
