//! Where results go: together into one document at the end, or each onto a line at once.

use std::cell::{Cell, RefCell};
use std::io::IsTerminal as _;

use gatherer_plugin_api::model::{EndpointResult, EndpointStatus, Inventory, RunInfo, Timestamp};
use tokio::sync::{mpsc, oneshot, watch};

use super::logged;
use crate::cli::{Cli, FailOn, Settings};
use crate::commands::{fail, printing};
use crate::exit::Exit;
use crate::output::format::{self, Format, TableStyle};
use crate::output::inventory;
use crate::output::outfile::{self, Outfile, WriteError};
use crate::run::progress::Display;
use crate::run::reserve::OutputThread;
use crate::run::supervisor::{Retention, Stop};

/// What is printed.
pub enum Product {
    /// The results themselves.
    Inventory(Format),
    /// Something that is made of them.
    Report(Box<dyn Report>),
}

/// What is made of an inventory and printed in its place.
pub trait Report: Send {
    /// Prints it, and says the exit status.
    fn print(
        self: Box<Self>,
        inventory: &Inventory,
        fail_on: FailOn,
        style: TableStyle,
        outfile: Outfile,
    ) -> Exit;
}

/// How the results become what is printed.
pub struct Printer {
    product: Product,
    style: TableStyle,
    fail_on: FailOn,
    run_info: bool,
    started_at: Timestamp,
    outfile: Outfile,
}

impl Printer {
    /// Prints as the command line and the settings say.
    pub fn new(product: Product, cli: &Cli, settings: &Settings, outfile: Outfile) -> Self {
        Self {
            product,
            style: table_style(settings, &outfile),
            fail_on: settings.fail_on,
            run_info: !cli.no_run_info,
            started_at: Timestamp::now(),
            outfile,
        }
    }

    /// Prints one document.
    fn print(self, results: Vec<EndpointResult>, exit: Exit) -> Exit {
        let run = RunInfo { started_at: self.started_at, finished_at: Timestamp::now() };
        let inventory = inventory::assemble(results, self.run_info.then_some(run));
        let text = match self.product {
            Product::Inventory(Format::Inventory) => {
                // It may be as large as all the rest: it is written while it is made.
                let document =
                    |writer: &mut outfile::Pieces<'_>| format::write_document(&inventory, writer);
                let exit = printing::write_pieces(self.outfile, document, exit);
                std::mem::forget(inventory);
                return exit;
            }
            Product::Inventory(format) => {
                let rendered = format::render(format, &inventory, &self.style);
                logged::log_notes(&rendered.notes, &inventory.endpoints);
                rendered.text
            }
            Product::Report(report) => {
                let exit = report.print(&inventory, self.fail_on, self.style, self.outfile);
                std::mem::forget(inventory);
                return exit;
            }
        };
        let exit = printing::write(self.outfile, &text, exit);
        // The process ends now, and takes this with it faster than host by host.
        std::mem::forget(inventory);
        exit
    }
}

/// How many of the results are failures.
struct Tally {
    fail_on: FailOn,
    total: usize,
    failed: Cell<usize>,
}

impl Tally {
    fn exit(&self) -> Exit {
        let failed = self.fail_on.applies(self.failed.get(), self.total);
        if failed { Exit::EndpointsFailed } else { Exit::Done }
    }
}

/// Takes the results of a run.
pub struct Results {
    /// Whether what is printed tells what is odd itself.
    tells_all: bool,
    tally: Tally,
    place: String,
    way: Way,
}

enum Way {
    /// Kept until the last one is there.
    Whole(Box<Printer>, RefCell<Vec<EndpointResult>>),
    /// Written at once.
    Lines(Lines),
}

/// A thread that writes lines, so that a reader who is slow keeps nobody else from working.
struct Lines {
    queue: mpsc::UnboundedSender<Line>,
    /// Turns to true when nobody takes lines any more.
    unwanted: watch::Receiver<bool>,
    writer: oneshot::Receiver<Result<(), WriteError>>,
}

struct Line {
    result: EndpointResult,
    /// Goes away when the line is written, or will never be.
    _written: oneshot::Sender<()>,
}

impl Results {
    /// Takes so many results and has this printer print them.
    pub fn new(printer: Printer, total: usize, output: &OutputThread) -> Self {
        let tally = Tally { fail_on: printer.fail_on, total, failed: Cell::new(0) };
        let place = printer.outfile.to_string();
        let tells_all = matches!(printer.product, Product::Inventory(Format::Table));
        let way = match printer.product {
            // Without a thread that writes them, the lines are printed at the end: a slow reader
            // would keep the run from hearing signals and deadlines.
            Product::Inventory(Format::Ndjson) if output.is_running() => {
                Way::Lines(Lines::start(printer, output))
            }
            _ => Way::Whole(Box::new(printer), RefCell::default()),
        };
        Self { tells_all, tally, place, way }
    }

