//! Prints results to standard output or the outfile, until a signal ends the program.

use std::io::{self, Write as _};
use std::path::Path;

use gatherer_plugin_api::model::Inventory;

use super::fail;
use super::gather::log_notes;
use crate::exit::Exit;
use crate::output::format::{self, Format, FormatOptions};
use crate::output::links;
use crate::output::outfile::{self, Outfile, Pieces, WriteError};
use crate::process::RunLimit;
use crate::run::reserve::{self, Reserve};
use crate::run::signals::{EndSignal, Signals};

/// Prepares the outfile before any endpoint is queried. The error is a message.
pub fn prepare(outfile: Option<&Path>, limit: Option<RunLimit>) -> Result<Outfile, String> {
    Outfile::prepare(outfile, limit).map_err(|error| match outfile {
        Some(path) if path != Path::new("-") => {
            format!("the outfile {} cannot be written: {error}", path.display())
        }
        _ => format!("standard output cannot be written: {error}"),
    })
}

/// Writes the result. It is not an error if the reader closed the output.
pub fn write(outfile: Outfile, text: &str, exit: Exit) -> Exit {
    write_pieces(outfile, |writer| writer.write_all(text.as_bytes()), exit)
}

/// Writes a large result in pieces.
pub fn write_pieces(
    outfile: Outfile,
    result: impl FnOnce(&mut Pieces<'_>) -> io::Result<()>,
    exit: Exit,
) -> Exit {
    let output_name = outfile.to_string();
    match outfile.write(result) {
        Ok(()) | Err(WriteError::Closed) => exit,
        Err(WriteError::Io(error)) => fail(
            Exit::Unwritable,
            &format!("the result cannot be written to {output_name}: {error}"),
        ),
    }
}

/// Prints a text on standard output. It is not an error if the reader closed it.
pub fn print(text: &str) -> Exit {
    write(Outfile::Stdout, text, Exit::Done)
}

/// Prints an inventory that was read from files, until a signal ends the program. The error is the exit status and a
/// message.
pub fn print_inventory(
    mut inventory: Inventory,
    format: Format,
    options: FormatOptions,
    outfile: Outfile,
    exit: Exit,
) -> Result<Exit, (Exit, String)> {
    if format.has_links() && links::can_be_found(&inventory) {
        log_notes(&links::add_links(&mut inventory), &inventory.endpoints);
    }
    let print = move || {
        let exit = if format == Format::Inventory {
            let document = |writer: &mut Pieces<'_>| format::write_document(&inventory, writer);
            write_pieces(outfile, document, exit)
        } else {
            let rendered = format::render(format, &inventory, &options);
            log_notes(&rendered.notes, &inventory.endpoints);
            write(outfile, &rendered.text, exit)
        };
        // The process exits now, which frees this memory faster than dropping each host.
        std::mem::forget(inventory);
        exit
    };
    print_until_signal(print).map_err(|error| {
        let hint = reserve::hint(&error);
        (Exit::Internal, format!("the result cannot be printed: {error}{hint}"))
    })
}

/// Prints a result for which no endpoint is queried, until a signal ends the program.
pub fn print_until_signal(print: impl FnOnce() -> Exit + Send + 'static) -> io::Result<Exit> {
    let Reserve { runtime, mut signals, output, descriptors } = Reserve::new()?;
    drop(descriptors);
    let printing = output.run(print);
    let printed = async { printing.await.unwrap_or(Exit::Internal) };
    let exit = runtime.block_on(until_signal(printed, &mut signals));
    runtime.shutdown_background();
    Ok(exit)
}

/// The exit status of printing, or of a signal that arrives before printing is finished.
pub async fn until_signal(printed: impl Future<Output = Exit>, signals: &mut Signals) -> Exit {
    let signal = tokio::select! {
        biased;
        exit = printed => return exit,
        signal = signals.next() => signal,
    };
    abandoned(signal)
}

/// Abandons an unfinished outfile, and logs the signal.
pub fn abandoned(signal: EndSignal) -> Exit {
    outfile::abandon();
    ended_by(signal)
}

/// Logs that a signal ended the run.
pub fn ended_by(signal: EndSignal) -> Exit {
    fail(signal.exit(), &signal.message())
}
