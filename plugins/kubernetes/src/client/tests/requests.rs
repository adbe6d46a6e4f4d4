//! What lists are asked for with, and what is advised where a server does not give them.

use std::sync::Arc;

use gatherer_plugin_api::{ErrorKind, GatherError};

use crate::client::testing::{Server, answer, with_client};
use crate::client::{ItemSink, Resource};
use crate::objects::node::{Node, NodeList};

const PODS: Resource = Resource::new("Pod", "a pod", "pods", "v1");
const SECRETS: Resource = Resource::new("Secret", "a secret", "secrets", "v1").secret();
const DEPLOYMENTS: Resource = Resource::new("Deployment", "a deployment", "deployments", "apps/v1");

struct Nobody;

impl ItemSink<NodeList> for Nobody {
    fn take(&self, _: Node<'_>) -> Result<(), GatherError> {
        Ok(())
    }

    fn start_over(&self) -> Result<(), GatherError> {
        Ok(())
    }
}

/// What a list of a resource comes to, in pages of 500.
fn list(server: &Server, resource: &Resource) -> Result<(), GatherError> {
    with_client(server, 500, async |client| client.list(resource, Arc::new(Nobody)).await)
}

fn hint(resource: &Resource, head: &'static str) -> String {
    let server = Server::new(move |_| answer(head, "", b"{}"));
    list(&server, resource).expect_err(head).hint.expect("a hint")
}

fn within(resource: &Resource) -> Resource {
    Resource { namespace: Some("shop".to_owned()), ..resource.clone() }
}

#[test]
fn who_may_not_list_is_told_the_least_right_that_is_missing() {
    let (end, cluster) = ("as docs/modules/Kubernetes.md shows", "give the user a ClusterRole");
    let role = "give the user a Role in the namespace shop with the verb list on the resource";
    for (resource, expected) in [
        (Resource::nodes(), format!("{cluster} with the verb list on the resource nodes, {end}")),
        (
            DEPLOYMENTS,
            format!(
                "{cluster} with the verb list on the resource deployments (apiGroup apps), {end}"
            ),
        ),
        (within(&PODS), format!("{role} pods (apiGroup \"\"), {end}")),
        (within(&SECRETS), format!("{role} secrets (apiGroup \"\"), {end}")),
        (within(&DEPLOYMENTS), format!("{role} deployments (apiGroup apps), {end}")),
    ] {
        assert_eq!(hint(&resource, "403 Forbidden"), expected);
    }
}

#[test]
fn a_selector_that_the_server_does_not_take_is_named() {
    let selecting =
        |selector: &str| Resource { label_selector: Some(selector.to_owned()), ..PODS.clone() };
    assert_eq!(hint(&selecting("a in"), "400 Bad Request"), "check label_selector");
    assert_eq!(hint(&selecting("a"), "414 URI Too Long"), "write a shorter label_selector");
    assert!(!hint(&PODS, "400 Bad Request").contains("label_selector"));
    // Up to where it cannot even be sent, to the byte.
    let server = Server::new(|_| answer("400 Bad Request", "", b"{}"));
    let rest = format!("{}//api/v1/pods?limit=500&labelSelector=", server.url()).len();
    let error = list(&server, &selecting(&"a".repeat(65_534 - rest))).expect_err("400");
    assert_eq!(error.hint.as_deref(), Some("check label_selector"), "{error}");
    let error = list(&server, &selecting(&"a".repeat(65_535 - rest))).expect_err("too long");
    assert_eq!(error.kind, ErrorKind::Configuration);
    assert_eq!(error.message, "label_selector is too long to be sent");
    assert_eq!(server.asked().len(), 1);
}

#[test]
fn of_what_may_be_large_a_page_has_no_more_than_a_hundred() {
    for (resource, size) in [(SECRETS, 250), (PODS, 500)] {
        let server = Server::new(|_| answer("400 Bad Request", "", b"{}"));
        list(&server, &resource).expect_err("400");
        let target = format!("/api/v1/{}?limit={size}", resource.plural);
        assert_eq!(server.asked()[0].target, target);
    }
}
