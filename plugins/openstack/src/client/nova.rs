//! The compute service: its version, and requests with a token and a microversion.
//!
//! <https://docs.openstack.org/api-ref/compute/> describes the API.

use std::fmt;

use gatherer_plugin_api::{ErrorKind, GatherError};
use gatherer_plugin_support::http::{Request, Response, StatusCode, Url};
use gatherer_plugin_support::{json, retry};
use serde_json::Value;

use super::Cloud;
use super::keystone::Login;
use super::status;
use crate::map::values;

/// The maximum size of an answer. A page of a thousand servers has 3 MiB.
const MAX_BYTES: usize = 256 * 1024 * 1024;

/// The maximum size of a version document.
const VERSION_MAX_BYTES: usize = 1024 * 1024;

/// The newest microversion whose answers are known.
const NEWEST: Microversion = Microversion(100);

/// The newest microversion in which a hypervisor has its processors and memory.
const NEWEST_HYPERVISORS: Microversion = Microversion(87);

/// A version of the compute API: the number after `2.`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Microversion(pub u32);

impl Microversion {
    /// The first one in which a server has its flavor's numbers.
    pub const EMBEDDED_FLAVOR: Self = Self(47);
    /// The first one in which a hypervisor can be listed with its servers.
    pub const SERVERS_OF_HYPERVISORS: Self = Self(53);
    /// The first one that lists servers and services of a cell that is down.
    pub const DOWN_CELLS: Self = Self(69);

    fn parse(text: &str) -> Option<Self> {
        text.strip_prefix("2.")?.parse().ok().map(Self)
    }
}

impl fmt::Display for Microversion {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "2.{}", self.0)
    }
}

/// The compute service, after its version was asked.
#[derive(Debug, Clone)]
pub struct Compute {
    /// The URL to which the paths of requests are added.
    pub base: Url,
    /// The region.
    pub region: Option<String>,
    /// The oldest and newest microversion of the server. `None` for a server without microversions.
    versions: Option<(Microversion, Microversion)>,
}

impl Compute {
    /// The microversion of most requests.
    pub fn microversion(&self) -> Option<Microversion> {
        self.up_to(NEWEST)
    }

    /// The microversion of the list of hypervisors.
    pub fn hypervisors_microversion(&self) -> Option<Microversion> {
        self.up_to(NEWEST_HYPERVISORS)
    }

    /// The server's newest microversion.
    pub fn newest(&self) -> Option<Microversion> {
        self.versions.map(|(_, newest)| newest)
    }

    /// Whether most requests have this microversion or a later one.
    pub fn has(&self, version: Microversion) -> bool {
        self.microversion() >= Some(version)
    }

    fn up_to(&self, limit: Microversion) -> Option<Microversion> {
        self.versions.map(|(oldest, newest)| newest.min(limit).max(oldest))
    }

    /// The URL of a path below the API's root. Each part of the path is escaped.
    fn url(&self, path: &[&str], query: Option<&str>) -> Url {
        let mut url = self.base.clone();
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().extend(path);
        }
        url.set_query(query);
        url
    }
}

impl Cloud {
    /// The compute service: its endpoint in the catalog, and the microversions that its version document has.
    pub async fn compute(&self) -> Result<Compute, GatherError> {
        let endpoint = self.login().await?.compute;
        let (versioned, has_version) = version_url(&endpoint.url);
        let mut with_slash = versioned.clone();
        with_slash.set_path(&format!("{}/", versioned.path().trim_end_matches('/')));
        // Without the slash Nova redirects, and behind a proxy often to a wrong address.
        let mut response = self.version_document(with_slash).await?;
        if response.status() == StatusCode::NOT_FOUND && has_version {
            response = self.version_document(versioned).await?;
        }
        match response.status() {
            StatusCode::OK | StatusCode::MULTIPLE_CHOICES => {}
            _ => {
                let error = status::error(response, "to read the version");
                return Err(error);
            }
        }
        let document: Value = json::read(response.body(), response.description())?;
        let version = version(&document, has_version).ok_or_else(|| {
            GatherError::protocol(format!(
                "{}: the answer is not the version of a compute service",
                response.description()
            ))
            .with_hint("correct the endpoint of the compute service in the catalog")
        })?;
        let microversion = |name: &str| values::text(&version[name]).and_then(Microversion::parse);
        let versions = microversion("version").map(|newest| {
            (microversion("min_version").unwrap_or(Microversion(1)).min(newest), newest)
        });
        let mut base = endpoint.url;
        if !has_version && let Ok(mut segments) = base.path_segments_mut() {
            segments.pop_if_empty().push("v2.1");
        }
        Ok(Compute { base, region: endpoint.region, versions })
    }

    async fn version_document(&self, url: Url) -> Result<Response, GatherError> {
        let request = Request::get(url)
            .header("accept", "application/json")
            .max_body_bytes(VERSION_MAX_BYTES);
        self.send(&request).await
    }

    /// Gets an answer of the API, whose status is any that waiting or logging in does not change.
    pub(super) async fn response(
        &self,
        compute: &Compute,
        (path, query): (&[&str], Option<&str>),
        microversion: Option<Microversion>,
    ) -> Result<Response, GatherError> {
        let mut request = Request::get(compute.url(path, query))
            .header("accept", "application/json")
            .max_body_bytes(MAX_BYTES);
        if let Some(version) = microversion {
            request = request
                .header("openstack-api-version", &format!("compute {version}"))
                .header("x-openstack-nova-api-version", &version.to_string());
        }
        self.send(&request).await
    }

