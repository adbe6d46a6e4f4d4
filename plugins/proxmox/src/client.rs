//! I/O: requests to the API of Proxmox VE, with a ticket or an API token.
//!
//! <https://pve.proxmox.com/pve-docs/api-viewer/> describes the API.

use std::cell::Cell;

use gatherer_plugin_api::{Context, ErrorKind, GatherError};
use gatherer_plugin_support::http::{
    self, CertificateHints, Method, Request, Response, StatusCode, Timeouts, TlsSettings, Url,
};
use gatherer_plugin_support::session::Session;
use gatherer_plugin_support::{json, retry};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::credentials::Credentials;
use crate::map::replies::{
    AclEntry, ClusterStatusEntry, Config, GuestEntry, NodeEntry, NodeStatus, Permissions, Reply,
    UserEntry, VersionReply,
};
use crate::map::values;

/// The maximum size of a list of all guests, nodes or permissions. A guest has less than 1 KiB in each.
const LIST_MAX_BYTES: usize = 64 * 1024 * 1024;
/// The maximum size of every other answer. A description has at most 8 KiB.
const ANSWER_MAX_BYTES: usize = 4 * 1024 * 1024;

/// The status with which a node answers for another one that it cannot reach.
const NODE_UNREACHABLE: u16 = 595;

/// The hints for a certificate that is not trusted. A node's own certificate is one of its cluster's authority.
const CERTIFICATE_HINTS: CertificateHints = CertificateHints {
    untrusted: "name the cluster's authority, /etc/pve/pve-root-ca.pem of a node, in ca_file",
    other_name: "use a name from the certificate as host",
};

/// The answer to a request that another node may have to answer.
#[derive(Debug)]
pub enum NodeAnswer<T> {
    /// The data.
    Data(T),
    /// The node cannot be reached by the node that was asked.
    Unreachable(GatherError),
    /// The node failed with status 500, as it does if the guest does not exist (any more).
    Failed(GatherError),
}

/// A client of the API of one cluster or node.
pub struct Client {
    context: Context,
    http: http::Client,
    url: Url,
    credentials: Credentials,
    /// The ticket of the login with a password.
    session: Session<String>,
}

/// The answer to a login.
#[derive(Deserialize)]
struct Ticket {
    ticket: Option<String>,
    #[serde(rename = "NeedTFA", default)]
    needs_second_factor: Value,
}

impl Client {
    /// A client for the service at this URL.
    pub fn new(context: &Context, url: Url, credentials: Credentials, verifies: bool) -> Self {
        let tls = TlsSettings { insecure: !verifies, ..TlsSettings::default() };
        let http = http::Client::with_tls(context, Timeouts::default(), tls, CERTIFICATE_HINTS);
        Self { context: context.clone(), http, url, credentials, session: Session::default() }
    }

    /// The credentials that are used, for messages.
    pub fn credentials(&self) -> &Credentials {
        &self.credentials
    }

    /// The URL of the service.
    pub fn url(&self) -> &Url {
        &self.url
    }

    /// Checks the connection.
    pub async fn check_connection(&self) -> Result<(), GatherError> {
        self.http.check_connection(&self.url).await
    }

    /// A user, with its tokens. Needs `Sys.Audit` on its groups.
    pub async fn user(&self, user: &str) -> Result<UserEntry, GatherError> {
        self.get(&["access", "users", user], None, ANSWER_MAX_BYTES).await
    }

    /// What the user or token may do, by path.
    pub async fn permissions(&self) -> Result<Permissions, GatherError> {
        self.get(&["access", "permissions"], None, LIST_MAX_BYTES).await
    }

    /// The roles that are set on paths, for all users. Empty without `Sys.Audit` on `/access`.
    pub async fn acl(&self) -> Result<Vec<AclEntry>, GatherError> {
        self.get(&["access", "acl"], None, LIST_MAX_BYTES).await
    }

    /// The version of the node that answers.
    pub async fn version(&self) -> Result<VersionReply, GatherError> {
        self.get(&["version"], None, ANSWER_MAX_BYTES).await
    }

