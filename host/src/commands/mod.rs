//! The commands of the program. Each has a module.

pub mod check;
pub mod completions;
pub mod convert;
pub mod diff;
pub mod gather;
pub mod guard;
mod input;
mod inventory_document;
mod json_file;
pub mod man_pages;
pub mod match_images;
pub mod merge;
pub mod modules;
mod printing;
pub mod schema;
pub mod status;
mod supervised;
mod tally;
pub mod verify;
pub mod watch;

use std::io;
use std::path::Path;
use std::rc::Rc;

use clap::CommandFactory as _;

use crate::cli::{Cli, Settings};
use crate::exit::Exit;
use crate::logging::{self, LogSettings, spans};
use crate::process;
use crate::run::children;
use tally::Tally;

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

/// Sets up the runner, reads the settings, opens the log and runs a command. Logs the first and the last line of the call,
/// whatever happens in between.
pub fn with_settings(cli: &Cli, command: impl FnOnce(&Settings, &Rc<Tally>) -> Exit) -> Exit {
    let protected = set_up_runner();
    let settings = match Settings::read(cli) {
        Ok(settings) => settings,
        Err(error) => {
            // A Manager discards stderr, so the operator needs this message in the log file.
            let files = cli.files_without_log(error.path());
            logging::init(Settings::fallback_logging(cli), &files);
            let tally = Tally::begin(cli);
            let exit = fail(Exit::Unreadable, &error.to_string());
            tally.finish(exit);
            return exit;
        }
    };
    logging::init(settings.logging(), &cli.files_without_log(&settings.config_path));
    spans::run().in_scope(|| {
        let tally = Rc::new(Tally::begin(cli));
        if let Err(error) = protected {
            tracing::warn!("core dumps cannot be disabled: {error}");
        }
        let exit = match cli.outfile_conflict(&settings.config_path) {
            Some(problem) => fail(Exit::Unreadable, &problem),
            None => command(&settings, &tally),
        };
        tally.finish(exit);
        exit
    })
}

/// Sets up the runner and runs a command that needs no settings. It logs to stderr alone, unless the command line or the
/// environment names a log file.
pub fn without_settings(cli: &Cli, command: impl FnOnce() -> Exit) -> Exit {
    // Such a command reads no secrets, so it runs even if core dumps cannot be disabled.
    let _ = set_up_runner();
    let settings = Settings::fallback_logging(cli);
    let file = settings.file.filter(|_| cli.common.logfile.is_some());
    logging::init(LogSettings { file, ..settings }, &cli.files_without_log(Path::new("")));
    let tally = Tally::begin(cli);
    let exit = command();
    tally.finish(exit);
    exit
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
