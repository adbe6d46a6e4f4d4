//! The identifiers of a host or a guest.

use std::collections::BTreeMap;
use std::fmt;

use serde::Serialize;
use serde::de::{Deserialize, Deserializer, Error as _, MapAccess, Visitor};

/// All identifiers of one host or guest that the source reports. UUIDs are in canonical lower case;
/// if the source's own form differs, it is added as `raw<Name>`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Identifiers {
    /// The UUID of the hardware or machine (SMBIOS, libvirt's host UUID).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uuid: Option<String>,
    /// The operating system's `/etc/machine-id`, verbatim.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub machine_id: Option<String>,
    /// The system UUID as the agent on the node reports it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub system_uuid: Option<String>,
    /// The UID of the Kubernetes object.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kubernetes_uid: Option<String>,
    /// The managed object id in a vCenter.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub managed_object: Option<String>,
    /// The instance id in a cloud.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instance_id: Option<String>,
    /// An older identifier by which a Manager may still know the object.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub previous: Option<String>,
    /// Further identifiers, by name.
    #[serde(flatten)]
    pub other: BTreeMap<String, String>,
}

impl Identifiers {
    /// Whether there are no identifiers.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// All identifiers, without their names.
    pub fn values(&self) -> impl Iterator<Item = &str> {
        let Self {
            uuid,
            machine_id,
            system_uuid,
            kubernetes_uid,
            managed_object,
            instance_id,
            previous,
            other,
        } = self;
        let known =
            [uuid, machine_id, system_uuid, kubernetes_uid, managed_object, instance_id, previous];
        known.into_iter().flatten().chain(other.values()).map(String::as_str)
    }
}

/// Written by hand because the code that serde derives for a flattened member first reads all
/// identifiers into a tree, which takes as long as the rest of a host.
impl<'de> Deserialize<'de> for Identifiers {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct IdentifiersVisitor;

        impl<'de> Visitor<'de> for IdentifiersVisitor {
            type Value = Identifiers;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object of identifiers")
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

        deserializer.deserialize_map(IdentifiersVisitor)
    }
}

#[cfg(test)]
mod tests {
    use super::Identifiers;

    #[test]
    fn identifiers_survive_a_round_trip() {
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
        assert_eq!(serde_json::from_value::<Identifiers>(json).expect("identifiers"), all);
        let read = serde_json::from_str::<Identifiers>("{}").expect("identifiers");
        assert!(read.is_empty());
    }

    #[test]
    fn accepts_null_and_rejects_duplicates_and_wrong_types() {
        let read = serde_json::from_str::<Identifiers>(r#"{"uuid":null}"#).expect("identifiers");
        assert!(read.is_empty());
        for json in [r#"{"uuid":"a","uuid":"b"}"#, r#"{"uuid":1}"#, r#"{"x":null}"#, "[]"] {
            assert!(serde_json::from_str::<Identifiers>(json).is_err(), "{json}");
        }
    }
}
