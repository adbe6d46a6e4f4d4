//! Tests of the parameters.

use gatherer_plugin_api::testing::Recorder;
use gatherer_plugin_api::{ErrorKind, GatherError};
use serde_json::{Value, json};

use super::*;

/// The access for parameters of module OpenStack; those that are not given are absent.
fn open_stack(given: Value) -> Result<Access, GatherError> {
    // The program leaves out what is empty.
    let parameters = serde_json::from_value(given).expect("parameters");
    Access::of_open_stack(parameters, &Recorder::new().context())
}

fn suse_cloud(protocol: &str, tenant: &str, interface: &str) -> Result<Access, GatherError> {
    Access::of_suse_cloud(SuseCloudParameters {
        hostname: "cloud.example.com".to_owned(),
        port: 5000,
        username: "gatherer".to_owned(),
        password: Secret::new("hunter2".to_owned()),
        protocol: protocol.to_owned(),
        tenant: tenant.to_owned(),
        region: String::new(),
        interface: interface.to_owned(),
        tenant_only: None,
    })
}

#[test]
fn suse_cloud_logs_in_to_a_project_of_the_domain_default() {
    let access = suse_cloud("https", "openstack", "public").expect("valid");
    assert_eq!(access.auth_url.as_str(), "https://cloud.example.com:5000/v3");
    assert!(access.warnings.is_empty());
    let user = json!({"name": "gatherer", "domain": {"name": "Default"}, "password": "hunter2"});
    let expected = json!({"auth": {
        "identity": {"methods": ["password"], "password": {"user": user}},
        "scope": {"project": {"name": "openstack", "domain": {"name": "Default"}}},
    }});
    assert_eq!(access.token_request(), expected);
}

#[test]
fn http_is_used_only_if_it_is_asked_for_and_with_a_warning() {
    let access = suse_cloud("http", "openstack", "public").expect("valid");
    assert_eq!(access.auth_url.as_str(), "http://cloud.example.com:5000/v3");
    assert!(access.warnings[0].contains("without encryption"), "{:?}", access.warnings);
    assert_eq!(suse_cloud("", "t", "").expect("the default").auth_url.scheme(), "https");
    for (protocol, tenant, interface) in [
        ("ftp", "t", "public"),
        ("HTTPS://", "t", "public"),
        ("https", "", "public"),
        ("https", "t", "all"),
    ] {
        let error = suse_cloud(protocol, tenant, interface).err().expect("not valid");
        assert_eq!(error.kind, ErrorKind::Configuration, "{error}");
    }
}

#[test]
fn the_url_may_end_with_a_version() {
    for (given, expected) in [
        ("https://h:5000", "https://h:5000/v3"),
        ("https://h:5000/", "https://h:5000/v3"),
        ("https://h:5000/v3", "https://h:5000/v3"),
        ("https://h:5000/v3/", "https://h:5000/v3"),
        ("https://h:5000/v2.0/", "https://h:5000/v3"),
        ("https://h/identity", "https://h/identity/v3"),
        ("https://h/identity/v3?a#b", "https://h/identity/v3"),
        ("https://h/v3/identity", "https://h/v3/identity/v3"),
    ] {
        assert_eq!(version_3(&given.parse().expect("a URL")).as_str(), expected, "{given}");
    }
}

#[test]
fn a_password_is_for_a_project_and_a_credential_has_its_own() {
    let with_password = json!({
        "auth_url": "https://h:5000", "username": "u", "password": "p", "project": "shop",
        "user_domain": "people", "project_domain": "work",
    });
    let request = open_stack(with_password.clone()).expect("valid").token_request();
    assert_eq!(
        request["auth"]["identity"]["password"]["user"]["domain"],
        json!({"name": "people"})
    );
    let project = json!({"name": "shop", "domain": {"name": "work"}});
    assert_eq!(request["auth"]["scope"]["project"], project);

    let mut with_both = with_password;
    with_both["application_credential_id"] = json!("c");
    with_both["application_credential_secret"] = json!("s");
    let access = open_stack(with_both).expect("valid");
    let identity = json!({
        "methods": ["application_credential"], "application_credential": {"id": "c", "secret": "s"},
    });
    assert_eq!(access.token_request(), json!({"auth": {"identity": identity}}));
    assert!(access.warnings[0].contains("the credential is used"), "{:?}", access.warnings);
}

#[test]
fn incomplete_parameters_are_a_configuration_error() {
    let mut messages = Vec::new();
    for given in [
        json!({}),
        json!({"auth_url": "https://h"}),
        json!({"auth_url": "https://h", "username": "u", "password": "p"}),
        json!({"auth_url": "https://h", "username": "u", "project": "p"}),
        json!({"auth_url": "https://h", "application_credential_id": "c"}),
        json!({"auth_url": "https://h", "username": "u", "password": "p", "project": "p", "application_credential_secret": "s"}),
        json!({"auth_url": "cloud.example.com", "username": "u", "password": "hunter2", "project": "p"}),
        json!({"auth_url": "https://u:hunter2@h", "username": "u", "password": "p", "project": "p"}),
        json!({"auth_url": "ftp://h", "username": "u", "password": "p", "project": "p"}),
        json!({"auth_url": "https://h", "username": "u", "password": "p", "project": "p", "interface": "x"}),
        json!({"cloud": "production"}),
        json!({"clouds_yaml": "/nonexistent/clouds.yaml"}),
    ] {
        let error = open_stack(given.clone()).err().expect("not valid");
        assert_eq!(error.kind, ErrorKind::Configuration, "{given}: {error}");
        assert!(!format!("{error:?}").contains("hunter2"), "{error:?}");
        messages.push(error.to_string());
    }
    insta::assert_snapshot!(messages.join("\n"));
}

#[test]
fn parameters_take_precedence_over_a_clouds_yaml() {
    let document = "clouds:\n  lab:\n    auth:\n      auth_url: https://lab:5000/v3\n      username: u\n      \
                    password: hunter2\n      project_id: 0a1b\n      user_domain_id: default\n    region_name: One\n    \
                    interface: internal\n    verify: false\n";
    let access = open_stack(json!({"clouds_yaml": document})).expect("valid");
    assert_eq!(access.auth_url.as_str(), "https://lab:5000/v3");
    assert_eq!((access.region.as_deref(), access.interface), (Some("One"), Interface::Internal));
    assert!(access.insecure && access.warnings.iter().any(|it| it.contains("not verified")));
    let user = json!({"name": "u", "domain": {"id": "default"}, "password": "hunter2"});
    let request = access.token_request();
    assert_eq!(request["auth"]["identity"]["password"]["user"], user);
    assert_eq!(request["auth"]["scope"], json!({"project": {"id": "0a1b"}}));

    let given = json!({
        "clouds_yaml": document, "password": "other", "region": "Two", "project": "shop",
        "auth_url": "https://h:5000", "user_domain": "people", "interface": "admin",
    });
    let access = open_stack(given).expect("valid");
    assert_eq!(access.auth_url.as_str(), "https://h:5000/v3");
    assert_eq!((access.region.as_deref(), access.interface), (Some("Two"), Interface::Admin));
    let user = json!({"name": "u", "domain": {"name": "people"}, "password": "other"});
    let request = access.token_request();
    assert_eq!(request["auth"]["identity"]["password"]["user"], user);
    assert_eq!(request["auth"]["scope"]["project"]["name"], "shop");
}
