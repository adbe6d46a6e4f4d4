//! I/O: requests to Azure Resource Manager, with a token of the login service.

use std::cell::Cell;
use std::hash::Hash;

use gatherer_plugin_api::{Context, ErrorKind, GatherError};
use gatherer_plugin_support::http::{
    self, CertificateHints, Request, Response, StatusCode, Timeouts, TlsSettings, Url, display_url,
    parse_url,
};
use gatherer_plugin_support::paging::{Page, PageError, Paging};
use gatherer_plugin_support::rate_limit::RateLimits;
use gatherer_plugin_support::session::Session;
use gatherer_plugin_support::{json, retry};
use serde::Deserialize;
use serde_json::Value;

use crate::login;
use crate::map::resource_id::ResourceId;
use crate::map::values;
use crate::settings::{LoginSettings, Settings, push_path};

/// The version of the API of virtual machines and scale sets. It has the time of creation and the mode of scale sets.
const COMPUTE_VERSION: &str = "2024-07-01";
/// The version of the API of subscriptions.
const SUBSCRIPTION_VERSION: &str = "2022-12-01";

/// The maximum size of a page. One virtual machine has a few KiB.
const PAGE_MAX_BYTES: usize = 64 * 1024 * 1024;

/// How Resource Manager says that it received too many requests, besides status 429.
const RATE_LIMITS: RateLimits = RateLimits {
    statuses: &[],
    codes: &[
        "TooManyRequests",
        "SubscriptionRequestsThrottled",
        "ResourceRequestsThrottled",
        "ResourceCollectionRequestsThrottled",
    ],
    delay_headers: &["retry-after-ms", "x-ms-retry-after-ms"],
};

/// What to do if a list cannot be read for lack of a right.
pub const READER_HINT: &str =
    "assign the role Reader to the application at the scope of the subscription";

/// The codes of errors which mean that an object does not exist.
const NOT_FOUND_CODES: [&str; 4] =
    ["ResourceNotFound", "ResourceGroupNotFound", "ParentResourceNotFound", "NotFound"];

/// One page of a list.
#[derive(Deserialize)]
struct ListReply {
    #[serde(default)]
    value: Option<Vec<Value>>,
    #[serde(rename = "nextLink", default)]
    next_link: Value,
    /// An error in an answer that reports success.
    #[serde(default)]
    error: Value,
}

/// The error of Resource Manager: <https://learn.microsoft.com/azure/azure-resource-manager/troubleshooting/common-deployment-errors>.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Failure {
    error: Value,
}

/// A client of Azure Resource Manager for one subscription.
pub struct Client<'a> {
    context: &'a Context,
    http: http::Client,
    endpoint: &'a Url,
    subscription: &'a str,
    login: &'a LoginSettings,
    /// The token.
    session: Session<String>,
}

impl<'a> Client<'a> {
    /// A client for these settings.
    pub fn new(settings: &'a Settings, context: &'a Context) -> Self {
        let http = http::Client::with_tls(
            context,
            Timeouts::default(),
            TlsSettings::default(),
            CertificateHints::default(),
        );
        Self {
            context,
            http,
            endpoint: &settings.endpoint,
            subscription: &settings.subscription,
            login: &settings.login,
            session: Session::default(),
        }
    }

    /// Checks the connection to Resource Manager.
    pub async fn check_connection(&self) -> Result<(), GatherError> {
        self.http.check_connection(self.endpoint).await
    }

    /// Logs in, unless that was done.
    pub async fn log_in(&self) -> Result<(), GatherError> {
        let log_in = async || self.new_token().await;
        retry::idempotent(self.context, async || {
            self.session.run(log_in, async |_: &String| Ok(())).await
        })
        .await
    }

    /// The locations of the subscription.
    pub async fn locations<T: Hash + Eq + Clone>(
        &self,
        parse: impl Fn(&Value) -> Result<T, GatherError>,
    ) -> Result<Vec<T>, GatherError> {
        let url = self.subscription_url(&["locations"], SUBSCRIPTION_VERSION);
        self.list("locations", url, &parse, T::clone, &Cell::default()).await
    }

    /// The virtual machines of the subscription, without their states.
    pub async fn machines<T>(
        &self,
        parse: impl Fn(&Value) -> Result<T, GatherError>,
        key: impl Fn(&T) -> String,
    ) -> Result<Vec<T>, GatherError> {
        let url = self.compute_url(&["virtualMachines"]);
        self.list("virtual machines", url, &parse, key, &Cell::default()).await
    }

