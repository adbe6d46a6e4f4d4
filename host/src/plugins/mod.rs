//! Plugin folders to manifests, by reading ELF notes. Nothing is loaded, nothing is run.

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
use gatherer_plugin_api::{ABI_VERSION, API_VERSION};

pub use folders::{Folders, folders};
pub use trust::check as check_trust;

/// What a plugin's file is called.
const PREFIX: &str = "libgatherer_plugin_";
const SUFFIX: &str = ".so";

/// A plugin that workers can be started for.
pub struct Plugin {
    /// Where it was found.
    pub path: PathBuf,
    /// What it says of itself.
    pub manifest: Manifest,
    /// The same, as it stands in the note.
    pub manifest_text: String,
    /// The file, through which it was inspected and will be loaded.
    pub file: File,
}

/// A file that looks like a plugin and is not used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Skipped {
    /// Where it was found.
    pub path: PathBuf,
    /// Why, in one sentence without its subject: "is writable by others".
    pub reason: String,
}

/// Everything that was found.
#[derive(Default)]
pub struct Catalog {
    /// The plugins, in the order of the folders.
    pub plugins: Vec<Plugin>,
    /// What was left out, and why.
    pub skipped: Vec<Skipped>,
    /// What is odd: one sentence each.
    pub warnings: Vec<String>,
    /// Where it was looked, the folder that wins first.
    pub folders: Vec<PathBuf>,
    by_module: BTreeMap<String, (usize, usize)>,
}

/// A folder that was asked for and cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("the plugin folder {} cannot be read: {error}", path.display())]
pub struct FolderError {
    path: PathBuf,
    error: io::Error,
}

