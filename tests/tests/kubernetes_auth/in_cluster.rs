//! Tests of `in-cluster`: the service account of a pod. The environment and the folder are those that a kubelet gives.

use std::net::{Ipv6Addr, SocketAddr, TcpListener, TcpStream};
use std::path::Path;

use gatherer_plugin_support::testing::ScriptedServer;
use gatherer_tests::Run;
use gatherer_tests::scripted_cluster::{NodeServer, Source, faults};
use serde_json::{Value, json};
use tempfile::TempDir;

use super::{
    NAMES, Setup, assert_fails, assert_no_leak, assert_works, requires, with_policy, write,
};

const ALLOWED: &str = "allow_machine_identity = true";
const TOKEN: &str = "canary-token-7f3a91";

/// The volume of a service account.
fn volume(setup: &Setup) -> TempDir {
    let folder = tempfile::tempdir().expect("a temporary folder");
    put(folder.path(), "token", TOKEN);
    put(folder.path(), "ca.crt", setup.authority.pem());
    folder
}

fn put(folder: &Path, name: &str, text: &str) {
    std::fs::write(folder.join(name), text).expect("the file can be written");
}

/// A run in a pod with this volume and server.
fn in_pod(run: Run, volume: &Path, address: SocketAddr) -> Run {
    run.env("KUBERNETES_SERVICE_HOST", address.ip().to_string())
        .env("KUBERNETES_SERVICE_PORT", address.port().to_string())
        .env("GATHERER_SERVICE_ACCOUNT_FOLDER", volume)
}

/// The endpoint `pod` with these options.
fn pod(options: &Value) -> Value {
    let mut endpoint = json!({"id": "pod", "module": "Kubernetes", "kubeconfig": "in-cluster",
        "timeout": 30, "retries": 0, "page_size": 2});
    for (name, value) in options.as_object().expect("options are an object") {
        endpoint[name] = value.clone();
    }
    endpoint
}

#[test]
fn a_pod_reads_its_cluster_with_the_token_of_its_service_account() {
    let setup = Setup::new();
    let (server, volume) = (setup.server(requires(&format!("Bearer {TOKEN}"))), volume(&setup));
    let run = with_policy(setup.run_of(&[pod(&json!({}))]), ALLOWED);
    let outcome = in_pod(run, volume.path(), server.address()).run();
    assert_works(&outcome, "pod");
    assert_no_leak(&outcome, &[TOKEN]);
    put(volume.path(), "token", "canary-wrong-55aa");
    let run = with_policy(setup.run_of(&[pod(&json!({}))]), ALLOWED);
    let outcome = in_pod(run, volume.path(), server.address()).run();
    let texts = ["the token of the pod's service account", "service account still exists"];
    assert_fails(&outcome, "pod", "authentication", &texts);
    assert_no_leak(&outcome, &["canary-wrong-55aa"]);
}

#[test]
fn an_ipv6_server_gets_brackets() {
    let mut setup = Setup::new();
    setup.identity = setup.authority.identity(&["::1"]);
    let Ok(listener) = TcpListener::bind((Ipv6Addr::LOCALHOST, 0)) else {
        gatherer_tests::skip!("this machine has no ::1");
    };
    let (server, volume) = (setup.server(requires(&format!("Bearer {TOKEN}"))), volume(&setup));
    let (address, to) = (listener.local_addr().expect("an address"), server.address());
    std::thread::spawn(move || {
        while let Ok((client, _)) = listener.accept() {
            let server = TcpStream::connect(to).expect("the server accepts connections");
            let pair =
                || (client.try_clone().expect("a socket"), server.try_clone().expect("a socket"));
            for (mut from, mut to) in [pair(), {
                let (a, b) = pair();
                (b, a)
            }] {
                std::thread::spawn(move || {
                    let _ = std::io::copy(&mut from, &mut to);
                    let _ = to.shutdown(std::net::Shutdown::Write);
                });
            }
        }
    });
    let run = with_policy(setup.run_of(&[pod(&json!({}))]), ALLOWED);
    assert_works(&in_pod(run, volume.path(), address).run(), "pod");
}

