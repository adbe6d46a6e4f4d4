//! The format `containers`: the output of `mgrk8s`, the Manager's own program for clusters, in the layout of Python's
//! `json.dumps(sort_keys=True, indent=4)`.

use std::borrow::Cow;

use gatherer_plugin_api::Collection;
use gatherer_plugin_api::model::{Container, ContainerKind, EndpointResult, Inventory, Warning};
use serde::{Serialize, Serializer};

use super::gatherer::json;
use super::{Note, Rendered};
use crate::output::inventory::pods::complete_pods;

#[derive(Serialize)]
struct ContainerList<'a> {
    containers: AllContainers<'a>,
}

/// Serializes the containers one by one, so that those of a large cluster are not in memory twice.
struct AllContainers<'a>(&'a Inventory);

impl Serialize for AllContainers<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.endpoints.iter().flat_map(listed_containers))
    }
}

/// A container in the output. The members are sorted. Those that are always present in the Kubernetes API are never
/// null.
#[derive(Serialize)]
struct ListedContainer<'a> {
    container_id: Option<Cow<'a, str>>,
    image: &'a str,
    image_id: &'a str,
    pod_name: &'a str,
    pod_namespace: &'a str,
}

/// Renders the containers, in the inventory's order. If not all pods of an endpoint are known, none of its containers is
/// listed, because a Manager assumes that missing containers have stopped.
pub fn render(inventory: &Inventory) -> Rendered {
    let notes = inventory.endpoints.iter().filter_map(|endpoint| {
        let incomplete = complete_pods(endpoint).err()?;
        let message = format!("its containers are left out: {}", incomplete.message());
        Some(Note {
            endpoint: endpoint.id.clone(),
            warning: Warning { object: Collection::Pods.into(), message },
        })
    });
    let mut notes: Vec<_> = notes.collect();
    notes.sort();
    Rendered { text: json::to_text(&ContainerList { containers: AllContainers(inventory) }), notes }
}

/// The listed containers of an endpoint, if all its pods are known.
fn listed_containers(endpoint: &EndpointResult) -> impl Iterator<Item = ListedContainer<'_>> {
    complete_pods(endpoint).unwrap_or_default().iter().flat_map(|pod| {
        let listed = pod.containers.iter().filter(|container| has_app_status(container));
        listed.map(|container| ListedContainer {
            container_id: container_id(container),
            image: container.image.as_deref().unwrap_or_default(),
            image_id: container.image_id.as_deref().unwrap_or_default(),
            pod_name: &pod.name,
            pod_namespace: &pod.namespace,
        })
    })
}

/// Whether a container is in `status.containerStatuses`, where the restart count is always present.
fn has_app_status(container: &Container) -> bool {
    container.kind == ContainerKind::App
        && (container.restart_count.is_some()
            || container.state.is_some()
            || container.container_id.is_some()
            || container.image_id.is_some())
}

/// The container's id as in Kubernetes: `containerd://4c4c...`.
fn container_id(container: &Container) -> Option<Cow<'_, str>> {
    let id = container.container_id.as_deref()?;
    Some(match container.runtime.as_deref() {
        Some(runtime) => Cow::Owned(format!("{runtime}://{id}")),
        None => Cow::Borrowed(id),
    })
}

#[cfg(test)]
mod tests {
    use gatherer_plugin_api::model::{
        CollectionStatus, Completeness, Container, ContainerKind, ContainerState, EndpointResult,
        EndpointStatus, Inventory, Pod,
    };
    use gatherer_plugin_api::{ErrorKind, GatherError};

    use super::render;
    use crate::output::inventory::assemble;

    fn container(name: &str) -> Container {
        Container {
            name: name.to_owned(),
            image: Some(format!("docker.io/library/{name}:1")),
            image_id: Some("docker-pullable://nginx@sha256:ab".to_owned()),
            container_id: Some(format!("id-of-{name}")),
            runtime: Some("docker".to_owned()),
            state: Some(ContainerState::Running),
            restart_count: Some(0),
            ..Container::default()
        }
    }

