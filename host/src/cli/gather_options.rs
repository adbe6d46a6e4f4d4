//! The options that say how endpoints are asked, wherever they stand.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueEnum};
use serde::Deserialize;

use crate::run::progress;

/// Which failures make the exit status 1.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum FailOn {
    /// None: a Manager throws everything away when the status is not 0.
    #[default]
    Never,
    /// At least one endpoint failed.
    Any,
    /// Every endpoint failed, and there was one.
    All,
}

impl FailOn {
    /// Whether so many failures of so many endpoints make the exit status 1.
    pub const fn applies(self, failed: usize, total: usize) -> bool {
        match self {
            Self::Never => false,
            Self::Any => failed > 0,
            Self::All => total > 0 && failed == total,
        }
    }
}

/// Where the endpoints are read from and the result goes.
#[derive(Debug, Args)]
pub struct Files {
    /// Read the endpoints from FILE; - is standard input [e.g. -i endpoints.json]
    #[arg(short, long, value_name = "FILE")]
    pub infile: Option<PathBuf>,

    /// Write the result to FILE, whole or not at all; - is standard output [e.g. -o hosts.json]
    #[arg(short, long, value_name = "FILE")]
    pub outfile: Option<PathBuf>,
}

/// How endpoints are asked, and when that is a failure.
#[derive(Debug, Clone, Default, Args)]
pub struct Asking {
    /// Ask only the endpoint of this id; repeatable [e.g. --only vcenter-1]
    #[arg(long, value_name = "ID")]
    pub only: Vec<String>,

    /// Ask N endpoints at once [default: 32] [e.g. --jobs 8]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=256),
        env = "VIRTUAL_HOST_GATHERER_JOBS", hide_env = true)]
    pub jobs: Option<u16>,

    /// Give up an endpoint after S seconds; its own `timeout` goes before [default: 300] [e.g.
    /// --timeout 60]
    #[arg(long, value_name = "S", value_parser = seconds,
        env = "VIRTUAL_HOST_GATHERER_TIMEOUT", hide_env = true)]
    pub timeout: Option<Duration>,

    /// Give up what is not answered after S seconds and print the rest; reading the infile counts
    /// too [default: none] [e.g. --run-timeout 900]
    #[arg(long, value_name = "S", value_parser = seconds,
        env = "VIRTUAL_HOST_GATHERER_RUN_TIMEOUT", hide_env = true)]
    pub run_timeout: Option<Duration>,

    /// Exit with status 1 if any or all endpoints failed [default: never] [e.g. --fail-on any]
    #[arg(long, value_name = "WHEN", env = "VIRTUAL_HOST_GATHERER_FAIL_ON", hide_env = true)]
    pub fail_on: Option<FailOn>,

    /// Show on stderr how far the run has come; `auto` is on a terminal [default: auto] [e.g.
    /// --progress always]
    #[arg(long, value_name = "WHEN", env = "VIRTUAL_HOST_GATHERER_PROGRESS", hide_env = true)]
    pub progress: Option<progress::When>,

    /// Let each worker have at most MIB MiB of data; 0 is no limit [default: 2048] [e.g.
    /// --worker-memory 512]
    #[arg(long, value_name = "MIB", env = "VIRTUAL_HOST_GATHERER_WORKER_MEMORY", hide_env = true)]
    pub worker_memory: Option<u64>,
}

impl Asking {
    /// These options, and where one is not given the other's.
    pub fn or(self, other: Self) -> Self {
        Self {
            only: if self.only.is_empty() { other.only } else { self.only },
            jobs: self.jobs.or(other.jobs),
            timeout: self.timeout.or(other.timeout),
            run_timeout: self.run_timeout.or(other.run_timeout),
            fail_on: self.fail_on.or(other.fail_on),
            progress: self.progress.or(other.progress),
            worker_memory: self.worker_memory.or(other.worker_memory),
        }
    }
}

/// A positive number of seconds, at most a week.
fn seconds(text: &str) -> Result<Duration, String> {
    parse_seconds(text.parse().ok())
}

/// The same for a number.
pub fn parse_seconds(seconds: Option<f64>) -> Result<Duration, String> {
    seconds
        .filter(|seconds| *seconds > 0.0 && *seconds <= crate::request::TIMEOUT_MAX_SECONDS)
        .map(Duration::from_secs_f64)
        .ok_or_else(|| "a number of seconds above 0 and at most a week is expected".to_owned())
}
