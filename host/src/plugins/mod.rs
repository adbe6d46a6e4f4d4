//! Discovery of plugins: reads the manifests in the plugin folders from ELF notes. It neither loads a
//! plugin nor runs its code.

mod elf;
mod folders;
mod trust;

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs::File;
use std::io;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use gatherer_plugin_api::manifest::{Manifest, Module};

pub use elf::uses_own_folder;
pub use folders::{INSTALL_FOLDERS, PluginFolders, folders};
pub use trust::check as check_trust;

use crate::output::escape::escape;

/// The file name of a plugin begins with this.
const PREFIX: &str = "libgatherer_plugin_";
/// The file name of a plugin ends with this.
const SUFFIX: &str = ".so";
/// The reason of a file that other users could change begins with this.
const NOT_TRUSTED: &str = "is not trusted";

/// A plugin file that was inspected.
pub struct Plugin {
    /// The path of the file.
    pub path: PathBuf,
    /// The manifest.
    pub manifest: Manifest,
    /// The text of the manifest in the ELF note.
    pub manifest_text: String,
    /// The open file. Workers load the library through this descriptor, so that the file cannot be replaced
    /// after it was inspected.
    pub file: File,
}

impl Plugin {
    fn check_versions(&self) -> Result<(), String> {
        self.manifest.check_versions().map_err(|error| error.to_string())
    }
}

/// A file with the name of a plugin that is not used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Skipped {
    /// The path of the file.
    pub path: PathBuf,
    /// The reason, a message without its subject: "is writable by everybody".
    pub reason: String,
}

impl Skipped {
    /// A message that names the file and the reason.
    pub fn message(&self) -> String {
        let path = self.path.display().to_string();
        format!("the plugin file {} {}", escape(&path), escape(&self.reason))
    }

    /// What the operator can do, if the reason is that other users could change the file.
    pub fn remedy(&self) -> Option<String> {
        let path = escape(&self.path.display().to_string());
        self.reason.starts_with(NOT_TRUSTED).then(|| {
            format!(
                "only root may own and write the file and its folder: `chown root: {path}` and \
                 `chmod go-w {path}`, and the same for the folder"
            )
        })
    }

    /// Whether the name of the file is that of a plugin for this module.
    fn is_named_after(&self, module: &str) -> bool {
        let letters = |text: &str| -> String {
            text.chars()
                .filter(|sign| sign.is_alphanumeric())
                .flat_map(char::to_lowercase)
                .collect()
        };
        let name = self.path.file_name().and_then(OsStr::to_str).unwrap_or_default();
        let name = name.strip_prefix(PREFIX).and_then(|name| name.strip_suffix(SUFFIX));
        name.is_some_and(|name| letters(name) == letters(module))
    }
}

/// The plugins and modules that are available.
#[derive(Default)]
pub struct Catalog {
    /// The plugins, in the order of the folders.
    pub plugins: Vec<Plugin>,
    /// The files that are not used.
    pub skipped: Vec<Skipped>,
    /// Problems that do not prevent a run, one message each.
    pub warnings: Vec<String>,
    /// The folders that were searched; an earlier folder takes precedence.
    pub folders: Vec<PathBuf>,
    /// The place of each module: the index of its plugin, and its index in the manifest.
    by_module: BTreeMap<String, (usize, usize)>,
}

/// A configured folder cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("the plugin folder {} cannot be read: {error}", path.display())]
pub struct FolderError {
    path: PathBuf,
    error: io::Error,
}

impl Catalog {
    /// Reads the folders in their order.
    pub fn read(folders: &PluginFolders) -> Result<Self, FolderError> {
        let mut catalog = Self { folders: folders.paths.clone(), ..Self::default() };
        for folder in &folders.paths {
            match candidates(folder) {
                Ok(files) => files.into_iter().for_each(|path| catalog.add_file(path)),
                Err(error) if folders.are_configured => {
                    return Err(FolderError { path: folder.clone(), error });
                }
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => {
                    let error = FolderError { path: folder.clone(), error };
                    catalog.warnings.push(error.to_string());
                }
            }
        }
        Ok(catalog)
    }

    /// A catalog with one plugin.
    pub fn of(plugin: Plugin) -> Self {
        let mut catalog = Self::default();
        catalog.add_plugin(plugin);
        catalog
    }

    fn add_file(&mut self, path: PathBuf) {
        // A file that is not trusted is not even read.
        let plugin = open(&path).and_then(|(file, trust)| trust.and_then(|()| read(&path, file)));
        let plugin = plugin.and_then(|plugin| plugin.check_versions().map(|()| plugin));
        match plugin {
            Ok(plugin) => self.add_plugin(plugin),
            Err(reason) => self.skipped.push(Skipped { path, reason }),
        }
    }

