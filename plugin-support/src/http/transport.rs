//! The transport of HTTP requests: connections through proxies and TLS, which are kept and reused.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::task::{Context as TaskContext, Poll};

use gatherer_plugin_api::{Context, GatherError, ProxySettings};
use http::header::PROXY_AUTHORIZATION;
use http::uri::Scheme;
use http::{Request, Response, Uri};
use http_body_util::BodyExt as _;
use http_body_util::combinators::UnsyncBoxBody;
use hyper::body::{Body, Bytes, Incoming};
use hyper_timeout::TimeoutConnector;
use hyper_util::client::legacy;
use hyper_util::rt::TokioExecutor;
use rustls::ClientConfig;
use tokio::sync::OnceCell;
use tower::{BoxError, Service};
use url::Url;

use super::Timeouts;
use super::client_certificate::ClientCertificate;
use super::connector::{Connector, ServerCertificate};
use super::error::{Exchange, WITHOUT_PROXY};
use super::proxy::{ProxyProtocol, ProxyServer, proxy_for, why_direct};
use super::tls::{self, TlsSettings};
use super::tls_error::CertificateHints;
use crate::run;

/// How a transport connects.
#[derive(Debug, Clone, Default)]
pub struct TransportSettings {
    /// Chooses the proxy of a connection.
    pub proxy: ProxySettings,
    /// How long to wait. The time for a connection is limited by the endpoint's deadline.
    pub timeouts: Timeouts,
    /// How connections to https services are secured.
    pub tls: TlsSettings,
}

/// Sends requests over HTTP/1.1, and keeps connections for later requests. Cheap to clone. Follows no
/// redirects, repeats nothing that a server may have received, and decodes nothing.
///
/// [`Exchange::failure`] explains its errors. Works only inside [`run::block_on`].
#[derive(Clone)]
pub struct Transport {
    client: legacy::Client<TimeoutConnector<Connector>, UnsyncBoxBody<Bytes, BoxError>>,
    shared: Arc<Shared>,
}

impl Transport {
    /// Prepares a transport. It connects, and loads trusted authorities, only when that is needed.
    pub fn new(context: &Context, settings: TransportSettings) -> Self {
        let TransportSettings { proxy, mut timeouts, tls } = settings;
        if let Some(remaining) = run::operation_remaining(context) {
            // A little less than the remaining time, so that the error can report that there was no
            // connection.
            timeouts.connect = timeouts.connect.min(remaining.mul_f64(0.9));
        }
        let shared = Arc::new(Shared {
            context: context.clone(),
            proxy,
            timeouts,
            tls,
            service_tls: OnceCell::new(),
            proxy_tls: OnceCell::new(),
            has_warned: AtomicBool::new(false),
            used_certificate: Arc::default(),
            reported_hosts: Mutex::default(),
        });
        let mut connector = TimeoutConnector::new(Connector::new(Arc::clone(&shared)));
        connector.set_connect_timeout(Some(timeouts.connect));
        connector.set_read_timeout(Some(timeouts.idle));
        connector.set_write_timeout(Some(timeouts.idle));
        // Otherwise the time that a kept connection was unused would be taken from the next response.
        connector.set_reset_reader_on_write(true);
        let client = legacy::Client::builder(TokioExecutor::new()).build(connector);
        Self { client, shared }
    }

    /// The error context of a request to this URL. `request` names the request in messages.
    pub fn exchange(
        &self,
        request: String,
        url: &Url,
        certificate_hints: CertificateHints,
    ) -> Result<Exchange, GatherError> {
        let proxy = proxy_for(&self.shared.proxy, url)?;
        Ok(Exchange {
            request,
            proxy: proxy.map(|proxy| proxy.display),
            without_proxy: WITHOUT_PROXY,
            secure: url.scheme() == "https",
            timeouts: self.shared.timeouts,
            certificate_hints,
            used_certificate: Arc::clone(&self.shared.used_certificate),
        })
    }
}

impl Transport {
    /// What the connections share, for a check of a connection.
    pub(super) fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }
}

