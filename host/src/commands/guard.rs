//! `guard`: lists the endpoints whose answers are suspicious, and accepts what they lack.

use std::path::{Path, PathBuf};

use gatherer_plugin_api::did_you_mean;
use gatherer_plugin_api::model::Timestamp;
use serde::Serialize;

use super::gather::table_style;
use super::{fail, printing};
use crate::cli::{GuardCommand, GuardState, Settings};
use crate::exit::Exit;
use crate::output::escape::escape;
use crate::output::format::table::grid::CellStyle;
use crate::output::format::table::{MIN_WIDTH, heading, labelled};
use crate::output::format::{self, TableStyle};
use crate::output::inventory::count;
use crate::output::outfile::Outfile;
use crate::state::guard::accept_command;
use crate::state::{StateFolder, Suspicion};

/// The document of `guard list --json`.
#[derive(Serialize)]
struct GuardList<'a> {
    /// The endpoints whose answers are suspicious, sorted by id.
    suspicious: &'a [Suspicion],
}

/// Runs the command.
pub fn run(command: &GuardCommand, settings: &Settings) -> Exit {
    let done = match command {
        GuardCommand::List { state, json } => list(state, *json, settings),
        GuardCommand::Accept { ids, state } => accept(ids, state, settings),
    };
    done.unwrap_or_else(|(exit, problem)| fail(exit, &problem))
}

/// Opens the state folder. The error is the exit status and a message.
fn open(state: &GuardState, settings: &Settings) -> Result<StateFolder, (Exit, String)> {
    let path: Option<PathBuf> = state.state.clone().or(settings.state.clone());
    let path = path.ok_or_else(|| {
        let problem = "the state folder is missing: name it with --state DIR, or with the key state of the config file";
        (Exit::Usage, problem.to_owned())
    })?;
    StateFolder::open_existing(&path).map_err(|problem| (Exit::Unreadable, problem.to_string()))
}

fn list(state: &GuardState, json: bool, settings: &Settings) -> Result<Exit, (Exit, String)> {
    let folder = open(state, settings)?;
    let suspicious =
        folder.suspicions().map_err(|problem| (Exit::Unreadable, problem.to_string()))?;
    if json {
        let mut text = Vec::new();
        format::write_document(&GuardList { suspicious: &suspicious }, &mut text)
            .map_err(|error| (Exit::Internal, error.to_string()))?;
        return Ok(printing::print(&String::from_utf8_lossy(&text)));
    }
    let style = table_style(settings, &Outfile::Stdout);
    Ok(printing::print(&table(&suspicious, folder.path(), style)))
}

fn table(suspicious: &[Suspicion], folder: &Path, style: TableStyle) -> String {
    let style = TableStyle { width: style.width.max(MIN_WIDTH), ..style };
    let mut out = String::new();
    for suspicion in suspicious {
        let state = match suspicion.accepted {
            Some(_) => ("accepted for the next answer".to_owned(), CellStyle::Green),
            None => ("suspicious".to_owned(), CellStyle::Red),
        };
        let answers = usize::try_from(suspicion.answers).unwrap_or(usize::MAX);
        let since = format!("{} since {:.0}", count(answers, "answer"), suspicion.since);
        let parts = [(escape(&suspicion.id), CellStyle::Bold), state, (since, CellStyle::Dim)];
        heading(&parts, style, &mut out);
        let lacks = format!("{}; max_lost is {}", suspicion.losses.summary(), suspicion.max_lost);
        labelled("lacks", CellStyle::Yellow, &lacks, style, &mut out);
        if suspicion.accepted.is_none() {
            let command = accept_command(&suspicion.id, folder);
            labelled("accept", CellStyle::Dim, &command, style, &mut out);
        }
        out.push('\n');
    }
    let total = count(suspicious.len(), "endpoint");
    out.push_str(&CellStyle::Bold.paint(&format!("{total} with suspicious answers"), style.color));
    out.push('\n');
    out
}

fn accept(ids: &[String], state: &GuardState, settings: &Settings) -> Result<Exit, (Exit, String)> {
    let folder = open(state, settings)?;
    let unwritable = |problem: crate::state::StateError| (Exit::Unwritable, problem.to_string());
    let mut lines = String::new();
    // Before any is accepted. And a mistyped id must not get a lock file.
    let is_unknown = |id: &&String| folder.without_lock(id).suspicion().is_none();
    if let Some(id) = ids.iter().find(is_unknown) {
        return Err((Exit::EndpointsFailed, nothing_to_accept(id, &folder)));
    }
    for id in ids {
        let nothing = || (Exit::EndpointsFailed, nothing_to_accept(id, &folder));
        let endpoint = folder.lock(id).map_err(unwritable)?;
        let mut suspicion = endpoint.suspicion().ok_or_else(nothing)?;
        suspicion.accepted = Some(Timestamp::now());
        endpoint.set_suspicion(&suspicion).map_err(unwritable)?;
        tracing::info!("accepted that {} lacks {}", escape(id), suspicion.losses.summary());
        let lacks = suspicion.losses.summary();
        lines.extend([&escape(id), ": accepted that it lacks ", &lacks, "\n"]);
    }
    Ok(printing::print(&lines))
}

/// The message about an endpoint whose last answer was not suspicious.
fn nothing_to_accept(id: &str, folder: &StateFolder) -> String {
    let suspicious = folder.suspicions().unwrap_or_default();
    let ids = suspicious.iter().map(|suspicion| suspicion.id.as_str());
    let mut end = did_you_mean(id, ids.clone());
    if end.is_empty() {
        let ids: Vec<_> = ids.map(escape).collect();
        end = if ids.is_empty() {
            "; no endpoint in this folder has one".to_owned()
        } else {
            format!("; those with one are {}", ids.join(", "))
        };
    }
    format!(
        "the endpoint {} has no suspicious answer in {}{end}",
        escape(id),
        folder.path().display()
    )
}
