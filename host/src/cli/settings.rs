//! The operator's file, and the settings of a run. Precedence: command line, environment, file, default.
//! (clap merges the environment into the command line.)

use std::collections::BTreeSet;
use std::io::{IsTerminal as _, Read as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use gatherer_plugin_api::Policy;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer};

use super::{Cli, Color, Common, FailOn, file_mistakes, parse_seconds};
use crate::logging::{LogFilter, LogFormat, LogSettings};
use crate::output::changes::lost::MaxLost;
use crate::output::filters::{FilterOption, Filters};
use crate::output::format::Format;
use crate::plugins::{PluginFolders, check_trust, folders};
use crate::process::RunLimit;
use crate::request::filter_option;
use crate::run::progress;

/// The path of the operator's file. `make install` changes it for another `SYSCONFDIR`.
pub const DEFAULT_FILE: &str = match option_env!("GATHERER_CONFIG_FILE") {
    Some(path) => path,
    None => "/etc/virtual-host-gatherer/config.toml",
};

/// The maximum size of the operator's file, in bytes.
const MAX_BYTES: u64 = 1024 * 1024;

/// The operator's file cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("the config file {} {problem}", path.display())]
pub struct ConfigError {
    path: PathBuf,
    problem: String,
}

impl ConfigError {
    /// The path of the operator's file.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

/// The keys of the operator's file.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct OperatorFile {
    format: Option<Format>,
    jobs: Option<u16>,
    timeout: Option<f64>,
    interval: Option<f64>,
    run_timeout: Option<f64>,
    worker_memory: Option<u64>,
    plugin_dirs: Option<Vec<PathBuf>>,
    fail_on: Option<FailOn>,
    #[serde(rename = "log_file")]
    logfile: Option<PathBuf>,
    log_format: Option<LogFormat>,
    log_filter: Option<LogFilter>,
    color: Option<Color>,
    progress: Option<progress::When>,
    #[serde(default, deserialize_with = "include")]
    include: Option<FilterOption>,
    #[serde(default, deserialize_with = "exclude")]
    exclude: Option<FilterOption>,
    state: Option<PathBuf>,
    max_lost: Option<MaxLost>,
    #[serde(default)]
    policy: PolicyTable,
}

fn include<'de, D: Deserializer<'de>>(value: D) -> Result<Option<FilterOption>, D::Error> {
    filter_option::deserialize_option("include", value)
}

fn exclude<'de, D: Deserializer<'de>>(value: D) -> Result<Option<FilterOption>, D::Error> {
    filter_option::deserialize_option("exclude", value)
}

/// The table `[policy]`: what endpoints are allowed to do.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct PolicyTable {
    #[serde(default)]
    allow_exec: EndpointIds,
    #[serde(default)]
    allow_unverified_ssh: EndpointIds,
    #[serde(default, deserialize_with = "absolute_folders")]
    credential_folders: Vec<String>,
    #[serde(default)]
    allow_machine_identity: bool,
    confine: Option<bool>,
}

/// The endpoints to which a key of the policy applies.
#[derive(Debug, Clone, Deserialize)]
#[serde(untagged, expecting = "expected \"all\" or a list of endpoint ids")]
enum EndpointIds {
    /// The endpoints with these ids.
    Ids(BTreeSet<String>),
    /// All endpoints.
    All(AllEndpoints),
}

/// The word `"all"`.
#[derive(Debug, Clone, Deserialize)]
enum AllEndpoints {
    #[serde(rename = "all")]
    All,
}

impl Default for EndpointIds {
    fn default() -> Self {
        Self::Ids(BTreeSet::new())
    }
}

impl EndpointIds {
    fn contains(&self, id: &str) -> bool {
        match self {
            Self::Ids(ids) => ids.contains(id),
            Self::All(AllEndpoints::All) => true,
        }
    }
}

