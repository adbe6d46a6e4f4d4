//! Services, and the rule by which they select pods.

use std::collections::BTreeMap;

use gatherer_plugin_api::model;

use crate::objects::{NumberOrText, Service, ServicePort};

use super::fields::{in_range, non_blank};
use super::warnings::{Problem, Warnings, about};

/// Maps a service. Its pods are added by the caller.
///
/// Its external addresses are `spec.externalIPs`, followed by the addresses of its load balancer, without
/// duplicates. A load balancer that has only a host name is listed by that name.
pub fn service(item: Service<'_>) -> (model::Service, Warnings) {
    let Service { metadata, spec, status } = item;
    let mut problems = Vec::new();
    let mut cluster_ips: Vec<String> =
        spec.cluster_ips.iter().filter_map(|ip| non_blank(ip)).collect();
    if cluster_ips.is_empty() {
        cluster_ips.extend(non_blank(&spec.cluster_ip));
    }
    let own = spec.external_ips.iter().filter_map(|ip| non_blank(ip));
    let ingress = status.load_balancer.ingress.iter();
    let of_load_balancer =
        ingress.filter_map(|one| non_blank(&one.ip).or_else(|| non_blank(&one.hostname)));
    let mut external_ips: Vec<String> = Vec::new();
    for address in own.chain(of_load_balancer) {
        if !external_ips.contains(&address) {
            external_ips.push(address);
        }
    }
    let service = model::Service {
        namespace: metadata.namespace.to_string(),
        name: metadata.name.to_string(),
        uid: metadata.uid.to_string(),
        kind: non_blank(&spec.kind),
        cluster_ips,
        external_ips,
        ports: spec.ports.iter().filter_map(|one| port(one, &mut problems)).collect(),
        selector: spec.selector,
        pods: None,
    };
    (service, about("Service", &metadata, problems))
}

/// Maps a port; `None` if it has no valid number.
fn port(port: &ServicePort<'_>, problems: &mut Vec<Problem>) -> Option<model::ServicePort> {
    // A `nodePort` of 0 means that there is no node port.
    let node_port = port.node_port.filter(|number| *number != 0);
    let field = |name: &str| format!("port {:?}: {name}", &*port.name);
    Some(model::ServicePort {
        name: non_blank(&port.name),
        protocol: non_blank(&port.protocol),
        port: in_range(port.port, || field("port"), problems)?,
        target_port: match &port.target_port {
            Some(NumberOrText::Number(number)) => Some(number.to_string()),
            Some(NumberOrText::Text(text)) => non_blank(text),
            None => None,
        },
        node_port: in_range(node_port, || field("nodePort"), problems),
    })
}

/// Whether a selector matches these labels. An empty selector matches nothing: the endpoints of such a
/// service are not managed by Kubernetes.
pub fn selects(selector: &BTreeMap<String, String>, labels: &BTreeMap<String, String>) -> bool {
    !selector.is_empty() && selector.iter().all(|(key, value)| labels.get(key) == Some(value))
}
