//! What is listed: the things that the API calls resources.

use std::borrow::Cow;

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde::de::Deserialize;

/// Something that is listed, as far as it is read.
pub trait Listed: Send + Sync + 'static {
    /// One of them, borrowed from its page.
    type Item<'de>: Deserialize<'de>;
    /// Its name and its uid.
    fn identity<'a>(item: &'a Self::Item<'_>) -> (&'a str, &'a str);
}

/// A list that can be asked for.
#[derive(Debug, Clone)]
pub struct Resource {
    /// The kind of the items, as the API writes it: `Node`.
    pub kind: &'static str,
    /// One item, for messages: `a node`.
    pub one: &'static str,
    /// The resource: `nodes`.
    pub plural: &'static str,
    /// The group and version: `v1`, `apps/v1`.
    pub api_version: Cow<'static, str>,
    /// The one namespace whose items are wanted. None: all, or the resource has none.
    pub namespace: Option<String>,
    /// Which labels the items have to have.
    pub label_selector: Option<String>,
    /// Whether its answers hold what nobody may see.
    pub is_secret: bool,
}

impl Resource {
    /// The whole list of a resource.
    pub const fn new(
        kind: &'static str,
        one: &'static str,
        plural: &'static str,
        api_version: &'static str,
    ) -> Self {
        Self {
            kind,
            one,
            plural,
            api_version: Cow::Borrowed(api_version),
            namespace: None,
            label_selector: None,
            is_secret: false,
        }
    }

    /// A list whose answers hold what nobody may see.
    #[must_use]
    pub const fn secret(mut self) -> Self {
        self.is_secret = true;
        self
    }

    /// The nodes.
    pub const fn nodes() -> Self {
        Self::new("Node", "a node", "nodes", "v1")
    }

    /// The path below the server's: `/apis/apps/v1/namespaces/default/deployments`.
    pub fn path(&self) -> String {
        // The core group is older than groups.
        let root = if self.api_version.contains('/') { "apis" } else { "api" };
        let namespace = self.namespace.as_ref().map_or_else(String::new, |namespace| {
            format!("/namespaces/{}", utf8_percent_encode(namespace, PLAIN))
        });
        format!("/{root}/{}{namespace}/{}", self.api_version, self.plural)
    }

    /// The group alone, empty for the core group.
    pub(super) fn group(&self) -> &str {
        self.api_version.split_once('/').map_or("", |(group, _)| group)
    }

    /// What of the query every page has in common, after `limit`.
    pub(super) fn query(&self) -> String {
        self.label_selector.as_ref().map_or_else(String::new, |selector| {
            format!("&labelSelector={}", utf8_percent_encode(selector, NON_ALPHANUMERIC))
        })
    }
}

/// What a namespace's name may have besides letters and digits.
const PLAIN: &percent_encoding::AsciiSet = &NON_ALPHANUMERIC.remove(b'-');

#[cfg(test)]
mod tests {
    use super::Resource;

    #[test]
    fn the_core_group_has_a_path_of_its_own() {
        assert_eq!(Resource::nodes().path(), "/api/v1/nodes");
        let mut deployments = Resource::new("Deployment", "a deployment", "deployments", "apps/v1");
        assert_eq!(deployments.path(), "/apis/apps/v1/deployments");
        deployments.namespace = Some("kube-system".to_owned());
        assert_eq!(deployments.path(), "/apis/apps/v1/namespaces/kube-system/deployments");
    }

    #[test]
    fn what_is_no_part_of_a_path_or_a_query_is_escaped() {
        let mut nodes = Resource::nodes();
        nodes.namespace = Some("a/../b".to_owned());
        nodes.label_selector = Some("app in (a,b)&x=y".to_owned());
        assert_eq!(nodes.path(), "/api/v1/namespaces/a%2F%2E%2E%2Fb/nodes");
        assert_eq!(nodes.query(), "&labelSelector=app%20in%20%28a%2Cb%29%26x%3Dy");
    }
}
