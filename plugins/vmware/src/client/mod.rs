//! I/O: the connection to a vCenter or an ESXi host, and the calls of its API.

mod listing;
pub mod rights;
pub mod soap;

use std::time::Duration;

use gatherer_plugin_api::{Context, ErrorKind, GatherError};
use gatherer_plugin_support::http::{
    self, Client, Method, Request, Response, StatusCode, service_url,
};
use gatherer_plugin_support::retry;
use gatherer_plugin_support::xml::{self, Node};

use crate::Parameters;
use crate::map::ManagedObject;
use soap::{Fault, MAX_ANSWER_BYTES, NoResult};

pub use listing::inventory;
#[cfg(any(test, feature = "fuzzing"))]
pub use listing::object_page;

/// The cookie with the session.
const COOKIE: &str = "vmware_soap_session";
/// How long the end of a session may take. The result does not depend on it.
const LOGOUT_TIMEOUT: Duration = Duration::from_secs(5);
/// The hint for a server that is not a vSphere.
const WRONG_SERVER: &str = "check hostname and port: they must be those of a vCenter or an ESXi host, and no proxy may answer instead";

/// The connection to a server.
pub struct Vsphere {
    context: Context,
    client: Client,
    url: http::Url,
    /// The value of the header `SOAPAction`.
    action: String,
    content: ServiceContent,
}

/// The server's own objects, through which everything else is called.
struct ServiceContent {
    root_folder: ManagedObject,
    property_collector: ManagedObject,
    view_manager: ManagedObject,
    session_manager: ManagedObject,
    /// An ESXi host may have none.
    authorization_manager: Option<ManagedObject>,
    /// An ESXi host has none.
    custom_fields_manager: Option<ManagedObject>,
    /// Whether this is a vCenter, and not a single ESXi host.
    is_vcenter: bool,
    /// Name, version and build, for the log.
    full_name: String,
}

/// A session.
#[derive(Clone)]
pub struct Login {
    /// The header `Cookie` of its requests.
    cookie: String,
    /// The key by which the server's own methods identify it.
    key: String,
    /// The account, as the server names it: `VSPHERE.LOCAL\inventory`.
    account: String,
}

/// Why a call has no result. `?` turns a [`GatherError`] into [`Failed`](Self::Failed).
enum CallError {
    /// The server reports a fault.
    Fault(Fault),
    /// There is no answer, or it is invalid.
    Failed(GatherError),
}

impl From<GatherError> for CallError {
    fn from(error: GatherError) -> Self {
        Self::Failed(error)
    }
}

impl CallError {
    /// The error for a caller that handles no fault. `method` is the method that was called.
    fn into_error(self, method: &str) -> GatherError {
        match self {
            Self::Fault(fault) => fault.error(method),
            Self::Failed(error) => error,
        }
    }
}

/// The server's URL, without a path.
pub fn service(parameters: &Parameters) -> Result<http::Url, GatherError> {
    service_url("https", &parameters.hostname, parameters.port)
        .map_err(|why| GatherError::configuration(format!("the parameter hostname {why}")))
}

impl Login {
    /// The account, as the server names it.
    pub fn account(&self) -> &str {
        &self.account
    }
}

impl Vsphere {
    /// The product with its version and the version of the API.
    pub fn product(&self) -> String {
        let version = self.action.rsplit('/').next().unwrap_or_default();
        format!("{}, API {version}", self.content.full_name)
    }

    /// Asks the server for its versions and its own objects. Needs no login.
    pub async fn connect(parameters: &Parameters, context: &Context) -> Result<Self, GatherError> {
        let base = service(parameters)?;
        let path = |path: &str| {
            let mut url = base.clone();
            url.set_path(path);
            url
        };
        let client = Client::new(context)?;
        let version = version(context, &client, path("/sdk/vimServiceVersions.xml")).await?;
        let mut vsphere = Self {
            context: context.clone(),
            client,
            url: path("/sdk"),
            action: format!("urn:vim25/{version}"),
            content: ServiceContent::unknown(),
        };
        let instance = ManagedObject::new("ServiceInstance", "ServiceInstance");
        let method = "RetrieveServiceContent";
        let own = vsphere.call(None, method, &instance, "", ServiceContent::read).await;
        vsphere.content = own.map_err(|error| error.into_error(method))?;
        tracing::debug!("{}, API version {version}", vsphere.content.full_name);
        Ok(vsphere)
    }

