//! Each field of controllers, services, namespaces, service accounts and virtual machines.

use std::collections::BTreeMap;

use gatherer_plugin_api::model::{Guest, GuestState, Owner};
use gatherer_plugin_kubernetes::map::{self, Warnings};
use gatherer_plugin_kubernetes::objects::{Machine, Namespace, Service, ServiceAccount};
use serde_json::{Value, json};

use super::{controller, warned};

/// Desired and ready replicas.
fn replicas(kind: &str, object: &Value) -> (Option<u32>, Option<u32>) {
    let (controller, warnings) = controller(kind, object);
    assert_eq!(warnings, []);
    assert_eq!(controller.kind, kind);
    (controller.desired_replicas, controller.ready_replicas)
}

#[test]
fn what_keeps_replicas_tells_how_many_and_how_many_are_ready() {
    for kind in ["Deployment", "StatefulSet", "ReplicaSet", "ReplicationController"] {
        let object =
            json!({"spec": {"replicas": 3}, "status": {"replicas": 3, "readyReplicas": 2}});
        assert_eq!(replicas(kind, &object), (Some(3), Some(2)));
        // A 0 is not written in a status.
        let object = json!({"spec": {"replicas": 0}, "status": {"replicas": 0}});
        assert_eq!(replicas(kind, &object), (Some(0), Some(0)));
        assert_eq!(replicas(kind, &json!({"spec": {}, "status": null})), (None, None));
    }
}

#[test]
fn a_daemon_set_is_to_have_as_many_pods_as_nodes_want_one() {
    let status =
        json!({"currentNumberScheduled": 5, "desiredNumberScheduled": 4, "numberReady": 3});
    assert_eq!(replicas("DaemonSet", &json!({"status": status})), (Some(4), Some(3)));
    assert_eq!(replicas("DaemonSet", &json!({"status": {}})), (None, None));
}

#[test]
fn a_job_counts_completions_or_what_it_runs_at_once() {
    let job =
        |spec: Value, status: Value| replicas("Job", &json!({"spec": spec, "status": status}));
    let status = json!({"active": 1, "succeeded": 2});
    assert_eq!(job(json!({"parallelism": 4, "completions": 9}), status), (Some(9), Some(2)));
    assert_eq!(job(json!({"parallelism": 4}), json!({"active": 1})), (Some(4), Some(0)));
    assert_eq!(job(json!({}), Value::Null), (None, None));
}

#[test]
fn a_cron_job_and_an_unknown_kind_keep_no_pods() {
    let object = json!({"spec": {"replicas": 1, "completions": 1}, "status": {"readyReplicas": 1}});
    assert_eq!(replicas("CronJob", &object), (None, None));
    assert_eq!(replicas("Rollout", &object), (None, None));
}

#[test]
fn a_count_that_cannot_be_one_is_left_out_with_a_warning() {
    let metadata = json!({"name": "web", "namespace": "shop"});
    let (found, warnings) =
        controller("Deployment", &json!({"metadata": metadata, "spec": {"replicas": -1}}));
    assert_eq!(found.desired_replicas, None);
    let sentence = "its replicas is left out, because it is out of range";
    assert_eq!(warnings, warned("Deployment shop/web", sentence));
}

#[test]
fn a_controller_is_known_by_its_uid_and_tells_what_controls_it() {
    let references = json!([
        {"kind": "Node", "name": "n", "uid": "1"},
        {"kind": "Deployment", "name": "web", "uid": "2", "controller": true},
    ]);
    let metadata =
        json!({"name": "web-1", "namespace": "shop", "uid": "u", "ownerReferences": references});
    let (found, _) = controller("ReplicaSet", &json!({"metadata": metadata}));
    assert_eq!((&*found.namespace, &*found.name, &*found.uid), ("shop", "web-1", "u"));
    let owner = Owner { kind: "Deployment".into(), name: "web".into(), uid: "2".into() };
    assert_eq!(found.owner, Some(owner));
    assert_eq!(controller("ReplicaSet", &json!({})).0.owner, None);
}

