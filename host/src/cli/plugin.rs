//! The command line of `plugin`.

use std::path::PathBuf;

use clap::Subcommand;

/// The subcommands of `plugin`.
#[derive(Debug, Subcommand)]
pub enum PluginCommand {
    /// Show a plugin's manifest, its versions and whether it would be used, without loading it
    #[command(
        after_help = "Example:\n  virtual-host-gatherer plugin inspect ./libgatherer_plugin_file.so"
    )]
    Inspect {
        /// The plugin's file
        file: PathBuf,
    },
    /// Load a plugin in workers and check that it meets the contract; prints a line for each check
    #[command(after_help = VERIFY_EXAMPLES)]
    Verify {
        /// The plugin's file
        file: PathBuf,
        /// Also gather these endpoints of its modules (the format is that of --infile): twice completely,
        /// and once cancelled [e.g. --request endpoints.json]
        #[arg(long, value_name = "INFILE")]
        request: Option<PathBuf>,
        /// Print one JSON document at the end instead of lines
        #[arg(long)]
        json: bool,
        /// Verify again whenever the plugin's file changes, until a signal ends the program
        #[arg(long)]
        watch: bool,
    },
}

const VERIFY_EXAMPLES: &str = "\
Examples:
  virtual-host-gatherer plugin verify ./libgatherer_plugin_file.so
      Checks that need no endpoint
  virtual-host-gatherer plugin verify ./libgatherer_plugin_file.so --request endpoints.json
      Also checks that endpoints are gathered completely and with the same result twice, that no
      output has their secrets, and that the plugin ends when it is cancelled
  virtual-host-gatherer plugin verify ./libgatherer_plugin_file.so --json | jq '.checks[]'
      The same checks for a script: each has check, result (ok, not-ok, skipped) and detail

Exit status:
  0 every check passed    1 a check failed    2 wrong usage
  3 the file or the request cannot be read    5 the result cannot be written";
