//! Every secret that a kubeconfig can hold goes in, and none comes out: in good runs and in failing
//! ones, at the most detailed level, with what the libraries below log; from a server that sends back
//! what it was sent.

use std::os::unix::fs::PermissionsExt as _;

use gatherer_tests::fault_server::{
    Action, Authority, Fault, ForwardProxy, KeyForm, NodeServer, Received, ScriptedServer, Source,
    base64, kubeconfig, kubernetes_status,
};
use gatherer_tests::{Outcome, Run};
use rustix::process::Signal;
use serde_json::{Value, json};

use super::oidc::{self, CLIENT_SECRET, REFRESH, id_token};
use super::{NAMES, Place, assert_silent, assert_works, with_policy};

const TOKEN: &str = "canary-token-7f3a91";
const FILE_TOKEN: &str = "canary-token-file-7f3a91";
const PASSWORD: &str = "canary-password-7f3a91";
const ENVIRONMENT: &str = "canary-environment-7f3a91";
const ACCESS_TOKEN: &str = "canary-access-7f3a91";
const EXEC_TOKEN: &str = "canary-exec-token-7f3a91";
const PROXY_PASSWORD: &str = "canary-proxy-7f3a91";
const OLD_SIGNATURE: &str = "canary-old-signature-7f3a91";
const NEW_SIGNATURE: &str = "canary-new-signature-7f3a91";

/// The ways in which an API server may treat who asks it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Server {
    /// It answers.
    Good,
    /// It says in a `Status` what it was sent.
    Echoes,
    /// It says that in a name of a node.
    Names,
    /// It says that in HTML.
    Html,
    /// It resets each connection.
    Resets,
    /// It says nothing.
    Silent,
}

/// A folder with files, the kubeconfigs and everything that must not be seen.
struct Canary {
    place: Place,
    clients: Authority,
    folder: tempfile::TempDir,
    secrets: Vec<String>,
}

impl Canary {
    fn new() -> Self {
        let mut place = Place::new();
        let clients = Authority::new("An authority for clients");
        place.identity = place.authority.identity(&["127.0.0.1", "cluster.test"]);
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
        Self { place, clients, folder, secrets }
    }

    fn put(&self, name: &str, text: &str) -> std::path::PathBuf {
        let path = self.folder.path().join(name);
        std::fs::write(&path, text).expect("writable");
        path
    }

    /// The kubeconfigs, by the name of what is secret in them.
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
        std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).expect("ok");
        let version = "client.authentication.k8s.io/v1";
        let credential = json!({"apiVersion": version, "kind": "ExecCredential",
            "status": {"token": EXEC_TOKEN}});
        self.put("credential", &credential.to_string());
        self.put("token", &format!("{FILE_TOKEN}\n"));
        let inline = self.clients.client(KeyForm::Pkcs8).expect("needs no program");
        let file = self.clients.client(KeyForm::Sec1).expect("needs no program");
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
            ("id token", oidc::user(&self.place, &issuer.url(""), &good)),
            ("refresh token", oidc::user(&self.place, &issuer.url(""), &expired)),
        ];
        let mut documents: Vec<_> = users
            .into_iter()
            .map(|(name, user)| (name, kubeconfig(&server.url(""), &self.place.trust(), &user)))
            .collect();
        let mut cluster = self.place.trust();
        cluster["proxy-url"] = format!("http://user:{PROXY_PASSWORD}@{}", proxy.address()).into();
        let url = "https://cluster.test:6443";
        documents.push(("proxy", kubeconfig(url, &cluster, &json!({ "token": TOKEN }))));
        // Each of them as a file; those that name none inline too.
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

    fn server(&self, kind: Server) -> NodeServer {
        let settings = NodeServer::of(&Source::canned(&NAMES));
        let settings = match kind {
            Server::Good => settings,
            _ => settings.wrong(
                0,
                usize::MAX,
                std::sync::Arc::new(move |request, _| {
                    let sent = format!("{:?}", request.headers);
                    match kind {
                        Server::Echoes => {
                            Action::json(401, &kubernetes_status(401, "Unauthorized", &sent))
                        }
                        Server::Names => Action::json(
                            200,
                            &json!({"kind": "NodeList", "apiVersion": "v1",
                        "metadata": {"continue": sent}, "items": [{"metadata": {"name": sent}}]}),
                        ),
                        Server::Html => Action::Answer {
                            status: 502,
                            headers: "content-type: text/html\r\n".to_owned(),
                            body: sent.into(),
                        },
                        Server::Resets => Action::Fault(Fault::Reset, Vec::new()),
                        _ => Action::Fault(Fault::BlackHole, Vec::new()),
                    }
                }),
            ),
        };
        settings.https(&self.place.identity)
    }

    fn issuer(&self) -> ScriptedServer {
        let answer = json!({"id_token": id_token(3600, NEW_SIGNATURE)});
        oidc::issuer(&self.place, move || Action::json(200, &answer))
    }

    /// A run of all of them, in this format.
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
            .plugins(self.place.plugins.path())
            .args(["-v", "-v", "--jobs", "32", "--format", format]);
        with_policy(run, "allow_exec = \"all\"")
    }

    fn assert_silent(&self, outcome: &Outcome) {
        let secrets: Vec<&str> = self.secrets.iter().map(String::as_str).collect();
        assert_silent(outcome, &secrets);
    }

    /// Gathers from such a server in each format; the inventory's run is returned.
    fn gather(kind: Server, timeout: u64) -> (Outcome, Vec<String>) {
        let mut canary = Self::new();
        let server = canary.server(kind);
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
            canary.assert_silent(outcome);
        }
        if kind == Server::Good {
            assert_used(&server, &proxy, &issuer);
        }
        let [_, _, _, inventory] = outcomes;
        let ids =
            documents.iter().enumerate().map(|(number, (name, _))| format!("{name} {number}"));
        (inventory, ids.collect())
    }
}

