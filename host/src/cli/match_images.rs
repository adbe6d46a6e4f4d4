//! The options of the command `match-images`.

use std::path::PathBuf;

use clap::{ArgGroup, Args, ValueEnum};

use super::gather_options::{Files, GatherOptions};

/// The command line of `match-images`.
#[derive(Debug, Args)]
#[command(group(ArgGroup::new("source").args(["infile", "inventory"]).required(true)))]
pub struct MatchImages {
    /// Read the images from FILE: the output of `docker inspect`, or a list of objects with `id`,
    /// `name`, `digests`, `revision`; - is standard input [e.g. --images images.json]
    #[arg(long, value_name = "FILE")]
    pub images: PathBuf,

    /// Read the containers from FILE, written by `--format inventory`, instead of querying endpoints; -
    /// is standard input [e.g. --inventory inventory.json]
    #[arg(long, value_name = "FILE")]
    pub inventory: Option<PathBuf>,

    /// Show only the containers that run an older revision than the newest of their image, or another
    /// build of it than those in FILE [e.g. --outdated --format table]
    #[arg(long)]
    pub outdated: bool,

    /// How to print the result [default: json] [e.g. --format table]
    #[arg(long, value_name = "FORMAT")]
    pub format: Option<MatchFormat>,

    /// The input and output files.
    #[command(flatten)]
    pub files: Files,

    /// How endpoints are queried.
    #[command(flatten)]
    pub gather: GatherOptions,
}

/// The output formats of `match-images`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum MatchFormat {
    /// Versioned JSON: `virtual-host-gatherer schema matches`
    #[default]
    Json,
    /// A table for people
    Table,
}

impl MatchImages {
    /// The subcommand's name.
    pub const COMMAND: &str = "match-images";

    /// The end of its help.
    pub const EXAMPLES: &str = "\
Examples:
  docker inspect $(docker images -q) > images.json
  virtual-host-gatherer match-images --images images.json -i endpoints.json --format table
      Queries the clusters and shows the containers. Endpoints need \"collect\": \"pods\"
  virtual-host-gatherer match-images --images images.json -i endpoints.json --format table --outdated
      Shows only the containers that must be renewed
  virtual-host-gatherer match-images --images images.json --inventory inventory.json
      Reads the containers from an existing inventory, and prints JSON

These options can also be given before `match-images`: --outfile, --format table, --no-run-info
(which has no effect), and all options above for querying endpoints. An option after `match-images`
takes precedence.

Exit status:
  0 the result was printed    1 --fail-on applies: any or all endpoints have unknown pods
  2 wrong usage    3 a file cannot be read or used    4 internal error
  5 the result cannot be written to standard output or the outfile
  129, 130, 143 ended by SIGHUP, SIGINT, SIGTERM";
}
