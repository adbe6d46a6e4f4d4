//! Receives the results of a run, and prints them as one document at the end or as one line each.

use std::cell::RefCell;
use std::rc::Rc;

use gatherer_plugin_api::model::{EndpointResult, Inventory, RunInfo, Shard, Timestamp};
use tokio::sync::{mpsc, oneshot, watch};

use super::logged;
use crate::cli::{Cli, FailOn, Settings};
use crate::commands::tally::Tally;
use crate::commands::{fail, printing};
use crate::exit::Exit;
use crate::output::format::{self, Format, FormatOptions, TableStyle};
use crate::output::inventory;
use crate::output::links;
use crate::output::outfile::{self, Outfile, WriteError};
use crate::output::terminal;
use crate::run::progress::Display;
use crate::run::reserve::OutputThread;
use crate::run::supervisor::{Retention, Stop};

/// The output of a run.
pub enum Product {
    /// The inventory in a format.
    Inventory(Format),
    /// A report that is based on the inventory.
    Report(Box<dyn InventoryReport>),
}

impl Product {
    /// Whether it contains links between endpoints.
    fn needs_links(&self) -> bool {
        match self {
            Self::Inventory(format) => format.has_links(),
            Self::Report(report) => report.needs_links(),
        }
    }
}

/// A report that is printed instead of the inventory.
pub trait InventoryReport: Send {
    /// Whether the report uses the links of the inventory.
    fn needs_links(&self) -> bool {
        false
    }

    /// Prints the report and returns the exit status.
    fn print(
        self: Box<Self>,
        inventory: &Inventory,
        fail_on: FailOn,
        style: TableStyle,
        outfile: Outfile,
    ) -> Exit;
}

/// Prints a product of the results.
pub struct Printer {
    product: Product,
    options: FormatOptions,
    fail_on: FailOn,
    run_info: bool,
    shard: Option<Shard>,
    started_at: Timestamp,
    outfile: Outfile,
}

impl Printer {
    /// A printer that follows the command line and the settings, for the endpoints of a shard or for all.
    pub fn new(
        product: Product,
        cli: &Cli,
        settings: &Settings,
        shard: Option<Shard>,
        outfile: Outfile,
    ) -> Self {
        Self {
            product,
            options: cli.formats.options(table_style(settings, &outfile)),
            fail_on: settings.fail_on,
            run_info: !cli.no_run_info,
            shard,
            started_at: Timestamp::now(),
            outfile,
        }
    }

    /// Prints one document from all results.
    fn print(self, results: Vec<EndpointResult>, exit: Exit) -> Exit {
        let run = RunInfo { started_at: self.started_at, finished_at: Timestamp::now() };
        let mut inventory = inventory::assemble(results, self.run_info.then_some(run));
        inventory.shard = self.shard;
        if self.product.needs_links() && links::can_be_found(&inventory) {
            let notes = links::add_links(&mut inventory);
            logged::log_notes(&notes, &inventory.endpoints);
        }
        let text = match self.product {
            Product::Inventory(Format::Inventory) => {
                // Its text may be as large as the inventory itself, so it is written in pieces.
                let document =
                    |writer: &mut outfile::Pieces<'_>| format::write_document(&inventory, writer);
                let exit = printing::write_pieces(self.outfile, document, exit);
                std::mem::forget(inventory);
                return exit;
            }
            Product::Inventory(format) => {
                let rendered = format::render(format, &inventory, &self.options);
                logged::log_notes(&rendered.notes, &inventory.endpoints);
                rendered.text
            }
            Product::Report(report) => {
                let exit = report.print(&inventory, self.fail_on, self.options.style, self.outfile);
                std::mem::forget(inventory);
                return exit;
            }
        };
        let exit = printing::write(self.outfile, &text, exit);
        // The process exits now, which frees this memory faster than dropping each host.
        std::mem::forget(inventory);
        exit
    }
}

/// Receives the results of a run.
pub struct Results {
    /// Whether the output itself shows failures and warnings.
    shows_problems: bool,
    tally: Rc<Tally>,
    fail_on: FailOn,
    /// The name of the output in messages.
    output_name: String,
    delivery: Delivery,
}

enum Delivery {
    /// Results are collected and printed as one document at the end.
    AtEnd(Box<Printer>, RefCell<Vec<EndpointResult>>),
    /// Each result is printed at once.
    Lines(LineThread),
}

/// A thread that writes lines, so that a slow reader does not block the run.
struct LineThread {
    queue: mpsc::UnboundedSender<PendingLine>,
    /// Becomes true when the reader closed the output or a line could not be written.
    is_closed: watch::Receiver<bool>,
    result: oneshot::Receiver<Result<(), WriteError>>,
}

struct PendingLine {
    result: EndpointResult,
    /// Dropped when the line was written, or when it is certain that it will not be written.
    _written: oneshot::Sender<()>,
}

impl Results {
    /// Receives results, to be counted by `tally` and printed by `printer`.
    pub fn new(printer: Printer, tally: Rc<Tally>, output: &OutputThread) -> Self {
        let fail_on = printer.fail_on;
        let output_name = printer.outfile.to_string();
        let shows_problems = matches!(printer.product, Product::Inventory(Format::Table));
        let delivery = match printer.product {
            // If there is no output thread, the lines are printed at the end, because a slow reader would keep the
            // main thread from handling signals and deadlines.
            Product::Inventory(Format::Ndjson) if output.is_running() => {
                Delivery::Lines(LineThread::start(printer, output))
            }
            _ => Delivery::AtEnd(Box::new(printer), RefCell::default()),
        };
        Self { shows_problems, tally, fail_on, output_name, delivery }
    }

