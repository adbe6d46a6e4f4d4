//! Ansible and the inventory script in a folder of their own.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use gatherer_tests::{Judge, PluginFolder, program};
use serde_json::{Value, json};
use tempfile::TempDir;

/// A folder with a file of endpoints, in which Ansible and the script run.
pub struct Inventory {
    pub home: TempDir,
    plugins: PluginFolder,
}

impl Inventory {
    /// A folder with these endpoints.
    pub fn new(endpoints: &Value) -> Self {
        let plugins = PluginFolder::with(&["example", "file"]);
        let home = tempfile::tempdir().expect("a temporary folder can be created");
        let inventory = Self { home, plugins };
        inventory.write("ansible.cfg", "");
        let config = format!(
            "plugin_dirs = ['{}']\nlog_file = '{}'\n",
            inventory.plugins.path().display(),
            inventory.path("log").display()
        );
        inventory.write("config.toml", &config);
        inventory.write("endpoints.json", &endpoints.to_string());
        inventory
    }

    /// One endpoint that reads this document from a file.
    pub fn of_document(document: &Value, more: &[Value]) -> Self {
        let file = json!({"id": "file", "module": "File", "url": "document.json"});
        let inventory = Self::new(&[&[file], more].concat().into());
        inventory.write("document.json", &document.to_string());
        inventory
    }

    /// The path of a file in the folder.
    pub fn path(&self, name: &str) -> PathBuf {
        self.home.path().join(name)
    }

    /// Writes a file into the folder.
    pub fn write(&self, name: &str, text: &str) {
        std::fs::write(self.path(name), text).expect("the file can be written");
    }

    /// Sets what Ansible and the script need.
    pub fn prepare(&self, command: &mut Command) {
        command
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", self.home.path())
            .env("TMPDIR", self.home.path())
            .env("LC_ALL", "C.UTF-8")
            .env("PYTHONDONTWRITEBYTECODE", "1")
            .env("ANSIBLE_CONFIG", self.path("ansible.cfg"))
            .env("VIRTUAL_HOST_GATHERER_CONFIG", self.path("config.toml"))
            .env("VHG_PROGRAM", program())
            .env("VHG_INFILE", "endpoints.json")
            .current_dir(self.home.path());
    }

    /// A call of the script.
    pub fn script(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(script());
        self.prepare(&mut command);
        command.args(arguments);
        command
    }

    /// A command of Ansible that reads the inventory from a script.
    pub fn ansible_with(
        &self,
        judge: &Judge,
        script: &Path,
        name: &str,
        arguments: &[&str],
    ) -> Command {
        let mut command = judge.module(&format!("ansible.cli.{name}"));
        self.prepare(&mut command);
        command.arg("-i").arg(script).args(arguments);
        command
    }

    /// The output of a command of Ansible, which must not print a warning.
    pub fn ansible(&self, judge: &Judge, name: &str, arguments: &[&str]) -> String {
        let mut command = self.ansible_with(judge, &script(), name, arguments);
        let output = command.output().expect("Ansible can be started");
        assert_eq!(text(&output.stderr), "", "{name} {arguments:?}");
        assert!(output.status.success(), "{name} {arguments:?}: {}", text(&output.stdout));
        text(&output.stdout)
    }
}

/// The script.
pub fn script() -> PathBuf {
    let packaging = Path::new(env!("CARGO_MANIFEST_DIR")).join("../packaging/ansible");
    packaging.join("virtual-host-gatherer-ansible").canonicalize().expect("the script exists")
}

/// The text of an output.
pub fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).expect("the output is text")
}

/// The JSON that a command printed, which must succeed without a message.
#[track_caller]
pub fn parsed(output: &Output) -> Value {
    assert_eq!((output.status.code(), text(&output.stderr).as_str()), (Some(0), ""));
    serde_json::from_slice(&output.stdout).expect("JSON")
}

/// Runs a command to its end.
pub fn run(mut command: Command) -> Output {
    command.output().expect("the command can be started")
}
