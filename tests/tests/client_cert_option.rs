//! Client certificates of module File, in the endpoint options `client_cert` and `client_key`. The server requires
//! a certificate of its own authority for clients, so an answer proves that the program sent one.

use std::path::{Path, PathBuf};
use std::process::Command;

use gatherer_plugin_support::testing::{
    Action, Authority, ClientIdentity, ForwardProxy, Identity, KeyForm, ScriptedServer,
};
use gatherer_tests::{FILE_DOCUMENT, Outcome, Run, assert_message, skip};
use serde_json::{Map, Value, json};

/// A server that requires a client certificate, and the files of one test.
struct Setup {
    servers: Authority,
    clients: Authority,
    server: ScriptedServer,
    folder: tempfile::TempDir,
}

impl Setup {
    fn new() -> Self {
        let servers = Authority::new("The authority of this test");
        let clients = Authority::new("An authority for clients");
        let identity = servers.identity(&["127.0.0.1", "inventory.test"]).demanding(&clients);
        let server = serve(&identity);
        let folder = tempfile::tempdir().expect("a temporary folder");
        std::fs::write(folder.path().join("ca.pem"), servers.pem()).expect("written");
        Self { servers, clients, server, folder }
    }

    /// A client of the authority for clients.
    fn client(&self) -> ClientIdentity {
        self.clients.client(KeyForm::Pkcs8).expect("openssl is not needed")
    }

    /// The path of a new file.
    fn file(&self, name: &str, text: &str) -> PathBuf {
        let path = self.folder.path().join(name);
        std::fs::write(&path, text).expect("the file can be written");
        path
    }

    /// A run with one endpoint for each of these options.
    fn run<const N: usize>(&self, endpoints: [(&str, Value); N]) -> Run {
        let endpoints = Vec::from(endpoints.map(|(id, options)| self.endpoint(id, options)));
        Run::gather(&json!(endpoints)).args(["--format", "inventory", "-vv"])
    }

    fn endpoint(&self, id: &str, options: Value) -> Value {
        let mut endpoint = json!({
            "id": id, "module": "File", "url": self.server.url("/"), "retries": 0, "timeout": 30,
            "ca_file": self.folder.path().join("ca.pem"),
        });
        let options: Map<_, _> = serde_json::from_value(options).expect("options are an object");
        endpoint.as_object_mut().expect("an endpoint is an object").extend(options);
        endpoint
    }
}

fn serve(identity: &Identity) -> ScriptedServer {
    ScriptedServer::https(identity, |_| Action::answer(200, FILE_DOCUMENT))
}

#[track_caller]
fn assert_works(outcome: &Outcome, id: &str) {
    assert_eq!(outcome.endpoint(id)["hosts"][0]["name"], "h1", "{id}: {}", outcome.describe());
}

/// Panics if a part of the key was printed or logged.
#[track_caller]
fn assert_shows_no_key(outcome: &Outcome, key: &str) {
    let shown = format!("{}{}", outcome.stdout_text(), outcome.messages());
    let body: String = key.lines().filter(|line| !line.starts_with("-----")).collect();
    assert!(body.len() > 60, "this is not a key");
    for start in (0..body.len() - 12).step_by(4) {
        assert!(!shown.contains(&body[start..start + 12]), "{}", outcome.describe());
    }
}

#[track_caller]
fn accepts_a_key_in(form: KeyForm) {
    let setup = Setup::new();
    let Some(client) = setup.clients.client(form) else {
        skip!("openssl, which creates the RSA key, is not installed");
    };
    let both = format!("{}{}", client.key, client.certificate);
    let certificate = setup.file("client.crt", &client.certificate);
    let key = setup.file("client.key", &client.key);
    let combined = setup.file("both.pem", &both);
    let run = setup
        .run([
            ("files", json!({"client_cert": certificate, "client_key": key})),
            ("text", json!({"client_cert": client.certificate, "client_key": client.key})),
            ("relative", json!({"client_cert": "in-home.crt", "client_key": "~/in-home.key"})),
            ("combined file", json!({"client_cert": combined})),
            ("combined text", json!({"client_cert": both})),
            ("same file", json!({"client_cert": combined, "client_key": combined})),
            (
                "references",
                json!({"client_cert": {"env": "CERTIFICATE"}, "client_key": {"file": key}}),
            ),
        ])
        .env("CERTIFICATE", &client.certificate);
    std::fs::write(run.home().join("in-home.crt"), &client.certificate).expect("written");
    std::fs::write(run.home().join("in-home.key"), &client.key).expect("written");
    let outcome = run.run();
    for id in
        ["files", "text", "relative", "combined file", "combined text", "same file", "references"]
    {
        assert_works(&outcome, id);
    }
    assert_shows_no_key(&outcome, &client.key);
}

