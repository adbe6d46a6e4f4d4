//! The state folder: what is kept of each endpoint between runs.
//!
//! A run with `--state` and `watch` use it; no other command has state. It contains:
//!
//! - `endpoints/NAME.json`: the last whole answer, a document of `--format inventory` with the member `state`;
//! - `next/NAME.json`: the answer whose events are being written, until it becomes the last one;
//! - `status/NAME.json`: what `status` shows;
//! - `guard/NAME.json`: what a suspicious answer lacked, until the endpoint is believed again;
//! - `locks/NAME`: locked while the files of an endpoint are read and replaced;
//! - `watch.json`: only in a folder of `watch`, which alone may replace answers in it.
//!
//! An unreadable file is a warning, and the endpoint starts anew. All functions block: a caller that must stay
//! responsive calls them on another thread.

mod answer_file;
mod file_name;
mod folder;
pub mod guard;
mod kept_collections;
mod lock;
mod locked_endpoint;
#[cfg(test)]
mod state_tests;
mod status_record;
mod suspicion;
mod whole_file;

pub use answer_file::{AnswerState, KeptAnswer};
pub use folder::{StateError, StateFolder};
pub use kept_collections::keep_incomplete;
pub use locked_endpoint::LockedEndpoint;
pub use status_record::{Announcement, StatusRecord, Transition, finished_at};
pub use suspicion::Suspicion;
