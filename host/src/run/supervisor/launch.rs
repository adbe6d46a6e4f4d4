//! What a worker is started with: its command line, its environment, its assignment.

use std::os::fd::AsRawFd as _;
use std::os::unix::process::CommandExt as _;
use std::process::{Command, Stdio};

use gatherer_plugin_api::GatherError;

use super::{Library, Memory, Settings};
use crate::request::Endpoint;
use crate::run::children::{Child, Children};
use crate::run::protocol::{Assignment, WORKER_SUBCOMMAND};

/// What a worker keeps of our environment, besides what its manifest lists.
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
const ENVIRONMENT_PREFIXES: [&str; 2] = ["XDG_", "KRB5"];

/// The error of an endpoint for which there is no process.
pub fn not_started(error: &std::io::Error) -> GatherError {
    GatherError::internal(format!("no worker can be started: {error}"))
        .with_hint("lower --jobs, or raise the limits on processes and open files")
}

/// The line that says what is to be done.
pub fn assign(
    endpoint: &Endpoint,
    operation: Option<&str>,
    library: &Library,
    settings: &Settings,
    memory: &Memory,
) -> Result<Vec<u8>, GatherError> {
    let mut assignment = serde_json::to_vec(&Assignment {
        plugin_path: library.path.clone(),
        manifest: library.manifest.clone(),
        // A worker that meets a limit of its own says so; one that meets the machine's is killed.
        memory_bytes: settings.worker_memory.map(|bytes| bytes.min(memory.limit().bytes)),
        open_files: settings.open_files,
        // A helper that the operator allowed runs as the operator wants it.
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

/// Starts the process.
pub fn start(library: &Library, children: &Children) -> std::io::Result<Child> {
    let kept = std::env::vars_os().filter(|(name, _)| {
        name.to_str().is_some_and(|name| {
            ENVIRONMENT.contains(&name)
                || ENVIRONMENT_PREFIXES.iter().any(|prefix| name.starts_with(prefix))
                || library.environment.iter().any(|listed| listed == name)
        })
    });
    // The link leads to the very file that runs now, whatever was installed since.
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
