//! Reads the inventories that are merged: files, the files of folders, and standard input.

use std::path::{Path, PathBuf};
use std::time::Duration;

use gatherer_plugin_api::model::{Inventory, Shard, Timestamp};
use jiff::SignedDuration;

use crate::cli::Merge;
use crate::commands::{inventory_document, json_file};
use crate::output::escape::escape;
use crate::output::inventory::count;
use crate::process::RunLimit;
use crate::request::{infile_folder, shown_shard};

/// An inventory, and the name of its file in messages.
pub struct Source {
    /// The name.
    pub name: String,
    /// The document.
    pub inventory: Inventory,
}

/// An inventory that is not used, because its run began too long ago.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TooOld {
    /// The shard that it has.
    pub shard: Option<Shard>,
    /// The file, and why it is too old.
    pub reason: String,
}

/// Checks that standard input is read only once. The error is a message.
pub fn check_stdin(options: &Merge) -> Result<(), String> {
    let named = options.inventories.iter().chain(&options.infile);
    if named.filter(|path| path.as_path() == Path::new("-")).count() > 1 {
        return Err("standard input can be only one of the inventories or the infile".to_owned());
    }
    Ok(())
}

/// Reads the inventories, and separates those that are too old. The error is a message.
pub fn read(
    options: &Merge,
    limit: Option<RunLimit>,
) -> Result<(Vec<Source>, Vec<TooOld>), String> {
    let (mut sources, mut too_old) = (Vec::new(), Vec::new());
    let now = Timestamp::now();
    for path in paths(&options.inventories, options.infile.is_some())? {
        let max = inventory_document::MAX_BYTES;
        let read = |bytes: &[u8]| inventory_document::read(bytes);
        let inventory = json_file::read("the inventory", &path, max, limit, read)?;
        let name = match path.to_str() {
            Some("-") => "standard input".to_owned(),
            _ => escape(&path.to_string_lossy()),
        };
        let shard = inventory.shard;
        let shown = shard.map_or_else(String::new, |shard| format!("{}, ", shown_shard(shard)));
        tracing::info!("read {name}: {shown}{}", count(inventory.endpoints.len(), "endpoint"));
        match options.max_age.and_then(|limit| age_problem(&inventory, limit, now)) {
            Some(problem) => {
                too_old.push(TooOld { shard, reason: format!("{name} is not used: {problem}") });
            }
            None => sources.push(Source { name, inventory }),
        }
    }
    Ok((sources, too_old))
}

/// The paths of all inventories. The error is a message.
fn paths(named: &[PathBuf], may_be_empty: bool) -> Result<Vec<PathBuf>, String> {
    let mut paths = Vec::new();
    for path in named {
        if !path.is_dir() {
            paths.push(path.clone());
            continue;
        }
        let name = path.display();
        let files = infile_folder::paths(path)
            .map_err(|error| format!("the folder {name} cannot be read: {error}"))?;
        if files.is_empty() && !may_be_empty {
            return Err(format!("the folder {name} has no inventory: it has no file *.json"));
        }
        for file in files {
            // Reading a FIFO could wait without a limit.
            if !file.is_file() {
                return Err(format!("the inventory {} is not a regular file", file.display()));
            }
            paths.push(file);
        }
    }
    Ok(paths)
}

/// Why an inventory is too old, if it is.
fn age_problem(inventory: &Inventory, limit: Duration, now: Timestamp) -> Option<String> {
    let Some(run) = &inventory.run else {
        return Some(
            "it does not say when its run began (--no-run-info), and there is --max-age".to_owned(),
        );
    };
    let age = now.duration_since(run.started_at);
    let is_older = SignedDuration::try_from(limit).is_ok_and(|limit| age > limit);
    is_older.then(|| {
        format!("its run began {} s ago, and --max-age is {}", age.as_secs(), limit.as_secs_f64())
    })
}
