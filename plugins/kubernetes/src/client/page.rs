//! Requests to the API server: one page of a list, or one small object. `page_parser` parses a page.

use std::error::Error as StdError;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use gatherer_plugin_api::GatherError;
use gatherer_plugin_support::http::{
    BodyLimit, BodyReader, Encoding, Exchange, RequestDeadline, read_error_body,
};
use http::header::{
    AUTHORIZATION, CONNECTION, CONTENT_ENCODING, CONTENT_TYPE, HeaderMap, HeaderValue,
};
use http::request::Builder;
use http::response::Parts;
use http::{Method, Request, Response, StatusCode};
use kube::api::ListParams;
use kube::client::{AuthError, Body};
use tokio::sync::mpsc::UnboundedSender;

use super::connect::Connection;
use super::page_parser;
use super::status::{SELECTOR_TOO_LONG, StatusRefusal, Subject, find_cause};
use crate::objects::Resource;

/// The largest page. 5,000 nodes of 10 KB each are 50 MB.
const PAGE_BYTES: usize = 64 * 1024 * 1024;

/// The most items on a page of a secret resource. Such items can be large: a Helm release is a secret
/// of 150 KB and more, and a secret or a config map may have 1 MiB.
const SECRETS_PER_PAGE: u32 = 250;

/// The longest URL that can be sent: the limit of `http::Uri`.
const LONGEST_URL: usize = 65_534;

/// The largest response that is not a page of a list.
const DOCUMENT_BYTES: usize = 4 * 1024 * 1024;

/// One page to request.
#[derive(Debug, Clone)]
pub(super) struct PageRequest {
    pub resource: Resource,
    /// The most items on the page.
    pub size: u32,
    /// Counts from 1, for messages.
    pub number: usize,
    /// The continue token from the previous page; `None` for the first page.
    pub token: Option<String>,
    /// How many more bytes the whole list may have.
    pub bytes_left: usize,
    /// About how many bytes the next page of the list has; 0 if that is not known.
    pub page_bytes: Arc<AtomicUsize>,
}

/// The result of requesting a page.
pub(super) enum FetchOutcome {
    /// The page, not parsed yet.
    Page(Page),
    /// The continue token has expired, so the list cannot be continued.
    Expired(GatherError),
}

/// A page that was received completely.
pub(super) struct Page {
    pub bytes: Vec<u8>,
    /// The request and its proxy, for messages.
    pub request_text: String,
}

/// Requests one page, without retries. Sends the continue token of the next page to `next_token` as soon as it
/// arrives.
pub(super) async fn fetch(
    connection: &Connection,
    page: &PageRequest,
    next_token: &UnboundedSender<String>,
) -> Result<FetchOutcome, GatherError> {
    let authorization = connection.authorization().await?;
    let attempt = Attempt {
        connection,
        exchange: connection.exchange(&page.resource.path(), page.number),
        deadline: RequestDeadline::new(&connection.context),
    };
    let request = attempt.request(page, authorization)?;
    let response = attempt.send(request).await?;
    let (head, body) = response.into_parts();
    if head.status != StatusCode::OK {
        let text = read_error_body(body, Encoding::Identity, &attempt.deadline).await;
        let subject = Subject::List(&page.resource);
        let refusal = attempt.refusal(subject, &head, &text);
        let expired = refusal.expired && page.token.is_some();
        return if expired { Ok(FetchOutcome::Expired(refusal.error)) } else { Err(refusal.error) };
    }
    attempt.reject_compression(&head.headers)?;
    let reader = attempt.reader(page_limit(page.bytes_left));
    let expected_bytes = page.page_bytes.load(Ordering::Relaxed);
    let find_token = |beginning: &[u8]| {
        // Fails only if the list was given up.
        let _ = page_parser::next_token(beginning).map(|token| next_token.send(token));
    };
    let bytes = BodyReader { expected_bytes, ..reader }.read_with(body, find_token).await?;
    page.page_bytes.store(bytes.len() + bytes.len() / 16, Ordering::Relaxed);
    Ok(FetchOutcome::Page(Page { bytes, request_text: attempt.exchange.description() }))
}

/// Requests a discovery document, without retries.
pub(super) async fn fetch_document(
    connection: &Connection,
    path: &str,
) -> Result<Vec<u8>, GatherError> {
    fetch_object(connection, path).await?.map_err(|refusal| refusal.error)
}

/// Requests an object, without retries, to find out whether it exists.
pub(super) async fn object_exists(
    connection: &Connection,
    path: &str,
) -> Result<bool, GatherError> {
    match fetch_object(connection, path).await? {
        Ok(_) => Ok(true),
        Err(refusal) if refusal.missing => Ok(false),
        Err(refusal) => Err(refusal.error),
    }
}

/// Requests an object, without retries.
pub(super) async fn fetch_object(
    connection: &Connection,
    path: &str,
) -> Result<Result<Vec<u8>, StatusRefusal>, GatherError> {
    exchange_document(connection, path, Request::get(path), Vec::new()).await
}

/// Sends an object that the server answers and does not store, without retries.
pub(super) async fn post_review(
    connection: &Connection,
    path: &str,
    review: Vec<u8>,
) -> Result<Result<Vec<u8>, StatusRefusal>, GatherError> {
    let request = Request::post(path).header(CONTENT_TYPE, "application/json");
    exchange_document(connection, path, request, review).await
}

