//! The optional collections: one table with the names of each.

use std::fmt;

use super::Item;
use crate::{API_VERSION, GatherError};

/// Defines [`Collection`], and what [`Item`] needs to know of it, from the table below.
macro_rules! collections {
    ($($item:ident in $collection:ident: $name:literal, $list:literal, $noun:literal, $api:literal;)+) => {
        /// An optional collection of an endpoint. A plugin ends it with
        /// [`Context::collection_end`](crate::Context::collection_end), and the inventory records
        /// under its name whether it is complete.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[non_exhaustive]
        pub enum Collection {
            $(#[doc = concat!("`", $name, "`")] $collection,)+
        }

        impl Collection {
            /// All collections.
            pub const ALL: &'static [Self] = &[$(Self::$collection),+];

            /// The name in records and in `collections` of the inventory: `config-maps`.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$collection => $name),+ }
            }

            /// The member of the inventory that lists the items: `configMaps`.
            pub const fn list(self) -> &'static str {
                match self { $(Self::$collection => $list),+ }
            }

            /// The oldest plugin API that has the collection: a plugin that sends it needs at least this
            /// `minimumApi`.
            pub const fn minimum_api(self) -> &'static str {
                match self { $(Self::$collection => $api),+ }
            }

            /// One item in messages: `config map`. The plural has an `s`.
            pub const fn noun(self) -> &'static str {
                match self { $(Self::$collection => $noun),+ }
            }
        }

        /// The names of all collections.
        pub const COLLECTIONS: &[&str] = &[$($name),+];

        impl Item {
            /// The name of the item's collection.
            pub fn collection(&self) -> &'static str {
                match self { $(Self::$item(_) => $name),+ }
            }
        }
    };
}

// The variant of `Item`, the collection, its name, the list of its items, the noun for one item, and the oldest
// plugin API that has it.
collections! {
    Namespace in Namespaces: "namespaces", "namespaces", "namespace", "1.0.0";
    ServiceAccount in ServiceAccounts: "service-accounts", "serviceAccounts", "service account", "1.0.0";
    Controller in Controllers: "controllers", "controllers", "controller", "1.0.0";
    Pod in Pods: "pods", "pods", "pod", "1.0.0";
    Service in Services: "services", "services", "service", "1.0.0";
    ConfigMap in ConfigMaps: "config-maps", "configMaps", "config map", "1.0.0";
    Secret in Secrets: "secrets", "secrets", "secret", "1.0.0";
    DetachedGuest in VirtualMachines: "virtual-machines", "detachedGuests", "detached guest", "1.0.0";
}

impl Collection {
    /// The collection with this name; `None` if this version of the API does not have it.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|collection| collection.as_str() == name)
    }

    /// The collection with this name or this list: `config-maps` and `configMaps` are the same.
    pub fn from_name_or_list(name: &str) -> Option<Self> {
        Self::ALL
            .iter()
            .copied()
            .find(|collection| collection.as_str() == name || collection.list() == name)
    }
}

/// Returns an error unless a collection with this name exists.
pub(crate) fn check_known(name: &str) -> Result<(), GatherError> {
    if Collection::from_name(name).is_some() {
        return Ok(());
    }
    let known = Collection::ALL.iter().map(|known| format!("{known} {}", known.minimum_api()));
    Err(GatherError::protocol(format!(
        "the plugin ended or restarted the collection {}, which plugin API {API_VERSION} does not have; it \
         has, each with the minimumApi that it needs: {}",
        shown(name),
        known.collect::<Vec<_>>().join(", ")
    ))
    .with_hint("correct the name; for a collection of a later plugin API, raise minimumApi in the manifest"))
}

/// A name of a collection for a message: in quotes, and truncated if it is long.
pub(crate) fn shown(name: &str) -> String {
    format!("{:?}", name.chars().take(100).collect::<String>())
}

impl fmt::Display for Collection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl From<Collection> for String {
    fn from(collection: Collection) -> Self {
        collection.as_str().to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::{COLLECTIONS, Collection, check_known};
    use crate::model::{
        ConfigMap, Controller, EndpointResult, Guest, Namespace, Pod, SecretKeys, Service,
        ServiceAccount, Workloads,
    };
    use crate::{API_VERSION, Item};

    #[test]
    fn every_collection_has_an_item_and_a_list_in_the_inventory() {
        let items = [
            Item::from(Namespace::default()),
            ServiceAccount::default().into(),
            Controller::default().into(),
            Pod::default().into(),
            Service::default().into(),
            ConfigMap::default().into(),
            SecretKeys::default().into(),
            Item::DetachedGuest(Box::new(Guest::new("i", "n"))),
        ];
        assert_eq!(items.each_ref().map(Item::collection), COLLECTIONS);

        let mut endpoint = EndpointResult::new("e".into(), None, None);
        endpoint.detached_guests = vec![Guest::new("i", "n")];
        endpoint.workloads = Workloads {
            namespaces: vec![Namespace::default()],
            service_accounts: vec![ServiceAccount::default()],
            controllers: vec![Controller::default()],
            pods: vec![Pod::default()],
            services: vec![Service::default()],
            config_maps: vec![ConfigMap::default()],
            secrets: vec![SecretKeys::default()],
        };
        let json = serde_json::to_value(endpoint).expect("JSON");
        for collection in Collection::ALL {
            let in_workloads = json["workloads"].get(collection.list()).is_some();
            assert_ne!(in_workloads, json.get(collection.list()).is_some(), "{collection}");
        }
        assert_eq!(json["workloads"].as_object().map(serde_json::Map::len), Some(items.len() - 1));
    }

    #[test]
    fn a_collection_is_found_by_its_name() {
        for collection in Collection::ALL {
            assert_eq!(Collection::from_name(collection.as_str()), Some(*collection));
            for name in [collection.as_str(), collection.list()] {
                assert_eq!(Collection::from_name_or_list(name), Some(*collection));
            }
        }
        assert_eq!(Collection::from_name("configMaps"), None);
        assert_eq!(Collection::from_name("ingress-classes"), None);
        assert_eq!(Collection::from_name_or_list("ingressClasses"), None);
    }

    #[test]
    fn an_unknown_collection_is_refused_with_the_list_of_the_known_ones() {
        for collection in Collection::ALL {
            assert_eq!(check_known(collection.as_str()), Ok(()));
            let numbers = |version: &str| -> Vec<u32> {
                version.split('.').map(|number| number.parse().expect("a number")).collect()
            };
            assert!(numbers(collection.minimum_api()) <= numbers(API_VERSION), "{collection}");
        }
        let error = check_known("pod").expect_err("unknown");
        assert!(COLLECTIONS.iter().all(|known| error.message.contains(known)), "{error}");
        assert!(error.message.contains("\"pod\"") && error.message.contains("1.0.0"), "{error}");
    }
}
