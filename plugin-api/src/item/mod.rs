//! Items of optional collections, which a plugin sends besides hosts and their guests.

mod collection;

use serde::{Deserialize, Serialize};

use crate::encode::json_length;
use crate::model::{
    ConfigMap, Controller, Guest, Namespace, Pod, SecretKeys, Service, ServiceAccount,
};

pub use collection::{COLLECTIONS, Collection};
pub(crate) use collection::{check_known, shown};

/// An item of an optional collection.
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
    /// An item of `namespaces`.
    Namespace(Namespace),
    /// An item of `service-accounts`.
    ServiceAccount(ServiceAccount),
    /// An item of `controllers`.
    Controller(Controller),
    /// An item of `pods`.
    Pod(Box<Pod>),
    /// An item of `services`.
    Service(Service),
    /// An item of `config-maps`.
    ConfigMap(ConfigMap),
    /// An item of `secrets`.
    Secret(SecretKeys),
    /// An item of `virtual-machines`: a guest that is not on a host. Send a guest that is on a host
    /// with [`Context::guest`](crate::Context::guest).
    DetachedGuest(Box<Guest>),
}

impl Item {
    /// The item's name, for messages.
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

    /// Removes the list entries that do not fit into one record, and returns them as further items
    /// that have only the uid and some of the entries.
    pub(crate) fn split_off(&mut self) -> Vec<Self> {
        match self {
            Self::Service(item) => split_list(item.pods.as_mut(), |pods| {
                let uid = item.uid.clone();
                Self::Service(Service { uid, pods: Some(pods), ..Service::default() })
            }),
            Self::ConfigMap(item) => {
                let uid = item.uid.clone();
                let with_uid = || ConfigMap { uid: uid.clone(), ..ConfigMap::default() };
                let mut pieces = split_list(Some(&mut item.keys), |keys| {
                    Self::ConfigMap(ConfigMap { keys, ..with_uid() })
                });
                pieces.extend(split_list(item.used_by.as_mut(), |uses| {
                    Self::ConfigMap(ConfigMap { used_by: Some(uses), ..with_uid() })
                }));
                pieces
            }
            Self::Secret(item) => {
                let uid = item.uid.clone();
                let with_uid = || SecretKeys { uid: uid.clone(), ..SecretKeys::default() };
                let mut pieces = split_list(Some(&mut item.keys), |keys| {
                    Self::Secret(SecretKeys { keys, ..with_uid() })
                });
                pieces.extend(split_list(item.used_by.as_mut(), |uses| {
                    Self::Secret(SecretKeys { used_by: Some(uses), ..with_uid() })
                }));
                pieces
            }
            _ => Vec::new(),
        }
    }
}

/// The name of the collection of detached guests.
#[deprecated(since = "1.1.0", note = "use `Collection::VirtualMachines`")]
pub const VIRTUAL_MACHINES: &str = Collection::VirtualMachines.as_str();

/// The maximum number of entries of one list in one record, for an item that is longer than
/// [`PIECE_BYTES`].
const PIECE_ENTRIES: usize = 100;

/// An item with up to this many bytes of JSON is sent as one record. If an item is longer, the entries
/// of one list in one record have at most this many bytes together. An item has at most two such
/// lists, which leaves room for its other members within the limit of a record.
pub(crate) const PIECE_BYTES: usize = 256 * 1024;

/// Truncates a list to the entries of the first record, and makes a piece of each further group of
/// entries. Each piece has at least one entry.
fn split_list<T: Serialize>(
    list: Option<&mut Vec<T>>,
    mut make_piece: impl FnMut(Vec<T>) -> Item,
) -> Vec<Item> {
    let mut pieces = Vec::new();
    let Some(list) = list else { return pieces };
    let end = piece_len(list);
    if end == list.len() {
        return pieces;
    }
    let mut rest = list.split_off(end).into_iter();
    while rest.len() > 0 {
        let end = piece_len(rest.as_slice());
        pieces.push(make_piece(rest.by_ref().take(end).collect()));
    }
    pieces
}

/// The number of entries at the start of the list that fit into one piece; at least one, unless the
/// list is empty.
fn piece_len<T: Serialize>(list: &[T]) -> usize {
    let mut bytes = 0;
    let fits = |entry: &&T| {
        // One more for the comma.
        bytes += json_length(entry) + 1;
        bytes <= PIECE_BYTES
    };
    list.iter().take(PIECE_ENTRIES).take_while(fits).count().max(1).min(list.len())
}

macro_rules! impl_from {
    ($($from:ty => $variant:ident $boxed:expr;)+) => { $(
        impl From<$from> for Item {
            fn from(item: $from) -> Self {
                let wrap: fn($from) -> _ = $boxed;
                Self::$variant(wrap(item))
            }
        }
    )+ };
}

impl_from! {
    Namespace => Namespace std::convert::identity;
    ServiceAccount => ServiceAccount std::convert::identity;
    Controller => Controller std::convert::identity;
    Pod => Pod Box::new;
    Service => Service std::convert::identity;
    ConfigMap => ConfigMap std::convert::identity;
    SecretKeys => Secret std::convert::identity;
}

#[cfg(test)]
mod splitting_tests;
