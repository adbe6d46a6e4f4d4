//! Takes the frames of one worker and decides whether they are a whole answer. No I/O.

#[cfg(test)]
mod collector_tests;
#[cfg(any(test, feature = "fuzzing"))]
pub mod fuzz_frames;
#[cfg(test)]
mod items_tests;

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};
use std::rc::Rc;

use gatherer_plugin_api::model::{CollectionStatus, Completeness, Warning};
use gatherer_plugin_api::{COLLECTIONS, GatherError, LogLevel, Record, Summary};

use super::answer::Answer;
use super::budget::{Budget, Charge, place_bytes};
use super::items::Items;
use super::metered::{self, Meter};
use crate::output::escape::capped;
use crate::request::redact::Redactor;
use crate::run::protocol::{FRAME_MAX_BYTES, FRAMES_MAX_BYTES, Frame, RECORDS_MAX};

/// The most warnings that are kept of one endpoint.
const WARNINGS_MAX: usize = 1000;

/// What a frame means for the one who reads it.
#[derive(Debug, PartialEq, Eq)]
pub enum Event {
    /// Nothing to do.
    None,
    /// A line for the log, free of secrets.
    Log {
        /// How detailed.
        level: LogLevel,
        /// Where in the plugin it comes from.
        target: String,
        /// The line.
        message: String,
    },
    /// What the plugin is doing, free of secrets.
    Progress(String),
}

/// How the worker ended, as far as its frames say.
enum End {
    Open,
    Done(Summary),
    Failed(GatherError),
}

/// Collects the frames of one worker.
pub struct Collector {
    redactor: Redactor,
    line: Vec<u8>,
    bytes: u64,
    records: u64,
    guests: u64,
    by_ref: HashMap<String, usize>,
    items: Items,
    answer: Answer,
    warnings_left_out: u64,
    charge: Charge,
    end: End,
    /// While the worker reads files that the request refers to: the piece of a secret that has come.
    reading: Option<String>,
}

impl Collector {
    /// Collects for an endpoint of these secrets, in what memory there is.
    pub fn new(redactor: Redactor, budget: Rc<Budget>) -> Self {
        Self {
            redactor,
            line: Vec::new(),
            bytes: 0,
            records: 0,
            guests: 0,
            by_ref: HashMap::new(),
            items: Items::default(),
            answer: Answer::default(),
            warnings_left_out: 0,
            charge: Charge::new(budget),
            end: End::Open,
            reading: None,
        }
    }

    /// The worker first reads files that the request refers to, and tells the secrets in them before
    /// anything else.
    pub fn expect_references(&mut self) {
        self.reading = Some(String::new());
    }

    /// How many records have come.
    pub fn records(&self) -> u64 {
        self.records
    }

    /// Whether the last frame has come.
    pub fn is_ended(&self) -> bool {
        !matches!(self.end, End::Open)
    }

    /// Takes some bytes of the frame pipe. An error is final: the endpoint has failed.
    pub fn bytes(&mut self, chunk: &[u8], event: impl FnMut(Event)) -> Result<(), GatherError> {
        let taken = self.take_bytes(chunk, event);
        if taken.is_err() {
            self.discard();
        }
        taken
    }

    /// Frees the answer of an endpoint that has failed. Its worker takes a moment to end, and the
    /// other endpoints need the memory now.
    fn discard(&mut self) {
        self.by_ref = HashMap::new();
        self.items = Items::default();
        self.answer = Answer::default();
        self.charge.release();
    }

