//! The stable ABI: one root module of two functions, and one table of callbacks.
//!
//! **Frozen as ABI 1.0.** No field of [`GathererModule`] or [`Callbacks`] is added, removed, renamed or
//! moved, no signature changes, no number of [`EmitCode`] gets another meaning: a plugin that was built
//! once loads in every later program. A field that is only appended is no exception: the program that
//! has it refuses every plugin that was built before. Everything else crosses as JSON text and grows
//! there, so this file never has to. `docs/abi.md` has the whole promise,
//! `tests/golden/abi-1.0.txt` the layout that a test compares this file with.
//!
//! It is one of the few files that may say `unsafe`.

#![allow(unsafe_code)]
// The derive writes such a Clone for the prefix type.
#![allow(clippy::expl_impl_clone_on_copy)]

use abi_stable::StableAbi;
use abi_stable::library::RootModule;
use abi_stable::sabi_types::VersionStrings;
use abi_stable::std_types::{RResult, RStr, RString};

/// The version of this ABI, frozen. A library built for another major version is not loaded.
/// Independent of the crate's version.
pub const ABI_VERSION: &str = "1.0.0";

/// The version of the plugin API, which only grows: what a manifest's `minimumApi` is compared with.
/// The crate's version without its patch number, since a patch adds nothing that a plugin could need.
pub const API_VERSION: &str =
    concat!(env!("CARGO_PKG_VERSION_MAJOR"), ".", env!("CARGO_PKG_VERSION_MINOR"), ".0");

/// What a plugin library exports. Frozen.
#[repr(C)]
#[derive(StableAbi)]
#[sabi(kind(Prefix(prefix_ref = GathererModuleRef)))]
pub struct GathererModule {
    /// Returns the manifest, as JSON.
    ///
    /// Required. Called from one thread, before `invoke`, any number of times. The caller
    /// owns the text. Must not block, must not unwind.
    pub describe: extern "C" fn() -> RString,

    /// Does one operation and returns its summary or a `GatherError`, both as JSON.
    ///
    /// Required. Called once in a process, from its main thread. `operation` is `gather`
    /// today; an unknown one is an `unsupported` error. `request` is a
    /// [`GatherRequest`](crate::GatherRequest) as JSON; both texts live until the call returns. The
    /// callbacks stay valid until the process ends. The caller owns the returned text. Must
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

/// What a plugin may call while `invoke` runs. Every function may be called from any thread,
/// also from several at once, and never unwinds. `context` is handed back to each unchanged. Frozen:
/// what comes later is a method of `call`.
#[repr(C)]
#[derive(StableAbi, Clone, Copy)]
pub struct Callbacks {
    /// The caller's own; opaque to the plugin.
    pub context: usize,

    /// Hands over one [`Record`](crate::Record) as JSON. Blocks while the reader is slow. Returns one
    /// of the [`EmitCode`] numbers. The text is copied before the function returns.
    pub emit: extern "C" fn(usize, RStr<'_>) -> i32,

    /// Hands over one log line: level 1 (error) to 5 (trace), target, message. Both texts are
    /// copied. Lines more detailed than the request's `logLevel` need not be sent.
    pub log: extern "C" fn(usize, u8, RStr<'_>, RStr<'_>),

    /// Whether the plugin should stop: 1 if so. Cheap, may be polled.
    pub cancelled: extern "C" fn(usize) -> u8,

    /// Whatever comes later, by name with JSON both ways. Methods today: `progress`
    /// (`{"message": text}` -> `{}`) and `secret` (`{"text": text}` -> `{}`). An unknown method is
    /// an `unsupported` error.
    pub call: extern "C" fn(usize, RStr<'_>, RStr<'_>) -> RResult<RString, RString>,
}

/// What `emit` answers. The numbers are frozen; a plugin takes one that it does not know for `Closed`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(i32)]
#[non_exhaustive]
pub enum EmitCode {
    /// Taken.
    Ok = 0,
    /// Not taken: the endpoint was given up; return soon.
    Cancelled = 1,
    /// Not taken: longer than [`RECORD_MAX_BYTES`](crate::RECORD_MAX_BYTES).
    TooLarge = 2,
    /// Not taken: nobody reads any more.
    Closed = 3,
}

impl EmitCode {
    /// The code of this number; an unknown number is `Closed`.
    pub const fn from_number(number: i32) -> Self {
        match number {
            0 => Self::Ok,
            1 => Self::Cancelled,
            2 => Self::TooLarge,
            _ => Self::Closed,
        }
    }
}
