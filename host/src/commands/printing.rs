//! Prints results to standard output or the outfile, until a signal ends the program.

use std::io::{self, Write as _};
use std::path::Path;

use super::fail;
use crate::exit::Exit;
use crate::output::outfile::{self, Outfile, Pieces, WriteError};
use crate::process::RunLimit;
use crate::run::reserve::Reserve;
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
