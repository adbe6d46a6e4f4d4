//! The infile of `watch`: its endpoints, and whether it changed.

use std::collections::BTreeSet;
use std::fs::Metadata;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use super::schedule::Watched;
use crate::cli::Settings;
use crate::commands::gather::{self, Acceptance, Selection};
use crate::output::escape::escape;
use crate::plugins::Catalog;
use crate::request::{Endpoint, Entry};

/// The endpoints of the infile.
pub struct Endpoints {
    /// Those that are watched.
    pub watched: Vec<Watched>,
    /// The ids of all endpoints, also of those that `--only` and `--shard` leave out.
    pub ids: BTreeSet<String>,
    /// What is accepted of their answers.
    pub acceptance: Acceptance,
    /// Whether a file of the infile's folder cannot be used, so that its endpoints are not known.
    pub is_incomplete: bool,
}

/// Reads the plugin folders. The error is a message.
pub fn read_catalog(settings: &Settings) -> Result<Catalog, String> {
    Catalog::read(&settings.folders).map_err(|error| error.to_string())
}

/// Reads the infile. The error is a message.
pub fn read(
    infile: &Path,
    selection: &Selection<'_>,
    settings: &Settings,
    catalog: &Catalog,
) -> Result<Endpoints, String> {
    let entries = gather::entries(infile, settings, catalog)?;
    let ids = entries.iter().map(|entry| entry.id().to_owned()).collect();
    let is_incomplete = entries.iter().any(|entry| matches!(entry, Entry::UnusableFile(_)));
    let entries = selection.select(entries)?;
    let acceptance = Acceptance::of(&entries);
    let mut failed = Vec::new();
    let mut ready: Vec<Endpoint> = Vec::new();
    for entry in entries {
        match entry {
            Entry::Ready(endpoint) if endpoint.has_new_id => {
                tracing::error!(
                    "an endpoint of module {} has no id and is not watched: give it an `id`, because the events and the \
                     state name it",
                    escape(&endpoint.module)
                );
            }
            Entry::Ready(endpoint) => ready.push(*endpoint),
            Entry::FailedWithoutId(result) => {
                let why = result.error.map(|error| error.to_string()).unwrap_or_default();
                tracing::error!("an endpoint without a usable id is not watched: {why}");
            }
            Entry::Failed(result) | Entry::UnusableFile(result) => {
                failed.push(Watched::Failed(result));
            }
        }
    }
    let ready = gather::with_libraries(ready, catalog)
        .map_err(|error| format!("the plugins cannot be opened: {error}"))?;
    let ready = ready
        .into_iter()
        .map(|(endpoint, library)| Watched::Ready(Box::new(endpoint), Rc::clone(&library)));
    Ok(Endpoints { watched: ready.chain(failed).collect(), ids, acceptance, is_incomplete })
}

/// Whether reading the infile again gives its content: not standard input, nor a FIFO, which could block without a limit.
pub fn can_be_read_again(infile: &Path) -> bool {
    // One that does not exist is an error of reading it.
    let is_pipe = |file: Metadata| !file.is_file() && !file.is_dir();
    infile != Path::new("-") && !std::fs::metadata(infile).is_ok_and(is_pipe)
}

/// What changes when an infile, or a folder of infiles, is written: names, inodes, sizes and times.
pub type Fingerprint = Vec<(PathBuf, u64, u64, i64, i64)>;

/// The fingerprint of the infile; empty if it cannot be read now. Blocks as long as the file system does.
pub fn fingerprint(infile: &Path) -> Fingerprint {
    let of = |path: PathBuf, file: &Metadata| {
        (path, file.ino(), file.size(), file.mtime(), file.mtime_nsec())
    };
    let Ok(metadata) = std::fs::metadata(infile) else { return Fingerprint::new() };
    let mut found = vec![of(infile.to_owned(), &metadata)];
    if metadata.is_dir()
        && let Ok(entries) = std::fs::read_dir(infile)
    {
        let paths = entries.filter_map(Result::ok).map(|entry| entry.path());
        let files = paths.filter_map(|path| {
            let metadata = std::fs::metadata(&path).ok()?;
            Some(of(path, &metadata))
        });
        found.extend(files);
        found.sort();
    }
    found
}
