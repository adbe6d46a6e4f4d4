//! How objects are parsed: nulls as absent members, other JSON types as errors.

use std::fmt::Debug;

use gatherer_plugin_kubernetes::objects::{
    Controller, ControllerStatus, KeyedObject, Namespace, Pod, Service, ServiceAccount,
    VirtualMachine,
};
use serde::Deserialize;
use serde_json::{Value, json};

type ParseEmpty = fn(&Value) -> Result<(), serde_json::Error>;

/// Parses an object, and asserts that all of its fields are empty.
fn parse_empty<T>(object: &Value) -> Result<(), serde_json::Error>
where
    T: Deserialize<'static> + Default + PartialEq + Debug,
{
    assert_eq!(parse::<T>(object)?, T::default(), "{object}");
    Ok(())
}

fn parse<T: Deserialize<'static>>(object: &Value) -> Result<T, serde_json::Error> {
    serde_json::from_str(object.to_string().leak())
}

const ALL: [ParseEmpty; 7] = [
    parse_empty::<Pod<'_>>,
    parse_empty::<Controller<'_>>,
    parse_empty::<Service<'_>>,
    parse_empty::<Namespace<'_>>,
    parse_empty::<ServiceAccount<'_>>,
    parse_empty::<KeyedObject<'_>>,
    parse_empty::<VirtualMachine<'_>>,
];

#[test]
fn missing_null_and_unused_members_are_empty() {
    for object in [
        json!({}),
        json!({"metadata": null, "spec": null, "status": null, "data": null}),
        json!({"metadata": {
            "name": null, "namespace": null, "uid": null, "creationTimestamp": null,
            "labels": null, "annotations": null, "ownerReferences": null,
        }}),
        json!({"metadata": {"annotations": {"a": "b"}, "ownerReferences": [{}, null]}}),
        json!({"apiVersion": "v1", "kind": "X", "metadata": {"managedFields": [{"fieldsV1": {}}]}}),
    ] {
        for parse in ALL {
            parse(&object).expect("an object");
        }
    }
    let pod = json!({
        "spec": {
            "nodeName": null, "containers": null, "initContainers": [null],
            "ephemeralContainers": [{"env": [{"value": "v"}], "envFrom": null}],
            "volumes": [{"secret": null, "projected": {"sources": [null, {"secret": null}]}}],
            "imagePullSecrets": [{"name": null}], "tolerations": [{"key": "k"}],
        },
        "status": {
            "podIPs": null, "hostIPs": [{"ip": null}],
            "containerStatuses": [{"state": {"running": null}, "restartCount": null, "ready": null}],
        },
    });
    parse_empty::<Pod<'_>>(&pod).expect("a pod");
    let service = json!({
        "spec": {"ports": null, "clusterIP": null, "clusterIPs": null, "selector": null},
        "status": {
            "conditions": [{"type": "Ready", "lastTransitionTime": null}], "loadBalancer": null,
        },
    });
    parse_empty::<Service<'_>>(&service).expect("a service");
    let machine = json!({
        "spec": {"domain": {"cpu": {"cores": null}, "memory": {"guest": null}, "resources": null}},
        "status": {"interfaces": [{"ipAddresses": [null]}], "conditions": null},
    });
    parse_empty::<VirtualMachine<'_>>(&machine).expect("a machine");
}

#[test]
fn an_empty_status_is_present() {
    let controller =
        serde_json::from_str::<Controller<'_>>(r#"{"status": {}}"#).expect("a controller");
    assert_eq!(controller.status, Some(ControllerStatus::default()));
}

fn assert_rejected<T: Deserialize<'static>, const N: usize>(objects: [Value; N]) {
    for object in objects {
        assert!(parse::<T>(&object).is_err(), "{object}");
    }
}

#[test]
fn rejects_members_of_another_json_type() {
    for object in [
        json!(null),
        json!([]),
        json!("object"),
        json!({"metadata": []}),
        json!({"metadata": {"name": 1}}),
        json!({"metadata": {"labels": ["a"]}}),
        json!({"metadata": {"labels": {"a": 1}}}),
        json!({"metadata": {"annotations": "a"}}),
        json!({"metadata": {"ownerReferences": {}}}),
        json!({"metadata": {"ownerReferences": [["Job", "j", "u", true]]}}),
        json!({"metadata": {"ownerReferences": [{"controller": "true"}]}}),
    ] {
        for parse in ALL {
            assert!(parse(&object).is_err(), "{object}");
        }
    }
    assert_rejected::<Pod<'_>, _>([
        json!({"spec": {"containers": {}}}),
        json!({"spec": {"containers": ["c"]}}),
        json!({"spec": {"containers": [{"env": [{"name": "a", "valueFrom": "b"}]}]}}),
        json!({"spec": {"volumes": [{"secret": "s"}]}}),
        json!({"status": {"podIPs": ["10.0.0.1"]}}),
        json!({"status": {"containerStatuses": [{"ready": "true"}]}}),
        json!({"status": {"containerStatuses": [{"restartCount": "1"}]}}),
        json!({"status": {"containerStatuses": [{"restartCount": 1.5}]}}),
        json!({"status": {"containerStatuses": [{"state": "running"}]}}),
        json!({"status": {"containerStatuses": [{"state": {"running": true}}]}}),
        json!({"status": {"containerStatuses": [{"state": {"running": []}}]}}),
    ]);
    assert_rejected::<Controller<'_>, _>([
        json!({"spec": {"replicas": "3"}}),
        json!({"spec": [3]}),
        json!({"status": [1]}),
        json!({"status": {"readyReplicas": true}}),
    ]);
    assert_rejected::<Service<'_>, _>([
        json!({"spec": {"ports": [{"targetPort": {}}]}}),
        json!({"spec": {"ports": [{"targetPort": 1.5}]}}),
        json!({"spec": {"ports": [{"port": "80"}]}}),
        json!({"spec": {"clusterIPs": "10.0.0.1"}}),
    ]);
    assert_rejected::<KeyedObject<'_>, _>([
        json!({"data": []}),
        json!({"data": "text"}),
        json!({"binaryData": 1}),
        json!({"stringData": true}),
        json!({"type": {}}),
    ]);
    assert_rejected::<VirtualMachine<'_>, _>([
        json!({"spec": {"domain": {"cpu": {"cores": -1}}}}),
        json!({"spec": {"domain": {"memory": {"guest": {}}}}}),
        json!({"status": {"interfaces": [{"ipAddresses": "10.0.0.1"}]}}),
    ]);
}

#[test]
fn texts_borrow_from_the_page_unless_they_are_escaped() {
    let text = r#"{"metadata": {"name": "p", "namespace": "\u0061"}, "spec": {"nodeName": "n"}}"#;
    let pod = serde_json::from_str::<Pod<'_>>(text).expect("a pod");
    let is_borrowed = |part: &str| text.as_bytes().as_ptr_range().contains(&part.as_ptr());
    assert!(is_borrowed(&pod.metadata.name));
    assert!(is_borrowed(&pod.spec.node_name));
    assert_eq!(&*pod.metadata.namespace, "a");
    assert!(!is_borrowed(&pod.metadata.namespace));
}
