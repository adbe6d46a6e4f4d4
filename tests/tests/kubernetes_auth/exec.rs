//! Programs that print credentials: run for those alone whom the operator allows it.

use std::path::Path;

use gatherer_tests::fault_server::{Authority, KeyForm, NodeServer};
use gatherer_tests::plugins::set_mode;
use gatherer_tests::{Outcome, Run};
use serde_json::{Value, json};

use super::{Place, assert_fails, assert_silent, assert_works, wants, with_policy, write};

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

/// One endpoint `e` whose program does this.
fn run_program(place: &Place, server: &NodeServer, text: &str, policy: &str) -> Outcome {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("program.sh");
    std::fs::write(&path, format!("#!/bin/sh\n{text}\n")).expect("writable");
    set_mode(&path, 0o755);
    let command = path.to_str().expect("a path of this test");
    with_policy(place.run([("e", place.kubeconfig(server, &user(command)))]), policy).run()
}

#[test]
fn a_program_is_not_run_unless_the_operator_says_so_and_the_error_says_where() {
    let place = Place::new();
    let server = place.server(|_| true);
    let folder = tempfile::tempdir().expect("a temporary folder");
    let mark = folder.path().join("was-here");
    let text = format!("touch {}\n{}", mark.display(), credential(TOKEN));
    for policy in ["", "allow_exec = [\"another\"]", "allow_exec = []"] {
        let outcome = run_program(&place, &server, &text, policy);
        assert_fails(&outcome, "e", "configuration", &["exec", "allow_exec", "config.toml"]);
    }
    // Providers that are programs: one is known, the other is not.
    for (provider, kind) in [("gcp", "configuration"), ("azure", "unsupported")] {
        let config =
            json!({"cmd-path": "/bin/sh", "cmd-args": format!("-c 'touch {}'", mark.display())});
        let user = json!({"auth-provider": {"name": provider, "config": config}});
        let outcome = place.run([("e", place.kubeconfig(&server, &user))]).run();
        let hint = if kind == "configuration" { "allow_exec" } else { "exec entry" };
        assert_fails(&outcome, "e", kind, &[hint]);
    }
    assert!(!Path::new(&mark).exists(), "it was run");
    assert_eq!(server.connections(), 0);
}

#[test]
fn an_allowed_programs_token_is_used() {
    let place = Place::new();
    let server = place.server(wants(&format!("Bearer {TOKEN}")));
    let run = place.run([]);
    // It gets its arguments and its environment.
    let program = script(&run, "tool", &credential("$1$SUFFIX").replace("'END'", "END"));
    let user = json!({"exec": {"apiVersion": VERSION, "command": program, "args": ["canary-token"],
        "env": [{"name": "SUFFIX", "value": "-7f3a91"}], "interactiveMode": "Never"}});
    for policy in ["allow_exec = [\"e\"]", "allow_exec = \"all\""] {
        let run = place.run([("e", place.kubeconfig(&server, &user))]);
        let outcome = with_policy(run, policy).run();
        assert_works(&outcome, "e");
        assert_silent(&outcome, &[TOKEN, "-7f3a91"]);
    }
    // Its name may be relative to the kubeconfig's folder.
    let mut relative = user.clone();
    relative["exec"]["command"] = "./tool".into();
    let path = write(&run, "config", &place.kubeconfig(&server, &relative).to_string());
    let outcome = with_policy(place.run([("e", json!(path))]), "allow_exec = [\"e\"]").run();
    assert_works(&outcome, "e");
}

