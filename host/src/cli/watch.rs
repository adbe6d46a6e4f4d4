//! The options of the command `watch`.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueHint};

use super::gather_options::{GatherOptions, seconds};

/// The command line of `watch`.
#[derive(Debug, Args)]
#[command(
    mut_arg("run_timeout", |argument| argument.hide(true)),
    mut_arg("progress", |argument| argument.hide(true))
)]
pub struct Watch {
    /// Read the endpoints from FILE, and again when it changes or on SIGHUP; - is standard input, which is read once
    /// [e.g. -i endpoints.json]
    #[arg(short, long, value_name = "FILE")]
    pub infile: PathBuf,

    /// Ask each endpoint every S seconds, or as often as its own `interval` says; about a twentieth is added or taken
    /// away at random [default: 600] [e.g. --interval 60]
    #[arg(long, value_name = "S", value_parser = seconds)]
    pub interval: Option<Duration>,

    /// Keep the last answers in the folder DIR, so that no change is lost if the program ends; without it every endpoint
    /// is seen for the first time after a start [e.g. --state /var/lib/virtual-host-gatherer]
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub state: Option<PathBuf>,

    /// Append the events to FILE, one JSON object a line; - is standard output [default: -, unless there is --sink]
    /// [e.g. --events events.ndjson]
    #[arg(long, value_name = "FILE")]
    pub events: Option<PathBuf>,

    /// Send the events to URL, in batches of CloudEvents over HTTP [e.g. --sink https://broker.example.com/events]
    #[arg(long, value_name = "URL")]
    pub sink: Option<String>,

    /// Send the headers in FILE with each batch, one `Name: value` a line; it is read again for each attempt
    /// [e.g. --sink-headers /etc/virtual-host-gatherer/sink-headers]
    #[arg(long, value_name = "FILE", requires = "sink")]
    pub sink_headers: Option<PathBuf>,

    /// Trust the certificates in FILE for the sink, in addition to the system's [e.g. --sink-ca ca.pem]
    #[arg(long, value_name = "FILE", requires = "sink")]
    pub sink_ca: Option<PathBuf>,

    /// Write metrics for Prometheus to FILE, which is replaced at most once a second
    /// [e.g. --metrics /var/lib/node_exporter/virtual-host-gatherer.prom]
    #[arg(long, value_name = "FILE")]
    pub metrics: Option<PathBuf>,

    /// End after N rounds of each endpoint [default: none] [e.g. --rounds 1]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub rounds: Option<u64>,

    /// How endpoints are queried.
    #[command(flatten)]
    pub gather: GatherOptions,
}

impl Watch {
    /// The subcommand's name.
    pub const COMMAND: &str = "watch";

    /// The end of its help.
    pub const EXAMPLES: &str = "\
Examples:
  virtual-host-gatherer watch -i endpoints.json --interval 60 --state ./state | jq -r '[.type, .subject] | @tsv'
      Shows changes as they are found
  virtual-host-gatherer watch -i endpoints.json --state /var/lib/virtual-host-gatherer \\
      --sink https://broker.example.com/events --metrics /var/lib/node_exporter/virtual-host-gatherer.prom
      As a service: no change is lost if the program or the broker is down
  virtual-host-gatherer watch -i endpoints.json --state ./state --events events.ndjson --rounds 1
      Asks each endpoint once, for example from cron

SIGHUP makes it read the infile again, and open the file of --events again.

Exit status:
  0 ended by SIGTERM or SIGINT, by --rounds, or by the reader of standard output
  1 --fail-on applies to the last round of --rounds    2 wrong usage
  3 the infile, the config, the state or a plugin folder cannot be used    4 internal error
  5 the file of --events cannot be opened
  130, 143 SIGINT, SIGTERM, but events could not be written in time: they are written after the next start";
}
