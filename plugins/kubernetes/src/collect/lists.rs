//! One resource, of all namespaces or of those that are asked for, as one list.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use gatherer_plugin_api::{Context, ErrorKind, GatherError};
use gatherer_plugin_support::run;

use super::wanted::Wanted;
use crate::client::{Client, ItemSink, Listed, Resource};

/// How often the lists of several namespaces are begun anew together.
const MOST_RESTARTS: u32 = 5;

/// Reads lists.
pub struct Lists<'a> {
    pub client: &'a Client<'a>,
    pub wanted: &'a Wanted,
    pub context: &'a Context,
}

impl Lists<'_> {
    /// An error if there is no time left for another request.
    pub fn in_time(&self, what: &str) -> Result<(), GatherError> {
        self.context.check_cancelled()?;
        if run::operation_remaining(self.context) == Some(Duration::ZERO) {
            let limit = run::timeout_text(self.context);
            return Err(GatherError::new(
                ErrorKind::Timeout,
                format!("{what} were not asked for within the endpoint's {limit}"),
            )
            .with_hint("raise the endpoint's `timeout`, or collect less"));
        }
        Ok(())
    }

    /// Reads a resource of the whole cluster.
    pub async fn read_all<L: Listed>(
        &self,
        resource: &Resource,
        sink: &Arc<dyn ItemSink<L>>,
    ) -> Result<(), GatherError> {
        self.in_time(resource.plural)?;
        self.client.list(resource, Arc::clone(sink)).await
    }

    /// Reads a resource that is in namespaces: of those that are looked into, what has the labels.
    pub async fn read<L: Listed>(
        &self,
        resource: &Resource,
        sink: &Arc<dyn ItemSink<L>>,
    ) -> Result<(), GatherError> {
        let mut narrowed = resource.clone();
        narrowed.label_selector.clone_from(&self.wanted.label_selector);
        self.read_of_any_label(&narrowed, sink).await
    }

    /// Reads a resource that is in namespaces: of those that are looked into, everything.
    pub async fn read_of_any_label<L: Listed>(
        &self,
        resource: &Resource,
        sink: &Arc<dyn ItemSink<L>>,
    ) -> Result<(), GatherError> {
        if self.wanted.within.is_empty() {
            return self.read_all(resource, sink).await;
        }
        let mut narrowed = resource.clone();
        let mut restarts = 0;
        'again: loop {
            for (index, namespace) in self.wanted.within.iter().enumerate() {
                self.in_time(resource.plural)?;
                narrowed.namespace = Some(namespace.clone());
                let whole = Arc::new(NamespaceSink {
                    sink: Arc::clone(sink),
                    is_first: index == 0,
                    torn: AtomicBool::new(false),
                });
                let read = self.client.list(&narrowed, whole.clone() as Arc<dyn ItemSink<L>>).await;
                let torn = whole.torn.load(Ordering::SeqCst);
                if torn && restarts < MOST_RESTARTS {
                    restarts += 1;
                    sink.start_over()?;
                    continue 'again;
                }
                read?;
            }
            return Ok(());
        }
    }
}

/// The list of one namespace among several. Where it begins anew, so do those before it, because
/// nobody can take back some of a collection.
struct NamespaceSink<L: Listed> {
    sink: Arc<dyn ItemSink<L>>,
    is_first: bool,
    torn: AtomicBool,
}

impl<L: Listed> ItemSink<L> for NamespaceSink<L> {
    fn take(&self, item: L::Item<'_>) -> Result<(), GatherError> {
        self.sink.take(item)
    }

    fn start_over(&self) -> Result<(), GatherError> {
        if self.is_first {
            return self.sink.start_over();
        }
        self.torn.store(true, Ordering::SeqCst);
        Err(GatherError::new(
            ErrorKind::Unavailable,
            "the cluster changes faster than its lists can be read",
        ))
    }
}
