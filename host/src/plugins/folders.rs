//! The folders that are searched for plugins.

use std::path::{Path, PathBuf};

/// The install folders, separated by `:`. `make install` sets them at build time.
pub const INSTALL_FOLDERS: &str = match option_env!("GATHERER_INSTALL_PLUGIN_DIR") {
    Some(folders) => folders,
    None => "/usr/lib64/virtual-host-gatherer/plugins:/usr/lib/virtual-host-gatherer/plugins",
};

/// The environment variable with folders, separated by `:`.
const VARIABLE: &str = "GATHERER_PLUGIN_PATH";

/// The folders that are searched for plugins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PluginFolders {
    /// The folders; an earlier folder takes precedence.
    pub paths: Vec<PathBuf>,
    /// Whether the folders were configured. Then it is an error if one of them cannot be read.
    pub are_configured: bool,
}

/// The folders from the first source that has any: the command line, the environment, the operator's
/// file, the build folder (if the program runs from one), the install folders.
pub fn folders(from_command_line: &[PathBuf], from_file: &[PathBuf]) -> PluginFolders {
    if !from_command_line.is_empty() {
        return PluginFolders { paths: from_command_line.to_vec(), are_configured: true };
    }
    if let Some(listed) = std::env::var_os(VARIABLE).filter(|listed| !listed.is_empty()) {
        let paths = std::env::split_paths(&listed).filter(|path| !path.as_os_str().is_empty());
        return PluginFolders { paths: paths.collect(), are_configured: true };
    }
    if !from_file.is_empty() {
        return PluginFolders { paths: from_file.to_vec(), are_configured: true };
    }
    if let Some(folder) = build_folder() {
        return PluginFolders { paths: vec![folder], are_configured: false };
    }
    PluginFolders { paths: std::env::split_paths(INSTALL_FOLDERS).collect(), are_configured: false }
}

/// The folder of the program, if cargo built it there.
fn build_folder() -> Option<PathBuf> {
    let program = std::env::current_exe().ok()?;
    let folder = program.parent()?;
    is_cargo_target(folder.parent()?).then(|| folder.to_owned())
}

/// The maximum size of CACHEDIR.TAG in bytes. Cargo's has 177.
const TAG_MAX_BYTES: usize = 4096;

/// Whether a folder is a target folder of cargo, which has a CACHEDIR.TAG.
fn is_cargo_target(folder: &Path) -> bool {
    gatherer_file_reader::read(&folder.join("CACHEDIR.TAG"), TAG_MAX_BYTES)
        .ok()
        .and_then(|tag| String::from_utf8(tag).ok())
        .is_some_and(|tag| tag.starts_with("Signature:") && tag.contains("created by cargo"))
}
