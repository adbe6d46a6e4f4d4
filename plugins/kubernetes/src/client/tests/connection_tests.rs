//! Tests of the connection to the server: TLS, network failures, proxies.

use gatherer_plugin_api::testing::Recorder;
use gatherer_plugin_api::{ErrorKind, GatherError, Options, ProxySettings, Secret};
use gatherer_plugin_support::testing::{
    Action, Authority, ForwardProxy, FullPort, Identity, KeyForm, ReceivedRequest, ScriptedServer,
    answers, closed_port,
};
use serde_json::{Value, json};

use super::{document, encoded, gather, kubeconfig, token};
use crate::client::testing::{Server, nodes, ok, page};

/// A script that answers with a list of one node.
fn one_node(_: &ReceivedRequest) -> Action {
    Action::answer(200, document())
}

/// Gathers from a server with this certificate, with these fields of the kubeconfig's cluster.
fn gather_with_tls(identity: &Identity, cluster: &Value) -> Result<usize, GatherError> {
    let server = ScriptedServer::https(identity, one_node);
    let mut cluster = cluster.clone();
    cluster["server"] = json!(server.url(""));
    gather(&cluster, &token(), Options::default())
}

#[test]
fn trusts_only_the_kubeconfigs_authority() {
    let (ours, other) = (Authority::new("ours"), Authority::new("other"));
    let trusting = json!({"certificate-authority-data": encoded(ours.pem())});
    assert_eq!(gather_with_tls(&ours.identity(&["127.0.0.1"]), &trusting), Ok(1));
    let error =
        gather_with_tls(&other.identity(&["127.0.0.1"]), &trusting).expect_err("not trusted");
    assert_eq!(error.kind, ErrorKind::Tls);
    assert!(error.message.contains("issuer is not trusted: CN=127.0.0.1"), "{error}");
    assert!(error.hint.expect("a hint").contains("certificate-authority-data"));
}

#[test]
fn an_unusable_server_certificate_is_a_tls_error_with_a_hint() {
    let authority = Authority::new("ours");
    let trusting = json!({"certificate-authority-data": encoded(authority.pem())});
    for (identity, why, hint) in [
        (
            authority.expired_identity(&["127.0.0.1"]),
            "valid until 2020-01-01T00:00:00Z: CN=127.0.0.1",
            "renew",
        ),
        (
            authority.identity(&["a.example"]),
            "is for the DNS name a.example, not for the address 127.0.0.1",
            "tls-server-name",
        ),
        (authority.identity(&[]), "no subjectAltName", "subjectAltName"),
    ] {
        let error = gather_with_tls(&identity, &trusting).expect_err("an unusable certificate");
        assert_eq!(error.kind, ErrorKind::Tls);
        assert!(error.message.contains(why), "{error}");
        assert!(error.message.starts_with("GET https://127.0.0.1:"), "{error}");
        assert!(error.hint.expect("a hint").contains(hint));
    }
}

#[test]
fn verifies_the_certificate_against_tls_server_name() {
    let authority = Authority::new("ours");
    let cluster = json!({"certificate-authority-data": encoded(authority.pem()),
        "tls-server-name": "a.example"});
    assert_eq!(gather_with_tls(&authority.identity(&["a.example"]), &cluster), Ok(1));
    let error =
        gather_with_tls(&authority.identity(&["127.0.0.1"]), &cluster).expect_err("another name");
    assert!(error.message.contains("not for the DNS name a.example"), "{error}");
}

#[test]
fn sends_a_client_certificate_for_each_key_format() {
    let authority = Authority::new("ours");
    let identity = authority.identity(&["127.0.0.1"]).demanding(&authority);
    let server = ScriptedServer::https(&identity, one_node);
    let cluster = json!({"server": server.url(""),
        "certificate-authority-data": encoded(authority.pem())});
    for form in [KeyForm::Pkcs8, KeyForm::Sec1, KeyForm::Pkcs1] {
        let Some(client) = authority.client(form) else {
            gatherer_tests::skip!("openssl, which creates the RSA key, is not installed");
        };
        let user = json!({"client-certificate-data": encoded(&client.certificate),
            "client-key-data": encoded(&client.key)});
        assert_eq!(gather(&cluster, &user, Options::default()), Ok(1), "{form:?}");
    }
    let error = gather(&cluster, &token(), Options::default()).expect_err("no certificate");
    assert_eq!(error.kind, ErrorKind::Tls, "{error}");
    let no_certificate_hint = error.hint.expect("a hint");
    assert!(no_certificate_hint.contains("client"), "{no_certificate_hint}");
    let other = Authority::new("other").client(KeyForm::Pkcs8).expect("openssl is not needed");
    let user = json!({"client-certificate-data": encoded(&other.certificate),
        "client-key-data": encoded(&other.key)});
    let error = gather(&cluster, &user, Options::default()).expect_err("another authority");
    assert_eq!(error.kind, ErrorKind::Tls, "{error}");
    let wrong_certificate_hint = error.hint.expect("a hint");
    assert!(wrong_certificate_hint.contains("client"), "{wrong_certificate_hint}");
    assert_ne!(no_certificate_hint, wrong_certificate_hint);
}

