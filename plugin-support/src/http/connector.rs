//! Opens the connections of a transport: TCP, a proxy's tunnel, and TLS.

use std::future::{Future, Ready, ready};
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Instant;

use gatherer_plugin_api::model::Timestamp;
use http::header::{HeaderMap, HeaderValue, USER_AGENT};
use http::uri::Scheme;
use http::{StatusCode, Uri};
use hyper::rt::{Read, ReadBufCursor, Write};
use hyper_util::client::legacy::connect::proxy::{SocksV5, Tunnel};
use hyper_util::client::legacy::connect::{Connected, Connection, HttpConnector};
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use tokio_rustls::TlsConnector;
use tower::{BoxError, Service, ServiceExt as _, service_fn};

use super::PROGRAM;
use super::address::sanitize;
use super::credential::timestamp;
use super::proxy::{ProxyProtocol, ProxyServer};
use super::recorded_status::{RecordedStatus, RecordedStream};
use super::transport::Shared;
use super::x509::X509;

/// Connects to the scheme, host and port of a URI.
#[derive(Clone)]
pub(super) struct Connector {
    tcp: HttpConnector,
    shared: Arc<Shared>,
}

/// A failure on the way to the proxy or in it, as opposed to one of the service.
#[derive(Debug, thiserror::Error)]
#[error("the proxy cannot be used")]
pub(super) struct ProxyError {
    /// The status that the proxy answered instead of opening a tunnel.
    pub status: Option<StatusCode>,
    #[source]
    cause: BoxError,
}

impl ProxyError {
    /// An error on the way to the proxy.
    pub fn before(cause: impl Into<BoxError>) -> Self {
        Self { status: None, cause: cause.into() }
    }
}

impl Connector {
    pub fn new(shared: Arc<Shared>) -> Self {
        let mut tcp = HttpConnector::new();
        tcp.enforce_http(false);
        tcp.set_nodelay(true);
        // Each of several addresses gets its part of the time.
        tcp.set_connect_timeout(Some(shared.timeouts.connect));
        Self { tcp, shared }
    }

    async fn connect(self, destination: Uri) -> Result<Stream, BoxError> {
        let secure = destination.scheme() == Some(&Scheme::HTTPS);
        // Before it connects, because an invalid file is the error even if the server does not run.
        let tls = if secure { Some(self.shared.service_tls().await?) } else { None };
        let stream = self.open(&destination, secure).await?;
        match tls {
            Some(tls) => self.encrypt_service(tls, &destination, stream).await,
            None => Ok(stream),
        }
    }

    /// Connects to the destination, directly or through the proxy. The connection is not encrypted yet.
    pub async fn open(&self, destination: &Uri, secure: bool) -> Result<Stream, BoxError> {
        let origin = shown_origin(destination);
        match self.shared.proxy_for(destination)? {
            None => {
                let why = self.shared.why_direct(destination);
                tracing::debug!("{origin}: connecting directly, because {why}");
                self.open_tcp(destination.clone()).await
            }
            Some(proxy) => {
                tracing::debug!("{origin}: connecting through the proxy {}", proxy.display);
                let recorded = RecordedStatus::default();
                let through = self.connect_through(&proxy, destination, secure, &recorded).await;
                Ok(through.map_err(|cause| ProxyError { status: recorded.status(), cause })?)
            }
        }
    }

    /// Encrypts a connection to the destination, and reports when the server's certificate expires.
    pub async fn encrypt_service(
        &self,
        tls: Arc<rustls::ClientConfig>,
        destination: &Uri,
        stream: Stream,
    ) -> Result<Stream, BoxError> {
        let name = match &self.shared.tls.server_name {
            Some(name) => name.clone(),
            None => server_name(destination)?,
        };
        let stream = encrypt(tls, name, stream).await?;
        if let Some(certificate) = &stream.certificate {
            self.shared.report_expiry(host(destination), certificate);
        }
        Ok(stream)
    }

    /// Connects to the proxy and, if it is used with a tunnel, through it to the destination.
    async fn connect_through(
        &self,
        proxy: &ProxyServer,
        destination: &Uri,
        secure: bool,
        recorded: &RecordedStatus,
    ) -> Result<Stream, BoxError> {
        // A proxy is not part of the service: it is verified against the system's authorities, and does
        // not get the client certificate.
        let tls = match &proxy.protocol {
            ProxyProtocol::Http { secure: true, .. } => Some(self.shared.proxy_tls().await?),
            _ => None,
        };
        let mut stream = self.open_tcp(proxy.uri.clone()).await?;
        if let Some(tls) = tls {
            stream = encrypt(tls, server_name(&proxy.uri)?, stream).await?;
        }
        let started = Instant::now();
        let stream = match &proxy.protocol {
            ProxyProtocol::Http { .. } if !secure => {
                stream.takes_absolute_urls = true;
                return Ok(stream);
            }
            ProxyProtocol::Http { authorization, .. } => {
                // Some proxies allow a tunnel only to programs that they know.
                let headers = [(USER_AGENT, HeaderValue::from_static(PROGRAM))];
                let stream = RecordedStream { stream, status: recorded.clone() };
                let mut tunnel = Tunnel::new(proxy.uri.clone(), connected(stream))
                    .with_headers(HeaderMap::from_iter(headers));
                if let Some(authorization) = authorization {
                    tunnel = tunnel.with_auth(authorization.clone());
                }
                tunnel.oneshot(with_port(destination)?).await?.stream
            }
            ProxyProtocol::Socks { credentials } => {
                let mut socks = SocksV5::new(proxy.uri.clone(), connected(stream));
                if let Some((user, password)) = credentials.clone() {
                    socks = socks.with_auth(user, password);
                }
                socks.oneshot(with_port(destination)?).await?
            }
        };
        let (proxy, time) = (&proxy.display, milliseconds(started));
        tracing::debug!(
            "{}: the proxy {proxy} is connected to it ({time})",
            shown_origin(destination)
        );
        Ok(stream)
    }

