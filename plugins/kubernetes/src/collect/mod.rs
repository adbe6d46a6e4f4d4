//! What is read of a cluster, and in which order: the nodes, which have to be whole, and the optional
//! collections, each of which stands for itself.

mod controllers;
#[cfg(test)]
mod discovery_tests;
mod join;
pub(crate) mod listed;
mod lists;
#[cfg(test)]
mod narrowed_tests;
mod sinks;
#[cfg(test)]
mod tests;
mod wanted;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use gatherer_plugin_api::model::{ConfigMap, Guest, GuestState, SecretKeys};
use gatherer_plugin_api::{Context, ErrorKind, GatherError, HostRef, Item, VIRTUAL_MACHINES};
use gatherer_plugin_support::run;

use crate::client::{Client, ItemSink, Listed, Resource};
use crate::kubeconfig::Access;
use crate::map;
use crate::objects;
use crate::objects::node::Nodes;
use crate::wipe;
use join::Join;
use lists::Lists;
use sinks::{Collecting, Warnings};
pub use wanted::{Parameters, Wanted};

/// The hosts that guests may run on, by the names of their nodes.
type HostRefs = BTreeMap<String, HostRef>;

/// Reads a cluster. An error is the whole cluster's; what is wrong with an optional collection is
/// told at its end.
pub fn cluster(
    access: &Access,
    page_size: u32,
    wanted: &Wanted,
    context: &Context,
) -> Result<(), GatherError> {
    run::block_on(context, async {
        let client = Client::new(access, page_size, context).await?;
        let hosts = Arc::new(sinks::Hosts::new(context.clone(), wanted));
        client.list(&Resource::nodes(), hosts.clone() as Arc<dyn ItemSink<Nodes>>).await?;
        hosts.tell_warnings()?;
        let (join, hosts) = hosts.take();
        let lists = Lists { client: &client, wanted, context };
        Collect { context, wanted, lists, join: Arc::new(Mutex::new(join)) }.all(&hosts).await
    })
}

struct Collect<'a> {
    context: &'a Context,
    wanted: &'a Wanted,
    lists: Lists<'a>,
    join: Arc<Mutex<Join>>,
}

/// What is odd about a namespace that was asked for.
const NO_NAMESPACE: &str = "there is no namespace of this name";

/// How long it may take to learn which namespaces are not there.
const LOOK: Duration = Duration::from_secs(5);

/// A list that is whole, and what is odd about it; or why it is not.
type Kept<T> = Result<(Vec<T>, Warnings), GatherError>;

