//! The HTTP client with our rules, for every module that talks to a web service.
//!
//! Proxies, redirects, certificates, time limits, size limits and errors are decided here and in
//! the files beside this one; reqwest carries the bytes.

mod address;
mod body;
mod encoding;
mod error;
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) mod fuzzing;
mod proxy;
mod redirect;
mod request;
mod status;
mod tls;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use gatherer_plugin_api::{Context, ErrorKind, GatherError};
use reqwest::header::{ACCEPT_ENCODING, RANGE};

pub use address::{display_url, parse_url};
pub use error::{Advice, Place, Stage, causes};
pub use proxy::{ProxyServer, proxy_for, server as proxy_server};
pub use request::{DEFAULT_MAX_BODY_BYTES, Request, Response};
pub use status::error as status_error;
pub use tls::{Trust, verifier, warn_insecure};
// So that plugins need not name reqwest's version.
pub use reqwest::header::{self, HeaderMap, HeaderName, HeaderValue};
pub use reqwest::{Method, StatusCode};
pub use url::Url;

use crate::run;
use encoding::Encoding;
use redirect::Trail;

/// How long a client waits. Every wait ends at the endpoint's deadline in any case.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// For a connection, its TLS and a proxy's tunnel included. 10 s by default.
    pub connect: Duration,
    /// For the next byte. 30 s by default.
    pub idle: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self { connect: Duration::from_secs(10), idle: Duration::from_secs(30) }
    }
}

/// The longest wait for one answer where the endpoint has no deadline.
const LONGEST_REQUEST: Duration = Duration::from_mins(5);

/// An HTTP client for one endpoint. Cheap to clone; connections are kept and used again.
///
/// Each method makes one attempt; [`retry::idempotent`](crate::retry::idempotent) is what repeats
/// it. Works inside [`run::block_on`] only.
#[derive(Clone)]
pub struct Client {
    inner: Arc<Inner>,
}

struct Inner {
    context: Context,
    limits: Limits,
    /// Certificates of authorities, PEM, that are trusted in the place of the system's.
    only: Option<Vec<u8>>,
    advice: Advice,
    transports: Mutex<Transports>,
}

/// What is made when it is first needed.
#[derive(Default)]
struct Transports {
    by_route: HashMap<Route, Transport>,
    tls: Option<rustls::ClientConfig>,
}

/// Connections of one kind.
#[derive(Clone)]
struct Transport {
    client: reqwest::Client,
    /// As the deadline allowed when the first connection was made.
    limits: Limits,
}

/// What needs a transport of its own.
#[derive(Clone, PartialEq, Eq, Hash)]
struct Route {
    /// As a URL without credentials; they follow from the settings.
    proxy: Option<Url>,
    /// Whether TLS may happen, so that the trusted roots have to be loaded.
    tls: bool,
}

impl Client {
    /// A client with the proxies, certificates and limits of the context's endpoint.
    pub fn new(context: &Context) -> Result<Self, GatherError> {
        Self::with_limits(context, Limits::default())
    }

    /// A client for a service that is known to be slow.
    pub fn with_limits(context: &Context, limits: Limits) -> Result<Self, GatherError> {
        Ok(Self::trusting(context, limits, None, Advice::default()))
    }

    /// A client for a service that has authorities of its own: these certificates, in PEM, are
    /// trusted in the place of the system's, beside the endpoint's `ca_file`. A proxy that is asked
    /// over https is still verified as everywhere. The advice is for who meets a certificate that
    /// cannot be verified.
    pub fn trusting(
        context: &Context,
        limits: Limits,
        only: Option<Vec<u8>>,
        advice: Advice,
    ) -> Self {
        let (context, transports) = (context.clone(), Mutex::default());
        Self { inner: Arc::new(Inner { context, limits, only, advice, transports }) }
    }

    /// Gets a whole document: any status but 200 is an error, because every other 2xx stands for
    /// something else than the document.
    pub async fn get(&self, url: &Url) -> Result<Response, GatherError> {
        let answer = self.send(Request::get(url.clone())).await?;
        if answer.status() == StatusCode::OK { Ok(answer) } else { Err(answer.status_error()) }
    }

    /// Sends a request and returns the answer, whatever its status. What a status such as `202
    /// Accepted` means for the body is the caller's to judge.
    ///
    /// # Errors
    ///
    /// `connection`, `tls`, `timeout`, `protocol` and, for what a proxy refuses,
    /// `authentication`. `206 Partial Content` is `protocol` unless the request has a `Range`. A
    /// 2xx answer is never returned with less of its body than the server announced or, without an
    /// announcement, sent until it closed the connection.
    pub async fn send(&self, request: Request) -> Result<Response, GatherError> {
        let wait = run::operation_remaining(&self.inner.context).unwrap_or(LONGEST_REQUEST);
        let end = tokio::time::Instant::now() + wait;
        let mut request = request.checked()?;
        let mut trail = Trail::default();
        loop {
            let (answer, place) = self.exchange(&request, end).await?;
            if let Some(next) = trail.follow(&request, answer.status(), answer.headers())? {
                request = next;
                continue;
            }
            return self.finish(request, &trail, answer, &place, end).await;
        }
    }