impl Catalog {
    /// Reads the folders, the earlier ones first.
    pub fn read(folders: &Folders) -> Result<Self, FolderError> {
        let mut catalog = Self { folders: folders.paths.clone(), ..Self::default() };
        for folder in &folders.paths {
            match candidates(folder) {
                Ok(files) => files.into_iter().for_each(|path| catalog.add(path)),
                Err(error) if folders.asked_for => {
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

    /// One plugin and nothing else.
    pub fn of(plugin: Plugin) -> Self {
        let mut catalog = Self::default();
        catalog.serve(plugin);
        catalog
    }

    fn add(&mut self, path: PathBuf) {
        // What others may write is not even read.
        let plugin = open(&path).and_then(|(file, trust)| trust.and_then(|()| read(&path, file)));
        let plugin = plugin.and_then(|plugin| fits(&plugin.manifest).map(|()| plugin));
        match plugin {
            Ok(plugin) => self.serve(plugin),
            Err(reason) => self.skipped.push(Skipped { path, reason }),
        }
    }

    fn serve(&mut self, plugin: Plugin) {
        for (index, module) in plugin.manifest.modules.iter().enumerate() {
            match self.by_module.get(&module.name) {
                Some((earlier, _)) => self.warnings.push(format!(
                    "the module {} of {} is not used: {} serves it already",
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

    /// The modules by name, each with the plugin that serves it.
    pub fn modules(&self) -> impl Iterator<Item = (&Module, &Plugin)> + Clone {
        self.by_module.values().map(|(plugin, module)| {
            let plugin = &self.plugins[*plugin];
            (&plugin.manifest.modules[*module], plugin)
        })
    }

    /// The module of this name, with its plugin and the plugin's place in `plugins`.
    pub fn module(&self, name: &str) -> Option<(&Module, usize)> {
        let (plugin, module) = self.by_module.get(name)?;
        Some((&self.plugins[*plugin].manifest.modules[*module], *plugin))
    }
}

/// A file that was inspected: what it says, and whether it may be used.
pub struct Inspected {
    /// What it says of itself.
    pub plugin: Plugin,
    /// Why it is not used, if it is not: one sentence without its subject.
    pub verdict: Result<(), String>,
    /// Whether the file and its folder are safe from others, and if not, why not.
    pub trust: Result<(), String>,
    /// Whether this program can serve it, and if not, why not.
    pub versions: Result<(), String>,
}

/// Reads what a file says of itself, trusted or not. An error says why it is no plugin.
pub fn inspect(path: &Path) -> Result<Inspected, String> {
    let (file, trust) = open(path)?;
    let plugin = read(path, file)?;
    let versions = fits(&plugin.manifest);
    let verdict = trust.clone().and_then(|()| versions.clone());
    Ok(Inspected { plugin, verdict, trust, versions })
}

/// Opens a file, once for all, and says whether it is safe from others.
fn open(path: &Path) -> Result<(File, Result<(), String>), String> {
    let file = File::options()
        .read(true)
        // A FIFO would keep us waiting for its writer.
        .custom_flags(libc::O_NONBLOCK | libc::O_NOCTTY)
        .open(path)
        .map_err(|error| format!("cannot be opened: {error}"))?;
    let metadata = file.metadata().map_err(|error| format!("cannot be inspected: {error}"))?;
    if !metadata.is_file() {
        return Err("is not a regular file".to_owned());
    }
    let trust = trust::check(&file, &metadata).map_err(|why| format!("is not trusted: {why}"));
    Ok((file, trust))
}

fn read(path: &Path, file: File) -> Result<Plugin, String> {
    let manifest_text = elf::manifest(&file)?;
    let manifest =
        Manifest::parse(&manifest_text).map_err(|error| format!("is left out: {error}"))?;
    Ok(Plugin { path: path.to_owned(), manifest, manifest_text, file })
}

/// A catalog with one plugin of this manifest, for fuzz targets.
#[cfg(any(test, feature = "fuzzing"))]
pub fn catalog_of(manifest: &str) -> Option<Catalog> {
    Some(Catalog::of(Plugin {
        path: PathBuf::from("/libgatherer_plugin_fuzz.so"),
        manifest: Manifest::parse(manifest).ok()?,
        manifest_text: manifest.to_owned(),
        file: rustix::fs::memfd_create("plugin", rustix::fs::MemfdFlags::CLOEXEC).ok()?.into(),
    }))
}

/// The manifest in the bytes of a library, for fuzz targets.
#[cfg(any(test, feature = "fuzzing"))]
pub fn manifest_of(bytes: &[u8]) -> Result<String, String> {
    elf::read(&object::read::ReadCache::new(io::Cursor::new(bytes)))
}

/// Whether a file of this name is looked at.
pub fn is_plugin_name(name: &OsStr) -> bool {
    let name = name.as_encoded_bytes();
    name.starts_with(PREFIX.as_bytes()) && name.ends_with(SUFFIX.as_bytes())
}

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

/// Whether this program can serve a plugin of this manifest.
fn fits(manifest: &Manifest) -> Result<(), String> {
    let name = format!("{} {}", manifest.name, manifest.version);
    fits_abi(&manifest.abi, ABI_VERSION).map_err(|why| format!("({name}) {why}"))?;
    let (Some(minimum), Some(api)) = (version(&manifest.minimum_api), version(API_VERSION)) else {
        return Err(format!(
            "({name}) names a minimumApi that is not a version: {}",
            manifest.minimum_api
        ));
    };
    if minimum > api {
        return Err(format!(
            "({name}) needs plugin API {} and this program has {API_VERSION}: this program is the \
             older side; update virtual-host-gatherer",
            manifest.minimum_api
        ));
    }
    Ok(())
}

/// Whether a plugin built for an ABI can be loaded by a program of another.
fn fits_abi(plugin: &str, program: &str) -> Result<(), String> {
    let (Some(theirs), Some(ours)) = (version(plugin), version(program)) else {
        return Err(format!("names an ABI that is not a version: {plugin}"));
    };
    // From 1.0 on the layout is frozen within a major number; before, every minor one was another.
    let series = |(major, minor, _): (u64, u64, u64)| (major, if major == 0 { minor } else { 0 });
    if series(theirs) == series(ours) {
        return Ok(());
    }
    let (old, action) = if theirs < ours {
        ("the plugin is the older side", "build it with a newer gatherer-plugin-api")
    } else {
        ("this program is the older side", "update virtual-host-gatherer")
    };
    Err(format!("was built for ABI {plugin} and this program has ABI {program}: {old}; {action}"))
}

fn version(text: &str) -> Option<(u64, u64, u64)> {
    let mut parts = text.split('.').map(|part| part.parse().ok());
    let version = (parts.next()??, parts.next()??, parts.next()??);
    parts.next().is_none().then_some(version)
}

#[cfg(test)]
mod tests {
    use gatherer_plugin_api::manifest::Manifest;
    use gatherer_plugin_api::{ABI_VERSION, API_VERSION};

    use super::{fits, fits_abi, version};

    fn manifest(abi: &str, api: &str) -> Manifest {
        Manifest {
            name: "p".into(),
            version: "1".into(),
            abi: abi.into(),
            minimum_api: api.into(),
            modules: Vec::new(),
        }
    }

    /// An ABI and the words of its refusal, or none if it fits.
    fn assert_fits(program: &str, cases: &[(&str, Option<&str>)]) {
        for (abi, words) in cases {
            match (fits_abi(abi, program), words) {
                (Ok(()), None) => {}
                (Err(reason), Some(words)) => {
                    assert!(reason.contains(words), "{reason}");
                    assert!(reason.contains(abi) && reason.contains(program), "{reason}");
                }
                (fits, _) => panic!("ABI {abi} in a program of ABI {program}: {fits:?}"),
            }
        }
    }

    const OLD: Option<&str> = Some("the plugin is the older side; build it with a newer");
    const NEW: Option<&str> = Some("this program is the older side; update virtual-host-gatherer");

    #[test]
    fn from_1_0_on_only_the_major_number_of_the_abi_counts() {
        for program in ["1.0.0", "1.0.7", "1.3.0"] {
            let fit = [("1.0.0", None), ("1.0.9", None), ("1.1.0", None), ("1.10.2", None)];
            assert_fits(program, &fit);
            let others = [("0.1.0", OLD), ("0.9.0", OLD), ("2.0.0", NEW), ("10.0.0", NEW)];
            assert_fits(program, &others);
        }
        assert_fits("2.0.0", &[("1.0.0", OLD), ("1.9.9", OLD), ("2.1.0", None), ("3.0.0", NEW)]);
    }

    #[test]
    fn before_1_0_every_minor_number_of_the_abi_was_another_one() {
        let others = [("0.0.9", OLD), ("0.2.0", NEW), ("1.0.0", NEW)];
        assert_fits("0.1.0", &[("0.1.0", None), ("0.1.7", None)]);
        assert_fits("0.1.0", &others);
    }

    #[test]
    fn a_plugin_from_before_1_0_is_refused_in_one_clear_sentence() {
        assert_eq!(
            fits(&manifest("0.1.0", "0.1.0")),
            Err("(p 1) was built for ABI 0.1.0 and this program has ABI 1.0.0: the plugin is the \
                 older side; build it with a newer gatherer-plugin-api"
                .to_owned())
        );
    }

    #[test]
    fn only_a_known_api_fits() {
        // A newer SDK alone asks for nothing newer, nor does a plugin that asks for an older API.
        for api in [API_VERSION, "1.0.0", "0.1.0"] {
            assert_eq!(fits(&manifest(ABI_VERSION, api)), Ok(()), "{api}");
        }
        for (abi, api, words) in [
            (ABI_VERSION, "9.0.0", "needs plugin API 9.0.0"),
            (ABI_VERSION, "1.99.0", "this program is the older side"),
            ("x", "1.0.0", "an ABI that is not a version"),
            (ABI_VERSION, "1.0", "a minimumApi that is not a version"),
        ] {
            let reason = fits(&manifest(abi, api)).expect_err(api);
            assert!(reason.contains(words), "{reason}");
        }
    }

    #[test]
    fn versions_compare_as_numbers() {
        assert!(version("0.10.0") > version("0.9.0"));
        assert_eq!(version("1.2"), None);
    }
}
