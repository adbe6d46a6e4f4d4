//! Tests of programs that print credentials. They run only for endpoints that the operator allows.

use std::path::Path;

use gatherer_plugin_support::testing::{Authority, KeyForm, ScriptedServer};
use gatherer_tests::plugins::set_mode;
use gatherer_tests::{Outcome, Run};
use serde_json::{Value, json};

use super::{Setup, assert_fails, assert_no_leak, assert_works, requires, with_policy, write};

const TOKEN: &str = "canary-token-7f3a91";
const VERSION: &str = "client.authentication.k8s.io/v1";

/// A script in the run's folder.
fn script(run: &Run, name: &str, text: &str) -> String {
    let path = write(run, name, &format!("#!/bin/sh\n{text}\n"));
    set_mode(&path, 0o755);
    path.to_str().expect("a path of this test").to_owned()
}

fn credential(token: &str) -> String {
    let credential =
        json!({"apiVersion": VERSION, "kind": "ExecCredential", "status": {"token": token}});
    format!("cat <<'END'\n{credential}\nEND")
}

fn user(command: &str) -> Value {
    json!({"exec": {"apiVersion": VERSION, "command": command, "interactiveMode": "Never"}})
}

/// Runs one endpoint `e` whose program is this shell script.
fn run_program(setup: &Setup, server: &ScriptedServer, text: &str, policy: &str) -> Outcome {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("program.sh");
    std::fs::write(&path, format!("#!/bin/sh\n{text}\n")).expect("the file can be written");
    set_mode(&path, 0o755);
    let command = path.to_str().expect("a path of this test");
    with_policy(setup.run([("e", setup.kubeconfig(server, &user(command)))]), policy).run()
}

#[test]
fn a_program_needs_the_operators_permission() {
    let setup = Setup::new();
    let server = setup.server(|_| true);
    let folder = tempfile::tempdir().expect("a temporary folder");
    let mark = folder.path().join("was-here");
    let text = format!("touch {}\n{}", mark.display(), credential(TOKEN));
    for policy in ["", "allow_exec = [\"another\"]", "allow_exec = []"] {
        let outcome = run_program(&setup, &server, &text, policy);
        assert_fails(&outcome, "e", "configuration", &["exec", "allow_exec", "config.toml"]);
    }
    // The same for providers with a program: one is supported, the other is not.
    for (provider, kind) in [("gcp", "configuration"), ("azure", "unsupported")] {
        let config =
            json!({"cmd-path": "/bin/sh", "cmd-args": format!("-c 'touch {}'", mark.display())});
        let user = json!({"auth-provider": {"name": provider, "config": config}});
        let outcome = setup.run([("e", setup.kubeconfig(&server, &user))]).run();
        let hint = if kind == "configuration" { "allow_exec" } else { "exec entry" };
        assert_fails(&outcome, "e", kind, &[hint]);
    }
    assert!(!Path::new(&mark).exists(), "it was run");
    assert_eq!(server.connections(), 0);
}

#[test]
fn uses_the_token_of_an_allowed_program() {
    let setup = Setup::new();
    let server = setup.server(requires(&format!("Bearer {TOKEN}")));
    let run = setup.run([]);
    // The program uses its argument and its environment.
    let program = script(&run, "tool", &credential("$1$SUFFIX").replace("'END'", "END"));
    let user = json!({"exec": {"apiVersion": VERSION, "command": program, "args": ["canary-token"],
        "env": [{"name": "SUFFIX", "value": "-7f3a91"}], "interactiveMode": "Never"}});
    for policy in ["allow_exec = [\"e\"]", "allow_exec = \"all\""] {
        let run = setup.run([("e", setup.kubeconfig(&server, &user))]);
        let outcome = with_policy(run, policy).run();
        assert_works(&outcome, "e");
        assert_no_leak(&outcome, &[TOKEN, "-7f3a91"]);
    }
    // The command may be relative to the kubeconfig's folder.
    let mut relative = user.clone();
    relative["exec"]["command"] = "./tool".into();
    let path = write(&run, "config", &setup.kubeconfig(&server, &relative).to_string());
    let outcome = with_policy(setup.run([("e", json!(path))]), "allow_exec = [\"e\"]").run();
    assert_works(&outcome, "e");
}

#[test]
fn a_hanging_program_ends_with_the_endpoint() {
    let setup = Setup::new();
    let server = setup.server(|_| true);
    let run = setup.run([]);
    // The end of the run checks that no process is left.
    let program = script(&run, "hangs", "sleep 1000 & sleep 1000");
    let document = setup.kubeconfig(&server, &user(&program)).to_string();
    let endpoints =
        json!([{"id": "e", "module": "Kubernetes", "kubeconfig": document, "timeout": 4}]);
    let hanging = Run::gather(&endpoints).plugins(setup.plugins.path()).args([
        "--format",
        "inventory",
        "-v",
        "-v",
    ]);
    let outcome = with_policy(hanging, "allow_exec = [\"e\"]").run();
    assert_fails(&outcome, "e", "timeout", &["hangs", "4 s"]);
    assert_eq!(server.connections(), 0);
}

