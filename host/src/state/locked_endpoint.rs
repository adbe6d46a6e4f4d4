//! The files of one endpoint, while they are locked.

use std::fs::File;
use std::path::Path;

use gatherer_plugin_api::model::{EndpointResult, Timestamp};

use super::answer_file::{self, AnswerState, KeptAnswer};
use super::folder::{StateError, StateFolder};
use super::kept_collections::keep_incomplete;
use super::status_record::{self, StatusRecord, finished_at};
use super::suspicion::{self, Suspicion};
use super::whole_file::{self, Durability};

/// The files of one endpoint. No other process reads or replaces them until this is dropped.
pub struct LockedEndpoint<'a> {
    folder: &'a StateFolder,
    id: String,
    _lock: Option<File>,
}

impl<'a> LockedEndpoint<'a> {
    pub(super) fn new(folder: &'a StateFolder, id: &str, lock: Option<File>) -> Self {
        Self { folder, id: id.to_owned(), _lock: lock }
    }

    /// The endpoint's id.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The path of the state folder.
    pub fn folder_path(&self) -> &Path {
        self.folder.path()
    }

    /// What the last suspicious answer lacked; `None` if the last answer was not suspicious.
    pub fn suspicion(&self) -> Option<Suspicion> {
        suspicion::read(&self.folder.suspicion_path(&self.id))
            .filter(|suspicion| suspicion.id == self.id)
    }

    /// Replaces the suspicion.
    pub fn set_suspicion(&self, suspicion: &Suspicion) -> Result<(), StateError> {
        suspicion::write(&self.folder.suspicion_path(&self.id), suspicion)
    }

    /// Removes the suspicion, if there is one.
    pub fn remove_suspicion(&self) -> Result<(), StateError> {
        let path = self.folder.suspicion_path(&self.id);
        whole_file::remove(&path).map_err(|error| StateError::unwritable(&path, &error))
    }

    /// The last whole answer; `None` if there is none, or with a warning if it cannot be used.
    pub fn last(&self) -> Option<EndpointResult> {
        self.kept().map(|kept| kept.result)
    }

    /// The last whole answer, with its round.
    pub fn kept(&self) -> Option<KeptAnswer> {
        answer_file::read(&self.folder.answer_path(&self.id), &self.id)
    }

    /// Makes a complete result the last answer. Collections that are not complete in it keep their last items. `round` is
    /// the number of this round; the last one plus one.
    ///
    /// Returns false, and replaces nothing, in a folder of `watch`.
    pub fn replace(&self, result: &EndpointResult, round: u64) -> Result<bool, StateError> {
        if !self.folder.may_replace() {
            return Ok(false);
        }
        self.replace_after(self.kept().as_ref(), result, round)?;
        Ok(true)
    }

    /// The same, if the last answer has been read already, and outside a folder of `watch`.
    pub fn replace_after(
        &self,
        last: Option<&KeptAnswer>,
        result: &EndpointResult,
        round: u64,
    ) -> Result<(), StateError> {
        let epoch = match last {
            Some(kept) => kept.state.epoch.clone(),
            None => self.status().epoch,
        };
        let state = AnswerState { epoch, round, at: finished_at(result), first: last.is_none() };
        let path = self.folder.answer_path(&self.id);
        let mut kept = result.clone();
        if let Some(last) = last {
            keep_incomplete(&mut kept, &last.result);
        }
        answer_file::write(&path, &kept, &state)?;
        Ok(())
    }

    /// The answer whose events are being written, if `watch` was killed meanwhile.
    pub fn next(&self) -> Option<KeptAnswer> {
        answer_file::read(&self.folder.next_path(&self.id), &self.id)
    }

    /// Stores the answer whose events are written next.
    pub fn prepare(&self, next: &KeptAnswer) -> Result<(), StateError> {
        answer_file::write(&self.folder.next_path(&self.id), &next.result, &next.state)
    }

    /// Makes the prepared answer the last one, after its events were written.
    pub fn commit(&self) -> Result<(), StateError> {
        let (next, answer) = (self.folder.next_path(&self.id), self.folder.answer_path(&self.id));
        whole_file::rename(&next, &answer, Durability::Synced)
            .map_err(|error| StateError::unwritable(&answer, &error))
    }

    /// The status; a new one if there is none, or with a warning if it cannot be used.
    pub fn status(&self) -> StatusRecord {
        status_record::read(&self.folder.status_path(&self.id))
            .filter(|record| record.id == self.id)
            .unwrap_or_else(|| StatusRecord::new(&self.id))
    }

    /// Replaces the status.
    pub fn set_status(&self, status: &StatusRecord, durable: bool) -> Result<(), StateError> {
        let durability = if durable { Durability::Synced } else { Durability::Later };
        status_record::write(&self.folder.status_path(&self.id), status, durability)
    }

    /// Records a result in the status, which `status` shows. `next_run` is when the endpoint is asked next, if that is
    /// known.
    pub fn record(
        &self,
        result: &EndpointResult,
        next_run: Option<Timestamp>,
    ) -> Result<(), StateError> {
        let mut status = self.status();
        status.round += 1;
        status.removed = false;
        status.next_run = next_run;
        status.record(result);
        self.set_status(&status, false)
    }
}
