//! The options of the command `merge`.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;

use super::format_options::FormatArgs;
use super::gather_options::{FailOn, seconds};
use crate::output::format::Format;

/// The command line of `merge`.
#[derive(Debug, Args)]
pub struct Merge {
    /// The inventories, written by `--format inventory`, usually each with another `--shard`; of a folder, its files
    /// *.json; - is standard input
    #[arg(value_name = "INVENTORY", required = true)]
    pub inventories: Vec<PathBuf>,

    /// Read the request of the runs from FILE: its endpoints that no inventory has are in the result as failed, so
    /// that a missing shard is not an error of this command [e.g. -i endpoints.json]
    #[arg(short, long, value_name = "FILE")]
    pub infile: Option<PathBuf>,

    /// Use no inventory whose run began more than S seconds ago: it counts as missing [default: none] [e.g.
    /// --max-age 7200]
    #[arg(long, value_name = "S", value_parser = seconds)]
    pub max_age: Option<Duration>,

    /// Print the result in this format [default: inventory] [e.g. --format gatherer]
    #[arg(long, value_name = "FORMAT")]
    pub format: Option<Format>,

    /// Leave times and durations out of inventory and table [e.g. --no-run-info]
    #[arg(long)]
    pub no_run_info: bool,

    /// Exit with status 1 if any or all endpoints failed; `incomplete` means any, or one with a missing collection
    /// [default: never] [e.g. --fail-on any]
    #[arg(long, value_name = "WHEN")]
    pub fail_on: Option<FailOn>,

    /// Write the result to FILE, which is replaced only by a complete result [e.g. -o inventory.json]
    #[arg(short, long, value_name = "FILE")]
    pub outfile: Option<PathBuf>,

    /// The options of formats.
    #[command(flatten)]
    pub formats: FormatArgs,
}

impl Merge {
    /// The subcommand's name.
    pub const COMMAND: &str = "merge";

    /// The end of its help.
    pub const EXAMPLES: &str = "\
Examples:
  virtual-host-gatherer -i endpoints.json --shard 0/2 --format inventory -o shards/0.json
  virtual-host-gatherer -i endpoints.json --shard 1/2 --format inventory -o shards/1.json
  virtual-host-gatherer merge shards -o inventory.json
      Two runs that share a request, also on two machines, and the inventory that one run would have printed
  virtual-host-gatherer merge shards -i endpoints.json --max-age 7200 --format gatherer
      The answer for a Manager, in which the endpoints of a shard that is missing or old are failed

Exit status:
  0 the result was printed; endpoints may have failed    1 --fail-on applies    2 wrong usage
  3 an inventory cannot be read or used, a shard is missing, two inventories contradict each other, or the infile, the
    config or a plugin folder cannot be used
  4 internal error    5 the result cannot be written to standard output or the outfile
  129, 130, 143 ended by SIGHUP, SIGINT, SIGTERM";
}
