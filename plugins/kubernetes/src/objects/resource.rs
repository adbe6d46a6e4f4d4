//! A resource of the Kubernetes API: what to request to list its objects.

use std::borrow::Cow;

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

/// A list to request.
#[derive(Debug, Clone)]
pub struct Resource {
    /// The kind of the items, as the API writes it: `Node`.
    pub kind: &'static str,
    /// One item with its article, for messages: `a node`.
    pub one: &'static str,
    /// The name of the resource: `nodes`.
    pub plural: &'static str,
    /// The group and version: `v1`, `apps/v1`.
    pub api_version: Cow<'static, str>,
    /// The only namespace to list. `None` lists all namespaces, or a resource without namespaces.
    pub namespace: Option<String>,
    /// The label selector that the server filters by.
    pub label_selector: Option<String>,
    /// Whether the responses contain secret values.
    pub is_secret: bool,
}

impl Resource {
    /// All items of a resource.
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

    /// Marks the list as one whose responses contain secret values.
    #[must_use]
    pub const fn secret(mut self) -> Self {
        self.is_secret = true;
        self
    }

    /// The path below the server's URL: `/apis/apps/v1/namespaces/default/deployments`.
    pub fn path(&self) -> String {
        // The core group (`v1`) has its own root, because it is older than API groups.
        let root = if self.api_version.contains('/') { "apis" } else { "api" };
        let namespace = self.namespace.as_ref().map_or_else(String::new, |namespace| {
            format!("/namespaces/{}", utf8_percent_encode(namespace, PLAIN))
        });
        format!("/{root}/{}{namespace}/{}", self.api_version, self.plural)
    }

    /// The group without its version; empty for the core group.
    pub(crate) fn group(&self) -> &str {
        self.api_version.split_once('/').map_or("", |(group, _)| group)
    }
}

/// The characters that are percent-encoded in a namespace's name: all but letters, digits and `-`.
const PLAIN: &percent_encoding::AsciiSet = &NON_ALPHANUMERIC.remove(b'-');

#[cfg(test)]
mod tests {
    use super::Resource;
    use crate::objects::kinds::NODES;

    #[test]
    fn the_core_group_has_its_own_path() {
        assert_eq!(NODES.path(), "/api/v1/nodes");
        let mut deployments = Resource::new("Deployment", "a deployment", "deployments", "apps/v1");
        assert_eq!(deployments.path(), "/apis/apps/v1/deployments");
        deployments.namespace = Some("kube-system".to_owned());
        assert_eq!(deployments.path(), "/apis/apps/v1/namespaces/kube-system/deployments");
    }

    #[test]
    fn escapes_reserved_characters_in_the_path() {
        let mut nodes = NODES;
        nodes.namespace = Some("a/../b".to_owned());
        assert_eq!(nodes.path(), "/api/v1/namespaces/a%2F%2E%2E%2Fb/nodes");
    }
}
