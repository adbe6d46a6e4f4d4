//! `metadata`, which is the same for every object.

use std::collections::BTreeMap;
use std::fmt;

use serde::de::{Deserializer, IgnoredAny, MapAccess, Visitor};

use crate::json::{Text, items, only_from_an_object, or_default, texts};

/// The annotation of a mirror pod, which a kubelet creates for a pod that is defined in one of its files.
const MIRROR: &str = "kubernetes.io/config.mirror";

/// `metadata`
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(remote = "Self", default, rename_all = "camelCase")]
pub struct ObjectMeta<'a> {
    /// Unique per kind and namespace at any one time.
    #[serde(borrow, deserialize_with = "or_default")]
    pub name: Text<'a>,
    /// Empty for objects that are not in a namespace.
    #[serde(borrow, deserialize_with = "or_default")]
    pub namespace: Text<'a>,
    /// Unique for all time.
    #[serde(borrow, deserialize_with = "or_default")]
    pub uid: Text<'a>,
    /// RFC 3339.
    #[serde(borrow, deserialize_with = "or_default")]
    pub creation_timestamp: Text<'a>,
    /// RFC 3339. Empty unless the object is being deleted.
    #[serde(borrow, deserialize_with = "or_default")]
    pub deletion_timestamp: Text<'a>,
    /// By key.
    #[serde(deserialize_with = "texts")]
    pub labels: BTreeMap<String, String>,
    /// The owners, in the order of the source.
    #[serde(borrow, deserialize_with = "items")]
    pub owner_references: Vec<OwnerReference<'a>>,
    /// Whether the object is a mirror pod. No annotation itself is kept: `kubectl apply` stores the whole
    /// object in one, including the values of a secret.
    #[serde(rename = "annotations", deserialize_with = "is_mirror")]
    pub mirror: bool,
}

/// One of `metadata.ownerReferences`.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(remote = "Self", default)]
pub struct OwnerReference<'a> {
    /// Group and version: `apps/v1`.
    #[serde(rename = "apiVersion", borrow, deserialize_with = "or_default")]
    pub api_version: Text<'a>,
    /// The kind: `ReplicaSet`.
    #[serde(borrow, deserialize_with = "or_default")]
    pub kind: Text<'a>,
    /// The name.
    #[serde(borrow, deserialize_with = "or_default")]
    pub name: Text<'a>,
    /// The UID.
    #[serde(borrow, deserialize_with = "or_default")]
    pub uid: Text<'a>,
    /// Whether this owner controls the object. Other owners only matter for garbage collection.
    #[serde(deserialize_with = "or_default")]
    pub controller: bool,
}

only_from_an_object!(ObjectMeta<'de>, OwnerReference<'de>);

fn is_mirror<'de, D: Deserializer<'de>>(deserializer: D) -> Result<bool, D::Error> {
    struct Annotations;

    impl<'de> Visitor<'de> for Annotations {
        type Value = bool;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("an object")
        }

        fn visit_unit<E>(self) -> Result<bool, E> {
            Ok(false)
        }

        fn visit_map<A: MapAccess<'de>>(self, mut annotations: A) -> Result<bool, A::Error> {
            let mut found = false;
            while let Some(key) = annotations.next_key::<Text<'de>>()? {
                if &*key == MIRROR {
                    found = annotations.next_value::<Option<IgnoredAny>>()?.is_some();
                } else {
                    annotations.next_value::<IgnoredAny>()?;
                }
            }
            Ok(found)
        }
    }

    deserializer.deserialize_any(Annotations)
}
