//! A Node of core/v1. Most of its bytes are images, annotations and managed fields. The last two are skipped, and the
//! images are read only if they are used.
//! A Node that has just registered lacks most of the rest.

use std::collections::BTreeMap;

use serde::de::{Deserialize, Deserializer, Error as _};
use serde_json::value::RawValue;

use super::object_meta::ObjectMeta;
use crate::json::{OTHER_KIND, Text, items, only_from_an_object, or_default, texts};

/// A Node. Missing texts are empty.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(remote = "Self", default)]
pub struct Node<'a> {
    /// Absent, or `Node`.
    pub kind: NodeKind,
    /// The metadata.
    #[serde(borrow, deserialize_with = "or_default")]
    pub metadata: ObjectMeta<'a>,
    /// The desired state.
    #[serde(borrow, deserialize_with = "or_default")]
    pub spec: NodeSpec<'a>,
    /// The state that the kubelet reports.
    #[serde(borrow, deserialize_with = "or_default")]
    pub status: NodeStatus<'a>,
}

/// The `kind` of a Node, which API servers omit in lists. Any other kind is an error.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct NodeKind;

impl<'de> Deserialize<'de> for NodeKind {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let kind: Text<'de> = or_default(deserializer)?;
        let fits = matches!(&*kind, "" | "Node");
        if fits { Ok(Self) } else { Err(D::Error::custom(OTHER_KIND)) }
    }
}

/// `spec`
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(remote = "Self", default, rename_all = "camelCase")]
pub struct NodeSpec<'a> {
    /// `<provider>://<the provider's id>`.
    #[serde(rename = "providerID", borrow, deserialize_with = "or_default")]
    pub provider_id: Text<'a>,
    /// In the order of the source.
    #[serde(borrow, deserialize_with = "items")]
    pub taints: Vec<NodeTaint<'a>>,
    /// Whether the Node is cordoned.
    #[serde(deserialize_with = "or_default")]
    pub unschedulable: bool,
}

/// One of `spec.taints`.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(remote = "Self", default)]
pub struct NodeTaint<'a> {
    /// The key.
    #[serde(borrow, deserialize_with = "or_default")]
    pub key: Text<'a>,
    /// The value; often empty.
    #[serde(borrow, deserialize_with = "or_default")]
    pub value: Text<'a>,
    /// `NoSchedule`, `PreferNoSchedule` or `NoExecute`.
    #[serde(borrow, deserialize_with = "or_default")]
    pub effect: Text<'a>,
}

/// `status`
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(remote = "Self", default, rename_all = "camelCase")]
pub struct NodeStatus<'a> {
    /// In the order of the source.
    #[serde(borrow, deserialize_with = "items")]
    pub addresses: Vec<NodeAddress<'a>>,
    /// Quantities by resource.
    #[serde(deserialize_with = "texts")]
    pub capacity: BTreeMap<String, String>,
    /// The part of the capacity that pods may use.
    #[serde(deserialize_with = "texts")]
    pub allocatable: BTreeMap<String, String>,
    /// In the order of the source, which differs from Node to Node.
    #[serde(borrow, deserialize_with = "items")]
    pub conditions: Vec<NodeCondition<'a>>,
    /// Identities and versions.
    #[serde(borrow, deserialize_with = "or_default")]
    pub node_info: NodeInfo<'a>,
    /// The largest images of the Node: at most 50, unless the kubelet is configured otherwise.
    #[serde(borrow)]
    pub images: UnreadImages<'a>,
}

/// The JSON text of `status.images`. Reading it takes as long as reading the rest of the Node.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct UnreadImages<'a>(Option<&'a str>);

impl<'de: 'a, 'a> Deserialize<'de> for UnreadImages<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        <&RawValue>::deserialize(deserializer).map(|text| Self(Some(text.get())))
    }
}

