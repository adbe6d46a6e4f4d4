//! The options of commands that query endpoints: input, output, and limits.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueEnum};
use serde::Deserialize;

use crate::request::ShardOption;
use crate::run::progress;

/// Which failures and missing collections make the exit status 1.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum FailOn {
    /// Never, because a Manager discards the whole result if the status is not 0.
    #[default]
    Never,
    /// At least one endpoint failed.
    Any,
    /// Every endpoint failed, and there was at least one.
    All,
    /// At least one endpoint failed, or a collection of one is missing.
    Incomplete,
}

impl FailOn {
    /// Whether the exit status is 1 if `failed` of `total` endpoints failed, and `incomplete` others have a missing
    /// collection.
    pub const fn applies(self, failed: usize, incomplete: usize, total: usize) -> bool {
        match self {
            Self::Never => false,
            Self::Any => failed > 0,
            Self::All => total > 0 && failed == total,
            Self::Incomplete => failed > 0 || incomplete > 0,
        }
    }
}

/// The input and output files.
#[derive(Debug, Default, Args)]
pub struct Files {
    /// Read the endpoints from FILE, or from every *.json of a folder; - is standard input [e.g. -i endpoints.json]
    #[arg(short, long, value_name = "FILE")]
    pub infile: Option<PathBuf>,

    /// Write the result to FILE, which is replaced only by a complete result; - is standard output [e.g.
    /// -o hosts.json]
    #[arg(short, long, value_name = "FILE")]
    pub outfile: Option<PathBuf>,
}

/// How endpoints are queried, and which failures change the exit status.
#[derive(Debug, Clone, Default, Args)]
pub struct GatherOptions {
    /// Query only the endpoint with this id; repeatable [e.g. --only vcenter-1]
    #[arg(long, value_name = "ID")]
    pub only: Vec<String>,

    /// Query only the endpoints of shard I of N, counted from 0; `auto` is the index of the pod in a Job of Kubernetes
    /// [default: all] [e.g. --shard 0/4]
    #[arg(long, value_name = "I/N", env = "VIRTUAL_HOST_GATHERER_SHARD", hide_env = true)]
    pub shard: Option<ShardOption>,

    /// Query N endpoints at the same time [default: 32] [e.g. --jobs 8]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=256),
        env = "VIRTUAL_HOST_GATHERER_JOBS", hide_env = true)]
    pub jobs: Option<u16>,

    /// Fail an endpoint after S seconds; its own `timeout` takes precedence [default: 300] [e.g.
    /// --timeout 60]
    #[arg(long, value_name = "S", value_parser = seconds,
        env = "VIRTUAL_HOST_GATHERER_TIMEOUT", hide_env = true)]
    pub timeout: Option<Duration>,

    /// Fail all unfinished endpoints after S seconds, counted from the start of the program, and print
    /// the rest [default: none] [e.g. --run-timeout 900]
    #[arg(long, value_name = "S", value_parser = seconds,
        env = "VIRTUAL_HOST_GATHERER_RUN_TIMEOUT", hide_env = true)]
    pub run_timeout: Option<Duration>,

    /// Exit with status 1 if any or all endpoints failed; `incomplete` means any, or one with a missing collection
    /// [default: never] [e.g. --fail-on any]
    #[arg(long, value_name = "WHEN", env = "VIRTUAL_HOST_GATHERER_FAIL_ON", hide_env = true)]
    pub fail_on: Option<FailOn>,

    /// Show the progress on stderr; `auto` means on a terminal [default: auto] [e.g. --progress always]
    #[arg(long, value_name = "WHEN", env = "VIRTUAL_HOST_GATHERER_PROGRESS", hide_env = true)]
    pub progress: Option<progress::When>,

    /// Limit the data memory of each worker to MIB MiB; 0 means no limit [default: 2048] [e.g.
    /// --worker-memory 512]
    #[arg(long, value_name = "MIB", env = "VIRTUAL_HOST_GATHERER_WORKER_MEMORY", hide_env = true)]
    pub worker_memory: Option<u64>,
}

impl GatherOptions {
    /// These options; those that are not set are taken from `other`.
    pub fn or(self, other: Self) -> Self {
        Self {
            only: if self.only.is_empty() { other.only } else { self.only },
            shard: self.shard.or(other.shard),
            jobs: self.jobs.or(other.jobs),
            timeout: self.timeout.or(other.timeout),
            run_timeout: self.run_timeout.or(other.run_timeout),
            fail_on: self.fail_on.or(other.fail_on),
            progress: self.progress.or(other.progress),
            worker_memory: self.worker_memory.or(other.worker_memory),
        }
    }
}

/// Parses a positive number of seconds, at most a week.
pub(super) fn seconds(text: &str) -> Result<Duration, String> {
    parse_seconds(text.parse().ok())
}

/// Checks a positive number of seconds, at most a week.
pub fn parse_seconds(seconds: Option<f64>) -> Result<Duration, String> {
    seconds
        .filter(|seconds| *seconds > 0.0 && *seconds <= crate::request::TIMEOUT_MAX_SECONDS)
        .map(Duration::from_secs_f64)
        .ok_or_else(|| "must be a number of seconds above 0 and at most a week".to_owned())
}
