//! The items of an inventory's optional collections: which list holds which, and how one is read.

use gatherer_plugin_api::model::{
    ConfigMap, Controller, Guest, Namespace, Pod, SecretKeys, Service, ServiceAccount,
};
use gatherer_plugin_api::{ErrorKind, GatherError, Item, VIRTUAL_MACHINES};
use gatherer_plugin_support::json::{Json, member, shown};
use serde::de::DeserializeOwned;

use super::members::{Unknown, take_unknown, typed};
use super::shape::expected;

/// A list of an endpoint.
pub struct List {
    /// The member that it is.
    pub member: &'static str,
    /// The collection that says whether it is whole.
    pub collection: &'static str,
    /// What one of its items is called.
    noun: &'static str,
    read: fn(Json, &List, &str, &mut Unknown) -> Result<Item, GatherError>,
}

const fn list<T: DeserializeOwned + Into<Item>>(
    member: &'static str,
    collection: &'static str,
    noun: &'static str,
) -> List {
    List {
        member,
        collection,
        noun,
        read: |value, list, what, unknown| item::<T>(value, list, what, unknown, T::into),
    }
}

/// The lists of `workloads`.
const WORKLOADS: [List; 7] = [
    list::<Namespace>("namespaces", "namespaces", "namespace"),
    list::<ServiceAccount>("serviceAccounts", "service-accounts", "service account"),
    list::<Controller>("controllers", "controllers", "controller"),
    list::<Pod>("pods", "pods", "pod"),
    list::<Service>("services", "services", "service"),
    list::<ConfigMap>("configMaps", "config-maps", "config map"),
    list::<SecretKeys>("secrets", "secrets", "secret"),
];

/// The list that stands beside `hosts`.
pub const DETACHED_GUESTS: List = List {
    member: "detachedGuests",
    collection: VIRTUAL_MACHINES,
    noun: "detached guest",
    read: |value, list, what, unknown| {
        item::<Guest>(value, list, what, unknown, |guest| Item::DetachedGuest(Box::new(guest)))
    },
};

fn item<T: DeserializeOwned>(
    value: Json,
    list: &List,
    what: &str,
    unknown: &mut Unknown,
    wrap: impl Fn(T) -> Item,
) -> Result<Item, GatherError> {
    let Json::Object(mut members) = value else {
        return Err(expected(what, "an object", &value));
    };
    let odd = take_unknown::<T>(&mut members);
    let item = wrap(typed(Json::Object(members), what)?);
    for member in odd {
        unknown.note(list.noun, member, item.name());
    }
    Ok(item)
}

/// The list of `workloads` that this member is. `None`: this release does not know it.
pub fn workload(member: &str) -> Option<&'static List> {
    const LISTS: &[List] = &WORKLOADS;
    LISTS.iter().find(|list| list.member == member)
}

/// The collection of a list of `workloads` that this release does not know, by the rule after
/// which those are named that it knows: `ingressClasses`, `ingress-classes`.
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

/// Why the collection of such a list is not whole: its items are left out.
pub fn not_known(member: &str, endpoint: &str) -> GatherError {
    let message = format!("this release does not know the items of {member} of {endpoint}");
    GatherError::new(ErrorKind::Unsupported, message)
        .with_hint("read the document with the release that wrote it")
}