#[test]
fn the_token_is_read_again_for_the_next_page() {
    let setup = Setup::new();
    let volume = volume(&setup);
    let folder = volume.path().to_owned();
    let server = NodeServer::of(&Source::canned(&NAMES))
        .guarded(|request| {
            let second = request.target.contains("continue=");
            let token = if second { "canary-second-22bb" } else { TOKEN };
            request.header("authorization") == Some(&format!("Bearer {token}"))
        })
        .wrong(1, 1, faults::after(move || put(&folder, "token", "canary-second-22bb")))
        .https(&setup.identity);
    let run = with_policy(setup.run_of(&[pod(&json!({}))]), ALLOWED);
    let outcome = in_pod(run, volume.path(), server.address()).run();
    assert_works(&outcome, "pod");
    assert_no_leak(&outcome, &[TOKEN, "canary-second-22bb"]);
}

#[test]
fn the_authority_is_read_again_for_each_run() {
    let setup = Setup::new();
    let (server, volume) = (setup.server(|_| true), volume(&setup));
    let outcome = || {
        let run = with_policy(setup.run_of(&[pod(&json!({}))]), ALLOWED);
        in_pod(run, volume.path(), server.address()).run()
    };
    assert_works(&outcome(), "pod");
    put(volume.path(), "ca.crt", Setup::new().authority.pem());
    assert_fails(&outcome(), "pod", "tls", &["kube-root-ca.crt"]);
}

/// Panics unless the endpoint `pod` is refused with these texts, and nothing was sent.
#[track_caller]
fn assert_refused(run: Run, server: &ScriptedServer, texts: &[&str]) {
    let outcome = run.run();
    assert_fails(&outcome, "pod", "configuration", texts);
    assert_eq!(server.connections(), 0);
    assert_no_leak(&outcome, &[TOKEN]);
}

#[test]
fn without_the_operators_permission_nothing_is_sent() {
    let setup = Setup::new();
    let (server, volume) = (setup.server(|_| true), volume(&setup));
    let run = in_pod(setup.run_of(&[pod(&json!({}))]), volume.path(), server.address());
    assert_refused(run, &server, &["allow_machine_identity"]);
    let run = with_policy(setup.run_of(&[pod(&json!({}))]), "allow_exec = \"all\"");
    let run = in_pod(run, volume.path(), server.address());
    assert_refused(run, &server, &["allow_machine_identity", "config.toml"]);
}

/// The author of a request must not get the token of the pod.
#[test]
fn a_request_cannot_choose_where_the_token_goes() {
    let setup = Setup::new();
    let (server, volume) = (setup.server(|_| true), volume(&setup));
    for (option, value) in
        [("insecure", json!(true)), ("ca_file", json!("other.pem")), ("context", json!("other"))]
    {
        let run = with_policy(setup.run_of(&[pod(&json!({ option: value }))]), ALLOWED);
        write(&run, "other.pem", setup.authority.pem());
        assert_refused(in_pod(run, volume.path(), server.address()), &server, &[option]);
    }
    // The names of the variables are no parameters.
    let own = json!({"GATHERER_SERVICE_ACCOUNT_FOLDER": volume.path()});
    let run = with_policy(setup.run_of(&[pod(&own)]), ALLOWED);
    let outcome = run.run();
    assert_eq!(outcome.endpoint("pod")["status"], "failed", "{}", outcome.describe());
}

#[test]
fn outside_of_a_pod_it_is_an_error() {
    let setup = Setup::new();
    let (server, volume) = (setup.server(|_| true), volume(&setup));
    let run = || with_policy(setup.run_of(&[pod(&json!({}))]), ALLOWED);
    assert_refused(run(), &server, &["not in a pod", "KUBERNETES_SERVICE_HOST"]);
    std::fs::remove_file(volume.path().join("token")).expect("the file exists");
    let in_pod = in_pod(run(), volume.path(), server.address());
    assert_refused(in_pod, &server, &["does not exist", "automountServiceAccountToken"]);
}

/// The word takes precedence over a file with this name; with a folder in front it is a path.
#[test]
fn a_file_with_this_name_is_read_by_its_path() {
    let setup = Setup::new();
    let server = setup.server(requires("Bearer canary-of-the-file-11"));
    let document =
        setup.kubeconfig(&server, &json!({"token": "canary-of-the-file-11"})).to_string();
    let run = setup.run([("file", json!("./in-cluster")), ("word", json!("in-cluster"))]);
    write(&run, "in-cluster", &document);
    let outcome = run.run();
    assert_works(&outcome, "file");
    assert_fails(&outcome, "word", "configuration", &["allow_machine_identity", "./in-cluster"]);
}
