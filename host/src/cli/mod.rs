//! The command line. The Manager calls the program without a subcommand; the subcommands are for
//! people.

mod abbreviations;
mod check;
mod conflicts;
mod convert;
mod diff;
mod file_mistakes;
mod format_options;
mod gather_options;
mod guard;
mod match_images;
mod merge;
mod plugin;
mod settings;
mod status;
mod watch;

use std::path::PathBuf;

use clap::builder::Resettable;
use clap::error::ErrorKind;
use clap::parser::ValueSource;
use clap::{
    ArgAction, Args, ColorChoice, CommandFactory as _, FromArgMatches as _, Parser, Subcommand,
    ValueEnum, ValueHint,
};
use serde::Deserialize;

use crate::logging::{LogFilter, LogFormat};
use crate::output::format::Format;
use crate::output::search::SearchText;
pub use check::{CheckEndpoints, CheckFormat};
pub use convert::Convert;
pub use diff::{Diff, DiffFormat};
pub use format_options::FormatArgs;
pub use gather_options::{FailOn, Files, GatherOptions, parse_seconds};
pub use guard::{GuardCommand, GuardState};
pub use match_images::{MatchFormat, MatchImages};
pub use merge::Merge;
pub use plugin::PluginCommand;
pub use settings::{DEFAULT_FILE, Settings};
pub use status::Status;
pub use watch::Watch;

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

/// The command line of the program.
#[derive(Debug, Parser)]
#[command(
    name = "virtual-host-gatherer",
    version,
    about = "List virtual hosts and the guests that run on them",
    long_about = "List virtual hosts and the guests that run on them.\n\n\
        Reads a JSON list of endpoints (libvirt daemons, Kubernetes clusters, inventory files), \
        queries them in parallel, each with the plugin of its module, and prints one JSON document. \
        The result of an endpoint is complete, or the endpoint is reported as failed.",
    after_long_help = EXAMPLES,
    // Of an option that is repeated, the last counts, as in the classic program.
    args_override_self = true,
    color = ColorChoice::Auto
)]
pub struct Cli {
    /// The input and output files.
    #[command(flatten)]
    pub files: Files,

    /// List the modules with their parameters in the Manager's format, and exit [e.g. -l]
    #[arg(short = 'l', long)]
    pub list_modules: bool,

    /// Print the result in this format [default: gatherer] [e.g. --format table]
    #[arg(long, value_name = "FORMAT", env = "VIRTUAL_HOST_GATHERER_FORMAT", hide_env = true)]
    pub format: Option<Format>,

    /// Print only the hosts, guests and pods that have TEXT in their name, UUID or address, with --format
    /// table or ndjson; the status is 1 if there are none [e.g. --find web1 --format table]
    #[arg(long, value_name = "TEXT")]
    pub find: Option<SearchText>,

    /// The options of formats.
    #[command(flatten)]
    pub formats: FormatArgs,

    /// How endpoints are queried.
    #[command(flatten)]
    pub gather: GatherOptions,

    /// Leave times and durations out of inventory and table, so that the same answers give the same bytes
    /// [e.g. --format inventory --no-run-info]
    #[arg(long)]
    pub no_run_info: bool,

    /// Keep the last whole answer of each endpoint in the folder DIR, which `max_lost` compares with
    /// [default: none] [e.g. --state /var/lib/virtual-host-gatherer]
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath,
        env = "VIRTUAL_HOST_GATHERER_STATE", hide_env = true)]
    pub state: Option<PathBuf>,

    /// Options of every command.
    #[command(flatten)]
    pub common: Common,

    /// The subcommand; without one, the program gathers.
    #[command(subcommand)]
    pub command: Option<Command>,
}

impl Cli {
    /// Parses the command line and the environment. An empty environment variable counts as not set. Exits
    /// if the command line is not valid.
    pub fn read() -> Self {
        let command = Self::command().mut_args(|argument| {
            let is_empty = |name| std::env::var_os(name).is_some_and(|value| value.is_empty());
            match argument.get_env() {
                Some(name) if is_empty(name) => argument.env(Resettable::Reset),
                _ => argument,
            }
        });
        // The options before the subcommand already have the values from the environment.
        let without_environment =
            |command: clap::Command| command.mut_args(|argument| argument.env(Resettable::Reset));
        let command = command.mut_subcommand(MatchImages::COMMAND, without_environment);
        let command = command.mut_subcommand(CheckEndpoints::COMMAND, without_environment);
        let command = command.mut_subcommand(Watch::COMMAND, without_environment);
        let matches = command.get_matches_from(abbreviations::expand(std::env::args_os()));
        let mut cli = Self::from_arg_matches(&matches).unwrap_or_else(|error| error.exit());
        // A format in the environment applies only to runs.
        let has_format_option = matches.value_source("format") == Some(ValueSource::CommandLine);
        let mut command = cli.command.take();
        let merged = match &mut command {
            Some(Command::MatchImages(options)) => {
                cli.merge_match_images(options, has_format_option)
            }
            Some(Command::Check(options)) => cli.merge_check(options, has_format_option),
            Some(Command::Watch(options)) => cli.merge_watch(options, has_format_option),
            _ => Ok(()),
        };
        if let Err(problem) = merged {
            Self::command().error(ErrorKind::ArgumentConflict, problem).exit();
        }
        cli.command = command;
        if let Some(Command::Convert(options)) = &mut cli.command {
            cli.files.outfile = options.outfile.take().or(cli.files.outfile.take());
            options.no_run_info |= cli.no_run_info;
            if options.only.is_empty() {
                options.only.append(&mut cli.gather.only);
            }
        }
        if let Some(Command::Merge(options)) = &mut cli.command {
            cli.files.outfile = options.outfile.take().or(cli.files.outfile.take());
            cli.gather.fail_on = options.fail_on.or(cli.gather.fail_on);
            options.infile = options.infile.take().or(cli.files.infile.take());
            options.no_run_info |= cli.no_run_info;
        }
        if let Some(Command::Diff(options)) = &mut cli.command {
            cli.files.outfile = options.outfile.take().or(cli.files.outfile.take());
            if options.only.is_empty() {
                options.only.append(&mut cli.gather.only);
            }
        }
        cli
    }

