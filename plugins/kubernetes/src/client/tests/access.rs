//! The way to the server: TLS, the network, proxies.

use gatherer_plugin_api::{ErrorKind, GatherError, Options, ProxySettings, Secret};
use gatherer_tests::fault_server::{
    Authority, Fault, FaultServer, ForwardProxy, FullPort, Identity, KeyForm, closed_port,
};
use serde_json::{Value, json};

use super::{document, encoded, gather, kubeconfig, token};
use crate::client::testing::{Recorder, Server, nodes, ok, page};

/// What comes of a server with this certificate, for who trusts this authority.
fn of_tls(identity: &Identity, cluster: &Value) -> Result<usize, GatherError> {
    let server = FaultServer::https(Fault::None, &document(), identity);
    let mut cluster = cluster.clone();
    cluster["server"] = json!(server.url(""));
    gather(&cluster, &token(), Options::default())
}

#[test]
fn the_kubeconfigs_authority_is_trusted_and_no_other() {
    let (ours, other) = (Authority::new("ours"), Authority::new("other"));
    let trusting = json!({"certificate-authority-data": encoded(ours.pem())});
    assert_eq!(of_tls(&ours.identity(&["127.0.0.1"]), &trusting), Ok(1));
    let error = of_tls(&other.identity(&["127.0.0.1"]), &trusting).expect_err("not trusted");
    assert_eq!(error.kind, ErrorKind::Tls);
    assert!(error.message.contains("(UnknownIssuer): CN=127.0.0.1"), "{error}");
    assert!(error.hint.expect("a hint").contains("certificate-authority-data"));
}

#[test]
fn a_certificate_that_cannot_be_used_is_named_with_what_to_do() {
    let authority = Authority::new("ours");
    let trusting = json!({"certificate-authority-data": encoded(authority.pem())});
    for (identity, why, hint) in [
        (authority.expired_identity(&["127.0.0.1"]), "has expired: CN=127.0.0.1", "renew"),
        (
            authority.identity(&["a.example"]),
            "is for a.example, not for 127.0.0.1",
            "tls-server-name",
        ),
        (authority.identity(&[]), "no subjectAltName", "subjectAltName"),
    ] {
        let error = of_tls(&identity, &trusting).expect_err("no good certificate");
        assert_eq!(error.kind, ErrorKind::Tls);
        assert!(error.message.contains(why), "{error}");
        assert!(error.message.starts_with("GET https://127.0.0.1:"), "{error}");
        assert!(error.hint.expect("a hint").contains(hint));
    }
}

#[test]
fn tls_server_name_is_the_name_that_counts() {
    let authority = Authority::new("ours");
    let cluster = json!({"certificate-authority-data": encoded(authority.pem()),
        "tls-server-name": "a.example"});
    assert_eq!(of_tls(&authority.identity(&["a.example"]), &cluster), Ok(1));
    let error = of_tls(&authority.identity(&["127.0.0.1"]), &cluster).expect_err("another name");
    assert!(error.message.contains("not for a.example"), "{error}");
}

#[test]
fn a_client_certificate_is_shown_whatever_the_form_of_its_key() {
    let authority = Authority::new("ours");
    let identity = authority.identity(&["127.0.0.1"]).demanding(&authority);
    let server = FaultServer::https(Fault::None, &document(), &identity);
    let cluster = json!({"server": server.url(""),
        "certificate-authority-data": encoded(authority.pem())});
    for form in [KeyForm::Pkcs8, KeyForm::Sec1, KeyForm::Pkcs1] {
        let Some(client) = authority.client(form) else {
            gatherer_tests::skip!("openssl is not installed, which makes the key of RSA");
        };
        let user = json!({"client-certificate-data": encoded(&client.certificate),
            "client-key-data": encoded(&client.key)});
        assert_eq!(gather(&cluster, &user, Options::default()), Ok(1), "{form:?}");
    }
    let error = gather(&cluster, &token(), Options::default()).expect_err("no certificate");
    assert_eq!(error.kind, ErrorKind::Tls, "{error}");
    assert_eq!(error.hint.as_deref(), Some("the server wants a client's certificate"));
    let strangers = Authority::new("other").client(KeyForm::Pkcs8).expect("no openssl needed");
    let user = json!({"client-certificate-data": encoded(&strangers.certificate),
        "client-key-data": encoded(&strangers.key)});
    let error = gather(&cluster, &user, Options::default()).expect_err("a stranger's");
    assert_eq!(error.kind, ErrorKind::Tls, "{error}");
    assert!(error.hint.expect("a hint").contains("does not accept the client's certificate"));
}