    /// Takes a result, and waits until it is written where that is done at once. It is not waited
    /// for when the program is to end.
    pub async fn take(
        &self,
        result: EndpointResult,
        mut stop: watch::Receiver<Option<Stop>>,
    ) -> Retention {
        if let Way::Lines(lines) = &self.way
            && *stop.borrow() == Some(Stop::Signal)
        {
            // What is printed already stays; nothing is added to it.
            if !lines.is_unwanted() {
                logged::log_result(&result, self.tells_all);
            }
            return Retention::Released;
        }
        let written = self.accept(result);
        if let Some(written) = written {
            tokio::select! {
                // It only ever goes away.
                _ = written => {}
                Ok(_) = stop.wait_for(|stop| *stop == Some(Stop::Signal)) => {}
            }
        }
        match self.way {
            Way::Whole(..) => Retention::Kept,
            Way::Lines(_) => Retention::Released,
        }
    }

    /// Takes a result. What it returns, if anything, is ready when the result is written.
    pub fn accept(&self, mut result: EndpointResult) -> Option<oneshot::Receiver<()>> {
        if matches!(&self.way, Way::Lines(lines) if lines.is_unwanted()) {
            return None;
        }
        logged::cap_texts(&mut result);
        logged::log_result(&result, self.tells_all);
        let failed = result.status == EndpointStatus::Failed;
        self.tally.failed.set(self.tally.failed.get() + usize::from(failed));
        match &self.way {
            Way::Whole(_, results) => {
                results.borrow_mut().push(result);
                None
            }
            Way::Lines(lines) => {
                let (written, wait) = oneshot::channel();
                // A writer that has ended wants no more lines, and says so itself.
                let _ = lines.queue.send(Line { result, _written: written });
                Some(wait)
            }
        }
    }

    /// Ready when nobody takes results any more.
    pub async fn unwanted(&self) {
        if let Way::Lines(lines) = &self.way {
            let mut unwanted = lines.unwanted.clone();
            if unwanted.wait_for(|unwanted| *unwanted).await.is_ok() {
                return;
            }
        }
        std::future::pending::<()>().await;
    }

    /// There are no more results: prints them, or the rest of them.
    pub async fn finish(self, output: &OutputThread, display: Display) -> Exit {
        let exit = self.tally.exit();
        match self.way {
            Way::Whole(printer, results) => {
                drop(display);
                // Not on this thread: whoever reads the result may be slow, and a signal is heard
                // all the same.
                let print = move || printer.print(results.into_inner(), exit);
                output.run(print).await.unwrap_or(Exit::Internal)
            }
            Way::Lines(Lines { queue, writer, .. }) => {
                drop(queue);
                let written = writer.await;
                drop(display);
                match written {
                    Ok(Ok(()) | Err(WriteError::Closed)) => exit,
                    Ok(Err(WriteError::Io(error))) => fail(
                        Exit::Internal,
                        &format!("the result cannot be written to {}: {error}", self.place),
                    ),
                    Err(_) => Exit::Internal,
                }
            }
        }
    }
}

impl Lines {
    fn start(printer: Printer, output: &OutputThread) -> Self {
        let (queue, lines) = mpsc::unbounded_channel();
        let (gone, unwanted) = watch::channel(false);
        let Printer { outfile, run_info, .. } = printer;
        if matches!(outfile, Outfile::Stdout) {
            let gone = gone.clone();
            // Lives as long as the program. Without it, the next line would tell.
            let _ = std::thread::Builder::new().name("reader".to_owned()).spawn(move || {
                if outfile::wait_for_closed_stdout() {
                    gone.send_replace(true);
                }
            });
        }
        let writer = output.run(move || {
            let written = write_lines(outfile, lines, run_info);
            if written.is_err() {
                gone.send_replace(true);
            }
            written
        });
        Self { queue, unwanted, writer }
    }

    fn is_unwanted(&self) -> bool {
        *self.unwanted.borrow()
    }
}

fn write_lines(
    outfile: Outfile,
    mut lines: mpsc::UnboundedReceiver<Line>,
    run_info: bool,
) -> Result<(), WriteError> {
    let mut writer = outfile.open()?;
    while let Some(Line { mut result, _written }) = lines.blocking_recv() {
        inventory::settle(&mut result, run_info);
        writer.write(|writer| format::write_line(result, writer))?;
    }
    writer.finish()
}

/// How a table looks at its place.
pub fn table_style(settings: &Settings, outfile: &Outfile) -> TableStyle {
    let on_terminal = matches!(outfile, Outfile::Stdout) && std::io::stdout().is_terminal();
    TableStyle { width: terminal_width(), color: settings.use_color(on_terminal) }
}

/// How wide a table may be: the terminal's width, else COLUMNS, else 100.
fn terminal_width() -> usize {
    let terminal = rustix::termios::tcgetwinsize(std::io::stdout()).ok().map(|size| size.ws_col);
    let columns = || std::env::var("COLUMNS").ok().and_then(|columns| columns.parse().ok());
    terminal.filter(|width| *width > 0).or_else(columns).map_or(100, usize::from).max(40)
}
