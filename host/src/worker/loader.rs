//! Loads a plugin through the descriptor that was inspected, and checks its layout.

use std::os::fd::RawFd;

use abi_stable::library::{
    AbiHeaderRef, LibHeader, LibraryError, ROOT_MODULE_LOADER_NAME_WITH_NUL,
};
use gatherer_plugin_api::abi::GathererModuleRef;
use gatherer_plugin_api::{ABI_VERSION, ErrorKind, GatherError};
use libloading::os::unix::{Library, RTLD_LOCAL, RTLD_NOW};

/// How many of the checker's complaints are shown; it writes hundreds of lines.
const COMPLAINTS_SHOWN: usize = 3;

/// Loads the library behind a descriptor. It is never closed: the process's end is the unload.
pub fn load(plugin: RawFd, shown_path: &str) -> Result<GathererModuleRef, GatherError> {
    let path = format!("/proc/self/fd/{plugin}");
    // SAFETY: loading runs the library's constructors; that is what this process is for.
    let library = unsafe { Library::open(Some(&path), RTLD_NOW | RTLD_LOCAL) }
        .map_err(|error| open_error(&error, &path, shown_path))?;
    // SAFETY: a library of our note exports its header under this name; the header checks
    // itself (magic, versions) in `upgrade`.
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
    .with_hint("install the libraries that it needs, or the plugin again")
}

fn layout_error(error: &LibraryError, shown_path: &str) -> GatherError {
    let what = match error {
        LibraryError::AbiInstability(errors) => {
            format!("its root module has another layout{}", complaints(&errors.to_string()))
        }
        LibraryError::IncompatibleVersionNumber { actual_version, .. } => {
            format!("it was built for ABI {actual_version}")
        }
        LibraryError::InvalidAbiHeader(_) => {
            "it was built with another version of abi_stable".to_owned()
        }
        LibraryError::InvalidCAbi { .. } => "its C ABI differs".to_owned(),
        _ => "its root module cannot be made".to_owned(),
    };
    GatherError::new(
        ErrorKind::Unsupported,
        format!("the plugin {shown_path} does not fit this program (ABI {ABI_VERSION}): {what}"),
    )
    .with_hint("build the plugin again with this program's gatherer-plugin-api")
}

/// The checker's `Error:` lines, without the type layouts between them.
fn complaints(report: &str) -> String {
    let complaints: Vec<_> = report
        .lines()
        .filter_map(|line| line.trim().strip_prefix("Error:"))
        .map(str::trim)
        .filter(|line| !line.is_empty())
        .take(COMPLAINTS_SHOWN)
        .collect();
    if complaints.is_empty() { String::new() } else { format!(": {}", complaints.join("; ")) }
}
