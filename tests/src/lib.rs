//! What the tests share: they start the real program, as a Manager does, and read what it
//! prints with a Manager's types.
//!
//! Nothing here builds the program: `make test` does, before the tests run. The program and the plugins
//! are found beside the test executable, in `target/<profile>/`.

#![forbid(unsafe_code)]

pub mod corpus;
pub mod document;
pub mod fault_server;
mod hanging_folder;
mod outcome;
pub mod plugins;
pub mod processes;
mod run;
pub mod servers;
mod skip;
pub mod snapshot;
pub mod soak;

pub use document::{Document, ManagerHost, inventory, inventory_endpoint};
pub use hanging_folder::HangingFolder;
pub use outcome::{Failure, Outcome};
pub use plugins::PluginFolder;
pub use run::{Run, Running};
pub use skip::note_skipped;

use std::path::PathBuf;

/// Where cargo put the program and the plugins: `target/<profile>/`, found from the test
/// executable's own path, unless `GATHERER_BUILD_FOLDER` names it.
pub fn build_folder() -> PathBuf {
    if let Some(folder) = std::env::var_os("GATHERER_BUILD_FOLDER") {
        return folder.into();
    }
    let test = std::env::current_exe().expect("the test executable has a path");
    let deps = test.parent().expect("an executable stands in a folder");
    // Integration tests stand in target/<profile>/deps.
    deps.parent().expect("deps stands in the profile's folder").to_owned()
}

/// The program. Panics with what to do if it was not built.
pub fn program() -> PathBuf {
    built("virtual-host-gatherer")
}

/// A file that the build made, by name. Panics with what to do if it is not there.
pub fn built(name: &str) -> PathBuf {
    let path = build_folder().join(name);
    assert!(path.is_file(), "{} is missing: build first: make test", path.display());
    path
}
