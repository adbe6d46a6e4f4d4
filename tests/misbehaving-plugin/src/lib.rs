//! A plugin that breaks the contract in the way that its parameter `case` names.
//!
//! Faults that the SDK prevents are made with the functions of the ABI, so this file exports the plugin without the SDK's
//! macro. The cases are in `cases`, `items`, `objects`, `intrusion` and `secrets`, those of checks in `checks`. `global_faults` has the faults that do not depend
//! on the parameter.

#![allow(unsafe_code)]

mod cases;
mod checks;
mod forks;
mod global_faults;
mod intrusion;
mod items;
mod objects;
mod raw;
mod secrets;

use gatherer_plugin_api::__private::{self, Note, Operation, abi_stable, padded_len};
use gatherer_plugin_api::abi::{Callbacks, GathererModuleRef};

use abi_stable::library::{CheckTypeLayout, LibHeader, RootModuleResult};
use abi_stable::std_types::{RResult, RStr, RString};

const MANIFEST: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/manifest.json"));

#[used]
// SAFETY: the section holds only this note, which has the layout of an ELF note.
#[unsafe(link_section = ".note.gatherer")]
static NOTE: Note<{ padded_len(MANIFEST.len()) }> = Note::new(&[MANIFEST]);

#[allow(non_upper_case_globals, missing_docs)]
// SAFETY: abi_stable reserves this name for the one header of a library.
#[unsafe(no_mangle)]
pub static _1as_0lib_1header_0root_bmodule_bloader: LibHeader =
    // SAFETY: the function returns a root module of the type in the angle brackets.
    unsafe {
        LibHeader::from_constructor::<GathererModuleRef>(root_module, CheckTypeLayout::Yes)
    };

extern "C" fn root_module() -> RootModuleResult {
    __private::root_module(describe, invoke)
}

extern "C" fn describe() -> RString {
    global_faults::description().unwrap_or_else(|| MANIFEST.into())
}

extern "C" fn invoke(
    operation: RStr<'_>,
    request: RStr<'_>,
    callbacks: Callbacks,
) -> RResult<RString, RString> {
    if let Some(answer) = global_faults::answer(operation.as_str(), request.as_str()) {
        return answer;
    }
    let case = serde_json::from_str::<serde_json::Value>(request.as_str())
        .ok()
        .and_then(|request| Some(request["parameters"]["case"].as_str()?.to_owned()));
    match case.as_deref() {
        // The SDK's `invoke` cannot return these.
        Some("nonsense-summary") => RResult::ROk("not a summary".into()),
        Some("nonsense-error") => RResult::RErr("not an error".into()),
        _ => __private::invoke(operation, request, callbacks, |operation, request, callbacks| {
            match operation {
                Operation::Gather => cases::run(request, callbacks),
                Operation::Check => checks::run(request, callbacks),
            }
        }),
    }
}

#[used]
// SAFETY: the section is a list of functions of this type, which the dynamic linker calls.
#[unsafe(link_section = ".init_array")]
static CONSTRUCTOR: extern "C" fn() = only_in_a_worker;

/// Runs when the library is loaded, and aborts every process except a worker, because only a worker may load a plugin.
extern "C" fn only_in_a_worker() {
    let command_line = std::fs::read("/proc/self/cmdline").unwrap_or_default();
    if command_line.split(|byte| *byte == 0).nth(1) != Some(b"__worker") {
        eprintln!("the misbehaving plugin was loaded outside of a worker");
        std::process::abort();
    }
}
