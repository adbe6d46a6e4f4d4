//! Tests of the parser of a clouds.yaml.

use gatherer_plugin_api::ErrorKind;

use super::*;

const TWO: &str =
    "clouds: {a: {auth: {auth_url: 'https://a'}}, b: {auth: {auth_url: 'https://b'}}}";

#[test]
fn a_cloud_is_chosen_by_its_name_unless_it_is_the_only_one() {
    let only = parse("clouds: {a: {auth: {auth_url: 'https://a'}}}", "").expect("one cloud");
    assert_eq!(only.auth_url.as_deref(), Some("https://a"));
    let second = parse(TWO, "b").expect("the second cloud");
    assert_eq!(second.auth_url.as_deref(), Some("https://b"));
    for cloud in ["", "c"] {
        let error = parse(TWO, cloud).expect_err("no cloud");
        assert_eq!(error.kind, ErrorKind::Configuration);
        assert!(error.hint.clone().expect("a hint").contains("a, b"), "{error}");
    }
}

#[test]
fn documents_that_cannot_be_used_are_errors_that_quote_nothing() {
    let mut messages = Vec::new();
    for text in [
        "",
        "hunter2",
        "clouds: hunter2",
        "clouds: {}",
        "clouds: [hunter2]",
        "clouds: {a: hunter2}",
        "clouds: {a: {auth: {password: 'hunter2'",
        "clouds: {a: {auth_type: v3oidcpassword, auth: {password: hunter2}}}",
        "clouds: {a: {identity_api_version: 2, auth: {password: hunter2}}}",
        "clouds: {a: {profile: vendor, auth: {password: hunter2}}}",
    ] {
        let error = parse(text, "").expect_err(text);
        assert!(matches!(error.kind, ErrorKind::Configuration | ErrorKind::Unsupported), "{error}");
        assert!(!format!("{error:?}").contains("hunter2"), "{error:?}");
        messages.push(error.to_string());
    }
    insta::assert_snapshot!(messages.join("\n"));
}

#[test]
fn names_of_older_clients_are_accepted() {
    let text = "clouds:\n  old:\n    auth:\n      auth_url: https://h\n      username: u\n      password: 123456\n      \
                tenant_name: t\n    user_domain_name: people\n    default_domain: all\n    endpoint_type: internalURL\n    \
                cacert: /etc/ssl/cloud.pem\n    verify: 'False'\n";
    let entry = parse(text, "old").expect("valid");
    assert_eq!(entry.project_name.as_deref(), Some("t"));
    assert_eq!(entry.secrets().collect::<Vec<_>>(), ["123456"]);
    assert_eq!(entry.user_domain, Some(Domain::Name("people".to_owned())));
    assert_eq!(entry.project_domain, Some(Domain::Name("all".to_owned())));
    assert_eq!(entry.interface.as_deref(), Some("internalURL"));
    assert!(entry.insecure);
    assert!(entry.warnings[0].contains("cacert") && entry.warnings[0].contains("ca_file"));
}

#[test]
fn a_credential_may_be_given_by_its_name() {
    let text = "clouds: {a: {auth_type: v3applicationcredential, auth: {auth_url: 'https://h', user_id: 0a, \
                application_credential_name: n, application_credential_secret: hunter2}}}";
    let entry = parse(text, "").expect("valid");
    assert_eq!(entry.application_credential_name.as_deref(), Some("n"));
    assert_eq!(entry.user_id.as_deref(), Some("0a"));
    assert_eq!(entry.secrets().collect::<Vec<_>>(), ["hunter2"]);
}

#[test]
fn a_path_is_distinguished_from_a_document() {
    assert!(is_document("clouds:\n  a: {}") && is_document(" {\"clouds\": {}}"));
    assert!(!is_document("/etc/openstack/clouds.yaml\n"));
    for path in ["https://h/clouds.yaml", "clouds: hunter2", "/nonexistent/clouds.yaml", "/"] {
        let error = read(path, "").expect_err(path);
        assert_eq!(error.kind, ErrorKind::Configuration, "{error}");
        assert!(!error.to_string().contains("hunter2"), "{error}");
    }
}
