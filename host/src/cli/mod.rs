//! The command line. The Manager's options stand on the bare command, as it has always called
//! it; everything else is for people.

mod gather_options;
mod match_images;
mod settings;

use std::path::PathBuf;

use clap::builder::Resettable;
use clap::error::ErrorKind;
use clap::parser::ValueSource;
use clap::{
    ArgAction, Args, ColorChoice, CommandFactory as _, FromArgMatches as _, Parser, Subcommand,
    ValueEnum,
};
use serde::Deserialize;

use crate::logging::{LogFilter, LogFormat};
use crate::output::format::Format;
pub use gather_options::{Asking, FailOn, Files, parse_seconds};
pub use match_images::{MatchFormat, MatchImages};
pub use settings::Settings;

/// When to use colors.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Color {
    /// On a terminal, unless `NO_COLOR` is set.
    #[default]
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// Lists virtual hosts and their guests for a Manager, as JSON.
#[derive(Debug, Parser)]
#[command(
    name = "virtual-host-gatherer",
    version,
    about = "List virtual hosts and the guests that run on them",
    long_about = "List virtual hosts and the guests that run on them.\n\n\
        Reads a JSON list of endpoints (libvirt daemons, inventory files, clusters, clouds), asks \
        all of them at once, each through the plugin of its module, and prints one JSON document. \
        An endpoint's answer is whole, or the endpoint is marked failed.",
    after_long_help = EXAMPLES,
    color = ColorChoice::Auto
)]
pub struct Cli {
    /// Where the endpoints are read from and the result goes.
    #[command(flatten)]
    pub files: Files,

    /// List the modules with their parameters, as the Manager reads them, and end [e.g. -l]
    #[arg(short = 'l', long)]
    pub list_modules: bool,

    /// How to print the result: the Manager's JSON, the versioned inventory, the same with each
    /// endpoint on a line as soon as it is answered, the containers as mgrk8s prints them, or a
    /// table for people [default: gatherer] [e.g. --format table]
    #[arg(long, value_name = "FORMAT", env = "VIRTUAL_HOST_GATHERER_FORMAT", hide_env = true)]
    pub format: Option<Format>,

    /// How endpoints are asked.
    #[command(flatten)]
    pub asking: Asking,

    /// Leave times and durations out of the inventory, so that equal answers give equal bytes
    /// [e.g. --format inventory --no-run-info]
    #[arg(long)]
    pub no_run_info: bool,

    /// What every command understands.
    #[command(flatten)]
    pub common: Common,

    /// What else the program can do.
    #[command(subcommand)]
    pub command: Option<Command>,
}

impl Cli {
    /// Reads the command line and the environment, in which an empty variable is an unset one.
    pub fn read() -> Self {
        let command = Self::command().mut_args(|argument| {
            let is_empty = |name| std::env::var_os(name).is_some_and(|value| value.is_empty());
            match argument.get_env() {
                Some(name) if is_empty(name) => argument.env(Resettable::Reset),
                _ => argument,
            }
        });
        // What the environment says of a run stands in the options of the bare command already.
        let command = command.mut_subcommand(MatchImages::COMMAND, |command| {
            command.mut_args(|argument| argument.env(Resettable::Reset))
        });
        let given = command.get_matches();
        let mut cli = Self::from_arg_matches(&given).unwrap_or_else(|error| error.exit());
        if let Some(Command::MatchImages(mut options)) =
            cli.command.take_if(|command| matches!(command, Command::MatchImages(_)))
        {
            // A format that only the environment asks for is one of a run.
            let is_given = given.value_source("format") == Some(ValueSource::CommandLine);
            if let Err(problem) = cli.hand_over(&mut options, is_given) {
                Self::command().error(ErrorKind::ArgumentConflict, problem).exit();
            }
            cli.command = Some(Command::MatchImages(options));
        }
        cli
    }

    /// Gives the subcommand what was given before it; what was given after it goes before that. An
    /// error says what would be forgotten.
    fn hand_over(
        &mut self,
        options: &mut MatchImages,
        format_is_given: bool,
    ) -> Result<(), String> {
        let before = |option: &str| {
            format!("{option} means nothing before {}; see {0} --help", MatchImages::COMMAND)
        };
        if self.files.infile.is_some() {
            return Err(before("--infile"));
        }
        if self.list_modules {
            return Err(before("--list-modules"));
        }
        match self.format.filter(|_| format_is_given) {
            None => {}
            Some(Format::Table) => options.format = options.format.or(Some(MatchFormat::Table)),
            Some(_) => {
                return Err(format!(
                    "{} prints `--format json`, which is its default, or `--format table`, and no \
                     format of a run",
                    MatchImages::COMMAND
                ));
            }
        }
        self.asking = std::mem::take(&mut options.asking).or(std::mem::take(&mut self.asking));
        self.files.outfile = options.files.outfile.take().or(self.files.outfile.take());
        Ok(())
    }
}

/// What every command understands.
#[derive(Debug, Args)]
pub struct Common {
    /// Look for plugins in DIR instead of the installed ones; repeatable, the first wins [e.g.
    /// --plugin-dir target/release]
    #[arg(long, value_name = "DIR", global = true)]
    pub plugin_dir: Vec<PathBuf>,