    /// The states of the virtual machines of the subscription.
    pub async fn states<T>(
        &self,
        parse: impl Fn(&Value) -> Result<T, GatherError>,
        key: impl Fn(&T) -> String,
    ) -> Result<Vec<T>, GatherError> {
        let mut url = self.compute_url(&["virtualMachines"]);
        url.query_pairs_mut().append_pair("statusOnly", "true");
        self.list("states of virtual machines", url, &parse, key, &Cell::default()).await
    }

    /// The scale sets of the subscription.
    pub async fn scale_sets<T>(
        &self,
        parse: impl Fn(&Value) -> Result<T, GatherError>,
        key: impl Fn(&T) -> String,
    ) -> Result<Vec<T>, GatherError> {
        let url = self.compute_url(&["virtualMachineScaleSets"]);
        self.list("scale sets", url, &parse, key, &Cell::default()).await
    }

    /// The instances of a scale set, with their states. `None` if the scale set does not exist (any more).
    pub async fn instances<T>(
        &self,
        scale_set: &ResourceId,
        parse: impl Fn(&Value) -> Result<T, GatherError>,
        key: impl Fn(&T) -> String,
    ) -> Result<Option<Vec<T>>, GatherError> {
        let mut url = self.url_of(scale_set);
        push_path(&mut url, &["virtualMachines"]);
        url.query_pairs_mut().append_pair("$expand", "instanceView");
        let is_missing = Cell::new(false);
        match self.list("instances of a scale set", url, &parse, key, &is_missing).await {
            Err(_) if is_missing.get() => Ok(None),
            result => result.map(Some),
        }
    }

    /// One virtual machine with its state. `None` if it does not exist (any more).
    pub async fn machine(&self, id: &ResourceId) -> Result<Option<Value>, GatherError> {
        let mut url = self.url_of(id);
        url.query_pairs_mut().append_pair("$expand", "instanceView");
        let is_missing = Cell::new(false);
        match self.get(&url, &is_missing).await {
            Err(_) if is_missing.get() => Ok(None),
            response => {
                let response = response?;
                json::read(response.body(), response.description()).map(Some)
            }
        }
    }

    /// The sizes of virtual machines in a location.
    pub async fn sizes<T>(
        &self,
        location: &str,
        parse: impl Fn(&Value) -> Result<T, GatherError>,
        key: impl Fn(&T) -> String,
    ) -> Result<Vec<T>, GatherError> {
        let url = self.compute_url(&["locations", location, "vmSizes"]);
        self.list("sizes", url, &parse, key, &Cell::default()).await
    }

    /// A URL below the subscription.
    fn subscription_url(&self, path: &[&str], version: &str) -> Url {
        let mut url = self.endpoint.clone();
        push_path(&mut url, &["subscriptions", self.subscription]);
        push_path(&mut url, path);
        url.query_pairs_mut().append_pair("api-version", version);
        url
    }

    fn compute_url(&self, path: &[&str]) -> Url {
        let path = [&["providers", "Microsoft.Compute"], path].concat();
        self.subscription_url(&path, COMPUTE_VERSION)
    }

    fn url_of(&self, id: &ResourceId) -> Url {
        let mut url = self.endpoint.clone();
        push_path(&mut url, &id.parts());
        url.query_pairs_mut().append_pair("api-version", COMPUTE_VERSION);
        url
    }

    /// Reads a list page by page: all of it, or an error. `is_missing` as in [`get`](Self::get).
    async fn list<T, Key: Hash + Eq>(
        &self,
        items: &'static str,
        first: Url,
        parse: &impl Fn(&Value) -> Result<T, GatherError>,
        key: impl Fn(&T) -> Key,
        is_missing: &Cell<bool>,
    ) -> Result<Vec<T>, GatherError> {
        let page = async |next: Option<&Url>| {
            let response = self.get(next.unwrap_or(&first), is_missing).await?;
            let description = response.description();
            let reply: ListReply = json::read(response.body(), description)?;
            if !reply.error.is_null() {
                let code = values::shown(&reply.error, "/code").unwrap_or_default();
                let message = values::shown(&reply.error, "/message").unwrap_or_default();
                let message = format!("{description}: the answer has an error: {code}: {message}");
                return Err(GatherError::protocol(message).into());
            }
            let parsed = |values: Vec<Value>| values.iter().map(parse).collect::<Result<_, _>>();
            let found = reply.value.map(parsed).transpose();
            let found = found.map_err(|mut error: GatherError| {
                error.message = format!("{description}: {}", error.message);
                error
            })?;
            let next = self.next_page(&reply.next_link).map_err(|why| {
                GatherError::protocol(format!("{description}: the link to the next page {why}"))
                    .with_hint(
                        "the token is sent only to endpoint_url: set it to the address that the service \
                         itself uses",
                    )
            })?;
            Ok::<_, PageError>(Page { items: found, next, total: None })
        };
        Paging::by_marker(items).read(self.context, key, page).await
    }