/// The settings of a run, from all four sources.
pub struct Settings {
    /// The output format.
    pub format: Format,
    /// How many workers run at the same time.
    pub jobs: usize,
    /// The time limit for an endpoint.
    pub timeout: Duration,
    /// The time between two rounds of an endpoint of `watch`, if the operator's file sets it.
    pub interval: Option<Duration>,
    /// The time limit for the run.
    pub run_limit: Option<RunLimit>,
    /// The data memory limit of a worker, in bytes.
    pub worker_memory: Option<u64>,
    /// The folders that are searched for plugins.
    pub folders: PluginFolders,
    /// Which failures make the exit status 1.
    pub fail_on: FailOn,
    /// When to use colors.
    pub color: Color,
    /// When to show the progress.
    pub progress: progress::When,
    /// The filters of an endpoint that has none.
    pub filters: Filters,
    /// The state folder.
    pub state: Option<PathBuf>,
    /// How much an endpoint may lose that has no such option.
    pub max_lost: Option<MaxLost>,
    /// The path of the operator's file.
    pub config_path: PathBuf,
    log_file: Option<PathBuf>,
    log_format: LogFormat,
    log_filter: LogFilter,
    verbosity: u8,
    policy: PolicyTable,
}

impl Settings {
    /// Reads the operator's file and combines the sources.
    pub fn read(cli: &Cli) -> Result<Self, ConfigError> {
        let Common { plugin_dir, config, verbose, logfile, log_format, log_filter, color } =
            &cli.common;
        let config_path = config.clone().unwrap_or_else(|| DEFAULT_FILE.into());
        let file = match read(&config_path) {
            Ok(Some(file)) => file,
            Ok(None) if config.is_none() => OperatorFile::default(),
            Ok(None) => {
                return Err(ConfigError { path: config_path, problem: "does not exist".into() });
            }
            Err(problem) => return Err(ConfigError { path: config_path, problem }),
        };
        let invalid = |key: &str, problem: &str| ConfigError {
            path: config_path.clone(),
            problem: format!("has an invalid {key}: {problem}"),
        };
        let seconds = |key: &str, value: Option<f64>| {
            value
                .map(|value| parse_seconds(Some(value)))
                .transpose()
                .map_err(|problem| invalid(key, &problem))
        };
        let timeout = seconds("timeout", file.timeout)?;
        let interval = seconds("interval", file.interval)?;
        let run_timeout = seconds("run_timeout", file.run_timeout)?;
        if file.jobs.is_some_and(|jobs| !(1..=256).contains(&jobs)) {
            return Err(invalid("jobs", "must be a number from 1 to 256"));
        }
        let memory_mib = cli.gather.worker_memory.or(file.worker_memory).unwrap_or(2048);
        Ok(Self {
            format: cli.format.or(file.format).unwrap_or(Format::Gatherer),
            jobs: cli.gather.jobs.or(file.jobs).unwrap_or(32).into(),
            timeout: cli.gather.timeout.or(timeout).unwrap_or(Duration::from_mins(5)),
            interval,
            run_limit: cli.gather.run_timeout.or(run_timeout).map(RunLimit::from_now),
            worker_memory: (memory_mib > 0).then(|| memory_mib.saturating_mul(1024 * 1024)),
            folders: folders(plugin_dir, &file.plugin_dirs.unwrap_or_default()),
            fail_on: cli.gather.fail_on.or(file.fail_on).unwrap_or_else(|| cli.default_fail_on()),
            color: color.or(file.color).unwrap_or_default(),
            progress: cli.gather.progress.or(file.progress).unwrap_or_default(),
            filters: Filters {
                include: file.include.unwrap_or_default(),
                exclude: file.exclude.unwrap_or_default(),
            },
            state: cli.state.clone().or(file.state),
            max_lost: file.max_lost,
            config_path,
            log_file: logfile.clone().or(file.logfile),
            log_format: log_format.or(file.log_format).unwrap_or_default(),
            log_filter: log_filter.clone().or(file.log_filter).unwrap_or_default(),
            verbosity: *verbose,
            policy: file.policy,
        })
    }

