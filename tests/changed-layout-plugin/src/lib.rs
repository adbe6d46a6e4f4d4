//! A plugin whose note and ABI version are right and whose root module is not: `invoke` takes no
//! callbacks and there is a third function. The loader's layout check must refuse it.

#![allow(unsafe_code)]
#![allow(clippy::expl_impl_clone_on_copy, reason = "what StableAbi derives")]

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
// SAFETY: the section holds nothing but this note, whose layout is an ELF note's.
#[unsafe(link_section = ".note.gatherer")]
static NOTE: Note<{ padded_len(MANIFEST.len()) }> = Note::new(MANIFEST);

/// Named like the real one.
#[repr(C)]
#[derive(StableAbi)]
#[sabi(kind(Prefix(prefix_ref = GathererModuleRef)))]
pub struct GathererModule {
    /// As in the real one.
    pub describe: extern "C" fn() -> RString,
    /// Unlike the real one.
    pub invoke: extern "C" fn(RStr<'_>) -> u64,
    /// The real one ends before.
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
// SAFETY: the name is abi_stable's own for the one header of a library.
#[unsafe(no_mangle)]
pub static _1as_0lib_1header_0root_bmodule_bloader: LibHeader =
    // SAFETY: the function returns the very root module that the type names.
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
