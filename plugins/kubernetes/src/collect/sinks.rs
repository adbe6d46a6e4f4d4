//! The sinks of the lists: they report items at once, or collect them until the list is complete.

use std::sync::{Arc, Mutex};

use gatherer_plugin_api::{Context, GatherError};

use super::collected_resources::PodList;
use super::join::Join;
use super::parameters::Selection;
use super::{HostRefs, lock};
use crate::client::{ItemSink, Listed};
use crate::map::{self, Warnings};
use crate::objects;
use crate::objects::node::{Node, NodeList};

/// No warnings are stored beyond this number. The warnings of one object are never split.
const MAX_WARNINGS: usize = 20_000;

fn store(stored: &mut Warnings, warnings: Warnings) {
    if stored.len() < MAX_WARNINGS {
        stored.extend(warnings);
    }
}

/// Reports warnings to the runner.
pub fn report(context: &Context, warnings: Warnings) -> Result<(), GatherError> {
    warnings
        .into_iter()
        .try_for_each(|warning| context.warning(warning.object, warning.problem.to_string()))
}

/// Reports each Node as a host.
pub struct HostSink {
    context: Context,
    /// Whether later lists refer to the hosts.
    remember_hosts: bool,
    hosts: Mutex<(Join, HostRefs)>,
    /// The warnings about the hosts so far. A reported warning cannot be withdrawn, so they wait until
    /// the list cannot start over any more.
    warnings: Mutex<Warnings>,
}

impl HostSink {
    pub fn new(context: Context, selection: &Selection) -> Self {
        let remember_hosts = selection.pods || selection.virtual_machines;
        Self { context, remember_hosts, hosts: Mutex::default(), warnings: Mutex::default() }
    }

    /// Reports the warnings about the hosts. The list must be complete.
    pub fn report_warnings(&self) -> Result<(), GatherError> {
        report(&self.context, std::mem::take(&mut *lock(&self.warnings)))
    }

    /// The hosts, for the lists that refer to them.
    pub fn take(&self) -> (Join, HostRefs) {
        std::mem::take(&mut *lock(&self.hosts))
    }
}

impl ItemSink<NodeList> for HostSink {
    fn take(&self, node: Node<'_>) -> Result<(), GatherError> {
        self.context.check_cancelled()?;
        let mapped = map::host(node);
        if self.remember_hosts {
            let (name, id) = (mapped.host.name.clone(), mapped.host.id.clone());
            let host_ref = self.context.host(mapped.host)?;
            let (join, hosts) = &mut *lock(&self.hosts);
            join.host_ids.insert(name.clone(), id);
            hosts.insert(name, host_ref);
        } else {
            self.context.host(mapped.host)?;
        }
        store(&mut lock(&self.warnings), mapped.warnings);
        Ok(())
    }

    fn start_over(&self) -> Result<(), GatherError> {
        lock(&self.warnings).clear();
        *lock(&self.hosts) = Default::default();
        self.context.start_over()
    }
}

/// Collects the items of a list until it is complete.
pub struct Collecting<L: Listed, T> {
    convert: Box<Convert<L, T>>,
    collected: Mutex<(Vec<T>, Warnings)>,
}

type Convert<L, T> = dyn for<'de> Fn(<L as Listed>::Item<'de>) -> (T, Warnings) + Send + Sync;

impl<L: Listed, T: Send + 'static> Collecting<L, T> {
    /// Collects the result of `convert` for each item.
    pub fn new(
        convert: impl for<'de> Fn(L::Item<'de>) -> (T, Warnings) + Send + Sync + 'static,
    ) -> Arc<Self> {
        Arc::new(Self { convert: Box::new(convert), collected: Mutex::default() })
    }

    /// The items and the warnings about them.
    pub fn take(&self) -> (Vec<T>, Warnings) {
        std::mem::take(&mut *lock(&self.collected))
    }
}

impl<L: Listed, T: Send + 'static> ItemSink<L> for Collecting<L, T> {
    fn take(&self, item: L::Item<'_>) -> Result<(), GatherError> {
        let (converted, new_warnings) = (self.convert)(item);
        let (items, warnings) = &mut *lock(&self.collected);
        items.push(converted);
        store(warnings, new_warnings);
        Ok(())
    }

    fn start_over(&self) -> Result<(), GatherError> {
        *lock(&self.collected) = Default::default();
        Ok(())
    }
}

/// Reports each pod, joined with the lists that were read before.
pub struct PodSink {
    context: Context,
    join: Arc<Mutex<Join>>,
    warnings: Mutex<Warnings>,
}

impl PodSink {
    pub fn new(context: Context, join: Arc<Mutex<Join>>) -> Arc<Self> {
        Arc::new(Self { context, join, warnings: Mutex::default() })
    }

    /// The warnings about the pods.
    pub fn take_warnings(&self) -> Warnings {
        std::mem::take(&mut *lock(&self.warnings))
    }
}

impl ItemSink<PodList> for PodSink {
    fn take(&self, pod: objects::Pod<'_>) -> Result<(), GatherError> {
        self.context.check_cancelled()?;
        let mut join = lock(&self.join);
        let uses = join.uses(&pod);
        let unlisted_owners = join.owners.unlisted(&pod.metadata.owner_references);
        let (pod, warnings) = map::pod(pod, &join.owners, &join.host_ids);
        join.add(&pod, uses, &unlisted_owners);
        drop(join);
        store(&mut lock(&self.warnings), warnings);
        self.context.item(pod)
    }

    fn start_over(&self) -> Result<(), GatherError> {
        lock(&self.warnings).clear();
        lock(&self.join).forget_pods();
        self.context.start_collection_over("pods")
    }
}
