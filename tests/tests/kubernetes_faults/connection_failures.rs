//! Tests of connections that fail, and of server certificates that cannot be trusted.

use gatherer_plugin_support::testing::{Action, Authority, Identity, ScriptedServer, closed_port};
use gatherer_tests::scripted_cluster::NodeServer;

use super::{Expected, LONG, Table, check_canned};

fn tls(text: &str) -> Expected {
    Expected::Error("tls", text.to_owned())
}

pub(super) fn identities(table: &mut Table) {
    let foreign = Authority::new("Another authority");
    let here = ["127.0.0.1"];
    let mut add = |name: &str, identity: Identity, expected| {
        let server = NodeServer::of(&table.source).https(&identity);
        table.add_url(name, &server.url(""), LONG, expected);
        table.servers.push(server);
    };
    // Another authority with the name of the trusted one, but with another key.
    let own = Authority::new("The authority of this test");
    add("wrong authority", foreign.identity(&here), tls("issuer is not trusted"));
    add(
        "another authority of the same name",
        own.identity(&here),
        tls("certificate-authority-data"),
    );
    add("self-signed", Identity::self_signed(&here), tls("certificate"));
}

pub(super) fn names(table: &mut Table) {
    let here = ["127.0.0.1"];
    let good = table.authority.identity(&here);
    let expired = table.authority.expired_identity(&here);
    let nameless = table.authority.identity(&[]);
    let misnamed = table.authority.identity(&["b.example"]);
    let text = "the certificate is for the DNS name b.example, not for the address 127.0.0.1";
    for (name, identity, expected) in [
        ("good", good, table.all_nodes()),
        ("expired", expired, tls("the certificate has expired")),
        ("no subjectAltName", nameless, tls("no subjectAltName")),
        ("wrong name", misnamed, tls(text)),
    ] {
        let server = NodeServer::of(&table.source).https(&identity);
        table.add_url(name, &server.url(""), LONG, expected);
        table.servers.push(server);
    }
}

#[test]
fn reports_a_certificate_that_cannot_be_trusted() {
    check_canned(identities);
    check_canned(names);
}

#[test]
fn reports_a_closed_port_and_a_port_with_another_protocol() {
    let plain = ScriptedServer::http(|_| Action::answer(200, "{}"));
    let ssh = ScriptedServer::not_http();
    let closed = closed_port();
    let error = |kind, text: &str| Expected::Error(kind, text.to_owned());
    check_canned(|table| {
        let refused = || error("connection", "connection refused");
        table.add_url("refused", &format!("https://{closed}"), LONG, refused());
        table.add_url("refused without TLS", &format!("http://{closed}"), LONG, refused());
        let name = error("connection", "check the host's name");
        table.add_url("no such name", "https://nonexistent.invalid", LONG, name);
        let url = format!("https://{}", plain.address());
        table.add_url("plain HTTP on the TLS port", &url, LONG, tls("another protocol"));
        let url = format!("https://{}", ssh.address());
        table.add_url("SSH on the TLS port", &url, LONG, tls("another protocol"));
        let url = format!("http://{}", ssh.address());
        table.add_url("SSH on the port", &url, LONG, error("protocol", "not HTTP"));
        let server = NodeServer::of(&table.source).https(&table.identity);
        let url = server.url("").replace("https:", "http:");
        table.add_url("http URL for a TLS port", &url, LONG, error("protocol", "https"));
        table.servers.push(server);
        let server = NodeServer::of(&table.source).http();
        let all_nodes = table.all_nodes();
        table.add_url("http URL for a plain HTTP port", &server.url(""), LONG, all_nodes);
        table.servers.push(server);
    });
}
