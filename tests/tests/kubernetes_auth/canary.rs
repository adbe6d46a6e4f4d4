//! Tests that no secret of a kubeconfig leaks: in successful and failing runs, at the most detailed log
//! level, including the log lines of libraries, and with a server that echoes the request.

use std::os::unix::fs::PermissionsExt as _;

use gatherer_plugin_support::testing::{
    Action, Authority, ForwardProxy, KeyForm, ReceivedRequest, ScriptedServer,
};
use gatherer_tests::scripted_cluster::{NodeServer, Source, base64, kubeconfig, kubernetes_status};
use gatherer_tests::{Outcome, Run};
use rustix::process::Signal;
use serde_json::{Value, json};

use super::oidc::{self, CLIENT_SECRET, REFRESH, id_token};
use super::{NAMES, Setup, assert_no_leak, assert_works, with_policy};

const TOKEN: &str = "canary-token-7f3a91";
const FILE_TOKEN: &str = "canary-token-file-7f3a91";
const PASSWORD: &str = "canary-password-7f3a91";
const ENVIRONMENT: &str = "canary-environment-7f3a91";
const ACCESS_TOKEN: &str = "canary-access-7f3a91";
const EXEC_TOKEN: &str = "canary-exec-token-7f3a91";
const PROXY_PASSWORD: &str = "canary-proxy-7f3a91";
const OLD_SIGNATURE: &str = "canary-old-signature-7f3a91";
const NEW_SIGNATURE: &str = "canary-new-signature-7f3a91";

/// How the API server behaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Behavior {
    /// It returns the list.
    Works,
    /// It echoes the request's headers in a `Status` object.
    EchoesInStatus,
    /// It echoes the request's headers in the name of a node.
    EchoesInName,
    /// It echoes the request's headers in HTML.
    EchoesInHtml,
    /// It resets each connection.
    Resets,
    /// It never responds.
    Silent,
}

/// A folder with credential files, and the secrets that must not leak.
struct Canary {
    setup: Setup,
    clients: Authority,
    folder: tempfile::TempDir,
    secrets: Vec<String>,
}

impl Canary {
    fn new() -> Self {
        let mut setup = Setup::new();
        let clients = Authority::new("An authority for clients");
        setup.identity = setup.authority.identity(&["127.0.0.1", "cluster.test"]);
        let folder = tempfile::tempdir().expect("a temporary folder");
        let secrets = [
            TOKEN,
            FILE_TOKEN,
            PASSWORD,
            ENVIRONMENT,
            ACCESS_TOKEN,
            EXEC_TOKEN,
            PROXY_PASSWORD,
            OLD_SIGNATURE,
            NEW_SIGNATURE,
            REFRESH,
            CLIENT_SECRET,
        ];
        let secrets = secrets.map(str::to_owned).into();
        Self { setup, clients, folder, secrets }
    }

    fn put(&self, name: &str, text: &str) -> std::path::PathBuf {
        let path = self.folder.path().join(name);
        std::fs::write(&path, text).expect("the file can be written");
        path
    }

