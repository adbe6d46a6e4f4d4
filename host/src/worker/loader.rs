//! Loading a plugin through the descriptor that was inspected, and checking its layout.

use std::os::fd::RawFd;

use abi_stable::library::{
    AbiHeaderRef, LibHeader, LibraryError, ROOT_MODULE_LOADER_NAME_WITH_NUL,
};
use gatherer_plugin_api::abi::GathererModuleRef;
use gatherer_plugin_api::{ABI_VERSION, ErrorKind, GatherError};
use libloading::os::unix::{Library, RTLD_LOCAL, RTLD_NOW};

/// The maximum number of layout errors in a message; the checker reports hundreds of lines.
const LAYOUT_ERRORS_MAX: usize = 3;

/// Loads the library behind a descriptor. It is never unloaded; `shown_path` is its path for messages.
pub fn load(plugin: RawFd, shown_path: &str) -> Result<GathererModuleRef, GatherError> {
    let path = format!("/proc/self/fd/{plugin}");
    // SAFETY: loading runs the library's constructors, which is the purpose of this process.
    let library = unsafe { Library::open(Some(&path), RTLD_NOW | RTLD_LOCAL) }
        .map_err(|error| open_error(&error, &path, shown_path))?;
    // SAFETY: a library with our note exports its header under this name. `upgrade` checks the header's
    // magic number and versions.
    let header = unsafe {
        library
            .get::<AbiHeaderRef>(ROOT_MODULE_LOADER_NAME_WITH_NUL.as_bytes())
            .map(|symbol| *symbol)
    }
    .map_err(|_| {
        GatherError::new(
            ErrorKind::Unsupported,
            format!("the library {shown_path} is not a plugin: it exports no root module"),
        )
        .with_hint("build it with `export_gatherer!`")
    })?;
    std::mem::forget(library);
    header
        .upgrade()
        .and_then(LibHeader::init_root_module::<GathererModuleRef>)
        .map_err(|error| layout_error(&error, shown_path))
}

fn open_error(error: &libloading::Error, path: &str, shown_path: &str) -> GatherError {
    use std::error::Error as _;
    let cause = error.source().map_or_else(|| error.to_string(), ToString::to_string);
    GatherError::new(
        ErrorKind::Unsupported,
        format!("the plugin {shown_path} cannot be loaded: {}", cause.replace(path, shown_path)),
    )
    .with_hint("install the libraries that it needs, or reinstall the plugin")
}

fn layout_error(error: &LibraryError, shown_path: &str) -> GatherError {
    let reason = match error {
        LibraryError::AbiInstability(errors) => {
            format!("the layout of its root module differs{}", layout_errors(&errors.to_string()))
        }
        LibraryError::IncompatibleVersionNumber { actual_version, .. } => {
            format!("it was built for ABI {actual_version}")
        }
        LibraryError::InvalidAbiHeader(_) => {
            "it was built with a different version of abi_stable".to_owned()
        }
        LibraryError::InvalidCAbi { .. } => "its C ABI differs".to_owned(),
        _ => "its root module cannot be created".to_owned(),
    };
    GatherError::new(
        ErrorKind::Unsupported,
        format!(
            "the plugin {shown_path} is not compatible with this program (ABI {ABI_VERSION}): {reason}"
        ),
    )
    .with_hint("rebuild the plugin with this program's gatherer-plugin-api")
}

/// The first `Error:` lines of the checker's report, without the type layouts between them.
fn layout_errors(report: &str) -> String {
    let errors: Vec<_> = report
        .lines()
        .filter_map(|line| line.trim().strip_prefix("Error:"))
        .map(str::trim)
        .filter(|line| !line.is_empty())
        .take(LAYOUT_ERRORS_MAX)
        .collect();
    if errors.is_empty() { String::new() } else { format!(": {}", errors.join("; ")) }
}
