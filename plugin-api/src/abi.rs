//! The stable ABI: one root module of two functions, and one table of callbacks.
//!
//! **Frozen as ABI 1.0.** No field of [`GathererModule`] or [`Callbacks`] is added, removed, renamed or
//! moved, no signature changes, and no number of [`EmitCode`] changes its meaning, so a plugin that was
//! built once loads in every later program. Appending a field is not allowed either: a program with the
//! longer table would refuse every plugin that was built before. All other data crosses as JSON text and
//! can grow there. `docs/abi.md` describes the whole promise; a test compares this file with the layout
//! in `tests/golden/abi-1.0.txt`.
//!
//! This is one of the few files in which `unsafe` is allowed.

#![allow(unsafe_code)]
// The StableAbi derive generates such a Clone for the prefix type.
#![allow(clippy::expl_impl_clone_on_copy)]

use abi_stable::StableAbi;
use abi_stable::library::RootModule;
use abi_stable::sabi_types::VersionStrings;
use abi_stable::std_types::{RResult, RStr, RString};

/// The version of this ABI, frozen. The program does not load a library built for another major
/// version. Independent of the crate's version.
pub const ABI_VERSION: &str = "1.0.0";

/// The version of the plugin API, which only grows. The program compares a manifest's `minimumApi` with
/// it. It is the crate's version without the patch number, because a patch adds nothing that a plugin
/// could require.
pub const API_VERSION: &str =
    concat!(env!("CARGO_PKG_VERSION_MAJOR"), ".", env!("CARGO_PKG_VERSION_MINOR"), ".0");

/// The functions that a plugin library exports. Frozen.
#[repr(C)]
#[derive(StableAbi)]
#[sabi(kind(Prefix(prefix_ref = GathererModuleRef)))]
pub struct GathererModule {
    /// Returns the manifest, as JSON.
    ///
    /// Required. Called from one thread, before `invoke`, any number of times. The caller
    /// owns the returned text. Must not block or unwind.
    pub describe: extern "C" fn() -> RString,

    /// Performs one operation and returns its summary or a `GatherError`, both as JSON.
    ///
    /// Required. Called once per process, from its main thread. The operations today are
    /// `gather` and `check`; an unknown one is an `unsupported` error. `request` is a
    /// [`GatherRequest`](crate::GatherRequest) as JSON. Both texts are valid until the call returns,
    /// the callbacks until the process ends. The caller owns the returned text. Must
    /// not unwind: `export_gatherer!` compiles a `catch_unwind` into the plugin.
    #[sabi(last_prefix_field)]
    pub invoke: extern "C" fn(RStr<'_>, RStr<'_>, Callbacks) -> RResult<RString, RString>,
}

impl RootModule for GathererModuleRef {
    abi_stable::declare_root_module_statics! {GathererModuleRef}

    const BASE_NAME: &'static str = "gatherer";
    const NAME: &'static str = "gatherer";
    const VERSION_STRINGS: VersionStrings = VersionStrings::new(ABI_VERSION);
}

/// The functions that a plugin may call while `invoke` runs. Each may be called from any thread, from
/// several at once, and never unwinds. The first argument of each is `context`, unchanged. Frozen:
/// later additions are methods of `call`.
#[repr(C)]
#[derive(StableAbi, Clone, Copy)]
pub struct Callbacks {
    /// Belongs to the caller of `invoke`; opaque to the plugin.
    pub context: usize,

    /// Sends one [`Record`](crate::Record) as JSON. Blocks while the reader is slow. Returns one
    /// of the [`EmitCode`] numbers. The text is copied before the function returns.
    pub emit: extern "C" fn(usize, RStr<'_>) -> i32,

    /// Sends one log line: level 1 (error) to 5 (trace), target, message. Both texts are
    /// copied. The plugin need not send lines that are more detailed than the request's `logLevel`.
    pub log: extern "C" fn(usize, u8, RStr<'_>, RStr<'_>),

    /// Returns 1 if the plugin should stop. Cheap, may be polled.
    pub cancelled: extern "C" fn(usize) -> u8,

    /// Calls a method by name, with JSON as argument and result. `docs/abi.md` lists the
    /// methods of today. An unknown method is an `unsupported` error.
    pub call: extern "C" fn(usize, RStr<'_>, RStr<'_>) -> RResult<RString, RString>,
}

/// The result of `emit`. The numbers are frozen; a plugin treats an unknown one as `Closed`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(i32)]
#[non_exhaustive]
pub enum EmitCode {
    /// The record was accepted.
    Ok = 0,
    /// Rejected: the runner has given up the endpoint. Return soon.
    Cancelled = 1,
    /// Rejected: the record is longer than [`RECORD_MAX_BYTES`](crate::RECORD_MAX_BYTES).
    TooLarge = 2,
    /// Rejected: the runner no longer reads records.
    Closed = 3,
}

impl EmitCode {
    /// The code with this number. Unknown numbers are `Closed`.
    pub const fn from_number(number: i32) -> Self {
        match number {
            0 => Self::Ok,
            1 => Self::Cancelled,
            2 => Self::TooLarge,
            _ => Self::Closed,
        }
    }
}