/// Panics unless each secret that is sent was, to whom it is meant for.
#[track_caller]
fn assert_used(server: &ScriptedServer, proxy: &ForwardProxy, issuer: &ScriptedServer) {
    let sent = |requests: &[Received]| {
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
        assert!(to_server.contains(secret), "{secret} was not used");
        assert!(!to_proxy.contains(secret) && !to_issuer.contains(secret), "{secret}");
    }
    assert!(to_proxy.contains(&base64(&format!("user:{PROXY_PASSWORD}"))), "{to_proxy}");
    assert!(to_issuer.contains(REFRESH), "{to_issuer}");
    assert!(!to_server.contains(REFRESH) && !to_server.contains(CLIENT_SECRET), "{to_server}");
}

#[test]
fn a_good_run_shows_no_secret() {
    let (outcome, ids) = Canary::gather(Server::Good, 45);
    for id in ids {
        assert_works(&outcome, &id);
    }
}

#[test]
fn a_server_that_sends_back_what_it_was_sent_gets_no_secret_shown() {
    for kind in [Server::Echoes, Server::Names, Server::Html] {
        let (outcome, ids) = Canary::gather(kind, 45);
        for id in ids {
            let endpoint = outcome.endpoint(&id);
            assert_eq!(endpoint["status"], "failed", "{kind:?}: {endpoint}");
            // What was sent back is shown, with the secret's place in it.
            let message = endpoint["error"]["message"].to_string();
            let hidden = message.contains("***") || id.starts_with("key");
            assert!(kind != Server::Echoes || hidden, "{id}: {message}");
        }
    }
}

#[test]
fn a_connection_that_breaks_shows_no_secret() {
    for (kind, timeout) in [(Server::Resets, 45), (Server::Silent, 4)] {
        let (outcome, ids) = Canary::gather(kind, timeout);
        for id in ids {
            let endpoint = outcome.endpoint(&id);
            assert_eq!(endpoint["status"], "failed", "{kind:?}: {endpoint}");
        }
    }
}

#[test]
fn a_worker_that_waits_for_its_server_shows_no_secret_in_proc() {
    let mut canary = Canary::new();
    let server = canary.server(Server::Silent);
    let proxy = ForwardProxy::open(server.address());
    let issuer = canary.issuer();
    let documents = canary.documents(&server, &proxy, &issuer);
    let running = canary.run(&documents, 60, "inventory").start();
    // Each has sent its request: it holds everything that it will ever know.
    running.wait_until("all have asked", |_| {
        (server.received().len() >= documents.len()).then_some(())
    });
    let workers = running.workers();
    assert_eq!(workers.len(), documents.len());
    for worker in workers {
        for name in ["cmdline", "environ", "comm"] {
            // Who may not read it sees no secret in it either.
            let Ok(bytes) = std::fs::read(format!("/proc/{worker}/{name}")) else { continue };
            let text = String::from_utf8_lossy(&bytes);
            for secret in &canary.secrets {
                assert!(!text.contains(secret), "{secret} is in {name} of a worker");
            }
        }
    }
    running.signal(Signal::TERM);
    canary.assert_silent(&running.finish());
}
