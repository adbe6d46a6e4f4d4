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
    versions_in(list, group).ok_or_else(|| wrong(connection, path))
}

/// The versions of a group that a list has; `None` if the list is not one of the API's.
fn versions_in(list: GroupList, group: &str) -> Option<Vec<String>> {
    if list.kind != "APIGroupList" {
        return None;
    }
    let Some(found) = list.groups.into_iter().find(|found| found.name == group) else {
        return Some(Vec::new());
    };
    let mut versions: Vec<String> = Vec::new();
    for version in found.preferred_version.into_iter().chain(found.versions) {
        if !is_version_of(group, &version.group_version) {
            return None;
        }
        if !versions.contains(&version.group_version) {
            versions.push(version.group_version);
        }
    }
    if versions.is_empty() { None } else { Some(versions) }
}

/// Fuzz target: the documents of the API's discovery.
#[cfg(any(test, feature = "fuzzing"))]
pub fn fuzz(input: &[u8]) {
    let _ = serde_json::from_slice::<ResourceList>(input);
    let Ok(list) = serde_json::from_slice::<GroupList>(input) else { return };
    for version in versions_in(list, "kubevirt.io").unwrap_or_default() {
        let path = format!("/apis/{version}");
        let is_plain = |sign: u8| sign.is_ascii_alphanumeric() || matches!(sign, b'/' | b'.');
        assert!(path.bytes().all(is_plain), "{path} is asked for");
        assert_eq!(path.split('/').count(), 4, "{path} is asked for");
    }
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
