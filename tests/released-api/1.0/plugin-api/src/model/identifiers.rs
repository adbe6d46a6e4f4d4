//! The identities of a host or a guest.

use std::collections::BTreeMap;
use std::fmt;

use serde::Serialize;
use serde::de::{Deserialize, Deserializer, Error as _, MapAccess, Visitor};

/// Every identity that a source knows of one host or guest. UUIDs are canonical lower case;
/// where the source writes one otherwise, its own form stands under `raw<Name>`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Identifiers {
    /// The hardware's or machine's UUID (SMBIOS, libvirt's host UUID).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uuid: Option<String>,
    /// The operating system's `/etc/machine-id`, verbatim.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub machine_id: Option<String>,
    /// The system UUID as the node's own agent reports it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub system_uuid: Option<String>,
    /// The UID of the Kubernetes object.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kubernetes_uid: Option<String>,
    /// The managed object of a vCenter.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub managed_object: Option<String>,
    /// The instance id that a cloud gave it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instance_id: Option<String>,
    /// An older identity under which a Manager may still know the same object.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub previous: Option<String>,
    /// Any further identity, by name.
    #[serde(flatten)]
    pub other: BTreeMap<String, String>,
}

impl Identifiers {
    /// Whether none is known.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// What serde derives for a flattened member reads every identity into a tree first, which takes
/// as long as the rest of a host.
impl<'de> Deserialize<'de> for Identifiers {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct ByName;

        impl<'de> Visitor<'de> for ByName {
            type Value = Identifiers;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("identities by name")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Identifiers, A::Error> {
                let mut read = Identifiers::default();
                while let Some(name) = map.next_key::<String>()? {
                    let (known, name) = match name.as_str() {
                        "uuid" => (&mut read.uuid, "uuid"),
                        "machineId" => (&mut read.machine_id, "machineId"),
                        "systemUuid" => (&mut read.system_uuid, "systemUuid"),
                        "kubernetesUid" => (&mut read.kubernetes_uid, "kubernetesUid"),
                        "managedObject" => (&mut read.managed_object, "managedObject"),
                        "instanceId" => (&mut read.instance_id, "instanceId"),
                        "previous" => (&mut read.previous, "previous"),
                        _ => {
                            read.other.insert(name, map.next_value()?);
                            continue;
                        }
                    };
                    if known.is_some() {
                        return Err(A::Error::duplicate_field(name));
                    }
                    *known = map.next_value()?;
                }
                Ok(read)
            }
        }

        deserializer.deserialize_map(ByName)
    }
}

#[cfg(test)]
mod tests {
    use super::Identifiers;

    #[test]
    fn every_identity_that_is_written_is_read_again() {
        let text = |name: &str| Some(format!("own {name}"));
        let all = Identifiers {
            uuid: text("uuid"),
            machine_id: text("machine_id"),
            system_uuid: text("system_uuid"),
            kubernetes_uid: text("kubernetes_uid"),
            managed_object: text("managed_object"),
            instance_id: text("instance_id"),
            previous: text("previous"),
            other: [("bootId".to_owned(), "b".to_owned())].into(),
        };
        let json = serde_json::to_value(&all).expect("JSON");
        assert_eq!(json.as_object().expect("an object").len(), 8);
        assert_eq!(serde_json::from_value::<Identifiers>(json).expect("identities"), all);
        let read = serde_json::from_str::<Identifiers>("{}").expect("identities");
        assert!(read.is_empty());
    }

    #[test]
    fn a_null_is_no_identity_and_one_name_stands_there_once() {
        let read = serde_json::from_str::<Identifiers>(r#"{"uuid":null}"#).expect("identities");
        assert!(read.is_empty());
        for json in [r#"{"uuid":"a","uuid":"b"}"#, r#"{"uuid":1}"#, r#"{"x":null}"#, "[]"] {
            assert!(serde_json::from_str::<Identifiers>(json).is_err(), "{json}");
        }
    }
}
