//! Where plugins are looked for.

use std::path::{Path, PathBuf};

/// The install folders, `:` between them; given at build time by `make install`.
const INSTALL_FOLDERS: &str = match option_env!("GATHERER_INSTALL_PLUGIN_DIR") {
    Some(folders) => folders,
    None => "/usr/lib64/virtual-host-gatherer/plugins:/usr/lib/virtual-host-gatherer/plugins",
};

/// The environment variable that names folders, `:` between them.
const VARIABLE: &str = "GATHERER_PLUGIN_PATH";

/// The folders to look in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Folders {
    /// The folders, the one that wins first.
    pub paths: Vec<PathBuf>,
    /// Whether somebody named them: then one that cannot be read is an error.
    pub asked_for: bool,
}

/// The folders that were given, else those of the environment, else those of the operator's
/// file, else the program's own: the build's when it runs out of a build folder, else the
/// install folders.
pub fn folders(given: &[PathBuf], of_operator: &[PathBuf]) -> Folders {
    if !given.is_empty() {
        return Folders { paths: given.to_vec(), asked_for: true };
    }
    if let Some(listed) = std::env::var_os(VARIABLE).filter(|listed| !listed.is_empty()) {
        let paths = std::env::split_paths(&listed).filter(|path| !path.as_os_str().is_empty());
        return Folders { paths: paths.collect(), asked_for: true };
    }
    if !of_operator.is_empty() {
        return Folders { paths: of_operator.to_vec(), asked_for: true };
    }
    if let Some(folder) = build_folder() {
        return Folders { paths: vec![folder], asked_for: false };
    }
    Folders { paths: std::env::split_paths(INSTALL_FOLDERS).collect(), asked_for: false }
}

/// The folder that the program runs from, if cargo made it.
fn build_folder() -> Option<PathBuf> {
    let program = std::env::current_exe().ok()?;
    let folder = program.parent()?;
    is_cargo_target(folder.parent()?).then(|| folder.to_owned())
}

/// The largest CACHEDIR.TAG; cargo's has 177 bytes.
const TAG_MAX_BYTES: usize = 4096;

fn is_cargo_target(folder: &Path) -> bool {
    gatherer_file_reader::read(&folder.join("CACHEDIR.TAG"), TAG_MAX_BYTES)
        .ok()
        .and_then(|tag| String::from_utf8(tag).ok())
        .is_some_and(|tag| tag.starts_with("Signature:") && tag.contains("created by cargo"))
}
