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
    /// The hosts, for the lists that refer to them.
    pub join: Join,
    pub host_refs: HostRefs,
    /// The warnings about the hosts so far. A reported warning cannot be withdrawn, so they wait until
    /// the list is complete.
    pub warnings: Warnings,
}

impl HostSink {
    pub fn new(context: Context, selection: &Selection) -> Self {
        let remember_hosts = selection.pods || selection.virtual_machines;
        let (join, host_refs, warnings) = Default::default();
        Self { context, remember_hosts, join, host_refs, warnings }
    }
}

impl ItemSink for HostSink {
    type List = NodeList;

    fn take(&mut self, node: Node<'_>) -> Result<(), GatherError> {
        self.context.check_cancelled()?;
        let mapped = map::host(node);
        if self.remember_hosts {
            let (name, id) = (mapped.host.name.clone(), mapped.host.id.clone());
            let host_ref = self.context.host(mapped.host)?;
            self.join.host_ids.insert(name.clone(), id);
            self.host_refs.insert(name, host_ref);
        } else {
            self.context.host(mapped.host)?;
        }
        store(&mut self.warnings, mapped.warnings);
        Ok(())
    }

    fn start_over(&mut self) -> Result<(), GatherError> {
        (self.join, self.host_refs, self.warnings) = Default::default();
        self.context.start_over()
    }
}

/// Collects the items of a list until it is complete.
pub struct Collecting<L: Listed, T> {
    convert: Box<Convert<L, T>>,
    pub items: Vec<T>,
    /// The warnings about the items.
    pub warnings: Warnings,
}

type Convert<L, T> = dyn for<'de> Fn(<L as Listed>::Item<'de>) -> (T, Warnings) + Send;

impl<L: Listed, T: Send + 'static> Collecting<L, T> {
    /// Collects the result of `convert` for each item.
    pub fn new(convert: impl for<'de> Fn(L::Item<'de>) -> (T, Warnings) + Send + 'static) -> Self {
        Self { convert: Box::new(convert), items: Vec::new(), warnings: Warnings::new() }
    }
}

impl<L: Listed, T: Send + 'static> ItemSink for Collecting<L, T> {
    type List = L;

    fn take(&mut self, item: L::Item<'_>) -> Result<(), GatherError> {
        let (converted, warnings) = (self.convert)(item);
        self.items.push(converted);
        store(&mut self.warnings, warnings);
        Ok(())
    }

    fn start_over(&mut self) -> Result<(), GatherError> {
        self.items.clear();
        self.warnings.clear();
        Ok(())
    }
}

/// Reports each pod, joined with the lists that were read before.
pub struct PodSink {
    context: Context,
    join: Arc<Mutex<Join>>,
    /// The warnings about the pods.
    pub warnings: Warnings,
}

impl PodSink {
    pub fn new(context: Context, join: Arc<Mutex<Join>>) -> Self {
        Self { context, join, warnings: Warnings::new() }
    }
}

impl ItemSink for PodSink {
    type List = PodList;

    fn take(&mut self, pod: objects::Pod<'_>) -> Result<(), GatherError> {
        self.context.check_cancelled()?;
        let mut join = lock(&self.join);
        let uses = join.uses(&pod);
        let unlisted_owners = join.owners.unlisted(&pod.metadata.owner_references);
        let (pod, warnings) = map::pod(pod, &join.owners, &join.host_ids);
        join.add(&pod, uses, &unlisted_owners);
        drop(join);
        store(&mut self.warnings, warnings);
        self.context.item(pod)
    }

    fn start_over(&mut self) -> Result<(), GatherError> {
        self.warnings.clear();
        lock(&self.join).forget_pods();
        self.context.start_collection_over("pods")
    }
}
