//! User and password, valid and invalid, with every SASL mechanism.

use gatherer_tests::servers::libvirt::{Libvirtd, LibvirtdOptions, Mechanism, PASSWORD, USER};
use gatherer_tests::{assert_message, skip};

use crate::{assert_failed, daemon, endpoint, gather, host, with};

/// Gathers with the valid user and password, and with every invalid combination.
fn check(mechanism: Mechanism, uri: impl Fn(&Libvirtd) -> String) {
    let daemon = daemon!(&LibvirtdOptions { sasl: Some(mechanism), ..LibvirtdOptions::default() });
    let uri = uri(&daemon);
    let case = |id: &str, user: Option<&str>, password: Option<&str>| {
        let endpoint = endpoint(id, &uri);
        let endpoint = user.map_or(endpoint.clone(), |user| with(endpoint, "sasl_username", user));
        password.map_or(endpoint.clone(), |text| with(endpoint, "sasl_password", text))
    };
    let wrong = "hunter2-is-wrong";
    let outcome = gather(&[
        case("good", Some(USER), Some(PASSWORD)),
        case("wrong-password", Some(USER), Some(wrong)),
        case("unknown-user", Some("unknown"), Some(PASSWORD)),
        case("no-password", Some(USER), None),
        case("neither", None, None),
    ]);
    let good = outcome.endpoint("good");
    let message = good["error"]["message"].as_str().unwrap_or_default();
    if message.contains("No worthy mechs") {
        skip!("libsasl2-modules is not installed: {message}");
    }
    println!("{mechanism:?} over {}", uri.split(':').next().unwrap_or_default());
    assert_eq!(host(&good)["identifiers"]["uuid"], daemon.uuid());
    println!("good: complete");
    let refused = "authentication failed: authentication failed";
    let both = "sasl_username and sasl_password";
    assert_failed(&outcome, "wrong-password", "authentication", refused, USER);
    assert_failed(&outcome, "unknown-user", "authentication", refused, "unknown");
    assert_failed(&outcome, "no-password", "authentication", "SASL", "set sasl_password");
    assert_failed(&outcome, "neither", "authentication", "SASL", both);
    let hints = ["no-password", "neither"].map(|id| outcome.failure(id).hint.unwrap_or_default());
    assert_message!("hints_about_missing_credentials", hints.join("\n"));
    for secret in [PASSWORD, wrong] {
        assert!(!outcome.messages().contains(secret), "{}", outcome.messages());
    }
}

#[test]
fn digest_md5_over_tcp_accepts_only_the_valid_user() {
    check(Mechanism::DigestMd5, Libvirtd::tcp_uri);
}

#[test]
fn scram_sha_256_over_tls_accepts_only_the_valid_user() {
    check(Mechanism::ScramSha256, |daemon| daemon.tls_uri("127.0.0.1", "pki"));
}

#[test]
fn plain_over_tls_accepts_only_the_valid_user() {
    check(Mechanism::Plain, |daemon| daemon.tls_uri("127.0.0.1", "pki"));
}
