//! A fake `ssh` that records its arguments and runs the last one locally, as sshd would on the host.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use gatherer_tests::Run;
use gatherer_tests::plugins::set_mode;
use tempfile::TempDir;

/// A folder with fake programs, for the front of `PATH`.
pub struct RecordingSsh {
    folder: TempDir,
}

impl RecordingSsh {
    /// Creates the programs: with `virt-ssh-helper` on the remote side, or only with `nc`, as before
    /// libvirt 6.8.
    pub fn new(has_helper: bool) -> Self {
        let ssh = Self { folder: tempfile::tempdir().expect("a folder") };
        std::fs::create_dir(ssh.programs()).expect("a folder");
        // sshd passes the command to the user's shell as one argument.
        ssh.program("ssh", "for last; do :; done\nexec /bin/sh -c \"$last\"");
        ssh.program("nc", "exit 1");
        if has_helper {
            ssh.program("virt-ssh-helper", "exit 1");
        }
        ssh
    }

    fn programs(&self) -> PathBuf {
        self.folder.path().join("bin")
    }

    /// Creates a program that records its arguments and then runs these lines of a shell script.
    fn program(&self, name: &str, lines: &str) {
        let record = self.folder.path().join(name);
        let text =
            format!("#!/bin/sh\nprintf '%s\\0' \"$@\" . >>'{}'\n{lines}\n", record.display());
        let path = self.programs().join(name);
        std::fs::write(&path, text).expect("written");
        set_mode(&path, 0o755);
    }

    /// The arguments of each call of a program so far.
    pub fn calls(&self, program: &str) -> Vec<Vec<String>> {
        let record = std::fs::read(self.folder.path().join(program)).unwrap_or_default();
        let record = String::from_utf8(record).expect("text");
        let mut calls = vec![Vec::new()];
        for argument in record.split_terminator('\0') {
            // A single dot ends a call; libvirt never passes a dot.
            if argument == "." {
                calls.push(Vec::new());
            } else {
                calls.last_mut().expect("never empty").push(argument.to_owned());
            }
        }
        calls.pop();
        calls
    }

    /// Puts the fake programs first on the `PATH` of a run.
    pub fn on_path_of(&self, run: Run) -> Run {
        let mut path = OsString::from(self.programs());
        path.push(":");
        path.push(std::env::var_os("PATH").unwrap_or_default());
        run.env("PATH", path)
    }

    /// A file that is created only if an injected command runs.
    pub fn trap(&self) -> PathBuf {
        self.folder.path().join("trap")
    }

    /// Panics if a command has created a file that is not a record.
    #[track_caller]
    pub fn assert_untouched(&self, home: &Path) {
        let names = |folder: &Path| -> Vec<String> {
            let entries = folder.read_dir().expect("a folder").flatten();
            entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect()
        };
        for name in names(self.folder.path()) {
            assert!(["bin", "ssh", "nc", "virt-ssh-helper"].contains(&&*name), "made: {name}");
        }
        for name in names(home) {
            assert!(["gatherer.log", "config.toml"].contains(&&*name), "made: {name}");
        }
    }
}
