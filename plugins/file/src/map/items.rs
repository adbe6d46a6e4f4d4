//! Reads the items of an inventory's optional collections.

use gatherer_plugin_api::model::{
    ConfigMap, Controller, Guest, Namespace, Pod, SecretKeys, Service, ServiceAccount,
};
use gatherer_plugin_api::{Collection, ErrorKind, GatherError, Item};
use gatherer_plugin_support::json::{Json, member, quote};
use serde::de::DeserializeOwned;

use super::format::wrong_type;
use super::members::{deserialize, take_ignored};
use super::warnings::Warnings;

/// A list of items in an endpoint.
pub struct ItemList {
    /// The collection, which says whether the list is complete.
    collection: Collection,
    read: fn(Json, &ItemList, &str, &mut Warnings) -> Result<Item, GatherError>,
}

const fn list<T: DeserializeOwned + Into<Item>>(collection: Collection) -> ItemList {
    ItemList {
        collection,
        read: |value, list, subject, warnings| {
            read_item::<T>(value, list, subject, warnings, T::into)
        },
    }
}

/// The lists of `workloads`.
const WORKLOADS: [ItemList; 7] = [
    list::<Namespace>(Collection::Namespaces),
    list::<ServiceAccount>(Collection::ServiceAccounts),
    list::<Controller>(Collection::Controllers),
    list::<Pod>(Collection::Pods),
    list::<Service>(Collection::Services),
    list::<ConfigMap>(Collection::ConfigMaps),
    list::<SecretKeys>(Collection::Secrets),
];

/// The list of guests without a host, which is a member of the endpoint itself.
pub const DETACHED_GUESTS: ItemList = ItemList {
    collection: Collection::VirtualMachines,
    read: |value, list, subject, warnings| {
        read_item::<Guest>(value, list, subject, warnings, |guest| {
            Item::DetachedGuest(Box::new(guest))
        })
    },
};

/// Reads one item. `subject` names it in errors.
fn read_item<T: DeserializeOwned>(
    value: Json,
    list: &ItemList,
    subject: &str,
    warnings: &mut Warnings,
    wrap: impl Fn(T) -> Item,
) -> Result<Item, GatherError> {
    let Json::Object(mut members) = value else {
        return Err(wrong_type(subject, "an object", &value));
    };
    take_ignored::<T>(&mut members, list.collection.noun(), subject, warnings)?;
    Ok(wrap(deserialize(Json::Object(members), subject)?))
}

/// The list of `workloads` with this name; `None` if this release does not know it.
pub fn workload(member: &str) -> Option<&'static ItemList> {
    const LISTS: &[ItemList] = &WORKLOADS;
    LISTS.iter().find(|list| list.collection.list() == member)
}

/// The collection of a list that this release does not know, named like those of known lists:
/// `ingress-classes` for `ingressClasses`.
pub fn collection_of_unknown(member: &str) -> String {
    let mut name = String::new();
    for letter in member.chars() {
        if letter.is_ascii_uppercase() {
            name.push('-');
        }
        name.push(letter.to_ascii_lowercase());
    }
    name
}

/// The name of a collection that a document may list under the name of its list, if the document also has this name.
pub fn collection_name(name: &str, has: impl Fn(&str) -> bool) -> String {
    if let Some(collection) = Collection::from_name_or_list(name) {
        return collection.into();
    }
    let own = collection_of_unknown(name);
    if has(&own) { own } else { name.to_owned() }
}

/// The error of a collection whose items this release does not know.
pub fn unsupported(member: &str, endpoint: &str) -> GatherError {
    unsupported_collection(&format!("the list {member} of {endpoint}"))
}

/// The error of a collection that this release does not know.
pub fn unsupported_collection(subject: &str) -> GatherError {
    let message = format!("this release does not support {subject}");
    GatherError::new(ErrorKind::Unsupported, message)
        .with_hint("read the document with the release that wrote it")
}