    /// Logs in.
    pub async fn log_in(&self, parameters: &Parameters) -> Result<Login, GatherError> {
        let arguments = format!(
            "<userName>{}</userName><password>{}</password>",
            soap::escape(&parameters.username),
            soap::escape(parameters.password.expose())
        );
        let method = "Login";
        let answer = self.exchange(None, method, &self.content.session_manager, &arguments).await?;
        let read = |answer: Node| {
            let session = xml::child(answer, "returnval")?;
            let key = xml::text(session, &["key"])?.to_owned();
            let account = xml::text(session, &["userName"]).unwrap_or_default().to_owned();
            Some((key, account))
        };
        let session = match soap::read_answer(answer.body(), method, read) {
            Ok(session) => session,
            Err(NoResult::Fault(fault)) => return Err(login_refused(&fault)),
            Err(NoResult::Invalid(why)) => return Err(invalid_answer(&answer, method, &why)),
        };
        let cookie = session_cookie(&answer);
        let (Some((key, account)), Some(cookie)) = (session, cookie) else {
            return Err(invalid_answer(&answer, method, "has no session"));
        };
        for secret in [cookie.trim_matches('"'), &key] {
            self.context.secret(secret);
        }
        tracing::debug!("logged in");
        Ok(Login { cookie: format!("{COOKIE}={cookie}"), key, account })
    }

    /// Ends the session. A failure has no effect but one session more on the server, for 30 minutes.
    pub async fn log_out(&self, login: &Login) {
        let manager = &self.content.session_manager;
        let request = self.request(Some(login), "Logout", manager, "");
        match tokio::time::timeout(LOGOUT_TIMEOUT, self.client.send(request)).await {
            Ok(Ok(response)) => tracing::debug!("logged out: {}", response.status()),
            Ok(Err(error)) => tracing::debug!("could not log out: {error}"),
            Err(_) => tracing::debug!("could not log out: no answer"),
        }
    }

    /// Calls a method of an object, and passes the element of its response to `read`. The request is repeated within
    /// the endpoint's budget of retries: use this for methods that only read.
    async fn call<T>(
        &self,
        login: Option<&Login>,
        method: &str,
        object: &ManagedObject,
        arguments: &str,
        read: impl Fn(Node) -> Result<T, GatherError>,
    ) -> Result<T, CallError> {
        let answer = self.exchange(login, method, object, arguments).await?;
        read_result(&answer, method, read)
    }

    /// Sends a request, and returns an answer that has either a result or a fault. A fault has status 500.
    async fn exchange(
        &self,
        login: Option<&Login>,
        method: &str,
        object: &ManagedObject,
        arguments: &str,
    ) -> Result<Response, GatherError> {
        let request = self.request(login, method, object, arguments);
        let attempt = async || {
            let response = self.client.send(request.clone()).await?;
            match response.status() {
                StatusCode::OK => Ok(response),
                StatusCode::INTERNAL_SERVER_ERROR => {
                    match soap::read_answer(response.body(), method, |_| ()) {
                        Err(NoResult::Fault(fault)) if !fault.is_temporary() => Ok(response),
                        Err(NoResult::Fault(fault)) => Err(fault.error(method)),
                        _ => Err(response.status_error()),
                    }
                }
                _ => {
                    let error = response.status_error();
                    match (error.kind, &error.hint) {
                        (ErrorKind::Protocol, None) => Err(error.with_hint(WRONG_SERVER)),
                        _ => Err(error),
                    }
                }
            }
        };
        retry::idempotent(&self.context, attempt).await
    }

