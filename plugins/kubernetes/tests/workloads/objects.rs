//! What the types read: nulls as nothing, other JSON types not at all.

use std::fmt::Debug;

use gatherer_plugin_kubernetes::objects::{
    Controller, ControllerStatus, Keyed, Machine, Namespace, Pod, Service, ServiceAccount,
};
use serde::Deserialize;
use serde_json::{Value, json};

type Read = fn(&Value) -> Result<(), serde_json::Error>;

/// Reads an object, and asserts that nothing is known of it, or says why it cannot.
fn nothing<T>(object: &Value) -> Result<(), serde_json::Error>
where
    T: Deserialize<'static> + Default + PartialEq + Debug,
{
    assert_eq!(read::<T>(object)?, T::default(), "{object}");
    Ok(())
}

fn read<T: Deserialize<'static>>(object: &Value) -> Result<T, serde_json::Error> {
    serde_json::from_str(object.to_string().leak())
}

const ALL: [Read; 7] = [
    nothing::<Pod<'_>>,
    nothing::<Controller<'_>>,
    nothing::<Service<'_>>,
    nothing::<Namespace<'_>>,
    nothing::<ServiceAccount<'_>>,
    nothing::<Keyed<'_>>,
    nothing::<Machine<'_>>,
];

#[test]
fn what_is_missing_null_or_of_no_interest_is_empty() {
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
        for read in ALL {
            read(&object).expect("an object");
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
    nothing::<Pod<'_>>(&pod).expect("a pod");
    let service = json!({
        "spec": {"ports": [{"targetPort": null}], "clusterIPs": [null], "selector": {"a": null}},
        "status": {"loadBalancer": {"ingress": null}},
    });
    nothing::<Service<'_>>(&service).expect("a service");
    let machine = json!({
        "spec": {"domain": {"cpu": {"cores": null}, "memory": {"guest": null}, "resources": null}},
        "status": {"interfaces": [{"ipAddresses": [null]}], "conditions": null},
    });
    nothing::<Machine<'_>>(&machine).expect("a machine");
}

#[test]
fn a_status_is_there_though_it_is_empty() {
    let controller = serde_json::from_str::<Controller<'_>>(r#"{"status": {}}"#).expect("one");
    assert_eq!(controller.status, Some(ControllerStatus::default()));
}

fn refused<T: Deserialize<'static>, const N: usize>(objects: [Value; N]) {
    for object in objects {
        assert!(read::<T>(&object).is_err(), "{object}");
    }
}

#[test]
fn another_json_type_is_an_error() {
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
        for read in ALL {
            assert!(read(&object).is_err(), "{object}");
        }
    }
    refused::<Pod<'_>, _>([
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
    refused::<Controller<'_>, _>([
        json!({"spec": {"replicas": "3"}}),
        json!({"spec": [3]}),
        json!({"status": [1]}),
        json!({"status": {"readyReplicas": true}}),
    ]);
    refused::<Service<'_>, _>([
        json!({"spec": {"ports": [{"targetPort": {}}]}}),
        json!({"spec": {"ports": [{"targetPort": 1.5}]}}),
        json!({"spec": {"ports": [{"port": "80"}]}}),
        json!({"spec": {"clusterIPs": "10.0.0.1"}}),
    ]);
    refused::<Keyed<'_>, _>([
        json!({"data": []}),
        json!({"data": "text"}),
        json!({"binaryData": 1}),
        json!({"stringData": true}),
        json!({"type": {}}),
    ]);
    refused::<Machine<'_>, _>([
        json!({"spec": {"domain": {"cpu": {"cores": -1}}}}),
        json!({"spec": {"domain": {"memory": {"guest": {}}}}}),
        json!({"status": {"interfaces": [{"ipAddresses": "10.0.0.1"}]}}),
    ]);
}

#[test]
fn texts_are_those_of_the_page_unless_they_are_escaped_in_it() {
    let text = r#"{"metadata": {"name": "p", "namespace": "\u0061"}, "spec": {"nodeName": "n"}}"#;
    let pod = serde_json::from_str::<Pod<'_>>(text).expect("a pod");
    let of_the_page = |part: &str| text.as_bytes().as_ptr_range().contains(&part.as_ptr());
    assert!(of_the_page(&pod.metadata.name));
    assert!(of_the_page(&pod.spec.node_name));
    assert_eq!(&*pod.metadata.namespace, "a");
    assert!(!of_the_page(&pod.metadata.namespace));
}
