//! Starts and ends the two processes of a cluster.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use http::Method;
use tempfile::TempDir;

use super::api::Api;
use super::{ApiServer, UNAVAILABLE_REASON, kubeconfigs, pki};
use crate::servers::{Watcher, free_port, tail};

/// How many starts are attempted if another process takes a port in the meantime.
const START_ATTEMPTS: usize = 5;
/// The longest start on a machine that is busy with other tests.
const STARTUP_TIMEOUT: Duration = Duration::from_mins(1);

/// The locations of the programs.
#[derive(Debug)]
pub(super) struct Programs {
    /// Has kubectl.
    folder: PathBuf,
    /// Has kube-apiserver and etcd.
    servers: PathBuf,
    openssl: PathBuf,
}

/// Finds the programs. The error is the reason why they are not available.
pub(super) fn programs() -> Result<Programs, String> {
    if let Some(reason) = std::env::var(UNAVAILABLE_REASON).ok().filter(|reason| !reason.is_empty())
    {
        return Err(reason);
    }
    let folder = prepared("kube-apiserver")?;
    let servers = match ApiServer::selected() {
        ApiServer::Old => folder.clone(),
        ApiServer::New => prepared("new-apiserver")?,
    };
    // The script puts openssl there if the machine has none.
    let openssl =
        Some(folder.join("openssl")).filter(|path| path.exists()).unwrap_or("openssl".into());
    Ok(Programs { folder, servers, openssl })
}

/// The folder of the programs that this script in `scripts/servers/` has prepared.
fn prepared(name: &str) -> Result<PathBuf, String> {
    let script =
        Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("../scripts/servers/{name}.sh"));
    let output = Command::new(&script)
        .arg("--path")
        .stdin(Stdio::null())
        .output()
        .map_err(|error| format!("{}: {error}", script.display()))?;
    let path = String::from_utf8_lossy(&output.stdout).trim_end().to_owned();
    if !output.status.success() || path.is_empty() {
        return Err(format!("{name} was not built: run scripts/servers/{name}.sh"));
    }
    Ok(PathBuf::from(path))
}

/// The folder of a cluster's keys and certificates, and the openssl that makes more of them.
#[derive(Debug)]
pub struct Pki {
    /// Has `ca.crt` and `ca.key` among others.
    pub folder: PathBuf,
    /// The program.
    pub openssl: PathBuf,
}

/// A certificate that the API server presents to a client that asks for a name (TLS's server name).
#[derive(Debug)]
pub struct ServedCertificate {
    /// The name.
    pub name: String,
    /// The file of the certificate, which its intermediate authorities may follow.
    pub certificate: PathBuf,
    /// The file of the private key.
    pub key: PathBuf,
}

/// What a cluster has besides objects.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Machines {
    /// Nothing runs, and no controller changes the objects.
    None,
    /// Kubelets run pods, and controllers create them.
    Nodes,
}

/// An etcd, an API server, and their folder.
#[derive(Debug)]
pub(super) struct Servers {
    etcd: Child,
    etcd_url: String,
    apiserver: Child,
    folder: TempDir,
    data: TempDir,
    // Last: it must end after everything that it watches.
    watcher: Watcher,
}

/// Why a start failed.
enum StartFailure {
    /// Another process uses a port; another attempt may succeed.
    PortInUse(String),
    Other(String),
}

impl Programs {
    /// kubectl of the old API server's version.
    pub(super) fn kubectl(&self) -> PathBuf {
        self.folder.join("kubectl")
    }

    pub(super) fn openssl(&self) -> PathBuf {
        self.openssl.clone()
    }
}

impl Servers {
    pub(super) fn start(
        programs: &Programs,
        machines: Machines,
        certificates: &dyn Fn(&Pki) -> Vec<ServedCertificate>,
    ) -> Result<Self, String> {
        let mut last = String::new();
        for _ in 0..START_ATTEMPTS {
            match Self::try_start(programs, machines, certificates) {
                Ok(servers) => return Ok(servers),
                Err(StartFailure::PortInUse(error)) => last = error,
                Err(StartFailure::Other(error)) => return Err(error),
            }
        }
        Err(last)
    }

