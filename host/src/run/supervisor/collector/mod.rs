//! Collects the frames of one worker and decides whether they are a complete answer. It does no I/O.

#[cfg(test)]
mod collector_tests;
#[cfg(any(test, feature = "fuzzing"))]
pub mod fuzz_frames;
mod impossible_values;
#[cfg(test)]
mod items_tests;

use std::collections::BTreeMap;
use std::rc::Rc;

use gatherer_plugin_api::assembly::Assembly;
use gatherer_plugin_api::model::Warning;
use gatherer_plugin_api::{
    CheckLog, CheckStep, Collection, Expiry, GatherError, LogLevel, Record, Summary, misfit,
};

use super::answer::Answer;
use super::budget::{Budget, Charge, list_entry_bytes};
use super::metered::{self, Meter};
use crate::output::escape::capped;
use crate::request::redact::Redactor;
use crate::run::protocol::{FRAME_MAX_BYTES, FRAMES_MAX_BYTES, Frame, RECORDS_MAX, STEPS_MAX};

/// The maximum number of warnings that are kept for one endpoint.
const WARNINGS_MAX: usize = 1000;

/// The maximum number of expiries that are kept for one endpoint.
const EXPIRIES_MAX: usize = 20;

/// A frame that the caller must handle. Its texts are redacted.
#[derive(Debug, PartialEq, Eq)]
pub enum Event {
    /// A line for the log.
    Log {
        /// The level.
        level: LogLevel,
        /// The target: the part of the plugin that logs.
        target: String,
        /// The message.
        message: String,
    },
    /// The plugin's current step.
    Progress(String),
}

/// The last frame of the worker.
enum LastFrame {
    NotReceived,
    Done(Summary),
    Failed(GatherError),
}

/// Collects the frames of one worker.
pub struct Collector {
    redactor: Redactor,
    line: Vec<u8>,
    bytes: u64,
    records: u64,
    assembly: Assembly,
    /// The charge of the items of each collection.
    item_bytes: BTreeMap<&'static str, u64>,
    warnings_dropped: u64,
    /// `None`: the worker has not reported it.
    retries: Option<u32>,
    check: CheckLog,
    expiries: Vec<Expiry>,
    charge: Charge,
    last_frame: LastFrame,
    /// `Some` until the worker has read the files that the request refers to: the received pieces of a secret.
    pending_reference: Option<String>,
}

impl Collector {
    /// Creates a collector for one endpoint, with its secrets and the memory budget of the run.
    pub fn new(redactor: Redactor, budget: Rc<Budget>) -> Self {
        Self {
            redactor,
            line: Vec::new(),
            bytes: 0,
            records: 0,
            assembly: Assembly::default(),
            item_bytes: BTreeMap::new(),
            warnings_dropped: 0,
            retries: None,
            check: CheckLog::default(),
            expiries: Vec::new(),
            charge: Charge::new(budget),
            last_frame: LastFrame::NotReceived,
            pending_reference: None,
        }
    }

    /// Expects that the worker first reads the files that the request refers to, and reports their secrets
    /// before any other frame.
    pub fn expect_references(&mut self) {
        self.pending_reference = Some(String::new());
    }

    /// The number of records received so far.
    pub fn records(&self) -> u64 {
        self.records
    }

    /// How many requests were retried so far, if the worker reports it before its end.
    pub fn retries(&self) -> Option<u32> {
        self.retries
    }

    /// Takes what a check has reported. It is kept if the check fails.
    pub fn take_check(&mut self) -> CheckLog {
        std::mem::take(&mut self.check)
    }

    /// Takes when certificates, tokens and passwords expire, sorted.
    pub fn take_expiries(&mut self) -> Vec<Expiry> {
        let mut expiries = std::mem::take(&mut self.expiries);
        expiries.sort_by(|one, other| one.what.cmp(&other.what));
        expiries
    }

    /// Whether the last frame was received.
    pub fn is_finished(&self) -> bool {
        !matches!(self.last_frame, LastFrame::NotReceived)
    }

    /// Receives bytes of the frame pipe. An error is final: the endpoint has failed.
    pub fn receive(
        &mut self,
        chunk: &[u8],
        on_event: impl FnMut(Event),
    ) -> Result<(), GatherError> {
        let received = self.receive_bytes(chunk, on_event);
        if received.is_err() {
            self.discard();
        }
        received
    }

    /// Frees the answer of an endpoint that has failed. Its worker takes some time to end, and the other
    /// endpoints need the memory now.
    fn discard(&mut self) {
        self.assembly = Assembly::default();
        self.charge.release();
    }