    /// Receives a result. If it is printed at once, waits until it is written, or until a signal ends the
    /// program.
    pub async fn deliver(
        &self,
        result: EndpointResult,
        mut stop: watch::Receiver<Option<Stop>>,
    ) -> Retention {
        if let Delivery::Lines(lines) = &self.delivery
            && *stop.borrow() == Some(Stop::Signal)
        {
            // Lines that were printed before remain; no more are printed.
            if !lines.is_closed() {
                logged::log_result(&result, self.shows_problems);
            }
            return Retention::Released;
        }
        let written = self.accept(result);
        if let Some(written) = written {
            tokio::select! {
                // The sender is only dropped, never used.
                _ = written => {}
                Ok(_) = stop.wait_for(|stop| *stop == Some(Stop::Signal)) => {}
            }
        }
        match self.delivery {
            Delivery::AtEnd(..) => Retention::Kept,
            Delivery::Lines(_) => Retention::Released,
        }
    }

    /// Receives a result without waiting. The returned receiver is ready when the result is written.
    pub fn accept(&self, mut result: EndpointResult) -> Option<oneshot::Receiver<()>> {
        if matches!(&self.delivery, Delivery::Lines(lines) if lines.is_closed()) {
            return None;
        }
        logged::cap_texts(&mut result);
        inventory::warn_of_shared_ids(&mut result);
        logged::log_result(&result, self.shows_problems);
        self.tally.add(&result);
        match &self.delivery {
            Delivery::AtEnd(_, results) => {
                results.borrow_mut().push(result);
                None
            }
            Delivery::Lines(lines) => {
                let (written, wait) = oneshot::channel();
                // Sending fails if the thread has ended, which `is_closed` reports.
                let _ = lines.queue.send(PendingLine { result, _written: written });
                Some(wait)
            }
        }
    }

    /// Returns when the output is closed, so that no more results can be printed.
    pub async fn wait_for_closed_reader(&self) {
        if let Delivery::Lines(lines) = &self.delivery {
            let mut is_closed = lines.is_closed.clone();
            if is_closed.wait_for(|is_closed| *is_closed).await.is_ok() {
                return;
            }
        }
        std::future::pending::<()>().await;
    }

    /// Prints the results that are not printed yet, after the last one was received.
    pub async fn finish(self, output: &OutputThread, display: Display) -> Exit {
        let exit = self.tally.exit(self.fail_on);
        match self.delivery {
            Delivery::AtEnd(printer, results) => {
                drop(display);
                // The output thread prints, so that this thread can handle signals while a slow reader
                // reads.
                let print = move || printer.print(results.into_inner(), exit);
                output.run(print).await.unwrap_or(Exit::Internal)
            }
            Delivery::Lines(LineThread { queue, result, .. }) => {
                drop(queue);
                let written = result.await;
                drop(display);
                match written {
                    Ok(Ok(()) | Err(WriteError::Closed)) => exit,
                    Ok(Err(WriteError::Io(error))) => fail(
                        Exit::Unwritable,
                        &format!("the result cannot be written to {}: {error}", self.output_name),
                    ),
                    Err(_) => Exit::Internal,
                }
            }
        }
    }
}

impl LineThread {
    fn start(printer: Printer, output: &OutputThread) -> Self {
        let (queue, lines) = mpsc::unbounded_channel();
        let (close, is_closed) = watch::channel(false);
        let Printer { outfile, run_info, .. } = printer;
        if matches!(outfile, Outfile::Stdout) {
            let close = close.clone();
            // This thread lives as long as the program. If it cannot be started, the next write detects that
            // the reader has closed the output.
            let _ = std::thread::Builder::new().name("reader".to_owned()).spawn(move || {
                if outfile::wait_for_closed_stdout() {
                    close.send_replace(true);
                }
            });
        }
        let result = output.run(move || {
            let written = write_lines(outfile, lines, run_info);
            if written.is_err() {
                close.send_replace(true);
            }
            written
        });
        Self { queue, is_closed, result }
    }

    fn is_closed(&self) -> bool {
        *self.is_closed.borrow()
    }
}

/// Writes lines until the queue is closed.
fn write_lines(
    outfile: Outfile,
    mut lines: mpsc::UnboundedReceiver<PendingLine>,
    run_info: bool,
) -> Result<(), WriteError> {
    let mut writer = outfile.open()?;
    while let Some(PendingLine { mut result, _written }) = lines.blocking_recv() {
        inventory::normalize(&mut result, run_info);
        writer.write(|writer| format::write_line(result, writer))?;
    }
    writer.finish()
}

/// The width and color of a table for an output.
pub fn table_style(settings: &Settings, outfile: &Outfile) -> TableStyle {
    let on_terminal = matches!(outfile, Outfile::Stdout) && terminal::is_terminal();
    TableStyle {
        width: terminal::output_width(on_terminal),
        color: settings.use_color(on_terminal),
    }
}