impl<B> Service<Request<B>> for Transport
where
    B: Body<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    type Response = Response<Incoming>;
    type Error = legacy::Error;
    type Future = legacy::ResponseFuture;

    fn poll_ready(&mut self, _: &mut TaskContext<'_>) -> Poll<Result<(), legacy::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> legacy::ResponseFuture {
        let mut request = request.map(|body| body.map_err(Into::into).boxed_unsync());
        // Without a tunnel, the proxy gets its credentials with each request.
        if request.uri().scheme() == Some(&Scheme::HTTP)
            && let Ok(Some(proxy)) = self.shared.proxy_for(request.uri())
            && let ProxyProtocol::Http { authorization: Some(value), .. } = proxy.protocol
        {
            request.headers_mut().insert(PROXY_AUTHORIZATION, value);
        }
        self.client.request(request)
    }
}

/// What the connections of a transport share.
pub(super) struct Shared {
    pub context: Context,
    proxy: ProxySettings,
    pub timeouts: Timeouts,
    pub tls: TlsSettings,
    service_tls: OnceCell<Arc<ClientConfig>>,
    proxy_tls: OnceCell<Arc<ClientConfig>>,
    /// Whether the warning that certificates are not verified was sent.
    has_warned: AtomicBool,
    /// The client certificate of the connections to the service.
    used_certificate: Arc<OnceLock<ClientCertificate>>,
    /// The hosts whose certificates' expiry was reported.
    reported_hosts: Mutex<BTreeSet<String>>,
}

impl Shared {
    /// The proxy for a URI, of which only scheme, host and port matter.
    pub fn proxy_for(&self, uri: &Uri) -> Result<Option<ProxyServer>, BoxError> {
        Ok(proxy_for(&self.proxy, &origin(uri)?)?)
    }

    /// Why the connection for a URI without a proxy is direct.
    pub fn why_direct(&self, uri: &Uri) -> &'static str {
        origin(uri).map_or("no proxy is set", |url| why_direct(&self.proxy, &url))
    }

    /// The configuration for connections to the service. It is loaded when it is first needed, because
    /// reading the system's authorities takes milliseconds.
    pub async fn service_tls(&self) -> Result<Arc<ClientConfig>, GatherError> {
        let load = async || {
            let mut settings = self.tls.clone();
            if settings.client_certificate.is_none() {
                settings.client_certificate = ClientCertificate::of_endpoint(&self.context)?;
            }
            if let Some(certificate) = &settings.client_certificate {
                tracing::debug!("a client certificate is sent if the server requests one");
                let used = self.used_certificate.get_or_init(|| certificate.clone()).credential();
                if let Some(expiry) = used.expiry {
                    self.context.expiry(&used.name, expiry);
                }
                if let Some(warning) = used.expiry_warning() {
                    self.context.warning(self.context.endpoint(), warning)?;
                }
            }
            self.load_tls(&settings)
        };
        self.service_tls.get_or_try_init(load).await.cloned()
    }

    /// Reports when the certificate of a server expires, once for each host.
    pub fn report_expiry(&self, host: &str, certificate: &ServerCertificate) {
        let mut reported = self.reported_hosts.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(expiry) = certificate.expiry
            && reported.insert(host.to_owned())
        {
            self.context.expiry(format!("the certificate of {host}"), expiry);
        }
    }

    /// The configuration for the connection to a proxy.
    pub async fn proxy_tls(&self) -> Result<Arc<ClientConfig>, GatherError> {
        let load = async || self.load_tls(&TlsSettings::default());
        self.proxy_tls.get_or_try_init(load).await.cloned()
    }

    fn load_tls(&self, settings: &TlsSettings) -> Result<Arc<ClientConfig>, GatherError> {
        let insecure = self.context.options().insecure && !self.tls.insecure;
        if insecure && !self.has_warned.swap(true, Ordering::Relaxed) {
            self.context.warning(
                self.context.endpoint(),
                "certificates are not verified (insecure): an attacker in the network can read and \
                 change the traffic",
            )?;
        }
        tls::config(&self.context, settings)
    }
}

/// Scheme, host and port of a URI.
fn origin(uri: &Uri) -> Result<Url, url::ParseError> {
    let authority = uri.authority().map_or("", |authority| authority.as_str());
    Url::parse(&format!("{}://{authority}", uri.scheme_str().unwrap_or_default()))
}
