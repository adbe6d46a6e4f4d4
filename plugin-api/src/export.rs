//! The code that `export_gatherer!` compiles into a plugin: the ELF note with the manifest, the
//! root module, and the handler of panics.

use std::panic::{AssertUnwindSafe, catch_unwind};

use abi_stable::library::{__call_root_module_loader, RootModuleResult};
use abi_stable::prefix_type::PrefixTypeTrait as _;
use abi_stable::std_types::{RResult, RStr, RString};

use crate::abi::{Callbacks, GathererModule, GathererModuleRef};
use crate::gatherer::{Context, Gatherer};
use crate::record::GatherRequest;
use crate::{ErrorKind, GatherError, LogLevel};

/// Exports a plugin: embeds its manifest and dispatches requests to its modules.
///
/// The path of the manifest is relative to the crate's folder. The macro adds the crate's `name` and
/// `version` to it. If the manifest has them, they must be the same.
///
/// The macro also adds a unit test, which checks the manifest by the rules of the program, and for
/// members that no version has.
///
/// ```ignore
/// gatherer_plugin_api::export_gatherer! {
///     manifest: "manifest.json",
///     modules: { "Example" => Example },
/// }
/// ```
#[macro_export]
macro_rules! export_gatherer {
    (
        manifest: $manifest:literal,
        modules: { $($name:literal => $gatherer:ty),+ $(,)? } $(,)?
    ) => {
        // Evaluated in the author's crate: a panic must become an error of its endpoint, not the end of its process.
        #[cfg(panic = "abort")]
        ::std::compile_error!(
            "a plugin must be built with `panic = \"unwind\"`: remove `panic = \"abort\"` from the profile, \
             because a panic could not be reported as an error of its endpoint"
        );

        /// The functions and the ELF note that the stable ABI requires of a plugin.
        #[allow(unsafe_code, missing_docs)]
        mod gatherer_export {
            #[allow(unused_imports)]
            use super::*;
            use $crate::__private::abi_stable;

            const FILE: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/", $manifest));

            const _: () = assert!(
                $crate::__private::is_absent_or(
                    FILE,
                    "\"version\"",
                    concat!("\"", env!("CARGO_PKG_VERSION"), "\"")
                ),
                concat!(
                    "the version in ",
                    $manifest,
                    " must be that of the crate, ",
                    env!("CARGO_PKG_VERSION"),
                    ", or be left out"
                )
            );

            /// The parts of the manifest.
            const MANIFEST: [&str; 4] = $crate::__private::complete(
                FILE,
                concat!("\"name\": \"", env!("CARGO_PKG_NAME"), "\", "),
                concat!("\"version\": \"", env!("CARGO_PKG_VERSION"), "\", "),
            );

            #[used]
            // SAFETY: the section contains only this note, which has the layout of an ELF note.
            #[unsafe(link_section = ".note.gatherer")]
            static NOTE: $crate::__private::Note<
                { $crate::__private::padded_len($crate::__private::total_len(&MANIFEST)) },
            > = $crate::__private::Note::new(&MANIFEST);

            extern "C" fn root_module() -> abi_stable::library::RootModuleResult {
                $crate::__private::root_module(describe, invoke)
            }

            #[allow(non_upper_case_globals)]
            // SAFETY: abi_stable reserves this name for the one header of a library.
            #[unsafe(no_mangle)]
            pub static _1as_0lib_1header_0root_bmodule_bloader: abi_stable::library::LibHeader =
                // SAFETY: the function returns the root module of exactly this type.
                unsafe {
                    abi_stable::library::LibHeader::from_constructor::<
                        $crate::abi::GathererModuleRef,
                    >(root_module, abi_stable::library::CheckTypeLayout::Yes)
                };

            extern "C" fn describe() -> abi_stable::std_types::RString {
                MANIFEST.concat().into()
            }

            #[test]
            fn the_manifest_is_valid() {
                $crate::__private::check_manifest(
                    &MANIFEST.concat(),
                    env!("CARGO_PKG_NAME"),
                    &[$($name),+],
                );
            }

            extern "C" fn invoke(
                operation: abi_stable::std_types::RStr<'_>,
                request: abi_stable::std_types::RStr<'_>,
                callbacks: $crate::abi::Callbacks,
            ) -> abi_stable::std_types::RResult<
                abi_stable::std_types::RString,
                abi_stable::std_types::RString,
            > {
                $crate::__private::invoke(
                    operation,
                    request,
                    callbacks,
                    |operation, request, callbacks| match request.module.as_str() {
                        $($name => {
                            $crate::__private::run::<$gatherer>(operation, request, callbacks)
                        })+
                        other => Err($crate::GatherError::new(
                            $crate::ErrorKind::Unsupported,
                            format!("the plugin has no module {other}"),
                        )),
                    },
                )
            }
        }
    };
}

