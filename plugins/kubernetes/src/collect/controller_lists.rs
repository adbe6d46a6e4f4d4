//! The lists of controllers, which are a collection of their own and the source of the owners of pods.

use std::mem::take;

use gatherer_plugin_api::model::Controller;
use gatherer_plugin_api::{Collection, ErrorKind, GatherError, Item};
use gatherer_plugin_support::run;
use tokio::time::Instant;

use super::api_versions;
use super::collector::{CollectedList, Collector};
use super::join::FoundInPods;
use super::sinks::Collecting;
use crate::map::{self, OwnerEntry, Owners, Warnings};
use crate::objects::kinds::{self, ControllerList};
use crate::objects::{self, Resource};

/// The results of reading the lists of controllers.
pub struct ControllerResults {
    /// The warnings about the controllers that were reported, or why their collection is not complete.
    collection: Result<Warnings, GatherError>,
    /// Why chains of owners may be incomplete.
    owners: Result<(), GatherError>,
}

/// The lists that could not be read: the error of the first, the names of the others.
#[derive(Default)]
struct FailedLists {
    first: Option<GatherError>,
    others: Vec<&'static str>,
}

impl FailedLists {
    fn add(&mut self, plural: &'static str, error: GatherError) {
        match &self.first {
            None => self.first = Some(error),
            Some(_) => self.others.push(plural),
        }
    }

    fn result(self) -> Result<(), GatherError> {
        let Some(mut error) = self.first else { return Ok(()) };
        if !self.others.is_empty() {
            let others = self.others.join(", ");
            error.message = format!("{} (these lists failed, too: {others})", error.message);
        }
        Err(error)
    }
}

impl Collector<'_> {
    /// Reads all lists of controllers; a list that fails does not stop the others. They are also read if only
    /// pods are collected, because a pod names only the lowest of its owners.
    pub async fn controllers(&self, owners: &mut Owners) -> ControllerResults {
        let mut resources = kinds::CONTROLLERS.to_vec();
        let (mut failed_items, mut failed_owners) =
            (FailedLists::default(), FailedLists::default());
        let cron_jobs = match self.client.check_time("cron jobs") {
            Ok(()) => api_versions::cron_jobs(self.client).await,
            Err(error) => Err(error),
        };
        match cron_jobs {
            Ok(cron_jobs) => resources.push(cron_jobs),
            Err(error) => {
                failed_items.add("cronjobs", error.clone());
                failed_owners.add("cronjobs", error);
            }
        }
        // An owner can lack the labels of the objects that it owns, so owners are listed without labels.
        let separate_owners = self.selection.pods && self.selection.label_selector.is_some();
        // The operator did not request these lists, and the pods still have to be read.
        let owners_deadline =
            run::operation_remaining(self.context).map(|time| Instant::now() + time / 2);
        let mut warnings = Warnings::new();
        for resource in &resources {
            if separate_owners {
                match self.read_owners(resource, owners_deadline).await {
                    Ok(entries) => {
                        for entry in entries {
                            owners.insert(entry);
                        }
                    }
                    Err(error) => failed_owners.add(resource.plural, error),
                }
            }
            if separate_owners && !self.selection.controllers {
                continue;
            }
            match self.read_controllers(resource).await {
                Ok((items, item_warnings)) => {
                    warnings.extend(item_warnings);
                    let (items, entries): (Vec<_>, Vec<_>) = items.into_iter().unzip();
                    for entry in entries {
                        owners.insert(entry);
                    }
                    // The items of an incomplete collection would be dropped by the runner.
                    if self.selection.controllers
                        && failed_items.first.is_none()
                        && let Err(error) =
                            self.report_items(items.into_iter().map(Item::Controller))
                    {
                        failed_items.add(resource.plural, error);
                    }
                }
                Err(error) => {
                    if !separate_owners {
                        failed_owners.add(resource.plural, error.clone());
                    }
                    failed_items.add(resource.plural, error);
                }
            }
        }
        ControllerResults {
            collection: failed_items.result().map(|()| warnings),
            owners: failed_owners.result(),
        }
    }

    /// Reads a list without regard to labels, for the chains of owners only.
    async fn read_owners(
        &self,
        resource: &Resource,
        deadline: Option<Instant>,
    ) -> Result<Vec<OwnerEntry>, GatherError> {
        let kind = resource.kind;
        let entries = Collecting::<ControllerList, _>::new(move |item: objects::Controller<'_>| {
            (OwnerEntry::new(kind, &item.metadata), Warnings::new())
        });
        let too_late = || {
            let message = format!(
                "the list of all {} did not finish within half of the remaining time",
                resource.plural
            );
            GatherError::new(ErrorKind::Timeout, message)
        };
        if deadline.is_some_and(|deadline| deadline <= Instant::now()) {
            return Err(too_late());
        }
        let read = self.read_with_any_labels(resource, entries);
        let entries = match deadline {
            None => read.await?,
            Some(deadline) => {
                tokio::time::timeout_at(deadline, read).await.map_err(|_| too_late())??
            }
        };
        Ok(entries.items)
    }

    /// Reads a list of the selected controllers.
    async fn read_controllers(
        &self,
        resource: &Resource,
    ) -> CollectedList<(Controller, OwnerEntry)> {
        let kind = resource.kind;
        let collecting =
            Collecting::<ControllerList, _>::new(move |item: objects::Controller<'_>| {
                let entry = OwnerEntry::new(kind, &item.metadata);
                let (controller, warnings) = map::controller(kind, item);
                ((controller, entry), warnings)
            });
        self.read_list(resource, collecting).await
    }

    /// Ends the collection, including the controllers of unlisted kinds that were found in the pods, if their
    /// list is complete.
    pub fn end_controllers(
        &self,
        results: ControllerResults,
        found: Option<&mut FoundInPods>,
    ) -> Result<(), GatherError> {
        if let (Err(error), true) = (&results.owners, self.selection.pods) {
            let message =
                format!("some controllers could not be read, so owners may be missing: {error}");
            self.context.warning(Collection::Pods, message)?;
        }
        if !self.selection.controllers {
            return Ok(());
        }
        let list = results.collection.and_then(|warnings| match found {
            Some(found) => {
                Ok((take(&mut found.unlisted_controllers).into_values().collect(), warnings))
            }
            None if !self.selection.pods => Ok((Vec::new(), warnings)),
            None => Err(GatherError::new(
                ErrorKind::Unavailable,
                "controllers of other kinds are found through pods, and the pods could not be read",
            )),
        });
        self.end_collection(Collection::Controllers, list, Item::Controller)
    }
}
