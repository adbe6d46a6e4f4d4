//! Services, and which pods they stand for.

use std::collections::BTreeMap;

use gatherer_plugin_api::model;

use crate::objects::{NumberOrText, Service, ServicePort};

use super::small::{fitting, named};
use super::{Warnings, known};

/// The service that the object describes, without its pods.
///
/// Its outer addresses are those that it was given, then those of its load balancer, each once;
/// where a load balancer has a name and no address, the name stands for it.
pub fn service(item: Service<'_>) -> (model::Service, Warnings) {
    let Service { metadata, spec, status } = item;
    let mut warnings = Vec::new();
    let mut cluster_ips: Vec<String> = spec.cluster_ips.iter().filter_map(|ip| known(ip)).collect();
    if cluster_ips.is_empty() {
        cluster_ips.extend(known(&spec.cluster_ip));
    }
    let mut external_ips: Vec<String> = Vec::new();
    let balanced = status.load_balancer.ingress.iter();
    let balanced = balanced.filter_map(|one| known(&one.ip).or_else(|| known(&one.hostname)));
    for ip in spec.external_ips.iter().filter_map(|ip| known(ip)).chain(balanced) {
        if !external_ips.contains(&ip) {
            external_ips.push(ip);
        }
    }
    let service = model::Service {
        namespace: metadata.namespace.to_string(),
        name: metadata.name.to_string(),
        uid: metadata.uid.to_string(),
        kind: known(&spec.kind),
        cluster_ips,
        external_ips,
        ports: spec.ports.iter().filter_map(|one| port(one, &mut warnings)).collect(),
        selector: spec.selector,
        pods: None,
    };
    (service, named("Service", &metadata, warnings))
}

/// A port whose own number is missing is none.
fn port(port: &ServicePort<'_>, warnings: &mut Vec<String>) -> Option<model::ServicePort> {
    // 0 stands for "none" in `nodePort`.
    let node_port = port.node_port.filter(|number| *number != 0);
    let what = |member: &str| format!("the {member} of its port {:?}", &*port.name);
    Some(model::ServicePort {
        name: known(&port.name),
        protocol: known(&port.protocol),
        port: fitting(port.port, || what("port"), warnings)?,
        target_port: match &port.target_port {
            Some(NumberOrText::Number(number)) => Some(number.to_string()),
            Some(NumberOrText::Text(text)) => known(text),
            None => None,
        },
        node_port: fitting(node_port, || what("nodePort"), warnings),
    })
}

/// Whether a selector fits these labels. An empty one selects nothing, as with every service whose
/// pods somebody else finds.
pub fn selects(selector: &BTreeMap<String, String>, labels: &BTreeMap<String, String>) -> bool {
    !selector.is_empty() && selector.iter().all(|(key, value)| labels.get(key) == Some(value))
}
