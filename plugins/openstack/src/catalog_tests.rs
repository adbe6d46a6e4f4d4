//! Tests of the choice of a compute service.

use gatherer_plugin_api::{ErrorKind, Secret};
use serde_json::{Value, json};

use super::*;
use crate::access::{Domain, Identity, Interface, Named};

fn access(auth_url: &str, region: Option<&str>, interface: Interface) -> Access {
    Access {
        auth_url: auth_url.parse().expect("a URL"),
        identity: Identity::Password {
            user: Named::Name("u".to_owned(), Domain::named("")),
            password: Secret::new("p".to_owned()),
        },
        project: None,
        region: region.map(str::to_owned),
        interface,
        tenant_only: false,
        insecure: false,
        warnings: Vec::new(),
    }
}

fn endpoint(interface: &str, region: &str, url: &str) -> Value {
    json!({"interface": interface, "region": region, "region_id": region, "url": url, "id": "i"})
}

fn token(endpoints: &[Value]) -> TokenData {
    let catalog = json!([
        {"type": "image", "endpoints": [endpoint("public", "One", "https://image")]},
        {"type": "compute", "name": "nova", "endpoints": endpoints},
    ]);
    serde_json::from_value(json!({"catalog": catalog})).expect("a token")
}

const AUTH: &str = "https://h:5000/v3";

#[test]
fn the_endpoint_is_that_of_the_region_and_the_interface() {
    let endpoints = [
        endpoint("public", "Two", "https://two:8774/v2.1"),
        endpoint("internal", "One", "https://internal:8774/v2.1"),
        endpoint("public", "One", "https://one:8774/v2.1/0a1b/"),
    ];
    let token = token(&endpoints);
    for (region, interface, url) in [
        (Some("One"), Interface::Public, "https://one:8774/v2.1/0a1b"),
        (Some("Two"), Interface::Public, "https://two:8774/v2.1"),
        // The only region with this interface.
        (None, Interface::Internal, "https://internal:8774/v2.1"),
    ] {
        let compute = token.compute(&access(AUTH, region, interface)).expect("an endpoint");
        assert_eq!(compute.url.as_str(), url);
        assert!(compute.region.is_some());
    }
}

#[test]
fn an_endpoint_that_cannot_be_chosen_or_used_is_an_error() {
    let one = |url: &str| vec![endpoint("public", "One", url)];
    let two = vec![endpoint("public", "One", "https://a"), endpoint("public", "Two", "https://b")];
    let mut messages = Vec::new();
    for (endpoints, region, interface, kind) in [
        (Vec::new(), None, Interface::Public, ErrorKind::Configuration),
        (one("https://a"), None, Interface::Admin, ErrorKind::Configuration),
        (one("https://a"), Some("Two"), Interface::Public, ErrorKind::Configuration),
        (two, None, Interface::Public, ErrorKind::Configuration),
        (
            one("http://nova.example.com:8774/v2.1"),
            None,
            Interface::Public,
            ErrorKind::Configuration,
        ),
        (one("https://u:hunter2@h/v2.1"), None, Interface::Public, ErrorKind::Protocol),
        (one("file:///etc/passwd"), None, Interface::Public, ErrorKind::Protocol),
        (one("nova"), None, Interface::Public, ErrorKind::Protocol),
        (one(""), None, Interface::Public, ErrorKind::Protocol),
    ] {
        let error = token(&endpoints).compute(&access(AUTH, region, interface));
        let error = error.expect_err("no endpoint");
        assert_eq!(error.kind, kind, "{error}");
        assert!(!error.to_string().contains("hunter2"), "{error}");
        messages.push(error.to_string());
    }
    insta::assert_snapshot!(messages.join("\n"));
}

#[test]
fn a_token_of_http_may_be_sent_over_http_and_one_of_https_to_this_machine() {
    let of = |auth_url: &str, url: &str| {
        token(&[endpoint("public", "One", url)]).compute(&access(auth_url, None, Interface::Public))
    };
    assert!(of("http://h:5000/v3", "http://nova:8774/v2.1").is_ok());
    assert!(of("http://h:5000/v3", "https://nova:8774/v2.1").is_ok());
    assert!(of(AUTH, "http://127.0.0.1:8774/v2.1").is_ok());
    assert!(of(AUTH, "http://nova:8774/v2.1").is_err());
}

#[test]
fn a_token_without_a_catalog_is_for_no_project() {
    for token in [json!({}), json!({"catalog": null}), json!({"catalog": []})] {
        let token: TokenData = serde_json::from_value(token).expect("a token");
        let error = token.compute(&access(AUTH, None, Interface::Public)).expect_err("no catalog");
        assert_eq!(error.kind, ErrorKind::Configuration);
    }
}

#[test]
fn a_password_can_expire() {
    let token = |user: Value| -> TokenData {
        serde_json::from_value(json!({"user": user, "project": {"id": "0a", "name": "shop"}}))
            .expect("a token")
    };
    let expires = json!({"password_expires_at": "2026-11-20T08:51:17.000000Z"});
    let at = token(expires).password_expires_at().expect("a time");
    assert_eq!(at.to_string(), "2026-11-20T08:51:17Z");
    for user in [json!({"password_expires_at": null}), json!({}), Value::Null] {
        assert_eq!(token(user).password_expires_at(), None);
    }
    assert_eq!(token(Value::Null).project(), Some("shop"));
}
