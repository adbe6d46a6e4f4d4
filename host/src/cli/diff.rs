//! The options of the command `diff`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

/// The command line of `diff`.
#[derive(Debug, Args)]
pub struct Diff {
    /// The older document: the output of this or the classic program in the Manager's format, or an inventory; - is
    /// standard input
    #[arg(value_name = "OLD")]
    pub old: PathBuf,

    /// The newer document, in either format; - is standard input
    #[arg(value_name = "NEW")]
    pub new: PathBuf,

    /// Compare only the endpoint with this id; repeatable [e.g. --only vcenter-1]
    #[arg(long, value_name = "ID")]
    pub only: Vec<String>,

    /// Exit with status 1 if the documents differ [e.g. --exit-code]
    #[arg(long)]
    pub exit_code: bool,

    /// How to print the result [default: table] [e.g. --format json]
    #[arg(long, value_name = "FORMAT")]
    pub format: Option<DiffFormat>,

    /// Write the result to FILE, which is replaced only by a complete result [e.g. -o diff.json]
    #[arg(short, long, value_name = "FILE")]
    pub outfile: Option<PathBuf>,
}

/// The output formats of `diff`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum DiffFormat {
    /// A table for people
    #[default]
    Table,
    /// Versioned JSON: `virtual-host-gatherer schema diff`
    Json,
}

impl Diff {
    /// The subcommand's name.
    pub const COMMAND: &str = "diff";

    /// The end of its help.
    pub const EXAMPLES: &str = "\
Examples:
  virtual-host-gatherer diff classic.json ours.json
      What a Manager would create, update and unlink if it got ours.json after classic.json
  virtual-host-gatherer -i endpoints.json --format inventory | virtual-host-gatherer diff last.json -
      What changed since an inventory was written
  virtual-host-gatherer diff old.json new.json --only vcenter-1 --exit-code --format json
      The changes of one endpoint as JSON; the status is 1 if there are any

Exit status:
  0 the result was printed    1 --exit-code applies: the documents differ
  2 wrong usage    3 a document cannot be read or used    4 internal error
  5 the result cannot be written to standard output or the outfile
  129, 130, 143 ended by SIGHUP, SIGINT, SIGTERM";
}
