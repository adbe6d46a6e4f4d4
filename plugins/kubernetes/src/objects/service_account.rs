//! A ServiceAccount of core/v1.

use crate::json::{only_from_an_object, or_default};

use super::ObjectMeta;

/// A ServiceAccount.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(remote = "Self", default)]
pub struct ServiceAccount<'a> {
    /// The metadata.
    #[serde(borrow, deserialize_with = "or_default")]
    pub metadata: ObjectMeta<'a>,
}

only_from_an_object!(ServiceAccount<'de>);