    /// The URL of the next page, verbatim. It must be on the server that gets the token.
    fn next_page(&self, link: &Value) -> Result<Option<Url>, &'static str> {
        let text = match link {
            Value::Null => return Ok(None),
            Value::String(text) if text.trim().is_empty() => return Ok(None),
            Value::String(text) => text.trim(),
            _ => return Err("is not a text"),
        };
        let url = parse_url(text)?;
        if url.origin() != self.endpoint.origin() {
            return Err("leads to another server");
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err("contains a user or password");
        }
        Ok(Some(url))
    }

    /// Gets a document. `is_missing` tells whether the error is that the resource does not exist.
    async fn get(&self, url: &Url, is_missing: &Cell<bool>) -> Result<Response, GatherError> {
        let request = Request::get(url.clone())
            .header("accept", "application/json")
            .max_body_bytes(PAGE_MAX_BYTES);
        let log_in = async || self.new_token().await;
        let attempt = async |token: &String| {
            let request = request.clone().header("authorization", &format!("Bearer {token}"));
            let response = self.http.send(request).await?;
            if response.url().origin() != self.endpoint.origin() {
                let message = format!("{}: the answer is from another server", response.exchange());
                return Err(GatherError::protocol(message).with_hint(
                    "the token is sent only to endpoint_url: set it to the address that the service itself uses",
                ));
            }
            self.checked(response, is_missing)
        };
        retry::idempotent(self.context, || self.session.run(log_in, attempt)).await
    }

    async fn new_token(&self) -> Result<String, GatherError> {
        login::log_in(&self.http, self.login, self.context).await
    }

    /// Returns the response if its status is 200. Every other status is an error.
    fn checked(
        &self,
        response: Response,
        is_missing: &Cell<bool>,
    ) -> Result<Response, GatherError> {
        let status = response.status();
        if status == StatusCode::OK {
            return Ok(response);
        }
        if status.is_success() {
            return Err(response.status_error());
        }
        let failure: Failure = serde_json::from_slice(response.body()).unwrap_or_default();
        let code = values::shown(&failure.error, "/code");
        let message = values::shown(&failure.error, "/message");
        let limits = RATE_LIMITS.check(response, |_| code.clone());
        let mut error = limits.err().unwrap_or_else(|| GatherError::protocol("not an error"));
        for text in [&code, &message].into_iter().flatten() {
            if !error.message.contains(text.as_str()) {
                error.message = format!("{}: {text}", error.message);
            }
        }
        let code = code.as_deref().unwrap_or_default();
        is_missing.set(status == StatusCode::NOT_FOUND && is_one_of(code, &NOT_FOUND_CODES));
        self.explain(&mut error, status, code);
        Err(error)
    }

    /// Sets the kind and the hint of an error by its code.
    fn explain(&self, error: &mut GatherError, status: StatusCode, code: &str) {
        if error.kind == ErrorKind::RateLimited {
            return;
        }
        let hint = if status == StatusCode::UNAUTHORIZED {
            "check that tenant_id is the directory of the subscription, and cloud".to_owned()
        } else if status == StatusCode::FORBIDDEN {
            READER_HINT.to_owned()
        } else if is_one_of(code, &["SubscriptionNotFound", "InvalidSubscriptionId"]) {
            format!("check subscription_id and cloud, and {READER_HINT}")
        } else if is_one_of(
            code,
            &[
                "NoRegisteredProviderFound",
                "InvalidApiVersionParameter",
                "InvalidResourceType",
                "InvalidResourceNamespace",
            ],
        ) {
            error.kind = ErrorKind::Unsupported;
            "the service does not have this version of the API: it is older than this module supports"
                .to_owned()
        } else if is_one_of(code, &NOT_FOUND_CODES) {
            "it does not exist, or the application may not see it".to_owned()
        } else if status == StatusCode::NOT_FOUND {
            let endpoint = display_url(self.endpoint);
            format!("check that {endpoint} is Azure Resource Manager (cloud, endpoint_url)")
        } else {
            return;
        };
        error.hint = Some(hint);
    }
}

fn is_one_of(code: &str, codes: &[&str]) -> bool {
    codes.iter().any(|known| known.eq_ignore_ascii_case(code))
}
