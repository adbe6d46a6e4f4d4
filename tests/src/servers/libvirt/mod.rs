//! Real libvirt daemons: libvirtd with QEMU (TCG) and sshd, without systemd, several on one machine.
//!
//! `scripts/servers/libvirt.sh` unpacks the programs. Each daemon has its own mount and process
//! namespaces, which need root, and its own folder, ports, host UUID and certificates.

mod counting_proxy;
mod daemon_files;

use std::fmt::Write as _;
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use super::{Watcher, free_port, tail};
use crate::processes;

pub use counting_proxy::{CountingProxy, READ_ONLY};
use daemon_files::Ports;
pub use daemon_files::{guest, guest_name};

/// The SASL user, if the daemon requires SASL.
pub const USER: &str = "inventory";
/// The password of the SASL user.
pub const PASSWORD: &str = "correct-horse-battery";

const START: &str = include_str!("start.sh");
/// The longest wait until a daemon listens on its ports.
const STARTUP_TIMEOUT: Duration = Duration::from_secs(30);

/// The SASL mechanism with which a daemon checks users and passwords.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mechanism {
    /// Used over TCP, because the mechanism itself encrypts the connection.
    DigestMd5,
    /// Used over TLS.
    ScramSha256,
    /// Used over TLS.
    Plain,
}

impl Mechanism {
    const fn as_str(self) -> &'static str {
        match self {
            Self::DigestMd5 => "digest-md5",
            Self::ScramSha256 => "scram-sha-256",
            Self::Plain => "plain",
        }
    }
}

/// The configuration of a daemon.
#[derive(Debug, Clone)]
pub struct LibvirtdOptions {
    /// The SASL mechanism, if the daemon requires a user and a password. The unix socket never does.
    pub sasl: Option<Mechanism>,
    /// Whether an sshd runs beside the daemon.
    pub ssh: bool,
    /// Whether the daemon requires a client certificate, which is libvirtd's default.
    pub client_certificate: bool,
    /// The distinguished names of the allowed client certificates; `None` allows all certificates
    /// of the daemon's authority.
    pub allowed_clients: Option<Vec<&'static str>>,
    /// The host names and addresses in the daemon's certificate.
    pub certificate_names: Vec<&'static str>,
    /// The number of guests that are defined from the start, all shut off. [`guest_name`] gives
    /// their names.
    pub guests: usize,
}

impl Default for LibvirtdOptions {
    fn default() -> Self {
        Self {
            sasl: None,
            ssh: false,
            client_certificate: false,
            allowed_clients: None,
            certificate_names: vec!["127.0.0.1"],
            guests: 0,
        }
    }
}

/// A running daemon. It ends with its guests when this is dropped or the test dies.
#[derive(Debug)]
pub struct Libvirtd {
    namespaces: Child,
    /// The daemon ends when this pipe is closed: see `start.sh`.
    stdin: Option<ChildStdin>,
    uuid: String,
    ports: Ports,
    root: PathBuf,
    folder: TempDir,
    _watcher: Watcher,
}

/// The root folder of the daemons, or the reason why they cannot run on this machine.
pub fn available() -> Result<PathBuf, String> {
    // `make test` sets this variable if they cannot run.
    if let Some(reason) = std::env::var_os("GATHERER_NO_LIBVIRT") {
        return Err(reason.to_string_lossy().into_owned());
    }
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../scripts/servers/libvirt.sh");
    let output = Command::new(&script)
        .arg("--path")
        .output()
        .map_err(|error| format!("{}: {error}", script.display()))?;
    if output.status.success() {
        return Ok(PathBuf::from(String::from_utf8_lossy(&output.stdout).trim()));
    }
    if output.status.code() == Some(3) {
        return Err(String::from_utf8_lossy(&output.stderr).trim().to_owned());
    }
    Err("libvirt daemons are not prepared: run scripts/servers/libvirt.sh first".to_owned())
}

impl Libvirtd {
    /// Starts a daemon and waits until it listens. The error is a reason to skip the test. Panics if
    /// the machine can run daemons but this one does not start.
    pub fn start(options: &LibvirtdOptions) -> Result<Self, String> {
        let root = available()?;
        for _ in 0..3 {
            if let Some(daemon) = Self::attempt(&root, options) {
                return Ok(daemon);
            }
        }
        panic!("another process took the daemon's port three times");
    }

