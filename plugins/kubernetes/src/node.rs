//! A Node of the API group core/v1, as far as `map` reads it. k8s-openapi has all of it; but most
//! of a Node's bytes are images, annotations and managed fields, and what has no member here is
//! skipped without being kept.
//!
//! Whatever is missing or null is empty: a Node that has just registered lacks most of it. What
//! has another JSON type than the API says is an error.

use std::collections::BTreeMap;

use serde::de::{Deserialize, Deserializer, Error as _};

use crate::json::{items, only_from_an_object, or_default, texts};

/// A Node. Texts that are not there are empty.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(remote = "Self", default)]
pub struct Node {
    /// Nothing, or the word itself.
    pub kind: Kind,
    /// What every object has.
    #[serde(deserialize_with = "or_default")]
    pub metadata: Metadata,
    /// What somebody wants of the node.
    #[serde(deserialize_with = "or_default")]
    pub spec: Spec,
    /// What its kubelet says.
    #[serde(deserialize_with = "or_default")]
    pub status: Status,
}

/// The `kind` of a Node, which an API server leaves out in lists. Another one is an error.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Kind;

impl<'de> Deserialize<'de> for Kind {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let kind: String = or_default(deserializer)?;
        let fits = kind.is_empty() || kind == "Node";
        if fits { Ok(Self) } else { Err(D::Error::custom(OTHER_KIND)) }
    }
}

/// The error of an object that says to be something else.
pub(crate) const OTHER_KIND: &str = "an item of the list is no Node";

/// `metadata`
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(remote = "Self", default, rename_all = "camelCase")]
pub struct Metadata {
    /// Unique in the cluster. The API server stores no Node without one.
    #[serde(deserialize_with = "or_default")]
    pub name: String,
    /// Unique in time as well: another Node of the same name has another.
    #[serde(deserialize_with = "or_default")]
    pub uid: String,
    /// RFC 3339.
    #[serde(deserialize_with = "or_default")]
    pub creation_timestamp: String,
    /// By key.
    #[serde(deserialize_with = "texts")]
    pub labels: BTreeMap<String, String>,
}

/// `spec`
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(remote = "Self", default, rename_all = "camelCase")]
pub struct Spec {
    /// `<provider>://<its own id>`.
    #[serde(rename = "providerID", deserialize_with = "or_default")]
    pub provider_id: String,
    /// In the source's order.
    #[serde(deserialize_with = "items")]
    pub taints: Vec<Taint>,
    /// Whether it is cordoned.
    #[serde(deserialize_with = "or_default")]
    pub unschedulable: bool,
}

/// One of `spec.taints`.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(remote = "Self", default)]
pub struct Taint {
    /// Which.
    #[serde(deserialize_with = "or_default")]
    pub key: String,
    /// Often empty.
    #[serde(deserialize_with = "or_default")]
    pub value: String,
    /// `NoSchedule`, `PreferNoSchedule` or `NoExecute`.
    #[serde(deserialize_with = "or_default")]
    pub effect: String,
}

/// `status`
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(remote = "Self", default, rename_all = "camelCase")]
pub struct Status {
    /// In the source's order.
    #[serde(deserialize_with = "items")]
    pub addresses: Vec<Address>,
    /// Quantities by resource.
    #[serde(deserialize_with = "texts")]
    pub capacity: BTreeMap<String, String>,
    /// What of the capacity pods may use.
    #[serde(deserialize_with = "texts")]
    pub allocatable: BTreeMap<String, String>,
    /// In the source's order, which differs from node to node.
    #[serde(deserialize_with = "items")]
    pub conditions: Vec<Condition>,
    /// Identities and versions.
    #[serde(deserialize_with = "or_default")]
    pub node_info: NodeInfo,
}

/// One of `status.addresses`.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(remote = "Self", default)]
pub struct Address {
    /// `InternalIP`, `ExternalIP`, `Hostname`, `InternalDNS`, `ExternalDNS`.
    #[serde(rename = "type", deserialize_with = "or_default")]
    pub kind: String,
    /// The address or name.
    #[serde(deserialize_with = "or_default")]
    pub address: String,
}

