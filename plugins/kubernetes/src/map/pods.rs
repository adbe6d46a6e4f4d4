//! Pods.

use std::collections::HashMap;
use std::hash::BuildHasher;

use gatherer_plugin_api::model;
use gatherer_plugin_api::model::{ContainerKind, ImageVolume, PodHost};

use crate::objects::{Ip, Pod};

use super::containers;
use super::fields::{created_at, non_blank, timestamp};
use super::owners::Owners;
use super::warnings::{Warnings, about};

/// Maps a pod. `host_ids` has the ids of the hosts by the names of their nodes; a pod on any other node
/// has the node's name only.
///
/// A pod is bare if no controller owns it. A mirror pod, which a kubelet created from one of its files, is
/// static and never bare, whatever its owner references say: newer kubelets name their Node there.
pub fn pod<S: BuildHasher>(
    pod: Pod<'_>,
    owners: &Owners,
    host_ids: &HashMap<String, String, S>,
) -> (model::Pod, Warnings) {
    let Pod { metadata, spec, status } = pod;
    let mut problems = Vec::new();
    let chain = owners.chain(&metadata.owner_references);

    let specs = [spec.init_containers, spec.containers, spec.ephemeral_containers];
    let statuses = [
        (ContainerKind::Init, status.init_container_statuses),
        (ContainerKind::App, status.container_statuses),
        (ContainerKind::Ephemeral, status.ephemeral_container_statuses),
    ];
    let mut containers = Vec::with_capacity(specs.iter().map(Vec::len).sum());
    for (specs, (kind, statuses)) in specs.into_iter().zip(statuses) {
        containers::append(kind, specs, statuses, &mut containers, &mut problems);
    }

    let host =
        non_blank(&spec.node_name).map(|name| PodHost { id: host_ids.get(&name).cloned(), name });
    let image_volumes = spec.volumes.iter().filter_map(|volume| {
        let requested_image = containers::requested_image(&volume.image.reference)?;
        Some(ImageVolume { name: volume.name.to_string(), requested_image })
    });
    let image_volumes = image_volumes.collect();
    let deletion_timestamp =
        timestamp(&metadata.deletion_timestamp, || "deletionTimestamp".to_owned(), &mut problems);
    let created_at = created_at(&metadata, &mut problems);
    let warnings = about("Pod", &metadata, problems);
    let pod = model::Pod {
        namespace: metadata.namespace.to_string(),
        name: metadata.name.to_string(),
        uid: metadata.uid.to_string(),
        phase: non_blank(&status.phase),
        host,
        pod_ips: addresses(&status.pod_ips, &status.pod_ip),
        host_ips: addresses(&status.host_ips, &status.host_ip),
        service_account: non_blank(&spec.service_account_name),
        labels: metadata.labels,
        created_at,
        deletion_timestamp,
        controller: chain.last().cloned(),
        bare: chain.is_empty() && !metadata.mirror,
        owners: chain,
        is_static: metadata.mirror,
        containers,
        image_volumes,
    };
    (pod, warnings)
}

/// The addresses of the list, or the single address if the list is empty: older servers have only that.
fn addresses(list: &[Ip<'_>], single: &str) -> Vec<String> {
    if list.is_empty() {
        return non_blank(single).into_iter().collect();
    }
    list.iter().filter_map(|address| non_blank(&address.ip)).collect()
}