impl ItemList {
    /// Reads the items one at a time. `endpoint` names the endpoint in messages.
    pub fn read<'a>(
        &'a self,
        items: Vec<Json>,
        endpoint: &'a str,
        warnings: &'a mut Warnings,
    ) -> impl Iterator<Item = Result<Item, GatherError>> + 'a {
        items.into_iter().enumerate().map(move |(index, value)| {
            let subject = format!("{} {} of {endpoint}", self.collection.noun(), index + 1);
            (self.read)(value, self, &subject, warnings)
        })
    }

    /// Whether the list's collection is complete. An endpoint without that collection is an error.
    pub fn is_complete(
        &self,
        collections: Option<&Json>,
        endpoint: &str,
    ) -> Result<bool, GatherError> {
        let collections = match collections {
            Some(Json::Object(collections)) => collections.as_slice(),
            _ => &[],
        };
        // The status is listed under both names, or under one of them.
        let names = [self.collection.as_str(), self.collection.list()];
        let statuses: Vec<&Json> =
            names.iter().filter_map(|name| member(collections, name)).collect();
        if statuses.is_empty() {
            let name = quote(self.collection.as_str());
            return Err(GatherError::protocol(format!(
                "{endpoint} has `{}`, but {name} is missing in its `collections`",
                self.collection.list()
            ))
            .with_hint("`collections` must say whether each list is complete"));
        }
        Ok(statuses.into_iter().all(|status| {
            let has_error = !matches!(status.get("error"), None | Some(Json::Null));
            matches!(status.get("status"), Some(Json::Text(text)) if text == "complete")
                && !has_error
        }))
    }
}

#[cfg(test)]
mod tests {
    use gatherer_plugin_api::ErrorKind;
    use gatherer_plugin_api::model::Workloads;

    use super::super::members::known;
    use super::super::{Document, read};
    use super::{WORKLOADS, collection_of_unknown};

