//! The options of the command `status`.

use std::path::PathBuf;

use clap::{Args, ValueHint};

/// The command line of `status`.
#[derive(Debug, Args)]
pub struct Status {
    /// The folder DIR that `watch` or a run uses [e.g. --state /var/lib/virtual-host-gatherer]
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub state: PathBuf,

    /// Print JSON
    #[arg(long)]
    pub json: bool,

    /// Exit with status 1 if an endpoint fails, or was not asked when it was due
    #[arg(long)]
    pub exit_code: bool,
}

impl Status {
    /// The subcommand's name.
    pub const COMMAND: &str = "status";

    /// The end of its help.
    pub const EXAMPLES: &str = "\
Examples:
  virtual-host-gatherer status --state /var/lib/virtual-host-gatherer
      When each endpoint was last gathered, and why one fails
  virtual-host-gatherer status --state ./state --json | jq -r '.endpoints[] | select(.status == \"failed\").id'
      The ids of the endpoints that fail
  virtual-host-gatherer status --state ./state --exit-code > /dev/null || echo \"an endpoint fails\"
      For a script

Exit status:
  0 the status was printed    1 --exit-code applies    2 wrong usage
  3 the state folder cannot be used    5 the result cannot be written";
}
