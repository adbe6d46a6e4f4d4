//! What an API server has: groups, versions, resources.
//! <https://kubernetes.io/docs/concepts/overview/kubernetes-api/#discovery-api>

use gatherer_plugin_api::GatherError;
use gatherer_plugin_support::retry;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::connect::Connection;
use super::page;

#[derive(Deserialize)]
struct ResourceList {
    resources: Vec<Named>,
}

#[derive(Deserialize)]
struct Named {
    name: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Group {
    preferred_version: Version,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Version {
    group_version: String,
}

/// The resources of a group and version; none if the server does not have it.
pub(super) async fn resources(
    connection: &Connection<'_>,
    api_version: &str,
) -> Result<Vec<String>, GatherError> {
    let path = format!("/apis/{api_version}");
    let list: Option<ResourceList> = read(connection, &path).await?;
    let resources = list.map_or_else(Vec::new, |list| list.resources);
    Ok(resources.into_iter().map(|resource| resource.name).collect())
}

/// The version of a group that the server prefers; none if it has no such group.
pub(super) async fn preferred_version(
    connection: &Connection<'_>,
    group: &str,
) -> Result<Option<String>, GatherError> {
    let found: Option<Group> = read(connection, &format!("/apis/{group}")).await?;
    Ok(found.map(|group| group.preferred_version.group_version))
}

async fn read<T: DeserializeOwned>(
    connection: &Connection<'_>,
    path: &str,
) -> Result<Option<T>, GatherError> {
    let fetch = || page::fetch_document(connection, path);
    let Some(bytes) = retry::idempotent(connection.context, fetch).await? else { return Ok(None) };
    serde_json::from_slice(&bytes).map(Some).map_err(|_| {
        let what = connection.what(path, 1);
        GatherError::protocol(format!("{what}: the answer is not what the API's discovery says"))
            .with_hint("check that the kubeconfig's server is the URL of an API server")
    })
}
