//! A simulator of vCenter and ESXi: vcsim, with pages, over TLS.
//!
//! `scripts/servers/vcsim.sh` builds the program. It checks user and password, and ends with the test.

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use gatherer_plugin_support::testing::Authority;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::{Watcher, tail};

/// The user.
pub const USER: &str = "inventory@vsphere.local";
/// The password of the user. It has characters that XML escapes.
pub const PASSWORD: &str = "correct-<horse>&battery";

/// The inventory of a simulator.
#[derive(Debug, Clone, Copy)]
pub struct VcsimOptions {
    /// Whether it is a single ESXi host, not a vCenter.
    pub is_esxi: bool,
    /// The number of clusters.
    pub clusters: usize,
    /// The number of hosts in each cluster.
    pub cluster_hosts: usize,
    /// The number of hosts in no cluster.
    pub hosts: usize,
    /// The number of virtual machines in each cluster, and on each host in no cluster.
    pub guests: usize,
    /// The most objects of a page, whatever a client asks for.
    pub page_size: usize,
}

impl Default for VcsimOptions {
    /// A vCenter with 4 hosts and 20 virtual machines, in several pages.
    fn default() -> Self {
        Self { is_esxi: false, clusters: 1, cluster_hosts: 3, hosts: 1, guests: 10, page_size: 7 }
    }
}

/// A running simulator. It ends when this is dropped or the test dies.
#[derive(Debug)]
pub struct Vcsim {
    process: Child,
    port: u16,
    hosts: usize,
    guests: usize,
    folder: TempDir,
    _watcher: Watcher,
}

/// The path of the program, or the reason why it cannot run on this machine.
pub fn available() -> Result<PathBuf, String> {
    // `make test` sets this variable if it cannot run.
    if let Some(reason) = std::env::var_os("GATHERER_NO_VCSIM") {
        return Err(reason.to_string_lossy().into_owned());
    }
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../scripts/servers/vcsim.sh");
    let output = Command::new(&script)
        .arg("--path")
        .output()
        .map_err(|error| format!("{}: {error}", script.display()))?;
    if output.status.success() {
        return Ok(PathBuf::from(String::from_utf8_lossy(&output.stdout).trim()));
    }
    Err("vcsim is not prepared: run scripts/servers/vcsim.sh first".to_owned())
}

impl Vcsim {
    /// Starts a simulator and waits until it listens. The error is a reason to skip the test. Panics if the machine can
    /// run simulators but this one does not start.
    pub fn start(options: &VcsimOptions) -> Result<Self, String> {
        let program = available()?;
        let folder = tempfile::Builder::new().prefix("vcsim-").tempdir().expect("a folder");
        let watcher = Watcher::start().expect("a shell starts");
        watcher.folder(folder.path());
        let authority = Authority::new("The authority of vcsim");
        let identity = authority.identity(&["127.0.0.1", "localhost"]);
        let file = |name: &str, text: &str| {
            let path = folder.path().join(name);
            std::fs::write(&path, text).expect("the folder is writable");
            path
        };
        let mut command = Command::new(&program);
        command
            .arg("-certificate")
            .arg(file("server.crt", &identity.certificate_pem()))
            .arg("-key")
            .arg(file("server.key", &identity.key_pem()))
            .args(["-user", USER, "-password", PASSWORD])
            .arg(format!("-esxi={}", options.is_esxi));
        file("ca.crt", authority.pem());
        for (name, value) in [
            ("clusters", options.clusters),
            ("cluster-hosts", options.cluster_hosts),
            ("hosts", options.hosts),
            ("guests", options.guests),
            ("page-size", options.page_size),
        ] {
            command.arg(format!("-{name}={value}"));
        }
        let log = std::fs::File::create(folder.path().join("log")).expect("a file");
        // The simulated datastores are folders in the temporary folder.
        command.env("TMPDIR", folder.path()).stdout(Stdio::piped()).stderr(log);
        let mut process = watcher.spawn(&mut command).expect("the program is built");
        let stdout = process.stdout.take().expect("stdout is a pipe");
        let mut line = String::new();
        let _ = BufReader::new(stdout).read_line(&mut line);
        let numbers = numbers_of(&line);
        let Some((port, hosts, guests)) = numbers else {
            let _ = process.kill();
            panic!("vcsim did not start: {line}{}", tail(&folder.path().join("log")));
        };
        Ok(Self { process, port, hosts, guests, folder, _watcher: watcher })
    }

    /// The port on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The number of hosts.
    pub fn hosts(&self) -> usize {
        self.hosts
    }

    /// The number of virtual machines.
    pub fn guests(&self) -> usize {
        self.guests
    }

    /// The file with the certificate authority.
    pub fn ca_file(&self) -> String {
        self.folder.path().join("ca.crt").display().to_string()
    }

    /// Its log, for the message of a failed test.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }

    /// The endpoint for a request.
    pub fn endpoint(&self) -> Value {
        json!({
            "id": "vcenter",
            "module": "VMware",
            "hostname": "127.0.0.1",
            "port": self.port,
            "username": USER,
            "password": PASSWORD,
            "ca_file": self.ca_file(),
        })
    }

    /// The arguments of `tests/judges/vmware.py`.
    pub fn judge_arguments(&self) -> Vec<String> {
        let port = self.port.to_string();
        vec!["127.0.0.1".to_owned(), port, USER.to_owned(), PASSWORD.to_owned(), self.ca_file()]
    }
}

impl Drop for Vcsim {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// The port and the numbers of hosts and guests in the line that the simulator prints.
fn numbers_of(line: &str) -> Option<(u16, usize, usize)> {
    let rest = line.trim().strip_prefix("listening on 127.0.0.1:")?;
    let (port, rest) = rest.split_once(" with ")?;
    let (hosts, rest) = rest.split_once(" hosts and ")?;
    let guests = rest.strip_suffix(" guests")?;
    Some((port.parse().ok()?, hosts.parse().ok()?, guests.parse().ok()?))
}