#[test]
fn an_insecure_cluster_gives_one_warning() {
    let identity = Authority::new("untrusted").identity(&["a.example"]);
    let server = ScriptedServer::https(&identity, one_node);
    let server_url = server.url("");
    for (cluster, insecure) in [
        (json!({"server": server_url, "insecure-skip-tls-verify": true}), false),
        (json!({"server": server_url}), true),
        (json!({"server": server_url, "insecure-skip-tls-verify": true}), true),
    ] {
        let recorder = Recorder::new().options(Options { insecure, ..Options::default() });
        let list = nodes(&kubeconfig(&cluster, &token()), &recorder.context());
        assert_eq!(list.map(|nodes| nodes.len()), Ok(1));
        let warnings = recorder.warnings();
        let unverified = warnings.iter().filter(|warning| warning.message.contains("not verified"));
        assert_eq!(unverified.count(), 1);
    }
}

#[test]
fn network_failures_have_their_own_kinds_and_messages() {
    let closed = json!({"server": format!("https://{}", closed_port())});
    let error = gather(&closed, &token(), Options::default()).expect_err("the port is closed");
    assert_eq!(error.kind, ErrorKind::Connection);
    assert!(error.message.ends_with("/api/v1/nodes: connection refused"), "{error}");

    let full = FullPort::open();
    let silent = json!({"server": format!("https://{}", full.address())});
    let options = Options { timeout_ms: Some(4000), ..Options::default() };
    let context = Recorder::new().options(options).context();
    let error = nodes(&kubeconfig(&silent, &token()), &context).map(|_| ()).expect_err("no answer");
    assert_eq!(error.kind, ErrorKind::Timeout);
    assert!(error.message.contains("no TLS connection within"), "{error}");

    for (fault, kind, why) in [
        (Action::Reset, ErrorKind::Connection, "connection reset by peer"),
        (Action::Hangup, ErrorKind::Connection, "closed before the response was complete"),
        (Action::Raw("220 ready\r\n\r\n".into()), ErrorKind::Protocol, "is not HTTP"),
        (Action::EndlessHead, ErrorKind::Protocol, "the response head is too large"),
    ] {
        let server = ScriptedServer::http(answers([fault]));
        let error = gather(&json!({"server": server.url("")}), &token(), Options::default());
        let error = error.expect_err("no answer");
        assert_eq!(error.kind, kind, "{error}");
        assert!(error.message.contains(why), "{error}");
    }
}

#[test]
fn detects_a_server_without_tls() {
    let server = ScriptedServer::not_http();
    let cluster = json!({"server": server.url("").replace("http:", "https:")});
    let error = gather(&cluster, &token(), Options::default()).expect_err("no TLS there");
    assert_eq!(error.kind, ErrorKind::Tls, "{error}");
    assert!(error.hint.expect("a hint").contains("check the port"));
}

#[test]
fn a_silent_server_times_out_before_the_deadline() {
    for fault in [Action::BlackHole, Action::Pause] {
        let server = ScriptedServer::http(answers([fault]));
        let options = Options { timeout_ms: Some(1000), ..Options::default() };
        let context = Recorder::new().options(options).context();
        let cluster = json!({"server": server.url("")});
        let error = nodes(&kubeconfig(&cluster, &token()), &context).map(|_| ()).expect_err("late");
        assert_eq!(error.kind, ErrorKind::Timeout);
        assert!(error.message.contains("/api/v1/nodes: "), "{error}");
        assert!(error.message.contains("the endpoint's timeout of 1 s"), "{error}");
    }
}

fn proxied(url: &str, no_proxy: &str) -> Options {
    let all = Some(Secret::new(url.to_owned()));
    let proxy = ProxySettings { all, no_proxy: Some(no_proxy.to_owned()), ..Default::default() };
    Options { proxy, ..Options::default() }
}

#[test]
fn the_kubeconfigs_proxy_takes_precedence_over_the_requests_proxy() {
    let server = ScriptedServer::http(one_node);
    let proxy = ForwardProxy::open(server.address());
    let ours = format!("http://{}", proxy.address());
    let nowhere = format!("http://{}", closed_port());
    let mut cluster = json!({"server": "http://cluster.invalid", "proxy-url": ours});
    assert_eq!(gather(&cluster, &token(), proxied(&nowhere, "")), Ok(1));
    assert_eq!(proxy.received().len(), 1);
    assert!(proxy.received()[0].target.starts_with("http://cluster.invalid/api/v1/nodes?"));
    cluster["proxy-url"] = Value::Null;
    assert_eq!(gather(&cluster, &token(), proxied(&ours, "")), Ok(1));
    let error = gather(&cluster, &token(), proxied(&nowhere, "")).expect_err("the port is closed");
    let part = format!("through the proxy {nowhere}: connection refused");
    assert!(error.message.contains(&part), "{error}");
    // `no_proxy` is matched against the cluster's host.
    cluster["server"] = json!(server.url(""));
    assert_eq!(gather(&cluster, &token(), proxied(&nowhere, "127.0.0.0/8")), Ok(1));
}

