//! Loading a plugin through the descriptor that was inspected, and checking its layout.

use std::fs::File;
use std::os::fd::RawFd;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use abi_stable::library::{AbiHeaderRef, LibraryError, ROOT_MODULE_LOADER_NAME_WITH_NUL};
use gatherer_plugin_api::abi::GathererModuleRef;
use gatherer_plugin_api::{ABI_VERSION, ErrorKind, GatherError};
use libloading::os::unix::{Library, RTLD_LOCAL, RTLD_NOW};

use crate::plugins;

/// The maximum number of layout errors in a message; the checker reports hundreds of lines.
const LAYOUT_ERRORS_MAX: usize = 3;

/// Loads the library behind a descriptor. It is never unloaded; `shown_path` is its path for messages.
pub fn load(plugin: RawFd, shown_path: &str) -> Result<GathererModuleRef, GatherError> {
    let path = openable(plugin);
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
    let header = header.upgrade().map_err(|error| layout_error(&error, shown_path))?;
    // Without the layout, `init_root_module` checks nothing, and a call could use a wrong signature.
    if header.layout().is_none() {
        return Err(incompatible(shown_path, "it opts out of the layout check").with_hint(
            "build it with `export_gatherer!`, which exports the layout of the root module",
        ));
    }
    header.init_root_module::<GathererModuleRef>().map_err(|error| layout_error(&error, shown_path))
}

/// The library to be opened: the descriptor that was inspected. If the library has others beside it, which the
/// dynamic linker finds by the library's own folder, it is the path of the same file.
fn openable(plugin: RawFd) -> PathBuf {
    let descriptor = PathBuf::from(format!("/proc/self/fd/{plugin}"));
    beside_others(&descriptor).unwrap_or(descriptor)
}

/// The real path of a library that refers to its own folder. Only the user and root can write to that folder,
/// which was checked. Of a file that was replaced meanwhile, the inspected version is loaded, without the
/// libraries beside it.
fn beside_others(descriptor: &Path) -> Option<PathBuf> {
    let file = File::options().read(true).open(descriptor).ok()?;
    if !plugins::uses_own_folder(&file) {
        return None;
    }
    let path = std::fs::read_link(descriptor).ok()?;
    let (inspected, present) = (file.metadata().ok()?, std::fs::metadata(&path).ok()?);
    let is_same = (inspected.dev(), inspected.ino()) == (present.dev(), present.ino());
    is_same.then_some(path)
}

fn open_error(error: &libloading::Error, path: &Path, shown_path: &str) -> GatherError {
    use std::error::Error as _;
    let cause = error.source().map_or_else(|| error.to_string(), ToString::to_string);
    GatherError::new(
        ErrorKind::Unsupported,
        format!("the plugin {shown_path} cannot be loaded: {}", cause.replace(&*path.to_string_lossy(), shown_path)),
    )
    .with_hint(
        "install the libraries that it needs (beside the plugin only if its run path is $ORIGIN), or reinstall \
         the plugin",
    )
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
    incompatible(shown_path, &reason)
        .with_hint("rebuild the plugin with this program's gatherer-plugin-api")
}

fn incompatible(shown_path: &str, reason: &str) -> GatherError {
    GatherError::new(
        ErrorKind::Unsupported,
        format!(
            "the plugin {shown_path} is not compatible with this program (ABI {ABI_VERSION}): {reason}"
        ),
    )
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
