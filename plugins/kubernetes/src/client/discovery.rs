//! What an API server has: groups, versions, resources.
//! <https://kubernetes.io/docs/concepts/overview/kubernetes-api/#discovery-api>
//!
//! That a server does not have a group is said by the list of all its groups alone. A 404 does not
//! say it: a server that starts answers so for custom resources that it does not know yet, and a
//! proxy for whatever it does not pass on.

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
struct GroupList {
    kind: String,
    groups: Vec<Group>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Group {
    name: String,
    #[serde(default)]
    preferred_version: Option<Version>,
    #[serde(default)]
    versions: Vec<Version>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Version {
    group_version: String,
}

/// The resources of a group and version that the server has.
pub(super) async fn resources(
    connection: &Connection<'_>,
    api_version: &str,
) -> Result<Vec<String>, GatherError> {
    let list: ResourceList = read(connection, &format!("/apis/{api_version}")).await?;
    Ok(list.resources.into_iter().map(|resource| resource.name).collect())
}

/// The versions of a group, the one that the server prefers first; none if it has no such group.
pub(super) async fn versions(
    connection: &Connection<'_>,
    group: &str,
) -> Result<Vec<String>, GatherError> {
    let path = "/apis";
    let list: GroupList = read(connection, path).await?;
    if list.kind != "APIGroupList" {
        return Err(wrong(connection, path));
    }
    let Some(found) = list.groups.into_iter().find(|found| found.name == group) else {
        return Ok(Vec::new());
    };
    let mut versions: Vec<String> = Vec::new();
    for version in found.preferred_version.into_iter().chain(found.versions) {
        if !is_version_of(group, &version.group_version) {
            return Err(wrong(connection, path));
        }
        if !versions.contains(&version.group_version) {
            versions.push(version.group_version);
        }
    }
    if versions.is_empty() { Err(wrong(connection, path)) } else { Ok(versions) }
}

/// It becomes a part of a path.
fn is_version_of(group: &str, version: &str) -> bool {
    let version = version.strip_prefix(group).and_then(|version| version.strip_prefix('/'));
    version.is_some_and(|version| {
        !version.is_empty() && version.bytes().all(|byte| byte.is_ascii_alphanumeric())
    })
}

async fn read<T: DeserializeOwned>(
    connection: &Connection<'_>,
    path: &str,
) -> Result<T, GatherError> {
    let fetch = || page::fetch_document(connection, path);
    let bytes = retry::idempotent(connection.context, fetch).await?;
    serde_json::from_slice(&bytes).map_err(|_| wrong(connection, path))
}

fn wrong(connection: &Connection<'_>, path: &str) -> GatherError {
    let what = connection.what(path, 1);
    GatherError::protocol(format!("{what}: the answer is not what the API's discovery says"))
        .with_hint("check that the kubeconfig's server is the URL of an API server")
}
