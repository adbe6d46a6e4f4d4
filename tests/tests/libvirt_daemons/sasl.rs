//! User and password: every mechanism, right and wrong.

use gatherer_tests::servers::libvirt::{Libvirtd, Mechanism, Options, PASSWORD, USER};
use gatherer_tests::skip;

use crate::{assert_failed, daemon, endpoint, gather, host, with};

/// Asks with the right user, and in every wrong way; ids say which.
fn check(mechanism: Mechanism, uri: impl Fn(&Libvirtd) -> String) {
    let daemon = daemon!(&Options { sasl: Some(mechanism), ..Options::default() });
    let uri = uri(&daemon);
    let ask = |case: &str, user: Option<&str>, password: Option<&str>| {
        let asked = endpoint(case, &uri);
        let asked = user.map_or(asked.clone(), |user| with(asked, "sasl_username", user));
        password.map_or(asked.clone(), |text| with(asked, "sasl_password", text))
    };
    let wrong = "hunter2-is-wrong";
    let outcome = gather(&[
        ask("good", Some(USER), Some(PASSWORD)),
        ask("wrong-password", Some(USER), Some(wrong)),
        ask("unknown-user", Some("somebody"), Some(PASSWORD)),
        ask("no-password", Some(USER), None),
        ask("neither", None, None),
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
    let hint = "check sasl_username and sasl_password";
    assert_failed(&outcome, "wrong-password", "authentication", refused, hint);
    assert_failed(&outcome, "unknown-user", "authentication", refused, hint);
    let hint = "the daemon requires a user name and a password: set sasl_password";
    assert_failed(&outcome, "no-password", "authentication", "SASL", hint);
    let hint =
        "the daemon requires a user name and a password: set sasl_username and sasl_password";
    assert_failed(&outcome, "neither", "authentication", "SASL", hint);
    for secret in [PASSWORD, wrong] {
        assert!(!outcome.messages().contains(secret), "{}", outcome.messages());
    }
}

#[test]
fn digest_md5_over_tcp_tells_good_users_from_bad_ones() {
    check(Mechanism::DigestMd5, Libvirtd::tcp_uri);
}

#[test]
fn scram_sha_256_over_tls_tells_good_users_from_bad_ones() {
    check(Mechanism::ScramSha256, |daemon| daemon.tls_uri("127.0.0.1", "pki"));
}

#[test]
fn plain_over_tls_tells_good_users_from_bad_ones() {
    check(Mechanism::Plain, |daemon| daemon.tls_uri("127.0.0.1", "pki"));
}
