//! What a plugin hands over besides hosts and their guests: items of optional collections.

use serde::{Deserialize, Serialize};

use crate::encode::json_length;
use crate::model::{
    ConfigMap, Controller, Guest, Namespace, Pod, SecretKeys, Service, ServiceAccount,
};

/// One item of an optional collection.
///
/// ```
/// use gatherer_plugin_api::Item;
/// use gatherer_plugin_api::model::Pod;
/// assert_eq!(Item::from(Pod::default()).collection(), "pods");
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub enum Item {
    /// Of `namespaces`.
    Namespace(Namespace),
    /// Of `service-accounts`.
    ServiceAccount(ServiceAccount),
    /// Of `controllers`.
    Controller(Controller),
    /// Of `pods`.
    Pod(Box<Pod>),
    /// Of `services`.
    Service(Service),
    /// Of `config-maps`.
    ConfigMap(ConfigMap),
    /// Of `secrets`.
    Secret(SecretKeys),
    /// Of `virtual-machines`: a guest on no host. One that has a host is handed over as every
    /// host's guests are.
    DetachedGuest(Box<Guest>),
}

impl Item {
    /// The collection that it is of.
    pub fn collection(&self) -> &'static str {
        match self {
            Self::Namespace(_) => "namespaces",
            Self::ServiceAccount(_) => "service-accounts",
            Self::Controller(_) => "controllers",
            Self::Pod(_) => "pods",
            Self::Service(_) => "services",
            Self::ConfigMap(_) => "config-maps",
            Self::Secret(_) => "secrets",
            Self::DetachedGuest(_) => VIRTUAL_MACHINES,
        }
    }

    /// Its name, for messages.
    pub fn name(&self) -> &str {
        match self {
            Self::Namespace(item) => &item.name,
            Self::ServiceAccount(item) => &item.name,
            Self::Controller(item) => &item.name,
            Self::Pod(item) => &item.name,
            Self::Service(item) => &item.name,
            Self::ConfigMap(item) => &item.name,
            Self::Secret(item) => &item.name,
            Self::DetachedGuest(item) => &item.name,
        }
    }

    /// What of it is too much for one record, in pieces, each an item that has nothing but its uid
    /// and the piece.
    pub(crate) fn split_off(&mut self) -> Vec<Self> {
        match self {
            Self::Service(item) => pieces(item.pods.as_mut(), |pods| {
                let uid = item.uid.clone();
                Self::Service(Service { uid, pods: Some(pods), ..Service::default() })
            }),
            Self::ConfigMap(item) => {
                let uid = item.uid.clone();
                let piece = || ConfigMap { uid: uid.clone(), ..ConfigMap::default() };
                let mut more = pieces(Some(&mut item.keys), |keys| {
                    Self::ConfigMap(ConfigMap { keys, ..piece() })
                });
                more.extend(pieces(item.used_by.as_mut(), |uses| {
                    Self::ConfigMap(ConfigMap { used_by: Some(uses), ..piece() })
                }));
                more
            }
            Self::Secret(item) => {
                let uid = item.uid.clone();
                let piece = || SecretKeys { uid: uid.clone(), ..SecretKeys::default() };
                let mut more = pieces(Some(&mut item.keys), |keys| {
                    Self::Secret(SecretKeys { keys, ..piece() })
                });
                more.extend(pieces(item.used_by.as_mut(), |uses| {
                    Self::Secret(SecretKeys { used_by: Some(uses), ..piece() })
                }));
                more
            }
            _ => Vec::new(),
        }
    }
}

/// The collection of guests. Where it is not whole, no guest of the endpoint is known for sure.
pub const VIRTUAL_MACHINES: &str = "virtual-machines";

/// The names of the collections that items are of.
pub const COLLECTIONS: &[&str] = &[
    "namespaces",
    "service-accounts",
    "controllers",
    "pods",
    "services",
    "config-maps",
    "secrets",
    VIRTUAL_MACHINES,
];

/// How many entries of a list go into one record at most, of an item that is longer than
/// [`PIECE_BYTES`].
const PIECE: usize = 100;

/// Up to how many bytes of JSON an item is one record. The entries of a list that go into one record
/// of a longer item have no more together; an item has two such lists at most, so that there is room
/// for the rest of it.
pub(crate) const PIECE_BYTES: usize = 256 * 1024;

/// Leaves in the list what goes into the first record. Each piece has one entry at least.
fn pieces<T: Serialize>(
    list: Option<&mut Vec<T>>,
    mut piece: impl FnMut(Vec<T>) -> Item,
) -> Vec<Item> {
    let mut pieces = Vec::new();
    let Some(list) = list else { return pieces };
    let end = end_of_piece(list);
    if end == list.len() {
        return pieces;
    }
    let mut rest = list.split_off(end).into_iter();
    while rest.len() > 0 {
        let end = end_of_piece(rest.as_slice());
        pieces.push(piece(rest.by_ref().take(end).collect()));
    }
    pieces
}

/// How many entries from the first on make a piece.
fn end_of_piece<T: Serialize>(list: &[T]) -> usize {
    let mut bytes = 0;
    let fits = |entry: &&T| {
        // With a comma.
        bytes += json_length(entry) + 1;
        bytes <= PIECE_BYTES
    };
    list.iter().take(PIECE).take_while(fits).count().max(1).min(list.len())
}

macro_rules! from {
    ($($from:ty => $variant:ident $boxed:expr;)+) => { $(
        impl From<$from> for Item {
            fn from(item: $from) -> Self {
                let wrap: fn($from) -> _ = $boxed;
                Self::$variant(wrap(item))
            }
        }
    )+ };
}

from! {
    Namespace => Namespace std::convert::identity;
    ServiceAccount => ServiceAccount std::convert::identity;
    Controller => Controller std::convert::identity;
    Pod => Pod Box::new;
    Service => Service std::convert::identity;
    ConfigMap => ConfigMap std::convert::identity;
    SecretKeys => Secret std::convert::identity;
}

#[cfg(test)]
mod tests;
