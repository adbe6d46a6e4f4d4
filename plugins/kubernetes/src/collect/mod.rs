//! Which lists are read, and in which order: first the nodes, without which the endpoint fails, then the
//! optional collections, each of which can fail alone.

mod api_versions;
#[cfg(test)]
mod collection_tests;
mod collector;
mod controller_lists;
#[cfg(test)]
mod discovery_tests;
mod join;
mod parameters;
#[cfg(test)]
mod selection_tests;
mod sinks;
#[cfg(test)]
mod test_cluster;
mod virtual_machines;
#[cfg(test)]
mod virtual_machines_tests;

use std::collections::HashMap;
use std::time::Duration;

use gatherer_plugin_api::model::{ConfigMap, SecretKeys, Service};
use gatherer_plugin_api::{Collection, Context, ErrorKind, GatherError, Item};
use gatherer_plugin_support::run;

use crate::client::Client;
use crate::kubeconfig::Access;
use crate::map::{self, ObjectWarning, Owners, Problem, Warnings};
use crate::objects::kinds::{
    self, KeyedObjectList, NamespaceList, ServiceAccountList, ServiceList,
};
use crate::objects::{KeyedObject, ServiceAccount};
pub use api_versions::{cron_jobs, virtual_machines};
use collector::{CollectedList, Collector};
use join::{FoundInPods, Join};
pub use parameters::{Parameters, Selection};
use sinks::{Collecting, HostSink, Hosts, PodSink};

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
        let sink = HostSink::new(context.clone(), selection);
        let HostSink { hosts, warnings, .. } = client.list(&kinds::NODES, sink).await?;
        let collector = Collector { client: &client, context, selection };
        collector.report_warnings(warnings)?;
        collector.collect_all(hosts).await
    })
}

/// The most time that the check for missing namespaces may take: the lists wait for it.
const NAMESPACE_CHECK_TIMEOUT: Duration = Duration::from_secs(5);

/// The lists that pods are joined with; `None` if they are not selected.
struct JoinedLists {
    services: Option<CollectedList<Service>>,
    config_maps: Option<CollectedList<ConfigMap>>,
    secrets: Option<CollectedList<SecretKeys>>,
}

impl JoinedLists {
    fn join(&self, host_ids: HashMap<String, String>, owners: Owners) -> Join {
        fn items<T>(list: Option<&CollectedList<T>>) -> &[T] {
            match list {
                Some(Ok((items, _))) => items,
                _ => &[],
            }
        }
        let (services, config_maps) =
            (items(self.services.as_ref()), items(self.config_maps.as_ref()));
        Join::new(host_ids, owners, services, config_maps, items(self.secrets.as_ref()))
    }
}

