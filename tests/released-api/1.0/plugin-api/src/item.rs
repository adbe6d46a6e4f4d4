//! What a plugin hands over besides hosts and their guests: items of optional collections.

use serde::{Deserialize, Serialize};

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
            Self::ConfigMap(item) => pieces(item.used_by.as_mut(), |uses| {
                let uid = item.uid.clone();
                Self::ConfigMap(ConfigMap { uid, used_by: Some(uses), ..ConfigMap::default() })
            }),
            Self::Secret(item) => pieces(item.used_by.as_mut(), |uses| {
                let uid = item.uid.clone();
                Self::Secret(SecretKeys { uid, used_by: Some(uses), ..SecretKeys::default() })
            }),
            _ => Vec::new(),
        }
    }
}

/// The collection of guests. Where it is not whole, no guest of the endpoint is known for sure.
pub const VIRTUAL_MACHINES: &str = "virtual-machines";

/// How many entries of a list go into one record. Each has some texts of at most a few KiB.
const PIECE: usize = 100;

fn pieces<T>(list: Option<&mut Vec<T>>, mut piece: impl FnMut(Vec<T>) -> Item) -> Vec<Item> {
    let mut pieces = Vec::new();
    let Some(list) = list else { return pieces };
    if list.len() > PIECE {
        let mut rest = list.split_off(PIECE).into_iter();
        while rest.len() > 0 {
            pieces.push(piece(rest.by_ref().take(PIECE).collect()));
        }
    }
    pieces
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
mod tests {
    use super::{Item, PIECE};
    use crate::model::{PodReference, Service};

    #[test]
    fn a_long_list_goes_into_several_records_and_nothing_of_it_is_lost() {
        for count in [0, 1, PIECE, PIECE + 1, 10 * PIECE + 3] {
            let pods: Vec<_> = (0..count)
                .map(|n| PodReference { name: n.to_string(), uid: n.to_string() })
                .collect();
            let service =
                Service { uid: "s".into(), pods: Some(pods.clone()), ..Service::default() };
            let mut item = Item::from(service);
            let mut together = Vec::new();
            let rest = item.split_off();
            for part in std::iter::once(item).chain(rest) {
                let Item::Service(part) = part else { panic!("a service") };
                let part_pods = part.pods.expect("its pods");
                assert!(part_pods.len() <= PIECE && part.uid == "s");
                together.extend(part_pods);
            }
            assert_eq!(together, pods);
        }
    }
}
