//! Tests of the requests for lists, and of the hints when a server refuses them.

use gatherer_plugin_api::{ErrorKind, GatherError};

use crate::client::ItemSink;
use crate::client::testing::{Server, answer, with_client};
use crate::objects::kinds::{NODES, NodeList};
use crate::objects::{Node, Resource};

const PODS: Resource = Resource::new("Pod", "a pod", "pods", "v1");
const SECRETS: Resource = Resource::new("Secret", "a secret", "secrets", "v1").secret();
const DEPLOYMENTS: Resource = Resource::new("Deployment", "a deployment", "deployments", "apps/v1");

/// Ignores all items.
struct DiscardingSink;

impl ItemSink for DiscardingSink {
    type List = NodeList;

    fn take(&mut self, _: Node<'_>) -> Result<(), GatherError> {
        Ok(())
    }

    fn start_over(&mut self) -> Result<(), GatherError> {
        Ok(())
    }
}

/// Lists a resource, in pages of 500.
fn list(server: &Server, resource: &Resource) -> Result<(), GatherError> {
    with_client(server, 500, async |client| client.list(resource, DiscardingSink).await).map(drop)
}

fn hint(resource: &Resource, head: &'static str) -> String {
    let server = Server::new(move |_| answer(head, "", b"{}"));
    list(&server, resource).expect_err(head).hint.expect("a hint")
}

fn within(resource: &Resource) -> Resource {
    Resource { namespace: Some("shop".to_owned()), ..resource.clone() }
}

#[test]
fn the_hint_of_a_403_names_the_smallest_missing_right() {
    let hints = [NODES, DEPLOYMENTS, within(&PODS), within(&SECRETS), within(&DEPLOYMENTS)]
        .map(|resource| hint(&resource, "403 Forbidden"));
    insta::assert_snapshot!(hints.join("\n"));
}

#[test]
fn a_rejected_or_too_long_selector_is_named() {
    let selecting =
        |selector: &str| Resource { label_selector: Some(selector.to_owned()), ..PODS.clone() };
    assert!(hint(&selecting("a in"), "400 Bad Request").contains("label_selector"));
    assert!(hint(&selecting("a"), "414 URI Too Long").contains("label_selector"));
    assert!(!hint(&PODS, "400 Bad Request").contains("label_selector"));
    // The longest selector that can be sent, and one that is a byte longer.
    let server = Server::new(|_| answer("400 Bad Request", "", b"{}"));
    let rest = format!("{}//api/v1/pods?&labelSelector=&limit=500", server.url()).len();
    let rejected = list(&server, &selecting(&"a".repeat(65_534 - rest))).expect_err("400");
    assert_eq!(server.requests().len(), 1);
    let too_long = list(&server, &selecting(&"a".repeat(65_535 - rest))).expect_err("too long");
    assert_eq!(too_long.kind, ErrorKind::Configuration);
    assert_eq!(server.requests().len(), 1, "it must not be sent");
    let hint = rejected.hint.expect("a hint");
    insta::assert_snapshot!(format!("rejected by the server: {hint}\ntoo long: {too_long}"));
}

#[test]
fn a_page_of_secrets_has_at_most_250_items() {
    for (resource, size) in [(SECRETS, 250), (PODS, 500)] {
        let server = Server::new(|_| answer("400 Bad Request", "", b"{}"));
        list(&server, &resource).expect_err("400");
        let target = format!("/api/v1/{}?&limit={size}", resource.plural);
        assert_eq!(server.requests()[0].target, target);
    }
}

#[test]
fn does_not_follow_redirects() {
    let server = Server::new(|_| answer("302 Found", "location: /hunter2\r\n", b""));
    let error = server.nodes().expect_err("no list");
    assert_eq!((error.kind, server.requests().len()), (ErrorKind::Protocol, 1));
    assert!(error.message.ends_with("/api/v1/nodes: 302 Found"), "{error}");
    assert!(error.hint.expect("a hint").contains("login page"));
}