    fn receive_bytes(
        &mut self,
        mut chunk: &[u8],
        mut on_event: impl FnMut(Event),
    ) -> Result<(), GatherError> {
        self.bytes += chunk.len() as u64;
        if self.bytes > FRAMES_MAX_BYTES {
            return Err(GatherError::protocol(format!(
                "the plugin sent more than {} MiB",
                FRAMES_MAX_BYTES / (1024 * 1024)
            )));
        }
        while let Some(end) = memchr::memchr(b'\n', chunk) {
            let (head, rest) = chunk.split_at(end);
            chunk = &rest[1..];
            self.check_length(head.len())?;
            let event = if self.line.is_empty() {
                self.receive_frame(head)
            } else {
                self.line.extend_from_slice(head);
                let line = std::mem::take(&mut self.line);
                let event = self.receive_frame(&line);
                self.line = line;
                self.line.clear();
                event
            };
            if let Some(event) = event? {
                on_event(event);
            }
        }
        self.check_length(chunk.len())?;
        self.line.extend_from_slice(chunk);
        Ok(())
    }

    fn check_length(&self, more: usize) -> Result<(), GatherError> {
        if self.line.len() + more >= FRAME_MAX_BYTES {
            return Err(GatherError::protocol(format!(
                "the plugin sent a frame of more than {FRAME_MAX_BYTES} bytes"
            )));
        }
        Ok(())
    }

    fn receive_frame(&mut self, line: &[u8]) -> Result<Option<Event>, GatherError> {
        if self.is_finished() {
            return Err(GatherError::protocol("the plugin sent a frame after its last one"));
        }
        let frame = Frame::parse(line).ok_or_else(|| {
            GatherError::protocol("the plugin sent something that is not a frame")
        })?;
        let may_precede_references = matches!(
            frame,
            Frame::Reference { .. }
                | Frame::ReferencesEnd
                | Frame::Retries { .. }
                | Frame::Failed { .. }
        );
        if self.pending_reference.is_some() && !may_precede_references {
            return Err(GatherError::protocol("the worker sent a frame before its references"));
        }
        match frame {
            Frame::Reference { text, more } => {
                let secret = self.pending_reference.as_mut().ok_or_else(forged_frame)?;
                secret.push_str(text.expose());
                if !more {
                    let secret = std::mem::take(secret);
                    self.redactor.add(&secret);
                }
            }
            Frame::ReferencesEnd => {
                self.pending_reference.take().ok_or_else(forged_frame)?;
            }
            Frame::Record { data } => self.receive_record(data)?,
            Frame::Log { level, target, message } => {
                return Ok(Some(Event::Log {
                    level: LogLevel::from_number(level),
                    target: self.redactor.redact(&target),
                    message: self.redactor.redact(&message),
                }));
            }
            Frame::Progress { message } => {
                return Ok(Some(Event::Progress(self.redactor.redact(&message))));
            }
            // Threads of the plugin may report their numbers in another order.
            Frame::Retries { count } => self.retries = self.retries.max(Some(count)),
            Frame::CheckPlan { steps } => {
                check_number_of_steps(steps.len())?;
                self.check.plan = steps.iter().map(|name| self.redacted(name)).collect();
            }
            Frame::CheckStep { step } => {
                check_number_of_steps(self.check.steps.len() + 1)?;
                let step = self.redacted_step(step);
                self.check.steps.push(step);
            }
            Frame::Expiry { expiry } => self.receive_expiry(expiry),
            Frame::Secret { text } => self.redactor.learn(text.expose())?,
            Frame::Done { summary } => self.last_frame = LastFrame::Done(summary),
            Frame::Failed { error } => {
                self.last_frame = LastFrame::Failed(self.redacted_error(error));
                self.discard();
            }
        }
        Ok(None)
    }

    fn receive_record(&mut self, data: &[u8]) -> Result<(), GatherError> {
        self.records += 1;
        if self.records > RECORDS_MAX {
            return Err(GatherError::protocol(format!(
                "the plugin sent more than {RECORDS_MAX} records"
            )));
        }
        let number = self.records;
        let invalid_record = |reason: String| {
            GatherError::protocol(format!(
                "the plugin sent a record that does not fit the model (record {number}: {reason})"
            ))
        };
        // Checked once for the whole record, which is faster than for each string.
        let text = std::str::from_utf8(data).map_err(|error| {
            invalid_record(format!("not valid UTF-8 at column {}", error.valid_up_to()))
        })?;
        let meter = Meter::new(self.charge.available());
        let record = match metered::from_str::<Record>(text, &meter) {
            Ok(record) => record,
            Err(_) if meter.is_exceeded() => return Err(self.charge.exceeded_error()),
            Err(error) => {
                return Err(invalid_record(misfit(text, &error, |text| self.redacted(text))));
            }
        };
        let cost = meter.used() + list_entry_bytes(&record);
        self.charge.add(cost)?;
        self.add_record(record, cost)
    }

