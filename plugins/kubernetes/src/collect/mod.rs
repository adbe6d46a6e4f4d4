//! Which lists are read, and in which order: first the nodes, without which the endpoint fails, then the
//! optional collections, each of which can fail alone.

pub(crate) mod collected_resources;
#[cfg(test)]
mod collection_tests;
mod controller_lists;
#[cfg(test)]
mod discovery_tests;
mod join;
mod parameters;
mod selected_lists;
#[cfg(test)]
mod selection_tests;
mod sinks;
#[cfg(test)]
mod test_cluster;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use gatherer_plugin_api::model::{ConfigMap, Guest, GuestState, SecretKeys};
use gatherer_plugin_api::{Context, ErrorKind, GatherError, HostRef, Item, VIRTUAL_MACHINES};
use gatherer_plugin_support::run;

use crate::client::{Client, Listed, Resource};
use crate::kubeconfig::Access;
use crate::map::{self, ObjectWarning, Problem, Warnings};
use crate::objects;
use crate::wipe;
use collected_resources::{
    KeyedObjectList, NamespaceList, ServiceAccountList, ServiceList, VirtualMachineList,
};
use join::Join;
pub use parameters::{Parameters, Selection};
use selected_lists::SelectedLists;
use sinks::Collecting;

/// The hosts that guests can run on, by the names of their nodes.
type HostRefs = BTreeMap<String, HostRef>;

/// Reads a cluster. An error fails the whole endpoint; the error of an optional collection is reported at
/// the end of that collection.
pub fn cluster(
    access: &Access,
    page_size: u32,
    selection: &Selection,
    context: &Context,
) -> Result<(), GatherError> {
    run::block_on(context, async {
        let client = Client::new(access, page_size, context).await?;
        let hosts = sinks::HostSink::new(context.clone(), selection);
        let hosts = client.list(&Resource::nodes(), hosts).await?;
        sinks::report(context, hosts.warnings)?;
        let lists = SelectedLists { client: &client, selection };
        let join = Arc::new(Mutex::new(hosts.join));
        Collector { context, selection, lists, join }.collect_all(&hosts.host_refs).await
    })
}

struct Collector<'a> {
    context: &'a Context,
    selection: &'a Selection,
    lists: SelectedLists<'a>,
    join: Arc<Mutex<Join>>,
}

/// The most time that the check for missing namespaces may take: the lists wait for it.
const NAMESPACE_CHECK_TIMEOUT: Duration = Duration::from_secs(5);

/// The items of a complete list and the warnings about them, or why the list is not complete.
type CollectedList<T> = Result<(Vec<T>, Warnings), GatherError>;