    fn cluster(id: &str, containers: Vec<Container>) -> EndpointResult {
        let mut endpoint = EndpointResult::new(id.to_owned(), None, None);
        endpoint.status = EndpointStatus::Complete;
        endpoint.workloads.pods = vec![Pod {
            namespace: "shop".to_owned(),
            name: format!("pod-of-{id}"),
            containers,
            ..Pod::default()
        }];
        let complete = CollectionStatus { status: Completeness::Complete, error: None };
        endpoint.collections.insert("pods".to_owned(), complete);
        endpoint
    }

    fn inventory(endpoints: Vec<EndpointResult>) -> Inventory {
        assemble(endpoints, None)
    }

    #[test]
    fn prints_a_container_like_mgrk8s() {
        let rendered = render(&inventory(vec![cluster("é", vec![container("web")])]));
        let expected = r#"{
    "containers": [
        {
            "container_id": "docker://id-of-web",
            "image": "docker.io/library/web:1",
            "image_id": "docker-pullable://nginx@sha256:ab",
            "pod_name": "pod-of-\u00e9",
            "pod_namespace": "shop"
        }
    ]
}
"#;
        assert_eq!(rendered.text, expected);
        assert!(rendered.notes.is_empty());
        assert_eq!(render(&inventory(Vec::new())).text, "{\n    \"containers\": []\n}\n");
    }

    #[test]
    fn prints_only_app_containers_with_a_status() {
        let init = Container { kind: ContainerKind::Init, ..container("init") };
        let ephemeral = Container { kind: ContainerKind::Ephemeral, ..container("debug") };
        let sidecar = Container { kind: ContainerKind::Sidecar, ..container("sidecar") };
        let without_status = Container { name: "later".to_owned(), ..Container::default() };
        let waiting = Container {
            name: "waiting".to_owned(),
            image: Some("app:1".to_owned()),
            restart_count: Some(0),
            ..Container::default()
        };
        let text = render(&inventory(vec![cluster(
            "c",
            vec![init, sidecar, ephemeral, without_status, waiting],
        )]))
        .text;
        let document: serde_json::Value = serde_json::from_str(&text).expect("JSON");
        let expected = serde_json::json!({"containers": [{"container_id": null, "image": "app:1",
            "image_id": "", "pod_name": "pod-of-c", "pod_namespace": "shop"}]});
        assert_eq!(document, expected);
    }

    #[test]
    fn leaves_out_an_endpoint_whose_pods_are_not_all_known() {
        let mut lost = cluster("lost", vec![container("web")]);
        let pods = lost.collections.get_mut("pods").expect("there");
        pods.status = Completeness::Failed;
        pods.error = Some(GatherError::new(ErrorKind::Permission, "403 Forbidden"));
        let mut failed = EndpointResult::new("failed".to_owned(), None, None);
        failed.error = Some(GatherError::new(ErrorKind::Connection, "refused"));
        let mut hosts = cluster("hosts", vec![container("web")]);
        hosts.collections.clear();
        let whole = cluster("whole", vec![container("web")]);
        let rendered = render(&inventory(vec![whole, lost, hosts, failed]));
        assert_eq!(rendered.text.matches("pod-of-").count(), 1);
        assert!(rendered.text.contains("pod-of-whole"));
        let notes: Vec<_> = rendered
            .notes
            .iter()
            .map(|note| format!("{}: {}", note.endpoint, note.warning.message))
            .collect();
        assert_eq!(
            notes,
            [
                "failed: its containers are left out: the endpoint failed: connection: refused",
                "hosts: its containers are left out: its pods were not gathered",
                "lost: its containers are left out: its pods could not all be read: permission: 403 Forbidden",
            ]
        );
    }
}