    /// The settings for logging if the operator's file cannot be used.
    pub fn fallback_logging(cli: &Cli) -> LogSettings {
        let Common { verbose, logfile, log_format, log_filter, color, .. } = &cli.common;
        LogSettings {
            file: log_file(logfile.as_deref()),
            format: log_format.unwrap_or_default(),
            verbosity: *verbose,
            filter: log_filter.clone().unwrap_or_default(),
            color: *color == Some(Color::Always),
        }
    }

    /// The settings for logging.
    pub fn logging(&self) -> LogSettings {
        LogSettings {
            file: log_file(self.log_file.as_deref()),
            format: self.log_format,
            verbosity: self.verbosity,
            filter: self.log_filter.clone(),
            color: self.use_color(std::io::stderr().is_terminal()),
        }
    }

    /// Whether to use colors; `is_terminal` describes the output.
    pub fn use_color(&self, is_terminal: bool) -> bool {
        match self.color {
            Color::Always => true,
            Color::Never => false,
            Color::Auto => {
                is_terminal && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
            }
        }
    }

    /// Whether workers isolate their plugins from other processes.
    pub fn confine(&self) -> bool {
        self.policy.confine.unwrap_or(true)
    }

    /// A function that returns what the endpoint with an id is allowed to do.
    pub fn policy(&self) -> Box<dyn Fn(&str) -> Policy> {
        let config_file = self.config_path.display().to_string();
        let allow_exec = self.policy.allow_exec.clone();
        let allow_unverified_ssh = self.policy.allow_unverified_ssh.clone();
        let credential_folders = self.policy.credential_folders.clone();
        let allow_machine_identity = self.policy.allow_machine_identity;
        Box::new(move |id| Policy {
            config_file: config_file.clone(),
            allow_exec: allow_exec.contains(id),
            allow_unverified_ssh: allow_unverified_ssh.contains(id),
            credential_folders: credential_folders.clone(),
            allow_machine_identity,
        })
    }
}

/// Deserializes a list of absolute folders. A relative one would depend on the working directory.
fn absolute_folders<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    let folders = Vec::<String>::deserialize(deserializer)?;
    match folders.iter().find(|folder| !folder.starts_with('/')) {
        None => Ok(folders),
        Some(folder) => Err(D::Error::custom(format!(
            "credential_folders: {folder:?} must be an absolute path"
        ))),
    }
}

/// Reads the operator's file; `None` if it does not exist. The error is a message without its subject.
fn read(path: &Path) -> Result<Option<OperatorFile>, String> {
    use std::os::unix::fs::OpenOptionsExt as _;
    let opened = std::fs::File::options()
        .read(true)
        .custom_flags(libc::O_NONBLOCK | libc::O_NOCTTY)
        .open(path);
    let file = match opened {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(format!("cannot be opened: {error}")),
    };
    let metadata = file.metadata().map_err(|error| format!("cannot be inspected: {error}"))?;
    if !metadata.is_file() {
        return Err("is not a regular file".into());
    }
    check_trust(&file, &metadata).map_err(|reason| format!("is not trusted: {reason}"))?;
    let mut text = String::new();
    file.take(MAX_BYTES)
        .read_to_string(&mut text)
        .map_err(|error| format!("cannot be read: {error}"))?;
    parse(&text).map(Some)
}

/// Parses the operator's file. The error is a message without its subject.
pub(super) fn parse(text: &str) -> Result<OperatorFile, String> {
    toml::from_str(text).map_err(|error| file_mistakes::explain(text, &error))
}

/// The log file, and whether it was configured.
fn log_file(configured: Option<&Path>) -> Option<(PathBuf, bool)> {
    match configured {
        Some(path) => Some((path.to_owned(), true)),
        None => default_log_file().map(|path| (path, false)),
    }
}

/// The default log file, which is that of the classic program.
fn default_log_file() -> Option<PathBuf> {
    if rustix::process::geteuid().is_root() {
        return Some("/var/log/gatherer.log".into());
    }
    std::env::home_dir().map(|home| home.join("gatherer.log"))
}