async fn exchange_document(
    connection: &Connection,
    path: &str,
    mut request: Builder,
    body: Vec<u8>,
) -> Result<Result<Vec<u8>, StatusRefusal>, GatherError> {
    let authorization = connection.authorization().await?;
    let method = request.method_ref().map_or("", Method::as_str);
    let text = format!("{method} {}{path}", connection.address);
    let attempt = Attempt {
        connection,
        exchange: Exchange { request: text, ..connection.exchange(path, 1) },
        deadline: RequestDeadline::new(&connection.context),
    };
    if let Some(value) = authorization {
        request = request.header(AUTHORIZATION, value);
    }
    let request = request
        .body(Body::from(body))
        .map_err(|_| GatherError::internal("a path of the API cannot be sent"))?;
    let (head, body) = attempt.send(request).await?.into_parts();
    if !matches!(head.status, StatusCode::OK | StatusCode::CREATED) {
        let text = read_error_body(body, Encoding::Identity, &attempt.deadline).await;
        return Ok(Err(attempt.refusal(Subject::Discovery, &head, &text)));
    }
    attempt.reject_compression(&head.headers)?;
    attempt.reader(BodyLimit::new(DOCUMENT_BYTES)).read(body).await.map(Ok)
}

/// The limit of a page. `bytes_left` is what the rest of the list may have.
fn page_limit(bytes_left: usize) -> BodyLimit {
    if bytes_left < PAGE_BYTES {
        let exceeded = "the whole list is larger than 4 GiB".to_owned();
        return BodyLimit { max_bytes: bytes_left, exceeded, hint: None };
    }
    let exceeded = "the page is larger than 64 MiB".to_owned();
    BodyLimit { max_bytes: PAGE_BYTES, exceeded, hint: Some("set a smaller page_size") }
}

/// One request that is being sent, and its deadline.
struct Attempt<'a> {
    connection: &'a Connection,
    exchange: Exchange,
    deadline: RequestDeadline,
}

impl Attempt<'_> {
    fn request(
        &self,
        page: &PageRequest,
        authorization: Option<HeaderValue>,
    ) -> Result<Request<Body>, GatherError> {
        let PageRequest { resource, token, .. } = page;
        let most_items = if resource.is_secret { SECRETS_PER_PAGE } else { u32::MAX };
        let parameters = ListParams {
            label_selector: resource.label_selector.clone(),
            limit: Some(page.size.min(most_items)),
            continue_token: token.clone(),
            ..ListParams::default()
        };
        // The address and a slash precede the target.
        let longest_target = LONGEST_URL.saturating_sub(self.connection.address.len() + 1);
        let request = kube::core::Request::new(resource.path())
            .list(&parameters)
            .ok()
            .filter(|request| request.uri().to_string().len() <= longest_target);
        let Some(mut request) = request.map(|request| request.map(Body::from)) else {
            return Err(match token {
                Some(_) => {
                    self.protocol_error("the continue token of the previous page cannot be sent")
                }
                None => GatherError::configuration("label_selector is too long to be sent")
                    .with_hint(SELECTOR_TOO_LONG),
            });
        };
        if resource.is_secret {
            // Closing the connection also frees its buffers, which hold secret values.
            request.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
        }
        request.headers_mut().extend(authorization.map(|value| (AUTHORIZATION, value)));
        Ok(request)
    }

    async fn send(&self, request: Request<Body>) -> Result<Response<Body>, GatherError> {
        let (connection, sent) = (self.connection, Instant::now());
        match tokio::time::timeout_at(self.deadline.at, connection.client.send(request)).await {
            Ok(Ok(response)) => {
                self.exchange.log_response(response.status(), sent);
                Ok(response)
            }
            Ok(Err(error)) => Err(self.failure(&error)),
            Err(_) if !connection.has_credentials() => {
                Err(connection.source.too_slow(&connection.context))
            }
            Err(_) => Err(self.deadline.no_response(&self.exchange)),
        }
    }

    /// The error of a request that got no response head.
    fn failure(&self, error: &(dyn StdError + 'static)) -> GatherError {
        if let Some(error) = find_cause::<AuthError>(error) {
            return self.connection.source.failure(error);
        }
        self.exchange.failure(error)
    }

    /// The error of a response whose status is not 200.
    fn refusal(&self, subject: Subject<'_>, head: &Parts, text: &[u8]) -> StatusRefusal {
        let refusal = StatusRefusal::new(&self.exchange, subject, head.status, &head.headers, text);
        if head.status != StatusCode::UNAUTHORIZED {
            return refusal;
        }
        StatusRefusal { error: self.connection.unauthorized(refusal.error), ..refusal }
    }

    /// Rejects a compressed response. The request does not offer compression, and a decompression
    /// bomb would arrive this way.
    fn reject_compression(&self, headers: &HeaderMap) -> Result<(), GatherError> {
        let values = headers.get_all(CONTENT_ENCODING).iter();
        let plain = |name: &str| name.is_empty() || name.eq_ignore_ascii_case("identity");
        let mut names = values.map(|value| String::from_utf8_lossy(value.as_bytes()));
        if names.all(|names| names.split(',').all(|name| plain(name.trim()))) {
            return Ok(());
        }
        let error =
            self.protocol_error("the response is compressed, but compression was not requested");
        Err(error.with_hint(page_parser::ALTERED_RESPONSE))
    }

    fn reader(&self, limit: BodyLimit) -> BodyReader<'_> {
        let (exchange, deadline) = (&self.exchange, &self.deadline);
        BodyReader { exchange, deadline, encoding: Encoding::Identity, limit, expected_bytes: 0 }
    }

    fn protocol_error(&self, why: &str) -> GatherError {
        GatherError::protocol(format!("{}: {why}", self.exchange.description()))
    }
}
