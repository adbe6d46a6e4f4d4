//! How the fields of services are mapped.

use std::collections::BTreeMap;

use gatherer_plugin_kubernetes::map::{self, IgnoredBecause, Warnings};
use gatherer_plugin_kubernetes::objects::Service;
use serde_json::{Value, json};

use super::ignored;

fn service(service: &Value) -> (Value, Warnings) {
    let text = service.to_string();
    let (service, warnings) =
        map::service(serde_json::from_str::<Service<'_>>(&text).expect("a service"));
    assert_eq!(service.pods, None);
    (serde_json::to_value(service).expect("JSON"), warnings)
}

#[test]
fn a_service_has_its_type_and_the_addresses_of_both_families() {
    for kind in ["ClusterIP", "NodePort", "LoadBalancer", "ExternalName"] {
        assert_eq!(service(&json!({"spec": {"type": kind}})).0["type"], kind);
    }
    let ips = |spec: Value| service(&json!({"spec": spec})).0["clusterIPs"].clone();
    let both = json!({"clusterIP": "10.96.0.1", "clusterIPs": ["10.96.0.1", "fd00::1"]});
    assert_eq!(ips(both), json!(["10.96.0.1", "fd00::1"]));
    // Servers before 1.20 have no list.
    assert_eq!(ips(json!({"clusterIP": "10.96.0.1"})), json!(["10.96.0.1"]));
    assert_eq!(ips(json!({"clusterIP": "None", "clusterIPs": ["None"]})), json!(["None"]));
    assert_eq!(ips(json!({"clusterIP": ""})), Value::Null);
}

#[test]
fn external_addresses_are_those_of_the_service_and_its_load_balancer_without_duplicates() {
    let ingress = json!([{"ip": "192.0.2.1"}, {"ip": "192.0.2.2", "hostname": "h"}, {"hostname": "lb.example"}]);
    let object = json!({
        "spec": {"externalIPs": ["192.0.2.1"]},
        "status": {"loadBalancer": {"ingress": ingress}},
    });
    let expected = json!(["192.0.2.1", "192.0.2.2", "lb.example"]);
    assert_eq!(service(&object).0["externalIPs"], expected);
}

#[test]
fn target_ports_are_numbers_or_names_and_invalid_ports_are_ignored() {
    let (found, warnings) = service(&json!({"spec": {"ports": [
        {"name": "a", "protocol": "TCP", "port": 80, "targetPort": 8080, "nodePort": 30080},
        {"name": "b", "protocol": "UDP", "port": 53, "targetPort": "dns", "nodePort": 0},
        {"port": 1},
        {"name": "none"},
    ]}}));
    let expected = json!([
        {"name": "a", "protocol": "TCP", "port": 80, "targetPort": "8080", "nodePort": 30080},
        {"name": "b", "protocol": "UDP", "port": 53, "targetPort": "dns"},
        {"port": 1},
    ]);
    assert_eq!((&found["ports"], warnings), (&expected, vec![]));
    let (found, warnings) = service(&json!({
        "metadata": {"name": "web", "namespace": "shop"},
        "spec": {"ports": [{"name": "a", "port": 70000}]},
    }));
    assert_eq!(found["ports"], Value::Null);
    let because = IgnoredBecause::NumberOutOfRange;
    assert_eq!(warnings, ignored("Service shop/web", "port \"a\": port", because));
}

#[test]
fn a_selector_selects_pods_with_all_of_its_labels_and_an_empty_one_selects_none() {
    let (found, _) = service(&json!({"spec": {"selector": {"app": "web"}}}));
    assert_eq!(found["selector"], json!({"app": "web"}));
    let labels = |pairs: &[(&str, &str)]| -> BTreeMap<String, String> {
        pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
    };
    let pod = labels(&[("app", "web"), ("tier", "")]);
    for (selector, selected) in [
        (labels(&[("app", "web")]), true),
        (labels(&[("app", "web"), ("tier", "")]), true),
        (labels(&[("app", "db")]), false),
        (labels(&[("app", "web"), ("other", "")]), false),
        (labels(&[]), false),
    ] {
        assert_eq!(map::selects(&selector, &pod), selected, "{selector:?}");
    }
}