    /// The cluster, if there is one, and its members.
    pub async fn cluster_status(&self) -> Result<Vec<ClusterStatusEntry>, GatherError> {
        let entries: Vec<ClusterStatusEntry> =
            self.get(&["cluster", "status"], None, ANSWER_MAX_BYTES).await?;
        // A node on its own is a member too.
        if !entries.iter().any(|entry| entry.kind == "node") {
            return Err(GatherError::protocol("the state of the cluster has no node"));
        }
        Ok(entries)
    }

    /// The guests of all nodes.
    pub async fn guests(&self) -> Result<Vec<GuestEntry>, GatherError> {
        self.get(&["cluster", "resources"], Some(("type", "vm")), LIST_MAX_BYTES).await
    }

    /// All nodes.
    pub async fn nodes(&self) -> Result<Vec<NodeEntry>, GatherError> {
        self.get(&["nodes"], None, LIST_MAX_BYTES).await
    }

    /// The guests of one kind that a node itself lists.
    pub async fn guests_of_node(&self, node: &str, kind: &str) -> Result<Vec<Value>, GatherError> {
        self.get(&["nodes", node, kind], None, LIST_MAX_BYTES).await
    }

    /// The hardware and version of a node.
    pub async fn node_status(&self, node: &str) -> Result<NodeAnswer<NodeStatus>, GatherError> {
        self.get_from_node(&["nodes", node, "status"], false).await
    }

    /// The configuration of a guest. `Failed` if `may_be_gone` and the node fails with status 500, without a retry.
    pub async fn config(
        &self,
        node: &str,
        kind: &str,
        vmid: u64,
        may_be_gone: bool,
    ) -> Result<NodeAnswer<Config>, GatherError> {
        let path = ["nodes", node, kind, &vmid.to_string(), "config"];
        let answer = self.get_from_node::<Config>(&path, may_be_gone).await?;
        match &answer {
            // It has at least a checksum.
            NodeAnswer::Data(config) if config.is_empty() => {
                let url = self.url_of(&path, None);
                Err(GatherError::protocol(format!("GET {url}: the configuration is empty")))
            }
            _ => Ok(answer),
        }
    }

    async fn get<T: DeserializeOwned>(
        &self,
        path: &[&str],
        parameter: Option<(&str, &str)>,
        max_bytes: usize,
    ) -> Result<T, GatherError> {
        let request = self.request(path, parameter).max_body_bytes(max_bytes);
        let attempt = async || checked(self.send(&request).await?);
        data(&retry::idempotent(&self.context, attempt).await?)
    }

    async fn get_from_node<T: DeserializeOwned>(
        &self,
        path: &[&str],
        may_be_gone: bool,
    ) -> Result<NodeAnswer<T>, GatherError> {
        let request = self.request(path, None).max_body_bytes(ANSWER_MAX_BYTES);
        let status = Cell::new(None);
        let attempt = async || {
            status.set(None);
            let response = self.send(&request).await?;
            status.set(Some(response.status().as_u16()));
            if may_be_gone && response.status() == StatusCode::INTERNAL_SERVER_ERROR {
                return Ok(response);
            }
            checked(response)
        };
        match retry::idempotent(&self.context, attempt).await {
            Ok(response) if response.status().is_success() => {
                Ok(NodeAnswer::Data(data(&response)?))
            }
            Ok(response) => Ok(NodeAnswer::Failed(response.status_error())),
            Err(error) if status.get() == Some(NODE_UNREACHABLE) => {
                Ok(NodeAnswer::Unreachable(error))
            }
            Err(error) => Err(error),
        }
    }

    /// A GET request for a path below the API's root. Each part of the path is escaped.
    fn request(&self, path: &[&str], parameter: Option<(&str, &str)>) -> Request {
        Request::get(self.url_of(path, parameter))
    }