#[test]
fn verifies_a_cluster_behind_a_proxy_by_its_own_name() {
    let authority = Authority::new("ours");
    let identity = authority.identity(&["cluster.invalid"]);
    let server = ScriptedServer::https(&identity, one_node);
    let proxy = ForwardProxy::open(server.address());
    let cluster = |name: &str| {
        json!({"server": format!("https://{name}:6443"),
            "proxy-url": format!("http://{}", proxy.address()),
            "certificate-authority-data": encoded(authority.pem())})
    };
    assert_eq!(gather(&cluster("cluster.invalid"), &token(), Options::default()), Ok(1));
    assert!(format!("{:?}", proxy.received()[0]).contains("cluster.invalid:6443"));
    let error = gather(&cluster("other.invalid"), &token(), Options::default());
    let error = error.expect_err("another name");
    assert!(
        error
            .message
            .contains("is for the DNS name cluster.invalid, not for the DNS name other.invalid"),
        "{error}"
    );
}

#[test]
fn sends_credentials_to_a_proxy_and_reports_if_they_are_rejected() {
    let server = ScriptedServer::http(one_node);
    // us@er:pass
    let proxy = ForwardProxy::with_authentication(server.address(), "Basic dXNAZXI6cGFzcw==");
    let url = |password: &str| format!("http://us%40er:{password}@{}", proxy.address());
    let cluster = json!({"server": "http://cluster.invalid"});
    assert_eq!(gather(&cluster, &token(), proxied(&url("pass"), "")), Ok(1));
    let error =
        gather(&cluster, &token(), proxied(&url("hunter2"), "")).expect_err("must be rejected");
    assert_eq!(error.kind, ErrorKind::Authentication);
    assert!(error.message.contains("407 Proxy Authentication Required"), "{error}");
    assert!(!error.to_string().contains("hunter2"), "{error}");
}

#[test]
fn a_socks_proxy_gets_credentials_and_resolves_the_host_name() {
    let server = Server::new(|_| ok(&page(&["n0"], "", "7")));
    let proxy = ForwardProxy::socks5(server.address(), "us@er", "pass");
    let cluster = |password: &str| {
        json!({"server": "http://cluster.invalid",
            "proxy-url": format!("socks5://us%40er:{password}@{}", proxy.address())})
    };
    assert_eq!(gather(&cluster("pass"), &token(), Options::default()), Ok(1));
    assert_eq!(proxy.received()[0].target, "cluster.invalid:80");
    let error =
        gather(&cluster("hunter2"), &token(), Options::default()).expect_err("must be rejected");
    assert_eq!(error.kind, ErrorKind::Authentication, "{error}");
    let part = format!("through the proxy socks5://{}: ", proxy.address());
    assert!(error.message.contains(&part), "{error}");
    assert!(!error.to_string().contains("hunter2"), "{error}");
}

#[test]
fn verifies_a_tls_proxy_with_ca_file_and_not_with_the_clusters_authority() {
    let (clusters, proxys) = (Authority::new("cluster"), Authority::new("proxy"));
    // The proxy opens no tunnel. That error shows that its certificate was accepted.
    let proxy =
        ScriptedServer::https(&proxys.identity(&["127.0.0.1"]), |_| Action::answer(502, ""));
    let cluster = json!({"server": "https://cluster.invalid", "proxy-url": proxy.url(""),
        "tls-server-name": "a.example", "certificate-authority-data": encoded(clusters.pem())});
    let error = gather(&cluster, &token(), Options::default()).expect_err("not trusted");
    assert_eq!(error.kind, ErrorKind::Tls, "{error}");
    assert!(error.hint.expect("a hint").contains("ca_file"));
    let mut file = tempfile::NamedTempFile::new().expect("a temporary file");
    std::io::Write::write_all(&mut file, proxys.pem().as_bytes()).expect("written");
    let ca_file = file.path().to_str().map(str::to_owned);
    let options = Options { ca_file, ..Options::default() };
    let error = gather(&cluster, &token(), options).expect_err("no tunnel");
    assert_eq!(error.kind, ErrorKind::Connection, "{error}");
    assert!(error.message.contains("the proxy refused to open a tunnel"), "{error}");
}

#[test]
fn does_not_quote_an_invalid_proxy_url() {
    let cluster = json!({"server": "http://cluster.invalid", "proxy-url": "ftp://u:hunter2@p"});
    let error = gather(&cluster, &token(), Options::default()).expect_err("must be rejected");
    assert_eq!(error.kind, ErrorKind::Configuration);
    assert!(error.message.contains("proxy-url"), "{error}");
    assert!(!error.to_string().contains("hunter2"), "{error}");
}