    fn document(endpoints: &str) -> Document {
        let text = format!(r#"{{"schemaVersion": "1.1", "endpoints": [{endpoints}]}}"#);
        read(text).expect("a valid document")
    }

    fn error(members: &str) -> (ErrorKind, String) {
        let text = format!(
            r#"{{"schemaVersion": "1.1", "endpoints": [
                {{"id": "e", "status": "complete", "hosts": [], {members}}}]}}"#
        );
        let error = read(text).expect_err("an invalid document");
        (error.kind, error.message)
    }

    fn endpoint(id: &str, members: &str) -> String {
        format!(r#"{{"id": "{id}", "status": "complete", "hosts": [], {members}}}"#)
    }

    fn uids(document: &Document) -> Vec<(&'static str, String)> {
        let items = document.items.iter();
        items.map(|item| (item.collection(), item.name().to_owned())).collect()
    }

    #[test]
    fn reads_every_list_of_the_model_into_the_collection_of_its_items() {
        let members: Vec<_> = WORKLOADS.iter().map(|list| list.collection.list()).collect();
        assert_eq!(members, known::<Workloads>());
        for list in &WORKLOADS {
            let (member, collection) = (list.collection.list(), list.collection.as_str());
            assert_eq!(collection_of_unknown(member), collection);
            let document = document(&endpoint(
                "e",
                &format!(
                    r#""workloads": {{"{member}": [{{"namespace": "n", "name": "a", "uid": "u",
                        "kind": "Job"}}]}},
                       "collections": {{"{collection}": {{"status": "complete"}}}}"#
                ),
            ));
            assert_eq!(uids(&document), [(collection, "a".to_owned())]);
            assert_eq!(document.summary.collections, [(collection.to_owned(), Ok(()))]);
        }
    }

    #[test]
    fn reads_guests_without_a_host() {
        let document = document(&endpoint(
            "e",
            r#""detachedGuests": [{"id": "1", "name": "vm", "state": "poweringOn"}],
               "collections": {"virtual-machines": {"status": "complete"}}"#,
        ));
        assert_eq!(uids(&document), [("virtual-machines", "vm".to_owned())]);
        assert!(document.hosts.is_empty());
    }

    #[test]
    fn items_of_several_endpoints_are_merged_without_loss() {
        let one = |id: &str, uid: &str, status: &str| {
            endpoint(
                id,
                &format!(
                    r#""collections": {{"pods": {{"status": "{status}"}}}}, "workloads": {{"pods":
                        [{{"namespace": "n", "name": "p", "uid": "{uid}"}}]}}"#
                ),
            )
        };
        let both =
            |status| document(&format!("{}, {}", one("a", "1", "complete"), one("b", "2", status)));
        assert_eq!(both("complete").items.len(), 2);
        assert_eq!(both("complete").summary.collections, [("pods".to_owned(), Ok(()))]);
        // The merged collection is incomplete, and the items of the failed one are dropped.
        let failed = both("failed");
        assert_eq!(failed.items.len(), 1);
        assert!(failed.summary.collections[0].1.is_err());
    }

    #[test]
    fn rejects_items_without_a_collection_but_accepts_empty_lists() {
        for members in [
            r#""workloads": {"pods": [{"namespace": "n", "name": "p", "uid": "u"}]}"#,
            r#""workloads": {"pods": [{"namespace": "n", "name": "p", "uid": "u"}]},
               "collections": {"services": {"status": "complete"}}"#,
            r#""detachedGuests": [{"name": "p"}], "collections": {}"#,
        ] {
            let (kind, message) = error(members);
            assert_eq!(kind, ErrorKind::Protocol);
            assert!(message.contains("`collections`"), "{message}");
        }
        let none = r#""workloads": {"pods": []}, "detachedGuests": []"#;
        assert_eq!(document(&endpoint("e", none)), Document::default());
    }

    #[test]
    fn an_invalid_item_is_named_and_not_quoted() {
        for (members, part) in [
            (
                r#""workloads": {"pods": [{"namespace": "n", "name": "hunter2", "uid": 1}]}"#,
                "pod 1",
            ),
            (r#""workloads": {"pods": {"hunter2": 1}}"#, "`pods` of the endpoint \"e\""),
            (r#""workloads": ["hunter2"]"#, "`workloads` of the endpoint \"e\""),
            (r#""detachedGuests": ["hunter2"]"#, "detached guest 1"),
        ] {
            let whole = r#"{"status": "complete"}"#;
            let (kind, message) = error(&format!(
                r#"{members}, "collections": {{"pods": {whole}, "virtual-machines": {whole}}}"#
            ));
            assert_eq!(kind, ErrorKind::Protocol);
            assert!(message.contains(part) && !message.contains("hunter2"), "{message}");
        }
    }

    #[test]
    fn a_list_of_a_later_schema_is_ignored_and_its_collection_fails() {
        let document = document(&endpoint(
            "e",
            r#""workloads": {"ingressClasses": [{"uid": "u"}],
                "pods": [{"namespace": "n", "name": "p", "uid": "u", "mood": 1}]},
               "collections": {"ingress-classes": {"status": "complete"},
                "pods": {"status": "complete"}}"#,
        ));
        let (name, result) = &document.summary.collections[0];
        assert_eq!(name, "ingress-classes");
        assert_eq!(result.as_ref().map_err(|error| error.kind), Err(ErrorKind::Unsupported));
        assert_eq!(document.summary.collections[1].1, Ok(()));
        let warnings: Vec<_> = document.summary.warnings.iter().map(|w| &*w.message).collect();
        assert_eq!(warnings.len(), 2, "{warnings:?}");
        assert!(warnings[0].contains("\"workloads.ingressClasses\""), "{warnings:?}");
        assert!(warnings[1].contains("\"mood\""), "{warnings:?}");
    }
}
