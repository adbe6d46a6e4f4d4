//! The HTTP client for every module that talks to a web service.
//!
//! This module has our rules for proxies, redirects, certificates, time limits, size limits and
//! errors. hyper transfers the data.

mod address;
mod body;
mod client_certificate;
mod client_certificate_options;
#[cfg(test)]
mod client_certificate_tests;
mod clock;
mod connection_check;
#[cfg(test)]
mod connection_check_tests;
mod connector;
mod credential;
mod deadline;
mod der;
mod encoding;
mod error;
mod failure_cause;
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) mod fuzzing_hooks;
mod handshake_error;
mod key_type;
mod pem_blocks;
mod proxy;
mod recorded_status;
mod redirect;
mod request;
mod status;
mod tls;
mod tls_error;
#[cfg(test)]
mod tls_error_tests;
mod transport;
mod trusted_certificates;
#[cfg(test)]
mod trusted_certificates_tests;
mod verifier;
mod x509;

use std::sync::Arc;
use std::time::{Duration, Instant};

use gatherer_plugin_api::{Context, GatherError};
use http::header::{ACCEPT_ENCODING, RANGE, USER_AGENT};
use http_body_util::Full;
use hyper::body::Incoming;
use tokio::time::timeout_at;
use tower::Service as _;

pub use address::{display_url, endpoint_url, is_loopback, parse_url, service_url};
pub use body::{BodyLimit, BodyReader, read_error_body};
pub use client_certificate::{ClientCertificate, ClientCertificateError};
pub use client_certificate_options::PemText;
pub use clock::clock_skew;
pub use connection_check::connection_steps;
pub use credential::{UsedCredential, explain_unauthorized, jwt_expiry};
pub use deadline::RequestDeadline;
pub use encoding::Encoding;
pub use error::{Exchange, causes};
pub use pem_blocks::{PemBlock, PemBlocks};
pub use proxy::{ProxyServer, proxy_for};
pub use request::{DEFAULT_MAX_BODY_BYTES, Request, Response};
pub use status::error as status_error;
pub(crate) use status::parse_retry_after;
pub use tls::TlsSettings;
pub use tls_error::CertificateHints;
pub use transport::{Transport, TransportSettings};
// Re-exported so that plugins need not depend on these crates.
pub use http::header::{self, HeaderMap, HeaderName, HeaderValue};
pub use http::{Method, StatusCode};
pub use url::Url;

use redirect::RedirectChain;

/// The `User-Agent` of requests.
const PROGRAM: &str = concat!("virtual-host-gatherer/", env!("CARGO_PKG_VERSION"));

/// How long a client waits. Every wait also ends at the endpoint's deadline.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timeouts {
    /// For a connection, including TLS and a proxy's tunnel. 10 s by default.
    pub connect: Duration,
    /// For the next byte. 30 s by default.
    pub idle: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self { connect: Duration::from_secs(10), idle: Duration::from_secs(30) }
    }
}

/// An HTTP client for one endpoint. Cheap to clone; connections are kept and reused.
///
/// Each method makes one attempt; use [`retry::idempotent`](crate::retry::idempotent) for retries.
/// Works only inside [`run::block_on`](crate::run::block_on).
#[derive(Clone)]
pub struct Client {
    inner: Arc<Inner>,
}

struct Inner {
    context: Context,
    transport: Transport,
    certificate_hints: CertificateHints,
}

impl Client {
    /// A client with the proxies, certificates and deadline of the context's endpoint.
    pub fn new(context: &Context) -> Result<Self, GatherError> {
        Self::with_timeouts(context, Timeouts::default())
    }

    /// A client with other timeouts, for example for a service that is known to be slow.
    pub fn with_timeouts(context: &Context, timeouts: Timeouts) -> Result<Self, GatherError> {
        Ok(Self::with_authorities(context, timeouts, None, CertificateHints::default()))
    }

    /// A client for a service with its own certificate authorities. Their certificates, in PEM,
    /// replace the system's; the endpoint's `ca_file` is still trusted too. An https proxy is still
    /// verified against the system's certificates. The hints are for errors about a certificate that
    /// cannot be verified.
    pub fn with_authorities(
        context: &Context,
        timeouts: Timeouts,
        authorities: Option<Vec<u8>>,
        certificate_hints: CertificateHints,
    ) -> Self {
        let tls = TlsSettings { authorities, ..TlsSettings::default() };
        Self::with_tls(context, timeouts, tls, certificate_hints)
    }

    /// A client with these settings for TLS, for example for a module with its own parameters for
    /// certificates. The hints are for errors about a certificate that cannot be verified.
    pub fn with_tls(
        context: &Context,
        timeouts: Timeouts,
        tls: TlsSettings,
        certificate_hints: CertificateHints,
    ) -> Self {
        let proxy = context.options().proxy.clone();
        Self::of_transport(context, TransportSettings { proxy, timeouts, tls }, certificate_hints)
    }

    /// A client that uses no proxy, whatever the endpoint says: for a service of this machine itself, such as the metadata
    /// service of a cloud's instance. A proxy would reach the service of another machine.
    pub fn without_proxy(context: &Context, timeouts: Timeouts) -> Self {
        let settings = TransportSettings { timeouts, ..TransportSettings::default() };
        Self::of_transport(context, settings, CertificateHints::default())
    }

