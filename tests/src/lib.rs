//! The test harness: it starts the real program as a Manager does, and parses the output with a
//! Manager's types.
//!
//! It does not build the program; `make test` does that before the tests run. It finds the program and
//! the plugins beside the test executable, in `target/<profile>/`.

#![forbid(unsafe_code)]

pub mod corpus;
pub mod document;
pub mod event_consumer;
pub mod fakes;
mod guest_counts;
mod guest_members;
mod hanging_folder;
mod judge;
mod outcome;
pub mod plugins;
pub mod processes;
mod recorded;
mod run;
pub mod scripted_cluster;
pub mod servers;
mod skip;
pub mod snapshot;
pub mod soak;

pub use document::{Document, FILE_DOCUMENT, ManagerHost, inventory, inventory_endpoint};
pub use guest_counts::assert_no_guest_is_lost;
pub use guest_members::assert_guest_members;
pub use hanging_folder::HangingFolder;
pub use judge::{Judge, JudgedGuest, manifest_judges, promtool};
pub use outcome::{Failure, Outcome};
pub use plugins::PluginFolder;
pub use recorded::recorded;
pub use run::{Run, Running};
pub use skip::note_skipped;

use std::path::PathBuf;

/// The folder in which cargo put the program and the plugins: the value of `GATHERER_BUILD_FOLDER`, or
/// `target/<profile>/`, derived from the path of the test executable.
pub fn build_folder() -> PathBuf {
    if let Some(folder) = std::env::var_os("GATHERER_BUILD_FOLDER") {
        return folder.into();
    }
    let test = std::env::current_exe().expect("the test executable has a path");
    let deps = test.parent().expect("an executable is in a folder");
    // Integration tests are in target/<profile>/deps.
    deps.parent().expect("deps is in the profile's folder").to_owned()
}

/// The path of the program. Panics if it was not built.
pub fn program() -> PathBuf {
    built("virtual-host-gatherer")
}

/// The path of a file in [`build_folder`]. Panics if it does not exist, and says how to build it.
pub fn built(name: &str) -> PathBuf {
    let path = build_folder().join(name);
    assert!(path.is_file(), "{} is missing: run make test, or build it", path.display());
    path
}
