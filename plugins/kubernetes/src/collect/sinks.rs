//! The sinks of the lists: they report items at once, or collect them until the list is complete.

use std::collections::HashMap;

use gatherer_plugin_api::model::Host;
use gatherer_plugin_api::{Collection, Context, GatherError, HostRef};

use super::join::Join;
use super::parameters::Selection;
use crate::client::ItemSink;
use crate::map::{self, Warnings};
use crate::objects::kinds::{Listed, NodeList, PodList};
use crate::objects::{Node, Pod};

/// No warnings are stored beyond this number. The warnings of one object are never split.
const MAX_WARNINGS: usize = 20_000;

/// Stores the warnings about one object, unless too many are stored already.
pub fn store(stored: &mut Warnings, warnings: Warnings) {
    if stored.len() < MAX_WARNINGS {
        stored.extend(warnings);
    }
}

/// The hosts that later lists refer to, by the names of their nodes.
#[derive(Default)]
pub struct Hosts {
    pub ids: HashMap<String, String>,
    pub refs: HashMap<String, HostRef>,
}

impl Hosts {
    /// Reports a host, to which later lists may refer.
    pub fn report(&mut self, context: &Context, host: Host) -> Result<(), GatherError> {
        let (name, id) = (host.name.clone(), host.id.clone());
        let host_ref = context.host(host)?;
        self.ids.insert(name.clone(), id);
        self.refs.insert(name, host_ref);
        Ok(())
    }
}

/// Reports each Node as a host.
pub struct HostSink {
    context: Context,
    /// Whether later lists refer to the hosts.
    remember_hosts: bool,
    /// Hosts have their images only with pods: they can be most of an inventory.
    with_images: bool,
    pub hosts: Hosts,
    /// The warnings about the hosts so far. A reported warning cannot be withdrawn, so they wait until
    /// the list is complete.
    pub warnings: Warnings,
}

impl HostSink {
    pub fn new(context: Context, selection: &Selection) -> Self {
        let remember_hosts = selection.pods || selection.virtual_machines;
        let with_images = selection.pods;
        let hosts = Hosts::default();
        Self { context, remember_hosts, with_images, hosts, warnings: Warnings::new() }
    }
}

impl ItemSink for HostSink {
    type List = NodeList;

    fn take(&mut self, node: Node<'_>) -> Result<(), GatherError> {
        self.context.check_cancelled()?;
        let mapped = map::host(node, self.with_images);
        if self.remember_hosts {
            self.hosts.report(&self.context, mapped.host)?;
        } else {
            self.context.host(mapped.host)?;
        }
        store(&mut self.warnings, mapped.warnings);
        Ok(())
    }

    fn start_over(&mut self) -> Result<(), GatherError> {
        self.hosts = Hosts::default();
        self.warnings.clear();
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

impl<L: Listed, T> Collecting<L, T> {
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
    pub join: Join,
    /// The warnings about the pods.
    pub warnings: Warnings,
}

impl PodSink {
    pub fn new(context: Context, join: Join) -> Self {
        Self { context, join, warnings: Warnings::new() }
    }
}

impl ItemSink for PodSink {
    type List = PodList;

    fn take(&mut self, pod: Pod<'_>) -> Result<(), GatherError> {
        self.context.check_cancelled()?;
        let (pod, warnings) = self.join.add(pod);
        store(&mut self.warnings, warnings);
        self.context.item(pod)
    }

    fn start_over(&mut self) -> Result<(), GatherError> {
        self.join.start_over();
        self.warnings.clear();
        self.context.start_collection_over(Collection::Pods.as_str())
    }
}
