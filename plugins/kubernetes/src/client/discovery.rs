//! API discovery: which groups, versions and resources an API server offers.
//! <https://kubernetes.io/docs/concepts/overview/kubernetes-api/#discovery-api>
//!
//! Only the list of all groups proves that a server does not have a group. A 404 does not: a server
//! that is starting returns 404 for custom resources that it has not loaded yet, and a proxy returns
//! 404 for paths that it does not forward.

use gatherer_plugin_api::GatherError;
use gatherer_plugin_support::retry;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{APIGroupList, APIResourceList};
use serde::de::DeserializeOwned;

use super::connect::Connection;
use super::page;

/// The names of the resources of a group and version.
pub(super) async fn resources(
    connection: &Connection,
    api_version: &str,
) -> Result<Vec<String>, GatherError> {
    let path = format!("/apis/{api_version}");
    let list: APIResourceList = read(connection, &path).await?;
    // An object without the members of such a list would be deserialized as an empty list.
    if list.group_version != api_version {
        return Err(invalid(connection, &path));
    }
    Ok(list.resources.into_iter().map(|resource| resource.name).collect())
}

/// The versions of a group, the server's preferred one first. Empty if it does not have the group.
pub(super) async fn versions(
    connection: &Connection,
    group: &str,
) -> Result<Vec<String>, GatherError> {
    let path = "/apis";
    let list: APIGroupList = read(connection, path).await?;
    versions_in(list, group).ok_or_else(|| invalid(connection, path))
}

/// The versions of a group in the list of all groups; `None` if the list is not valid.
fn versions_in(list: APIGroupList, group: &str) -> Option<Vec<String>> {
    // Every server has groups, but an object without any known member would be deserialized as an empty
    // list.
    if list.groups.is_empty() {
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

/// Fuzz target: discovery documents.
#[cfg(any(test, feature = "fuzzing"))]
pub fn fuzz(input: &[u8]) {
    let _ = serde_json::from_slice::<APIResourceList>(input);
    let Ok(list) = serde_json::from_slice::<APIGroupList>(input) else { return };
    for version in versions_in(list, "kubevirt.io").unwrap_or_default() {
        let path = format!("/apis/{version}");
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'/' | b'.');
        assert!(path.bytes().all(is_plain), "would request {path}");
        assert_eq!(path.split('/').count(), 4, "would request {path}");
    }
}

/// Whether this is `group/version` with a plain version: it becomes part of a request's path.
fn is_version_of(group: &str, version: &str) -> bool {
    let version = version.strip_prefix(group).and_then(|version| version.strip_prefix('/'));
    version.is_some_and(|version| {
        !version.is_empty() && version.bytes().all(|byte| byte.is_ascii_alphanumeric())
    })
}

async fn read<T: DeserializeOwned>(connection: &Connection, path: &str) -> Result<T, GatherError> {
    let fetch = || page::fetch_document(connection, path);
    let bytes = retry::idempotent(&connection.context, fetch).await?;
    serde_json::from_slice(&bytes).map_err(|_| invalid(connection, path))
}

fn invalid(connection: &Connection, path: &str) -> GatherError {
    let request = connection.request_text(path, 1);
    GatherError::protocol(format!("{request}: the response is not a valid discovery document"))
        .with_hint("check that the kubeconfig's server is the URL of an API server")
}
