//! A plugin with a valid note and ABI version, and a root module with another layout: `invoke` takes no callbacks, and
//! there is a third function. The loader's layout check must refuse it.

#![allow(unsafe_code)]
#![allow(clippy::expl_impl_clone_on_copy, reason = "StableAbi derives it")]

use gatherer_plugin_api::__private::{Note, padded_len};

use abi_stable::StableAbi;
use abi_stable::library::{
    __call_root_module_loader, CheckTypeLayout, LibHeader, RootModule, RootModuleResult,
};
use abi_stable::prefix_type::PrefixTypeTrait as _;
use abi_stable::sabi_types::VersionStrings;
use abi_stable::std_types::{RStr, RString};

const MANIFEST: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/manifest.json"));

#[used]
// SAFETY: the section holds only this note, which has the layout of an ELF note.
#[unsafe(link_section = ".note.gatherer")]
static NOTE: Note<{ padded_len(MANIFEST.len()) }> = Note::new(&[MANIFEST]);

/// The root module, named like the one of the plugin API.
#[repr(C)]
#[derive(StableAbi)]
#[sabi(kind(Prefix(prefix_ref = GathererModuleRef)))]
pub struct GathererModule {
    /// The same as in the plugin API.
    pub describe: extern "C" fn() -> RString,
    /// Another type than in the plugin API.
    pub invoke: extern "C" fn(RStr<'_>) -> u64,
    /// Does not exist in the plugin API.
    #[sabi(last_prefix_field)]
    pub surplus: extern "C" fn(u64) -> u64,
}

impl RootModule for GathererModuleRef {
    abi_stable::declare_root_module_statics! {GathererModuleRef}

    const BASE_NAME: &'static str = "gatherer";
    const NAME: &'static str = "gatherer";
    const VERSION_STRINGS: VersionStrings = VersionStrings::new(gatherer_plugin_api::ABI_VERSION);
}

#[allow(non_upper_case_globals, missing_docs)]
// SAFETY: abi_stable reserves this name for the one header of a library.
#[unsafe(no_mangle)]
pub static _1as_0lib_1header_0root_bmodule_bloader: LibHeader =
    // SAFETY: the function returns a root module of the type in the angle brackets.
    unsafe {
        LibHeader::from_constructor::<GathererModuleRef>(root_module, CheckTypeLayout::Yes)
    };

extern "C" fn root_module() -> RootModuleResult {
    fn built() -> GathererModuleRef {
        GathererModule { describe, invoke, surplus }.leak_into_prefix()
    }
    __call_root_module_loader(built)
}

extern "C" fn describe() -> RString {
    MANIFEST.into()
}

extern "C" fn invoke(_: RStr<'_>) -> u64 {
    0
}

extern "C" fn surplus(number: u64) -> u64 {
    number
}
