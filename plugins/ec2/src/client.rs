//! I/O: calls of the query API of EC2. Each is a signed POST request with a form, whose answer is XML.
//!
//! <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/> describes the API.

use std::cell::Cell;
use std::time::SystemTime;

use aws_credential_types::Credentials;
use gatherer_plugin_api::{Context, ErrorKind, GatherError};
use gatherer_plugin_support::http::{Client, Response, StatusCode, Url};
use gatherer_plugin_support::paging::{Page, PageError, Paging};
use gatherer_plugin_support::retry;
use gatherer_plugin_support::session::Session;
use gatherer_plugin_support::xml::{self, Limits, Node};

use crate::Parameters;
use crate::credentials::{Machine, Source};
use crate::failure::{self, RATE_LIMITS};
use crate::map::dedicated_host::DedicatedHost;
use crate::map::instance::Instance;
use crate::map::instance_type::InstanceType;
use crate::map::replies;
use crate::partition::{Region, service_url};
use crate::sign::signed_request;

/// The version of the API. It has been the only one for years.
const VERSION: &str = "2016-11-15";

/// The limits of a page. An instance with many interfaces and tags has some 20 KiB and 1,000 nodes.
const LIMITS: Limits = Limits { bytes: 64 * 1024 * 1024, nodes: 8_000_000, depth: 50 };

/// The most instances that a page may have.
const INSTANCES_PER_PAGE: &str = "1000";
/// The most dedicated hosts that a page may have.
const HOSTS_PER_PAGE: &str = "500";
/// The most instance types that one call may ask for, and that a page may have.
pub const TYPES_PER_CALL: usize = 100;

/// The most pages of a list. Pages can be smaller than asked for, and empty.
const MAX_PAGES: usize = 2000;

/// A call of a service.
#[derive(Debug, Clone, Copy)]
pub struct Call {
    /// The name of the call.
    pub action: &'static str,
    /// The version of the service.
    pub version: &'static str,
    /// The right that it needs.
    pub right: &'static str,
}

const ZONES: Call = Call {
    action: "DescribeAvailabilityZones",
    version: VERSION,
    right: "ec2:DescribeAvailabilityZones",
};
const INSTANCES: Call =
    Call { action: "DescribeInstances", version: VERSION, right: "ec2:DescribeInstances" };
const TYPES: Call =
    Call { action: "DescribeInstanceTypes", version: VERSION, right: "ec2:DescribeInstanceTypes" };
const HOSTS: Call = Call { action: "DescribeHosts", version: VERSION, right: "ec2:DescribeHosts" };

impl Call {
    /// The body of a request.
    pub fn form(&self, parameters: &[(String, String)]) -> String {
        // A query has the same encoding as a form.
        let mut url = Url::parse("form:").expect("a constant");
        url.query_pairs_mut()
            .append_pair("Action", self.action)
            .append_pair("Version", self.version)
            .extend_pairs(parameters);
        url.query().unwrap_or_default().to_owned()
    }
}

/// Calls EC2 in one region with the credentials of one account.
pub struct Ec2 {
    context: Context,
    http: Client,
    url: Url,
    region: Region,
    source: Source,
    /// The credentials of this machine, which expire.
    session: Session<Credentials>,
}

impl Ec2 {
    /// Prepares the calls, without sending anything.
    pub fn new(
        parameters: &Parameters,
        machine: &Machine,
        context: &Context,
    ) -> Result<Self, GatherError> {
        let private = parameters.endpoint_url.as_deref().map(str::trim);
        let private = private.filter(|url| !url.is_empty());
        let region = Region::new(&parameters.region, private.is_some())?;
        let url = match private {
            Some(url) => service_url("endpoint_url", url)?,
            None => region.service("ec2")?,
        };
        let policy = &context.options().policy;
        let source = Source::choose(parameters, &region, &url, machine, policy)?;
        Ok(Self {
            context: context.clone(),
            http: Client::new(context)?,
            url,
            region,
            source,
            session: Session::default(),
        })
    }

    /// The URL of the service.
    pub fn url(&self) -> &Url {
        &self.url
    }

    /// The name of the region.
    pub fn region(&self) -> &str {
        &self.region.name
    }

    /// Where the credentials come from.
    pub fn source(&self) -> &Source {
        &self.source
    }

    /// Checks the connection.
    pub async fn check_connection(&self) -> Result<(), GatherError> {
        self.http.check_connection(&self.url).await
    }

    /// The names of all zones of the region, also of those that the account has not enabled.
    pub async fn zones(&self) -> Result<Vec<String>, GatherError> {
        let parameters = [pair("AllAvailabilityZones", "true")];
        self.call(ZONES, &parameters, replies::zones).await
    }

    /// All instances, or those of a zone, also those that a service manages and the account hides.
    pub async fn instances(&self, zone: Option<&str>) -> Result<Vec<Instance>, GatherError> {
        let mut parameters =
            vec![pair("MaxResults", INSTANCES_PER_PAGE), pair("IncludeManagedResources", "true")];
        if let Some(zone) = zone {
            parameters.extend(filter("availability-zone", [zone]));
        }
        let id = |instance: &Instance| instance.id.clone();
        self.list("instances", INSTANCES, &parameters, id, replies::instances).await
    }