    fn request(
        &self,
        login: Option<&Login>,
        method: &str,
        object: &ManagedObject,
        arguments: &str,
    ) -> Request {
        tracing::debug!("calling {method}");
        let request = Request::new(Method::POST, self.url.clone())
            .header("content-type", "text/xml; charset=utf-8")
            .header("soapaction", &self.action)
            .max_body_bytes(MAX_ANSWER_BYTES)
            .body(soap::request(method, object, arguments).into_bytes());
        match login {
            Some(login) => request.header("cookie", &login.cookie),
            None => request,
        }
    }
}

impl ServiceContent {
    /// For the call that reads it.
    fn unknown() -> Self {
        let none = ManagedObject::new("", "");
        Self {
            root_folder: none.clone(),
            property_collector: none.clone(),
            view_manager: none.clone(),
            session_manager: none,
            authorization_manager: None,
            custom_fields_manager: None,
            is_vcenter: true,
            full_name: String::new(),
        }
    }

    fn read(answer: Node) -> Result<Self, GatherError> {
        let content = xml::child(answer, "returnval");
        let object = |name: &str| ManagedObject::read(xml::child(content?, name)?);
        let required = |name: &str| {
            object(name).ok_or_else(|| {
                GatherError::protocol(format!("RetrieveServiceContent: the answer has no {name}"))
                    .with_hint(WRONG_SERVER)
            })
        };
        let about = |name: &str| content.and_then(|content| xml::text(content, &["about", name]));
        Ok(Self {
            root_folder: required("rootFolder")?,
            property_collector: required("propertyCollector")?,
            view_manager: required("viewManager")?,
            session_manager: required("sessionManager")?,
            authorization_manager: object("authorizationManager"),
            custom_fields_manager: object("customFieldsManager"),
            is_vcenter: about("apiType") != Some("HostAgent"),
            full_name: about("fullName").unwrap_or("a server without a name").to_owned(),
        })
    }
}

/// The result in the answer of a method.
fn read_result<T>(
    answer: &Response,
    method: &str,
    read: impl FnOnce(Node) -> Result<T, GatherError>,
) -> Result<T, CallError> {
    match soap::read_answer(answer.body(), method, read) {
        Ok(result) => Ok(result?),
        Err(NoResult::Fault(fault)) => Err(CallError::Fault(fault)),
        Err(NoResult::Invalid(why)) => Err(invalid_answer(answer, method, &why).into()),
    }
}

/// The version of the API to use.
async fn version(
    context: &Context,
    client: &Client,
    url: http::Url,
) -> Result<String, GatherError> {
    let response = retry::idempotent(context, || client.get(&url)).await;
    // The path exists on every vSphere.
    let response = response.map_err(|error| match error.kind {
        ErrorKind::Configuration => error.with_hint(WRONG_SERVER),
        _ => error,
    })?;
    soap::negotiate(response.body()).map_err(|why| {
        GatherError::protocol(format!("{}: the document {why}", response.description()))
            .with_hint(WRONG_SERVER)
    })
}

/// The value of the session's cookie.
fn session_cookie(response: &Response) -> Option<String> {
    let cookies = response.headers().get_all(http::header::SET_COOKIE);
    cookies.iter().find_map(|cookie| {
        let (name, value) = cookie.to_str().ok()?.split(';').next()?.split_once('=')?;
        (name.trim() == COOKIE).then(|| value.trim().to_owned())
    })
}

fn login_refused(fault: &Fault) -> GatherError {
    match fault.kind.as_str() {
        "InvalidLogin" => GatherError::new(
            ErrorKind::Authentication,
            format!("Login: {fault}"),
        )
        .with_hint(
            "check username (with its domain, such as inventory@vsphere.local) and password; an expired password and a \
             locked account look the same",
        ),
        "NoPermission" => GatherError::new(ErrorKind::Permission, format!("Login: {fault}"))
            .with_hint("give the account a role on the server, such as Read-only"),
        _ => fault.error("Login"),
    }
}

/// The error for an answer that does not belong to the method. `why` is the predicate of a sentence.
fn invalid_answer(response: &Response, method: &str, why: &str) -> GatherError {
    GatherError::protocol(format!("{}: {method}: the answer {why}", response.exchange()))
        .with_hint(WRONG_SERVER)
}
