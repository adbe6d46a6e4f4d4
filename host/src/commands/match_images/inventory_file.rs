//! Reads the pods of an inventory document. A later minor version may have members and values that this
//! release does not know; they are not an error.

use std::borrow::Cow;
use std::collections::BTreeMap;

use gatherer_plugin_api::Collection;
use gatherer_plugin_api::model::{HostImage, ImageVolume, Link, PodHost, RequestedImage};
use serde::Deserialize;
use serde_json::Value;

use super::host_images::ImagesByHost;
use super::sources::{ContainerSource, ImageFields, ImageIdentity, RunningContainer, VOLUME};
use crate::commands::inventory_document::{self, EXPECTED};
use crate::commands::json_file;
use crate::output::inventory::pods::Incomplete;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct InventoryFile {
    schema_version: String,
    endpoints: Vec<FileEndpoint>,
    /// A later minor version may have other kinds of links.
    #[serde(default)]
    links: Vec<Value>,
}

/// What is read of a document.
#[derive(Debug)]
pub struct ContainerDocument {
    /// The endpoints.
    pub sources: Vec<ContainerSource<'static>>,
    /// The links that this release knows.
    pub links: Vec<Link>,
}

#[derive(Deserialize)]
struct FileEndpoint {
    id: String,
    module: Option<String>,
    status: String,
    error: Option<FileError>,
    #[serde(default)]
    collections: BTreeMap<String, FileCollection>,
    #[serde(default)]
    hosts: Vec<FileHost>,
    #[serde(default)]
    workloads: Workloads,
}

#[derive(Deserialize)]
struct FileHost {
    #[serde(default)]
    id: String,
    #[serde(default)]
    name: String,
    #[serde(default)]
    images: Vec<HostImage>,
}

#[derive(Deserialize)]
struct FileCollection {
    status: String,
    error: Option<FileError>,
}

#[derive(Deserialize)]
struct FileError {
    kind: String,
    message: String,
    hint: Option<String>,
}

#[derive(Deserialize, Default)]
struct Workloads {
    #[serde(default)]
    pods: Vec<Pod>,
}

#[derive(Deserialize)]
struct Pod {
    namespace: String,
    name: String,
    uid: String,
    host: Option<PodHost>,
    #[serde(default)]
    containers: Vec<Container>,
    #[serde(default, rename = "imageVolumes")]
    image_volumes: Vec<ImageVolume>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Container {
    name: String,
    kind: String,
    state: Option<String>,
    image: Option<String>,
    image_id: Option<String>,
    image_digest: Option<String>,
    image_config_digest: Option<String>,
    image_repository: Option<String>,
    image_tag: Option<String>,
    requested_image: Option<RequestedImage>,
}

/// Reads a document. The error is a message without its subject.
pub fn read(bytes: &[u8]) -> Result<ContainerDocument, String> {
    // The version is checked first, because an error about a member of another version would be misleading.
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Versioned {
        schema_version: String,
    }
    let version = json_file::parse::<Versioned>(bytes, EXPECTED)?.schema_version;
    inventory_document::check_version(&version)?;
    let document: InventoryFile = json_file::parse(bytes, EXPECTED)?;
    debug_assert_eq!(document.schema_version, version);
    let links = document.links.into_iter().filter_map(|link| serde_json::from_value(link).ok());
    Ok(ContainerDocument {
        sources: document.endpoints.into_iter().map(source).collect(),
        links: links.collect(),
    })
}

fn source(endpoint: FileEndpoint) -> ContainerSource<'static> {
    let FileEndpoint { id, module, status, error, mut collections, hosts, workloads } = endpoint;
    let containers = match failure(&status, error) {
        Some(reason) => Err(Incomplete::Endpoint(reason)),
        None => match collections
            .remove(Collection::Pods.as_str())
            .map(|pods| failure(&pods.status, pods.error))
        {
            None => Err(Incomplete::NotGathered),
            Some(Some(reason)) => Err(Incomplete::Pods(reason)),
            Some(None) => Ok(workloads.pods.into_iter().flat_map(containers).collect()),
        },
    };
    let hosts = hosts.into_iter().map(|host| (host.id, host.name, Cow::Owned(host.images)));
    ContainerSource { endpoint: id, module, containers, images: ImagesByHost::new(hosts) }
}

/// The reason why an endpoint or collection is not complete, or `None` if it is. It is not complete if it has
/// an error, whatever the status is.
fn failure(status: &str, error: Option<FileError>) -> Option<String> {
    match (status, error) {
        ("complete", None) => None,
        ("complete", error) => {
            Some(format!("its status is complete, but it has an error: {}", message(error)))
        }
        (_, error) => Some(message(error)),
    }
}