    /// Adds a record that costs this many bytes, which were charged.
    fn add_record(&mut self, mut record: Record, cost: u64) -> Result<(), GatherError> {
        if matches!(record, Record::Warning { .. })
            && self.assembly.gathered().warnings.len() >= WARNINGS_MAX
        {
            self.warnings_dropped += 1;
            self.charge.give_back(cost);
            return Ok(());
        }
        self.redact(&mut record);
        match &record {
            Record::Warning { .. } => self.charge.keep_on_restart(cost),
            Record::Item { item, .. } => {
                *self.item_bytes.entry(item.collection()).or_default() += cost;
            }
            Record::CollectionEnd { name, error, .. } => {
                let bytes = self.item_bytes.remove(name.as_str()).unwrap_or(0);
                if error.is_some() {
                    self.charge.give_back(bytes);
                }
            }
            Record::StartOver { collection: Some(name) } => {
                let bytes = self.item_bytes.remove(name.as_str()).unwrap_or(0);
                self.charge.give_back(bytes + cost);
            }
            Record::StartOver { collection: None } => {
                self.item_bytes.clear();
                self.charge.restart();
            }
            _ => {}
        }
        self.assembly.add(record)
    }

    /// Redacts the texts of a record, except for those of hosts, guests and items.
    fn redact(&self, record: &mut Record) {
        match record {
            Record::Warning { object, message } => {
                *object = self.redacted(object);
                *message = self.redacted(message);
            }
            Record::CollectionEnd { name, error, .. } => {
                *name = self.collection_name(name);
                *error = error.take().map(|error| self.redacted_error(error));
            }
            Record::StartOver { collection: Some(name) } => *name = self.collection_name(name),
            _ => {}
        }
    }

    /// The name of a collection in the answer. Known names are not redacted, even if a secret is part of them:
    /// they are not the plugin's text, and readers of the answer look for them.
    fn collection_name(&self, name: &str) -> String {
        match Collection::from_name(name) {
            Some(collection) => collection.into(),
            None => self.redactor.redact(name),
        }
    }

    fn redacted_step(&self, mut step: CheckStep) -> CheckStep {
        step.name = self.redacted(&step.name);
        step.message = self.redacted(&step.message);
        step.hint = step.hint.map(|hint| self.redacted(&hint));
        step
    }

    /// Keeps an expiry. A later one replaces the first about the same thing; those beyond the limit are dropped.
    fn receive_expiry(&mut self, mut expiry: Expiry) {
        expiry.what = self.redacted(&expiry.what);
        self.expiries.retain(|known| known.what != expiry.what);
        if self.expiries.len() < EXPIRIES_MAX {
            self.expiries.push(expiry);
        }
    }

    fn redacted_error(&self, mut error: GatherError) -> GatherError {
        error.message = self.redacted(&error.message);
        error.hint = error.hint.map(|hint| self.redacted(&hint));
        error
    }

    /// Redacts a text, and then truncates it if it is too long.
    fn redacted(&self, text: &str) -> String {
        capped(self.redactor.redact(text))
    }

    /// The answer or the error; `None` if the worker did not send its last frame.
    pub fn finish(mut self) -> Option<Result<Answer, GatherError>> {
        match std::mem::replace(&mut self.last_frame, LastFrame::NotReceived) {
            LastFrame::NotReceived => None,
            LastFrame::Failed(error) => Some(Err(error)),
            LastFrame::Done(summary) => Some(self.complete_answer(&summary)),
        }
    }

    fn complete_answer(mut self, summary: &Summary) -> Result<Answer, GatherError> {
        if !self.line.is_empty() {
            return Err(GatherError::protocol("the plugin sent something after its last frame"));
        }
        let mut gathered = std::mem::take(&mut self.assembly).finish(summary)?;
        for warning in impossible_values::remove(&mut gathered) {
            if gathered.warnings.len() < WARNINGS_MAX {
                let object = self.redacted(&warning.object);
                gathered.warnings.push(Warning { object, ..warning });
            } else {
                self.warnings_dropped += 1;
            }
        }
        if self.warnings_dropped > 0 {
            gathered.warnings.push(Warning {
                object: "warnings".to_owned(),
                message: format!("{} more were dropped", self.warnings_dropped),
            });
        }
        Ok(Answer { gathered, memory_bytes: self.charge.into_bytes() })
    }
}

fn check_number_of_steps(number: usize) -> Result<(), GatherError> {
    if number > STEPS_MAX {
        return Err(GatherError::protocol(format!(
            "the plugin sent more than {STEPS_MAX} steps of a check"
        )));
    }
    Ok(())
}

/// The error of a plugin that wrote a frame which only the worker sends, before it loads the plugin.
fn forged_frame() -> GatherError {
    GatherError::protocol("the plugin sent a frame that only the worker sends")
}
