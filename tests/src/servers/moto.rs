//! A simulator of AWS: moto, over TLS. It checks signatures and rights.
//!
//! It is in the environment of the vendors' clients, and runs in a process of its own.

use std::net::TcpStream;
use std::process::Child;
use std::time::{Duration, Instant};

use gatherer_plugin_support::testing::Authority;
use serde::Deserialize;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::{Watcher, free_port, tail};
use crate::Judge;

/// The region of all instances.
pub const REGION: &str = "eu-central-1";

/// How long the simulator may take to start.
const START: Duration = Duration::from_mins(1);

/// What the simulator has.
#[derive(Debug, Clone, Copy)]
pub enum MotoContent {
    /// 19 instances in two zones, 2 terminated ones, and 2 dedicated hosts.
    Sample,
    /// This number of running instances in three zones, each in a reservation of its own.
    Instances(usize),
}

/// A running simulator. It ends when this is dropped or the test dies.
#[derive(Debug)]
pub struct Moto {
    process: Child,
    port: u16,
    folder: TempDir,
    /// The keys and the number of guests.
    pub setup: MotoSetup,
    _watcher: Watcher,
}

/// The access keys of a simulator, and the number of its guests.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct MotoSetup {
    /// Id and secret of the key of a user that may list everything.
    pub key: [String; 2],
    /// Those of a user that may list everything but dedicated hosts.
    pub key_without_hosts: [String; 2],
    /// Id, secret and session token of a role that may list everything.
    pub temporary_key: [String; 3],
    /// The number of instances that are not terminated.
    pub guests: usize,
}

impl Moto {
    /// Starts a simulator and fills it.
    ///
    /// # Panics
    ///
    /// If it does not start.
    pub fn start(judge: &Judge, content: MotoContent) -> Self {
        let folder = tempfile::Builder::new().prefix("moto-").tempdir().expect("a folder");
        let watcher = Watcher::start().expect("a shell starts");
        watcher.folder(folder.path());
        let authority = Authority::new("The authority of moto");
        let identity = authority.identity(&["127.0.0.1", "localhost"]);
        let file = |name: &str, text: &str| {
            let path = folder.path().join(name);
            std::fs::write(&path, text).expect("the folder is writable");
            path
        };
        file("ca.crt", authority.pem());
        let port = free_port();
        let log = std::fs::File::create(folder.path().join("log")).expect("a file");
        let mut command = judge.module("moto.server");
        command
            .args(["-H", "127.0.0.1", "-p", &port.to_string(), "-s", "-c"])
            .arg(file("server.crt", &identity.certificate_pem()))
            .arg("-k")
            .arg(file("server.key", &identity.key_pem()))
            .env("TMPDIR", folder.path())
            .stdout(log.try_clone().expect("a file can be opened twice"))
            .stderr(log);
        let mut process = watcher.spawn(&mut command).expect("Python can be started");
        let begin = Instant::now();
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            let has_ended = process.try_wait().expect("a child can be waited for").is_some();
            if has_ended || begin.elapsed() > START {
                let _ = process.kill();
                panic!("moto did not start: {}", tail(&folder.path().join("log")));
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        let content = match content {
            MotoContent::Sample => "sample".to_owned(),
            MotoContent::Instances(number) => number.to_string(),
        };
        let mut command = judge.command("moto_setup.py");
        command.arg(format!("https://127.0.0.1:{port}")).arg(folder.path().join("ca.crt"));
        let output = command.args([REGION, &content]).output().expect("Python can be started");
        let errors = String::from_utf8_lossy(&output.stderr);
        let setup = serde_json::from_slice(&output.stdout).unwrap_or_else(|error| {
            let _ = process.kill();
            panic!("moto_setup.py: {error}\n{errors}{}", tail(&folder.path().join("log")));
        });
        Self { process, port, folder, setup, _watcher: watcher }
    }

    /// The URL of all services.
    pub fn url(&self) -> String {
        format!("https://127.0.0.1:{}", self.port)
    }

    /// The file with the certificate authority.
    pub fn ca_file(&self) -> String {
        self.folder.path().join("ca.crt").display().to_string()
    }

    /// The endpoint for a request, with all zones.
    pub fn endpoint(&self) -> Value {
        let [id, secret] = &self.setup.key;
        json!({
            "id": "cloud",
            "module": "AmazonEC2",
            "access_key_id": id,
            "secret_access_key": secret,
            "region": REGION,
            "zone": "",
            "endpoint_url": self.url(),
            "ca_file": self.ca_file(),
        })
    }

    /// The arguments of `tests/judges/ec2.py`.
    pub fn judge_arguments(&self) -> Vec<String> {
        let [id, secret] = self.setup.key.clone();
        vec![self.url(), REGION.to_owned(), self.ca_file(), "--key".to_owned(), id, secret]
    }
}

impl Drop for Moto {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
