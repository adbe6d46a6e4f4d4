//! Starting a worker: its command line, its environment and its assignment.

use std::os::fd::AsRawFd as _;
use std::os::unix::process::CommandExt as _;
use std::process::{Command, Stdio};

use gatherer_plugin_api::GatherError;

use super::{Library, Memory, SupervisorSettings};
use crate::request::Endpoint;
use crate::run::children::{Child, Children};
use crate::run::protocol::{Assignment, WORKER_SUBCOMMAND};

/// The environment variables that a worker gets, in addition to those that its manifest lists.
const ENVIRONMENT: [&str; 11] = [
    "PATH",
    "HOME",
    "USER",
    "LOGNAME",
    "TMPDIR",
    "TZ",
    "SSH_AUTH_SOCK",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "RES_OPTIONS",
    "HOSTALIASES",
];
/// Prefixes of further environment variables that a worker gets.
const ENVIRONMENT_PREFIXES: [&str; 2] = ["XDG_", "KRB5"];

/// The error of an endpoint whose worker could not be started.
pub fn not_started(error: &std::io::Error) -> GatherError {
    GatherError::internal(format!("no worker can be started: {error}"))
        .with_hint("lower --jobs, or raise the limits on processes and open files")
}

/// The assignment of a worker, as a line of JSON.
pub fn assign(
    endpoint: &Endpoint,
    operation: Option<&str>,
    library: &Library,
    settings: &SupervisorSettings,
    memory: &Memory,
) -> Result<Vec<u8>, GatherError> {
    let mut assignment = serde_json::to_vec(&Assignment {
        plugin_path: library.path.clone(),
        manifest: library.manifest.clone(),
        // A worker that reaches its own limit can report that; one that reaches the machine's is killed.
        memory_bytes: settings.worker_memory.map(|bytes| bytes.min(memory.limit().bytes)),
        open_files: settings.open_files,
        // A program that the operator allowed the plugin to run must not be confined.
        confined: settings.confine && !endpoint.request.options.policy.allow_exec,
        operation: operation.map(str::to_owned),
        request: endpoint.request.clone(),
        references: endpoint.references.clone(),
        secrets: endpoint.redactor.secrets(),
    })
    .map_err(|_| GatherError::internal("the request is not JSON"))?;
    assignment.push(b'\n');
    Ok(assignment)
}

/// Starts the process of a worker.
pub fn start(library: &Library, children: &Children) -> std::io::Result<Child> {
    let kept = std::env::vars_os().filter(|(name, _)| {
        name.to_str().is_some_and(|name| {
            ENVIRONMENT.contains(&name)
                || ENVIRONMENT_PREFIXES.iter().any(|prefix| name.starts_with(prefix))
                || library.environment.iter().any(|listed| listed == name)
        })
    });
    // This link refers to the file that is running, even if another version was installed meanwhile.
    let mut command = Command::new("/proc/self/exe");
    command
        .arg0("virtual-host-gatherer")
        .arg(WORKER_SUBCOMMAND)
        .arg(std::process::id().to_string())
        .arg(library.descriptor.as_raw_fd().to_string())
        .env_clear()
        .envs(kept)
        .env("LC_ALL", "C.UTF-8")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    children.spawn(&mut command)
}
