//! The HTTP client for every module that talks to a web service.
//!
//! This module has our rules for proxies, redirects, certificates, time limits, size limits and
//! errors. reqwest transfers the data.

mod address;
mod body;
mod client_certificate;
mod client_certificate_options;
mod encoding;
mod error;
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) mod fuzzing_hooks;
mod proxy;
mod redirect;
mod request;
mod status;
mod tls;
mod tls_error;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use gatherer_plugin_api::{Context, ErrorKind, GatherError};
use reqwest::header::{ACCEPT_ENCODING, RANGE};

pub use address::{display_url, parse_url};
pub use client_certificate::{ClientCertificate, ClientCertificateError};
pub use error::{Exchange, Stage, causes};
pub use proxy::{ProxyServer, proxy_for, server as proxy_server};
pub use request::{DEFAULT_MAX_BODY_BYTES, Request, Response};
pub use status::error as status_error;
pub(crate) use status::parse_retry_after;
pub use tls::{Trust, verifier, warn_insecure};
pub use tls_error::CertificateHints;
// Re-exported so that plugins need not depend on reqwest.
pub use reqwest::header::{self, HeaderMap, HeaderName, HeaderValue};
pub use reqwest::{Method, StatusCode};
pub use url::Url;

use crate::run;
use encoding::Encoding;
use redirect::RedirectChain;

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

/// The maximum time for one request if the endpoint has no deadline.
const REQUEST_TIMEOUT: Duration = Duration::from_mins(5);

/// An HTTP client for one endpoint. Cheap to clone; connections are kept and reused.
///
/// Each method makes one attempt; use [`retry::idempotent`](crate::retry::idempotent) for retries.
/// Works only inside [`run::block_on`].
#[derive(Clone)]
pub struct Client {
    inner: Arc<Inner>,
}

struct Inner {
    context: Context,
    timeouts: Timeouts,
    /// Certificates of authorities in PEM that replace the system's.
    authorities: Option<Vec<u8>>,
    certificate_hints: CertificateHints,
    transports: Mutex<Transports>,
}

/// The transports, which are created when they are first needed.
#[derive(Default)]
struct Transports {
    by_route: HashMap<Route, Transport>,
    tls: Option<rustls::ClientConfig>,
}

/// The pool of connections for one route.
#[derive(Clone)]
struct Transport {
    client: reqwest::Client,
    /// Limited by the deadline when the transport was created.
    timeouts: Timeouts,
}

