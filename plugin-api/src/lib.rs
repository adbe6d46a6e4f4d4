//! The contract between virtual-host-gatherer and its plugins, and the author's SDK. No I/O.
//!
//! Start here: a plugin is a `cdylib` crate with a `manifest.json`, a type that implements
//! [`Gatherer`] for each of its modules, and one call of [`export_gatherer!`]. It passes what it
//! finds to the [`Context`], in the types of [`model`], and reports failures as [`GatherError`].
//! `plugins/example` is a complete plugin, and `docs/writing-a-plugin.md` explains it.

#![deny(unsafe_code)]

pub mod abi;
#[doc(hidden)]
pub mod assembly;
mod check;
mod closest;
mod embedding;
mod encode;
mod error;
mod export;
mod gatherer;
mod item;
mod logging;
pub mod manifest;
mod misfit;
pub mod model;
mod parameters;
mod record;
mod secret;
#[cfg(any(test, feature = "testing"))]
pub mod testing;

pub use abi::{ABI_VERSION, API_VERSION};
#[doc(hidden)]
pub use check::{CheckLog, PARAMETERS_STEP, REST_STEP, overall_status};
pub use check::{CheckStep, Expiry, StepStatus};
pub use closest::{closest, did_you_mean};
pub use error::{ErrorKind, GatherError};
pub use gatherer::{CANCELLED, Context, Gatherer, HostRef};
#[expect(deprecated, reason = "source for API 1.0 uses it")]
pub use item::VIRTUAL_MACHINES;
pub use item::{COLLECTIONS, Collection, Item};
#[doc(hidden)]
pub use misfit::misfit;
pub use record::{
    Counts, GatherRequest, LogLevel, Options, Policy, ProxySettings, RECORD_MAX_BYTES, Record,
    Summary,
};
pub use secret::Secret;

/// What `export_gatherer!` expands to; not part of the API.
#[doc(hidden)]
pub mod __private {
    pub use crate::embedding::{complete, is_absent_or, total_len};
    pub use crate::export::{
        Note, Operation, check_manifest, invoke, padded_len, root_module, run,
    };
    pub use abi_stable;
}
