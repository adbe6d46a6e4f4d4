//! Pods.

use std::collections::HashMap;
use std::hash::BuildHasher;

use gatherer_plugin_api::model;
use gatherer_plugin_api::model::{ContainerKind, PodHost};

use crate::objects::{Ip, Pod};

use super::owner::Owners;
use super::small::{created_at, named};
use super::{Warnings, container, known};

/// The pod that the object describes. `host_ids` has the hosts' ids by the names of their nodes; a
/// node that is not among them is told by its name alone.
///
/// A pod is bare if nothing controls it. One that a kubelet made of its own file is static instead,
/// whatever it says of its owners: newer kubelets name their node there.
pub fn pod<S: BuildHasher>(
    pod: Pod<'_>,
    owners: &Owners,
    host_ids: &HashMap<String, String, S>,
) -> (model::Pod, Warnings) {
    let Pod { metadata, spec, status } = pod;
    let mut warnings = Vec::new();
    let chain = owners.chain(&metadata.owner_references);

    let wanted = [spec.init_containers, spec.containers, spec.ephemeral_containers];
    let count = wanted.iter().map(Vec::len).sum();
    let seen = [
        (ContainerKind::Init, status.init_container_statuses),
        (ContainerKind::App, status.container_statuses),
        (ContainerKind::Ephemeral, status.ephemeral_container_statuses),
    ];
    let mut containers = Vec::with_capacity(count);
    for (wanted, (kind, seen)) in wanted.into_iter().zip(seen) {
        container::joined(kind, wanted, seen, &mut containers, &mut warnings);
    }

    let host =
        known(&spec.node_name).map(|name| PodHost { id: host_ids.get(&name).cloned(), name });
    let created_at = created_at(&metadata, &mut warnings);
    let warnings = named("Pod", &metadata, warnings);
    let pod = model::Pod {
        namespace: metadata.namespace.to_string(),
        name: metadata.name.to_string(),
        uid: metadata.uid.to_string(),
        phase: known(&status.phase),
        host,
        pod_ips: addresses(&status.pod_ips, &status.pod_ip),
        host_ips: addresses(&status.host_ips, &status.host_ip),
        service_account: known(&spec.service_account_name),
        labels: metadata.labels,
        created_at,
        controller: chain.last().cloned(),
        bare: chain.is_empty() && !metadata.mirror,
        owners: chain,
        is_static: metadata.mirror,
        containers,
    };
    (pod, warnings)
}

/// All addresses; where there are none, the one that older servers tell.
fn addresses(all: &[Ip<'_>], one: &str) -> Vec<String> {
    if all.is_empty() {
        return known(one).into_iter().collect();
    }
    all.iter().filter_map(|address| known(&address.ip)).collect()
}