/// The properties of a request that determine its transport.
#[derive(Clone, PartialEq, Eq, Hash)]
struct Route {
    /// The proxy's URL without credentials, which follow from the settings.
    proxy: Option<Url>,
    /// Whether TLS may be used, so that the trusted roots must be loaded.
    tls: bool,
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
        Self {
            inner: Arc::new(Inner {
                context: context.clone(),
                timeouts,
                authorities,
                certificate_hints,
                transports: Mutex::default(),
            }),
        }
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
        let wait = run::operation_remaining(&self.inner.context).unwrap_or(REQUEST_TIMEOUT);
        let end = tokio::time::Instant::now() + wait;
        let mut request = request.checked()?;
        let mut redirects = RedirectChain::default();
        loop {
            let (response, exchange) = self.exchange(&request, end).await?;
            if let Some(next) = redirects.follow(&request, response.status(), response.headers())? {
                request = next;
                continue;
            }
            return self.finish(request, &redirects, response, &exchange, end).await;
        }
    }

    /// Sends one request and receives the head of its response.
    async fn exchange(
        &self,
        request: &Request,
        end: tokio::time::Instant,
    ) -> Result<(reqwest::Response, Exchange), GatherError> {
        let proxy = proxy::proxy_for(&self.inner.context.options().proxy, &request.url)?;
        let displayed_proxy = proxy.as_ref().map(ProxyServer::display);
        let transport = self.transport(request, proxy)?;
        let exchange = Exchange {
            request: request.description(),
            proxy: displayed_proxy,
            secure: request.url.scheme() == "https",
            timeouts: transport.timeouts,
            subject: None,
            certificate_hints: self.inner.certificate_hints,
        };
        let mut headers = request.headers.clone();
        // A range of compressed data would be useless.
        if !headers.contains_key(RANGE) {
            headers.entry(ACCEPT_ENCODING).or_insert(HeaderValue::from_static("gzip"));
        }
        let mut builder =
            transport.client.request(request.method.clone(), request.url.clone()).headers(headers);
        if let Some(body) = &request.body {
            builder = builder.body(body.clone());
        }
        let sent = tokio::time::timeout_at(end, builder.send()).await;
        match sent {
            Ok(Ok(response)) => Ok((response, exchange)),
            Ok(Err(error)) => Err(exchange.transport_error(&error)),
            Err(_) => {
                let (exchange, limit) = (exchange.description(), self.limit_text());
                let message = format!("{exchange}: no response within the {limit}");
                Err(GatherError::new(ErrorKind::Timeout, message))
            }
        }
    }

    /// Receives the body of the last response.
    async fn finish(
        &self,
        request: Request,
        redirects: &RedirectChain,
        mut response: reqwest::Response,
        exchange: &Exchange,
        end: tokio::time::Instant,
    ) -> Result<Response, GatherError> {
        let status = response.status();
        let headers = response.headers().clone();
        if status == StatusCode::PROXY_AUTHENTICATION_REQUIRED {
            return Err(exchange.proxy_requires_authentication());
        }
        if status == StatusCode::PARTIAL_CONTENT && !request.headers.contains_key(RANGE) {
            return Err(status::error(&exchange.description(), status, &headers));
        }
        let encoding = Encoding::of(&headers, exchange);
        let body = if status.is_success() {
            let (encoding, limit) = (encoding?, self.limit_text());
            let max_bytes = request.max_body_bytes;
            body::read(&mut response, encoding, max_bytes, exchange, end, &limit).await?
        } else {
            // The body of an error response only adds details, so problems with it are ignored.
            let encoding = encoding.unwrap_or(Encoding::Identity);
            body::read_error_body(&mut response, encoding, end).await
        };
        Ok(Response {
            status,
            headers,
            body,
            url: request.url.clone(),
            description: exchange.request.clone(),
            exchange: exchange.description(),
            dropped_credentials: redirects.dropped_credentials,
        })
    }

    /// The time limit of a request, for messages.
    fn limit_text(&self) -> String {
        match self.inner.context.deadline() {
            Some(_) => format!("endpoint's {}", run::timeout_text(&self.inner.context)),
            None => format!("limit of {}", run::seconds(REQUEST_TIMEOUT)),
        }
    }

    /// The transport for a request, which is created if it does not exist yet.
    fn transport(
        &self,
        request: &Request,
        proxy: Option<ProxyServer>,
    ) -> Result<Transport, GatherError> {
        let secure = |url: &Url| url.scheme() == "https";
        let tls = secure(&request.url) || proxy.as_ref().is_some_and(|proxy| secure(&proxy.url));
        let route = Route { proxy: proxy.as_ref().map(|proxy| proxy.url.clone()), tls };
        let same_host = route.proxy.as_ref().is_some_and(|proxy| {
            secure(proxy) && secure(&request.url) && proxy.host() == request.url.host()
        });
        if same_host && self.inner.authorities.is_some() {
            // Both present a certificate for the same name, so the name does not determine which
            // authorities to verify it with.
            return Err(GatherError::configuration(format!(
                "{}: the service has its own certificate authorities, so an https proxy must not be \
                 on the same host",
                request.description()
            ))
            .with_hint("connect to the proxy over http, or list the host in no_proxy"));
        }
        let mut transports = self.inner.transports.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(transport) = transports.by_route.get(&route) {
            return Ok(transport.clone());
        }
        let (context, authorities) = (&self.inner.context, self.inner.authorities.as_deref());
        let secure_proxy = proxy.as_ref().map(|proxy| &proxy.url).filter(|url| secure(url));
        let config = match (tls, authorities, secure_proxy, &transports.tls) {
            (false, ..) => tls::unused_config()?,
            (true, Some(authorities), Some(proxy), _) => {
                tls::config_behind_proxy(context, authorities, proxy)?
            }
            (true, _, _, Some(config)) => config.clone(),
            (true, _, _, None) => transports.tls.insert(tls::config(context, authorities)?).clone(),
        };
        let transport = self.new_transport(config, proxy)?;
        transports.by_route.insert(route, transport.clone());
        Ok(transport)
    }

    fn new_transport(
        &self,
        config: rustls::ClientConfig,
        proxy: Option<ProxyServer>,
    ) -> Result<Transport, GatherError> {
        let mut timeouts = self.inner.timeouts;
        if let Some(remaining) = run::operation_remaining(&self.inner.context) {
            // A little less than the remaining time, so that the error can report that there was no
            // connection.
            timeouts.connect = timeouts.connect.min(remaining.mul_f64(0.9));
        }
        let failed = |error: reqwest::Error| {
            let why = error::root_cause_text(&error);
            GatherError::internal(format!("the HTTP client cannot be created: {why}"))
        };
        let mut builder = reqwest::Client::builder()
            .user_agent(concat!("virtual-host-gatherer/", env!("CARGO_PKG_VERSION")))
            .tls_backend_preconfigured(config)
            .http1_only()
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never())
            .referer(false)
            .connect_timeout(timeouts.connect)
            .read_timeout(timeouts.idle)
            .no_proxy();
        if let Some(proxy) = proxy {
            let mut rule = reqwest::Proxy::all(proxy.url).map_err(failed)?;
            if let Some(authorization) = proxy.authorization {
                rule = rule.custom_http_auth(authorization);
            }
            builder = builder.proxy(rule);
        }
        Ok(Transport { client: builder.build().map_err(failed)?, timeouts })
    }
}