#[test]
fn accepts_a_key_in_pkcs8() {
    accepts_a_key_in(KeyForm::Pkcs8);
}

#[test]
fn accepts_a_key_in_sec1() {
    accepts_a_key_in(KeyForm::Sec1);
}

#[test]
fn accepts_a_key_in_pkcs1() {
    accepts_a_key_in(KeyForm::Pkcs1);
}

#[test]
fn each_mistake_has_its_error() {
    let setup = Setup::new();
    let (client, other) = (setup.client(), setup.client());
    let certificate = setup.file("client.crt", &client.certificate);
    let key = setup.file("client.key", &client.key);
    let large = setup.file("large.key", &client.key);
    let opened = std::fs::OpenOptions::new().append(true).open(&large).expect("it exists");
    opened.set_len(1 << 20).expect("sparse");
    let encrypted = client.key.replace("PRIVATE KEY", "ENCRYPTED PRIVATE KEY");
    let damaged = client.key.replacen("\nMI", "\nMM", 1);
    let lines_lost = client.key.replace('\n', " ");
    let with_key = |key: &Value| json!({"client_cert": certificate, "client_key": key});
    let outcome = setup
        .run([
            ("certificate without key", json!({"client_cert": certificate})),
            ("key without certificate", json!({"client_key": key})),
            ("wrong pair", with_key(&json!(other.key))),
            ("wrong pair in files", with_key(&json!(setup.file("other.key", &other.key)))),
            ("another key first", with_key(&json!(format!("{}{}", other.key, client.key)))),
            ("encrypted key", with_key(&json!(setup.file("encrypted.key", &encrypted)))),
            ("damaged key", with_key(&json!(damaged))),
            ("key without line breaks", with_key(&json!(lines_lost))),
            ("certificate as key", with_key(&json!(certificate))),
            ("key as certificate", json!({"client_cert": key})),
            ("missing file", with_key(&json!("/nonexistent/client.key"))),
            ("folder", with_key(&json!(setup.folder.path()))),
            ("device", with_key(&json!("/dev/zero"))),
            ("large file", with_key(&json!(large))),
            ("secret instead of a path", with_key(&json!("canary-7f3a91"))),
            ("wrong type", with_key(&json!(["canary-7f3a91"]))),
        ])
        .run();
    let failures = outcome.failures();
    assert_eq!(failures.matches("configuration").count(), 16, "{failures}");
    assert!(!outcome.messages().contains("canary-7f3a91"), "{}", outcome.describe());
    assert_shows_no_key(&outcome, &client.key);
    assert_shows_no_key(&outcome, &other.key);
    assert_eq!(setup.server.received().len(), 0);
    assert_message!(failures);
}

#[test]
fn a_key_that_the_user_may_not_read_is_an_error() {
    let setup = Setup::new();
    let client = setup.client();
    let key = setup.file("client.key", &client.key);
    gatherer_tests::plugins::set_mode(&key, 0o000);
    gatherer_tests::plugins::set_mode(setup.folder.path(), 0o755);
    let run = setup.run([("e", json!({"client_cert": client.certificate, "client_key": key}))]);
    let Some(run) = run.as_user() else { skip!("the tests cannot run as another user") };
    let failure = run.run().failure("e");
    assert_eq!(failure.kind, "configuration");
    assert_message!(failure);
}

#[test]
fn a_certificate_that_the_server_does_not_accept_is_a_tls_error() {
    let setup = Setup::new();
    let stranger = Authority::new("Another authority for clients").client(KeyForm::Pkcs8);
    let stranger = stranger.expect("openssl is not needed");
    let outcome = setup
        .run([
            ("none", json!({})),
            (
                "unknown authority",
                json!({"client_cert": stranger.certificate, "client_key": stranger.key}),
            ),
        ])
        .run();
    for id in ["none", "unknown authority"] {
        assert_eq!(outcome.failure(id).kind, "tls", "{}", outcome.describe());
    }
    assert_shows_no_key(&outcome, &stranger.key);
    assert_message!(outcome.failures());
}

