//! The operator's file, and the one rule of precedence: command line, environment, file,
//! default. (clap puts the environment behind the command line.)

use std::collections::BTreeSet;
use std::io::{IsTerminal as _, Read as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use gatherer_plugin_api::Policy;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer};

use super::{Cli, Color, Common, FailOn, parse_seconds};
use crate::logging::{LogFilter, LogFormat, LogSettings};
use crate::output::format::Format;
use crate::plugins::{Folders, check_trust, folders};
use crate::process::RunLimit;
use crate::run::progress;

/// Where the operator's file lies; `make install` says otherwise for another `SYSCONFDIR`.
const DEFAULT_FILE: &str = match option_env!("GATHERER_CONFIG_FILE") {
    Some(path) => path,
    None => "/etc/virtual-host-gatherer/config.toml",
};

/// The longest operator's file, in bytes.
const MAX_BYTES: u64 = 1024 * 1024;

/// Why the operator's file cannot be used: one sentence.
#[derive(Debug, thiserror::Error)]
#[error("the config file {} {problem}", path.display())]
pub struct ConfigError {
    path: PathBuf,
    problem: String,
}

/// What the operator's file may say.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    format: Option<Format>,
    jobs: Option<u16>,
    timeout: Option<f64>,
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
    #[serde(default)]
    policy: PolicyTable,
}

/// What endpoints are allowed.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct PolicyTable {
    #[serde(default)]
    allow_exec: EndpointIds,
    #[serde(default)]
    allow_unverified_ssh: EndpointIds,
    #[serde(default, deserialize_with = "absolute")]
    credential_folders: Vec<String>,
    #[serde(default)]
    allow_machine_identity: bool,
    confine: Option<bool>,
}

/// The endpoints for which a key of the policy holds.
#[derive(Debug, Clone, Deserialize)]
#[serde(untagged, expecting = "expected \"all\" or a list of endpoint ids")]
enum EndpointIds {
    /// These.
    Ids(BTreeSet<String>),
    /// `"all"`.
    All(All),
}

#[derive(Debug, Clone, Deserialize)]
enum All {
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
            Self::All(All::All) => true,
        }
    }
}

/// What holds, from all four sources.
pub struct Settings {
    /// How the result is printed.
    pub format: Format,
    /// How many workers run at once.
    pub jobs: usize,
    /// How long an endpoint may take.
    pub timeout: Duration,
    /// How long the run may take.
    pub run_limit: Option<RunLimit>,
    /// How many bytes of data a worker may have.
    pub worker_memory: Option<u64>,
    /// Where plugins are looked for.
    pub folders: Folders,
    /// Which failures make the exit status 1.
    pub fail_on: FailOn,
    /// When to use colors.
    pub color: Color,
    /// When to show how far the run has come.
    pub progress: progress::When,
    config_path: PathBuf,
    log_file: Option<PathBuf>,
    log_format: LogFormat,
    log_filter: LogFilter,
    verbosity: u8,
    policy: PolicyTable,
}

