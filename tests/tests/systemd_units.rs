//! The packaged units: systemd accepts them, they expose little, and the program and its plugins can do their work within
//! their restrictions. systemd itself does not run here, so what it would enforce is compared with what strace shows, and
//! the file system is made read-only by mounts.

use std::collections::{BTreeMap, BTreeSet};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use gatherer_tests::plugins::set_mode;
use gatherer_tests::{Outcome, PluginFolder, Run, program, skip};
use serde_json::json;

const SERVICES: [&str; 2] =
    ["virtual-host-gatherer.service", "virtual-host-gatherer-watch.service"];

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../packaging/systemd")
}

fn unit(name: &str) -> String {
    std::fs::read_to_string(folder().join(name)).expect("the unit exists")
}

/// The settings of a unit, in their order, with continued lines joined.
fn settings(unit: &str) -> Vec<(String, String)> {
    let joined = unit.replace("\\\n", " ");
    let lines = joined.lines().filter(|line| !line.starts_with('#'));
    let pairs = lines.filter_map(|line| line.split_once('='));
    pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

/// What `systemd-analyze` prints; `None` if it is not installed.
fn analyze(arguments: &[&str], files: &[PathBuf]) -> Option<(bool, String)> {
    let output = Command::new("systemd-analyze").args(arguments).args(files).output().ok()?;
    let text = [output.stdout, output.stderr].concat();
    Some((output.status.success(), String::from_utf8_lossy(&text).into_owned()))
}

#[test]
fn systemd_accepts_the_units() {
    let folder = tempfile::tempdir().expect("a temporary folder can be created");
    let copied = |name: &str| {
        let path = folder.path().join(name);
        let installed = program().display().to_string();
        let text = unit(name).replace("/usr/bin/virtual-host-gatherer", &installed);
        std::fs::write(&path, text).expect("writable");
        path
    };
    let units = [SERVICES[0], SERVICES[1], "virtual-host-gatherer.timer"].map(copied);
    match analyze(&["verify", "--man=no"], &units) {
        None => skip!("systemd-analyze is not installed"),
        Some((accepted, text)) => assert!(accepted && text.is_empty(), "{text}"),
    }
}

#[test]
fn the_services_expose_little() {
    for name in SERVICES {
        // The threshold is in tenths.
        let security = ["security", "--offline=true", "--threshold=20", "--no-pager"];
        match analyze(&security, &[folder().join(name)]) {
            None => skip!("systemd-analyze is not installed"),
            Some((is_below, text)) => {
                assert!(is_below, "{text}");
                let total = text.lines().find(|line| line.contains("Overall exposure level"));
                println!("{}", total.expect("the text has a total"));
            }
        }
    }
}

#[test]
fn both_services_have_the_same_restrictions() {
    let of_service = |name: &str| -> Vec<(String, String)> {
        let settings = settings(&unit(name));
        let first = settings.iter().position(|(name, _)| name == "User").expect("a user is set");
        settings[first..].iter().filter(|(name, _)| name != "WantedBy").cloned().collect()
    };
    let restrictions = of_service(SERVICES[0]);
    assert!(restrictions.len() > 20, "{restrictions:?}");
    assert_eq!(restrictions, of_service(SERVICES[1]));
    // It would exclude every endpoint.
    assert!(restrictions.iter().all(|(name, _)| !name.starts_with("IPAddress")));
}

#[test]
fn the_user_and_the_folders_of_the_services_are_created() {
    let root = tempfile::tempdir().expect("a temporary folder can be created");
    std::fs::create_dir(root.path().join("etc")).expect("writable");
    let create = |tool: &str, name: &str, arguments: &[&str]| -> Result<(), String> {
        let mut command = Command::new(tool);
        command.arg(format!("--root={}", root.path().display())).args(arguments);
        let output = command.arg(folder().canonicalize().expect("it exists").join(name)).output();
        let output = output.map_err(|_| format!("{tool} is not installed"))?;
        let text = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{tool}: {text}");
        Ok(())
    };
    if !rustix::process::geteuid().is_root() {
        skip!("only root can give a folder to another user");
    }
    if let Err(reason) = create("systemd-sysusers", "virtual-host-gatherer.sysusers", &[])
        .and_then(|()| create("systemd-tmpfiles", "virtual-host-gatherer.tmpfiles", &["--create"]))
    {
        skip!("{reason}");
    }
    let users = std::fs::read_to_string(root.path().join("etc/passwd")).expect("it was created");
    let user: Vec<_> = users.trim().split(':').collect();
    assert_eq!((user[0], user[5]), ("virtual-host-gatherer", "/var/lib/virtual-host-gatherer"));
    assert!(user[6].ends_with("nologin"), "{users}");
    let (uid, gid): (u32, u32) =
        (user[2].parse().expect("a number"), user[3].parse().expect("a number"));
    for (path, owner) in [
        ("etc/virtual-host-gatherer/endpoints.d", 0),
        ("var/lib/virtual-host-gatherer", uid),
        ("var/log/virtual-host-gatherer", uid),
    ] {
        let folder = std::fs::metadata(root.path().join(path)).expect("it was created");
        assert_eq!(
            (folder.uid(), folder.gid(), folder.mode() & 0o7777),
            (owner, gid, 0o750),
            "{path}"
        );
    }
}

/// Folders as the units name them, in a temporary one, and an infile with endpoints of several modules.
struct Machine {
    folder: tempfile::TempDir,
    plugins: PluginFolder,
}

impl Machine {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder can be created");
        let machine = Self { folder, plugins: PluginFolder::with(&["file", "libvirt", "proxmox"]) };
        for name in ["lib", "log", "etc", "etc/endpoints.d"] {
            std::fs::create_dir(machine.path(name)).expect("writable");
            set_mode(&machine.path(name), 0o755);
        }
        set_mode(machine.folder.path(), 0o755);
        for name in ["lib", "log"] {
            let _ = std::os::unix::fs::chown(machine.path(name), Some(65534), Some(65534));
        }
        let hosts = machine.path("etc/hosts.json");
        std::fs::write(
            &hosts,
            r#"{"esx1": {"name": "esx1", "hostIdentifier": "1", "vms": {"web": "2"}}}"#,
        )
        .expect("writable");
        let endpoints = json!([
            {"id": "file", "module": "File", "url": hosts},
            {"id": "driver", "module": "Libvirt", "uri": "test:///default"},
            {"id": "ssh", "module": "Libvirt", "uri": "qemu+ssh://gatherer@localhost.invalid/system"},
            {"id": "https", "module": "Proxmox", "host": "127.0.0.1", "port": 1, "username": "root@pam", "password": "p"},
        ]);
        std::fs::write(machine.path("etc/endpoints.d/all.json"), endpoints.to_string())
            .expect("writable");
        machine
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The arguments of a unit's command, with the folders of this machine.
    fn arguments(&self, name: &str, options: &str) -> Vec<String> {
        let settings: BTreeMap<_, _> = settings(&unit(name)).into_iter().collect();
        let command = settings["ExecStart"]
            .replace("${ENDPOINTS}", &self.path("etc/endpoints.d").display().to_string())
            .replace("/var/lib/virtual-host-gatherer", &self.path("lib").display().to_string())
            .replace("/var/log/virtual-host-gatherer", &self.path("log").display().to_string())
            .replace("$OPTIONS", options);
        let mut words = command.split_whitespace().map(str::to_owned);
        assert_eq!(words.next().as_deref(), Some("/usr/bin/virtual-host-gatherer"));
        words.collect()
    }

    /// Runs a unit's command after other words, with a writable home folder.
    fn run(&self, through: &[String], name: &str, options: &str) -> Outcome {
        let run = Run::new().without_logfile().through(through).args(self.arguments(name, options));
        let run =
            run.env("GATHERER_PLUGIN_PATH", self.plugins.path()).env("HOME", self.path("lib"));
        run.run()
    }
}

fn words(text: &str) -> Vec<String> {
    text.split_whitespace().map(str::to_owned).collect()
}

/// As the units: another user without capabilities that gets none.
const UNPRIVILEGED: &str = "setpriv --reuid=65534 --regid=65534 --clear-groups --inh-caps=-all --bounding-set=-all --no-new-privs";

/// The ids of the endpoints with their status, from the inventory that the service has written.
fn inventory(machine: &Machine) -> BTreeMap<String, String> {
    let text = std::fs::read_to_string(machine.path("lib/inventory.json")).expect("it was written");
    let document: serde_json::Value = serde_json::from_str(&text).expect("it is JSON");
    let endpoints = document["endpoints"].as_array().expect("it has endpoints").iter();
    let text = |value: &serde_json::Value| value.as_str().expect("it is text").to_owned();
    endpoints.map(|endpoint| (text(&endpoint["id"]), text(&endpoint["status"]))).collect()
}

#[test]
fn the_commands_run_as_an_unprivileged_user_on_a_read_only_file_system() {
    if !rustix::process::geteuid().is_root() {
        skip!("only root can mount");
    }
    let machine = Machine::new();
    // ProtectSystem=strict, with the folders of StateDirectory= and LogsDirectory=, and PrivateTmp=: here the home folders
    // of the runs, which are not used, are in the other /tmp.
    let script = format!(
        "mount --make-rprivate / && mount --bind {lib} {lib} && mount --bind {log} {log} && \
         mount -o remount,bind,ro / && exec \"$@\"",
        lib = machine.path("lib").display(),
        log = machine.path("log").display(),
    );
    let mut through = words("unshare --mount sh -c");
    through.extend([script, "sh".to_owned()]);
    let mut probe = Command::new(&through[0]);
    if !probe.args(&through[1..]).arg("true").output().is_ok_and(|output| output.status.success()) {
        skip!("mount namespaces are not allowed here");
    }
    through.extend(words(UNPRIVILEGED));
    let mut probe = Command::new(&through[0]);
    let touch = machine.path("etc/touched");
    let touched = probe.args(&through[1..]).arg("touch").arg(&touch).output().expect("it starts");
    assert!(!touched.status.success() && !touch.exists(), "the rest is read-only");

    let outcome = machine.run(&through, SERVICES[0], "").expect_code(0);
    let statuses = inventory(&machine);
    assert_eq!(statuses["file"], "complete", "{}", outcome.describe());
    assert_eq!(statuses.len(), 4);
    assert!(
        machine.path("log/gatherer.log").exists() && machine.path("lib/runs/endpoints").exists()
    );
    let outcome = machine.run(&through, SERVICES[1], "--rounds 1").expect_code(0);
    let events =
        std::fs::read_to_string(machine.path("log/events.ndjson")).expect("it was written");
    assert!(events.contains("endpoint.snapshot.end"), "{}", outcome.describe());
    assert!(machine.path("log/watch.log").exists() && machine.path("lib/watch/endpoints").exists());
}

/// The kernel refuses it for the process and its children, as systemd's `MemoryDenyWriteExecute=` does: `PR_SET_MDWE` with
/// `PR_MDWE_REFUSE_EXEC_GAIN`.
const DENY_WRITE_EXECUTE: &str = "\
import ctypes, os, sys
if ctypes.CDLL(None).prctl(65, 1, 0, 0, 0):
    sys.exit(1)
os.execvp(sys.argv[1], sys.argv[1:])";

#[test]
fn plugins_and_their_libraries_work_without_memory_that_is_writable_and_executable() {
    let mut through = words("python3 -c");
    through.push(DENY_WRITE_EXECUTE.to_owned());
    let mut probe = Command::new(&through[0]);
    match probe.args(&through[1..]).arg("true").output() {
        Err(_) => skip!("python3 is not installed"),
        Ok(output) if !output.status.success() => skip!("the kernel is older than 6.3"),
        Ok(_) => {}
    }
    let machine = Machine::new();
    let outcome = machine.run(&through, SERVICES[0], "").expect_code(0);
    let statuses = inventory(&machine);
    assert_eq!(statuses["file"], "complete", "{}", outcome.describe());
    // Each of the others fails for a reason of its own, but does not crash.
    assert!(!outcome.stderr.contains("crashed"), "{}", outcome.describe());
    let plain = Machine::new();
    plain.run(&[], SERVICES[0], "").expect_code(0);
    assert_eq!(statuses, inventory(&plain));
}

/// The names of a group of system calls, also of the groups in it; those of `~` lines are removed.
fn allowed(filters: &[String]) -> Option<BTreeSet<String>> {
    fn add(name: &str, all: &mut BTreeSet<String>) -> Option<()> {
        if !name.starts_with('@') {
            all.insert(name.to_owned());
            return Some(());
        }
        let (_, text) = analyze(&["syscall-filter", name], &[])?;
        let names = text.lines().skip(1).map(str::trim);
        names
            .filter(|name| !name.is_empty() && !name.starts_with('#'))
            .try_for_each(|name| add(name, all))
    }
    let mut allowed = BTreeSet::new();
    for filter in filters {
        let mut names = BTreeSet::new();
        filter
            .trim_start_matches('~')
            .split_whitespace()
            .try_for_each(|name| add(name, &mut names))?;
        if filter.starts_with('~') {
            allowed.retain(|name| !names.contains(name));
        } else {
            allowed.extend(names);
        }
    }
    Some(allowed)
}

#[test]
fn the_program_its_plugins_and_ssh_use_only_system_calls_that_the_services_allow() {
    if Command::new("strace").arg("--version").output().is_err() {
        skip!("strace is not installed");
    }
    let is_filter = |(name, value): (String, String)| (name == "SystemCallFilter").then_some(value);
    let filters: Vec<_> = settings(&unit(SERVICES[0])).into_iter().filter_map(is_filter).collect();
    let Some(allowed) = allowed(&filters) else { skip!("systemd-analyze is not installed") };
    assert!(allowed.len() > 200 && allowed.contains("read") && !allowed.contains("mount"));

    let machine = Machine::new();
    let trace = machine.path("trace");
    let mut through =
        words("strace --follow-forks --quiet=all --signal=none --string-limit=0 --output");
    through.push(trace.display().to_string());
    let mut probe = Command::new(&through[0]);
    if !probe.args(&through[1..]).arg("true").output().is_ok_and(|output| output.status.success()) {
        skip!("strace is not allowed here");
    }
    for (name, options) in [(SERVICES[0], ""), (SERVICES[1], "--rounds 1")] {
        let outcome = machine.run(&through, name, options).expect_code(0);
        let text = std::fs::read_to_string(&trace).expect("it was written");
        let called = |line: &str| {
            let call = line.split_once(' ')?.1.trim_start().split_once('(')?.0;
            call.chars().all(|c| c.is_ascii_alphanumeric() || c == '_').then(|| call.to_owned())
        };
        let calls: BTreeSet<_> = text.lines().filter_map(called).collect();
        assert!(calls.len() > 60, "{calls:?}\n{}", outcome.describe());
        // strace shows the number of a call that it does not know. Linux has fewer than 512; if a process is killed while it
        // begins a call, strace can read any number.
        let exists = |call: &&String| {
            let number = call.strip_prefix("syscall_0x").map(|hex| u64::from_str_radix(hex, 16));
            number.is_none_or(|number| number.is_ok_and(|number| number < 512))
        };
        let refused: Vec<_> = calls.difference(&allowed).filter(exists).collect();
        assert!(refused.is_empty(), "{refused:?}");
        // RestrictNamespaces= and RestrictAddressFamilies=
        let families = ["AF_UNIX", "AF_INET", "AF_INET6", "AF_NETLINK"];
        for line in text.lines() {
            assert!(!line.contains("CLONE_NEW"), "{line}");
            if let Some((_, family)) = line.split_once(" socket(") {
                let family = family.split(',').next().unwrap_or_default();
                assert!(families.contains(&family), "{line}");
            }
        }
    }
    let statuses = inventory(&machine);
    assert_eq!(statuses["file"], "complete");
    // Otherwise libvirt's library is not installed.
    if statuses["driver"] == "complete" {
        let trace = std::fs::read_to_string(&trace).expect("it was written");
        assert!(
            trace.lines().filter(|line| line.contains(" execve(")).count() > 5,
            "ssh was started"
        );
    }
}