/// The text of an error.
fn message(error: Option<FileError>) -> String {
    match error {
        None => "the reason is unknown".to_owned(),
        Some(FileError { kind, message, hint: None }) => format!("{kind}: {message}"),
        Some(FileError { kind, message, hint: Some(hint) }) => {
            format!("{kind}: {message} ({hint})")
        }
    }
}

fn containers(pod: Pod) -> Vec<RunningContainer> {
    let Pod { namespace, name, uid, host, containers, image_volumes } = pod;
    let of_pod =
        RunningContainer { namespace, pod: name, pod_uid: uid, host, ..Default::default() };
    let containers = containers.into_iter().map(|container| {
        let image_identity = ImageIdentity::of(&ImageFields {
            image: container.image.as_deref(),
            image_id: container.image_id.as_deref(),
            digest: container.image_digest.as_deref(),
            config_digest: container.image_config_digest.as_deref(),
            repository: container.image_repository.as_deref(),
            tag: container.image_tag.as_deref(),
            requested: container.requested_image.as_ref(),
        });
        RunningContainer {
            container: container.name,
            kind: container.kind,
            state: container.state,
            image: container.image,
            image_id: container.image_id,
            image_identity,
            ..of_pod.clone()
        }
    });
    let volumes = image_volumes.into_iter().map(|volume| RunningContainer {
        container: volume.name,
        kind: VOLUME.to_owned(),
        image_identity: ImageIdentity::of_volume(&volume.requested_image),
        image: Some(volume.requested_image.text),
        ..of_pod.clone()
    });
    containers.chain(volumes).collect()
}

#[cfg(test)]
mod tests {
    use super::read;
    use crate::output::inventory::pods::Incomplete;

    fn incomplete(endpoint: &str) -> Option<Incomplete> {
        let text = format!(r#"{{"schemaVersion": "1.0", "endpoints": [{endpoint}]}}"#);
        let mut sources = read(text.as_bytes()).expect("a document").sources;
        sources.pop().expect("an endpoint").containers.err()
    }

    #[test]
    fn reads_later_minor_versions_with_unknown_members_and_values() {
        let text = r#"{"schemaVersion": "1.99", "later": {}, "endpoints": [{"id": "e",
            "status": "complete", "hosts": [{"later": 7}], "collections": {"pods": {"status": "complete"}},
            "workloads": {"gadgets": 1, "pods": [{"namespace": "n", "name": "p", "uid": "u",
            "containers": [{"name": "c", "kind": "sidecar", "state": "frozen"}]}]}}]}"#;
        let sources = read(text.as_bytes()).expect("readable").sources;
        let containers = sources[0].containers.as_ref().expect("all pods are known");
        assert_eq!(containers[0].kind, "sidecar");
        assert_eq!(containers[0].state.as_deref(), Some("frozen"));
    }

    #[test]
    fn rejects_another_major_version_before_reading_the_endpoints() {
        for version in ["2.0", "0.9", "one", ""] {
            let text = format!(r#"{{"schemaVersion": "{version}", "endpoints": 7}}"#);
            let problem = read(text.as_bytes()).expect_err("refused");
            assert!(problem.contains("has another schema version than 1.x"), "{problem}");
        }
    }

    #[test]
    fn pods_are_complete_only_if_the_document_says_so() {
        let error = r#""error": {"kind": "permission", "message": "no", "hint": "do"}"#;
        let failed = format!(r#"{{"id": "e", "status": "failed", {error}}}"#);
        let reason = "permission: no (do)".to_owned();
        assert_eq!(incomplete(&failed), Some(Incomplete::Endpoint(reason.clone())));
        let pods = |status: &str| {
            format!(
                r#"{{"id": "e", "status": "complete", "collections": {{"pods":
                {{"status": "{status}", {error}}}}}}}"#
            )
        };
        assert_eq!(incomplete(&pods("failed")), Some(Incomplete::Pods(reason.clone())));
        assert_eq!(incomplete(&pods("partly")), Some(Incomplete::Pods(reason)));
        let contradiction =
            "its status is complete, but it has an error: permission: no (do)".to_owned();
        assert_eq!(incomplete(&pods("complete")), Some(Incomplete::Pods(contradiction.clone())));
        let both = format!(
            r#"{{"id": "e", "status": "complete", {error}, "collections": {{"pods":
            {{"status": "complete"}}}}}}"#
        );
        assert_eq!(incomplete(&both), Some(Incomplete::Endpoint(contradiction)));
        let without = r#"{"id": "e", "status": "complete"}"#;
        assert_eq!(incomplete(without), Some(Incomplete::NotGathered));
    }
}
