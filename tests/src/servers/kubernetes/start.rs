//! Starting and ending the two processes of a cluster.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use reqwest::Method;
use tempfile::TempDir;

use super::api::Api;
use super::{REASON, kubeconfigs, pki};
use crate::servers::{Watcher, free_port, tail};

/// How often a start is tried when another process took a port in between.
const TRIES: usize = 5;
/// How long a start may take on a machine that is busy with other tests.
const PATIENCE: Duration = Duration::from_mins(1);

/// Where the programs are.
#[derive(Debug)]
pub(super) struct Programs {
    folder: PathBuf,
    openssl: PathBuf,
}

/// Finds the programs; the error is why there are none.
pub(super) fn programs() -> Result<Programs, String> {
    if let Some(reason) = std::env::var(REASON).ok().filter(|reason| !reason.is_empty()) {
        return Err(reason);
    }
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../scripts/servers/kube-apiserver.sh");
    let output = Command::new(&script)
        .arg("--path")
        .stdin(Stdio::null())
        .output()
        .map_err(|error| format!("{}: {error}", script.display()))?;
    let path = String::from_utf8_lossy(&output.stdout).trim_end().to_owned();
    if !output.status.success() || path.is_empty() {
        return Err(
            "kube-apiserver was not built: run scripts/servers/kube-apiserver.sh".to_owned()
        );
    }
    let folder = PathBuf::from(path);
    // The script puts one there if the machine had none.
    let openssl =
        Some(folder.join("openssl")).filter(|path| path.exists()).unwrap_or("openssl".into());
    Ok(Programs { folder, openssl })
}

/// An etcd, an API server, and their folder.
#[derive(Debug)]
pub(super) struct Servers {
    etcd: Child,
    etcd_url: String,
    apiserver: Child,
    folder: TempDir,
    data: TempDir,
    // Last: it is told that nothing is left once nothing is.
    watcher: Watcher,
}

/// Why a start failed.
enum Failure {
    /// A port was taken: another try may do.
    Port(String),
    Other(String),
}

impl Servers {
    pub(super) fn start(programs: &Programs) -> Result<Self, String> {
        let mut last = String::new();
        for _ in 0..TRIES {
            match Self::try_start(programs) {
                Ok(servers) => return Ok(servers),
                Err(Failure::Port(error)) => last = error,
                Err(Failure::Other(error)) => return Err(error),
            }
        }
        Err(last)
    }

    fn try_start(programs: &Programs) -> Result<Self, Failure> {
        let other = |error: std::io::Error| Failure::Other(format!("kube-apiserver: {error}"));
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
        let etcd = Ended(Some(etcd));
        // While etcd starts.
        let keys = path.join("pki");
        pki::write(&keys, &programs.openssl).map_err(Failure::Other)?;
        pki::file(&keys, "tokens.csv", kubeconfigs::tokens().as_bytes());
        pki::file(&keys, "admin.token", kubeconfigs::ADMIN_TOKEN.as_bytes());
        let url = format!("https://127.0.0.1:{port}");
        kubeconfigs::write(&path.join("kubeconfig"), &keys, &url);

        let mut command = apiserver(programs, path, port, client)?;
        let mut apiserver = Ended(Some(watcher.spawn(&mut command).map_err(other)?));
        let ca_pem = std::fs::read_to_string(keys.join("ca.crt")).map_err(other)?;
        await_ready(&Api::new(&url, &ca_pem), path, &mut apiserver)?;
        // Last, so that a folder with it is that of a cluster that is ready.
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
        // The API server first: it would wait for its etcd.
        end(&mut self.apiserver);
        end(&mut self.etcd);
        // Field by field after this: the folders go, then the watcher.
        let _ = (&self.data, &self.watcher);
    }
}

/// A process that is ended unless it is kept.
struct Ended(Option<Child>);

impl Ended {
    fn keep(mut self) -> Child {
        self.0.take().expect("it is kept once")
    }
}

impl Drop for Ended {
    fn drop(&mut self) {
        if let Some(child) = &mut self.0 {
            end(child);
        }
    }
}

/// Kills a process and takes its status, after which its number may be another's.
fn end(child: &mut Child) {
    // It may have ended since.
    let _ = child.kill();
    let _ = child.wait();
}

/// A folder for etcd, in memory where there is room: what it writes would wait for a disk.
fn data_folder() -> std::io::Result<TempDir> {
    const ROOM: u64 = 2 << 30;
    let memory = Path::new("/dev/shm");
    let room = rustix::fs::statvfs(memory).is_ok_and(|fs| fs.f_bavail * fs.f_frsize > ROOM);
    let mut builder = tempfile::Builder::new();
    builder.prefix("gatherer-etcd-");
    if room && let Ok(folder) = builder.tempdir_in(memory) {
        return Ok(folder);
    }
    builder.tempdir()
}

fn logged(mut command: Command, folder: &Path, name: &str) -> Result<Command, Failure> {
    let log = std::fs::File::create(folder.join("log").join(format!("{name}.log")))
        .and_then(|file| Ok((file.try_clone()?, file)))
        .map_err(|error| Failure::Other(format!("the log of {name}: {error}")))?;
    // Its environment is of no concern, and may hold proxies.
    command.env_clear().env("PATH", "/usr/bin:/bin").stdout(log.0).stderr(log.1);
    Ok(command)
}

fn etcd(
    programs: &Programs,
    folder: &Path,
    data: &Path,
    client: u16,
    peer: u16,
) -> Result<Command, Failure> {
    let (client, peer) = (format!("http://127.0.0.1:{client}"), format!("http://127.0.0.1:{peer}"));
    let mut command = Command::new(programs.folder.join("etcd"));
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
        // It is alone: it need not wait for others' votes.
        .args(["--heartbeat-interval=20", "--election-timeout=200"])
        .args(["--quota-backend-bytes=4294967296", "--auto-compaction-retention=0"]);
    logged(command, folder, "etcd")
}

fn apiserver(programs: &Programs, folder: &Path, port: u16, etcd: u16) -> Result<Command, Failure> {
    let pki = folder.join("pki");
    let pki = pki.display();
    let issuer = "https://kubernetes.default.svc";
    let mut command = Command::new(programs.folder.join("kube-apiserver"));
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
        // No controller makes the service accounts that pods need, nor clears taints.
        .arg("--disable-admission-plugins=ServiceAccount,TaintNodesByCondition")
        // Who wrote which field takes half of the time and room of an object. Ephemeral containers are
        // what later versions have without being asked.
        .arg("--feature-gates=ServerSideApply=false,EphemeralContainers=true")
        .args(["--profiling=false", "--v=1"]);
    logged(command, folder, "kube-apiserver")
}

fn await_ready(api: &Api, folder: &Path, apiserver: &mut Ended) -> Result<(), Failure> {
    let log = folder.join("log/kube-apiserver.log");
    let until = Instant::now() + PATIENCE;
    let child = apiserver.0.as_mut().expect("it was just started");
    loop {
        let answer = api.request(Method::GET, "/readyz", None);
        if matches!(answer, Ok((200, _))) {
            return Ok(());
        }
        let ended = child.try_wait().ok().flatten();
        if ended.is_some() || Instant::now() > until {
            let said = format!("{}\n{}", tail(&folder.join("log/etcd.log")), tail(&log));
            let how = ended.map_or("is not ready".to_owned(), |status| format!("ended: {status}"));
            let error = format!("kube-apiserver {how} ({answer:?}); the logs end with:\n{said}");
            let port = said.contains("address already in use");
            return Err(if port { Failure::Port(error) } else { Failure::Other(error) });
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}