    /// Starts a daemon; `None` if another process took one of its ports meanwhile.
    fn attempt(root: &Path, options: &LibvirtdOptions) -> Option<Self> {
        let folder = tempfile::Builder::new().prefix("libvirtd-").tempdir().expect("a folder");
        let watcher = Watcher::start().expect("a shell starts");
        watcher.folder(folder.path());
        let ports = Ports { tcp: free_port(), tls: free_port(), ssh: free_port() };
        let uuid = format!("11111111-2222-4333-8444-{:08x}{:04x}", std::process::id(), ports.tcp);
        daemon_files::write(folder.path(), options, ports, &uuid);
        let shared = root.parent().expect("a folder in the cache").join("capabilities");
        std::fs::create_dir_all(&shared).expect("the cache can be written to");

        let log = std::fs::File::create(folder.path().join("out")).expect("a file");
        let mut namespaces = Command::new("unshare")
            .args([
                "--mount",
                "--pid",
                "--fork",
                "--propagation",
                "private",
                "sh",
                "-c",
                START,
                "sh",
            ])
            .args([root, folder.path(), &shared])
            .env_clear()
            .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
            .env("LC_ALL", "C")
            .stdin(Stdio::piped())
            .stdout(log.try_clone().expect("a descriptor"))
            .stderr(log)
            .process_group(0)
            .spawn()
            .expect("unshare can be started, because the script has used it");
        let stdin = namespaces.stdin.take();
        let root = root.to_owned();
        let mut daemon = Self { namespaces, stdin, uuid, ports, root, folder, _watcher: watcher };
        daemon.wait_for_ports(options).then_some(daemon)
    }

