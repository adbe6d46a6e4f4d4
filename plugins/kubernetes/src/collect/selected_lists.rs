//! Lists narrowed to the selected namespaces and labels. The lists of several namespaces are read as one list.

use gatherer_plugin_api::GatherError;

use super::parameters::Selection;
use crate::client::{Client, ItemSink, Resource};

/// Reads lists of the selected objects.
pub struct SelectedLists<'a> {
    pub client: &'a Client<'a>,
    pub selection: &'a Selection,
}

impl SelectedLists<'_> {
    /// Reads the objects of a resource in the selected namespaces that have the selected labels.
    pub async fn read<S: ItemSink>(&self, resource: &Resource, sink: S) -> Result<S, GatherError> {
        let mut labelled = resource.clone();
        labelled.label_selector.clone_from(&self.selection.label_selector);
        self.read_with_any_labels(&labelled, sink).await
    }

    /// Reads the objects of a resource in the selected namespaces, without regard to the selected labels.
    pub async fn read_with_any_labels<S: ItemSink>(
        &self,
        resource: &Resource,
        sink: S,
    ) -> Result<S, GatherError> {
        let namespaces = &self.selection.only_namespaces;
        if namespaces.is_empty() {
            return self.client.list(resource, sink).await;
        }
        self.client.list_in_namespaces(resource, namespaces, sink).await
    }
}