    fn try_start(
        programs: &Programs,
        machines: Machines,
        certificates: &dyn Fn(&Pki) -> Vec<ServedCertificate>,
    ) -> Result<Self, StartFailure> {
        let other = |error: std::io::Error| StartFailure::Other(format!("kube-apiserver: {error}"));
        let watcher = Watcher::start().map_err(other)?;
        let folder = tempfile::Builder::new().prefix("gatherer-cluster-").tempdir();
        let folder = folder.map_err(other)?;
        watcher.folder(folder.path());
        let data = data_folder().map_err(other)?;
        watcher.folder(data.path());
        let path = folder.path();
        for name in ["pki", "kubeconfig", "log", "run"] {
            std::fs::create_dir(path.join(name)).map_err(other)?;
        }
        let (client, peer, port) = (free_port(), free_port(), free_port());
        let etcd =
            watcher.spawn(&mut etcd(programs, path, data.path(), client, peer)?).map_err(other)?;
        let etcd = EndOnDrop(Some(etcd));
        // Meanwhile, etcd starts.
        let keys = path.join("pki");
        pki::write(&keys, &programs.openssl).map_err(StartFailure::Other)?;
        pki::file(&keys, "tokens.csv", kubeconfigs::tokens().as_bytes());
        pki::file(&keys, "admin.token", kubeconfigs::ADMIN_TOKEN.as_bytes());
        let url = format!("https://127.0.0.1:{port}");
        kubeconfigs::write(&path.join("kubeconfig"), &keys, &url);

        let pki = Pki { folder: keys.clone(), openssl: programs.openssl.clone() };
        let mut command = apiserver(programs, machines, path, port, client)?;
        for ServedCertificate { name, certificate, key } in certificates(&pki) {
            let (certificate, key) = (certificate.display(), key.display());
            command.arg(format!("--tls-sni-cert-key={certificate},{key}:{name}"));
        }
        let mut apiserver = EndOnDrop(Some(watcher.spawn(&mut command).map_err(other)?));
        let ca_pem = std::fs::read_to_string(keys.join("ca.crt")).map_err(other)?;
        await_ready(&Api::new(&url, &ca_pem), path, &mut apiserver)?;
        // Last: this file marks the cluster as ready.
        std::fs::write(path.join("url"), &url).map_err(other)?;
        let etcd_url = format!("http://127.0.0.1:{client}");
        Ok(Self { etcd: etcd.keep(), etcd_url, apiserver: apiserver.keep(), folder, data, watcher })
    }

    pub(super) fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub(super) fn apiserver_pid(&self) -> u32 {
        self.apiserver.id()
    }

    pub(super) fn etcd_url(&self) -> &str {
        &self.etcd_url
    }

    pub(super) fn kill_apiserver(&mut self) {
        end(&mut self.apiserver);
    }
}

impl Drop for Servers {
    fn drop(&mut self) {
        // The API server ends first: it would wait for its etcd.
        end(&mut self.apiserver);
        end(&mut self.etcd);
        // The fields are dropped after this, in their order: the folders, then the watcher.
        let _ = (&self.data, &self.watcher);
    }
}

/// A process that is ended on drop unless it is kept.
struct EndOnDrop(Option<Child>);

impl EndOnDrop {
    fn keep(mut self) -> Child {
        self.0.take().expect("the process is kept once")
    }
}

impl Drop for EndOnDrop {
    fn drop(&mut self) {
        if let Some(child) = &mut self.0 {
            end(child);
        }
    }
}

/// Kills a process and reaps it.
fn end(child: &mut Child) {
    // The process may have ended already.
    let _ = child.kill();
    let _ = child.wait();
}

/// A folder for etcd, in memory if there is enough room: on a disk, each write would be slow.
fn data_folder() -> std::io::Result<TempDir> {
    const REQUIRED_BYTES: u64 = 2 << 30;
    let memory = Path::new("/dev/shm");
    let room =
        rustix::fs::statvfs(memory).is_ok_and(|fs| fs.f_bavail * fs.f_frsize > REQUIRED_BYTES);
    let mut builder = tempfile::Builder::new();
    builder.prefix("gatherer-etcd-");
    if room && let Ok(folder) = builder.tempdir_in(memory) {
        return Ok(folder);
    }
    builder.tempdir()
}

fn logged(mut command: Command, folder: &Path, name: &str) -> Result<Command, StartFailure> {
    let log = std::fs::File::create(folder.join("log").join(format!("{name}.log")))
        .and_then(|file| Ok((file.try_clone()?, file)))
        .map_err(|error| StartFailure::Other(format!("the log of {name}: {error}")))?;
    // The environment of this process must not matter; it may have proxies.
    command.env_clear().env("PATH", "/usr/bin:/bin").stdout(log.0).stderr(log.1);
    Ok(command)
}

fn etcd(
    programs: &Programs,
    folder: &Path,
    data: &Path,
    client: u16,
    peer: u16,
) -> Result<Command, StartFailure> {
    let (client, peer) = (format!("http://127.0.0.1:{client}"), format!("http://127.0.0.1:{peer}"));
    let mut command = Command::new(programs.servers.join("etcd"));
    command
        .args(["--name=test", "--logger=zap", "--log-outputs=stderr"])
        .arg(format!("--data-dir={}", data.display()))
        .args([
            format!("--listen-client-urls={client}"),
            format!("--advertise-client-urls={client}"),
        ])
        .args([
            format!("--listen-peer-urls={peer}"),
            format!("--initial-advertise-peer-urls={peer}"),
        ])
        .arg(format!("--initial-cluster=test={peer}"))
        // A single member does not wait for the votes of others.
        .args(["--heartbeat-interval=20", "--election-timeout=200"])
        .args(["--quota-backend-bytes=4294967296", "--auto-compaction-retention=0"]);
    logged(command, folder, "etcd")
}

