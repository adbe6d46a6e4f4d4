//! The answer to a login, and the compute service in its catalog.

use std::collections::BTreeSet;

use gatherer_plugin_api::GatherError;
use gatherer_plugin_api::model::Timestamp;
use gatherer_plugin_support::http::{Url, display_url, is_loopback, parse_url};
use serde::Deserialize;
use serde_json::Value;

use crate::access::Access;
use crate::map::values;

/// The type of the service in the catalog.
const COMPUTE: &str = "compute";

/// The body of the answer to a login.
#[derive(Debug, Deserialize)]
pub struct TokenReply {
    /// The token's data.
    pub token: TokenData,
}

/// What the identity service says about a token.
#[derive(Debug, Deserialize)]
pub struct TokenData {
    /// The services. Absent if the token is for no project.
    #[serde(default)]
    pub catalog: Option<Vec<CatalogService>>,
    /// The project.
    #[serde(default)]
    pub project: Value,
    /// The user.
    #[serde(default)]
    pub user: Value,
}

/// A service of the catalog.
#[derive(Debug, Deserialize)]
pub struct CatalogService {
    /// `compute`, `image` and so on.
    #[serde(default, rename = "type")]
    pub kind: Value,
    /// The endpoints.
    #[serde(default)]
    pub endpoints: Option<Vec<CatalogEndpoint>>,
}

/// An endpoint of a service.
#[derive(Debug, Deserialize)]
pub struct CatalogEndpoint {
    /// `public`, `internal` or `admin`.
    #[serde(default)]
    pub interface: Value,
    /// The region's name.
    #[serde(default)]
    pub region: Value,
    /// The region's id, in later versions.
    #[serde(default)]
    pub region_id: Value,
    /// The URL.
    #[serde(default)]
    pub url: Value,
}

impl CatalogEndpoint {
    fn region(&self) -> &str {
        values::text(&self.region_id).or_else(|| values::text(&self.region)).unwrap_or_default()
    }
}

/// The compute service that the module uses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ComputeEndpoint {
    /// The URL, without a slash at its end.
    pub url: Url,
    /// The region.
    pub region: Option<String>,
}

impl TokenData {
    /// When the user's password expires, if it does.
    pub fn password_expires_at(&self) -> Option<Timestamp> {
        values::text(&self.user["password_expires_at"])?.parse().ok()
    }

    /// The name of the project, or its id.
    pub fn project(&self) -> Option<&str> {
        values::text(&self.project["name"]).or_else(|| values::text(&self.project["id"]))
    }

    /// The compute service for this access.
    pub fn compute(&self, access: &Access) -> Result<ComputeEndpoint, GatherError> {
        let Some(catalog) = self.catalog.as_ref().filter(|catalog| !catalog.is_empty()) else {
            return Err(GatherError::configuration(
                "the token has no catalog of services: the login is for no project",
            )
            .with_hint("set the project, in which the user must have a role"));
        };
        let endpoints: Vec<&CatalogEndpoint> = catalog
            .iter()
            .filter(|service| values::text(&service.kind) == Some(COMPUTE))
            .flat_map(|service| service.endpoints.iter().flatten())
            .collect();
        let word = access.interface.word();
        let of_interface = endpoints.iter().filter(|it| values::text(&it.interface) == Some(word));
        let of_interface: Vec<&&CatalogEndpoint> = of_interface.collect();
        let regions: BTreeSet<&str> = of_interface.iter().map(|it| it.region()).collect();
        let names = regions.iter().copied().collect::<Vec<_>>().join(", ");
        let wanted = match (&access.region, regions.len()) {
            (_, 0) => {
                let message =
                    format!("the catalog has no compute service with the interface {word}");
                let hint = match endpoints.first().and_then(|it| values::text(&it.interface)) {
                    Some(other) => format!("set interface to another one, such as {other}"),
                    None => "check that the project may use Nova".to_owned(),
                };
                return Err(GatherError::configuration(message).with_hint(hint));
            }
            (Some(region), _) => region.as_str(),
            (None, 1) => regions.first().copied().unwrap_or_default(),
            (None, _) => {
                return Err(GatherError::configuration(format!(
                    "the catalog has compute services of several regions: {names}"
                ))
                .with_hint("set region to one of them, and use an endpoint for each region"));
            }
        };
        let found = of_interface.iter().find(|it| it.region() == wanted).ok_or_else(|| {
            GatherError::configuration(format!(
                "the catalog has no compute service of the region {wanted}"
            ))
            .with_hint(format!("set region to one of: {names}"))
        })?;
        let url = endpoint_url(values::text(&found.url).unwrap_or_default())?;
        check_protection(&access.auth_url, &url)?;
        let region = Some(wanted).filter(|region| !region.is_empty()).map(str::to_owned);
        Ok(ComputeEndpoint { url, region })
    }
}

/// The URL of an endpoint of the catalog.
fn endpoint_url(text: &str) -> Result<Url, GatherError> {
    let invalid = |why: &str| {
        GatherError::protocol(format!("the URL of the compute service in the catalog {why}"))
            .with_hint("correct the endpoint in the identity service")
    };
    let mut url = parse_url(text).map_err(invalid)?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(invalid("is neither https nor http"));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(invalid("contains a user or a password"));
    }
    url.set_query(None);
    url.set_fragment(None);
    let path = url.path().trim_end_matches('/').to_owned();
    url.set_path(&path);
    Ok(url)
}

/// A token that was obtained over TLS is not sent without it.
fn check_protection(auth_url: &Url, compute: &Url) -> Result<(), GatherError> {
    if auth_url.scheme() == "https" && compute.scheme() == "http" && !is_loopback(compute) {
        let message = format!(
            "the catalog has the compute service at {}, where the token would be sent without encryption",
            display_url(compute)
        );
        return Err(GatherError::configuration(message).with_hint(
            "a token that was obtained with https is sent with https only: set interface or region to \
             an endpoint with https, or correct the endpoint in the identity service",
        ));
    }
    Ok(())
}

#[cfg(test)]
#[path = "catalog_tests.rs"]
mod tests;