    /// Waits until the daemon listens on all ports. False if one of them is in use.
    fn wait_for_ports(&mut self, options: &LibvirtdOptions) -> bool {
        let until = Instant::now() + STARTUP_TIMEOUT;
        let mut ports = vec![self.ports.tcp, self.ports.tls];
        if options.ssh {
            ports.push(self.ports.ssh);
        }
        loop {
            let open = |port: &u16| TcpStream::connect((Ipv4Addr::LOCALHOST, *port)).is_ok();
            if UnixStream::connect(self.socket()).is_ok() && ports.iter().all(open) {
                return true;
            }
            let log = self.log();
            if log.contains("Address already in use") {
                return false;
            }
            let ended = self.namespaces.try_wait().expect("a child can be waited for");
            assert!(
                ended.is_none() && Instant::now() < until,
                "libvirtd did not start ({ended:?}):\n{log}"
            );
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// The log of the daemon and of sshd.
    pub fn log(&self) -> String {
        let own = self.folder.path();
        format!("{}\n{}", tail(&own.join("out")), tail(&own.join("var/log/libvirt/libvirtd.log")))
    }

    /// The daemon's folder.
    ///
    /// `pki`, `client-pki` (with a client certificate) and `other-pki` (of another authority) are
    /// folders for `pkipath`. `etc/ssh/` has `accepted_key` and `refused_key` for ssh as root, and
    /// `gatherer_key` for ssh as `gatherer`, a user without rights and with a forced command.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The daemon's unix socket.
    pub fn socket(&self) -> PathBuf {
        self.folder.path().join("run/libvirt/libvirt-sock")
    }

    /// The UUID of its host.
    pub fn uuid(&self) -> &str {
        &self.uuid
    }

    /// The address without TLS.
    pub fn tcp(&self) -> SocketAddr {
        (Ipv4Addr::LOCALHOST, self.ports.tcp).into()
    }

    /// The port of TLS.
    pub fn tls_port(&self) -> u16 {
        self.ports.tls
    }

    /// The port of sshd.
    pub fn ssh_port(&self) -> u16 {
        self.ports.ssh
    }

    /// The URI of the unix socket.
    pub fn unix_uri(&self) -> String {
        format!("qemu+unix:///system?socket={}", self.socket().display())
    }

    /// The URI without TLS.
    pub fn tcp_uri(&self) -> String {
        format!("qemu+tcp://127.0.0.1:{}/system", self.ports.tcp)
    }

    /// The URI with TLS, for this host name and with this folder as `pkipath`.
    pub fn tls_uri(&self, host: &str, pki: &str) -> String {
        let folder = self.folder.path().join(pki);
        format!("qemu+tls://{host}:{}/system?pkipath={}", self.ports.tls, folder.display())
    }

    /// The line for sshd in a file of known hosts.
    pub fn known_host(&self) -> String {
        let key = std::fs::read_to_string(self.folder.path().join("etc/ssh/host_key.pub"));
        format!("[127.0.0.1]:{} {}", self.ports.ssh, key.expect("start.sh has created the key"))
    }

    /// Runs these commands of virsh, one after the other, and returns their output. Panics if one
    /// fails.
    pub fn virsh<S: AsRef<str>>(&self, commands: &[S]) -> String {
        let mut script = String::new();
        for command in commands {
            let _ = writeln!(script, "{};", command.as_ref());
        }
        let output = self.virsh_command().arg(&script).output().expect("nsenter starts");
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "virsh {script}: {text}{error}\n{}", self.log());
        text
    }

    /// A command that starts virsh on the daemon's side. virsh reads its commands from one more
    /// argument or from stdin.
    pub fn virsh_command(&self) -> Command {
        let mut command = self.command_of("root");
        command.args(["virsh", "-q", "-c", "qemu:///system"]);
        command
    }

    /// A command that runs its further arguments as this user in the daemon's namespaces.
    pub fn command_of(&self, user: &str) -> Command {
        let first = self.first_process().expect("the daemon's namespaces exist");
        let mut command = Command::new("nsenter");
        command
            .args(["--mount", "--pid", "--target", &first.to_string(), "chroot"])
            .arg(format!("--userspec={user}:"))
            .arg(&self.root)
            .env("LC_ALL", "C")
            .stdin(Stdio::null());
        command
    }

    /// Writes a guest's definition, and returns its path for [`Libvirtd::virsh`].
    pub fn definition(&self, name: &str, uuid: &str, vcpus: u32, memory_mib: u32) -> String {
        let path = format!("tmp/{name}.xml");
        let xml = guest(name, uuid, vcpus, memory_mib);
        std::fs::write(self.folder.path().join(&path), xml).expect("the folder can be written to");
        format!("/{path}")
    }

    /// The first process of the daemon's namespaces.
    fn first_process(&self) -> Option<u32> {
        processes::children(self.namespaces.id()).first().copied()
    }

    /// The process id of libvirtd.
    pub fn pid(&self) -> u32 {
        self.find(|name, _| name == "libvirtd").expect("libvirtd is running")
    }

    /// The process id of a guest's QEMU.
    pub fn qemu(&self, guest: &str) -> u32 {
        let mark = format!("guest={guest},");
        let found = self.find(|name, line| name.starts_with("qemu-system") && line.contains(&mark));
        found.unwrap_or_else(|| panic!("guest {guest} is not running"))
    }

    /// The process of the daemon with a matching name and command line.
    fn find(&self, matches: impl Fn(&str, &str) -> bool) -> Option<u32> {
        let read = |pid: u32, file: &str| {
            let bytes = std::fs::read(format!("/proc/{pid}/{file}")).unwrap_or_default();
            String::from_utf8_lossy(&bytes).trim_end().to_owned()
        };
        processes::children(self.first_process()?)
            .into_iter()
            .find(|pid| matches(&read(*pid, "comm"), &read(*pid, "cmdline")))
    }
}

/// Sends a signal to a process of a daemon.
pub fn signal(pid: u32, signal: Signal) {
    let pid = i32::try_from(pid).ok().and_then(Pid::from_raw).expect("a process id");
    kill_process(pid, signal).expect("the process exists");
}

impl Drop for Libvirtd {
    fn drop(&mut self) {
        drop(self.stdin.take());
        let until = Instant::now() + Duration::from_secs(5);
        while matches!(self.namespaces.try_wait(), Ok(None)) {
            if Instant::now() > until {
                // With the first process the kernel ends all others in its namespace.
                if let Some(first) = self.first_process() {
                    signal(first, Signal::KILL);
                }
                let _ = self.namespaces.wait();
                return;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}