fn apiserver(
    programs: &Programs,
    machines: Machines,
    folder: &Path,
    port: u16,
    etcd: u16,
) -> Result<Command, StartFailure> {
    let pki = folder.join("pki");
    let pki = pki.display();
    let issuer = "https://kubernetes.default.svc";
    let mut command = Command::new(programs.servers.join("kube-apiserver"));
    command
        .arg(format!("--etcd-servers=http://127.0.0.1:{etcd}"))
        .args(["--bind-address=127.0.0.1".to_owned(), format!("--secure-port={port}")])
        .arg(format!("--cert-dir={}", folder.join("run").display()))
        .arg(format!("--tls-cert-file={pki}/server.crt"))
        .arg(format!("--tls-private-key-file={pki}/server.key"))
        .arg(format!(
            "--tls-sni-cert-key={pki}/server-expired.crt,{pki}/server-expired.key:expired.test"
        ))
        .arg(format!("--client-ca-file={pki}/ca.crt"))
        .arg(format!("--token-auth-file={pki}/tokens.csv"))
        .arg("--authorization-mode=Node,RBAC")
        .arg(format!("--service-account-key-file={pki}/sa.key"))
        .arg(format!("--service-account-signing-key-file={pki}/sa.key"))
        .args([format!("--service-account-issuer={issuer}"), format!("--api-audiences={issuer}")])
        .args(["--service-cluster-ip-range=10.96.0.0/16", "--endpoint-reconciler-type=none"])
        .args(["--profiling=false", "--v=1"]);
    match machines {
        Machines::None => command
            // No controller creates the service accounts of pods, or removes taints.
            .arg("--disable-admission-plugins=ServiceAccount,TaintNodesByCondition")
            // Without the owner of each field, objects need half of the time and space. Ephemeral containers are
            // enabled by default in later versions.
            .arg("--feature-gates=ServerSideApply=false,EphemeralContainers=true"),
        // The server asks kubelets for the logs of pods.
        Machines::Nodes => command
            .arg(format!("--kubelet-client-certificate={pki}/admin.crt"))
            .arg(format!("--kubelet-client-key={pki}/admin.key"))
            .arg("--kubelet-preferred-address-types=InternalIP"),
    };
    logged(command, folder, "kube-apiserver")
}

/// What the API server answers when it is ready, and the objects that it creates by itself after that. A test that
/// compares two lists must not see them appear in between.
const OWN_OBJECTS: [&str; 6] = [
    "/readyz",
    "/api/v1/namespaces/default",
    "/api/v1/namespaces/kube-node-lease",
    "/api/v1/namespaces/kube-public",
    "/api/v1/namespaces/kube-system",
    "/api/v1/namespaces/default/services/kubernetes",
];

/// The answer to the first of these paths that the API server does not answer with 200, or else to the last one.
fn readiness(api: &Api) -> Result<(u16, String), String> {
    let mut response = Err(String::new());
    let paths = match ApiServer::selected() {
        ApiServer::Old => &OWN_OBJECTS[..],
        // It creates no objects by itself.
        ApiServer::New => &OWN_OBJECTS[..1],
    };
    for path in paths {
        response = api.request(Method::GET, path, None);
        if !matches!(response, Ok((200, _))) {
            break;
        }
    }
    response
}

fn await_ready(api: &Api, folder: &Path, apiserver: &mut EndOnDrop) -> Result<(), StartFailure> {
    let log = folder.join("log/kube-apiserver.log");
    let until = Instant::now() + STARTUP_TIMEOUT;
    let child = apiserver.0.as_mut().expect("the process was just started");
    loop {
        let response = readiness(api);
        if matches!(response, Ok((200, _))) {
            return Ok(());
        }
        let ended = child.try_wait().ok().flatten();
        if ended.is_some() || Instant::now() > until {
            let logs = format!("{}\n{}", tail(&folder.join("log/etcd.log")), tail(&log));
            let how = ended.map_or("is not ready".to_owned(), |status| format!("ended: {status}"));
            let error = format!("kube-apiserver {how} ({response:?}); the logs end with:\n{logs}");
            let port_in_use = logs.contains("address already in use");
            return Err(if port_in_use {
                StartFailure::PortInUse(error)
            } else {
                StartFailure::Other(error)
            });
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}
