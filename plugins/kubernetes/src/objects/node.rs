//! A Node of the API group core/v1. Most of its bytes are images, annotations and managed fields,
//! which are skipped. One that has just registered lacks most of the rest.

use std::collections::BTreeMap;

use serde::de::{Deserialize, Deserializer, Error as _};

use super::Metadata;
use crate::client::Listed;
use crate::json::{OTHER_KIND, Text, items, only_from_an_object, or_default, texts};

/// A Node. Texts that are not there are empty; most are those of the page itself.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(remote = "Self", default)]
pub struct Node<'a> {
    /// Nothing, or the word itself.
    pub kind: Kind,
    /// What every object has.
    #[serde(borrow, deserialize_with = "or_default")]
    pub metadata: Metadata<'a>,
    /// What somebody wants of the node.
    #[serde(borrow, deserialize_with = "or_default")]
    pub spec: Spec<'a>,
    /// What its kubelet says.
    #[serde(borrow, deserialize_with = "or_default")]
    pub status: Status<'a>,
}

/// The list of nodes.
pub struct Nodes;

impl Listed for Nodes {
    type Item<'de> = Node<'de>;

    fn identity<'a>(item: &'a Node<'_>) -> (&'a str, &'a str) {
        (&item.metadata.name, &item.metadata.uid)
    }
}

/// The `kind` of a Node, which an API server leaves out in lists. Another one is an error.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Kind;

impl<'de> Deserialize<'de> for Kind {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let kind: Text<'de> = or_default(deserializer)?;
        let fits = matches!(&*kind, "" | "Node");
        if fits { Ok(Self) } else { Err(D::Error::custom(OTHER_KIND)) }
    }
}

/// `spec`
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(remote = "Self", default, rename_all = "camelCase")]
pub struct Spec<'a> {
    /// `<provider>://<its own id>`.
    #[serde(rename = "providerID", borrow, deserialize_with = "or_default")]
    pub provider_id: Text<'a>,
    /// In the source's order.
    #[serde(borrow, deserialize_with = "items")]
    pub taints: Vec<Taint<'a>>,
    /// Whether it is cordoned.
    #[serde(deserialize_with = "or_default")]
    pub unschedulable: bool,
}

/// One of `spec.taints`.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(remote = "Self", default)]
pub struct Taint<'a> {
    /// Which.
    #[serde(borrow, deserialize_with = "or_default")]
    pub key: Text<'a>,
    /// Often empty.
    #[serde(borrow, deserialize_with = "or_default")]
    pub value: Text<'a>,
    /// `NoSchedule`, `PreferNoSchedule` or `NoExecute`.
    #[serde(borrow, deserialize_with = "or_default")]
    pub effect: Text<'a>,
}

/// `status`
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(remote = "Self", default, rename_all = "camelCase")]
pub struct Status<'a> {
    /// In the source's order.
    #[serde(borrow, deserialize_with = "items")]
    pub addresses: Vec<Address<'a>>,
    /// Quantities by resource.
    #[serde(deserialize_with = "texts")]
    pub capacity: BTreeMap<String, String>,
    /// What of the capacity pods may use.
    #[serde(deserialize_with = "texts")]
    pub allocatable: BTreeMap<String, String>,
    /// In the source's order, which differs from node to node.
    #[serde(borrow, deserialize_with = "items")]
    pub conditions: Vec<Condition<'a>>,
    /// Identities and versions.
    #[serde(borrow, deserialize_with = "or_default")]
    pub node_info: NodeInfo<'a>,
}

/// One of `status.addresses`.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(remote = "Self", default)]
pub struct Address<'a> {
    /// `InternalIP`, `ExternalIP`, `Hostname`, `InternalDNS`, `ExternalDNS`.
    #[serde(rename = "type", borrow, deserialize_with = "or_default")]
    pub kind: Text<'a>,
    /// The address or name.
    #[serde(borrow, deserialize_with = "or_default")]
    pub address: Text<'a>,
}

/// One of `status.conditions`, without its heartbeat.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(remote = "Self", default, rename_all = "camelCase")]
pub struct Condition<'a> {
    /// Which.
    #[serde(rename = "type", borrow, deserialize_with = "or_default")]
    pub kind: Text<'a>,
    /// `True`, `False` or `Unknown`.
    #[serde(borrow, deserialize_with = "or_default")]
    pub status: Text<'a>,
    /// One word why.
    #[serde(borrow, deserialize_with = "or_default")]
    pub reason: Text<'a>,
    /// One sentence why.
    #[serde(borrow, deserialize_with = "or_default")]
    pub message: Text<'a>,
    /// RFC 3339.
    #[serde(borrow, deserialize_with = "or_default")]
    pub last_transition_time: Text<'a>,
}

/// `status.nodeInfo`
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(remote = "Self", default, rename_all = "camelCase")]
pub struct NodeInfo<'a> {
    /// `/etc/machine-id`.
    #[serde(rename = "machineID", borrow, deserialize_with = "or_default")]
    pub machine_id: Text<'a>,
    /// The firmware's UUID.
    #[serde(rename = "systemUUID", borrow, deserialize_with = "or_default")]
    pub system_uuid: Text<'a>,
    /// Another one after each start of the machine.
    #[serde(rename = "bootID", borrow, deserialize_with = "or_default")]
    pub boot_id: Text<'a>,
    /// As Go names them: `amd64`.
    #[serde(borrow, deserialize_with = "or_default")]
    pub architecture: Text<'a>,
    /// `linux` or `windows`.
    #[serde(borrow, deserialize_with = "or_default")]
    pub operating_system: Text<'a>,
    /// The distribution with its version, in one text.
    #[serde(borrow, deserialize_with = "or_default")]
    pub os_image: Text<'a>,
    /// As `uname -r` says it.
    #[serde(borrow, deserialize_with = "or_default")]
    pub kernel_version: Text<'a>,
    /// With its name: `containerd://1.7.1`.
    #[serde(borrow, deserialize_with = "or_default")]
    pub container_runtime_version: Text<'a>,
    /// The kubelet's.
    #[serde(borrow, deserialize_with = "or_default")]
    pub kubelet_version: Text<'a>,
    /// Seldom true, and no longer set by newer kubelets.
    #[serde(borrow, deserialize_with = "or_default")]
    pub kube_proxy_version: Text<'a>,
}

only_from_an_object!(
    Node<'de>,
    Spec<'de>,
    Taint<'de>,
    Status<'de>,
    Address<'de>,
    Condition<'de>,
    NodeInfo<'de>
);

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::Node;

    fn read(node: &Value) -> Result<Node<'static>, serde_json::Error> {
        serde_json::from_str(node.to_string().leak())
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
            json!({"status": {"conditions": [{}, null, {}]}, "spec": {"taints": [{}]}}),
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
