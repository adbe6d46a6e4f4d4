//! Requests to the API server: one page of a list, or one small object. `page_parser` parses a page.

use std::error::Error as StdError;

use gatherer_plugin_api::{ErrorKind, GatherError};
use gatherer_plugin_support::http::{CertificateHints, Exchange, Stage, causes};
use gatherer_plugin_support::run;
use http::header::{AUTHORIZATION, CONNECTION, CONTENT_ENCODING, HeaderMap, HeaderValue};
use http::{Request, Response, StatusCode};
use http_body_util::BodyExt as _;
use hyper::body::Body as _;
use kube::api::ListParams;
use kube::client::{AuthError, Body};
use tokio::time::{Duration, Instant};

use super::connect::Connection;
use super::credential_source::LONGEST_REQUEST;
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

/// How much of an error response's body is read, and for how long.
const ERROR_BODY_BYTES: usize = 64 * 1024;
const ERROR_BODY_WAIT: Duration = Duration::from_secs(2);

/// The hint for a server that takes too long.
const TOO_SLOW: &str = "raise the endpoint's `timeout`, or find out why the server, or a proxy in \
                        front of it, is slow";

/// One page to request.
#[derive(Debug, Clone, Copy)]
pub(super) struct PageRequest<'a> {
    pub resource: &'a Resource,
    /// The most items on the page.
    pub size: u32,
    /// Counts from 1, for messages.
    pub number: usize,
    /// The continue token from the previous page; `None` for the first page.
    pub token: Option<&'a str>,
    /// How many more bytes the whole list may have.
    pub bytes_left: usize,
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

/// Requests one page, without retries.
pub(super) async fn fetch(
    connection: &Connection<'_>,
    page: PageRequest<'_>,
) -> Result<FetchOutcome, GatherError> {
    let authorization = connection.authorization().await?;
    let wait = run::operation_remaining(connection.context).unwrap_or(LONGEST_REQUEST);
    let attempt = Attempt {
        connection,
        exchange: connection.exchange(&page.resource.path(), page.number),
        end: Instant::now() + wait,
    };
    let request = attempt.request(page, authorization)?;
    let response = attempt.send(request).await?;
    let (head, mut body) = response.into_parts();
    if head.status != StatusCode::OK {
        let text = attempt.read_error_body(&mut body).await;
        let subject = Subject::List(page.resource);
        let refusal =
            StatusRefusal::new(&attempt.exchange, subject, head.status, &head.headers, &text);
        let expired = refusal.expired && page.token.is_some();
        return if expired { Ok(FetchOutcome::Expired(refusal.error)) } else { Err(refusal.error) };
    }
    attempt.reject_compression(&head.headers)?;
    let bytes = attempt.read(&mut body, PAGE_BYTES.min(page.bytes_left)).await?;
    Ok(FetchOutcome::Page(Page { bytes, request_text: attempt.exchange.description() }))
}

/// Requests a discovery document, without retries.
pub(super) async fn fetch_document(
    connection: &Connection<'_>,
    path: &str,
) -> Result<Vec<u8>, GatherError> {
    fetch_object(connection, path).await?.map_err(|refusal| refusal.error)
}

/// Requests an object, without retries, to find out whether it exists.
pub(super) async fn object_exists(
    connection: &Connection<'_>,
    path: &str,
) -> Result<bool, GatherError> {
    match fetch_object(connection, path).await? {
        Ok(_) => Ok(true),
        Err(refusal) if refusal.missing => Ok(false),
        Err(refusal) => Err(refusal.error),
    }
}

async fn fetch_object(
    connection: &Connection<'_>,
    path: &str,
) -> Result<Result<Vec<u8>, StatusRefusal>, GatherError> {
    let authorization = connection.authorization().await?;
    let wait = run::operation_remaining(connection.context).unwrap_or(LONGEST_REQUEST);
    let attempt =
        Attempt { connection, exchange: connection.exchange(path, 1), end: Instant::now() + wait };
    let mut request = Request::get(path);
    if let Some(value) = authorization {
        request = request.header(AUTHORIZATION, value);
    }
    let request = request
        .body(Body::empty())
        .map_err(|_| GatherError::internal("a path of the API cannot be sent"))?;
    let (head, mut body) = attempt.send(request).await?.into_parts();
    if head.status != StatusCode::OK {
        let text = attempt.read_error_body(&mut body).await;
        let refusal = StatusRefusal::new(
            &attempt.exchange,
            Subject::Discovery,
            head.status,
            &head.headers,
            &text,
        );
        return Ok(Err(refusal));
    }
    attempt.reject_compression(&head.headers)?;
    attempt.read(&mut body, DOCUMENT_BYTES).await.map(Ok)
}

/// One request that is being sent, and the time at which it must be complete.
struct Attempt<'a> {
    connection: &'a Connection<'a>,
    exchange: Exchange,
    end: Instant,
}

