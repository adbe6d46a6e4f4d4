//! Services, and the rule by which they select pods.

use std::collections::BTreeMap;

use gatherer_plugin_api::model;
use k8s_openapi::api::core::v1::ServicePort;
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

use crate::objects::Service;

use super::fields::{in_range, non_blank, unless_blank};
use super::warnings::{Problem, Warnings, about};

/// Maps a service. Its pods are added by the caller.
///
/// Its external addresses are `spec.externalIPs`, followed by the addresses of its load balancer, without
/// duplicates. A load balancer that has only a host name is listed by that name.
pub fn service(item: Service<'_>) -> (model::Service, Warnings) {
    let Service { metadata, spec, status } = item;
    let mut problems = Vec::new();
    // Servers before 1.20 have only `clusterIP`.
    let cluster_ips = spec.cluster_ips.filter(|ips| !ips.is_empty());
    let cluster_ips = cluster_ips.unwrap_or_else(|| spec.cluster_ip.into_iter().collect());
    let of_load_balancer = status
        .load_balancer
        .ingress
        .unwrap_or_default()
        .into_iter()
        .filter_map(|one| unless_blank(one.ip).or_else(|| unless_blank(one.hostname)));
    let mut external_ips: Vec<String> = Vec::new();
    for address in spec.external_ips.into_iter().flatten().chain(of_load_balancer) {
        if !address.trim().is_empty() && !external_ips.contains(&address) {
            external_ips.push(address);
        }
    }
    let ports = spec.ports.into_iter().flatten();
    let service = model::Service {
        namespace: metadata.namespace.to_string(),
        name: metadata.name.to_string(),
        uid: metadata.uid.to_string(),
        kind: unless_blank(spec.type_),
        cluster_ips: cluster_ips.into_iter().filter(|ip| !ip.trim().is_empty()).collect(),
        external_ips,
        ports: ports.filter_map(|one| port(one, &mut problems)).collect(),
        selector: spec.selector.unwrap_or_default(),
        pods: None,
    };
    (service, about("Service", &metadata, problems))
}

/// Maps a port; `None` if it has no valid number. A number of 0 is a missing number.
fn port(port: ServicePort, problems: &mut Vec<Problem>) -> Option<model::ServicePort> {
    let name = port.name.unwrap_or_default();
    let mut number = |number: Option<i32>, field: &str| {
        let number = number.filter(|number| *number != 0).map(i64::from);
        in_range(number, || format!("port {name:?}: {field}"), problems)
    };
    Some(model::ServicePort {
        port: number(Some(port.port), "port")?,
        node_port: number(port.node_port, "nodePort"),
        name: non_blank(&name),
        protocol: unless_blank(port.protocol),
        target_port: match port.target_port {
            Some(IntOrString::Int(number)) => Some(number.to_string()),
            Some(IntOrString::String(name)) => non_blank(&name),
            None => None,
        },
    })
}

/// Whether a selector matches these labels. An empty selector matches nothing: the endpoints of such a
/// service are not managed by Kubernetes.
pub fn selects(selector: &BTreeMap<String, String>, labels: &BTreeMap<String, String>) -> bool {
    !selector.is_empty() && selector.iter().all(|(key, value)| labels.get(key) == Some(value))
}