/// Builds the root module from a plugin's two functions. It replaces abi_stable's own attribute,
/// which would require every plugin to depend on abi_stable by name.
pub fn root_module(
    describe: extern "C" fn() -> RString,
    invoke: extern "C" fn(RStr<'_>, RStr<'_>, Callbacks) -> RResult<RString, RString>,
) -> RootModuleResult {
    static FUNCTIONS: std::sync::OnceLock<GathererModuleRef> = std::sync::OnceLock::new();
    fn initialized() -> GathererModuleRef {
        *FUNCTIONS.get().expect("root_module sets it before it passes this function on")
    }
    FUNCTIONS.get_or_init(|| GathererModule { describe, invoke }.leak_into_prefix());
    __call_root_module_loader(initialized)
}

/// Panics unless a manifest is valid. Called by the test that `export_gatherer!` adds.
pub fn check_manifest(manifest: &str, crate_name: &str, modules: &[&str]) {
    if let Err(error) = crate::manifest::check(manifest, crate_name, modules) {
        panic!("the manifest is not valid: {error}");
    }
}

/// The operations of `invoke`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operation {
    /// Gathers an endpoint.
    Gather,
    /// Checks whether an endpoint can be gathered.
    Check,
}

impl Operation {
    fn from_name(name: &str) -> Result<Self, GatherError> {
        match name {
            "gather" => Ok(Self::Gather),
            "check" => Ok(Self::Check),
            other => Err(GatherError::new(
                ErrorKind::Unsupported,
                format!("the plugin does not support the operation {other}"),
            )),
        }
    }
}

/// Runs an operation, catches its panics and encodes its result as JSON. This is compiled into the
/// plugin, so that the panic and `catch_unwind` belong to the same standard library.
pub fn invoke(
    operation: RStr<'_>,
    request: RStr<'_>,
    callbacks: Callbacks,
    dispatch: impl FnOnce(Operation, GatherRequest, Callbacks) -> Result<String, GatherError>,
) -> RResult<RString, RString> {
    install_panic_hook(callbacks);
    let outcome = catch_unwind(AssertUnwindSafe(|| {
        let operation = Operation::from_name(operation.as_str())?;
        let request: GatherRequest = serde_json::from_str(request.as_str())
            .map_err(|_| GatherError::internal("the request is not valid for this plugin API"))?;
        crate::logging::install(callbacks, request.options.log_level);
        dispatch(operation, request, callbacks)
    }));
    let outcome = outcome.unwrap_or_else(|_| {
        // The message of a panic may quote data of the endpoint; its source location does not.
        Err(GatherError::internal(
            "the plugin panicked; the log contains the source location, and with -vv the message",
        ))
    });
    match outcome {
        Ok(summary) => RResult::ROk(summary.into()),
        Err(error) => RResult::RErr(
            serde_json::to_string(&error)
                .unwrap_or_else(|_| {
                    r#"{"kind":"internal","message":"the error cannot be encoded as JSON"}"#.into()
                })
                .into(),
        ),
    }
}