#[test]
fn an_insecure_cluster_is_asked_with_one_warning() {
    let identity = Authority::new("nobody's").identity(&["a.example"]);
    let server = FaultServer::https(Fault::None, &document(), &identity);
    let server_url = server.url("");
    for (cluster, insecure) in [
        (json!({"server": server_url, "insecure-skip-tls-verify": true}), false),
        (json!({"server": server_url}), true),
        (json!({"server": server_url, "insecure-skip-tls-verify": true}), true),
    ] {
        let recorder = Recorder::new(Options { insecure, ..Options::default() });
        let list = nodes(&kubeconfig(&cluster, &token()), &recorder.context());
        assert_eq!(list.map(|nodes| nodes.len()), Ok(1));
        let warnings = recorder.said().iter().filter(|said| said.contains("not verified")).count();
        assert_eq!(warnings, 1);
    }
}

#[test]
fn what_the_network_does_is_told_as_what_it_is() {
    let closed = json!({"server": format!("https://{}", closed_port())});
    let error = gather(&closed, &token(), Options::default()).expect_err("nobody is there");
    assert_eq!(error.kind, ErrorKind::Connection);
    assert!(error.message.ends_with("/api/v1/nodes: connection refused"), "{error}");

    let full = FullPort::open();
    let silent = json!({"server": format!("https://{}", full.address())});
    let options = Options { timeout_ms: Some(1000), ..Options::default() };
    let context = Recorder::new(options).context();
    let error = nodes(&kubeconfig(&silent, &token()), &context).map(|_| ()).expect_err("no answer");
    assert_eq!(error.kind, ErrorKind::Timeout);
    assert!(error.message.contains("no TLS connection within 0."), "{error}");

    for (fault, kind, why) in [
        (Fault::Reset, ErrorKind::Connection, "connection reset by peer"),
        (Fault::Hangup, ErrorKind::Connection, "closed before the answer was whole"),
        (Fault::NotHttp, ErrorKind::Protocol, "is not HTTP"),
        (Fault::EndlessHead, ErrorKind::Protocol, "the head of the answer is too large"),
    ] {
        let server = FaultServer::http(fault, &document());
        let error = gather(&json!({"server": server.url("")}), &token(), Options::default());
        let error = error.expect_err("no answer");
        assert_eq!(error.kind, kind, "{error}");
        assert!(error.message.contains(why), "{error}");
    }
}

#[test]
fn a_server_without_tls_is_found_out() {
    let server = FaultServer::http(Fault::NotHttp, &document());
    let cluster = json!({"server": server.url("").replace("http:", "https:")});
    let error = gather(&cluster, &token(), Options::default()).expect_err("no TLS there");
    assert_eq!(error.kind, ErrorKind::Tls, "{error}");
    assert!(error.hint.expect("a hint").contains("does not speak TLS"));
}

#[test]
fn silence_ends_before_the_deadline_in_a_sentence_of_its_own() {
    for (fault, why) in [
        (Fault::BlackHole, "/api/v1/nodes: no answer within the endpoint's timeout of 1 s"),
        (Fault::Pause, "the answer was not whole within the endpoint's timeout of 1 s: "),
    ] {
        let server = FaultServer::http(fault, &document());
        let options = Options { timeout_ms: Some(1000), ..Options::default() };
        let context = Recorder::new(options).context();
        let cluster = json!({"server": server.url("")});
        let error = nodes(&kubeconfig(&cluster, &token()), &context).map(|_| ()).expect_err("late");
        assert_eq!(error.kind, ErrorKind::Timeout);
        assert!(error.message.contains(why), "{error}");
    }
}

fn proxied(url: &str, no_proxy: &str) -> Options {
    let all = Some(Secret::new(url.to_owned()));
    let proxy = ProxySettings { all, no_proxy: Some(no_proxy.to_owned()), ..Default::default() };
    Options { proxy, ..Options::default() }
}

