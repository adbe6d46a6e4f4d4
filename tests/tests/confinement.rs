//! A plugin cannot attack the runner or another worker, neither as root nor as another user. A kernel without
//! these protections only adds a debug line to the log.

use std::collections::BTreeMap;
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::net::{SocketAddr, UnixListener};
use std::path::Path;

use gatherer_tests::{Outcome, PluginFolder, Run, assert_message, plugins};
use landlock::{Ruleset, RulesetAttr as _, RulesetCreated, RulesetStatus, Scope};
use seccompiler::{BpfProgram, SeccompAction, SeccompFilter, TargetArch};
use serde_json::{Value, json};

/// The attempts that only Landlock refuses: without it, processes of one user may signal each other.
const SIGNALS: [&str; 6] =
    ["kill with 0", "SIGSTOP", "rt_sigqueueinfo", "pidfd_send_signal", "tkill", "kill"];

/// The attempts for which the kernel requires the permission to trace the process.
const TRACING: [&str; 8] = [
    "open mem",
    "link of fd",
    "open fd",
    "link of exe",
    "process_vm_readv",
    "process_vm_writev",
    "pidfd_getfd",
    "ptrace attach",
];

/// The attempts that Linux since 6.13 also allows with CAP_SYS_ADMIN, which workers of root keep.
const SHOWN_TO_ROOT: [&str; 3] = ["read environ", "read maps", "read auxv"];

/// A socket in the abstract namespace, on which the test listens, and its name.
fn abstract_socket(name: &str) -> (UnixListener, String) {
    let name = format!("gatherer-{name}-{}", std::process::id());
    let address = SocketAddr::from_abstract_name(&name).expect("a name");
    (UnixListener::bind_addr(&address).expect("a socket"), name)
}

/// Runs a plugin that tries all attacks on the runner and on a second worker, which waits until it is done.
/// `None` if `run` returns `None`.
fn attempts(run: impl Fn(Run) -> Option<Run>, socket: &str, more: &[&str]) -> Option<Outcome> {
    let folder = PluginFolder::with(&["misbehaving"]);
    let shared = tempfile::tempdir().expect("a folder");
    plugins::set_mode(shared.path(), 0o777);
    let done = shared.path().join("done");
    let endpoints = json!([
        {"id": "attacker", "module": "Misbehaving", "case": "reaches-out", "file": done,
         "username": socket},
        {"id": "sibling", "module": "Misbehaving", "case": "waits-for-file", "file": done},
    ]);
    let gather =
        Run::gather(&endpoints).plugins(folder.path()).args(["-v", "--format", "inventory"]);
    Some(run(gather.args(more))?.run())
}

/// The result of each attempt, by its name.
fn results(outcome: &Outcome) -> BTreeMap<String, String> {
    let attacker = outcome.endpoint("attacker");
    let host = attacker["hosts"]
        .as_array()
        .and_then(|hosts| hosts.iter().find(|host| host["id"] == "attempts"));
    let guests = host.and_then(|host| host["guests"].as_array());
    let guests = guests.unwrap_or_else(|| panic!("{attacker:#}\n{}", outcome.describe()));
    guests
        .iter()
        .filter_map(|guest| guest["name"].as_str()?.split_once(": "))
        .map(|(attempt, result)| (attempt.to_owned(), result.to_owned()))
        .collect()
}

/// Checks that all attempts were refused, and that runner and second worker finished normally.
fn assert_unharmed(outcome: &Outcome, as_root: bool) {
    let results = results(outcome);
    let assert_refused = |attempt: &str| {
        let result = results.get(attempt).map(String::as_str);
        assert!(matches!(result, Some("EPERM" | "EACCES")), "{attempt}: {result:?}; {results:#?}");
    };
    for target in ["runner", "worker", "logger"] {
        let shown_to_root = SHOWN_TO_ROOT.iter().filter(|_| !as_root);
        for attempt in TRACING.iter().chain(&SIGNALS).chain(shown_to_root) {
            assert_refused(&format!("{target} {attempt}"));
        }
    }
    assert_refused("abstract socket");
    assert_eq!(results["own child kill"], "done");
    assert!(outcome.log.contains("Misbehaving: 2 hosts"), "{}", outcome.describe());
    let sibling = outcome.endpoint("sibling");
    assert_eq!((&sibling["status"], &sibling["warnings"]), (&json!("complete"), &Value::Null));
}

