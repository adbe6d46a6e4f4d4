//! The sinks of each list: they emit items at once, or collect them for the join.

use std::sync::{Arc, Mutex};

use gatherer_plugin_api::{Context, GatherError};

use super::join::Join;
use super::listed::Pods;
use super::wanted::Wanted;
use super::{HostRefs, lock};
use crate::client::{ItemSink, Listed};
use crate::map;
use crate::objects;
use crate::objects::node::{Node, Nodes};

/// How many warnings are kept; about so many are shown.
const MOST_WARNINGS: usize = 20_000;

/// An object and what is odd about it.
pub type Warnings = Vec<(String, String)>;

/// Adds warnings as long as there is room.
fn add(kept: &mut Warnings, warnings: Warnings) {
    if kept.len() < MOST_WARNINGS {
        kept.extend(warnings);
    }
}

/// Tells them all.
pub fn tell(context: &Context, warnings: Warnings) -> Result<(), GatherError> {
    warnings.into_iter().try_for_each(|(object, sentence)| context.warning(object, sentence))
}

/// Hands each node over as a host.
pub struct Hosts {
    context: Context,
    /// Whether it has to be known afterwards which hosts there are.
    keep: bool,
    kept: Mutex<(Join, HostRefs)>,
    /// Of the nodes that were handed over. Warnings cannot be taken back, so they wait until it is
    /// certain that the list is not started again.
    warnings: Mutex<Warnings>,
}

impl Hosts {
    pub fn new(context: Context, wanted: &Wanted) -> Self {
        let keep = wanted.pods || wanted.machines;
        Self { context, keep, kept: Mutex::default(), warnings: Mutex::default() }
    }

    /// Tells what is odd about the hosts.
    pub fn tell_warnings(&self) -> Result<(), GatherError> {
        tell(&self.context, std::mem::take(&mut *lock(&self.warnings)))
    }

    /// What the other lists are joined to.
    pub fn take(&self) -> (Join, HostRefs) {
        std::mem::take(&mut *lock(&self.kept))
    }
}

impl ItemSink<Nodes> for Hosts {
    fn take(&self, node: Node<'_>) -> Result<(), GatherError> {
        self.context.check_cancelled()?;
        let mapped = map::host(node);
        if self.keep {
            let (name, id) = (mapped.host.name.clone(), mapped.host.id.clone());
            let host_ref = self.context.host(mapped.host)?;
            let (join, hosts) = &mut *lock(&self.kept);
            join.host_ids.insert(name.clone(), id);
            hosts.insert(name, host_ref);
        } else {
            self.context.host(mapped.host)?;
        }
        add(&mut lock(&self.warnings), mapped.warnings);
        Ok(())
    }

    fn start_over(&self) -> Result<(), GatherError> {
        lock(&self.warnings).clear();
        *lock(&self.kept) = Default::default();
        self.context.start_over()
    }
}

/// Keeps the items of a list until it is whole.
pub struct Collecting<L: Listed, T> {
    convert: Box<Convert<L, T>>,
    kept: Mutex<(Vec<T>, Warnings)>,
}

type Convert<L, T> = dyn for<'de> Fn(<L as Listed>::Item<'de>) -> (T, Warnings) + Send + Sync;

impl<L: Listed, T: Send + 'static> Collecting<L, T> {
    /// Keeps what `convert` makes of each item.
    pub fn new(
        convert: impl for<'de> Fn(L::Item<'de>) -> (T, Warnings) + Send + Sync + 'static,
    ) -> Arc<Self> {
        Arc::new(Self { convert: Box::new(convert), kept: Mutex::default() })
    }

    /// What was kept, and what is odd about it.
    pub fn take(&self) -> (Vec<T>, Warnings) {
        std::mem::take(&mut *lock(&self.kept))
    }
}

impl<L: Listed, T: Send + 'static> ItemSink<L> for Collecting<L, T> {
    fn take(&self, item: L::Item<'_>) -> Result<(), GatherError> {
        let (converted, warnings) = (self.convert)(item);
        let (items, kept) = &mut *lock(&self.kept);
        items.push(converted);
        add(kept, warnings);
        Ok(())
    }

    fn start_over(&self) -> Result<(), GatherError> {
        *lock(&self.kept) = Default::default();
        Ok(())
    }
}

/// Hands each pod over, and joins it to what is known already.
pub struct EmitPods {
    context: Context,
    join: Arc<Mutex<Join>>,
    warnings: Mutex<Warnings>,
}

impl EmitPods {
    pub fn new(context: Context, join: Arc<Mutex<Join>>) -> Arc<Self> {
        Arc::new(Self { context, join, warnings: Mutex::default() })
    }

    /// What is odd about the pods.
    pub fn take_warnings(&self) -> Warnings {
        std::mem::take(&mut *lock(&self.warnings))
    }
}

impl ItemSink<Pods> for EmitPods {
    fn take(&self, pod: objects::Pod<'_>) -> Result<(), GatherError> {
        self.context.check_cancelled()?;
        let mut join = lock(&self.join);
        let uses = join.uses(&pod);
        let others = join.owners.others(&pod.metadata.owner_references);
        let (pod, warnings) = map::pod(pod, &join.owners, &join.host_ids);
        join.add(&pod, uses, &others);
        drop(join);
        add(&mut lock(&self.warnings), warnings);
        self.context.item(pod)
    }

    fn start_over(&self) -> Result<(), GatherError> {
        lock(&self.warnings).clear();
        lock(&self.join).forget_pods();
        self.context.start_collection_over("pods")
    }
}
