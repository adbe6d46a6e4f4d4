//! `metadata`, which every object has.

use std::collections::BTreeMap;
use std::fmt;

use serde::de::{Deserializer, IgnoredAny, MapAccess, Visitor};

use crate::json::{Text, items, only_from_an_object, or_default, texts};

/// The annotation of a pod that a kubelet made to mirror one of its own files.
const MIRROR: &str = "kubernetes.io/config.mirror";

/// `metadata`
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(remote = "Self", default, rename_all = "camelCase")]
pub struct Metadata<'a> {
    /// Unique among its kind in the namespace at one time.
    #[serde(borrow, deserialize_with = "or_default")]
    pub name: Text<'a>,
    /// Empty for what belongs to the cluster as a whole.
    #[serde(borrow, deserialize_with = "or_default")]
    pub namespace: Text<'a>,
    /// Unique in time as well.
    #[serde(borrow, deserialize_with = "or_default")]
    pub uid: Text<'a>,
    /// RFC 3339.
    #[serde(borrow, deserialize_with = "or_default")]
    pub creation_timestamp: Text<'a>,
    /// By key.
    #[serde(deserialize_with = "texts")]
    pub labels: BTreeMap<String, String>,
    /// What it belongs to, in the source's order.
    #[serde(borrow, deserialize_with = "items")]
    pub owner_references: Vec<OwnerReference<'a>>,
    /// Whether it mirrors a file of its node. No annotation is kept: `kubectl apply` writes the
    /// whole object into one, a secret's values too.
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
    /// Whether it manages the object. The others are there so that the object goes when they do.
    #[serde(deserialize_with = "or_default")]
    pub controller: bool,
}

only_from_an_object!(Metadata<'de>, OwnerReference<'de>);

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