/// The member `protections` of `modules --json`.
fn protections(run: Run) -> Value {
    let outcome = run.args(["modules", "--json"]).run().expect_code(0);
    let document: Value = serde_json::from_slice(&outcome.stdout).expect("JSON");
    document["protections"].clone()
}

/// Whether the Landlock of this kernel can scope signals, found out without the program.
fn has_landlock() -> bool {
    // The probe restricts the thread that runs it.
    let probe = || {
        let ruleset = Ruleset::default().scope(Scope::Signal).and_then(Ruleset::create);
        let status = ruleset.and_then(RulesetCreated::restrict_self);
        status.is_ok_and(|status| status.ruleset == RulesetStatus::FullyEnforced)
    };
    std::thread::spawn(probe).join().expect("the probe does not panic")
}

#[test]
fn a_plugin_cannot_attack_the_runner_or_another_worker_as_root() {
    if !rustix::process::geteuid().is_root() {
        gatherer_tests::skip!("the tests do not run as root");
    }
    if !has_landlock() {
        gatherer_tests::skip!("this kernel's Landlock does not scope signals");
    }
    let (_listener, socket) = abstract_socket("root");
    let outcome = attempts(Some, &socket, &[]).expect("`Some` returns the run");
    assert_unharmed(&outcome, true);
}

#[test]
fn a_plugin_cannot_attack_the_runner_or_another_worker_as_another_user() {
    if !has_landlock() {
        gatherer_tests::skip!("this kernel's Landlock does not scope signals");
    }
    let (_listener, socket) = abstract_socket("user");
    let Some(outcome) = attempts(Run::as_user, &socket, &[]) else {
        gatherer_tests::skip!("another user cannot run the program on this machine");
    };
    assert_unharmed(&outcome, false);
}

#[test]
fn the_operator_can_disable_confinement() {
    let folder = tempfile::tempdir().expect("a folder");
    let config = folder.path().join("config.toml");
    std::fs::write(&config, "[policy]\nconfine = false\n").expect("a file");
    let config = config.to_str().expect("text");
    let found = protections(Run::new().args(["--config", config]));
    assert_eq!(found["landlock"], Value::Null);
    let inherited = own_status("NoNewPrivs");
    assert_eq!(found["nonDumpable"], true);
    assert_eq!(found["noNewPrivs"], inherited == "1");

    let status = worker_status(&["--config", config]);
    assert_eq!(status_line(&status, "NoNewPrivs"), inherited);
    assert_eq!(status_line(&status, "CapBnd"), own_status("CapBnd"));
}

#[test]
fn an_endpoint_that_may_run_programs_is_not_confined() {
    let folder = tempfile::tempdir().expect("a folder");
    let config = folder.path().join("config.toml");
    std::fs::write(&config, "[policy]\nallow_exec = [\"e\"]\n").expect("a file");
    let status = worker_status(&["--config", config.to_str().expect("text")]);
    assert_eq!(status_line(&status, "CapBnd"), own_status("CapBnd"));
    assert_eq!(status_line(&status, "CapEff"), own_status("CapEff"));
}

#[test]
fn a_worker_drops_only_cap_sys_ptrace() {
    const SYS_PTRACE: u64 = 1 << 19;
    let number = |text: &str| u64::from_str_radix(text, 16).expect("a number");
    let status = worker_status(&[]);
    for set in ["CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"] {
        let (worker, own) = (number(&status_line(&status, set)), number(&own_status(set)));
        if set == "CapBnd" && !rustix::process::geteuid().is_root() {
            // Only a privileged process can change the bounding set, but no_new_privs makes it ineffective.
            assert_eq!(status_line(&status, "NoNewPrivs"), "1");
        } else {
            assert_eq!(worker, own & !SYS_PTRACE, "{set}");
        }
    }
}

