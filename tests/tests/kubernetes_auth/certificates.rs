//! Client certificates, and the server's own.

use gatherer_tests::fault_server::{
    Authority, ForwardProxy, KeyForm, NodeServer, Source, base64, kubeconfig,
};
use gatherer_tests::skip;
use serde_json::json;

use super::{NAMES, Place, assert_fails, assert_silent, assert_works, write};

/// A secret part of a key in PEM.
fn middle(pem: &str) -> &str {
    pem.lines().nth(1).expect("PEM has lines")
}

#[test]
fn a_client_certificate_is_shown_whatever_form_its_key_has() {
    let mut place = Place::new();
    let clients = Authority::new("An authority for clients");
    place.identity = place.identity.demanding(&clients);
    let server = place.server(|_| true);
    let folder = tempfile::tempdir().expect("a temporary folder");
    let put = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).expect("writable");
        path
    };
    let mut lacking = false;
    for form in [KeyForm::Pkcs1, KeyForm::Pkcs8, KeyForm::Sec1] {
        let Some(client) = clients.client(form) else {
            lacking = true;
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
        let relative = put("relative", &place.kubeconfig(&server, &relative).to_string());
        let mixed = put("mixed", &place.kubeconfig(&server, &mixed).to_string());
        let outcome = place
            .run([
                ("inline", place.kubeconfig(&server, &inline)),
                ("relative", json!(relative)),
                ("mixed", json!(mixed)),
            ])
            .run();
        for id in ["inline", "relative", "mixed"] {
            assert_works(&outcome, id);
        }
        assert_silent(&outcome, &[middle(&client.key)]);
    }
    if lacking {
        skip!("no RSA key: openssl is not installed");
    }
}

#[test]
fn a_client_certificate_that_is_missing_or_wrong_is_named() {
    let mut place = Place::new();
    let clients = Authority::new("An authority for clients");
    let foreign = Authority::new("Another authority for clients");
    place.identity = place.identity.demanding(&clients);
    let server = place.server(|_| true);
    let made = |authority: &Authority| authority.client(KeyForm::Pkcs8).expect("needs no program");
    let (stranger, one, other) = (made(&foreign), made(&clients), made(&clients));
    let user = |certificate: &str, key: &str| {
        let user = json!({
            "client-certificate-data": base64(certificate), "client-key-data": base64(key),
        });
        place.kubeconfig(&server, &user)
    };
    let token = json!({"token": "canary-token-7f3a91"});
    let lonely = json!({"client-certificate-data": base64(&one.certificate)});
    let outcome = place
        .run([
            ("none", place.kubeconfig(&server, &token)),
            ("stranger", user(&stranger.certificate, &stranger.key)),
            ("another's key", user(&one.certificate, &other.key)),
            ("no key", place.kubeconfig(&server, &lonely)),
            ("no PEM", user("certificate", "key")),
        ])
        .run();
    assert_fails(&outcome, "none", "tls", &["wants a client's certificate"]);
    assert_fails(&outcome, "stranger", "tls", &["certificate"]);
    assert_fails(&outcome, "another's key", "configuration", &["client-key-data"]);
    assert_fails(&outcome, "no key", "configuration", &["client-key"]);
    assert_fails(&outcome, "no PEM", "configuration", &["client-certificate"]);
    assert_eq!(server.received().len(), 0);
    assert_silent(&outcome, &[middle(&stranger.key), middle(&one.key), middle(&other.key)]);
}

#[test]
fn the_name_in_the_certificate_may_be_another_than_the_servers() {
    let place = Place::new();
    let identity = place.authority.identity(&["kubernetes.default.svc"]);
    let server = NodeServer::of(&Source::canned(&NAMES)).https(&identity);
    let document = |name: Option<&str>| {
        let mut cluster = place.trust();
        if let Some(name) = name {
            cluster["tls-server-name"] = name.into();
        }
        kubeconfig(&server.url(""), &cluster, &json!({"token": "canary-token-7f3a91"}))
    };
    let outcome = place
        .run([
            ("named", document(Some("kubernetes.default.svc"))),
            ("not named", document(None)),
            ("wrongly named", document(Some("wrong.test"))),
        ])
        .run();
    assert_works(&outcome, "named");
    let names = "the certificate is for kubernetes.default.svc, not for";
    let hint = "tls-server-name";
    assert_fails(&outcome, "not named", "tls", &[names, "127.0.0.1", hint]);
    assert_fails(&outcome, "wrongly named", "tls", &[names, "wrong.test", hint]);
}

#[test]
fn a_server_that_is_not_verified_is_warned_about() {
    let place = Place::new();
    let foreign = Authority::new("Another authority");
    let identity = foreign.expired_identity(&["b.example"]);
    let server = NodeServer::of(&Source::canned(&NAMES)).https(&identity);
    let insecure = json!({"insecure-skip-tls-verify": true});
    let user = json!({"token": "canary-token-7f3a91"});
    let document = kubeconfig(&server.url(""), &insecure, &user);
    let outcome = place.run([("insecure", document)]).run();
    let endpoint = assert_works(&outcome, "insecure");
    assert!(endpoint["warnings"].to_string().contains("not verified"), "{endpoint}");
    assert_silent(&outcome, &["canary-token-7f3a91"]);
}

#[test]
fn an_authority_is_read_from_a_file_beside_the_kubeconfig() {
    let place = Place::new();
    let server = place.server(|_| true);
    let run = place.run([]);
    write(&run, "pki/ca.crt", place.authority.pem());
    let cluster = json!({"certificate-authority": "../kube/ca/ca.crt"});
    write(&run, "kube/ca/ca.crt", place.authority.pem());
    let user = json!({"token": "canary-token-7f3a91"});
    let document = kubeconfig(&server.url(""), &cluster, &user).to_string();
    let path = write(&run, "kube/config", &document);
    let outcome = place.run([("beside", json!(path))]).run();
    assert_works(&outcome, "beside");
    // Through a tunnel nothing changes: the name that counts is the server's.
    let proxy = ForwardProxy::open(server.address());
    let mut cluster = place.trust();
    cluster["proxy-url"] = format!("http://{}", proxy.address()).into();
    let document = kubeconfig("https://cluster.test:6443", &cluster, &user);
    assert_works(&place.run([("tunnel", document)]).run(), "tunnel");
}