impl List {
    /// The items, one after the other; `endpoint` names it in messages.
    pub fn read<'a>(
        &'a self,
        items: Vec<Json>,
        endpoint: &'a str,
        unknown: &'a mut Unknown,
    ) -> impl Iterator<Item = Result<Item, GatherError>> + 'a {
        items.into_iter().enumerate().map(move |(index, value)| {
            let what = format!("{} {} of {endpoint}", self.noun, index + 1);
            (self.read)(value, self, &what, unknown)
        })
    }

    /// Whether the endpoint says of the list that it is whole.
    pub fn is_complete(
        &self,
        collections: Option<&Json>,
        endpoint: &str,
    ) -> Result<bool, GatherError> {
        let collections = match collections {
            Some(Json::Object(collections)) => collections.as_slice(),
            _ => &[],
        };
        let Some(status) = member(collections, self.collection) else {
            let name = shown(self.collection);
            return Err(GatherError::protocol(format!(
                "{endpoint} lists a {}, and has no collection {name} that says whether they are all",
                self.noun
            ))
            .with_hint("`collections` tells of each list whether it is complete"));
        };
        let has_error = !matches!(status.get("error"), None | Some(Json::Null));
        let complete = matches!(status.get("status"), Some(Json::Text(text)) if text == "complete");
        Ok(complete && !has_error)
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
        read(text).expect("a good document")
    }

    fn error(members: &str) -> (ErrorKind, String) {
        let text = format!(
            r#"{{"schemaVersion": "1.1", "endpoints": [
                {{"id": "e", "status": "complete", "hosts": [], {members}}}]}}"#
        );
        let error = read(text).expect_err("a refused document");
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
    fn every_list_of_the_model_is_read_and_belongs_to_the_collection_of_its_items() {
        let members: Vec<_> = WORKLOADS.iter().map(|list| list.member).collect();
        assert_eq!(members, known::<Workloads>());
        for list in &WORKLOADS {
            assert_eq!(collection_of_unknown(list.member), list.collection);
            let document = document(&endpoint(
                "e",
                &format!(
                    r#""workloads": {{"{}": [{{"namespace": "n", "name": "a", "uid": "u",
                        "kind": "Job"}}]}},
                       "collections": {{"{}": {{"status": "complete"}}}}"#,
                    list.member, list.collection
                ),
            ));
            assert_eq!(uids(&document), [(list.collection, "a".to_owned())]);
            assert_eq!(document.rest.collections, [(list.collection.to_owned(), Ok(()))]);
        }
    }

    #[test]
    fn a_guest_on_no_host_is_one() {
        let document = document(&endpoint(
            "e",
            r#""detachedGuests": [{"id": "1", "name": "vm", "state": "poweringOn"}],
               "collections": {"virtual-machines": {"status": "complete"}}"#,
        ));
        assert_eq!(uids(&document), [("virtual-machines", "vm".to_owned())]);
        assert!(document.hosts.is_empty());
    }

    #[test]
    fn items_of_several_endpoints_are_merged_and_none_is_lost() {
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
        assert_eq!(both("complete").rest.collections, [("pods".to_owned(), Ok(()))]);
        // One half is no whole, and what a failed half lists is nothing.
        let failed = both("failed");
        assert_eq!(failed.items.len(), 1);
        assert!(failed.rest.collections[0].1.is_err());
    }

    #[test]
    fn items_whose_completeness_nobody_tells_are_refused_and_no_items_are_not() {
        for members in [
            r#""workloads": {"pods": [{"namespace": "n", "name": "p", "uid": "u"}]}"#,
            r#""workloads": {"pods": [{"namespace": "n", "name": "p", "uid": "u"}]},
               "collections": {"services": {"status": "complete"}}"#,
            r#""detachedGuests": [{"name": "p"}], "collections": {}"#,
        ] {
            let (kind, message) = error(members);
            assert_eq!(kind, ErrorKind::Protocol);
            assert!(message.contains("whether they are all"), "{message}");
        }
        let none = r#""workloads": {"pods": []}, "detachedGuests": []"#;
        assert_eq!(document(&endpoint("e", none)), Document::default());
    }

    #[test]
    fn an_item_that_does_not_fit_is_named_and_not_quoted() {
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
    fn a_list_of_a_later_schema_is_left_out_and_its_collection_is_not_whole() {
        let document = document(&endpoint(
            "e",
            r#""workloads": {"ingressClasses": [{"uid": "u"}],
                "pods": [{"namespace": "n", "name": "p", "uid": "u", "mood": 1}]},
               "collections": {"ingress-classes": {"status": "complete"},
                "pods": {"status": "complete"}}"#,
        ));
        let (name, result) = &document.rest.collections[0];
        assert_eq!(name, "ingress-classes");
        assert_eq!(result.as_ref().map_err(|error| error.kind), Err(ErrorKind::Unsupported));
        assert_eq!(document.rest.collections[1].1, Ok(()));
        let warnings: Vec<_> = document.rest.warnings.iter().map(|w| &*w.message).collect();
        assert_eq!(
            warnings,
            [
                "the member \"workloads.ingressClasses\" means nothing; left out",
                "the member \"mood\" means nothing; left out",
            ]
        );
    }
}