fn service(service: &Value) -> (Value, Warnings) {
    let text = service.to_string();
    let (service, warnings) =
        map::service(serde_json::from_str::<Service<'_>>(&text).expect("a service"));
    assert_eq!(service.pods, None);
    (serde_json::to_value(service).expect("JSON"), warnings)
}

#[test]
fn a_service_has_its_type_and_addresses_of_both_families() {
    for kind in ["ClusterIP", "NodePort", "LoadBalancer", "ExternalName"] {
        assert_eq!(service(&json!({"spec": {"type": kind}})).0["type"], kind);
    }
    let ips = |spec: Value| service(&json!({"spec": spec})).0["clusterIPs"].clone();
    let both = json!({"clusterIP": "10.96.0.1", "clusterIPs": ["10.96.0.1", "fd00::1"]});
    assert_eq!(ips(both), json!(["10.96.0.1", "fd00::1"]));
    // As servers before 1.20 write it.
    assert_eq!(ips(json!({"clusterIP": "10.96.0.1"})), json!(["10.96.0.1"]));
    assert_eq!(ips(json!({"clusterIP": "None", "clusterIPs": ["None"]})), json!(["None"]));
    assert_eq!(ips(json!({"clusterIP": ""})), Value::Null);
}

#[test]
fn the_outer_addresses_of_a_service_are_its_own_and_its_load_balancers_each_once() {
    let ingress = json!([{"ip": "192.0.2.1"}, {"ip": "192.0.2.2", "hostname": "h"}, {"hostname": "lb.example"}]);
    let object = json!({
        "spec": {"externalIPs": ["192.0.2.1"]},
        "status": {"loadBalancer": {"ingress": ingress}},
    });
    let expected = json!(["192.0.2.1", "192.0.2.2", "lb.example"]);
    assert_eq!(service(&object).0["externalIPs"], expected);
}

#[test]
fn the_ports_of_a_service_lead_to_numbers_or_names() {
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
    let sentence = "the port of its port \"a\" is left out, because it is out of range";
    assert_eq!(warnings, warned("Service shop/web", sentence));
}

#[test]
fn a_selector_fits_if_every_label_of_it_is_there_and_an_empty_one_never_does() {
    let (found, _) = service(&json!({"spec": {"selector": {"app": "web"}}}));
    assert_eq!(found["selector"], json!({"app": "web"}));
    let labels = |pairs: &[(&str, &str)]| -> BTreeMap<String, String> {
        pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
    };
    let pod = labels(&[("app", "web"), ("tier", "")]);
    for (selector, fits) in [
        (labels(&[("app", "web")]), true),
        (labels(&[("app", "web"), ("tier", "")]), true),
        (labels(&[("app", "db")]), false),
        (labels(&[("app", "web"), ("other", "")]), false),
        (labels(&[]), false),
    ] {
        assert_eq!(map::selects(&selector, &pod), fits, "{selector:?}");
    }
}

#[test]
fn a_namespace_has_labels_phase_and_the_time_when_it_was_made() {
    let namespace = |time: &str| {
        let text = json!({
            "metadata": {"name": "shop", "uid": "u", "labels": {"a": "b"}, "creationTimestamp": time},
            "status": {"phase": "Terminating"},
        });
        let text = text.to_string();
        map::namespace(serde_json::from_str::<Namespace<'_>>(&text).expect("a namespace"))
    };
    let (found, warnings) = namespace("2026-03-02T09:10:11Z");
    let expected = json!({
        "name": "shop", "uid": "u", "labels": {"a": "b"}, "phase": "Terminating",
        "createdAt": "2026-03-02T09:10:11Z",
    });
    assert_eq!((serde_json::to_value(found).expect("JSON"), warnings), (expected, vec![]));
    let (found, warnings) = namespace("2026");
    assert_eq!(found.created_at, None);
    let sentence = "its creationTimestamp is left out, because it is no time";
    assert_eq!(warnings, warned("Namespace shop", sentence));
}

#[test]
fn a_service_account_is_namespace_name_and_uid() {
    let text = r#"{"metadata": {"name": "web", "namespace": "shop", "uid": "u"}, "secrets": [{}]}"#;
    let found = map::service_account(serde_json::from_str::<ServiceAccount<'_>>(text).unwrap());
    let expected = json!({"name": "web", "namespace": "shop", "uid": "u"});
    assert_eq!(serde_json::to_value(found).expect("JSON"), expected);
}

fn machine(machine: &Value) -> (Option<String>, Guest, Warnings) {
    let text = machine.to_string();
    map::guest(serde_json::from_str::<Machine<'_>>(&text).expect("a machine"))
}

const UID: &str = "6b0f5d0e-52c1-4a9c-8f0d-0f5a1de1b001";
const UUID: &str = "5d307ca9-b3ef-428c-8861-06e72d69f223";

#[test]
fn a_machine_is_known_by_its_firmwares_uuid_else_by_its_uid() {
    let known = |uuid: &str| {
        let firmware = json!({"domain": {"firmware": {"uuid": uuid}}});
        machine(&json!({"metadata": {"name": "db", "uid": UID}, "spec": firmware})).1
    };
    for (uuid, id, canonical, raw) in [
        (UUID, UUID, Some(UUID), None),
        (&UUID.to_uppercase(), UUID, Some(UUID), Some(UUID.to_uppercase())),
        ("", UID, None, None),
        ("not one", UID, None, Some("not one".to_owned())),
    ] {
        let guest = known(uuid);
        assert_eq!((guest.id.as_deref(), guest.uuid.as_deref()), (Some(id), canonical), "{uuid}");
        assert_eq!(guest.identifiers.kubernetes_uid.as_deref(), Some(UID));
        assert_eq!(guest.identifiers.other.get("rawUuid"), raw.as_ref());
    }
}

#[test]
fn the_state_of_a_machine_follows_from_its_phase_and_from_being_paused() {
    for (phase, paused, state) in [
        ("Pending", "False", Some(GuestState::PoweringOn)),
        ("Scheduling", "False", Some(GuestState::PoweringOn)),
        ("Scheduled", "False", Some(GuestState::PoweringOn)),
        ("Running", "False", Some(GuestState::Running)),
        ("Running", "True", Some(GuestState::Paused)),
        ("Succeeded", "True", Some(GuestState::Stopped)),
        ("Failed", "False", Some(GuestState::Crashed)),
        ("Unknown", "False", Some(GuestState::Unknown)),
        ("WaitingForSync", "False", None),
    ] {
        let conditions =
            json!([{"type": "Ready", "status": "True"}, {"type": "Paused", "status": paused}]);
        let (_, guest, _) = machine(&json!({"status": {"phase": phase, "conditions": conditions}}));
        assert_eq!((guest.state, guest.source_state.as_deref()), (state, Some(phase)), "{phase}");
    }
    let (_, guest, _) = machine(&json!({}));
    assert_eq!((guest.state, guest.source_state), (None, None));
}

#[test]
fn the_node_of_a_machine_is_there_once_it_was_scheduled() {
    assert_eq!(machine(&json!({"status": {"nodeName": "n1"}})).0.as_deref(), Some("n1"));
    assert_eq!(machine(&json!({"status": {"phase": "Pending"}})).0, None);
}

#[test]
fn the_cpus_of_a_machine_are_the_product_of_what_its_topology_tells() {
    let cpus = |cpu: Value| {
        let object = json!({"metadata": {"name": "db"}, "spec": {"domain": {"cpu": cpu}}});
        let (_, guest, warnings) = machine(&object);
        (guest.cpus, warnings)
    };
    assert_eq!(cpus(json!({"sockets": 2, "cores": 3, "threads": 4})), (Some(24), vec![]));
    assert_eq!(cpus(json!({"cores": 3})), (Some(3), vec![]));
    assert_eq!(cpus(json!({"cores": 3, "sockets": 0})), (Some(3), vec![]));
    assert_eq!(cpus(json!({"model": "host-model"})), (None, vec![]));
    assert_eq!(cpus(Value::Null), (None, vec![]));
    let sentence = "its number of CPUs is left out, because it is out of range";
    let warning = warned("VirtualMachineInstance db", sentence);
    for cores in [u64::MAX, 1 << 31] {
        assert_eq!(cpus(json!({"cores": cores, "sockets": 2})), (None, warning.clone()));
    }
}

#[test]
fn the_memory_of_a_machine_is_what_the_guest_sees_else_what_its_pod_asks_for() {
    let memory = |guest: Value, request: Value| {
        let domain =
            json!({"memory": {"guest": guest}, "resources": {"requests": {"memory": request}}});
        let (_, guest, warnings) =
            machine(&json!({"metadata": {"name": "db"}, "spec": {"domain": domain}}));
        (guest.memory_bytes, warnings)
    };
    assert_eq!(memory(json!("4Gi"), json!("5Gi")), (Some(4 << 30), vec![]));
    assert_eq!(memory(Value::Null, json!("64M")), (Some(64_000_000), vec![]));
    assert_eq!(memory(json!(1024), Value::Null), (Some(1024), vec![]));
    assert_eq!(memory(Value::Null, Value::Null), (None, vec![]));
    let warning = |why: &str| {
        warned("VirtualMachineInstance db", &format!("its memory.guest is left out, because {why}"))
    };
    assert_eq!(memory(json!(-1), Value::Null), (None, warning("it is negative")));
    assert_eq!(memory(json!("-1Gi"), json!("1Gi")), (None, warning("it is negative")));
    let why = "it is no quantity: it does not begin with a number";
    assert_eq!(memory(json!("much"), Value::Null), (None, warning(why)));
}

#[test]
fn the_addresses_of_a_machine_are_those_of_its_interfaces_by_their_names() {
    let (_, guest, _) = machine(&json!({"status": {"interfaces": [
        {"name": "default", "ipAddress": "10.0.0.1", "ipAddresses": ["10.0.0.1", "fd00::1"]},
        {"ipAddress": "172.17.0.1"},
        {"name": "off"},
    ]}}));
    let found: Vec<_> =
        guest.addresses.iter().map(|one| (one.kind.as_deref(), &*one.address)).collect();
    let default = Some("default");
    assert_eq!(found, [(default, "10.0.0.1"), (default, "fd00::1"), (None, "172.17.0.1")]);
}

#[test]
fn a_machine_has_its_name_and_its_namespace_beside_it() {
    let metadata =
        json!({"name": "db", "namespace": "vms", "creationTimestamp": "2026-03-02T09:10:11Z"});
    let (_, guest, warnings) = machine(&json!({"metadata": metadata}));
    assert_eq!((&*guest.name, warnings), ("db", vec![]));
    assert_eq!(guest.attributes, [("namespace".to_owned(), "vms".to_owned())].into());
    assert_eq!(guest.created_at.expect("a time").to_string(), "2026-03-02T09:10:11Z");
    let metadata = json!({"name": "db", "namespace": "vms", "creationTimestamp": "soon"});
    let (_, guest, warnings) = machine(&json!({"metadata": metadata}));
    assert_eq!(guest.created_at, None);
    let sentence = "its creationTimestamp is left out, because it is no time";
    assert_eq!(warnings, warned("VirtualMachineInstance vms/db", sentence));
}
