//! The settings of the supervisor for a command that queries endpoints.

use tokio::sync::watch;

use crate::cli::Settings;
use crate::process;
use crate::run::children::Children;
use crate::run::progress::Progress;
use crate::run::supervisor::{Stop, SupervisorSettings, affordable_jobs};

/// The settings for workers that end when `stop` changes.
pub fn supervisor_settings(
    settings: &Settings,
    progress: Progress,
    children: Children,
    stop: watch::Receiver<Option<Stop>>,
) -> SupervisorSettings {
    let (open_files, raised_limit) = process::raise_open_files();
    SupervisorSettings {
        jobs: affordable_jobs(settings.jobs, raised_limit),
        worker_memory: settings.worker_memory,
        open_files,
        confine: settings.confine(),
        progress,
        children,
        stop,
    }
}