impl Collector<'_> {
    /// Reads the smaller lists first and at the same time, because each pod is joined with them when it arrives.
    ///
    /// The virtual machines come first: the more time passes after the nodes were listed, the more machines
    /// run on nodes that were not there yet.
    async fn collect_all(&self, mut hosts: Hosts) -> Result<(), GatherError> {
        let selection = self.selection;
        if selection.virtual_machines {
            self.virtual_machines(&mut hosts).await?;
        }
        if selection.namespaces {
            self.namespaces().await?;
        } else {
            self.warn_of_missing_namespaces().await?;
        }
        if selection.service_accounts {
            self.service_accounts().await?;
        }
        let mut owners = Owners::new();
        let with_controllers = selection.controllers || selection.pods;
        let read_controllers = async {
            if with_controllers { Some(self.controllers(&mut owners).await) } else { None }
        };
        let (lists, controllers) = tokio::join!(self.read_joined_lists(), read_controllers);
        let mut found = None;
        if selection.pods {
            found = self.pods(lists.join(hosts.ids, owners)).await?;
        }
        if let Some(results) = controllers {
            self.end_controllers(results, found.as_mut())?;
        }
        self.end_joined_lists(lists, found)?;
        Ok(())
    }

    /// Reads these lists at the same time: while one is parsed, the server prepares another.
    async fn read_joined_lists(&self) -> JoinedLists {
        let selection = self.selection;
        let services = Collecting::<ServiceList, _>::new(map::service);
        let config_maps = Collecting::<KeyedObjectList, _>::new(|item: KeyedObject<'_>| {
            (map::config_map(item), Warnings::new())
        });
        let secrets = Collecting::<KeyedObjectList, _>::new(|item: KeyedObject<'_>| {
            (map::secret(item), Warnings::new())
        });
        let (services, config_maps, secrets) = tokio::join!(
            self.read_if(selection.services, kinds::SERVICES, services),
            self.read_if(selection.config_maps, kinds::CONFIG_MAPS, config_maps),
            self.read_if(selection.secrets, kinds::SECRETS, secrets),
        );
        JoinedLists { services, config_maps, secrets }
    }

    /// Reports the lists that the pods were joined with, together with what was found in the pods, if their
    /// list is complete.
    fn end_joined_lists(
        &self,
        lists: JoinedLists,
        found: Option<FoundInPods>,
    ) -> Result<(), GatherError> {
        let (mut pods_of_services, mut uses) = (None, None);
        if let Some(found) = found {
            pods_of_services = found.pods_of_services.complete();
            uses = found.uses.complete();
            let consequence = "none are reported; set `namespaces` to collect fewer";
            if uses.is_none() {
                let message = format!("too many uses of config maps and secrets: {consequence}");
                self.context.warning(Collection::Pods, message)?;
            }
            if pods_of_services.is_none() {
                let message = format!("too many pods of services: {consequence}");
                self.context.warning(Collection::Services, message)?;
            }
        }
        // These are in the order of the objects, or empty if they are not known.
        let mut pods_of_services = pods_of_services.into_iter().flatten();
        let mut uses = uses.into_iter().flatten();
        if let Some(mut list) = lists.services {
            for service in list.iter_mut().flat_map(|(services, _)| services) {
                service.pods = pods_of_services.next().filter(|_| join::selects_pods(service));
            }
            self.end_collection(Collection::Services, list, Item::Service)?;
        }
        if let Some(mut list) = lists.config_maps {
            for config_map in list.iter_mut().flat_map(|(config_maps, _)| config_maps) {
                config_map.used_by = uses.next();
            }
            self.end_collection(Collection::ConfigMaps, list, Item::ConfigMap)?;
        }
        if let Some(mut list) = lists.secrets {
            for secret in list.iter_mut().flat_map(|(secrets, _)| secrets) {
                secret.used_by = uses.next();
            }
            self.end_collection(Collection::Secrets, list, Item::Secret)?;
        }
        Ok(())
    }

    /// Namespaces are not themselves in a namespace, so the list cannot be narrowed to the selected ones by the
    /// server.
    async fn namespaces(&self) -> Result<(), GatherError> {
        let collecting = Collecting::<NamespaceList, _>::new(map::namespace);
        let read = self.client.list(&kinds::NAMESPACES, collecting).await;
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
        self.end_collection(Collection::Namespaces, list, Item::Namespace)
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
                match self.client.has_namespace(name).await {
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
        self.report_warnings(missing)
    }

    async fn service_accounts(&self) -> Result<(), GatherError> {
        let collecting = Collecting::<ServiceAccountList, _>::new(|item: ServiceAccount<'_>| {
            (map::service_account(item), Warnings::new())
        });
        let list = self.read_list(&kinds::SERVICE_ACCOUNTS, collecting).await;
        self.end_collection(Collection::ServiceAccounts, list, Item::ServiceAccount)
    }

    /// Reports the pods. Returns what was found in them, if their list is complete.
    async fn pods(&self, join: Join) -> Result<Option<FoundInPods>, GatherError> {
        let sink = PodSink::new(self.context.clone(), join);
        let read = self.read_selected(&kinds::PODS, sink).await;
        let (list, found) = match read {
            Ok(PodSink { join, warnings, .. }) => (Ok((Vec::new(), warnings)), Some(join.found())),
            Err(error) => (Err(error), None),
        };
        self.end_collection(Collection::Pods, list, Item::Pod)?;
        Ok(found)
    }
}