    /// The types with these names, at most [`TYPES_PER_CALL`]. Unknown ones are left out.
    pub async fn types(&self, names: &[&str]) -> Result<Vec<InstanceType>, GatherError> {
        // A name in the parameter InstanceType that is unknown would fail the call.
        let mut parameters = filter("instance-type", names.iter().copied());
        parameters.push(pair("MaxResults", &TYPES_PER_CALL.to_string()));
        let id = |found: &InstanceType| found.name.clone();
        self.list("instance types", TYPES, &parameters, id, replies::types).await
    }

    /// All dedicated hosts.
    pub async fn dedicated_hosts(&self) -> Result<Vec<DedicatedHost>, GatherError> {
        let parameters = [pair("MaxResults", HOSTS_PER_PAGE)];
        let id = |host: &DedicatedHost| host.id.clone();
        self.list("dedicated hosts", HOSTS, &parameters, id, replies::dedicated_hosts).await
    }

    /// Reads a list page by page.
    async fn list<Item>(
        &self,
        items: &'static str,
        call: Call,
        parameters: &[(String, String)],
        id: impl Fn(&Item) -> String,
        read: impl Fn(Node<'_, '_>) -> Result<Page<Item, String>, GatherError>,
    ) -> Result<Vec<Item>, GatherError> {
        let page = async |marker: Option<&String>| {
            let mut parameters = parameters.to_vec();
            parameters.extend(marker.map(|marker| pair("NextToken", marker)));
            let is_invalid_marker = Cell::new(false);
            let result = self.call_noting(call, &parameters, &is_invalid_marker, &read).await;
            result.map_err(|error| match marker {
                Some(_) if is_invalid_marker.get() => PageError::StartOver(error),
                _ => PageError::Failed(error),
            })
        };
        Paging { max_pages: MAX_PAGES, ..Paging::by_marker(items) }
            .read(&self.context, id, page)
            .await
    }

    async fn call<T>(
        &self,
        call: Call,
        parameters: &[(String, String)],
        read: impl Fn(Node<'_, '_>) -> Result<T, GatherError>,
    ) -> Result<T, GatherError> {
        self.call_noting(call, parameters, &Cell::new(false), &read).await
    }

    /// One call, with its retries. Notes whether the service does not accept the marker of the page.
    async fn call_noting<T>(
        &self,
        call: Call,
        parameters: &[(String, String)],
        is_invalid_marker: &Cell<bool>,
        read: &impl Fn(Node<'_, '_>) -> Result<T, GatherError>,
    ) -> Result<T, GatherError> {
        let form = call.form(parameters);
        let send = async |credentials: &Credentials| {
            let (url, region) = (&self.url, &self.region.name);
            let request = signed_request(url, &form, region, credentials, SystemTime::now())?;
            let response = self.http.send(request.max_body_bytes(LIMITS.bytes)).await?;
            let code = failure::code(response.body());
            is_invalid_marker.set(code.as_deref().is_some_and(failure::is_invalid_marker));
            self::read(response, call, read)
        };
        let attempt = async || match &self.source {
            // The same key would be refused again.
            Source::Endpoint(credentials) => send(credentials).await,
            source => self.session.run(|| source.load(&self.context), &send).await,
        };
        retry::idempotent(&self.context, attempt).await
    }
}

/// Reads the answer to a call.
pub fn read<T>(
    response: Response,
    call: Call,
    read: impl FnOnce(Node<'_, '_>) -> Result<T, GatherError>,
) -> Result<T, GatherError> {
    let subject = format!("{}: {}", response.exchange(), call.action);
    let invalid = |why: &str| {
        GatherError::protocol(format!("{subject}: {why}"))
            .with_hint("check endpoint_url and the proxy: another service may have answered")
    };
    if response.status() != StatusCode::OK {
        return Err(failed(response, call, &subject));
    }
    let text = std::str::from_utf8(response.body())
        .map_err(|_| invalid("the answer is not UTF-8 text"))?;
    let document = xml::parse(text, LIMITS)
        .map_err(|why| invalid(&format!("the answer is invalid: {why}")))?;
    if let Some(code) = failure::code_of(&document) {
        let error = GatherError::new(ErrorKind::Unavailable, subject.clone());
        return Err(failure::explain(&code, &subject, call.right, response.headers(), error));
    }
    let root = document.root_element();
    if root.tag_name().name().strip_suffix("Response") != Some(call.action) {
        return Err(invalid("the answer is not one to this call"));
    }
    read(root).map_err(|mut error| {
        error.message = format!("{subject}: {}", error.message);
        error
    })
}

/// The error of an answer with another status than 200.
fn failed(response: Response, call: Call, subject: &str) -> GatherError {
    let code = failure::code(response.body());
    let headers = response.headers().clone();
    let mut error = match RATE_LIMITS.check(response, |_| code.clone()) {
        Ok(response) => response.status_error(),
        Err(error) => error,
    };
    error.message = format!("{}: {}", call.action, error.message);
    match code {
        Some(code) if error.kind != ErrorKind::RateLimited => {
            failure::explain(&code, subject, call.right, &headers, error)
        }
        _ => error,
    }
}

fn pair(name: &str, value: &str) -> (String, String) {
    (name.to_owned(), value.to_owned())
}

/// The parameters of a filter by these values.
fn filter<'a>(name: &str, values: impl IntoIterator<Item = &'a str>) -> Vec<(String, String)> {
    let values = values.into_iter().enumerate();
    let values = values.map(|(index, value)| pair(&format!("Filter.1.Value.{}", index + 1), value));
    [pair("Filter.1.Name", name)].into_iter().chain(values).collect()
}