    /// One request and the head of its answer.
    async fn exchange(
        &self,
        request: &Request,
        end: tokio::time::Instant,
    ) -> Result<(reqwest::Response, Place), GatherError> {
        let proxy = proxy::proxy_for(&self.inner.context.options().proxy, &request.url)?;
        let shown_proxy = proxy.as_ref().map(ProxyServer::display);
        let transport = self.transport(request, proxy)?;
        let place = Place {
            what: request.what(),
            proxy: shown_proxy,
            secure: request.url.scheme() == "https",
            limits: transport.limits,
            subject: None,
            advice: self.inner.advice,
        };
        let mut headers = request.headers.clone();
        // A part of compressed data would be of no use.
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
            Ok(Ok(answer)) => Ok((answer, place)),
            Ok(Err(error)) => Err(place.transport_error(&error)),
            Err(_) => {
                let message =
                    format!("{}: no answer within the {}", place.where_text(), self.limit_text());
                Err(GatherError::new(ErrorKind::Timeout, message))
            }
        }
    }

    async fn finish(
        &self,
        request: Request,
        trail: &Trail,
        mut answer: reqwest::Response,
        place: &Place,
        end: tokio::time::Instant,
    ) -> Result<Response, GatherError> {
        let status = answer.status();
        let headers = answer.headers().clone();
        if status == StatusCode::PROXY_AUTHENTICATION_REQUIRED {
            return Err(place.proxy_wants_authentication());
        }
        if status == StatusCode::PARTIAL_CONTENT && !request.headers.contains_key(RANGE) {
            return Err(status::error(&place.where_text(), status, &headers));
        }
        let encoding = Encoding::of(&headers, place);
        let body = if status.is_success() {
            let (encoding, limit) = (encoding?, self.limit_text());
            body::read(&mut answer, encoding, request.max_body_bytes, place, end, &limit).await?
        } else {
            // What it says beyond its status is a help, not the answer.
            let encoding = encoding.unwrap_or(Encoding::Identity);
            body::read_what_comes(&mut answer, encoding, end).await
        };
        Ok(Response {
            status,
            headers,
            body,
            url: request.url.clone(),
            what: place.what.clone(),
            place: place.where_text(),
            dropped_credentials: trail.dropped_credentials,
        })
    }

    fn limit_text(&self) -> String {
        match self.inner.context.deadline() {
            Some(_) => format!("endpoint's {}", run::timeout_text(&self.inner.context)),
            None => format!("limit of {}", run::seconds(LONGEST_REQUEST)),
        }
    }

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
        if same_host && self.inner.only.is_some() {
            // Both show certificates for one name, which says not whose authorities to ask.
            return Err(GatherError::configuration(format!(
                "{}: an https proxy has the same host, and one of them authorities of its own",
                request.what()
            ))
            .with_hint("ask the proxy over http, or list the host in no_proxy"));
        }
        let mut transports = self.inner.transports.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(transport) = transports.by_route.get(&route) {
            return Ok(transport.clone());
        }
        let (context, only) = (&self.inner.context, self.inner.only.as_deref());
        let secure_proxy = proxy.as_ref().map(|proxy| &proxy.url).filter(|url| secure(url));
        let settings = match (tls, only, secure_proxy, &transports.tls) {
            (false, ..) => tls::unused()?,
            (true, Some(only), Some(proxy), _) => tls::settings_behind(context, only, proxy)?,
            (true, _, _, Some(settings)) => settings.clone(),
            (true, _, _, None) => transports.tls.insert(tls::settings(context, only)?).clone(),
        };
        let transport = self.new_transport(settings, proxy)?;
        transports.by_route.insert(route, transport.clone());
        Ok(transport)
    }

    fn new_transport(
        &self,
        settings: rustls::ClientConfig,
        proxy: Option<ProxyServer>,
    ) -> Result<Transport, GatherError> {
        let mut limits = self.inner.limits;
        if let Some(remaining) = run::operation_remaining(&self.inner.context) {
            // A little less, so that the error can say that not even a connection came about.
            limits.connect = limits.connect.min(remaining.mul_f64(0.9));
        }
        let wrong = |error: reqwest::Error| {
            GatherError::internal(format!("no HTTP client: {}", error::bottom(&error)))
        };
        let mut builder = reqwest::Client::builder()
            .user_agent(concat!("virtual-host-gatherer/", env!("CARGO_PKG_VERSION")))
            .tls_backend_preconfigured(settings)
            .http1_only()
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never())
            .referer(false)
            .connect_timeout(limits.connect)
            .read_timeout(limits.idle)
            .no_proxy();
        if let Some(proxy) = proxy {
            let mut rule = reqwest::Proxy::all(proxy.url).map_err(wrong)?;
            if let Some(authorization) = proxy.authorization {
                rule = rule.custom_http_auth(authorization);
            }
            builder = builder.proxy(rule);
        }
        Ok(Transport { client: builder.build().map_err(wrong)?, limits })
    }
}
