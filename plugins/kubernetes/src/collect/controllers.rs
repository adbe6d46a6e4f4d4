//! The controllers, and the owners of pods that are found among them.

use std::sync::Arc;

use gatherer_plugin_api::{ErrorKind, GatherError, Item};

use super::takers::{Keep, Warnings};
use super::{Collect, Kept, listed};
use crate::client::{Resource, Taker};
use crate::map;
use crate::objects;

/// What came of reading the lists of controllers.
pub struct ReadControllers {
    /// What is odd about those that were handed over, or why that are not all.
    listed: Result<Warnings, GatherError>,
    /// Why chains of owners may be short.
    owners: Result<(), GatherError>,
}

/// Why lists could not be read.
#[derive(Default)]
struct Failures {
    first: Option<GatherError>,
    more: usize,
}

impl Failures {
    fn add(&mut self, error: GatherError) {
        match &self.first {
            None => self.first = Some(error),
            Some(_) => self.more += 1,
        }
    }

    fn result(self) -> Result<(), GatherError> {
        let Some(mut error) = self.first else { return Ok(()) };
        let others = match self.more {
            0 => return Err(error),
            1 => "one more list of controllers".to_owned(),
            more => format!("{more} more lists of controllers"),
        };
        error.message = format!("{} ({others} could not be read)", error.message);
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
                unlisted.add(error.clone());
                unowned.add(error);
            }
        }
        // An owner need not have the labels of what it owns.
        let owners_apart = self.wanted.pods && self.wanted.label_selector.is_some();
        let mut warnings = Warnings::new();
        for resource in resources {
            if owners_apart && let Err(error) = self.owners(&resource).await {
                unowned.add(error);
            }
            if owners_apart && !self.wanted.controllers {
                continue;
            }
            let read = self.controllers_of(&resource, unlisted.first.is_none()).await;
            match read {
                Ok(odd) => warnings.extend(odd),
                Err(error) => {
                    if !owners_apart {
                        unowned.add(error.clone());
                    }
                    unlisted.add(error);
                }
            }
        }
        ReadControllers { listed: unlisted.result().map(|()| warnings), owners: unowned.result() }
    }

    /// Remembers what is in a list, whichever labels it has.
    async fn owners(&self, resource: &Resource) -> Result<(), GatherError> {
        let kind = resource.kind;
        let keep = Keep::<listed::Controllers, _>::new(move |item: objects::Controller<'_>| {
            (map::Entry::new(kind, &item.metadata), Warnings::new())
        });
        let taker = keep.clone() as Arc<dyn Taker<listed::Controllers>>;
        self.lists.read_of_any_label(resource, &taker).await?;
        let mut join = self.join();
        for entry in keep.take().0 {
            join.owners.insert(entry);
        }
        Ok(())
    }

    /// Remembers what is in a list, and hands it over if it is wanted and `hand_over` is set.
    async fn controllers_of(
        &self,
        resource: &Resource,
        hand_over: bool,
    ) -> Result<Warnings, GatherError> {
        let kind = resource.kind;
        let keep = Keep::new(move |item: objects::Controller<'_>| {
            let entry = map::Entry::new(kind, &item.metadata);
            let (controller, warnings) = map::controller(kind, item);
            ((controller, entry), warnings)
        });
        let kept: Kept<_> = self.keep::<listed::Controllers, _>(resource, keep).await;
        let (items, warnings) = kept?;
        let (items, entries): (Vec<_>, Vec<_>) = items.into_iter().unzip();
        {
            let mut join = self.join();
            for entry in entries {
                join.owners.insert(entry);
            }
        }
        if hand_over && self.wanted.controllers {
            self.emit(items.into_iter().map(Item::Controller))?;
        }
        Ok(warnings)
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
