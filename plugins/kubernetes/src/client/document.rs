//! A page's bytes to a `NodeList`: strictly, and with errors that quote nothing.

use std::fmt;

use gatherer_plugin_api::GatherError;
use serde::Deserialize;
use serde::de::{Deserializer, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::error::Category;

use crate::json::{REPEATED, TOO_MANY_ENTRIES, only_from_an_object};
use crate::node::{Node, OTHER_KIND};

/// The most nodes of a list. The largest clusters have about half as many.
pub(super) const MOST_NODES: usize = 250_000;

/// Sentences of ours among serde's.
const NO_NAME: &str = "a node has no name";
const NO_UID: &str = "a node has no uid";
const TOO_MANY_NODES: &str = "the list has more than 250000 nodes";

/// What to do about an answer that no API server gives.
pub(super) const NOT_THE_SERVERS: &str =
    "something between may have changed the answer: look at proxies and load balancers on the way";

/// A page of nodes.
/// <https://kubernetes.io/docs/reference/kubernetes-api/cluster-resources/node-v1/#NodeList>
#[derive(Debug)]
pub(super) struct List {
    pub items: Vec<Node>,
    /// How to ask for the next page; none if this is the last one.
    pub next: Option<String>,
    /// The moment of the cluster that the page shows. Empty if the server does not say.
    pub version: String,
    /// How many nodes are to come on further pages, where the server says so.
    pub remaining: Option<usize>,
}

#[derive(Deserialize)]
#[serde(remote = "Self", rename_all = "camelCase")]
struct Document {
    #[serde(default)]
    kind: Option<String>,
    #[serde(default)]
    api_version: Option<String>,
    #[serde(default)]
    metadata: Option<Metadata>,
    #[serde(default)]
    items: Option<Items>,
}

#[derive(Deserialize)]
#[serde(remote = "Self", rename_all = "camelCase")]
struct Metadata {
    #[serde(default, rename = "continue")]
    next: Option<String>,
    #[serde(default)]
    resource_version: Option<String>,
    #[serde(default)]
    remaining_item_count: Option<i64>,
}

only_from_an_object!(Document, Metadata);

/// The nodes, each looked at as soon as it is read: a page of 64 MiB has room for 20 million that
/// say nothing.
struct Items(Vec<Node>);

impl<'de> Deserialize<'de> for Items {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_seq(ItemsVisitor)
    }
}

struct ItemsVisitor;

impl<'de> Visitor<'de> for ItemsVisitor {
    type Value = Items;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of nodes")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut entries: A) -> Result<Items, A::Error> {
        let mut nodes = Vec::new();
        while let Some(node) = entries.next_element::<Node>()? {
            if node.metadata.name.is_empty() {
                return Err(A::Error::custom(NO_NAME));
            }
            if node.metadata.uid.is_empty() {
                return Err(A::Error::custom(NO_UID));
            }
            if nodes.len() == MOST_NODES {
                return Err(A::Error::custom(TOO_MANY_NODES));
            }
            nodes.push(node);
        }
        Ok(Items(nodes))
    }
}

/// What kind of document it is, whatever else is in it.
#[derive(Deserialize)]
struct Kind {
    #[serde(default)]
    kind: Option<String>,
}

/// Reads a page. `what` names the request.
pub(super) fn read(bytes: &[u8], what: &str) -> Result<List, GatherError> {
    let wrong =
        |why: &str| GatherError::protocol(format!("{what}: {why}")).with_hint(NOT_THE_SERVERS);
    let text = std::str::from_utf8(bytes).map_err(|error| {
        let byte = error.valid_up_to() + 1;
        wrong(&format!("the answer is not UTF-8: byte {byte} fits no character"))
    })?;
    match text.trim_start().chars().next() {
        None => return Err(wrong("the answer is empty")),
        Some('<') => {
            return Err(wrong("the answer is a web page, not JSON").with_hint(
                "check that the kubeconfig's server is the URL of an API server; a log-in page \
                 may stand before it",
            ));
        }
        Some(_) => {}
    }
    let document: Document = serde_json::from_str(text).map_err(|error| {
        let other = error.classify() == Category::Data && is_of_another_kind(text);
        if other { not_a_node_list(what) } else { wrong(&fault(&error)) }
    })?;
    let kind = (document.kind.as_deref(), document.api_version.as_deref());
    if kind != (Some("NodeList"), Some("v1")) {
        return Err(not_a_node_list(what));
    }
    let Some(metadata) = document.metadata else {
        return Err(wrong("the list has no metadata"));
    };
    let Some(Items(items)) = document.items else {
        return Err(wrong("the list has no items"));
    };
    let next = metadata.next.filter(|token| !token.is_empty());
    if next.is_none() && metadata.remaining_item_count.is_some_and(|count| count > 0) {
        return Err(wrong("the list says that there are more items, and not how to get them"));
    }
    let version = metadata.resource_version.unwrap_or_default();
    let remaining = metadata.remaining_item_count.and_then(|count| usize::try_from(count).ok());
    Ok(List { items, next, version, remaining })
}

/// How the page says that the list goes on, where it says so before its items, as API servers do.
/// It costs nothing beside [`read`], which has the last word.
pub(super) fn next_at_a_glance(bytes: &[u8]) -> Option<String> {
    struct Glance<'a>(&'a mut Option<String>);

    impl<'de> Visitor<'de> for Glance<'_> {
        type Value = ();

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a list")
        }

        fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<(), A::Error> {
            while let Some(name) = members.next_key::<String>()? {
                match name.as_str() {
                    "metadata" => {
                        *self.0 = members.next_value::<Metadata>()?.next;
                        break;
                    }
                    "items" => break,
                    _ => members.next_value::<IgnoredAny>().map(drop)?,
                }
            }
            Ok(())
        }
    }

    let mut next = None;
    // That it ends before the document does is an error to serde, and meant here.
    let _ = serde_json::Deserializer::from_slice(bytes).deserialize_map(Glance(&mut next));
    next.filter(|token| !token.is_empty())
}

fn is_of_another_kind(text: &str) -> bool {
    serde_json::from_str::<Kind>(text).is_ok_and(|found| found.kind.as_deref() != Some("NodeList"))
}

fn not_a_node_list(what: &str) -> GatherError {
    GatherError::protocol(format!("{what}: the answer is no NodeList of v1"))
        .with_hint("check that the kubeconfig's server is the URL of an API server")
}

/// serde's own text quotes what it read; it is passed on only where it names a field of ours.
fn fault(error: &serde_json::Error) -> String {
    let text = error.to_string();
    let place = format!("(line {}, column {})", error.line(), error.column());
    let of_a_field = ["missing field", "duplicate field"].iter().any(|own| text.starts_with(own));
    let fault = match error.classify() {
        Category::Eof | Category::Io => "the answer ends in the middle",
        Category::Syntax if text.starts_with("recursion limit exceeded") => {
            "the answer is nested too deeply"
        }
        Category::Syntax => "the answer is not JSON",
        Category::Data if of_a_field => {
            let field = text.split(" at line").next().unwrap_or_default();
            return format!("the answer is not as a NodeList has to be: {field} {place}");
        }
        Category::Data if let Some(own) = own_sentence(&text) => own,
        Category::Data => "a member of the answer is of another type than it has to be",
    };
    format!("{fault} {place}")
}

/// What this crate's own types find wrong.
fn own_sentence(text: &str) -> Option<&'static str> {
    [NO_NAME, NO_UID, TOO_MANY_NODES, TOO_MANY_ENTRIES, REPEATED, OTHER_KIND]
        .into_iter()
        .find(|own| text.starts_with(own))
}