#[test]
fn the_module_list_shows_the_active_protections() {
    const SYS_ADMIN: u64 = 1 << 21;
    let as_root = rustix::process::geteuid().is_root();
    let found = protections(Run::new());
    assert_eq!(found["nonDumpable"], true);
    assert_eq!(found["capSysPtraceDropped"], true);
    // Landlock needs no_new_privs for root without CAP_SYS_ADMIN, for example in a container.
    let capabilities = u64::from_str_radix(&own_status("CapEff"), 16).expect("a number");
    let is_admin = as_root && capabilities & SYS_ADMIN != 0;
    let expected = !is_admin || own_status("NoNewPrivs") == "1";
    assert_eq!(found["noNewPrivs"], expected, "{found:#}");
    if has_landlock() {
        assert!(found["landlock"]["abi"].as_i64().is_some_and(|abi| abi >= 6), "{found:#}");
        assert_eq!(found["landlock"]["scoped"], json!(["signal", "abstractUnixSocket"]));
    } else {
        assert_eq!(found["landlock"], Value::Null);
    }
    let Some(run) = Run::new().as_user() else {
        gatherer_tests::skip!("another user cannot run the program on this machine");
    };
    let found = protections(run);
    assert_eq!((&found["noNewPrivs"], &found["nonDumpable"]), (&json!(true), &json!(true)));
    assert_eq!(found["capSysPtraceDropped"], true);
}

#[test]
fn a_kernel_without_landlock_adds_one_debug_line() {
    for (errno, name) in [(libc::ENOSYS, "not_supported"), (libc::EOPNOTSUPP, "disabled")] {
        let folder = PluginFolder::with(&["example"]);
        let endpoints = json!([{"id": "e", "module": "Example", "hostname": "h", "guests": "2"}]);
        let run = Run::gather(&endpoints).plugins(folder.path());
        let outcome = without_landlock(errno, move || run.arg("-vv").run());
        assert_eq!(outcome.document().len(), 1);
        let lines: Vec<_> = outcome.log.lines().filter(|line| line.contains("Landlock")).collect();
        assert_eq!(lines.len(), 1, "{}", outcome.describe());
        let (head, message) = lines[0].split_at(lines[0].find("Landlock").unwrap_or_default());
        assert!(head.contains("DEBUG"), "{}", lines[0]);
        assert_message!(name, message);

        let quiet = Run::gather(&endpoints).plugins(folder.path());
        let quiet = without_landlock(errno, move || quiet.run());
        assert_eq!(quiet.document().len(), 1);
        assert!(!quiet.messages().contains("Landlock"), "{}", quiet.describe());
        let found = without_landlock(errno, || protections(Run::new()));
        assert_eq!(found["landlock"], Value::Null);
        assert_eq!(found["capSysPtraceDropped"], true);
    }
}

/// Runs `run` on a thread in which, and in whose child processes, the system calls of Landlock fail with this
/// error.
fn without_landlock<T: Send + 'static>(errno: i32, run: impl FnOnce() -> T + Send + 'static) -> T {
    let calls = [
        libc::SYS_landlock_create_ruleset,
        libc::SYS_landlock_add_rule,
        libc::SYS_landlock_restrict_self,
    ];
    let filter = SeccompFilter::new(
        calls.into_iter().map(|call| (call, Vec::new())).collect(),
        SeccompAction::Allow,
        SeccompAction::Errno(errno.unsigned_abs()),
        TargetArch::try_from(std::env::consts::ARCH).expect("a known architecture"),
    );
    let filter: BpfProgram =
        filter.and_then(TryInto::try_into).expect("a filter that the kernel accepts");
    let filtered = move || {
        seccompiler::apply_filter(&filter).expect("the kernel supports seccomp");
        run()
    };
    std::thread::spawn(filtered).join().expect("the run does not panic")
}

/// The content of `/proc/PID/status` of a worker that has loaded its plugin.
fn worker_status(more: &[&str]) -> String {
    let folder = PluginFolder::with(&["misbehaving"]);
    let endpoints = json!([{"id": "e", "module": "Misbehaving", "case": "sleeps"}]);
    let running = Run::gather(&endpoints).plugins(folder.path()).args(more).start();
    let status = running.wait_until("the worker has loaded its plugin", |running| {
        let worker = *running.workers().first()?;
        // After it has confined itself, the worker starts a thread that waits for the end of its input.
        let threads = std::fs::read_dir(format!("/proc/{worker}/task")).ok()?.count();
        (threads > 1).then_some(())?;
        std::fs::read_to_string(Path::new("/proc").join(worker.to_string()).join("status")).ok()
    });
    running.signal(rustix::process::Signal::TERM);
    running.finish().expect_code(143);
    status
}

fn status_line(status: &str, name: &str) -> String {
    let line = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
    line.unwrap_or_else(|| panic!("{name} in {status}")).trim().to_owned()
}

fn own_status(name: &str) -> String {
    status_line(&std::fs::read_to_string("/proc/self/status").expect("/proc"), name)
}