    async fn open_tcp(&self, uri: Uri) -> Result<Stream, BoxError> {
        let (origin, started) = (shown_origin(&uri), Instant::now());
        let connection = self.tcp.clone().oneshot(uri).await?;
        let address = connection.inner().peer_addr();
        let address = address.map_or_else(|_| "an unknown address".to_owned(), |a| a.to_string());
        tracing::debug!("{origin}: connected to {address} ({})", milliseconds(started));
        let io = Box::new(connection);
        Ok(Stream { io, takes_absolute_urls: false, address, certificate: None })
    }
}

impl Service<Uri> for Connector {
    type Response = Stream;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<Stream, BoxError>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, destination: Uri) -> Self::Future {
        Box::pin(self.clone().connect(destination))
    }
}

/// A connector for the library's tunnels whose connection is open already. Their errors would hide the
/// cause if they connected themselves.
fn connected<S>(
    stream: S,
) -> impl Service<Uri, Response = S, Error = BoxError, Future = Ready<Result<S, BoxError>>> {
    let mut stream = Some(stream);
    service_fn(move |_| ready(stream.take().ok_or_else(|| "the connection is in use".into())))
}

/// The URI with an explicit port. Without one, a tunnel would lead to port 443.
fn with_port(uri: &Uri) -> Result<Uri, http::Error> {
    let host = uri.host().unwrap_or_default();
    let default = if uri.scheme() == Some(&Scheme::HTTP) { 80 } else { 443 };
    let authority = format!("{host}:{}", uri.port_u16().unwrap_or(default));
    Uri::builder().scheme(Scheme::HTTP).authority(authority).path_and_query("/").build()
}

/// Scheme, host and port of a URI, for the log.
fn shown_origin(uri: &Uri) -> String {
    let authority = uri.authority().map_or("", |authority| authority.as_str());
    format!("{}://{authority}", uri.scheme_str().unwrap_or_default())
}

/// The time since an instant, for the log.
pub(super) fn milliseconds(since: Instant) -> String {
    format!("{} ms", since.elapsed().as_millis())
}

/// The host of a URI, without the brackets of an IPv6 address.
pub(super) fn host(uri: &Uri) -> &str {
    uri.host().unwrap_or_default().trim_start_matches('[').trim_end_matches(']')
}

fn server_name(uri: &Uri) -> Result<ServerName<'static>, BoxError> {
    Ok(ServerName::try_from(host(uri).to_owned())?)
}

async fn encrypt(
    config: Arc<rustls::ClientConfig>,
    name: ServerName<'static>,
    stream: Stream,
) -> io::Result<Stream> {
    let (peer, started) = (name.to_str().into_owned(), Instant::now());
    let encrypted = TlsConnector::from(config).connect(name, TokioIo::new(stream.io)).await?;
    let session = encrypted.get_ref().1;
    let certificate = ServerCertificate::of(session);
    tracing::debug!(
        "{peer}: {}, the certificate is for {} ({})",
        certificate.protocol,
        certificate.subject,
        milliseconds(started)
    );
    Ok(Stream {
        io: Box::new(TokioIo::new(encrypted)),
        takes_absolute_urls: false,
        address: stream.address,
        certificate: Some(certificate),
    })
}

/// The certificate of a server, and the protocol version that it chose.
#[derive(Debug, Clone)]
pub(super) struct ServerCertificate {
    /// `TLS 1.3`
    pub protocol: String,
    pub subject: String,
    pub issuer: String,
    pub expiry: Option<Timestamp>,
}

impl ServerCertificate {
    fn of(session: &rustls::ClientConnection) -> Self {
        let version = session.protocol_version().and_then(|version| version.as_str());
        let certificate = session.peer_certificates().and_then(|certificates| certificates.first());
        let certificate = certificate.and_then(|certificate| X509::parse(certificate));
        let text = |text: Option<String>, unknown: &str| {
            text.map_or_else(|| unknown.to_owned(), |text| sanitize(&text))
        };
        let subject = certificate.and_then(|certificate| certificate.subject_text());
        let issuer = certificate.and_then(|certificate| certificate.issuer_text());
        let validity = certificate.and_then(|certificate| certificate.validity());
        Self {
            protocol: version.unwrap_or("TLS").replace("TLSv", "TLS ").replace('_', "."),
            subject: text(subject, "an unknown subject"),
            issuer: text(issuer, "an unknown issuer"),
            expiry: validity.and_then(|(_, end)| timestamp(end)),
        }
    }
}

/// A connection of any kind. One type, so that the HTTP client is compiled once.
pub(super) struct Stream {
    io: Box<dyn ByteStream>,
    /// Whether the other end is an HTTP proxy that forwards single requests.
    takes_absolute_urls: bool,
    /// The address and port to which the connection leads: the proxy's if there is one.
    pub address: String,
    /// The certificate of the other end, if the connection is encrypted.
    pub certificate: Option<ServerCertificate>,
}

trait ByteStream: Read + Write + Send + Unpin {}

impl<T: Read + Write + Send + Unpin> ByteStream for T {}

impl Connection for Stream {
    fn connected(&self) -> Connected {
        Connected::new().proxy(self.takes_absolute_urls)
    }
}

impl Read for Stream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_read(cx, buffer)
    }
}

impl Write for Stream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}