    /// Sends a request with the token, after a login if necessary, with retries.
    async fn send(&self, request: &Request) -> Result<Response, GatherError> {
        let log_in = async || self.log_in().await;
        let attempt = async |login: &Login| {
            let response =
                self.http.send(request.clone().header("x-auth-token", &login.token)).await?;
            match response.status().as_u16() {
                401 => Err(GatherError::new(
                    ErrorKind::Authentication,
                    format!(
                        "{}: the compute service does not accept the token",
                        response.exchange()
                    ),
                )
                .with_hint(
                    "check that the compute service uses the same identity service, and that the clocks of \
                     the cloud are synchronized",
                )),
                408 | 413 | 429 | 500.. => Err(status::error(response, "")),
                _ => Ok(response),
            }
        };
        retry::idempotent(&self.context, || self.session.run(log_in, &attempt)).await
    }
}

/// The URL of the version document of an endpoint, and whether the endpoint has a version: `/v2.1` or `/v2.1/PROJECT`.
fn version_url(endpoint: &Url) -> (Url, bool) {
    let mut url = endpoint.clone();
    let segments: Vec<String> =
        url.path_segments().map(|parts| parts.map(str::to_owned).collect()).unwrap_or_default();
    let is_version = |part: &String| {
        part.strip_prefix('v').is_some_and(|rest| {
            rest.starts_with(|first: char| first.is_ascii_digit())
                && rest.chars().all(|character| character.is_ascii_digit() || character == '.')
        })
    };
    match segments.iter().rposition(is_version) {
        Some(at) => {
            url.set_path(&segments[..=at].join("/"));
            (url, true)
        }
        None => (url, false),
    }
}

/// The version of the API in a version document: the only one, or that of an endpoint without a version.
fn version(document: &Value, has_version: bool) -> Option<&Value> {
    if let Some(version) = document.get("version").filter(|version| version.is_object()) {
        return has_version.then_some(version);
    }
    let versions = document.get("versions").or_else(|| document.get("choices"))?;
    let versions = versions.get("values").unwrap_or(versions).as_array()?;
    versions.iter().find(|version| values::text(&version["id"]) == Some("v2.1"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn url(text: &str) -> Url {
        text.parse().expect("a URL")
    }

    #[test]
    fn the_version_document_is_above_the_project() {
        for (endpoint, expected, has_version) in [
            ("http://h:8774/v2.1", "http://h:8774/v2.1", true),
            ("http://h:8774/v2.1/0a1b", "http://h:8774/v2.1", true),
            ("https://h/compute/v2/AUTH_0a1b", "https://h/compute/v2", true),
            ("https://h/compute", "https://h/compute", false),
            ("https://h", "https://h/", false),
            ("https://h/vms", "https://h/vms", false),
        ] {
            let (url, has) = version_url(&url(endpoint));
            assert_eq!((url.as_str(), has), (expected, has_version), "{endpoint}");
        }
    }

    #[test]
    fn the_version_is_in_any_of_the_documents() {
        let v21 = json!({"id": "v2.1", "version": "2.93", "min_version": "2.1"});
        let v2 = json!({"id": "v2.0", "version": "", "min_version": ""});
        assert_eq!(version(&json!({"version": v21}), true), Some(&v21));
        assert_eq!(version(&json!({"versions": [v2, v21]}), false), Some(&v21));
        assert_eq!(version(&json!({"choices": [v2, v21]}), true), Some(&v21));
        assert_eq!(version(&json!({"versions": {"values": [v2, v21]}}), true), Some(&v21));
        for other in [json!({}), json!([]), json!({"versions": [v2]}), json!({"version": "2.93"})] {
            assert_eq!(version(&other, true), None, "{other}");
        }
    }

    #[test]
    fn requests_have_the_newest_microversion_that_both_know() {
        let compute = |oldest, newest| Compute {
            base: url("http://h/v2.1"),
            region: None,
            versions: Some((Microversion(oldest), Microversion(newest))),
        };
        for (oldest, newest, most, hypervisors) in
            [(1, 93, 93, 87), (1, 65, 65, 65), (1, 120, 100, 87), (90, 96, 96, 90), (1, 1, 1, 1)]
        {
            let compute = compute(oldest, newest);
            assert_eq!(compute.microversion(), Some(Microversion(most)));
            assert_eq!(compute.hypervisors_microversion(), Some(Microversion(hypervisors)));
        }
        assert!(!compute(1, 68).has(Microversion::DOWN_CELLS));
        assert!(compute(1, 69).has(Microversion::DOWN_CELLS));
        let without = Compute { versions: None, ..compute(1, 1) };
        assert_eq!(without.microversion(), None);
        assert!(!without.has(Microversion(1)));
        assert_eq!(Microversion::parse("2.93"), Some(Microversion(93)));
        assert_eq!(Microversion::parse("3.1"), None);
        assert_eq!(Microversion::parse(""), None);
    }

    #[test]
    fn paths_are_added_to_the_endpoint_of_the_catalog() {
        let compute =
            Compute { base: url("https://h/compute/v2.1/0a1b"), region: None, versions: None };
        let url = compute.url(&["servers", "a/b"], Some("all_tenants=1"));
        assert_eq!(url.as_str(), "https://h/compute/v2.1/0a1b/servers/a%2Fb?all_tenants=1");
    }
}