/// One of `status.conditions`, without its heartbeat.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(remote = "Self", default, rename_all = "camelCase")]
pub struct Condition {
    /// Which.
    #[serde(rename = "type", deserialize_with = "or_default")]
    pub kind: String,
    /// `True`, `False` or `Unknown`.
    #[serde(deserialize_with = "or_default")]
    pub status: String,
    /// One word why.
    #[serde(deserialize_with = "or_default")]
    pub reason: String,
    /// One sentence why.
    #[serde(deserialize_with = "or_default")]
    pub message: String,
    /// RFC 3339.
    #[serde(deserialize_with = "or_default")]
    pub last_transition_time: String,
}

/// `status.nodeInfo`
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(remote = "Self", default, rename_all = "camelCase")]
pub struct NodeInfo {
    /// `/etc/machine-id`.
    #[serde(rename = "machineID", deserialize_with = "or_default")]
    pub machine_id: String,
    /// The firmware's UUID.
    #[serde(rename = "systemUUID", deserialize_with = "or_default")]
    pub system_uuid: String,
    /// Another one after each start of the machine.
    #[serde(rename = "bootID", deserialize_with = "or_default")]
    pub boot_id: String,
    /// As Go names them: `amd64`.
    #[serde(deserialize_with = "or_default")]
    pub architecture: String,
    /// `linux` or `windows`.
    #[serde(deserialize_with = "or_default")]
    pub operating_system: String,
    /// The distribution with its version, in one text.
    #[serde(deserialize_with = "or_default")]
    pub os_image: String,
    /// As `uname -r` says it.
    #[serde(deserialize_with = "or_default")]
    pub kernel_version: String,
    /// With its name: `containerd://1.7.1`.
    #[serde(deserialize_with = "or_default")]
    pub container_runtime_version: String,
    /// The kubelet's.
    #[serde(deserialize_with = "or_default")]
    pub kubelet_version: String,
    /// Seldom true, and no longer set by newer kubelets.
    #[serde(deserialize_with = "or_default")]
    pub kube_proxy_version: String,
}

only_from_an_object!(Node, Metadata, Spec, Taint, Status, Address, Condition, NodeInfo);

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::Node;

    fn read(node: &Value) -> Result<Node, serde_json::Error> {
        serde_json::from_str(&node.to_string())
    }

    #[test]
    fn what_is_missing_or_null_is_empty() {
        for node in [
            json!({}),
            json!({"metadata": null, "spec": null, "status": null}),
            json!({
                "metadata": {"name": null, "uid": null, "labels": null, "creationTimestamp": null},
                "spec": {"providerID": null, "taints": null, "unschedulable": null},
                "status": {
                    "addresses": null, "capacity": {"cpu": null}, "allocatable": null,
                    "conditions": [null], "nodeInfo": null,
                },
            }),
            json!({"status": {"nodeInfo": {"machineID": null, "architecture": null}}}),
        ] {
            assert_eq!(read(&node).unwrap(), Node::default(), "{node}");
        }
    }

    #[test]
    fn what_nobody_reads_is_skipped() {
        let node = json!({
            "apiVersion": "v1", "kind": "Node",
            "metadata": {"annotations": {"a": "b"}, "managedFields": [{"fieldsV1": {"f:x": {}}}]},
            "spec": {"podCIDRs": ["10.0.0.0/24"]},
            "status": {"images": [{"names": ["a"], "sizeBytes": 1}], "volumesAttached": [{}]},
        });
        assert_eq!(read(&node).unwrap(), Node::default());
    }

    #[test]
    fn another_json_type_is_an_error() {
        for node in [
            json!([]),
            json!("node"),
            json!(null),
            json!({"metadata": []}),
            json!({"metadata": "m"}),
            json!({"metadata": {"name": 1}}),
            json!({"metadata": {"labels": {"a": true}}}),
            json!({"metadata": {"labels": ["a"]}}),
            json!({"spec": {"unschedulable": "true"}}),
            json!({"spec": {"taints": {}}}),
            json!({"spec": {"taints": [["key", "value", "NoSchedule"]]}}),
            json!({"status": {"capacity": {"cpu": 4}}}),
            json!({"status": {"nodeInfo": ["m"]}}),
            json!({"status": {"nodeInfo": {"machineID": {}}}}),
            json!({"status": {"conditions": ["Ready"]}}),
            json!({"status": {"addresses": [{"type": "InternalIP", "address": ["10.0.0.1"]}]}}),
        ] {
            assert!(read(&node).is_err(), "{node}");
        }
    }
}
