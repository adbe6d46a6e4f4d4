//! The options of the command `convert`.

use std::path::PathBuf;

use clap::Args;

use super::format_options::FormatArgs;
use crate::output::format::Format;

/// The command line of `convert`.
#[derive(Debug, Args)]
pub struct Convert {
    /// The inventory, written by `--format inventory`; - is standard input
    #[arg(value_name = "INVENTORY")]
    pub inventory: PathBuf,

    /// Print it in this format [e.g. --format ansible]
    #[arg(long, value_name = "FORMAT", required = true)]
    pub format: Option<Format>,

    /// Print only the endpoint with this id; repeatable [e.g. --only vcenter-1]
    #[arg(long, value_name = "ID")]
    pub only: Vec<String>,

    /// Leave times and durations out of inventory and table [e.g. --no-run-info]
    #[arg(long)]
    pub no_run_info: bool,

    /// Write the result to FILE, which is replaced only by a complete result [e.g. -o guests.csv]
    #[arg(short, long, value_name = "FILE")]
    pub outfile: Option<PathBuf>,

    /// The options of formats.
    #[command(flatten)]
    pub formats: FormatArgs,
}

impl Convert {
    /// The subcommand's name.
    pub const COMMAND: &str = "convert";

    /// The end of its help.
    pub const EXAMPLES: &str = "\
Examples:
  virtual-host-gatherer -i endpoints.json --format inventory -o inventory.json
  virtual-host-gatherer convert inventory.json --format table
      Gather once, and look at the result as often as you like
  virtual-host-gatherer convert inventory.json --format prometheus -o hosts.prom
      Metrics, without asking the endpoints again

Exit status:
  0 the result was printed; endpoints may have failed    2 wrong usage
  3 the inventory cannot be read or used    4 internal error
  5 the result cannot be written to standard output or the outfile
  129, 130, 143 ended by SIGHUP, SIGINT, SIGTERM";
}