#[test]
fn a_server_that_requests_no_certificate_does_not_get_one() {
    let setup = Setup::new();
    let client = setup.client();
    let server = serve(&setup.servers.identity(&["127.0.0.1"]));
    let options = json!({
        "url": server.url("/"), "client_cert": client.certificate, "client_key": client.key,
    });
    assert_works(&setup.run([("e", options)]).run(), "e");
}

#[test]
fn an_https_proxy_does_not_get_the_certificate() {
    let setup = Setup::new();
    let client = setup.client();
    // As a proxy the server would answer, but it requires a certificate in the handshake before.
    let options = json!({
        "url": "http://inventory.test/", "proxy": setup.server.url(""),
        "client_cert": client.certificate, "client_key": client.key,
    });
    let outcome = setup.run([("e", options)]).run();
    assert_eq!(outcome.failure("e").kind, "tls", "{}", outcome.describe());
    assert_eq!(setup.server.received().len(), 0);
}

#[test]
fn sends_the_certificate_through_a_tunnel() {
    let setup = Setup::new();
    let client = setup.client();
    let proxy = ForwardProxy::open(setup.server.address());
    let options = json!({
        "url": "https://inventory.test/", "proxy": format!("http://{}", proxy.address()),
        "client_cert": client.certificate, "client_key": client.key,
    });
    assert_works(&setup.run([("e", options)]).run(), "e");
    assert_eq!(proxy.received()[0].target, "inventory.test:443");
}

/// Runs curl, another implementation, with these arguments.
fn curl(setup: &Setup, arguments: &[&Path]) -> Option<bool> {
    let output = Command::new("curl")
        .args(["--silent", "--show-error", "--fail", "--noproxy", "*", "--cacert"])
        .arg(setup.folder.path().join("ca.pem"))
        .args(arguments)
        .arg(setup.server.url("/"))
        .output()
        .ok()?;
    let works = output.status.success();
    assert_eq!(works, output.stdout == FILE_DOCUMENT.as_bytes(), "{output:?}");
    Some(works)
}

/// The key in SEC1, after the parameters of its curve, as `openssl ecparam -genkey` writes it.
fn sec1(key: &Path) -> Option<String> {
    let openssl = |arguments: &[&str]| {
        let output = Command::new("openssl").args(arguments).output().ok()?;
        assert!(output.status.success(), "{output:?}");
        Some(String::from_utf8(output.stdout).expect("PEM is text"))
    };
    let parameters = openssl(&["ecparam", "-name", "prime256v1"])?;
    Some(parameters + &openssl(&["ec", "-in", key.to_str().expect("UTF-8")])?)
}

#[test]
fn the_program_and_curl_agree_about_pairs_of_files() {
    let setup = Setup::new();
    let (client, other) = (setup.client(), setup.client());
    let stranger = Authority::new("Another authority for clients").client(KeyForm::Pkcs8);
    let stranger = stranger.expect("openssl is not needed");
    let certificate = setup.file("client.crt", &client.certificate);
    let key = setup.file("client.key", &client.key);
    let combined = setup.file("both.pem", &format!("{}{}", client.certificate, client.key));
    let other_key = setup.file("other.key", &other.key);
    let Some(sec1_key) = sec1(&key) else { skip!("openssl is not installed") };
    let sec1_key = setup.file("sec1.key", &sec1_key);
    let stranger = setup.file("stranger", &format!("{}{}", stranger.certificate, stranger.key));
    for (certificate, key, works) in [
        (&certificate, Some(&key), true),
        (&combined, None, true),
        (&certificate, Some(&sec1_key), true),
        (&certificate, Some(&other_key), false),
        (&certificate, None, false),
        (&stranger, None, false),
    ] {
        let mut arguments = vec![Path::new("--cert"), certificate];
        if let Some(key) = key {
            arguments.extend([Path::new("--key"), key]);
        }
        let Some(answer) = curl(&setup, &arguments) else { skip!("curl is not installed") };
        assert_eq!(answer, works, "curl: {arguments:?}");
        let options = json!({"client_cert": certificate, "client_key": key});
        let outcome = setup.run([("e", options)]).run();
        let is_complete = outcome.endpoint("e")["status"] == "complete";
        assert_eq!(is_complete, works, "{arguments:?}: {}", outcome.describe());
    }
}
