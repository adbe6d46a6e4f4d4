//! The commands of the program. Each has a module.

pub mod gather;
mod input;
pub mod match_images;
pub mod modules;
mod printing;
pub mod schema;
pub mod verify;

use std::io;
use std::path::Path;

use clap::CommandFactory as _;

use crate::cli::{Cli, Settings};
use crate::exit::Exit;
use crate::logging::{self, LogSettings, spans};
use crate::process;
use crate::run::children;

/// Prepares the runner's process before any command. The error is that core dumps could not be
/// disabled.
fn set_up_runner() -> io::Result<()> {
    process::reset_inherited_signals();
    children::spare_children_of_caller();
    process::raise_open_files();
    // Every command needs this, not only those that read a request, because the environment may contain the
    // password of a proxy. The log process inherits the protection.
    let protected = process::protect();
    process::survive_file_size_limit();
    protected
}

/// Sets up the runner, reads the settings, opens the log and runs a command.
pub fn with_settings(cli: &Cli, command: impl FnOnce(&Settings) -> Exit) -> Exit {
    let protected = set_up_runner();
    let settings = match Settings::read(cli) {
        Ok(settings) => settings,
        Err(error) => {
            // A Manager discards stderr, so the operator needs this message in the log file.
            open_log(cli, error.path(), Settings::fallback_logging(cli));
            return fail(Exit::Unreadable, &error.to_string());
        }
    };
    open_log(cli, &settings.config_path, settings.logging());
    if let Err(error) = protected {
        tracing::warn!("core dumps cannot be disabled: {error}");
    }
    if let Some(problem) = cli.outfile_conflict(&settings.config_path) {
        return fail(Exit::Unreadable, &problem);
    }
    spans::run().in_scope(|| command(&settings))
}

/// Opens the log. A log file that is also an input or the outfile is not used, with a warning.
fn open_log(cli: &Cli, config: &Path, mut settings: LogSettings) {
    let conflict = settings.file.as_ref().and_then(|(path, _)| cli.logfile_conflict(path, config));
    if conflict.is_some() {
        settings.file = None;
    }
    logging::init(settings);
    if let Some(problem) = conflict {
        tracing::warn!("{problem}");
    }
}

/// Sets up the runner and runs a command that needs no settings. Errors are logged to stderr alone.
pub fn without_settings(command: impl FnOnce() -> Exit) -> Exit {
    // Such a command reads no secrets, so it runs even if core dumps cannot be disabled.
    let _ = set_up_runner();
    logging::init(LogSettings::default());
    command()
}

/// Prints the help.
pub fn print_help() -> Exit {
    printing::print(&Cli::command().render_help().to_string())
}

/// Logs an error and returns the exit status.
fn fail(exit: Exit, message: &str) -> Exit {
    tracing::error!("{message}");
    exit
}