impl Collector<'_> {
    /// Reads the smaller lists first and at the same time, because each pod is joined with them when it
    /// arrives.
    async fn collect_all(&self, hosts: &HostRefs) -> Result<(), GatherError> {
        let selection = self.selection;
        let controllers = async {
            let needed = selection.controllers || selection.pods;
            if needed { Some(self.controllers().await) } else { None }
        };
        let (services, config_maps, secrets, controllers) = tokio::join!(
            self.namespaces_accounts_and_services(),
            self.config_maps(),
            self.secrets(),
            controllers
        );
        let services = services?;
        let pods_are_complete = selection.pods && self.pods().await?;
        if let Some(results) = controllers {
            self.end_controllers(results, pods_are_complete)?;
        }
        self.warn_of_dropped_references(pods_are_complete)?;
        let with_uses = pods_are_complete && self.join().uses_are_complete();
        if let Some(read) = services {
            let with_pods = pods_are_complete && self.join().services.pods_are_complete();
            let services = self.join().services.take(with_pods);
            let list = read.map(|warnings| (services, warnings));
            self.end_collection("services", list, Item::Service)?;
        }
        if let Some(read) = config_maps {
            let objects = self.join().config_maps.take(with_uses);
            let objects = objects.map(|(object, used_by)| ConfigMap { used_by, ..object });
            let list = read.map(|()| (objects, Warnings::new()));
            self.end_collection("config-maps", list, Item::ConfigMap)?;
        }
        if let Some(read) = secrets {
            let objects = self.join().secrets.take(with_uses);
            let objects = objects.map(|(object, used_by)| SecretKeys { used_by, ..object });
            let list = read.map(|()| (objects, Warnings::new()));
            self.end_collection("secrets", list, Item::Secret)?;
        }
        if selection.virtual_machines {
            self.virtual_machines(hosts).await?;
        }
        Ok(())
    }

    /// Reports namespaces and service accounts, and stores services. Returns the result of the services,
    /// if they are selected.
    async fn namespaces_accounts_and_services(
        &self,
    ) -> Result<Option<Result<Warnings, GatherError>>, GatherError> {
        if self.selection.namespaces {
            self.namespaces().await?;
        } else {
            self.warn_of_missing_namespaces().await?;
        }
        if self.selection.service_accounts {
            let collecting = Collecting::new(|item: objects::ServiceAccount<'_>| {
                (map::service_account(item), Warnings::new())
            });
            let resource = &collected_resources::SERVICE_ACCOUNTS;
            let list = self.read_list::<ServiceAccountList, _>(resource, collecting).await;
            self.end_collection("service-accounts", list, Item::ServiceAccount)?;
        }
        Ok(self.services().await)
    }

    fn join(&self) -> MutexGuard<'_, Join> {
        lock(&self.join)
    }

    /// Reads a list of the selected objects.
    async fn read_list<L: Listed, T: Send + 'static>(
        &self,
        resource: &Resource,
        collecting: Collecting<L, T>,
    ) -> CollectedList<T> {
        let Collecting { items, warnings, .. } = self.lists.read(resource, collecting).await?;
        Ok((items, warnings))
    }

    /// Namespaces are not themselves in a namespace, so the list cannot be narrowed to the selected ones by the
    /// server.
    async fn namespaces(&self) -> Result<(), GatherError> {
        let collecting = Collecting::<NamespaceList, _>::new(map::namespace);
        let read = self.lists.client.list(&collected_resources::NAMESPACES, collecting).await;
        let list = read.map(|Collecting { mut items, mut warnings, .. }| {
            let selected = &self.selection.only_namespaces;
            items.retain(|item| selected.is_empty() || selected.contains(&item.name));
            for name in selected.iter().filter(|name| items.iter().all(|item| item.name != **name))
            {
                let problem = Problem::NamespaceNotFound;
                warnings.push(ObjectWarning { object: name.clone(), problem });
            }
            (items, warnings)
        });
        self.end_collection("namespaces", list, Item::Namespace)
    }

    /// Warns of selected namespaces that do not exist, as far as the user may see that. Without this, a
    /// misspelt name would only lead to empty lists.
    async fn warn_of_missing_namespaces(&self) -> Result<(), GatherError> {
        if !self.selection.has_namespaced() {
            return Ok(());
        }
        let mut missing = Warnings::new();
        let check = async {
            for name in &self.selection.only_namespaces {
                match self.lists.client.has_namespace(name).await {
                    Ok(true) => {}
                    Ok(false) => {
                        let problem = Problem::NamespaceNotFound;
                        missing.push(ObjectWarning { object: name.clone(), problem });
                    }
                    // The right to read objects in a namespace does not include the right to get it.
                    Err(error) if error.kind == ErrorKind::Permission => {}
                    Err(_) => break,
                }
            }
        };
        let timeout = run::operation_remaining(self.context)
            .unwrap_or(NAMESPACE_CHECK_TIMEOUT)
            .min(NAMESPACE_CHECK_TIMEOUT);
        // What was found before the timeout is reported.
        let _ = tokio::time::timeout(timeout, check).await;
        sinks::report(self.context, missing)
    }

    async fn services(&self) -> Option<Result<Warnings, GatherError>> {
        if !self.selection.services {
            return None;
        }
        let collecting = Collecting::new(map::service);
        let resource = &collected_resources::SERVICES;
        let list = self.read_list::<ServiceList, _>(resource, collecting).await;
        Some(list.map(|(services, warnings)| {
            let mut join = self.join();
            for service in services {
                join.services.insert(service);
            }
            warnings
        }))
    }

    async fn config_maps(&self) -> Option<Result<(), GatherError>> {
        if !self.selection.config_maps {
            return None;
        }
        wipe::begin();
        let collecting = Collecting::new(|item: objects::KeyedObject<'_>| {
            (map::config_map(item), Warnings::new())
        });
        let resource = &collected_resources::CONFIG_MAPS;
        let list = self.read_list::<KeyedObjectList, _>(resource, collecting).await;
        Some(list.map(|(objects, _)| {
            let name = |object: &ConfigMap| (object.namespace.clone(), object.name.clone());
            self.join().config_maps.set(objects, name);
        }))
    }

    async fn secrets(&self) -> Option<Result<(), GatherError>> {
        if !self.selection.secrets {
            return None;
        }
        wipe::begin();
        let collecting =
            Collecting::new(|item: objects::KeyedObject<'_>| (map::secret(item), Warnings::new()));
        let resource = &collected_resources::SECRETS;
        let list = self.read_list::<KeyedObjectList, _>(resource, collecting).await;
        Some(list.map(|(objects, _)| {
            let name = |object: &SecretKeys| (object.namespace.clone(), object.name.clone());
            self.join().secrets.set(objects, name);
        }))
    }

    /// Warns if uses, or the pods of services, were dropped because they would take too much memory.
    fn warn_of_dropped_references(&self, pods_are_complete: bool) -> Result<(), GatherError> {
        if !pods_are_complete {
            return Ok(());
        }
        let (uses_are_complete, service_pods_are_complete) = {
            let join = self.join();
            (join.uses_are_complete(), join.services.pods_are_complete())
        };
        let consequence = "none are reported; set `namespaces` to collect fewer";
        if !uses_are_complete {
            let message = format!("too many uses of config maps and secrets: {consequence}");
            self.context.warning("pods", message)?;
        }
        if !service_pods_are_complete {
            let message = format!("too many pods of services: {consequence}");
            self.context.warning("services", message)?;
        }
        Ok(())
    }

    /// Reports the pods, and returns whether their list is complete.
    async fn pods(&self) -> Result<bool, GatherError> {
        let pods = sinks::PodSink::new(self.context.clone(), Arc::clone(&self.join));
        self.join().forget_pods();
        let read = self.lists.read(&collected_resources::PODS, pods).await;
        let is_complete = read.is_ok();
        if !is_complete {
            self.join().forget_pods();
        }
        let list = read.map(|pods| (Vec::new(), pods.warnings));
        self.end_collection("pods", list, Item::Pod)?;
        Ok(is_complete)
    }

    /// Reports the virtual machines once their list is complete: guests of a host cannot be withdrawn without
    /// the host.
    async fn virtual_machines(&self, hosts: &HostRefs) -> Result<(), GatherError> {
        let list = self.list_virtual_machines().await.and_then(|(guests, warnings)| {
            let is_running = |guest: &Guest| {
                !matches!(guest.state, Some(GuestState::Stopped | GuestState::Crashed))
            };
            for (node, guest) in &guests {
                if let Some(node) = node.as_ref().filter(|node| !hosts.contains_key(*node))
                    && is_running(guest)
                {
                    let message = format!(
                        "virtual machine {} runs on node {node}, which was added after the nodes were \
                         listed",
                        guest.name
                    );
                    return Err(GatherError::new(ErrorKind::Unavailable, message));
                }
            }
            let mut detached = Vec::new();
            for (node, guest) in guests {
                match node.and_then(|node| hosts.get(&node)) {
                    Some(host) => self.context.guest(host, guest)?,
                    None => detached.push(Box::new(guest)),
                }
            }
            Ok((detached, warnings))
        });
        self.end_collection(VIRTUAL_MACHINES, list, Item::DetachedGuest)
    }

    /// The virtual machines with the names of their nodes.
    async fn list_virtual_machines(&self) -> CollectedList<(Option<String>, Guest)> {
        self.lists.client.check_time("virtual machines")?;
        let Some(resource) = collected_resources::virtual_machines(self.lists.client).await? else {
            return Ok((Vec::new(), Warnings::new()));
        };
        let collecting = Collecting::new(|item: objects::VirtualMachine<'_>| {
            let (node, guest, warnings) = map::guest(item);
            ((node, guest), warnings)
        });
        self.read_list::<VirtualMachineList, _>(&resource, collecting).await
    }

    fn report_items(&self, mut items: impl Iterator<Item = Item>) -> Result<(), GatherError> {
        items.try_for_each(|item| self.context.item(item))
    }

    /// Ends a collection: reports the items and warnings of a complete list, or the error.
    fn end_collection<T>(
        &self,
        name: &str,
        list: Result<(impl IntoIterator<Item = T>, Warnings), GatherError>,
        item: impl Fn(T) -> Item,
    ) -> Result<(), GatherError> {
        self.context.check_cancelled()?;
        let result = list.and_then(|(items, warnings)| {
            self.report_items(items.into_iter().map(item))?;
            sinks::report(self.context, warnings)
        });
        self.context.check_cancelled()?;
        self.context.collection_end(name, result)
    }
}

/// Locks a mutex, even if a thread panicked while it held the lock: every update leaves the value
/// consistent.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
