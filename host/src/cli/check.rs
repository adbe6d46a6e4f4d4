//! The options of the command `check`.

use clap::{Args, ValueEnum};

use super::gather_options::{Files, GatherOptions};

/// The help of `--fail-on`, whose words have another default and meaning here.
const FAIL_ON: &str = "Exit with status 1 if a step of any or all endpoints failed; `incomplete` means any, or one \
                       with a warning or a step that was not tried [default: any] [e.g. --fail-on incomplete]";

/// The command line of `check`.
#[derive(Debug, Args)]
#[command(mut_arg("infile", |argument| argument.required(true)))]
#[command(mut_arg("fail_on", |argument| argument.help(FAIL_ON)))]
pub struct CheckEndpoints {
    /// How to print the result [default: table] [e.g. --format json]
    #[arg(long, value_name = "FORMAT")]
    pub format: Option<CheckFormat>,

    /// The input and output files.
    #[command(flatten)]
    pub files: Files,

    /// How endpoints are queried.
    #[command(flatten)]
    pub gather: GatherOptions,
}

/// The output formats of `check`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum CheckFormat {
    /// A table for people
    #[default]
    Table,
    /// Versioned JSON: `virtual-host-gatherer schema check`
    Json,
}

impl CheckEndpoints {
    /// The subcommand's name.
    pub const COMMAND: &str = "check";

    /// The end of its help.
    pub const EXAMPLES: &str = "\
Examples:
  virtual-host-gatherer check -i endpoints.json
      Checks every endpoint: its parameters, name, port, certificate, login, and each right that its module
      needs. Nothing is gathered, and nothing is changed at the endpoints
  virtual-host-gatherer check -i endpoints.json --only vcenter-1
      Checks one endpoint
  virtual-host-gatherer check -i endpoints.json --format json | jq '.endpoints[].steps[]'
      The same for a script: each step has name, status (ok, warning, failed, not-tried), message and hint

Without --fail-on, the exit status is 1 if a step of any endpoint failed (--fail-on any). With --fail-on
incomplete it is also 1 for a warning, and for an endpoint that was not checked completely.

Exit status:
  0 no step failed    1 --fail-on applies    2 wrong usage
  3 the infile, the config or a plugin folder cannot be used    4 internal error
  5 the result cannot be written to standard output or the outfile
  129, 130, 143 ended by SIGHUP, SIGINT, SIGTERM";
}