    /// One kubeconfig for each login method, as a file and (if it names no files) as a document.
    fn documents(
        &mut self,
        server: &ScriptedServer,
        proxy: &ForwardProxy,
        issuer: &ScriptedServer,
    ) -> Vec<(&'static str, Value)> {
        let program = self.put(
            "program",
            "#!/bin/sh\necho \"$SECRET_OF_THE_PROGRAM\" >&2\ncat \"$(dirname \"$0\")/credential\"\n",
        );
        std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755))
            .expect("the mode can be set");
        let version = "client.authentication.k8s.io/v1";
        let credential = json!({"apiVersion": version, "kind": "ExecCredential",
            "status": {"token": EXEC_TOKEN}});
        self.put("credential", &credential.to_string());
        self.put("token", &format!("{FILE_TOKEN}\n"));
        let inline = self.clients.client(KeyForm::Pkcs8).expect("openssl is not needed");
        let file = self.clients.client(KeyForm::Sec1).expect("openssl is not needed");
        self.put("client.crt", &file.certificate);
        self.put("client.key", &file.key);
        for key in [&inline.key, &file.key] {
            self.secrets.extend(
                key.lines()
                    .filter(|line| !line.starts_with('-') && line.len() > 30)
                    .map(str::to_owned),
            );
            self.secrets.push(base64(key));
        }
        let exec = json!({"apiVersion": version, "command": program, "interactiveMode": "Never",
            "env": [{"name": "SECRET_OF_THE_PROGRAM", "value": ENVIRONMENT}]});
        let good = id_token(3600, OLD_SIGNATURE);
        let expired = id_token(-60, OLD_SIGNATURE);
        let users = [
            ("token", json!({ "token": TOKEN })),
            ("token file", json!({"tokenFile": "token"})),
            ("password", json!({"username": "user", "password": PASSWORD})),
            (
                "key",
                json!({"client-certificate-data": base64(&inline.certificate),
                "client-key-data": base64(&inline.key)}),
            ),
            ("key file", json!({"client-certificate": "client.crt", "client-key": "client.key"})),
            ("exec", json!({ "exec": exec })),
            (
                "access token",
                json!({"auth-provider": {"name": "gcp", "config": {"access-token": ACCESS_TOKEN}}}),
            ),
            ("id token", oidc::user(&self.setup, &issuer.url(""), &good)),
            ("refresh token", oidc::user(&self.setup, &issuer.url(""), &expired)),
        ];
        let mut documents: Vec<_> = users
            .into_iter()
            .map(|(name, user)| (name, kubeconfig(&server.url(""), &self.setup.trust(), &user)))
            .collect();
        let mut cluster = self.setup.trust();
        cluster["proxy-url"] = format!("http://user:{PROXY_PASSWORD}@{}", proxy.address()).into();
        let url = "https://cluster.test:6443";
        documents.push(("proxy", kubeconfig(url, &cluster, &json!({ "token": TOKEN }))));
        let mut all = Vec::new();
        for (name, document) in documents {
            let path = self.put(&format!("{name}.kubeconfig"), &document.to_string());
            all.push((name, json!(path)));
            if !name.contains("file") {
                all.push((name, document));
            }
        }
        all
    }

    fn server(&self, behavior: Behavior) -> ScriptedServer {
        let settings = NodeServer::of(&Source::canned(&NAMES));
        let settings = match behavior {
            Behavior::Works => settings,
            _ => settings.wrong(
                0,
                usize::MAX,
                std::sync::Arc::new(move |request, _| {
                    let sent = format!("{:?}", request.headers);
                    match behavior {
                        Behavior::EchoesInStatus => {
                            Action::json(401, &kubernetes_status(401, "Unauthorized", &sent))
                        }
                        Behavior::EchoesInName => Action::json(
                            200,
                            &json!({"kind": "NodeList", "apiVersion": "v1",
                        "metadata": {"continue": sent}, "items": [{"metadata": {"name": sent}}]}),
                        ),
                        Behavior::EchoesInHtml => {
                            Action::answer(502, sent).header("content-type", "text/html")
                        }
                        Behavior::Resets => Action::Reset,
                        _ => Action::BlackHole,
                    }
                }),
            ),
        };
        settings.https(&self.setup.identity)
    }

    fn issuer(&self) -> ScriptedServer {
        let answer = json!({"id_token": id_token(3600, NEW_SIGNATURE)});
        oidc::issuer(&self.setup, move || Action::json(200, &answer))
    }

    /// A run of all kubeconfigs, in this format.
    fn run(&self, documents: &[(&'static str, Value)], timeout: u64, format: &str) -> Run {
        let endpoints: Vec<Value> = documents
            .iter()
            .enumerate()
            .map(|(number, (name, document))| {
                let text = document.as_str().map_or_else(|| document.to_string(), str::to_owned);
                json!({"id": format!("{name} {number}"), "module": "Kubernetes", "kubeconfig": text,
                    "timeout": timeout, "retries": 1, "page_size": 2})
            })
            .collect();
        let run = Run::gather(&json!(endpoints))
            .plugins(self.setup.plugins.path())
            .args(["-v", "-v", "--jobs", "32", "--format", format]);
        with_policy(run, "allow_exec = \"all\"")
    }

    fn assert_no_leak(&self, outcome: &Outcome) {
        let secrets: Vec<&str> = self.secrets.iter().map(String::as_str).collect();
        assert_no_leak(outcome, &secrets);
    }

    /// Gathers from such a server in each format, and checks that nothing leaks. Returns the run with
    /// the inventory and its endpoints' ids.
    fn gather(behavior: Behavior, timeout: u64) -> (Outcome, Vec<String>) {
        let mut canary = Self::new();
        let server = canary.server(behavior);
        let proxy = ForwardProxy::open(server.address());
        let issuer = canary.issuer();
        let documents = canary.documents(&server, &proxy, &issuer);
        let formats: [(&str, &[&str]); 4] = [
            ("gatherer", &[]),
            ("table", &["--progress", "always"]),
            ("ndjson", &["--log-format", "json"]),
            ("inventory", &[]),
        ];
        let running = formats
            .map(|(format, more)| canary.run(&documents, timeout, format).args(more).start());
        let outcomes = running.map(gatherer_tests::Running::finish);
        for outcome in &outcomes {
            assert_eq!(outcome.code(), 0, "{}", outcome.describe());
            canary.assert_no_leak(outcome);
        }
        if behavior == Behavior::Works {
            assert_used(&server, &proxy, &issuer);
        }
        let [_, _, _, inventory] = outcomes;
        let ids =
            documents.iter().enumerate().map(|(number, (name, _))| format!("{name} {number}"));
        (inventory, ids.collect())
    }
}

/// Panics unless each secret was sent to the server that it is meant for, and to no other.
#[track_caller]
fn assert_used(server: &ScriptedServer, proxy: &ForwardProxy, issuer: &ScriptedServer) {
    let sent = |requests: &[ReceivedRequest]| {
        let headers = requests.iter().flat_map(|request| &request.headers);
        let bodies = requests.iter().map(|request| String::from_utf8_lossy(&request.body).into());
        let texts: Vec<String> = headers.map(|(_, value)| value.clone()).chain(bodies).collect();
        texts.join("\n")
    };
    let (to_server, to_proxy, to_issuer) =
        (sent(&server.received()), sent(&proxy.received()), sent(&issuer.received()));
    let password = base64(&format!("user:{PASSWORD}"));
    for secret in
        [TOKEN, FILE_TOKEN, ACCESS_TOKEN, EXEC_TOKEN, OLD_SIGNATURE, NEW_SIGNATURE, &password]
    {
        assert!(to_server.contains(secret), "{secret} was not sent");
        assert!(!to_proxy.contains(secret) && !to_issuer.contains(secret), "{secret}");
    }
    assert!(to_proxy.contains(&base64(&format!("user:{PROXY_PASSWORD}"))), "{to_proxy}");
    assert!(to_issuer.contains(REFRESH), "{to_issuer}");
    assert!(!to_server.contains(REFRESH) && !to_server.contains(CLIENT_SECRET), "{to_server}");
}

#[test]
fn a_successful_run_leaks_no_secret() {
    let (outcome, ids) = Canary::gather(Behavior::Works, 45);
    for id in ids {
        assert_works(&outcome, &id);
    }
}

#[test]
fn secrets_that_the_server_echoes_are_redacted() {
    for behavior in [Behavior::EchoesInStatus, Behavior::EchoesInName, Behavior::EchoesInHtml] {
        let (outcome, ids) = Canary::gather(behavior, 45);
        for id in ids {
            let endpoint = outcome.endpoint(&id);
            assert_eq!(endpoint["status"], "failed", "{behavior:?}: {endpoint}");
            // The message contains the echoed headers, with the secret redacted.
            let message = endpoint["error"]["message"].to_string();
            let is_redacted = message.contains("***") || id.starts_with("key");
            assert!(behavior != Behavior::EchoesInStatus || is_redacted, "{id}: {message}");
        }
    }
}

#[test]
fn a_broken_connection_leaks_no_secret() {
    for (behavior, timeout) in [(Behavior::Resets, 45), (Behavior::Silent, 4)] {
        let (outcome, ids) = Canary::gather(behavior, timeout);
        for id in ids {
            let endpoint = outcome.endpoint(&id);
            assert_eq!(endpoint["status"], "failed", "{behavior:?}: {endpoint}");
        }
    }
}

#[test]
fn a_waiting_worker_shows_no_secret_in_proc() {
    let mut canary = Canary::new();
    let server = canary.server(Behavior::Silent);
    let proxy = ForwardProxy::open(server.address());
    let issuer = canary.issuer();
    let documents = canary.documents(&server, &proxy, &issuer);
    let running = canary.run(&documents, 60, "inventory").start();
    // Once a worker has sent its request, it holds all of its secrets.
    running.wait_until("all workers have sent a request", |_| {
        (server.received().len() >= documents.len()).then_some(())
    });
    let workers = running.workers();
    assert_eq!(workers.len(), documents.len());
    for worker in workers {
        for name in ["cmdline", "environ", "comm"] {
            // A file without read permission shows no secret either.
            let Ok(bytes) = std::fs::read(format!("/proc/{worker}/{name}")) else { continue };
            let text = String::from_utf8_lossy(&bytes);
            for secret in &canary.secrets {
                assert!(!text.contains(secret), "{secret} is in {name} of a worker");
            }
        }
    }
    running.signal(Signal::TERM);
    canary.assert_no_leak(&running.finish());
}