/// Deserializes the parameters, runs an operation of the module and returns its summary as JSON.
pub fn run<G: Gatherer>(
    operation: Operation,
    request: GatherRequest,
    callbacks: Callbacks,
) -> Result<String, GatherError> {
    let GatherRequest { endpoint, module, parameters, options } = request;
    let context = Context::new(callbacks, endpoint, module, options);
    context.report_retries();
    run_with::<G>(operation, parameters, &context)?;
    context.wait_for_clones()?;
    serde_json::to_string(&context.summary())
        .map_err(|_| GatherError::internal("the summary cannot be encoded as JSON"))
}

/// Deserializes the parameters and runs an operation of the module.
pub(crate) fn run_with<G: Gatherer>(
    operation: Operation,
    parameters: serde_json::Map<String, serde_json::Value>,
    context: &Context,
) -> Result<(), GatherError> {
    let parameters = crate::parameters::deserialize(parameters, context.module())?;
    match operation {
        Operation::Gather => G::gather(parameters, context),
        Operation::Check => G::check(parameters, context),
    }
}

/// Logs each panic with its source location, and at the level debug with its message, which may quote data of
/// the endpoint.
fn install_panic_hook(callbacks: Callbacks) {
    std::panic::set_hook(Box::new(move |info| {
        let location = info
            .location()
            .map_or_else(String::new, |at| format!(" at {}:{}", at.file(), at.line()));
        let log = |level: LogLevel, message: &str| {
            (callbacks.log)(callbacks.context, level as u8, "panic".into(), message.into());
        };
        log(LogLevel::Error, &format!("the plugin panicked{location}"));
        if crate::logging::level() >= LogLevel::Debug {
            let message = info.payload_as_str().unwrap_or("it is not a text");
            log(LogLevel::Debug, &format!("the message of the panic: {message}"));
        }
    }));
}

/// An ELF note with a descriptor of `N` bytes, a multiple of 4.
#[repr(C, align(4))]
pub struct Note<const N: usize> {
    name_size: u32,
    descriptor_size: u32,
    kind: u32,
    name: [u8; 12],
    descriptor: [u8; N],
}

impl<const N: usize> Note<N> {
    /// The note that contains the manifest with these parts. `N` must be [`padded_len`] of their
    /// length.
    pub const fn new(manifest: &[&str]) -> Self {
        let mut descriptor = [0; N];
        let (mut index, mut length) = (0, 0);
        while index < manifest.len() {
            let part = manifest[index].as_bytes();
            let (_, rest) = descriptor.split_at_mut(length);
            rest.split_at_mut(part.len()).0.copy_from_slice(part);
            length += part.len();
            index += 1;
        }
        assert!(length <= 256 * 1024, "a manifest must not be longer than 256 KiB");
        Self {
            name_size: 9,
            #[expect(clippy::cast_possible_truncation, reason = "asserted above")]
            descriptor_size: length as u32,
            kind: crate::manifest::NOTE_TYPE,
            name: *b"Gatherer\0\0\0\0",
            descriptor,
        }
    }
}

/// A length rounded up to a multiple of 4, as ELF notes require.
pub const fn padded_len(length: usize) -> usize {
    length.div_ceil(4) * 4
}

#[cfg(test)]
mod tests {
    use super::{Note, padded_len};

    #[test]
    fn the_macro_exports_the_symbol_that_abi_stable_looks_up() {
        assert_eq!(
            abi_stable::library::ROOT_MODULE_LOADER_NAME,
            "_1as_0lib_1header_0root_bmodule_bloader"
        );
    }

    #[test]
    fn a_note_is_padded_to_words() {
        const TEXT: &str = "{\"a\":1}x";
        let note = Note::<{ padded_len(TEXT.len()) }>::new(&[&TEXT[..2], "", &TEXT[2..]]);
        assert_eq!(note.descriptor_size, 8);
        assert_eq!(std::mem::size_of_val(&note), 4 * 3 + 12 + 8);
        assert_eq!(&note.descriptor[..TEXT.len()], TEXT.as_bytes());
    }
}
