//! Services of every type, with every kind of selector.

use serde_json::{Value, json};

use super::super::super::Cluster;
use super::super::objects::{path, service};
use super::NAMESPACE;

/// Services of [`NAMESPACE`] with the pods that they select; `None` without a selector.
pub const SELECTED_PODS: [(&str, Option<&[&str]>); 8] = [
    // Pods with this label in another namespace are not selected.
    ("web", Some(&["twin", "web-5d8f7-aaaaa", "web-5d8f7-bbbbb"])),
    ("two-labels", Some(&["web-5d8f7-aaaaa"])),
    ("nothing", Some(&[])),
    ("without-selector", None),
    ("headless", Some(&["db-0"])),
    ("node-port", Some(&["agent-aaaaa"])),
    ("balanced", Some(&["twin", "web-5d8f7-aaaaa", "web-5d8f7-bbbbb"])),
    ("external-name", None),
];

/// The external addresses of `balanced`: its own, then those of its load balancer.
pub const EXTERNAL_ADDRESSES: [&str; 3] = ["198.51.100.7", "203.0.113.9", "lb.example.com"];

/// The node port of `node-port`.
pub const NODE_PORT: u16 = 30_053;

pub(super) fn create(cluster: &Cluster) {
    let web = json!({"app": "web"});
    let mut many_ports = service("web", "ClusterIP", &web);
    many_ports["spec"]["ports"] = json!([
        {"name": "http", "port": 80, "targetPort": "http"},
        {"name": "https", "port": 443, "targetPort": 8443},
        {"name": "dns", "protocol": "UDP", "port": 53},
    ]);
    let mut headless = service("headless", "ClusterIP", &json!({"app": "db"}));
    headless["spec"]["clusterIP"] = json!("None");
    let mut without = service("without-selector", "ClusterIP", &Value::Null);
    without["spec"]["ports"] = json!([{"port": 5432}]);
    let mut node_port = service("node-port", "NodePort", &json!({"app": "agent"}));
    node_port["spec"]["ports"] = json!([{"protocol": "UDP", "port": 53, "nodePort": NODE_PORT}]);
    let mut balanced = service("balanced", "LoadBalancer", &web);
    balanced["spec"]["externalIPs"] = json!([EXTERNAL_ADDRESSES[0]]);
    balanced["status"] = json!({"loadBalancer": {"ingress": [{"ip": EXTERNAL_ADDRESSES[1]}, {"hostname": EXTERNAL_ADDRESSES[2]}]}});
    let mut external = service("external-name", "ExternalName", &Value::Null);
    external["spec"]["externalName"] = json!("elsewhere.example.com");
    external["spec"]["ports"] = Value::Null;
    let services = [
        many_ports,
        service("two-labels", "ClusterIP", &json!({"app": "web", "tier": "front"})),
        service("nothing", "ClusterIP", &json!({"app": "no-such-app"})),
        without,
        headless,
        node_port,
        balanced,
        external,
    ];
    cluster.create_all_with_status(services.map(|service| (path("Service", NAMESPACE), service)));
}