    fn of_transport(
        context: &Context,
        settings: TransportSettings,
        certificate_hints: CertificateHints,
    ) -> Self {
        let transport = Transport::new(context, settings);
        Self { inner: Arc::new(Inner { context: context.clone(), transport, certificate_hints }) }
    }

    /// Gets a whole document. Any status except 200 is an error, because every other 2xx status means
    /// that the body is not the document.
    pub async fn get(&self, url: &Url) -> Result<Response, GatherError> {
        let response = self.send(Request::get(url.clone())).await?;
        if response.status() == StatusCode::OK {
            Ok(response)
        } else {
            Err(response.status_error())
        }
    }

    /// Sends a request and returns the response, whatever its status. The caller must decide what a
    /// status such as `202 Accepted` means for the body.
    ///
    /// # Errors
    ///
    /// `connection`, `tls`, `timeout`, `protocol`, and `authentication` if the proxy requires it.
    /// `206 Partial Content` is a `protocol` error unless the request has a `Range` header. A 2xx
    /// response always has its complete body: all bytes that the server announced or, if it announced
    /// no length, that it sent until it closed the connection.
    pub async fn send(&self, request: Request) -> Result<Response, GatherError> {
        let deadline = RequestDeadline::new(&self.inner.context);
        let mut request = request.checked()?;
        let mut redirects = RedirectChain::default();
        loop {
            let (response, exchange) = self.exchange(&request, &deadline).await?;
            if request.follows_redirects
                && let Some(next) =
                    redirects.follow(&request, response.status(), response.headers())?
            {
                request = next;
                continue;
            }
            return finish(request, &redirects, response, &exchange, &deadline).await;
        }
    }

    /// Sends one request and receives the head of its response.
    async fn exchange(
        &self,
        request: &Request,
        deadline: &RequestDeadline,
    ) -> Result<(http::Response<Incoming>, Exchange), GatherError> {
        let Inner { transport, certificate_hints, .. } = &*self.inner;
        let exchange =
            transport.exchange(request.description(), &request.url, *certificate_hints)?;
        let mut message = http::Request::builder()
            .method(request.method.clone())
            .uri(request.url.as_str())
            .body(Full::from(request.body.clone().unwrap_or_default()))
            .map_err(|error| exchange.failure(&error))?;
        let headers = message.headers_mut();
        headers.clone_from(&request.headers);
        headers.entry(USER_AGENT).or_insert(HeaderValue::from_static(PROGRAM));
        // Some firewalls reject requests without this header.
        headers.entry(header::ACCEPT).or_insert(HeaderValue::from_static("*/*"));
        // A range of compressed data would be useless.
        if !headers.contains_key(RANGE) {
            headers.entry(ACCEPT_ENCODING).or_insert(HeaderValue::from_static("gzip"));
        }
        tracing::debug!("{}: sending with {}", exchange.request, shown_credentials(headers));
        let sent = Instant::now();
        match timeout_at(deadline.at, transport.clone().call(message)).await {
            Ok(Ok(response)) => {
                exchange.log_response(response.status(), sent);
                Ok((response, exchange))
            }
            Ok(Err(error)) => Err(exchange.failure(&error)),
            Err(_) => Err(deadline.no_response(&exchange)),
        }
    }
}

/// The credentials in the headers of a request, without their values: `Authorization: Basic`, or the names of headers whose
/// values are secret.
pub fn shown_credentials(headers: &HeaderMap) -> String {
    let mut shown = Vec::new();
    for (name, value) in headers {
        if *name == header::AUTHORIZATION {
            let text = value.to_str().unwrap_or_default();
            let scheme = text.split_once(' ').map_or("", |(scheme, _)| scheme);
            let known = ["Basic", "Bearer", "Digest", "Negotiate"];
            let scheme = known.into_iter().find(|known| known.eq_ignore_ascii_case(scheme));
            shown.push(format!("{name}: {}", scheme.unwrap_or("another scheme")));
        } else if value.is_sensitive() || *name == header::COOKIE {
            shown.push(name.to_string());
        }
    }
    if shown.is_empty() { "no credentials".to_owned() } else { shown.join(", ") }
}

/// Receives the body of the last response.
async fn finish(
    request: Request,
    redirects: &RedirectChain,
    response: http::Response<Incoming>,
    exchange: &Exchange,
    deadline: &RequestDeadline,
) -> Result<Response, GatherError> {
    let (http::response::Parts { status, headers, .. }, body) = response.into_parts();
    if status == StatusCode::PROXY_AUTHENTICATION_REQUIRED {
        return Err(exchange.proxy_requires_authentication());
    }
    if status == StatusCode::PARTIAL_CONTENT && !request.headers.contains_key(RANGE) {
        return Err(status::error(&exchange.description(), status, &headers));
    }
    let encoding = Encoding::of(&headers, exchange);
    let body = if status.is_success() {
        let limit = BodyLimit::new(request.max_body_bytes);
        let reader =
            BodyReader { exchange, deadline, encoding: encoding?, limit, expected_bytes: 0 };
        reader.read(body).await?
    } else {
        // The body of an error response only adds details, so problems with it are ignored.
        read_error_body(body, encoding.unwrap_or(Encoding::Identity), deadline).await
    };
    Ok(Response {
        status,
        headers,
        body,
        url: request.url,
        description: exchange.request.clone(),
        exchange_text: exchange.description(),
        exchange: exchange.clone(),
        credential: UsedCredential::of_headers(&request.headers),
        dropped_credentials: redirects.dropped_credentials,
    })
}