#[test]
fn the_error_of_a_failed_program_names_it_and_does_not_quote_its_output() {
    let setup = Setup::new();
    let server = setup.server(|_| true);
    let allowed = "allow_exec = [\"e\"]";
    let run = |text: &str| run_program(&setup, &server, text, allowed);
    let expired = json!({"apiVersion": VERSION, "kind": "ExecCredential",
        "status": {"token": TOKEN, "expirationTimestamp": "soon"}});
    for (text, kind, part) in [
        (format!("echo {TOKEN}; echo {TOKEN} >&2; exit 3"), "authentication", "exit status: 3"),
        (format!("echo {TOKEN}"), "authentication", "other than credentials"),
        (format!("echo '{{\"token\": \"{TOKEN}\"}}'"), "authentication", "program.sh"),
        ("true".to_owned(), "authentication", "no credentials"),
        ("kill -9 $$".to_owned(), "authentication", "signal: 9"),
        (format!("echo '{expired}'"), "authentication", "expiry"),
        (credential(&format!("{TOKEN}\nx")), "configuration", "cannot be sent"),
    ] {
        let outcome = run(&text);
        assert_fails(&outcome, "e", kind, &[part, "program.sh"]);
        assert_no_leak(&outcome, &[TOKEN]);
    }
    let missing = setup.kubeconfig(&server, &user("/nonexistent/program"));
    let outcome = with_policy(setup.run([("e", missing)]), allowed).run();
    assert_fails(&outcome, "e", "configuration", &["/nonexistent/program", "cannot be started"]);
    assert_eq!(server.received().len(), 0);
}

#[test]
fn uses_the_client_certificate_of_an_allowed_program() {
    let mut setup = Setup::new();
    let clients = Authority::new("An authority for clients");
    setup.identity = setup.identity.demanding(&clients);
    let server = setup.server(|_| true);
    let client = clients.client(KeyForm::Pkcs8).expect("openssl is not needed");
    let credential = json!({"apiVersion": VERSION, "kind": "ExecCredential", "status": {
        "clientCertificateData": client.certificate, "clientKeyData": client.key}});
    let text = format!("cat <<'END'\n{credential}\nEND");
    let outcome = run_program(&setup, &server, &text, "allow_exec = [\"e\"]");
    assert_works(&outcome, "e");
    let secret = client.key.lines().nth(1).expect("PEM has lines");
    assert_no_leak(&outcome, &[secret]);
}

#[test]
fn limits_the_output_of_a_program_to_one_mebibyte() {
    let setup = Setup::new();
    let server = setup.server(requires(&format!("Bearer {TOKEN}")));
    let allowed = "allow_exec = [\"e\"]";
    for text in ["exec yes", "yes & exec cat /dev/zero"] {
        let outcome = run_program(&setup, &server, text, allowed);
        assert_fails(&outcome, "e", "authentication", &["1 MiB", "program.sh"]);
    }
    assert_eq!(server.connections(), 0);
    // Its stderr is discarded and does not block the program.
    let text = format!("head -c 50000000 /dev/zero >&2\n{}", credential(TOKEN));
    assert_works(&run_program(&setup, &server, &text, allowed), "e");
}

/// A script that leaves background processes behind, some of them in another session.
const DAEMONS: &str = "setsid sh -c 'sleep 1000 & sleep 1000' &\nsleep 1000 &";

#[test]
fn kills_the_background_processes_of_a_program() {
    let setup = Setup::new();
    let server = setup.server(requires(&format!("Bearer {TOKEN}")));
    // They keep the program's stdout open, which must not delay the endpoint.
    let text = format!("{DAEMONS}\n{}", credential(TOKEN));
    let outcome = run_program(&setup, &server, &text, "allow_exec = [\"e\"]");
    assert_works(&outcome, "e");
}

#[test]
fn a_killed_runner_leaves_no_process_of_a_program_behind() {
    let setup = Setup::new();
    let server = setup.server(|_| true);
    let files = setup.run([]);
    let program = script(&files, "hangs", &format!("{DAEMONS}\nsleep 1000"));
    let run = setup.run([("e", setup.kubeconfig(&server, &user(&program)))]);
    let running = with_policy(run, "allow_exec = [\"e\"]").start();
    running.wait_until("the program has started all of its processes", |running| {
        let all = gatherer_tests::processes::of(running.mark());
        (all.iter().filter(|(_, name)| name == "sleep").count() == 4).then_some(())
    });
    running.signal(rustix::process::Signal::KILL);
    // `finish` checks that no process is left.
    assert_eq!(running.finish().status.code(), None);
}

#[test]
fn a_hanging_program_with_processes_in_another_session_ends_with_the_endpoint() {
    let setup = Setup::new();
    let server = setup.server(|_| true);
    let files = setup.run([]);
    let program = script(&files, "hangs", &format!("{DAEMONS}\nsleep 1000"));
    let document = setup.kubeconfig(&server, &user(&program)).to_string();
    let endpoints =
        json!([{"id": "e", "module": "Kubernetes", "kubeconfig": document, "timeout": 2}]);
    let run = Run::gather(&endpoints).plugins(setup.plugins.path()).args(["--format", "inventory"]);
    let outcome = with_policy(run, "allow_exec = [\"e\"]").run();
    assert_fails(&outcome, "e", "timeout", &["hangs", "2 s"]);
}