impl Attempt<'_> {
    fn request(
        &self,
        page: PageRequest<'_>,
        authorization: Option<HeaderValue>,
    ) -> Result<Request<Body>, GatherError> {
        let PageRequest { resource, token, .. } = page;
        let most_items = if resource.is_secret { SECRETS_PER_PAGE } else { u32::MAX };
        let parameters = ListParams {
            label_selector: resource.label_selector.clone(),
            limit: Some(page.size.min(most_items)),
            continue_token: token.map(str::to_owned),
            ..ListParams::default()
        };
        let longest_target =
            LONGEST_URL.saturating_sub(self.connection.access.server.to_string().len());
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
        let connection = self.connection;
        match tokio::time::timeout_at(self.end, connection.client.send(request)).await {
            Ok(Ok(response)) => Ok(response),
            Ok(Err(error)) => Err(self.failure(&error)),
            Err(_) if !connection.has_credentials() => {
                Err(connection.source.too_slow(connection.context))
            }
            Err(_) => {
                let limit = self.limit_text();
                let message =
                    format!("{}: no response within {limit}", self.exchange.description());
                Err(GatherError::new(ErrorKind::Timeout, message).with_hint(TOO_SLOW))
            }
        }
    }

    /// The error of a request that got no response head.
    fn failure(&self, error: &(dyn StdError + 'static)) -> GatherError {
        if let Some(error) = find_cause::<AuthError>(error) {
            return self.connection.source.failure(error);
        }
        let connecting = find_cause::<hyper_util::client::legacy::Error>(error)
            .is_some_and(hyper_util::client::legacy::Error::is_connect);
        let mut exchange = self.exchange.clone();
        let texts: Vec<String> = causes(error).iter().map(ToString::to_string).collect();
        let is_proxy_error = |prefix: &str| {
            exchange.proxy.is_some() && texts.iter().any(|text| text.starts_with(prefix))
        };
        if is_proxy_error("SOCKS error") && texts.iter().any(|text| text.contains("credentials")) {
            let message = format!("{}: the proxy rejected the credentials", exchange.description());
            return GatherError::new(ErrorKind::Authentication, message)
                .with_hint("check the user name and the password in the proxy's URL");
        }
        if is_proxy_error("tunnel error") {
            // A certificate error is about the proxy's certificate, not the server's.
            exchange.certificate_hints = CertificateHints::default();
        } else {
            exchange.subject = self.connection.subject();
        }
        exchange.failure(error, if connecting { Stage::Connecting } else { Stage::Waiting })
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

    /// Reads the whole body. An incomplete body, or one of more than `max_bytes`, is an error.
    async fn read(&self, body: &mut Body, max_bytes: usize) -> Result<Vec<u8>, GatherError> {
        let mut bytes = Vec::new();
        if let Some(announced) = body.size_hint().exact() {
            let announced = usize::try_from(announced).unwrap_or(usize::MAX);
            if announced > max_bytes {
                return Err(self.too_large(max_bytes));
            }
            // This only avoids copying; if it fails, the buffer grows as the data arrives.
            let _ = bytes.try_reserve_exact(announced);
        }
        loop {
            let frame = match tokio::time::timeout_at(self.end, body.frame()).await {
                Ok(None) => return Ok(bytes),
                Ok(Some(Ok(frame))) => frame,
                Ok(Some(Err(error))) => {
                    return Err(self.exchange.failure(&error, Stage::Body(bytes.len())));
                }
                Err(_) => {
                    let message = format!(
                        "{}: the response was not complete within {}: {} bytes received",
                        self.exchange.description(),
                        self.limit_text(),
                        bytes.len()
                    );
                    return Err(GatherError::new(ErrorKind::Timeout, message).with_hint(TOO_SLOW));
                }
            };
            // Ignore trailers.
            let Ok(data) = frame.into_data() else { continue };
            if bytes.len() + data.len() > max_bytes {
                return Err(self.too_large(max_bytes));
            }
            bytes.extend_from_slice(&data);
        }
    }

    /// Reads the body of an error response: the part that arrives soon, up to a limit.
    async fn read_error_body(&self, body: &mut Body) -> Vec<u8> {
        let end = self.end.min(Instant::now() + ERROR_BODY_WAIT);
        let mut bytes = Vec::new();
        while let Ok(Some(Ok(frame))) = tokio::time::timeout_at(end, body.frame()).await {
            let Ok(data) = frame.into_data() else { continue };
            let room = ERROR_BODY_BYTES - bytes.len();
            bytes.extend_from_slice(&data[..data.len().min(room)]);
            if data.len() >= room {
                break;
            }
        }
        bytes
    }

    fn too_large(&self, max_bytes: usize) -> GatherError {
        if max_bytes == DOCUMENT_BYTES {
            return self.protocol_error("the response is larger than 4 MiB");
        }
        if max_bytes < PAGE_BYTES {
            return self.protocol_error("the whole list is larger than 4 GiB");
        }
        self.protocol_error("the page is larger than 64 MiB").with_hint("set a smaller page_size")
    }

    fn protocol_error(&self, why: &str) -> GatherError {
        GatherError::protocol(format!("{}: {why}", self.exchange.description()))
    }

    fn limit_text(&self) -> String {
        match self.connection.context.deadline() {
            Some(_) => format!("the endpoint's {}", run::timeout_text(self.connection.context)),
            None => format!("the limit of {}", run::seconds(LONGEST_REQUEST)),
        }
    }
}