impl Settings {
    /// Reads the operator's file and puts the sources together.
    pub fn read(cli: &Cli) -> Result<Self, ConfigError> {
        let Common { plugin_dir, config, verbose, logfile, log_format, log_filter, color } =
            &cli.common;
        let config_path = config.clone().unwrap_or_else(|| DEFAULT_FILE.into());
        let file = match read(&config_path) {
            Ok(Some(file)) => file,
            Ok(None) if config.is_none() => File::default(),
            Ok(None) => {
                return Err(ConfigError { path: config_path, problem: "does not exist".into() });
            }
            Err(problem) => return Err(ConfigError { path: config_path, problem }),
        };
        let wrong = |key: &str, problem: &str| ConfigError {
            path: config_path.clone(),
            problem: format!("has a wrong {key}: {problem}"),
        };
        let seconds = |key: &str, value: Option<f64>| {
            value
                .map(|value| parse_seconds(Some(value)))
                .transpose()
                .map_err(|problem| wrong(key, &problem))
        };
        let timeout = seconds("timeout", file.timeout)?;
        let run_timeout = seconds("run_timeout", file.run_timeout)?;
        if file.jobs.is_some_and(|jobs| !(1..=256).contains(&jobs)) {
            return Err(wrong("jobs", "a number from 1 to 256 is expected"));
        }
        let memory_mib = cli.asking.worker_memory.or(file.worker_memory).unwrap_or(2048);
        Ok(Self {
            format: cli.format.or(file.format).unwrap_or(Format::Gatherer),
            jobs: cli.asking.jobs.or(file.jobs).unwrap_or(32).into(),
            timeout: cli.asking.timeout.or(timeout).unwrap_or(Duration::from_mins(5)),
            run_limit: cli.asking.run_timeout.or(run_timeout).map(RunLimit::from_now),
            worker_memory: (memory_mib > 0).then(|| memory_mib.saturating_mul(1024 * 1024)),
            folders: folders(plugin_dir, &file.plugin_dirs.unwrap_or_default()),
            fail_on: cli.asking.fail_on.or(file.fail_on).unwrap_or_default(),
            color: color.or(file.color).unwrap_or_default(),
            progress: cli.asking.progress.or(file.progress).unwrap_or_default(),
            config_path,
            log_file: logfile.clone().or(file.logfile),
            log_format: log_format.or(file.log_format).unwrap_or_default(),
            log_filter: log_filter.clone().or(file.log_filter).unwrap_or_default(),
            verbosity: *verbose,
            policy: file.policy,
        })
    }

    /// Where the log goes while it is not known what the operator's file says.
    pub fn first_logging(cli: &Cli) -> LogSettings {
        let Common { verbose, logfile, log_format, log_filter, color, .. } = &cli.common;
        LogSettings {
            file: log_file(logfile.as_deref()),
            format: log_format.unwrap_or_default(),
            verbosity: *verbose,
            filter: log_filter.clone().unwrap_or_default(),
            color: *color == Some(Color::Always),
        }
    }

    /// Where the log goes.
    pub fn logging(&self) -> LogSettings {
        LogSettings {
            file: log_file(self.log_file.as_deref()),
            format: self.log_format,
            verbosity: self.verbosity,
            filter: self.log_filter.clone(),
            color: self.use_color(std::io::stderr().is_terminal()),
        }
    }

    /// Whether to use colors on something that is a terminal or is not.
    pub fn use_color(&self, terminal: bool) -> bool {
        match self.color {
            Color::Always => true,
            Color::Never => false,
            Color::Auto => {
                terminal && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
            }
        }
    }

    /// Whether workers keep their plugins away from other processes.
    pub fn confine(&self) -> bool {
        self.policy.confine.unwrap_or(true)
    }

    /// What the endpoint of an id is allowed.
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

/// Folders that mean the same wherever the program is started.
fn absolute<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    let folders = Vec::<String>::deserialize(deserializer)?;
    match folders.iter().find(|folder| !folder.starts_with('/')) {
        None => Ok(folders),
        Some(folder) => {
            Err(D::Error::custom(format!("credential_folders: {folder:?} does not begin with /")))
        }
    }
}

/// The file's contents; `None` if there is none. An error is a sentence without its subject.
fn read(path: &Path) -> Result<Option<File>, String> {
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
    check_trust(&file, &metadata).map_err(|why| format!("is not trusted: {why}"))?;
    let mut text = String::new();
    file.take(MAX_BYTES)
        .read_to_string(&mut text)
        .map_err(|error| format!("cannot be read: {error}"))?;
    toml::from_str(&text).map(Some).map_err(|error| {
        let line = error.span().map_or(1, |span| text[..span.start].matches('\n').count() + 1);
        format!("cannot be used: line {line}: {}", error.message())
    })
}

/// The log file, and whether it was asked for.
fn log_file(asked_for: Option<&Path>) -> Option<(PathBuf, bool)> {
    match asked_for {
        Some(path) => Some((path.to_owned(), true)),
        None => default_log_file().map(|path| (path, false)),
    }
}

/// The classic program's log file.
fn default_log_file() -> Option<PathBuf> {
    if rustix::process::geteuid().is_root() {
        return Some("/var/log/gatherer.log".into());
    }
    std::env::home_dir().map(|home| home.join("gatherer.log"))
}