    fn take_bytes(
        &mut self,
        mut chunk: &[u8],
        mut event: impl FnMut(Event),
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
            let happened = if self.line.is_empty() {
                self.frame(head)
            } else {
                self.line.extend_from_slice(head);
                let line = std::mem::take(&mut self.line);
                let happened = self.frame(&line);
                self.line = line;
                self.line.clear();
                happened
            };
            event(happened?);
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

    fn frame(&mut self, line: &[u8]) -> Result<Event, GatherError> {
        if self.is_ended() {
            return Err(GatherError::protocol("the plugin sent a frame after its last one"));
        }
        let frame = Frame::parse(line);
        let is_of_worker = matches!(
            frame,
            Some(Frame::Reference { .. } | Frame::ReferencesEnd | Frame::Failed { .. })
        );
        match frame {
            // No code of a plugin runs yet.
            _ if self.reading.is_some() && !is_of_worker => {
                Err(GatherError::protocol("the worker sent a frame before its references"))
            }
            Some(Frame::Reference { text, more }) => {
                let piece = self.reading.as_mut().ok_or_else(forged)?;
                piece.push_str(text.expose());
                if !more {
                    let whole = std::mem::take(piece);
                    self.redactor.add(&whole);
                }
                Ok(Event::None)
            }
            Some(Frame::ReferencesEnd) => {
                self.reading.take().map(|_| Event::None).ok_or_else(forged)
            }
            Some(Frame::Record { data }) => {
                self.records += 1;
                if self.records > RECORDS_MAX {
                    return Err(GatherError::protocol(format!(
                        "the plugin sent more than {RECORDS_MAX} records"
                    )));
                }
                let misfit = |column| {
                    GatherError::protocol(format!(
                        "the plugin sent a record that does not fit the model (record {}, column {column})",
                        self.records
                    ))
                };
                // At once, which is faster than text by text.
                let text =
                    std::str::from_utf8(data).map_err(|error| misfit(error.valid_up_to()))?;
                let meter = Meter::new(self.charge.room());
                let read = metered::from_str::<Record>(text, &meter);
                // The error's own text quotes what it read.
                let record = read.map_err(|error| {
                    if meter.is_exceeded() {
                        self.charge.too_much()
                    } else {
                        misfit(error.column())
                    }
                })?;
                let cost = meter.taken() + place_bytes(&record);
                self.charge.take(cost)?;
                self.record(record, cost)?;
                Ok(Event::None)
            }
            Some(Frame::Log { level, target, message }) => Ok(Event::Log {
                level: LogLevel::from_number(level),
                target: self.redactor.redact(&target),
                message: self.redactor.redact(&message),
            }),
            Some(Frame::Progress { message }) => {
                Ok(Event::Progress(self.redactor.redact(&message)))
            }
            Some(Frame::Secret { text }) => match self.redactor.learn(text.expose()) {
                Ok(()) => Ok(Event::None),
                Err(error) => Err(error.into()),
            },
            Some(Frame::Done { summary }) => {
                self.end = End::Done(summary);
                Ok(Event::None)
            }
            Some(Frame::Failed { error }) => {
                self.end = End::Failed(self.clean(error));
                self.discard();
                Ok(Event::None)
            }
            None => Err(GatherError::protocol("the plugin sent something that is not a frame")),
        }
    }

    fn record(&mut self, record: Record, cost: u64) -> Result<(), GatherError> {
        match record {
            Record::Host { host_ref, host } => {
                if !host.guests.is_empty() {
                    return Err(GatherError::protocol("the plugin sent guests inside a host"));
                }
                if self.by_ref.insert(host_ref, self.answer.hosts.len()).is_some() {
                    return Err(GatherError::protocol("the plugin sent two hosts of one hostRef"));
                }
                self.answer.hosts.push(*host);
            }
            Record::Guest { host_ref, guest } => {
                let host = self
                    .by_ref
                    .get(&host_ref)
                    .and_then(|index| self.answer.hosts.get_mut(*index))
                    .ok_or_else(|| {
                        GatherError::protocol(
                            "the plugin sent a guest of a host that it did not send",
                        )
                    })?;
                if host.guests.is_empty() {
                    // A list's own first room is for four, and most hosts of some clouds have one.
                    host.guests.reserve_exact(1);
                }
                host.guests.push(*guest);
                self.guests += 1;
            }
            Record::Warning { .. } if self.answer.warnings.len() >= WARNINGS_MAX => {
                self.warnings_left_out += 1;
                self.charge.give_back(cost);
            }
            Record::Warning { object, message } => {
                self.charge.lasts(cost);
                self.answer
                    .warnings
                    .push(Warning { object: self.text(&object), message: self.text(&message) });
            }
            Record::Item { item, more } => {
                if self.is_collection_ended(item.collection()) {
                    return Err(GatherError::protocol(
                        "the plugin sent an item of a collection after its end",
                    ));
                }
                self.items.take(item, more, cost)?;
            }
            Record::CollectionEnd { name, items, error } => {
                if self.is_collection_ended(&name) {
                    return Err(GatherError::protocol("the plugin ended one collection twice"));
                }
                let status = match error {
                    None => {
                        self.items.end(&name, items)?;
                        CollectionStatus { status: Completeness::Complete, error: None }
                    }
                    Some(error) => {
                        self.charge.give_back(self.items.forget(&name));
                        CollectionStatus {
                            status: Completeness::Failed,
                            error: Some(self.clean(error)),
                        }
                    }
                };
                let key = self.collection_key(&name).into_owned();
                self.answer.collections.insert(key, status);
            }
            Record::StartOver { collection: Some(name) } => {
                if self.is_collection_ended(&name) {
                    return Err(GatherError::protocol(
                        "the plugin began a collection anew after its end",
                    ));
                }
                self.charge.give_back(self.items.forget(&name) + cost);
            }
            Record::StartOver { collection: None } => {
                self.guests = 0;
                self.items = Items::default();
                // Not cleared: the room of what has gone would stay, which nobody is charged for,
                // and a large map would be wiped again each time.
                self.by_ref = HashMap::new();
                self.answer.hosts = Vec::new();
                self.answer.collections = BTreeMap::new();
                self.charge.start_over();
            }
            _ => return Err(GatherError::protocol("the plugin sent a record of an unknown kind")),
        }
        Ok(())
    }

    /// Under which name a collection stands in the answer. A name that is known is none of the
    /// plugin's own words, and who reads the answer looks for it: it stays, whatever the secrets are.
    fn collection_key<'a>(&self, name: &'a str) -> Cow<'a, str> {
        if COLLECTIONS.contains(&name) { name.into() } else { self.redactor.redact(name).into() }
    }

    fn is_collection_ended(&self, name: &str) -> bool {
        self.answer.collections.contains_key(self.collection_key(name).as_ref())
    }

    fn clean(&self, mut error: GatherError) -> GatherError {
        error.message = self.text(&error.message);
        error.hint = error.hint.map(|hint| self.text(&hint));
        error
    }

    /// A text for people: free of secrets first, then not too long.
    fn text(&self, text: &str) -> String {
        capped(self.redactor.redact(text))
    }

    /// The answer, if it is whole; `None` if the worker ended without a last frame.
    pub fn finish(mut self) -> Option<Result<Answer, GatherError>> {
        let partial = !self.line.is_empty();
        match self.end {
            End::Open => None,
            End::Failed(error) => Some(Err(error)),
            End::Done(_) if partial => {
                Some(Err(GatherError::protocol("the plugin sent something after its last frame")))
            }
            End::Done(summary) => {
                let counts = summary.counts;
                let hosts = self.answer.hosts.len() as u64;
                if (counts.hosts, counts.guests) != (hosts, self.guests) {
                    return Some(Err(GatherError::protocol(format!(
                        "the plugin counts {} hosts and {} guests, but {hosts} and {} arrived",
                        counts.hosts, counts.guests, self.guests
                    ))));
                }
                if self.items.is_open() {
                    return Some(Err(GatherError::protocol(
                        "the plugin sent items of a collection and did not say that they are all",
                    )));
                }
                self.answer.workloads = self.items.workloads;
                self.answer.detached_guests = self.items.detached_guests;
                self.answer.retries = summary.retries;
                if self.warnings_left_out > 0 {
                    self.answer.warnings.push(Warning {
                        object: "warnings".to_owned(),
                        message: format!("{} more were left out", self.warnings_left_out),
                    });
                }
                self.answer.memory_bytes = self.charge.keep();
                Some(Ok(self.answer))
            }
        }
    }
}

/// The plugin wrote what the worker alone writes, and before the plugin is loaded.
fn forged() -> GatherError {
    GatherError::protocol("the plugin sent a frame that only the worker sends")
}