#[test]
fn a_program_that_hangs_ends_with_the_endpoint() {
    let place = Place::new();
    let server = place.server(|_| true);
    let run = place.run([]);
    // The run's end checks that none of its processes is left.
    let program = script(&run, "hangs", "sleep 1000 & sleep 1000");
    let document = place.kubeconfig(&server, &user(&program)).to_string();
    let endpoints =
        json!([{"id": "e", "module": "Kubernetes", "kubeconfig": document, "timeout": 4}]);
    let hanging = Run::gather(&endpoints).plugins(place.plugins.path()).args([
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
fn a_program_that_fails_is_named_and_what_it_printed_is_not() {
    let place = Place::new();
    let server = place.server(|_| true);
    let allowed = "allow_exec = [\"e\"]";
    let run = |text: &str| run_program(&place, &server, text, allowed);
    let expired = json!({"apiVersion": VERSION, "kind": "ExecCredential",
        "status": {"token": TOKEN, "expirationTimestamp": "soon"}});
    for (text, kind, said) in [
        (format!("echo {TOKEN}; echo {TOKEN} >&2; exit 3"), "authentication", "exit status: 3"),
        (format!("echo {TOKEN}"), "authentication", "other than credentials"),
        (format!("echo '{{\"token\": \"{TOKEN}\"}}'"), "authentication", "program.sh"),
        ("true".to_owned(), "authentication", "no credentials"),
        ("kill -9 $$".to_owned(), "authentication", "signal: 9"),
        (format!("echo '{expired}'"), "authentication", "expiry"),
        (credential(&format!("{TOKEN}\nx")), "configuration", "cannot be sent"),
    ] {
        let outcome = run(&text);
        assert_fails(&outcome, "e", kind, &[said, "program.sh"]);
        assert_silent(&outcome, &[TOKEN]);
    }
    let missing = place.kubeconfig(&server, &user("/nonexistent/program"));
    let outcome = with_policy(place.run([("e", missing)]), allowed).run();
    assert_fails(&outcome, "e", "configuration", &["/nonexistent/program", "cannot be started"]);
    assert_eq!(server.received().len(), 0);
}

#[test]
fn an_allowed_programs_certificate_is_shown() {
    let mut place = Place::new();
    let clients = Authority::new("An authority for clients");
    place.identity = place.identity.demanding(&clients);
    let server = place.server(|_| true);
    let client = clients.client(KeyForm::Pkcs8).expect("needs no program");
    let credential = json!({"apiVersion": VERSION, "kind": "ExecCredential", "status": {
        "clientCertificateData": client.certificate, "clientKeyData": client.key}});
    let text = format!("cat <<'END'\n{credential}\nEND");
    let outcome = run_program(&place, &server, &text, "allow_exec = [\"e\"]");
    assert_works(&outcome, "e");
    let secret = client.key.lines().nth(1).expect("PEM has lines");
    assert_silent(&outcome, &[secret]);
}

#[test]
fn an_endless_output_is_cut_off_at_a_mebibyte() {
    let place = Place::new();
    let server = place.server(wants(&format!("Bearer {TOKEN}")));
    let allowed = "allow_exec = [\"e\"]";
    for text in ["exec yes", "yes & exec cat /dev/zero"] {
        let outcome = run_program(&place, &server, text, allowed);
        let said = &["printed more than 1 MiB", "program.sh"];
        assert_fails(&outcome, "e", "authentication", said);
    }
    assert_eq!(server.connections(), 0);
    // Its complaints are discarded, and it does not wait for a reader.
    let text = format!("head -c 50000000 /dev/zero >&2\n{}", credential(TOKEN));
    assert_works(&run_program(&place, &server, &text, allowed), "e");
}

/// Leaves processes behind that none of its own waits for, one of them in a session of its own.
const DAEMONS: &str = "setsid sh -c 'sleep 1000 & sleep 1000' &\nsleep 1000 &";

#[test]
fn what_a_program_leaves_behind_ends_with_it() {
    let place = Place::new();
    let server = place.server(wants(&format!("Bearer {TOKEN}")));
    // They hold its standard output open, which does not keep the endpoint waiting.
    let text = format!("{DAEMONS}\n{}", credential(TOKEN));
    let outcome = run_program(&place, &server, &text, "allow_exec = [\"e\"]");
    assert_works(&outcome, "e");
}

#[test]
fn a_program_ends_when_the_runner_is_killed_and_so_does_what_it_started() {
    let place = Place::new();
    let server = place.server(|_| true);
    let files = place.run([]);
    let program = script(&files, "hangs", &format!("{DAEMONS}\nsleep 1000"));
    let run = place.run([("e", place.kubeconfig(&server, &user(&program)))]);
    let running = with_policy(run, "allow_exec = [\"e\"]").start();
    running.wait_until("the program has started all of its processes", |running| {
        let all = gatherer_tests::processes::of(running.mark());
        (all.iter().filter(|(_, name)| name == "sleep").count() == 4).then_some(())
    });
    running.signal(rustix::process::Signal::KILL);
    // Checks that none of them is left.
    assert_eq!(running.finish().status.code(), None);
}

#[test]
fn a_program_that_hangs_in_a_session_of_its_own_ends_with_the_endpoint() {
    let place = Place::new();
    let server = place.server(|_| true);
    let files = place.run([]);
    let program = script(&files, "hangs", &format!("{DAEMONS}\nsleep 1000"));
    let document = place.kubeconfig(&server, &user(&program)).to_string();
    let endpoints =
        json!([{"id": "e", "module": "Kubernetes", "kubeconfig": document, "timeout": 2}]);
    let run = Run::gather(&endpoints).plugins(place.plugins.path()).args(["--format", "inventory"]);
    let outcome = with_policy(run, "allow_exec = [\"e\"]").run();
    assert_fails(&outcome, "e", "timeout", &["hangs", "2 s"]);
}
