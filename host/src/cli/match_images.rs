//! The options of `match-images`.

use std::path::PathBuf;

use clap::{ArgGroup, Args, ValueEnum};

use super::gather_options::{Asking, Files};

/// Which containers run which images.
#[derive(Debug, Args)]
#[command(group(ArgGroup::new("source").args(["infile", "inventory"]).required(true)))]
pub struct MatchImages {
    /// Read the images from FILE: what `docker inspect` prints, or a list of objects with `id`,
    /// `name`, `digests`, `revision`; - is standard input [e.g. --images images.json]
    #[arg(long, value_name = "FILE")]
    pub images: PathBuf,

    /// Read the containers from FILE, which `--format inventory` wrote, instead of asking; - is
    /// standard input [e.g. --inventory inventory.json]
    #[arg(long, value_name = "FILE")]
    pub inventory: Option<PathBuf>,

    /// How to print the result [default: json] [e.g. --format table]
    #[arg(long, value_name = "FORMAT")]
    pub format: Option<MatchFormat>,

    /// Where the endpoints are read from and the result goes.
    #[command(flatten)]
    pub files: Files,

    /// How endpoints are asked.
    #[command(flatten)]
    pub asking: Asking,
}

/// How `match-images` prints.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum MatchFormat {
    /// Versioned JSON: `virtual-host-gatherer schema matches`
    #[default]
    Json,
    /// For people
    Table,
}

impl MatchImages {
    /// The subcommand's name.
    pub const COMMAND: &str = "match-images";

    /// What its help ends with.
    pub const EXAMPLES: &str = "\
Examples:
  docker inspect $(docker images -q) > images.json
  virtual-host-gatherer match-images --images images.json -i endpoints.json --format table
      Asks the clusters and shows what runs where. Their pods are needed: \"collect\": \"pods\"
  virtual-host-gatherer match-images --images images.json --inventory inventory.json
      The same of an inventory that was gathered before, as JSON

Before `match-images` may stand too: --outfile, --format table, --no-run-info (which changes
nothing), and all options above that say how endpoints are asked. What stands after it counts more.

Exit status:
  0 the result was printed    1 --fail-on applies: not all pods of any or all endpoints are known
  2 wrong usage    3 a file cannot be read or used    4 internal error
  129, 130, 143 ended by SIGHUP, SIGINT, SIGTERM";
}