impl Collect<'_> {
    /// The smaller lists come first, in rows side by side: pods are joined to them while they
    /// pass.
    async fn all(&self, hosts: &HostRefs) -> Result<(), GatherError> {
        let wanted = self.wanted;
        let controllers = async {
            if wanted.controllers || wanted.pods { Some(self.controllers().await) } else { None }
        };
        let (services, config_maps, secrets, controllers) =
            tokio::join!(self.small(), self.config_maps(), self.secrets(), controllers);
        let services = services?;
        let pods_are_known = wanted.pods && self.pods().await?;
        if let Some(read) = controllers {
            self.end_controllers(read, pods_are_known)?;
        }
        self.tell_what_is_too_much(pods_are_known)?;
        let are_uses_known = pods_are_known && self.join().are_uses_known();
        if let Some(read) = services {
            let are_known = pods_are_known && self.join().services.are_pods_known();
            let services = self.join().services.take(are_known);
            self.end("services", read.map(|warnings| (services, warnings)), Item::Service)?;
        }
        if let Some(read) = config_maps {
            let objects = self.join().config_maps.take(are_uses_known);
            let objects = objects.map(|(object, used_by)| ConfigMap { used_by, ..object });
            self.end("config-maps", read.map(|()| (objects, Warnings::new())), Item::ConfigMap)?;
        }
        if let Some(read) = secrets {
            let objects = self.join().secrets.take(are_uses_known);
            let objects = objects.map(|(object, used_by)| SecretKeys { used_by, ..object });
            self.end("secrets", read.map(|()| (objects, Warnings::new())), Item::Secret)?;
        }
        if wanted.machines {
            self.machines(hosts).await?;
        }
        Ok(())
    }

    /// Namespaces and service accounts, which are handed over, and services, which are kept.
    async fn small(&self) -> Result<Option<Result<Warnings, GatherError>>, GatherError> {
        if self.wanted.namespaces {
            self.namespaces().await?;
        } else {
            self.look_for_namespaces().await?;
        }
        if self.wanted.service_accounts {
            let keep = Collecting::new(|item: objects::ServiceAccount<'_>| {
                (map::service_account(item), Warnings::new())
            });
            let kept =
                self.keep::<listed::ServiceAccounts, _>(&listed::SERVICE_ACCOUNTS, keep).await;
            self.end("service-accounts", kept, Item::ServiceAccount)?;
        }
        Ok(self.services().await)
    }

    fn join(&self) -> MutexGuard<'_, Join> {
        lock(&self.join)
    }

    /// Reads a list to its end.
    async fn keep<L: Listed, T: Send + 'static>(
        &self,
        resource: &Resource,
        keep: Arc<Collecting<L, T>>,
    ) -> Kept<T> {
        self.lists.read(resource, &(keep.clone() as Arc<dyn ItemSink<L>>)).await?;
        Ok(keep.take())
    }

    /// Namespaces are in no namespace: where some are asked for, the others are left out here.
    async fn namespaces(&self) -> Result<(), GatherError> {
        let keep = Collecting::<listed::Namespaces, _>::new(map::namespace);
        let sink = keep.clone() as Arc<dyn ItemSink<listed::Namespaces>>;
        let read = self.lists.read_all(&listed::NAMESPACES, &sink).await;
        let kept = read.map(|()| {
            let (mut items, mut warnings) = keep.take();
            let within = &self.wanted.within;
            items.retain(|item| within.is_empty() || within.contains(&item.name));
            for name in within.iter().filter(|name| items.iter().all(|item| item.name != **name)) {
                warnings.push((name.clone(), NO_NAMESPACE.to_owned()));
            }
            (items, warnings)
        });
        self.end("namespaces", kept, Item::Namespace)
    }

    /// Says which namespaces are not there, where that can be learned: the lists of one that is
    /// misspelt are empty, and nothing else is wrong with them.
    async fn look_for_namespaces(&self) -> Result<(), GatherError> {
        let wanted = self.wanted;
        let keyed = wanted.config_maps || wanted.secrets;
        let others = wanted.service_accounts || wanted.services || wanted.machines;
        if !(wanted.controllers || wanted.pods || keyed || others) {
            return Ok(());
        }
        let mut missing = Vec::new();
        let look = async {
            for name in &wanted.within {
                match self.lists.client.has_namespace(name).await {
                    Ok(true) => {}
                    Ok(false) => missing.push(name),
                    // Whoever may read what is in a namespace need not be allowed to see it.
                    Err(error) if error.kind == ErrorKind::Permission => {}
                    Err(_) => break,
                }
            }
        };
        // The lists wait for this, and are what was asked for.
        let time = run::operation_remaining(self.context).unwrap_or(LOOK).min(LOOK);
        let _ = tokio::time::timeout(time, look).await;
        missing.into_iter().try_for_each(|name| self.context.warning(name, NO_NAMESPACE))
    }

    async fn services(&self) -> Option<Result<Warnings, GatherError>> {
        if !self.wanted.services {
            return None;
        }
        let keep = Collecting::new(map::service);
        let kept = self.keep::<listed::Services, _>(&listed::SERVICES, keep).await;
        Some(kept.map(|(services, warnings)| {
            let mut join = self.join();
            for service in services {
                join.services.insert(service);
            }
            warnings
        }))
    }

    async fn config_maps(&self) -> Option<Result<(), GatherError>> {
        if !self.wanted.config_maps {
            return None;
        }
        wipe::begin();
        let keep =
            Collecting::new(|item: objects::Keyed<'_>| (map::config_map(item), Warnings::new()));
        let kept = self.keep::<listed::KeyedObjects, _>(&listed::CONFIG_MAPS, keep).await;
        Some(kept.map(|(objects, _)| {
            let name = |object: &ConfigMap| (object.namespace.clone(), object.name.clone());
            self.join().config_maps.set(objects, name);
        }))
    }

    async fn secrets(&self) -> Option<Result<(), GatherError>> {
        if !self.wanted.secrets {
            return None;
        }
        wipe::begin();
        let keep = Collecting::new(|item: objects::Keyed<'_>| (map::secret(item), Warnings::new()));
        let kept = self.keep::<listed::KeyedObjects, _>(&listed::SECRETS, keep).await;
        Some(kept.map(|(objects, _)| {
            let name = |object: &SecretKeys| (object.namespace.clone(), object.name.clone());
            self.join().secrets.set(objects, name);
        }))
    }

    /// What would take too much memory is left out as a whole, and said to be.
    fn tell_what_is_too_much(&self, pods_are_known: bool) -> Result<(), GatherError> {
        let (uses, pods) = {
            let join = self.join();
            (!join.are_uses_known(), !join.services.are_pods_known())
        };
        let narrow = "so they are left out; `namespaces` narrows the lists";
        if pods_are_known && uses {
            let sentence =
                format!("they use more config maps and secrets than can be kept, {narrow}");
            self.context.warning("pods", sentence)?;
        }
        if pods_are_known && pods {
            let sentence = format!("they select more pods than can be kept, {narrow}");
            self.context.warning("services", sentence)?;
        }
        Ok(())
    }

    /// Hands the pods over. Whether they are all known then.
    async fn pods(&self) -> Result<bool, GatherError> {
        let emit = sinks::EmitPods::new(self.context.clone(), Arc::clone(&self.join));
        let sink = emit.clone() as Arc<dyn ItemSink<listed::Pods>>;
        self.join().forget_pods();
        let read = self.lists.read(&listed::PODS, &sink).await;
        let are_known = read.is_ok();
        if !are_known {
            self.join().forget_pods();
        }
        self.end("pods", read.map(|()| (Vec::new(), emit.take_warnings())), Item::Pod)?;
        Ok(are_known)
    }

    /// Guests are handed over when the list is whole: they cannot be taken back without their hosts.
    async fn machines(&self, hosts: &HostRefs) -> Result<(), GatherError> {
        let kept = self.kept_machines().await.and_then(|(guests, warnings)| {
            let runs = |guest: &Guest| {
                !matches!(guest.state, Some(GuestState::Stopped | GuestState::Crashed))
            };
            for (node, guest) in &guests {
                if let Some(node) = node.as_ref().filter(|node| !hosts.contains_key(*node))
                    && runs(guest)
                {
                    let why = "it runs on a node that came after the nodes were listed";
                    let message = format!("{}: {why}: {node}", guest.name);
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
        self.end(VIRTUAL_MACHINES, kept, Item::DetachedGuest)
    }

    async fn kept_machines(&self) -> Kept<(Option<String>, Guest)> {
        self.lists.in_time("virtual machines")?;
        let Some(resource) = listed::machines(self.lists.client).await? else {
            return Ok((Vec::new(), Warnings::new()));
        };
        let keep = Collecting::new(|item: objects::Machine<'_>| {
            let (node, guest, warnings) = map::guest(item);
            ((node, guest), warnings)
        });
        self.keep::<listed::Machines, _>(&resource, keep).await
    }

    fn emit(&self, mut items: impl Iterator<Item = Item>) -> Result<(), GatherError> {
        items.try_for_each(|item| self.context.item(item))
    }

    /// Ends a collection, with these items if it is whole.
    fn end<T>(
        &self,
        name: &str,
        kept: Result<(impl IntoIterator<Item = T>, Warnings), GatherError>,
        item: impl Fn(T) -> Item,
    ) -> Result<(), GatherError> {
        self.context.check_cancelled()?;
        let result = kept.and_then(|(items, warnings)| {
            self.emit(items.into_iter().map(item))?;
            sinks::tell(self.context, warnings)
        });
        self.context.check_cancelled()?;
        self.context.collection_end(name, result)
    }
}

/// A lock; a thread that panicked has left what it holds in order.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