    /// Merges the options before `match-images` with those after it, which take precedence. Fails if
    /// `match-images` does not support an option before it.
    fn merge_match_images(
        &mut self,
        options: &mut MatchImages,
        has_format_option: bool,
    ) -> Result<(), String> {
        self.merge(MatchImages::COMMAND, &mut options.files, &mut options.gather)?;
        match self.format.filter(|_| has_format_option) {
            None => {}
            Some(Format::Table) => options.format = options.format.or(Some(MatchFormat::Table)),
            Some(_) => {
                return Err(format!(
                    "{} supports only `--format json` (the default) and `--format table`",
                    MatchImages::COMMAND
                ));
            }
        }
        Ok(())
    }

    /// Merges the options before `check` with those after it, in the same way.
    fn merge_check(
        &mut self,
        options: &mut CheckEndpoints,
        has_format_option: bool,
    ) -> Result<(), String> {
        self.merge(CheckEndpoints::COMMAND, &mut options.files, &mut options.gather)?;
        match self.format.filter(|_| has_format_option) {
            None | Some(Format::Table) => Ok(()),
            Some(_) => Err(format!(
                "{} supports only `--format table` (the default) and `--format json`",
                CheckEndpoints::COMMAND
            )),
        }
    }

    /// Merges the options before `watch` with those after it, in the same way.
    fn merge_watch(&mut self, options: &mut Watch, has_format_option: bool) -> Result<(), String> {
        self.merge(Watch::COMMAND, &mut Files::default(), &mut options.gather)?;
        options.gather = self.gather.clone();
        options.state = options.state.take().or(self.state.take());
        if self.files.outfile.is_some() || has_format_option {
            return Err("watch writes events, to standard output or to the file of --events; --outfile and --format \
                        are not allowed before it"
                .to_owned());
        }
        Ok(())
    }

    /// Merges the options before a command that queries endpoints with those after it.
    fn merge(
        &mut self,
        command: &str,
        files: &mut Files,
        gather: &mut GatherOptions,
    ) -> Result<(), String> {
        let before = |option: &str| {
            format!("{option} is not allowed before {command}; see {command} --help")
        };
        if self.files.infile.is_some() {
            return Err(before("--infile"));
        }
        if self.list_modules {
            return Err(before("--list-modules"));
        }
        if self.find.is_some() {
            return Err(before("--find"));
        }
        if let Some(option) = self.formats.given() {
            return Err(before(option));
        }
        self.gather = std::mem::take(gather).or(std::mem::take(&mut self.gather));
        self.files.outfile = files.outfile.take().or(self.files.outfile.take());
        Ok(())
    }

    /// The value of `--fail-on` if it is not set. A person or a script that checks endpoints wants to know whether
    /// a check failed.
    pub(super) fn default_fail_on(&self) -> FailOn {
        match self.command {
            Some(Command::Check(_)) => FailOn::Any,
            _ => FailOn::default(),
        }
    }
}

/// Options of every command.
#[derive(Debug, Args)]
pub struct Common {
    /// Look for plugins in DIR instead of the installed folder; repeatable, an earlier folder takes
    /// precedence [e.g. --plugin-dir target/release]
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath, global = true)]
    pub plugin_dir: Vec<PathBuf>,

    /// Read the operator's file FILE [default: /etc/virtual-host-gatherer/config.toml]
    /// [e.g. --config ./config.toml]
    #[arg(
        long,
        value_name = "FILE",
        global = true,
        env = "VIRTUAL_HOST_GATHERER_CONFIG",
        hide_env = true
    )]
    pub config: Option<PathBuf>,

    /// Log more, on stderr and in the log file; repeatable [e.g. -vv]
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

