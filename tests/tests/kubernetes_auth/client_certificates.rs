//! Tests of client certificates, and of the verification of the server's certificate.

use gatherer_plugin_support::testing::{Authority, ClientIdentity, ForwardProxy, KeyForm};
use gatherer_tests::scripted_cluster::{NodeServer, Source, base64, kubeconfig};
use gatherer_tests::skip;
use serde_json::{Value, json};

use super::{NAMES, Setup, assert_fails, assert_no_leak, assert_works, write};

/// A secret part of a key in PEM.
fn middle(pem: &str) -> &str {
    pem.lines().nth(1).expect("PEM has lines")
}

#[test]
fn sends_a_client_certificate_for_each_key_format() {
    let mut setup = Setup::new();
    let clients = Authority::new("An authority for clients");
    setup.identity = setup.identity.demanding(&clients);
    let server = setup.server(|_| true);
    let folder = tempfile::tempdir().expect("a temporary folder");
    let put = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).expect("the file can be written");
        path
    };
    let mut skipped_a_format = false;
    for form in [KeyForm::Pkcs1, KeyForm::Pkcs8, KeyForm::Sec1] {
        let Some(client) = clients.client(form) else {
            skipped_a_format = true;
            continue;
        };
        put("client.crt", &client.certificate);
        let key = put("client.key", &client.key);
        let inline = json!({
            "client-certificate-data": base64(&client.certificate),
            "client-key-data": base64(&client.key),
        });
        let relative = json!({"client-certificate": "client.crt", "client-key": "client.key"});
        let mixed = json!({
            "client-certificate-data": base64(&client.certificate),
            "client-key": key,
        });
        let relative = put("relative", &setup.kubeconfig(&server, &relative).to_string());
        let mixed = put("mixed", &setup.kubeconfig(&server, &mixed).to_string());
        let outcome = setup
            .run([
                ("inline", setup.kubeconfig(&server, &inline)),
                ("relative", json!(relative)),
                ("mixed", json!(mixed)),
            ])
            .run();
        for id in ["inline", "relative", "mixed"] {
            assert_works(&outcome, id);
        }
        assert_no_leak(&outcome, &[middle(&client.key)]);
    }
    if skipped_a_format {
        skip!("openssl, which creates the RSA key, is not installed");
    }
}

#[test]
fn uses_the_endpoints_client_certificate_if_the_user_has_none() {
    let mut setup = Setup::new();
    let clients = Authority::new("An authority for clients");
    setup.identity = setup.identity.demanding(&clients);
    let server = setup.server(|_| true);
    let made =
        |authority: &Authority| authority.client(KeyForm::Pkcs8).expect("openssl is not needed");
    let (client, stranger) = (made(&clients), made(&Authority::new("Another authority")));
    let token = json!({"token": "canary-token-7f3a91"});
    let own = json!({
        "client-certificate-data": base64(&client.certificate),
        "client-key-data": base64(&client.key),
    });
    let endpoint = |id: &str, user: &Value, option: &ClientIdentity| {
        json!({
            "id": id, "module": "Kubernetes", "retries": 0, "timeout": 30, "page_size": 2,
            "kubeconfig": setup.kubeconfig(&server, user).to_string(),
            "client_cert": option.certificate, "client_key": option.key,
        })
    };
    let endpoints = [endpoint("option", &token, &client), endpoint("own", &own, &stranger)];
    let outcome = setup.run_of(&endpoints).run();
    assert_works(&outcome, "option");
    assert_works(&outcome, "own");
    assert_no_leak(&outcome, &[middle(&client.key), middle(&stranger.key)]);
}

