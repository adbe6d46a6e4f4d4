//! The requests of a check: who the user is, what the user may do, the server's version, and how many objects there
//! are. A review is a POST request, because its question is in the body; the server answers it and stores nothing.
//! <https://kubernetes.io/docs/reference/access-authn-authz/authorization/#checking-api-access>

use std::sync::Arc;

use gatherer_plugin_api::{ErrorKind, GatherError};
use gatherer_plugin_support::retry;
use serde::Deserialize;
use serde::de::{DeserializeOwned, IgnoredAny};
use serde_json::{Value, json};
use tokio::sync::mpsc;

use super::connect::Connection;
use super::page::{self, FetchOutcome, PageRequest};
use super::status::StatusRefusal;
use crate::objects::Resource;

/// The number of objects in a list.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ObjectCount {
    /// The number, as far as it is known.
    pub objects: u64,
    /// Whether there are more.
    pub has_more: bool,
}

#[derive(Deserialize)]
struct Review<S> {
    status: S,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct UserStatus {
    user_info: UserInfo,
}

#[derive(Deserialize)]
struct UserInfo {
    username: String,
}

#[derive(Deserialize)]
struct AccessStatus {
    allowed: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Version {
    git_version: String,
}

#[derive(Deserialize)]
struct ListPart {
    metadata: ListPartMetadata,
    items: Option<Vec<IgnoredAny>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ListPartMetadata {
    #[serde(default, rename = "continue")]
    next: String,
    remaining_item_count: Option<u64>,
}

/// The name of the user, as the server knows it. `None` if the server has accepted the credentials, but does not tell: it
/// is older than Kubernetes 1.28, or the user lacks the right that every user usually has.
pub(super) async fn user(connection: &Connection) -> Result<Option<String>, GatherError> {
    let path = "/apis/authentication.k8s.io/v1/selfsubjectreviews";
    let review = json!({"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"});
    match post(connection, path, &review).await? {
        Ok(bytes) => {
            let review: Review<UserStatus> = parse(connection, path, &bytes)?;
            Ok(Some(review.status.user_info.username))
        }
        // An anonymous request is refused too.
        Err(refusal) if connection.used_credentials().is_empty() => Err(refusal.error),
        Err(refusal) if refusal.missing || refusal.error.kind == ErrorKind::Permission => Ok(None),
        // A server without the whole group answers like any web server. Its version shows that it is an API server.
        Err(refusal) if refusal.is_not_found => match version(connection).await {
            Err(error) if error.kind != ErrorKind::Permission => Err(error),
            _ => Ok(None),
        },
        Err(refusal) => Err(refusal.error),
    }
}

/// Whether the user may list the objects of a resource. `None` if the server does not tell.
pub(super) async fn may_list(
    connection: &Connection,
    resource: &Resource,
) -> Result<Option<bool>, GatherError> {
    let path = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews";
    let attributes = json!({
        "verb": "list",
        "group": resource.group(),
        "resource": resource.plural,
        "namespace": resource.namespace.as_deref().unwrap_or_default(),
    });
    let review = json!({
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SelfSubjectAccessReview",
        "spec": {"resourceAttributes": attributes},
    });
    match post(connection, path, &review).await? {
        Ok(bytes) => {
            let review: Review<AccessStatus> = parse(connection, path, &bytes)?;
            Ok(Some(review.status.allowed))
        }
        // The caller then requests the list itself.
        Err(refusal) if refusal.is_not_found || refusal.error.kind == ErrorKind::Permission => {
            Ok(None)
        }
        Err(refusal) => Err(refusal.error),
    }
}

/// The version of the server: `v1.33.1`.
pub(super) async fn version(connection: &Connection) -> Result<String, GatherError> {
    let path = "/version";
    let fetch = || page::fetch_document(connection, path);
    let bytes = retry::idempotent(&connection.context, fetch).await?;
    Ok(parse::<Version>(connection, path, &bytes)?.git_version)
}

/// The number of objects in a list, by its first object and how many remain. The server does not know that if the list has
/// a label selector.
pub(super) async fn count(
    connection: &Connection,
    resource: &Resource,
) -> Result<ObjectCount, GatherError> {
    let page = PageRequest {
        resource: resource.clone(),
        size: 1,
        number: 1,
        token: None,
        bytes_left: usize::MAX,
        page_bytes: Arc::default(),
    };
    let (next_token, _tokens) = mpsc::unbounded_channel();
    let fetch = || page::fetch(connection, &page, &next_token);
    let bytes = match retry::idempotent(&connection.context, fetch).await? {
        FetchOutcome::Page(page) => page.bytes,
        FetchOutcome::Expired(error) => return Err(error),
    };
    let ListPart { metadata, items } = parse(connection, &resource.path(), &bytes)?;
    let remaining = metadata.remaining_item_count;
    let listed = items.map_or(0, |items| items.len()) as u64;
    Ok(ObjectCount {
        objects: listed.saturating_add(remaining.unwrap_or(0)),
        has_more: !metadata.next.is_empty() && remaining.is_none(),
    })
}

async fn post(
    connection: &Connection,
    path: &str,
    review: &Value,
) -> Result<Result<Vec<u8>, StatusRefusal>, GatherError> {
    let send = || page::post_review(connection, path, review.to_string().into_bytes());
    retry::idempotent(&connection.context, send).await
}

fn parse<T: DeserializeOwned>(
    connection: &Connection,
    path: &str,
    bytes: &[u8],
) -> Result<T, GatherError> {
    serde_json::from_slice(bytes).map_err(|_| {
        let address = &connection.address;
        GatherError::protocol(format!("{address}{path}: the response is not one of an API server"))
            .with_hint("check that the kubeconfig's server is the URL of an API server")
    })
}
