//! Events in the JSON format of CloudEvents 1.0 (<https://github.com/cloudevents/spec>): what happened to an endpoint and
//! to its objects. Pure functions; `watch` writes the events.

mod attributes;
use std::collections::{BTreeMap, HashMap};

use gatherer_plugin_api::model::{EndpointResult, Timestamp};
use serde::Serialize;

use crate::output::changes::{Change, What, compare};
use attributes::{Attributes, source, subject};

/// All types of events begin with this.
pub const TYPE_PREFIX: &str = "io.github.virtual-host-gatherer.";

/// The round of an endpoint to which events belong. Events of the same round have the same ids whenever they are made.
#[derive(Debug, Clone, Copy)]
pub struct RoundOfEvents<'a> {
    /// The endpoint's id.
    pub endpoint: &'a str,
    /// Its module, if its entry has one.
    pub module: Option<&'a str>,
    /// Tells apart rounds with the same number, of which the earlier one is forgotten.
    pub epoch: &'a str,
    /// The number of the round.
    pub number: u64,
    /// When it ended.
    pub at: Timestamp,
}

/// What happened to an endpoint as a whole. Each serializes to the `data` of its event.
#[derive(Debug, Clone, Copy, Serialize)]
#[serde(untagged)]
pub enum EndpointEvent<'a> {
    /// It fails, or it fails with an error of another kind.
    #[serde(rename_all = "camelCase")]
    Failed {
        /// The kind of the error.
        kind: &'a str,
        /// What failed.
        message: &'a str,
        /// What the operator can do.
        #[serde(skip_serializing_if = "Option::is_none")]
        hint: Option<&'a str>,
        /// Since when it has failed.
        failing_since: Option<Timestamp>,
    },
    /// It answers again.
    #[serde(rename_all = "camelCase")]
    Recovered {
        /// Since when it had failed.
        failing_since: Option<Timestamp>,
    },
    /// Its answer is whole, and nothing changed.
    Unchanged {
        /// How many objects it has.
        counts: &'a BTreeMap<String, usize>,
    },
    /// The infile does not have it any more. Its objects are not deleted.
    Removed {},
}

impl EndpointEvent<'_> {
    const fn name(&self) -> &'static str {
        match self {
            Self::Failed { .. } => "failed",
            Self::Recovered { .. } => "recovered",
            Self::Unchanged { .. } => "unchanged",
            Self::Removed {} => "removed",
        }
    }
}

/// Receives the JSON text of one event, without a line break.
pub type EventSink<'a, E> = &'a mut dyn FnMut(Vec<u8>) -> Result<(), E>;

/// The data of an event of an endpoint.
#[derive(Serialize)]
struct EndpointData<'a, T> {
    endpoint: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    module: Option<&'a str>,
    #[serde(flatten)]
    rest: T,
}

/// The data of the events around a snapshot.
#[derive(Serialize)]
struct SnapshotData {
    objects: usize,
}

/// The event of an endpoint as a whole.
pub fn of_endpoint(round: &RoundOfEvents<'_>, event: EndpointEvent<'_>) -> Vec<u8> {
    let name = event.name();
    endpoint_event(round, name, name, event)
}

/// The events of the first answer of an endpoint: one for each object, between a begin and an end. Returns their number.
pub fn of_snapshot<E>(
    round: &RoundOfEvents<'_>,
    answer: &EndpointResult,
    sink: EventSink<'_, E>,
) -> Result<usize, E> {
    let mut nothing = EndpointResult::new(answer.id.clone(), answer.module.clone(), None);
    nothing.status = answer.status;
    let objects = compare(&nothing, answer);
    let data = SnapshotData { objects: objects.len() };
    sink(endpoint_event(round, "snapshot.begin", "begin", &data))?;
    let mut ids = ChangeIds::default();
    for object in &objects {
        sink(change_event(round, object, &mut ids, true))?;
    }
    sink(endpoint_event(round, "snapshot.end", "end", &data))?;
    Ok(objects.len() + 2)
}

/// The events of changes. Returns their number.
pub fn of_changes<E>(
    round: &RoundOfEvents<'_>,
    changes: &[Change],
    sink: EventSink<'_, E>,
) -> Result<usize, E> {
    let mut ids = ChangeIds::default();
    for change in changes {
        sink(change_event(round, change, &mut ids, false))?;
    }
    Ok(changes.len())
}

/// `type` is the type after `endpoint.`; `id` tells it apart from the round's other events of the endpoint.
fn endpoint_event(
    round: &RoundOfEvents<'_>,
    kind: &str,
    id: &str,
    rest: impl Serialize,
) -> Vec<u8> {
    let RoundOfEvents { endpoint, module, epoch, number, at } = *round;
    to_json(&Attributes {
        specversion: "1.0",
        id: format!("{epoch}/{number}/endpoint/{id}"),
        source: source(endpoint),
        r#type: format!("{TYPE_PREFIX}endpoint.{kind}"),
        time: at,
        subject: None,
        datacontenttype: "application/json",
        round: number,
        snapshot: false,
        data: EndpointData { endpoint, module, rest },
    })
}

fn change_event(
    round: &RoundOfEvents<'_>,
    change: &Change,
    ids: &mut ChangeIds,
    snapshot: bool,
) -> Vec<u8> {
    let RoundOfEvents { endpoint, module, epoch, number, at } = *round;
    let subject = subject(change);
    let verb = verb(&change.what);
    to_json(&Attributes {
        specversion: "1.0",
        id: ids.unique(format!("{epoch}/{number}/{verb}/{subject}")),
        source: source(endpoint),
        r#type: format!("{TYPE_PREFIX}{}.{verb}", change.object.as_str()),
        time: at,
        subject: Some(subject),
        datacontenttype: "application/json",
        round: number,
        snapshot,
        data: EndpointData { endpoint, module, rest: change },
    })
}

/// The last word of a change's type.
const fn verb(what: &What) -> &'static str {
    match what {
        What::Created { .. } => "created",
        What::Updated { .. } => "updated",
        What::Deleted { .. } => "deleted",
        What::Migrated { .. } => "migrated",
    }
}

/// Makes the ids of a round's changes unique: several objects can have one id (cloned machines).
#[derive(Default)]
struct ChangeIds(HashMap<String, usize>);

impl ChangeIds {
    fn unique(&mut self, id: String) -> String {
        match self.0.get_mut(&id) {
            None => {
                self.0.insert(id.clone(), 1);
                id
            }
            Some(count) => {
                *count += 1;
                // No subject has a `#`, which is escaped in it.
                format!("{id}#{count}")
            }
        }
    }
}

fn to_json(event: &impl Serialize) -> Vec<u8> {
    serde_json::to_vec(event).expect("an event has only keys that are strings")
}