    fn add_plugin(&mut self, plugin: Plugin) {
        for (index, module) in plugin.manifest.modules.iter().enumerate() {
            match self.by_module.get(&module.name) {
                Some((earlier, _)) => self.warnings.push(format!(
                    "the module {} of {} is not used: {} already provides it",
                    module.name,
                    plugin.path.display(),
                    self.plugins[*earlier].path.display()
                )),
                None => {
                    self.by_module.insert(module.name.clone(), (self.plugins.len(), index));
                }
            }
        }
        self.plugins.push(plugin);
    }

    /// The modules, sorted by name, each with its plugin.
    pub fn modules(&self) -> impl Iterator<Item = (&Module, &Plugin)> + Clone {
        self.by_module.values().map(|(plugin, module)| {
            let plugin = &self.plugins[*plugin];
            (&plugin.manifest.modules[*module], plugin)
        })
    }

    /// The files that are not used and may have the module of this name: those that are named after it, or else all.
    pub fn skipped_for(&self, module: &str) -> Vec<&Skipped> {
        let named: Vec<_> =
            self.skipped.iter().filter(|skipped| skipped.is_named_after(module)).collect();
        if named.is_empty() { self.skipped.iter().collect() } else { named }
    }

    /// The module with this name, and the index of its plugin in `plugins`.
    pub fn module(&self, name: &str) -> Option<(&Module, usize)> {
        let (plugin, module) = self.by_module.get(name)?;
        Some((&self.plugins[*plugin].manifest.modules[*module], *plugin))
    }
}

/// The result of inspecting a file. The errors are messages without their subject.
pub struct Inspected {
    /// The plugin.
    pub plugin: Plugin,
    /// Whether the plugin would be used, or the reason why not.
    pub verdict: Result<(), String>,
    /// Whether other users cannot change the file and its folder, or the reason why it is not trusted.
    pub trust: Result<(), String>,
    /// Whether the plugin's versions are compatible with this program, or the reason why not.
    pub versions: Result<(), String>,
}

/// Reads the manifest of a file, whether the file is trusted or not. Fails if it is not a plugin.
pub fn inspect(path: &Path) -> Result<Inspected, String> {
    let (file, trust) = open(path)?;
    let plugin = read(path, file)?;
    let versions = plugin.check_versions();
    let verdict = trust.clone().and_then(|()| versions.clone());
    Ok(Inspected { plugin, verdict, trust, versions })
}

/// Opens a file, and checks whether it is trusted. The file is not opened again later.
fn open(path: &Path) -> Result<(File, Result<(), String>), String> {
    let file = File::options()
        .read(true)
        // Without O_NONBLOCK, opening a FIFO would wait for its writer.
        .custom_flags(libc::O_NONBLOCK | libc::O_NOCTTY)
        .open(path)
        .map_err(|error| format!("cannot be opened: {error}"))?;
    let metadata = file.metadata().map_err(|error| format!("cannot be inspected: {error}"))?;
    if !metadata.is_file() {
        return Err("is not a regular file".to_owned());
    }
    let trust = trust::check(&file, &metadata).map_err(|reason| format!("{NOT_TRUSTED}: {reason}"));
    Ok((file, trust))
}

/// Reads and parses the manifest of an open file.
fn read(path: &Path, file: File) -> Result<Plugin, String> {
    let manifest_text = elf::manifest(&file)?;
    let manifest = Manifest::parse(&manifest_text)
        .map_err(|error| format!("has an invalid manifest: {error}"))?;
    Ok(Plugin { path: path.to_owned(), manifest, manifest_text, file })
}

/// A catalog with one plugin that has this manifest, for fuzz targets.
#[cfg(any(test, feature = "fuzzing"))]
pub fn catalog_of(manifest: &str) -> Option<Catalog> {
    Some(Catalog::of(Plugin {
        path: PathBuf::from("/libgatherer_plugin_fuzz.so"),
        manifest: Manifest::parse(manifest).ok()?,
        manifest_text: manifest.to_owned(),
        file: rustix::fs::memfd_create("plugin", rustix::fs::MemfdFlags::CLOEXEC).ok()?.into(),
    }))
}

/// Reads the manifest from the bytes of a library, for fuzz targets.
#[cfg(any(test, feature = "fuzzing"))]
pub fn manifest_of(bytes: &[u8]) -> Result<String, String> {
    elf::read(&object::read::ReadCache::new(io::Cursor::new(bytes)))
}

/// Whether a file with this name is a plugin.
pub fn is_plugin_name(name: &OsStr) -> bool {
    let name = name.as_encoded_bytes();
    name.starts_with(PREFIX.as_bytes()) && name.ends_with(SUFFIX.as_bytes())
}

/// The paths of the files in a folder that have the name of a plugin, sorted.
fn candidates(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        if is_plugin_name(&entry.file_name()) {
            files.push(entry.path());
        }
    }
    files.sort();
    Ok(files)
}
