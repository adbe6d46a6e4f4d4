//! The program virtual-host-gatherer: parse, run, exit code. `main.rs` only calls [`main`].

#![deny(unsafe_code)]

mod children;
mod cli;
mod config;
mod discovery;
mod escape;
mod format;
#[cfg(any(test, feature = "fuzzing"))]
pub mod fuzzing;
mod gather;
mod images;
mod input;
mod inventory;
mod logging;
mod modules;
mod outfile;
mod process;
mod progress;
mod protocol;
mod redact;
mod request;
mod reserve;
mod schema;
mod signals;
mod supervisor;
mod verify;
mod worker;

use clap::CommandFactory as _;

use cli::{Cli, Command, PluginCommand};
use config::{RunLimit, Settings};
use discovery::Catalog;
use gather::Product;
use images::Prepared;

/// Why the program ends; the numbers are part of the command line's contract.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Exit {
    /// The result was printed.
    Done = 0,
    /// `--fail-on` applies, or a plugin that is verified does not pass.
    EndpointsFailed = 1,
    /// The command line is wrong.
    Usage = 2,
    /// The infile, the config or a folder that was asked for cannot be read.
    Unreadable = 3,
    /// Something that should not happen.
    Internal = 4,
    /// SIGHUP.
    HungUp = 129,
    /// SIGINT.
    Interrupted = 130,
    /// SIGTERM.
    Terminated = 143,
}

/// Runs the program as its command line says.
pub fn main() -> std::process::ExitCode {
    process::set_up_heap();
    let cli = Cli::read();
    if let Some(Command::Worker { runner, descriptor }) = cli.command {
        worker::main(runner, descriptor);
    }
    process::wait_for_children();
    children::spare_children_of_caller();
    process::raise_open_files();
    let exit = run(&cli);
    logging::finish();
    std::process::ExitCode::from(exit as u8)
}

fn run(cli: &Cli) -> Exit {
    // Every command, not those alone that read a request: a proxy's password may stand in the
    // environment. The log process inherits it.
    let protected = process::protect();
    process::survive_file_size_limit();
    if std::env::args_os().len() <= 1 {
        return print(&Cli::command().render_help().to_string());
    }
    match &cli.command {
        Some(Command::Schema { document }) => return print(&schema::text(*document)),
        Some(Command::Plugin(PluginCommand::Inspect { file })) => {
            return match discovery::inspect(file) {
                Ok(inspected) => print(&modules::inspected(&inspected)),
                Err(reason) => {
                    fail(Exit::Unreadable, &format!("the file {} {reason}", file.display()))
                }
            };
        }
        _ => {}
    }
    let settings = match Settings::read(cli) {
        Ok(settings) => settings,
        Err(error) => {
            // A Manager drops stderr: without a log the operator would never know.
            logging::init(Settings::first_logging(cli));
            return fail(Exit::Unreadable, &error.to_string());
        }
    };
    logging::init(settings.logging());
    if let Err(error) = protected {
        logging::warn(None, &format!("core dumps cannot be switched off: {error}"));
    }
    if let Some(Command::Plugin(PluginCommand::Verify { file, request })) = &cli.command {
        return verify::run(file, request.as_deref(), &settings);
    }
    let mut product = Product::Inventory(settings.format);
    let mut infile = cli.files.infile.as_deref();
    if let Some(Command::MatchImages(options)) = &cli.command {
        match images::prepare(options, cli, &settings) {
            Ok(Prepared::Done(exit)) => return exit,
            Ok(Prepared::Asks(task)) => product = Product::Report(Box::new(task)),
            Err((exit, problem)) => return fail(exit, &problem),
        }
        infile = options.files.infile.as_deref();
    }
    let catalog = match Catalog::read(&settings.folders) {
        Ok(catalog) => catalog,
        Err(error) => return fail(Exit::Unreadable, &error.to_string()),
    };
    if let Some(Command::Modules { name, json }) = &cli.command {
        return list(&catalog, name.as_deref(), *json, settings.confine());
    }
    for skipped in &catalog.skipped {
        logging::warn(None, &modules::skipped_sentence(skipped));
    }
    for warning in &catalog.warnings {
        logging::warn(None, warning);
    }
    if cli.list_modules {
        return list_modules(cli, &catalog, settings.run_limit);
    }
    match infile {
        Some(infile) => gather::run(product, cli, infile, &settings, &catalog),
        None => fail(
            Exit::Usage,
            "nothing to do: give --infile FILE (- is standard input), --list-modules or a command; \
             see --help",
        ),
    }
}

/// The Manager's list. It goes to the outfile where one is given, as it always has.
fn list_modules(cli: &Cli, catalog: &Catalog, limit: Option<RunLimit>) -> Exit {
    let outfile = match gather::prepare(cli.files.outfile.as_deref(), limit) {
        Ok(outfile) => outfile,
        Err(problem) => return fail(Exit::Unreadable, &problem),
    };
    gather::write(outfile, &modules::manager_list(catalog), Exit::Done)
}

fn list(catalog: &Catalog, name: Option<&str>, json: bool, confine: bool) -> Exit {
    let protections = || worker::confine::measure(confine);
    let Some(name) = name else {
        return print(&if json {
            modules::json(catalog, None, protections().as_ref())
        } else {
            modules::table(catalog)
        });
    };
    match catalog.module(name) {
        None => fail(
            Exit::Usage,
            &format!("there is no module {name}; `virtual-host-gatherer modules` lists them"),
        ),
        Some(_) if json => print(&modules::json(catalog, Some(name), protections().as_ref())),
        Some((module, plugin)) => print(&modules::details(module, &catalog.plugins[plugin])),
    }
}

/// Prints a text. It is not an error if no process reads it.
fn print(text: &str) -> Exit {
    gather::write(outfile::Outfile::Stdout, text, Exit::Done)
}

/// Says why there is no result, on stderr for a person and in the log.
fn fail(exit: Exit, message: &str) -> Exit {
    logging::error(None, message);
    exit
}
