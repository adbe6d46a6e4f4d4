//! The program virtual-host-gatherer: [`main`] parses the command line, runs the command and returns the
//! exit status.
//!
//! It is a library so that fuzz targets can link it.
//!
//! The modules below are layers: each imports only modules that come before it.

#![deny(unsafe_code)]

mod exit;
mod process;

mod output;

#[allow(dead_code, reason = "a run with `--state` uses the rest")]
mod state;

mod logging;
mod plugins;

mod request;

mod run;

mod cli;
mod worker;

mod commands;

use std::process::ExitCode;

use cli::{Cli, Command, PluginCommand};
use commands::{
    check, completions, convert, diff, gather, guard, man_pages, match_images, merge, modules,
    schema, status, verify, watch, with_settings, without_settings,
};

/// Runs the program.
pub fn main() -> ExitCode {
    process::set_up_heap();
    let cli = Cli::read();
    let exit = match &cli.command {
        // It does not return.
        Some(Command::Worker { runner, descriptor }) => worker::main(*runner, *descriptor),
        Some(Command::Schema { document }) => without_settings(&cli, || schema::run(*document)),
        Some(Command::Completions { shell }) => without_settings(&cli, || completions::run(*shell)),
        Some(Command::ManPages { folder }) => without_settings(&cli, || man_pages::run(folder)),
        Some(Command::Plugin(PluginCommand::Inspect { file })) => {
            without_settings(&cli, || modules::inspect(file))
        }
        Some(Command::Plugin(PluginCommand::Verify { file, watch: true, .. })) => {
            without_settings(&cli, || verify::watched_file::run(file))
        }
        Some(Command::Plugin(PluginCommand::Verify { file, request, json, .. })) => {
            with_settings(&cli, |settings, _| {
                verify::run(file, request.as_deref(), *json, settings)
            })
        }
        Some(Command::Check(options)) => {
            with_settings(&cli, |settings, _| check::run(options, &cli, settings))
        }
        Some(Command::MatchImages(options)) => {
            with_settings(&cli, |settings, tally| match_images::run(options, &cli, settings, tally))
        }
        Some(Command::Convert(options)) => with_settings(&cli, |settings, _| {
            convert::run(options, cli.files.outfile.as_deref(), settings)
        }),
        Some(Command::Merge(options)) => with_settings(&cli, |settings, _| {
            merge::run(options, cli.files.outfile.as_deref(), settings)
        }),
        Some(Command::Diff(options)) => with_settings(&cli, |settings, _| {
            diff::run(options, cli.files.outfile.as_deref(), settings)
        }),
        Some(Command::Guard(command)) => {
            with_settings(&cli, |settings, _| guard::run(command, settings))
        }
        Some(Command::Status(options)) => {
            with_settings(&cli, |settings, _| status::run(options, settings))
        }
        Some(Command::Watch(options)) => {
            with_settings(&cli, |settings, tally| watch::run(options, settings, tally))
        }
        Some(Command::Modules { name, json }) => {
            with_settings(&cli, |settings, _| modules::run(name.as_deref(), *json, settings))
        }
        None if std::env::args_os().len() <= 1 => without_settings(&cli, commands::print_help),
        None if cli.list_modules => with_settings(&cli, |settings, _| {
            modules::list_for_manager(cli.files.outfile.as_deref(), settings)
        }),
        None => with_settings(&cli, |settings, tally| gather::run(&cli, settings, tally)),
    };
    logging::finish();
    ExitCode::from(exit as u8)
}

/// The fuzz targets of this crate. The functions are beside the code that they call.
#[cfg(any(test, feature = "fuzzing"))]
pub mod fuzzing {
    use crate::commands::match_images::fuzz_images;
    use crate::commands::modules::fuzz_manifest;
    use crate::request::fuzz_infile;
    use crate::request::redact::fuzz_redaction;
    use crate::run::supervisor::fuzz_frames;

    /// A target's name, and the function that runs one input.
    pub type Target = (&'static str, fn(&[u8]));

    /// Each target takes one input and panics if a rule is broken.
    pub const TARGETS: &[Target] = &[
        ("infile", fuzz_infile::infile),
        ("frames", fuzz_frames),
        ("library", fuzz_manifest::library),
        ("manifest", fuzz_manifest::manifest),
        ("images", fuzz_images::images),
        ("match_images", fuzz_images::match_images),
        ("image_reference", fuzz_images::image_reference),
        ("redaction", fuzz_redaction::redaction),
    ];

    #[cfg(test)]
    mod tests {
        #[test]
        fn committed_cases_pass() {
            gatherer_tests::corpus::replay(super::TARGETS);
        }
    }
}
