//! Reports the virtual machines as guests of their nodes.

use std::collections::HashSet;

use gatherer_plugin_api::model::Guest;
use gatherer_plugin_api::{Collection, GatherError, Item};

use super::api_versions;
use super::collector::{CollectedList, Collector};
use super::sinks::{Collecting, Hosts, store};
use crate::map::{self, MappedHost, Warnings};
use crate::objects::kinds::{self, NodeList, VirtualMachineList};
use crate::objects::{Node, VirtualMachine};

/// A guest with the name of its node, if it has one.
type PlacedGuest = (Option<String>, Guest);

impl Collector<'_> {
    /// Reports the virtual machines once their list is complete: guests of a host cannot be withdrawn without
    /// the host. Adds the hosts that were not listed before to `hosts`.
    pub async fn virtual_machines(&self, hosts: &mut Hosts) -> Result<(), GatherError> {
        let list = match self.list_virtual_machines().await {
            Ok(list) => self.report_guests(list, hosts).await,
            Err(error) => Err(error),
        };
        self.end_collection(Collection::VirtualMachines, list, Item::DetachedGuest)
    }

    /// The virtual machines with the names of their nodes.
    async fn list_virtual_machines(&self) -> CollectedList<PlacedGuest> {
        self.client.check_time("virtual machines")?;
        let Some(resource) = api_versions::virtual_machines(self.client).await? else {
            return Ok((Vec::new(), Warnings::new()));
        };
        let collecting = Collecting::<VirtualMachineList, _>::new(|item: VirtualMachine<'_>| {
            let (node, guest, warnings) = map::guest(item);
            ((node, guest), warnings)
        });
        self.read_list(&resource, collecting).await
    }

    /// Reports the guests that have a host, and returns the others. A guest whose node the cluster does not
    /// have (it was removed, and its objects remain) is one of them, with a warning.
    async fn report_guests(
        &self,
        (guests, mut warnings): (Vec<PlacedGuest>, Warnings),
        hosts: &mut Hosts,
    ) -> CollectedList<Box<Guest>> {
        let nodes = guests.iter().filter_map(|(node, _)| node.as_ref());
        let unlisted: HashSet<String> =
            nodes.filter(|node| !hosts.refs.contains_key(*node)).cloned().collect();
        if !unlisted.is_empty() {
            self.add_hosts(unlisted, hosts).await?;
        }
        let mut detached = Vec::new();
        for (node, guest) in guests {
            let Some(node) = node else {
                detached.push(Box::new(guest));
                continue;
            };
            if let Some(host) = hosts.refs.get(&node) {
                self.context.guest(host, guest)?;
            } else {
                store(&mut warnings, vec![map::guest_without_node(&guest, node)]);
                detached.push(Box::new(guest));
            }
        }
        Ok((detached, warnings))
    }

    /// Lists the nodes again, and reports those of them that have these names.
    async fn add_hosts(
        &self,
        names: HashSet<String>,
        hosts: &mut Hosts,
    ) -> Result<(), GatherError> {
        let with_images = self.selection.pods;
        let collecting = Collecting::<NodeList, _>::new(move |node: Node<'_>| {
            if !names.contains(&*node.metadata.name) {
                return (None, Warnings::new());
            }
            let MappedHost { host, warnings } = map::host(node, with_images);
            (Some(Box::new(host)), warnings)
        });
        let Collecting { items, warnings, .. } =
            self.client.list(&kinds::NODES, collecting).await?;
        for host in items.into_iter().flatten() {
            hosts.report(self.context, *host)?;
        }
        self.report_warnings(warnings)
    }
}
