//! A plugin that breaks the contract in every way that the tests think of, by name: the
//! parameter `case`. What the SDK makes impossible is done with the ABI's own functions, so the export is
//! written out here; the cases themselves are in `cases`, `items`, `reaches` and `secrets`,
//! and in `habits` what has no such parameter.

#![allow(unsafe_code)]

mod cases;
mod forks;
mod habits;
mod items;
mod raw;
mod reaches;
mod secrets;

use gatherer_plugin_api::__private::{self, Note, abi_stable, padded_len};
use gatherer_plugin_api::abi::{Callbacks, GathererModuleRef};

use abi_stable::library::{CheckTypeLayout, LibHeader, RootModuleResult};
use abi_stable::std_types::{RResult, RStr, RString};

const MANIFEST: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/manifest.json"));

#[used]
// SAFETY: the section holds nothing but this note, whose layout is an ELF note's.
#[unsafe(link_section = ".note.gatherer")]
static NOTE: Note<{ padded_len(MANIFEST.len()) }> = Note::new(MANIFEST);

#[allow(non_upper_case_globals, missing_docs)]
// SAFETY: the name is abi_stable's own for the one header of a library.
#[unsafe(no_mangle)]
pub static _1as_0lib_1header_0root_bmodule_bloader: LibHeader =
    // SAFETY: the function returns the very root module that the type names.
    unsafe {
        LibHeader::from_constructor::<GathererModuleRef>(root_module, CheckTypeLayout::Yes)
    };

extern "C" fn root_module() -> RootModuleResult {
    __private::root_module(describe, invoke)
}

extern "C" fn describe() -> RString {
    habits::description().unwrap_or_else(|| MANIFEST.into())
}

extern "C" fn invoke(
    operation: RStr<'_>,
    request: RStr<'_>,
    callbacks: Callbacks,
) -> RResult<RString, RString> {
    if let Some(answer) = habits::answer(operation.as_str(), request.as_str()) {
        return answer;
    }
    let case = serde_json::from_str::<serde_json::Value>(request.as_str())
        .ok()
        .and_then(|request| Some(request["parameters"]["case"].as_str()?.to_owned()));
    match case.as_deref() {
        // What `invoke` returns is checked by the SDK, so these go around it.
        Some("nonsense-summary") => RResult::ROk("not a summary".into()),
        Some("nonsense-error") => RResult::RErr("not an error".into()),
        _ => __private::invoke(operation, request, callbacks, cases::run),
    }
}

#[used]
// SAFETY: the section is a list of such functions, which the loader calls.
#[unsafe(link_section = ".init_array")]
static CONSTRUCTOR: extern "C" fn() = only_in_a_worker;

/// Runs when the library is loaded: ends any process but a worker, because only a worker may load
/// a plugin.
extern "C" fn only_in_a_worker() {
    let command_line = std::fs::read("/proc/self/cmdline").unwrap_or_default();
    if command_line.split(|byte| *byte == 0).nth(1) != Some(b"__worker") {
        eprintln!("the misbehaving plugin was loaded outside of a worker");
        std::process::abort();
    }
}