#[test]
fn the_kubeconfigs_proxy_is_used_before_the_requests() {
    let server = FaultServer::http(Fault::None, &document());
    let proxy = ForwardProxy::open(server.address());
    let ours = format!("http://{}", proxy.address());
    let nowhere = format!("http://{}", closed_port());
    let mut cluster = json!({"server": "http://cluster.invalid", "proxy-url": ours});
    assert_eq!(gather(&cluster, &token(), proxied(&nowhere, "")), Ok(1));
    assert_eq!(proxy.received().len(), 1);
    assert!(format!("{:?}", proxy.received()[0]).contains("cluster.invalid:80"));
    cluster["proxy-url"] = Value::Null;
    assert_eq!(gather(&cluster, &token(), proxied(&ours, "")), Ok(1));
    let error = gather(&cluster, &token(), proxied(&nowhere, "")).expect_err("nobody is there");
    let part = format!("through the proxy {nowhere}: connection refused");
    assert!(error.message.contains(&part), "{error}");
    // Matched against the cluster's host, as the support crate does.
    cluster["server"] = json!(server.url(""));
    assert_eq!(gather(&cluster, &token(), proxied(&nowhere, "127.0.0.0/8")), Ok(1));
}

#[test]
fn a_cluster_behind_a_proxy_is_verified_by_its_own_name() {
    let authority = Authority::new("ours");
    let identity = authority.identity(&["cluster.invalid"]);
    let server = FaultServer::https(Fault::None, &document(), &identity);
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
    assert!(error.message.contains("is for cluster.invalid, not for other.invalid"), "{error}");
}

#[test]
fn a_proxy_gets_its_password_and_says_if_it_is_wrong() {
    let server = FaultServer::http(Fault::None, &document());
    // us@er:pass
    let proxy = ForwardProxy::with_authentication(server.address(), "Basic dXNAZXI6cGFzcw==");
    let url = |password: &str| format!("http://us%40er:{password}@{}", proxy.address());
    let cluster = json!({"server": "http://cluster.invalid"});
    assert_eq!(gather(&cluster, &token(), proxied(&url("pass"), "")), Ok(1));
    let error = gather(&cluster, &token(), proxied(&url("hunter2"), "")).expect_err("wrong");
    assert_eq!(error.kind, ErrorKind::Authentication);
    assert!(error.message.contains("407 Proxy Authentication Required"), "{error}");
    assert!(!error.to_string().contains("hunter2"), "{error}");
}

#[test]
fn a_socks_proxy_gets_its_password_and_looks_the_cluster_up_itself() {
    let proxy = Server::behind_socks(|_| ok(&page(&["n0"], "", "7")));
    let cluster = |password: &str| {
        json!({"server": "http://cluster.invalid",
            "proxy-url": format!("socks5://us%40er:{password}@{}", proxy.address())})
    };
    assert_eq!(gather(&cluster("pass"), &token(), Options::default()), Ok(1));
    let error = gather(&cluster("hunter2"), &token(), Options::default()).expect_err("wrong");
    assert_eq!(error.kind, ErrorKind::Authentication, "{error}");
    let part = format!("through the proxy socks5://{}: it does not accept", proxy.address());
    assert!(error.message.contains(&part), "{error}");
    assert!(!error.to_string().contains("hunter2"), "{error}");
}

#[test]
fn a_proxy_with_tls_is_verified_as_the_system_and_ca_file_say_not_as_the_cluster_does() {
    let (clusters, proxys) = (Authority::new("cluster"), Authority::new("proxy"));
    // It opens no tunnel: that it is asked for one shows that its certificate was taken.
    let proxy = FaultServer::https(Fault::Status(502, None), b"", &proxys.identity(&["127.0.0.1"]));
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
    assert!(error.message.contains("it does not open a tunnel"), "{error}");
}

#[test]
fn a_proxy_that_cannot_be_used_is_not_quoted() {
    let cluster = json!({"server": "http://cluster.invalid", "proxy-url": "ftp://u:hunter2@p"});
    let error = gather(&cluster, &token(), Options::default()).expect_err("wrong");
    assert_eq!(error.kind, ErrorKind::Configuration);
    assert!(error.message.contains("proxy-url"), "{error}");
    assert!(!error.to_string().contains("hunter2"), "{error}");
}
