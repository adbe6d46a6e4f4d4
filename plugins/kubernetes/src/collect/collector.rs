//! Reads the selected objects of a list, and ends collections.

use gatherer_plugin_api::{Collection, Context, GatherError, Item};

use super::parameters::Selection;
use super::sinks::Collecting;
use crate::client::{Client, ItemSink};
use crate::map::Warnings;
use crate::objects::Resource;
use crate::objects::kinds::Listed;

/// The items of a complete list and the warnings about them, or why the list is not complete.
pub type CollectedList<T> = Result<(Vec<T>, Warnings), GatherError>;

/// What every collection needs: the client, the runner, and what the endpoint selects.
pub struct Collector<'a> {
    pub client: &'a Client,
    pub context: &'a Context,
    pub selection: &'a Selection,
}

impl Collector<'_> {
    /// Reads the objects of a resource in the selected namespaces that have the selected labels.
    pub async fn read_selected<S: ItemSink>(
        &self,
        resource: &Resource,
        sink: S,
    ) -> Result<S, GatherError> {
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

    /// Reads a list of the selected objects.
    pub async fn read_list<L: Listed, T: Send + 'static>(
        &self,
        resource: &Resource,
        collecting: Collecting<L, T>,
    ) -> CollectedList<T> {
        let Collecting { items, warnings, .. } = self.read_selected(resource, collecting).await?;
        Ok((items, warnings))
    }

    /// Reads a list of the selected objects if its collection is selected.
    pub async fn read_if<L: Listed, T: Send + 'static>(
        &self,
        selected: bool,
        resource: Resource,
        collecting: Collecting<L, T>,
    ) -> Option<CollectedList<T>> {
        if selected { Some(self.read_list(&resource, collecting).await) } else { None }
    }

    pub fn report_items(&self, mut items: impl Iterator<Item = Item>) -> Result<(), GatherError> {
        items.try_for_each(|item| self.context.item(item))
    }

    pub fn report_warnings(&self, warnings: Warnings) -> Result<(), GatherError> {
        warnings.into_iter().try_for_each(|warning| {
            self.context.warning(warning.object, warning.problem.to_string())
        })
    }

    /// Ends a collection: reports the items and warnings of a complete list, or the error.
    pub fn end_collection<T>(
        &self,
        collection: Collection,
        list: CollectedList<T>,
        item: impl Fn(T) -> Item,
    ) -> Result<(), GatherError> {
        self.context.check_cancelled()?;
        let result = list.and_then(|(items, warnings)| {
            self.report_items(items.into_iter().map(item))?;
            self.report_warnings(warnings)
        });
        self.context.check_cancelled()?;
        self.context.collection_end(collection, result)
    }
}
