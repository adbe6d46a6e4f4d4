//! Lists narrowed to the selected namespaces and labels. The lists of several namespaces are read as one list.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use gatherer_plugin_api::{Context, ErrorKind, GatherError};
use gatherer_plugin_support::run;

use super::parameters::Selection;
use crate::client::{Client, ItemSink, Listed, Resource};

/// How often the lists of all selected namespaces are restarted together.
const MAX_RESTARTS: u32 = 5;

/// Reads lists of the selected objects.
pub struct SelectedLists<'a> {
    pub client: &'a Client<'a>,
    pub selection: &'a Selection,
    pub context: &'a Context,
}

impl SelectedLists<'_> {
    /// Fails if the run was cancelled or the endpoint's time is over. `objects` names the objects that
    /// would be requested next.
    pub fn check_time(&self, objects: &str) -> Result<(), GatherError> {
        self.context.check_cancelled()?;
        if run::operation_remaining(self.context) == Some(Duration::ZERO) {
            let limit = run::timeout_text(self.context);
            return Err(GatherError::new(
                ErrorKind::Timeout,
                format!("{objects} were not requested within the endpoint's {limit}"),
            )
            .with_hint("raise the endpoint's `timeout`, or collect less"));
        }
        Ok(())
    }

    /// Reads all objects of a resource in the cluster.
    pub async fn read_cluster<L: Listed>(
        &self,
        resource: &Resource,
        sink: &Arc<dyn ItemSink<L>>,
    ) -> Result<(), GatherError> {
        self.check_time(resource.plural)?;
        self.client.list(resource, Arc::clone(sink)).await
    }

    /// Reads the objects of a resource in the selected namespaces that have the selected labels.
    pub async fn read<L: Listed>(
        &self,
        resource: &Resource,
        sink: &Arc<dyn ItemSink<L>>,
    ) -> Result<(), GatherError> {
        let mut labelled = resource.clone();
        labelled.label_selector.clone_from(&self.selection.label_selector);
        self.read_with_any_labels(&labelled, sink).await
    }

    /// Reads the objects of a resource in the selected namespaces, without regard to the selected labels.
    pub async fn read_with_any_labels<L: Listed>(
        &self,
        resource: &Resource,
        sink: &Arc<dyn ItemSink<L>>,
    ) -> Result<(), GatherError> {
        let namespaces = &self.selection.only_namespaces;
        if namespaces.is_empty() {
            return self.read_cluster(resource, sink).await;
        }
        let mut in_namespace = resource.clone();
        let mut restarts = 0;
        'restart: loop {
            for (index, namespace) in namespaces.iter().enumerate() {
                self.check_time(resource.plural)?;
                in_namespace.namespace = Some(namespace.clone());
                let namespace_sink = Arc::new(NamespaceSink {
                    sink: Arc::clone(sink),
                    is_first: index == 0,
                    must_restart: AtomicBool::new(false),
                });
                let as_sink = namespace_sink.clone() as Arc<dyn ItemSink<L>>;
                let read = self.client.list(&in_namespace, as_sink).await;
                let must_restart = namespace_sink.must_restart.load(Ordering::SeqCst);
                if must_restart && restarts < MAX_RESTARTS {
                    restarts += 1;
                    sink.start_over()?;
                    continue 'restart;
                }
                read?;
            }
            return Ok(());
        }
    }
}

/// The sink for the list of one of several namespaces. When this list starts over, the lists of the
/// namespaces before it must be read again, too: a collection can only be withdrawn as a whole.
struct NamespaceSink<L: Listed> {
    sink: Arc<dyn ItemSink<L>>,
    is_first: bool,
    must_restart: AtomicBool,
}

impl<L: Listed> ItemSink<L> for NamespaceSink<L> {
    fn take(&self, item: L::Item<'_>) -> Result<(), GatherError> {
        self.sink.take(item)
    }

    fn start_over(&self) -> Result<(), GatherError> {
        if self.is_first {
            return self.sink.start_over();
        }
        self.must_restart.store(true, Ordering::SeqCst);
        Err(GatherError::new(
            ErrorKind::Unavailable,
            "the cluster changes faster than its lists can be read",
        ))
    }
}
