//! The vendors' own clients: they read what our plugins read, and must agree with them.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use gatherer_plugin_api::model::{Guest, Host};
use serde::Deserialize;

/// A guest as a vendor's client read it. Sorted lists of these are compared with [`JudgedGuest::all_of`].
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct JudgedGuest {
    /// The name.
    pub name: String,
    /// The id by which a Manager identifies the guest.
    pub id: Option<String>,
    /// The name of its host, if it is on one.
    pub host: Option<String>,
    /// The state in the source's own word.
    pub state: Option<String>,
    /// Virtual CPUs.
    pub cpus: Option<u32>,
    /// The memory.
    pub memory_bytes: Option<u64>,
}

impl JudgedGuest {
    /// The guests of a module's answer, sorted. A guest on a synthetic host is on no host for the vendor.
    pub fn all_of(hosts: &[Host], detached: &[Guest]) -> Vec<Self> {
        let of_hosts = hosts.iter().flat_map(|host| {
            let name = (!host.synthetic).then_some(host.name.as_str());
            host.guests.iter().map(move |guest| Self::of(guest, name))
        });
        let mut all: Vec<_> =
            of_hosts.chain(detached.iter().map(|guest| Self::of(guest, None))).collect();
        all.sort();
        all
    }

    fn of(guest: &Guest, host: Option<&str>) -> Self {
        Self {
            name: guest.name.clone(),
            id: guest.id.clone(),
            host: host.map(str::to_owned),
            state: guest.source_state.clone(),
            cpus: guest.cpus,
            memory_bytes: guest.memory_bytes,
        }
    }
}

/// The Python environment with the vendors' clients.
#[derive(Debug)]
pub struct Judge {
    python: PathBuf,
}

impl Judge {
    /// The environment, or the reason why it is not available. It is prepared if necessary.
    pub fn new() -> Result<Self, String> {
        Ok(Self { python: prepared("judges")? })
    }

    /// A command that runs a script of `tests/judges`.
    pub fn command(&self, script: &str) -> Command {
        let mut command = self.python();
        command.arg(repository().join("tests/judges").join(script));
        command
    }

    /// A command that runs a module of a package.
    pub fn module(&self, name: &str) -> Command {
        let mut command = self.python();
        command.args(["-m", name]);
        command
    }

    fn python(&self) -> Command {
        let mut command = Command::new(&self.python);
        // The clients must not use the proxy of this machine, and write no files into the repository.
        for name in ["http_proxy", "https_proxy", "all_proxy"] {
            command.env_remove(name).env_remove(name.to_uppercase());
        }
        command.env("PYTHONDONTWRITEBYTECODE", "1").stdin(Stdio::null());
        command
    }

    /// Runs a script of `tests/judges`, which prints a JSON list of guests. Returns them sorted.
    ///
    /// # Panics
    ///
    /// If the script fails, with its error output.
    pub fn read(&self, script: &str, arguments: &[&str]) -> Vec<JudgedGuest> {
        let output = self.command(script).args(arguments).output().expect("Python can be started");
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{script}: {}\n{errors}", output.status);
        let mut guests: Vec<JudgedGuest> =
            serde_json::from_slice(&output.stdout).unwrap_or_else(|error| {
                let printed = String::from_utf8_lossy(&output.stdout);
                panic!("{script}: {error}: {printed}\n{errors}")
            });
        guests.sort();
        guests
    }
}

/// Prometheus's own checker of metrics and alert rules, or the reason why it is not available.
pub fn promtool() -> Result<Command, String> {
    Ok(Command::new(prepared("promtool")?))
}

/// The folder with kubectl of the newest Debian and kubernetes-validate, or the reason why they are not available.
pub fn manifest_judges() -> Result<PathBuf, String> {
    prepared("manifest-judges")
}

/// The program that this script in `scripts/servers/` prepares, or the reason why it cannot.
fn prepared(name: &str) -> Result<PathBuf, String> {
    if let Ok(reason) =
        std::env::var(format!("GATHERER_NO_{}", name.to_uppercase().replace('-', "_")))
    {
        return Err(reason);
    }
    let script = repository().join(format!("scripts/servers/{name}.sh"));
    let run = |arguments: &[&str]| {
        Command::new(&script)
            .args(arguments)
            .stdin(Stdio::null())
            .output()
            .expect("the script can be run")
    };
    let prepared = run(&[]);
    if !prepared.status.success() {
        let errors = String::from_utf8_lossy(&prepared.stderr);
        let reason = errors.lines().last().map(str::to_owned);
        return Err(reason.unwrap_or_else(|| format!("scripts/servers/{name}.sh failed")));
    }
    let path = String::from_utf8(run(&["--path"]).stdout).expect("the path is UTF-8");
    Ok(path.trim().into())
}

fn repository() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the crate is in the repository")
}
