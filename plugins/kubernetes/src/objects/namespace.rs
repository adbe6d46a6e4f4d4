//! A Namespace of core/v1.

use crate::json::{Text, only_from_an_object, or_default};

use super::ObjectMeta;

/// A Namespace.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(remote = "Self", default)]
pub struct Namespace<'a> {
    /// The metadata.
    #[serde(borrow, deserialize_with = "or_default")]
    pub metadata: ObjectMeta<'a>,
    /// The observed state.
    #[serde(borrow, deserialize_with = "or_default")]
    pub status: NamespaceStatus<'a>,
}

/// `status`
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(remote = "Self", default)]
pub struct NamespaceStatus<'a> {
    /// `Active` or `Terminating`.
    #[serde(borrow, deserialize_with = "or_default")]
    pub phase: Text<'a>,
}

only_from_an_object!(Namespace<'de>, NamespaceStatus<'de>);
