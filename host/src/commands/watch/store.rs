//! What `watch` keeps of each endpoint: in the state folder, or in memory without one.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use gatherer_plugin_api::model::{EndpointResult, EndpointStatus};

use crate::output::changes::lost::MaxLost;
use crate::state::guard::{self, Verdict};
use crate::state::{KeptAnswer, LockedEndpoint, StateError, StateFolder, StatusRecord};

/// Keeps the endpoints. All functions may block.
pub enum Store {
    /// In files, so that it survives the end of the program.
    Folder(StateFolder),
    /// In memory.
    Memory(Mutex<HashMap<String, MemoryEndpoint>>),
}

/// An endpoint that is kept in memory.
#[derive(Default)]
pub struct MemoryEndpoint {
    kept: Option<KeptAnswer>,
    next: Option<KeptAnswer>,
    status: Option<StatusRecord>,
}

/// What is kept of one endpoint.
pub enum StoredEndpoint<'a> {
    /// In files, which are locked.
    Files(LockedEndpoint<'a>),
    /// In memory, under its id.
    Memory(&'a Mutex<HashMap<String, MemoryEndpoint>>, String),
}

impl Store {
    /// What is kept of the endpoint with this id.
    pub fn endpoint(&self, id: &str) -> Result<StoredEndpoint<'_>, StateError> {
        Ok(match self {
            Self::Folder(folder) => StoredEndpoint::Files(folder.lock(id)?),
            Self::Memory(endpoints) => StoredEndpoint::Memory(endpoints, id.to_owned()),
        })
    }

    /// The statuses of all endpoints that are kept.
    pub fn statuses(&self) -> Result<Vec<StatusRecord>, StateError> {
        match self {
            Self::Folder(folder) => folder.statuses(),
            Self::Memory(endpoints) => Ok(lock(endpoints)
                .values()
                .filter_map(|endpoint| endpoint.status.clone())
                .collect()),
        }
    }
}

impl StoredEndpoint<'_> {
    /// The last answer.
    pub fn kept(&self) -> Option<KeptAnswer> {
        match self {
            Self::Files(files) => files.kept(),
            Self::Memory(endpoints, id) => lock(endpoints).get(id)?.kept.clone(),
        }
    }

    /// Whether the guard believes an answer. Without a state folder there is no guard.
    pub fn judge(
        &self,
        last: Option<&KeptAnswer>,
        result: &EndpointResult,
        limit: Option<MaxLost>,
    ) -> Verdict {
        match (self, last, limit) {
            (Self::Files(files), Some(last), Some(limit))
                if result.status == EndpointStatus::Complete =>
            {
                guard::judge(files, &last.result, result, limit)
            }
            _ => Verdict::Believed,
        }
    }

    /// Forgets the loss that the operator accepted, after the answer became the last one.
    pub fn remove_suspicion(&self) {
        if let Self::Files(files) = self {
            guard::remove_suspicion(files);
        }
    }

    /// The answer whose events may not be written yet.
    pub fn next(&self) -> Option<KeptAnswer> {
        match self {
            Self::Files(files) => files.next(),
            Self::Memory(endpoints, id) => lock(endpoints).get(id)?.next.clone(),
        }
    }

    /// Stores the answer whose events are written next.
    pub fn prepare(&self, next: &KeptAnswer) -> Result<(), StateError> {
        match self {
            Self::Files(files) => return files.prepare(next),
            Self::Memory(endpoints, id) => {
                lock(endpoints).entry(id.clone()).or_default().next = Some(next.clone());
            }
        }
        Ok(())
    }

    /// Makes the prepared answer the last one.
    pub fn commit(&self) -> Result<(), StateError> {
        match self {
            Self::Files(files) => return files.commit(),
            Self::Memory(endpoints, id) => {
                let mut endpoints = lock(endpoints);
                let endpoint = endpoints.entry(id.clone()).or_default();
                endpoint.kept = endpoint.next.take();
            }
        }
        Ok(())
    }

    /// The status; a new one if there is none.
    pub fn status(&self) -> StatusRecord {
        match self {
            Self::Files(files) => files.status(),
            Self::Memory(endpoints, id) => {
                let status = lock(endpoints).get(id).and_then(|endpoint| endpoint.status.clone());
                status.unwrap_or_else(|| StatusRecord::new(id))
            }
        }
    }

    /// Replaces the status. With `durable` it is on the disk when the call returns.
    pub fn set_status(&self, status: &StatusRecord, durable: bool) -> Result<(), StateError> {
        match self {
            Self::Files(files) => return files.set_status(status, durable),
            Self::Memory(endpoints, id) => {
                lock(endpoints).entry(id.clone()).or_default().status = Some(status.clone());
            }
        }
        Ok(())
    }
}

fn lock(
    endpoints: &Mutex<HashMap<String, MemoryEndpoint>>,
) -> MutexGuard<'_, HashMap<String, MemoryEndpoint>> {
    endpoints.lock().unwrap_or_else(PoisonError::into_inner)
}