#[test]
fn reports_a_missing_or_wrong_client_certificate() {
    let mut setup = Setup::new();
    let clients = Authority::new("An authority for clients");
    let foreign = Authority::new("Another authority for clients");
    setup.identity = setup.identity.demanding(&clients);
    let server = setup.server(|_| true);
    let made =
        |authority: &Authority| authority.client(KeyForm::Pkcs8).expect("openssl is not needed");
    let (stranger, one, other) = (made(&foreign), made(&clients), made(&clients));
    let user = |certificate: &str, key: &str| {
        let user = json!({
            "client-certificate-data": base64(certificate), "client-key-data": base64(key),
        });
        setup.kubeconfig(&server, &user)
    };
    let token = json!({"token": "canary-token-7f3a91"});
    let incomplete = json!({"client-certificate-data": base64(&one.certificate)});
    let outcome = setup
        .run([
            ("none", setup.kubeconfig(&server, &token)),
            ("stranger", user(&stranger.certificate, &stranger.key)),
            ("another's key", user(&one.certificate, &other.key)),
            ("no key", setup.kubeconfig(&server, &incomplete)),
            ("no PEM", user("certificate", "key")),
        ])
        .run();
    assert_fails(&outcome, "none", "tls", &["certificate"]);
    assert_fails(&outcome, "stranger", "tls", &["certificate"]);
    assert_fails(&outcome, "another's key", "configuration", &["client-key-data"]);
    assert_fails(&outcome, "no key", "configuration", &["client-key"]);
    assert_fails(&outcome, "no PEM", "configuration", &["client-certificate"]);
    assert_eq!(server.received().len(), 0);
    assert_no_leak(&outcome, &[middle(&stranger.key), middle(&one.key), middle(&other.key)]);
}

#[test]
fn tls_server_name_replaces_the_host_name() {
    let setup = Setup::new();
    let identity = setup.authority.identity(&["kubernetes.default.svc"]);
    let server = NodeServer::of(&Source::canned(&NAMES)).https(&identity);
    let document = |name: Option<&str>| {
        let mut cluster = setup.trust();
        if let Some(name) = name {
            cluster["tls-server-name"] = name.into();
        }
        kubeconfig(&server.url(""), &cluster, &json!({"token": "canary-token-7f3a91"}))
    };
    let outcome = setup
        .run([
            ("named", document(Some("kubernetes.default.svc"))),
            ("not named", document(None)),
            ("wrongly named", document(Some("wrong.test"))),
        ])
        .run();
    assert_works(&outcome, "named");
    let (name, hint) = ("kubernetes.default.svc", "tls-server-name");
    assert_fails(&outcome, "not named", "tls", &[name, "127.0.0.1", hint]);
    assert_fails(&outcome, "wrongly named", "tls", &[name, "wrong.test", hint]);
}

#[test]
fn an_unverified_server_gives_a_warning() {
    let setup = Setup::new();
    let foreign = Authority::new("Another authority");
    let identity = foreign.expired_identity(&["b.example"]);
    let server = NodeServer::of(&Source::canned(&NAMES)).https(&identity);
    let insecure = json!({"insecure-skip-tls-verify": true});
    let user = json!({"token": "canary-token-7f3a91"});
    let document = kubeconfig(&server.url(""), &insecure, &user);
    let outcome = setup.run([("insecure", document)]).run();
    let endpoint = assert_works(&outcome, "insecure");
    assert!(endpoint["warnings"].to_string().contains("not verified"), "{endpoint}");
    assert_no_leak(&outcome, &["canary-token-7f3a91"]);
}

#[test]
fn reads_an_authority_from_a_file_in_the_kubeconfigs_folder() {
    let setup = Setup::new();
    let server = setup.server(|_| true);
    let run = setup.run([]);
    write(&run, "pki/ca.crt", setup.authority.pem());
    let cluster = json!({"certificate-authority": "../kube/ca/ca.crt"});
    write(&run, "kube/ca/ca.crt", setup.authority.pem());
    let user = json!({"token": "canary-token-7f3a91"});
    let document = kubeconfig(&server.url(""), &cluster, &user).to_string();
    let path = write(&run, "kube/config", &document);
    let outcome = setup.run([("beside", json!(path))]).run();
    assert_works(&outcome, "beside");
    // Through a proxy's tunnel, the certificate is still verified against the server's name.
    let proxy = ForwardProxy::open(server.address());
    let mut cluster = setup.trust();
    cluster["proxy-url"] = format!("http://{}", proxy.address()).into();
    let document = kubeconfig("https://cluster.test:6443", &cluster, &user);
    assert_works(&setup.run([("tunnel", document)]).run(), "tunnel");
}
