//! Temporary plugin folders with exactly the plugins that a test needs.

use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use crate::{build_folder, built};

/// A plugin folder, which is removed when the value is dropped.
#[derive(Debug)]
pub struct PluginFolder {
    folder: TempDir,
}

impl PluginFolder {
    /// An empty folder that only its owner may write to.
    #[expect(clippy::new_without_default, reason = "it creates a folder")]
    pub fn new() -> Self {
        // In the build folder, so that a killed test leaves no folder in the system's temporary folder.
        let parent = build_folder().join("plugin-folders");
        std::fs::create_dir_all(&parent).expect("the build folder is writable");
        let folder =
            tempfile::Builder::new().tempdir_in(parent).expect("a temporary folder can be created");
        set_mode(folder.path(), 0o755);
        Self { folder }
    }

    /// A folder with the plugins of these names, for example `file` or `misbehaving`.
    pub fn with(plugins: &[&str]) -> Self {
        let folder = Self::new();
        for plugin in plugins {
            folder.add(plugin);
        }
        folder
    }

    /// Adds a built plugin, as a symbolic link.
    pub fn add(&self, plugin: &str) -> PathBuf {
        let target = self.path().join(file_name(plugin));
        symlink(library(plugin), &target).expect("a link can be created");
        target
    }

    /// Adds a file with this content and the name `libgatherer_plugin_<name>.so`.
    pub fn add_bytes(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let target = self.path().join(file_name(name));
        std::fs::write(&target, bytes).expect("a file can be written");
        set_mode(&target, 0o755);
        target
    }

    /// The path of the folder.
    pub fn path(&self) -> &Path {
        self.folder.path()
    }
}

/// The file name of a plugin's library.
pub fn file_name(plugin: &str) -> String {
    format!("libgatherer_plugin_{}.so", plugin.replace('-', "_"))
}

/// The path of a plugin's library in the build folder. The plugins that break the contract have other
/// file names there, so that the program does not find them in its build folder.
pub fn library(plugin: &str) -> PathBuf {
    match plugin {
        "misbehaving" => built("libmisbehaving_plugin.so"),
        "changed-layout" => built("libchanged_layout_plugin.so"),
        other => built(&file_name(other)),
    }
}

/// Sets a file's or folder's mode.
pub fn set_mode(path: &Path, mode: u32) {
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode))
        .unwrap_or_else(|error| panic!("chmod {mode:o} {}: {error}", path.display()));
}