    /// Read the operator's settings from FILE [default: /etc/virtual-host-gatherer/config.toml]
    /// [e.g. --config ./config.toml]
    #[arg(
        long,
        value_name = "FILE",
        global = true,
        env = "VIRTUAL_HOST_GATHERER_CONFIG",
        hide_env = true
    )]
    pub config: Option<PathBuf>,

    /// Say more on stderr and in the log; repeatable [e.g. -vv]
    #[arg(short, long, action = ArgAction::Count, global = true)]
    pub verbose: u8,

    /// Log to FILE [default: gatherer.log in the home directory; /var/log/gatherer.log for root]
    /// [e.g. -L /tmp/gatherer.log]
    #[arg(
        short = 'L',
        long,
        value_name = "FILE",
        global = true,
        env = "VIRTUAL_HOST_GATHERER_LOGFILE",
        hide_env = true
    )]
    pub logfile: Option<PathBuf>,

    /// Write log lines as text or as JSON [default: text] [e.g. --log-format json]
    #[arg(
        long,
        value_name = "FORMAT",
        global = true,
        env = "VIRTUAL_HOST_GATHERER_LOG_FORMAT",
        hide_env = true
    )]
    pub log_format: Option<LogFormat>,

    /// Choose log lines by level, by target or by span, with a comma between directives; adds to -v
    /// [e.g. --log-filter info,kubernetes=debug]
    #[arg(
        long,
        value_name = "DIRECTIVES",
        global = true,
        env = "VIRTUAL_HOST_GATHERER_LOG_FILTER",
        hide_env = true
    )]
    pub log_filter: Option<LogFilter>,

    /// Use colors in tables and messages [default: auto] [e.g. --color never]
    #[arg(
        long,
        value_name = "WHEN",
        global = true,
        env = "VIRTUAL_HOST_GATHERER_COLOR",
        hide_env = true
    )]
    pub color: Option<Color>,
}

/// What else the program can do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Show the modules, their parameters and the plugins that were skipped
    #[command(after_help = "Example:\n  virtual-host-gatherer modules Libvirt")]
    Modules {
        /// Show this module with all of its parameters
        name: Option<String>,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Say which containers run which of the images in a file, and whether the newest revision
    #[command(name = MatchImages::COMMAND, after_help = MatchImages::EXAMPLES)]
    MatchImages(MatchImages),
    /// Print a JSON Schema (2020-12)
    #[command(after_help = "Example:\n  virtual-host-gatherer schema inventory")]
    Schema {
        /// Of which document
        document: Document,
    },
    /// Look into plugin files
    #[command(subcommand)]
    Plugin(PluginCommand),
    /// The program's own worker; not for people
    #[command(name = crate::run::protocol::WORKER_SUBCOMMAND, hide = true)]
    Worker {
        /// The supervisor's process
        runner: Option<u32>,
        /// The library's descriptor
        descriptor: Option<i32>,
    },
}

/// A document that has a schema.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Document {
    /// What `--format inventory` prints
    Inventory,
    /// What one line of `--format ndjson` holds
    Ndjson,
    /// What `match-images` prints
    Matches,
    /// What a plugin says of itself
    Manifest,
    /// What the infile holds
    Request,
}

/// Looking into plugin files.
#[derive(Debug, Subcommand)]
pub enum PluginCommand {
    /// Show a plugin's manifest, its versions and whether it would be used; never loads it
    #[command(
        after_help = "Example:\n  virtual-host-gatherer plugin inspect ./libgatherer_plugin_file.so"
    )]
    Inspect {
        /// The plugin's file
        file: PathBuf,
    },
    /// Load a plugin in workers and check that it keeps the contract, a line for each check
    #[command(after_help = VERIFY_EXAMPLES)]
    Verify {
        /// The plugin's file
        file: PathBuf,
        /// Gather these endpoints of its modules too, twice, and cancel them once (as --infile)
        /// [e.g. --request endpoints.json]
        #[arg(long, value_name = "INFILE")]
        request: Option<PathBuf>,
    },
}

const VERIFY_EXAMPLES: &str = "\
Examples:
  virtual-host-gatherer plugin verify ./libgatherer_plugin_file.so
      What holds without any endpoint
  virtual-host-gatherer plugin verify ./libgatherer_plugin_file.so --request endpoints.json
      That endpoints are gathered whole and twice alike, that nothing shows their secrets, and that
      the plugin ends when it is told to

Exit status:
  0 every check passes    1 one does not    2 wrong usage
  3 the file or the request cannot be read";

const EXAMPLES: &str = "\
Examples:
  virtual-host-gatherer --list-modules
      What the Manager's form shows
  echo '{\"module\": \"Libvirt\", \"uri\": \"test:///default\"}' | virtual-host-gatherer -i - --format table
      libvirt's built-in test hypervisor, as a table
  virtual-host-gatherer --infile - --logfile gatherer.log < endpoints.json
      As the Manager calls it
  virtual-host-gatherer -i endpoints.json --format ndjson | jq -r '.hosts[].name'
      Names of hosts, each endpoint's as soon as it is answered
  virtual-host-gatherer -i endpoints.json -o hosts.json --timeout 60
      Into a file, each endpoint given up after a minute

Exit status:
  0 the result was printed, failed endpoints included    1 --fail-on applies    2 wrong usage
  3 the infile, the config, a plugin folder or the outfile cannot be used    4 internal error
  129, 130, 143 ended by SIGHUP, SIGINT, SIGTERM

Options that may stand in the environment too: VIRTUAL_HOST_GATHERER_ and the option's name
(VIRTUAL_HOST_GATHERER_TIMEOUT=60); in GATHERER_PLUGIN_PATH plugin folders, ':' between them.";