    fn url_of(&self, path: &[&str], parameter: Option<(&str, &str)>) -> Url {
        let mut url = self.url.clone();
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.clear().extend(["api2", "json"]).extend(path);
        }
        if let Some((name, value)) = parameter {
            url.query_pairs_mut().append_pair(name, value);
        }
        url
    }

    /// Sends a request with the credentials, after a login if necessary.
    async fn send(&self, request: &Request) -> Result<Response, GatherError> {
        match &self.credentials {
            Credentials::Token { id, secret } => {
                let token = format!("PVEAPIToken={id}={}", secret.expose());
                let response =
                    self.http.send(request.clone().header("authorization", &token)).await?;
                if response.status() == StatusCode::UNAUTHORIZED {
                    return Err(self.refused(&response));
                }
                Ok(response)
            }
            Credentials::Password { user, password } => {
                let log_in = async || self.log_in(user, password.expose()).await;
                let attempt = async |ticket: &String| {
                    let cookie = format!("PVEAuthCookie={ticket}");
                    let response =
                        self.http.send(request.clone().header("cookie", &cookie)).await?;
                    if response.status() == StatusCode::UNAUTHORIZED {
                        return Err(status_error(
                            &response,
                            "the server does not accept the ticket",
                        )
                        .with_hint("check that the clocks of the nodes are synchronized"));
                    }
                    Ok(response)
                };
                self.session.run(log_in, attempt).await
            }
        }
    }

    /// Logs in and returns the ticket, which is valid for two hours.
    async fn log_in(&self, user: &str, password: &str) -> Result<String, GatherError> {
        let url = self.url_of(&["access", "ticket"], None);
        // A query has the same encoding as a form.
        let mut form = url.clone();
        form.query_pairs_mut().append_pair("username", user).append_pair("password", password);
        let request = Request::new(Method::POST, url)
            .header("content-type", "application/x-www-form-urlencoded")
            .body(form.query().unwrap_or_default().into())
            .max_body_bytes(ANSWER_MAX_BYTES);
        let response = self.http.send(request).await?;
        if response.status() == StatusCode::UNAUTHORIZED {
            return Err(self.refused(&response));
        }
        let response = checked(response)?;
        let reply: Ticket = data(&response)?;
        if values::flag(&reply.needs_second_factor) {
            let message = format!("the user {user} needs a second factor, which cannot be given");
            return Err(GatherError::new(ErrorKind::Authentication, message)
                .with_hint("use an API token: it needs no second factor"));
        }
        let ticket = reply.ticket.filter(|ticket| !ticket.is_empty()).ok_or_else(|| {
            GatherError::protocol(format!("{}: the answer has no ticket", response.description()))
        })?;
        self.context.secret(&ticket);
        if ticket.contains(char::is_control) {
            let message = format!("{}: the ticket is not one", response.description());
            return Err(GatherError::protocol(message));
        }
        Ok(ticket)
    }

    /// The error about credentials that the server does not accept.
    fn refused(&self, response: &Response) -> GatherError {
        let name = self.credentials.name();
        let hint = match &self.credentials {
            Credentials::Password { .. } => {
                "check username with its realm (user@pam, user@pve) and password, and that the user \
                 is enabled and has not expired"
            }
            Credentials::Token { .. } => {
                "check api_token_id (user@realm!name) and api_token_secret, and that the token and \
                 its owner are enabled and have not expired"
            }
        };
        status_error(response, &format!("the server does not accept {name}")).with_hint(hint)
    }
}

/// Returns the response if its status is 200. Every other status is an error.
fn checked(response: Response) -> Result<Response, GatherError> {
    match response.status() {
        StatusCode::OK => Ok(response),
        StatusCode::FORBIDDEN => Err(response.status_error().with_hint(
            "grant the role PVEAuditor on / with propagation to the user, and to the API token if \
             it has privilege separation",
        )),
        StatusCode::NOT_IMPLEMENTED => {
            let message = response.status_error().message;
            Err(GatherError::new(ErrorKind::Unsupported, message)
                .with_hint("check that this is Proxmox VE 6.2 or later"))
        }
        status => Err(match status.as_u16() {
            NODE_UNREACHABLE => {
                status_error(&response, "the node that was asked cannot reach this node")
            }
            // 596 to 599: TLS between the nodes, or a connection that ended.
            596..=599 => status_error(
                &response,
                "the node that was asked does not get a valid answer from this node",
            ),
            _ => response.status_error(),
        }),
    }
}

/// The error for the status of a response, with the reason.
fn status_error(response: &Response, why: &str) -> GatherError {
    let mut error = http::status_error(response.exchange(), response.status(), response.headers());
    error.message = format!("{}: {why}", error.message);
    error
}

/// The member `data` of a response.
fn data<T: DeserializeOwned>(response: &Response) -> Result<T, GatherError> {
    let reply: Reply<T> = json::read(response.body(), response.description())?;
    Ok(reply.data)
}
