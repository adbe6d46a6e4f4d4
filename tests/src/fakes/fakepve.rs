//! The simulator fakepve of Proxmox VE, which other authors wrote. It runs in a process of its own.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Stdio};

use gatherer_plugin_support::testing::Authority;
use tempfile::NamedTempFile;

use crate::Judge;

/// A running simulator. It has 36 guests on the nodes `pve1` to `pve3`, and the node `pve4` without guests. It ends when
/// it is dropped.
#[derive(Debug)]
pub struct FakePve {
    process: Child,
    port: u16,
    ca_file: NamedTempFile,
}

/// The user of the simulator.
pub const FAKEPVE_USER: &str = "gatherer@pve";
/// The user's password.
pub const FAKEPVE_PASSWORD: &str = "correct horse";
/// The secret of the user's token `inventory`.
pub const FAKEPVE_TOKEN_SECRET: &str = "7d3f1c52-aaaa-4bbb-8ccc-0123456789ab";
/// The secret of the token `partial@pve!one`, which may see one guest.
pub const FAKEPVE_PARTIAL_SECRET: &str = "7d3f1c52-aaaa-4bbb-8ccc-0123456789ad";
/// The number of its guests.
pub const FAKEPVE_GUESTS: usize = 36;

impl FakePve {
    /// Starts the simulator. With `offline` its node `pve2` is offline.
    ///
    /// # Panics
    ///
    /// If it does not start.
    pub fn start(judge: &Judge, offline: bool) -> Self {
        let authority = Authority::new("fakepve");
        let file = |text: &str| {
            let file = NamedTempFile::new().expect("a temporary file");
            std::fs::write(file.path(), text).expect("the file is writable");
            file
        };
        let identity = authority.identity(&["127.0.0.1", "localhost"]);
        let certificate = file(&(identity.certificate_pem() + &identity.key_pem()));
        let mut command = judge.command("fakepve_server.py");
        command.arg(certificate.path()).args(offline.then_some("offline"));
        let mut process = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("Python can be started");
        let mut line = String::new();
        let output = process.stdout.take().expect("the output is a pipe");
        BufReader::new(output).read_line(&mut line).expect("the output is text");
        let port = line.trim().parse().expect("the simulator prints its port");
        Self { process, port, ca_file: file(authority.pem()) }
    }

    /// The port on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The file with the authority of its certificate.
    pub fn ca_file(&self) -> &Path {
        self.ca_file.path()
    }
}

impl Drop for FakePve {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