impl<'a> UnreadImages<'a> {
    /// The images.
    ///
    /// # Errors
    ///
    /// If the text is not a list of images.
    pub fn read(self) -> Result<Vec<NodeImage<'a>>, serde_json::Error> {
        let Some(text) = self.0 else { return Ok(Vec::new()) };
        items(&mut serde_json::Deserializer::from_str(text))
    }
}

/// One of `status.images`.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(remote = "Self", default)]
pub struct NodeImage<'a> {
    /// At most five names of the image, with tags and with digests.
    #[serde(borrow, deserialize_with = "items")]
    pub names: Vec<Text<'a>>,
}

/// One of `status.addresses`.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(remote = "Self", default)]
pub struct NodeAddress<'a> {
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
pub struct NodeCondition<'a> {
    /// The type.
    #[serde(rename = "type", borrow, deserialize_with = "or_default")]
    pub kind: Text<'a>,
    /// `True`, `False` or `Unknown`.
    #[serde(borrow, deserialize_with = "or_default")]
    pub status: Text<'a>,
    /// The reason, in one word.
    #[serde(borrow, deserialize_with = "or_default")]
    pub reason: Text<'a>,
    /// The reason, in one sentence.
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
    /// The UUID of the firmware.
    #[serde(rename = "systemUUID", borrow, deserialize_with = "or_default")]
    pub system_uuid: Text<'a>,
    /// Changes with every boot.
    #[serde(rename = "bootID", borrow, deserialize_with = "or_default")]
    pub boot_id: Text<'a>,
    /// As Go names it: `amd64`.
    #[serde(borrow, deserialize_with = "or_default")]
    pub architecture: Text<'a>,
    /// `linux` or `windows`.
    #[serde(borrow, deserialize_with = "or_default")]
    pub operating_system: Text<'a>,
    /// The distribution with its version, in one text.
    #[serde(borrow, deserialize_with = "or_default")]
    pub os_image: Text<'a>,
    /// As `uname -r` prints it.
    #[serde(borrow, deserialize_with = "or_default")]
    pub kernel_version: Text<'a>,
    /// With the name of the runtime: `containerd://1.7.1`.
    #[serde(borrow, deserialize_with = "or_default")]
    pub container_runtime_version: Text<'a>,
    /// The version of the kubelet.
    #[serde(borrow, deserialize_with = "or_default")]
    pub kubelet_version: Text<'a>,
    /// Often wrong, and no longer set by newer kubelets.
    #[serde(borrow, deserialize_with = "or_default")]
    pub kube_proxy_version: Text<'a>,
}

only_from_an_object!(
    Node<'de>,
    NodeSpec<'de>,
    NodeTaint<'de>,
    NodeStatus<'de>,
    NodeImage<'de>,
    NodeAddress<'de>,
    NodeCondition<'de>,
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
    fn missing_and_null_members_are_empty() {
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
    fn skips_unused_members() {
        let node = json!({
            "apiVersion": "v1", "kind": "Node",
            "metadata": {"annotations": {"a": "b"}, "managedFields": [{"fieldsV1": {"f:x": {}}}]},
            "spec": {"podCIDRs": ["10.0.0.0/24"]},
            "status": {"volumesAttached": [{}]},
        });
        assert_eq!(read(&node).unwrap(), Node::default());
    }

    #[test]
    fn reads_images_only_on_request() {
        let images = |images: Value| {
            let node = json!({"status": {"images": images}});
            read(&node).unwrap().status.images.read()
        };
        for empty in [json!(null), json!([]), json!([{"names": [null], "sizeBytes": 1}])] {
            assert_eq!(images(empty.clone()).unwrap(), [], "{empty}");
        }
        let names = images(json!([{"names": ["app:1"]}])).unwrap().remove(0).names;
        assert_eq!(names.iter().map(|name| &**name).collect::<Vec<_>>(), ["app:1"]);
        for other in [json!(["app"]), json!([{"names": "app"}]), json!({}), json!("app")] {
            assert!(images(other.clone()).is_err(), "{other}");
        }
    }

    #[test]
    fn rejects_members_of_another_json_type() {
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
