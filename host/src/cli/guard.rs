//! The options of the command `guard`.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueHint};

/// The subcommands of `guard`.
#[derive(Debug, Subcommand)]
pub enum GuardCommand {
    /// List the endpoints whose answers are suspicious, with what they lack
    #[command(after_help = LIST_EXAMPLES)]
    List {
        /// The state folder.
        #[command(flatten)]
        state: GuardState,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Accept what the last answer of an endpoint lacked: the next answer that lacks nothing else is believed
    #[command(after_help = ACCEPT_EXAMPLES)]
    Accept {
        /// The endpoint's id
        #[arg(value_name = "ID", required = true)]
        ids: Vec<String>,
        /// The state folder.
        #[command(flatten)]
        state: GuardState,
    },
}

/// The state folder of `guard`.
#[derive(Debug, Args)]
pub struct GuardState {
    /// The state folder of the runs or of `watch` [default: the key `state` of the config file]
    /// [e.g. --state /var/lib/virtual-host-gatherer]
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub state: Option<PathBuf>,
}

const LIST_EXAMPLES: &str = "\
Example:
  virtual-host-gatherer guard list --state /var/lib/virtual-host-gatherer

Exit status:
  0 the list was printed; it may be empty    2 wrong usage    3 the state folder cannot be used
  5 the list cannot be printed";

const ACCEPT_EXAMPLES: &str = "\
Example:
  virtual-host-gatherer guard accept vcenter-1 --state /var/lib/virtual-host-gatherer

Exit status:
  0 accepted    1 an answer of this endpoint is not suspicious, so there is nothing to accept    2 wrong usage
  3 the state folder cannot be used    5 the acceptance cannot be written";
