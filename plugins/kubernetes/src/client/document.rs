//! A page's bytes to a `NodeList`: strictly, and with errors that quote nothing.

use gatherer_plugin_api::GatherError;
use serde::Deserialize;
use serde_json::error::Category;

use crate::node::Node;

/// A page of nodes.
/// <https://kubernetes.io/docs/reference/kubernetes-api/cluster-resources/node-v1/#NodeList>
#[derive(Debug)]
pub(super) struct List {
    pub items: Vec<Node>,
    /// How to ask for the next page; none if this is the last one.
    pub next: Option<String>,
    /// The moment of the cluster that the page shows. Empty if the server does not say.
    pub version: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Document {
    #[serde(default)]
    kind: Option<String>,
    #[serde(default)]
    api_version: Option<String>,
    #[serde(default)]
    metadata: Option<Metadata>,
    #[serde(default)]
    items: Option<Vec<Node>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Metadata {
    #[serde(default, rename = "continue")]
    next: Option<String>,
    #[serde(default)]
    resource_version: Option<String>,
    #[serde(default)]
    remaining_item_count: Option<i64>,
}

/// What kind of document it is, whatever else is in it.
#[derive(Deserialize)]
struct Kind {
    #[serde(default)]
    kind: Option<String>,
}

/// Reads a page. `what` names the request.
pub(super) fn read(bytes: &[u8], what: &str) -> Result<List, GatherError> {
    let wrong = |why: &str| GatherError::protocol(format!("{what}: {why}"));
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
    let Some(items) = document.items else {
        return Err(wrong("the list has no items"));
    };
    let next = metadata.next.filter(|token| !token.is_empty());
    if next.is_none() && metadata.remaining_item_count.is_some_and(|count| count > 0) {
        return Err(wrong("the list says that there are more items, and not how to get them"));
    }
    Ok(List { items, next, version: metadata.resource_version.unwrap_or_default() })
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
        Category::Data => "a member of the answer is of another type than it has to be",
    };
    format!("{fault} {place}")
}