/// The subcommands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Check step by step whether endpoints will work, without gathering them
    #[command(name = CheckEndpoints::COMMAND, after_help = CheckEndpoints::EXAMPLES)]
    Check(CheckEndpoints),
    /// Show the modules, their parameters and the plugins that were skipped
    #[command(after_help = "Example:\n  virtual-host-gatherer modules Libvirt")]
    Modules {
        /// Show only this module, with all its parameters
        name: Option<String>,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Report which containers run the images in a file, and whether they run the newest revision
    #[command(name = MatchImages::COMMAND, after_help = MatchImages::EXAMPLES)]
    MatchImages(MatchImages),
    /// Compare two documents: what a Manager would create, update and unlink
    #[command(name = Diff::COMMAND, after_help = Diff::EXAMPLES)]
    Diff(Diff),
    /// Print an inventory document in another format, without asking the endpoints again
    #[command(name = Convert::COMMAND, after_help = Convert::EXAMPLES)]
    Convert(Convert),
    /// Put the inventories of several runs together, for example those of the shards of a request
    #[command(name = Merge::COMMAND, after_help = Merge::EXAMPLES)]
    Merge(Merge),
    /// List and accept suspicious answers: those that lack more than `max_lost` of the last whole one
    #[command(subcommand)]
    Guard(GuardCommand),
    /// Ask endpoints again and again, and print what changed as events
    #[command(name = Watch::COMMAND, after_help = Watch::EXAMPLES)]
    Watch(Watch),
    /// Show when each endpoint was last gathered, and why one fails
    #[command(name = Status::COMMAND, after_help = Status::EXAMPLES)]
    Status(Status),
    /// Print a JSON Schema (2020-12)
    #[command(after_help = "Example:\n  virtual-host-gatherer schema inventory")]
    Schema {
        /// The document that the schema describes
        document: SchemaDocument,
    },
    /// Print completions for a shell
    #[command(after_help = COMPLETIONS_EXAMPLES)]
    Completions {
        /// The shell
        shell: CompletedShell,
    },
    /// Write the manual pages
    #[command(
        name = "man-pages",
        after_help = "Example:\n  virtual-host-gatherer man-pages /usr/local/share/man"
    )]
    ManPages {
        /// The folder for all sections; the pages are written to man1 and man5 in it
        #[arg(value_name = "DIR", value_hint = ValueHint::DirPath)]
        folder: PathBuf,
    },
    /// Inspect and verify plugin files
    #[command(subcommand)]
    Plugin(PluginCommand),
    /// The worker, which the program starts itself
    #[command(name = crate::run::protocol::WORKER_SUBCOMMAND, hide = true)]
    Worker {
        /// The process id of the runner
        runner: Option<u32>,
        /// The descriptor of the library
        descriptor: Option<i32>,
    },
}

/// The documents that have a JSON Schema.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum SchemaDocument {
    /// The output of `--format inventory`
    Inventory,
    /// One line of the output of `--format ndjson`
    Ndjson,
    /// One line of the output of `--find TEXT --format ndjson`
    Found,
    /// The output of `match-images`
    Matches,
    /// The output of `diff --format json`
    Diff,
    /// The output of `check --format json`
    Check,
    /// The output of `--format virt-who`
    VirtWho,
    /// The manifest of a plugin
    Manifest,
    /// The infile
    Request,
}

/// The shells that have completions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum CompletedShell {
    /// GNU Bash, with the package bash-completion
    Bash,
    /// Z shell
    Zsh,
    /// Fish
    Fish,
}

const COMPLETIONS_EXAMPLES: &str = "\
Examples:
  . <(virtual-host-gatherer completions bash)
      In this shell. `make install` and the packages install them for all users
  virtual-host-gatherer completions fish > ~/.config/fish/completions/virtual-host-gatherer.fish
      For your user";

const EXAMPLES: &str = "\
Examples:
  virtual-host-gatherer --list-modules
      The modules and parameters for the Manager's form
  echo '{\"module\": \"Libvirt\", \"uri\": \"test:///default\"}' | virtual-host-gatherer -i - --format table
      libvirt's built-in test hypervisor, as a table
  virtual-host-gatherer --infile - --logfile gatherer.log < endpoints.json
      The call of a Manager
  virtual-host-gatherer -i endpoints.json --format ndjson | jq -r '.hosts[].name'
      The names of hosts, as soon as each endpoint is finished
  virtual-host-gatherer -i endpoints.json --find 4c4c4544-0042 --format table
      The host, guest or pod with a part of this UUID, and where it runs
  virtual-host-gatherer -i endpoints.json -o hosts.json --timeout 60
      The result in a file, with a time limit of one minute for each endpoint
  virtual-host-gatherer -i endpoints.d/ --format table
      The endpoints of all files *.json in a folder

Exit status:
  0 the result was printed; endpoints may have failed
  1 --fail-on applies, or --find found nothing    2 wrong usage
  3 the infile, the config or a plugin folder cannot be used    4 internal error
  5 the result cannot be written to standard output or the outfile
  129, 130, 143 ended by SIGHUP, SIGINT, SIGTERM

Most options can also be set in the environment, as VIRTUAL_HOST_GATHERER_ and the option's name
(VIRTUAL_HOST_GATHERER_TIMEOUT=60); GATHERER_PLUGIN_PATH has plugin folders, separated by ':'.";
