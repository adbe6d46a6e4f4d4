//! The controllers, and the owners of pods that are found among them.

use std::sync::Arc;

use gatherer_plugin_api::model::Controller;
use gatherer_plugin_api::{ErrorKind, GatherError, Item};
use gatherer_plugin_support::run;
use tokio::time::Instant;

use super::sinks::{Collecting, Warnings};
use super::{Collect, Kept, listed};
use crate::client::{ItemSink, Resource};
use crate::map;
use crate::objects;

/// What came of reading the lists of controllers.
pub struct ReadControllers {
    /// What is odd about those that were handed over, or why that are not all.
    listed: Result<Warnings, GatherError>,
    /// Why chains of owners may be short.
    owners: Result<(), GatherError>,
}

/// Which lists could not be read, and why the first of them could not.
#[derive(Default)]
struct Failures {
    first: Option<GatherError>,
    others: Vec<&'static str>,
}

impl Failures {
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
            error.message = format!("{} (and these could not be read: {others})", error.message);
        }
        Err(error)
    }
}

impl Collect<'_> {
    /// Pods name the lowest of their owners alone: the lists are read for the others, too. What can
    /// be read of them is read, whether all can or not.
    pub async fn controllers(&self) -> ReadControllers {
        let mut resources = listed::CONTROLLERS.to_vec();
        let (mut unlisted, mut unowned) = (Failures::default(), Failures::default());
        let cron_jobs = match self.lists.in_time("cron jobs") {
            Ok(()) => listed::cron_jobs(self.lists.client).await,
            Err(error) => Err(error),
        };
        match cron_jobs {
            Ok(cron_jobs) => resources.push(cron_jobs),
            Err(error) => {
                unlisted.add("cronjobs", error.clone());
                unowned.add("cronjobs", error);
            }
        }
        // An owner need not have the labels of what it owns.
        let owners_apart = self.wanted.pods && self.wanted.label_selector.is_some();
        // Nobody asked for so much, and the pods are yet to come.
        let half = run::operation_remaining(self.context).map(|time| Instant::now() + time / 2);
        let mut warnings = Warnings::new();
        for resource in &resources {
            if owners_apart && let Err(error) = self.owners(resource, half).await {
                unowned.add(resource.plural, error);
            }
            if owners_apart && !self.wanted.controllers {
                continue;
            }
            match self.read_controllers(resource).await {
                Ok((items, odd)) => {
                    warnings.extend(odd);
                    // A collection that is not whole is dropped.
                    if self.wanted.controllers
                        && unlisted.first.is_none()
                        && let Err(error) = self.emit(items.into_iter().map(Item::Controller))
                    {
                        unlisted.add(resource.plural, error);
                    }
                }
                Err(error) => {
                    if !owners_apart {
                        unowned.add(resource.plural, error.clone());
                    }
                    unlisted.add(resource.plural, error);
                }
            }
        }
        ReadControllers { listed: unlisted.result().map(|()| warnings), owners: unowned.result() }
    }

    /// Remembers what is in a list, whichever labels it has.
    async fn owners(&self, resource: &Resource, end: Option<Instant>) -> Result<(), GatherError> {
        let kind = resource.kind;
        let keep =
            Collecting::<listed::Controllers, _>::new(move |item: objects::Controller<'_>| {
                (map::Entry::new(kind, &item.metadata), Warnings::new())
            });
        let sink = keep.clone() as Arc<dyn ItemSink<listed::Controllers>>;
        let too_late = || {
            let time = "half of the time that was left";
            let message = format!("{} of any label were not read within {time}", resource.plural);
            GatherError::new(ErrorKind::Timeout, message)
        };
        if end.is_some_and(|end| end <= Instant::now()) {
            return Err(too_late());
        }
        let read = self.lists.read_of_any_label(resource, &sink);
        match end {
            None => read.await?,
            Some(end) => tokio::time::timeout_at(end, read).await.map_err(|_| too_late())??,
        }
        let mut join = self.join();
        for entry in keep.take().0 {
            join.owners.insert(entry);
        }
        Ok(())
    }

    /// Reads a list, and remembers what is in it.
    async fn read_controllers(&self, resource: &Resource) -> Kept<Controller> {
        let kind = resource.kind;
        let keep = Collecting::new(move |item: objects::Controller<'_>| {
            let entry = map::Entry::new(kind, &item.metadata);
            let (controller, warnings) = map::controller(kind, item);
            ((controller, entry), warnings)
        });
        let (items, warnings) = self.keep::<listed::Controllers, _>(resource, keep).await?;
        let (items, entries): (Vec<_>, Vec<_>) = items.into_iter().unzip();
        let mut join = self.join();
        for entry in entries {
            join.owners.insert(entry);
        }
        Ok((items, warnings))
    }

    /// Ends the collection, with those that pods alone know of.
    pub fn end_controllers(
        &self,
        read: ReadControllers,
        pods_are_known: bool,
    ) -> Result<(), GatherError> {
        if let (Err(error), true) = (&read.owners, self.wanted.pods) {
            let sentence = format!("not all that controls them could be read: {error}");
            self.context.warning("pods", sentence)?;
        }
        if !self.wanted.controllers {
            return Ok(());
        }
        let unlisted = self.join().take_unlisted();
        let kept = read.listed.and_then(|warnings| {
            if pods_are_known || !self.wanted.pods {
                return Ok((unlisted, warnings));
            }
            let why = "controllers of other kinds are known by their pods alone, and those are not";
            Err(GatherError::new(ErrorKind::Unavailable, why))
        });
        self.end("controllers", kept, Item::Controller)
    }
}
