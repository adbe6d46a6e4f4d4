//! A real sshd on a port of 127.0.0.1 that accepts one key for the user that runs the tests.

use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

/// A running sshd. Dropping this ends it.
pub struct Sshd {
    folder: TempDir,
    process: Child,
    port: u16,
}

impl Sshd {
    /// Starts sshd and waits until it listens. The error is a reason to skip the test.
    pub fn start() -> Result<Self, String> {
        let program = ["/usr/sbin/sshd", "/usr/local/sbin/sshd", "/usr/bin/sshd"]
            .into_iter()
            .find(|path| Path::new(path).is_file())
            .ok_or("sshd is not installed")?;
        let folder = tempfile::tempdir().expect("a folder");
        for key in ["host", "key"] {
            let made = Command::new("ssh-keygen")
                .args(["-q", "-t", "ed25519", "-N", "", "-C", "", "-f"])
                .arg(folder.path().join(key))
                .status();
            if !made.is_ok_and(|status| status.success()) {
                return Err("ssh-keygen cannot be run".to_owned());
            }
        }
        let port = {
            let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
            listener.local_addr().expect("bound").port()
        };
        let place = folder.path().display();
        let config = format!(
            "ListenAddress 127.0.0.1:{port}\nHostKey {place}/host\nPidFile none\n\
             AuthorizedKeysFile {place}/key.pub\nStrictModes no\nUsePAM no\n\
             PasswordAuthentication no\nKbdInteractiveAuthentication no\nPermitRootLogin yes\n"
        );
        std::fs::write(folder.path().join("config"), config).expect("written");
        let log = std::fs::File::create(folder.path().join("log")).expect("writable");
        // As root sshd needs the folder /run/sshd, which is created in a separate mount namespace.
        let script = "mount -t tmpfs tmpfs /run && mkdir /run/sshd && exec \"$@\"";
        let mut command = if rustix::process::geteuid().is_root() {
            let mut command = Command::new("unshare");
            command.args(["--mount", "sh", "-c", script, "sh", program]);
            command
        } else {
            Command::new(program)
        };
        let process = command
            .args(["-D", "-e", "-f"])
            .arg(folder.path().join("config"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .map_err(|error| format!("sshd cannot be started: {error}"))?;
        let mut sshd = Self { folder, process, port };
        let end = Instant::now() + Duration::from_secs(20);
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            let over =
                Instant::now() > end || sshd.process.try_wait().is_ok_and(|end| end.is_some());
            if over {
                let log = std::fs::read_to_string(sshd.folder.path().join("log"));
                return Err(format!("sshd did not start: {}", log.unwrap_or_default().trim()));
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        Ok(sshd)
    }

    /// The folder of sshd's files, in which `key` is the user's private key.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The private key that sshd accepts.
    pub fn key(&self) -> PathBuf {
        self.folder().join("key")
    }

    /// The line for sshd in a file of known hosts.
    pub fn known_host(&self) -> String {
        let key = std::fs::read_to_string(self.folder().join("host.pub")).expect("readable");
        format!("[127.0.0.1]:{} {}\n", self.port, key.trim())
    }

    /// How many times sshd has accepted the key.
    pub fn logins(&self) -> usize {
        let log = std::fs::read_to_string(self.folder().join("log")).expect("readable");
        log.matches("Accepted publickey for").count()
    }

    /// A URI with the key, to which further parameters can be appended.
    pub fn uri(&self, transport: &str) -> String {
        let user = std::process::Command::new("id").arg("-un").output().expect("id runs");
        let user = String::from_utf8(user.stdout).expect("text");
        let user = user.trim();
        let key = self.key();
        format!(
            "qemu+{transport}://{user}@127.0.0.1:{}/system?sshauth=privkey&keyfile={}",
            self.port,
            key.display()
        )
    }
}

impl Drop for Sshd {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
