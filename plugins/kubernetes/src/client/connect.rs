//! Builds a kube client from a kubeconfig's settings.
//!
//! The layers come from kube, but this module assembles them. `Client::try_from` would verify a
//! proxy's certificate against the cluster's authority, drop a SOCKS proxy's password, log each
//! failure at error level, and not expose the server's certificate.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use gatherer_plugin_api::{Context, GatherError};
use gatherer_plugin_support::http::{self as support, CertificateHints, Exchange, Timeouts, Trust};
use gatherer_plugin_support::run;
use http::header::{ACCEPT, AUTHORIZATION, HeaderValue, USER_AGENT};
use http::uri::{Parts, PathAndQuery, Scheme};
use http::{Request, Uri};
use hyper_rustls::{FixedServerNameResolver, HttpsConnector, HttpsConnectorBuilder};
use hyper_timeout::TimeoutConnector;
use hyper_util::client::legacy::connect::proxy::{SocksV5, Tunnel};
use hyper_util::client::legacy::connect::{Connection as Connected, HttpConnector};
use hyper_util::rt::TokioExecutor;
use kube::client::ConfigExt as _;
use kube::client::middleware::AuthLayer;
use rustls::ClientConfig;
use tower::{BoxError, Service, ServiceBuilder};

use super::certificate::{RecordingVerifier, ServerSubject};
use super::credential_program::CredentialProgram;
use super::credential_source::{CredentialSource, bearer};
use super::credentials::{self, ClientCredentials};
use super::proxy::{self, Proxy};
use super::token_renewal::IdTokenSource;
use crate::kubeconfig::Access;

/// The kube client of one API server, and the state that its requests share.
pub(super) struct Connection<'a> {
    pub client: kube::Client,
    pub access: &'a Access,
    pub context: &'a Context,
    pub source: CredentialSource,
    id_tokens: Option<Arc<IdTokenSource>>,
    program: Option<CredentialProgram>,
    /// Whether the current request has got its credentials and is being sent.
    sent: Arc<AtomicBool>,
    timeouts: Timeouts,
    secure: bool,
    /// The proxy as messages show it, without credentials.
    proxy: Option<String>,
    server_subject: ServerSubject,
    /// The server's URL as messages show it, without a trailing slash.
    address: String,
}

impl<'a> Connection<'a> {
    /// Prepares the client, and runs the kubeconfig's credential program, if it has one. Sends
    /// nothing to the server yet.
    pub async fn new(access: &'a Access, context: &'a Context) -> Result<Self, GatherError> {
        // rustls needs one default provider per process. An error means that there is one already.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let secure = access.server.scheme() == Some(&Scheme::HTTPS);
        let proxy = proxy::choose(access, context)?;
        let mut timeouts = Timeouts::default();
        if let Some(remaining) = run::operation_remaining(context) {
            // A little less than the deadline, so that the error says that connecting timed out.
            timeouts.connect = timeouts.connect.min(remaining.mul_f64(0.9));
        }
        let config = config(access, timeouts);
        let source = CredentialSource::of(access);
        let ClientCredentials { auth, mut tls, program } =
            credentials::load(config.clone(), &source, context).await?;
        let server_subject = ServerSubject::default();
        if secure {
            // An insecure kubeconfig already has a warning.
            if context.options().insecure && !access.insecure {
                support::warn_insecure(context)?;
            }
            let trust = Trust { authorities: access.ca.as_deref(), insecure: access.insecure };
            let verifier = support::verifier(context, &trust)?;
            let verifier = RecordingVerifier { verifier, subject: server_subject.clone() };
            tls.dangerous().set_certificate_verifier(Arc::new(verifier));
        }
        let sent = Arc::new(AtomicBool::new(false));
        let builder =
            ClientBuilder { config, auth, tls, sent: Arc::clone(&sent), context: context.clone() };
        let client = builder.build_through(proxy.as_ref())?;
        let proxy = proxy.map(|proxy| proxy.display().to_owned());
        let address = address(&access.server);
        let id_tokens = access.oidc.as_ref().map(|oidc| IdTokenSource::new(oidc, context));
        Ok(Self {
            client,
            access,
            context,
            source,
            id_tokens,
            program,
            sent,
            timeouts,
            secure,
            proxy,
            server_subject,
            address,
        })
    }

    /// The `Authorization` header of the next request, for credentials that can change between
    /// requests: id tokens, programs and token files. kube adds the others.
    pub async fn authorization(&self) -> Result<Option<HeaderValue>, GatherError> {
        if let Some(id_tokens) = &self.id_tokens {
            return id_tokens.authorization().await.map(Some);
        }
        if let Some(program) = &self.program {
            return program.authorization().await;
        }
        let file = self.access.token_file.as_ref();
        file.map(|file| bearer(&file.read()?)).transpose()
    }

    /// The request for a page, as messages name it.
    pub fn request_text(&self, path: &str, page: usize) -> String {
        let page = if page > 1 { format!(", page {page}") } else { String::new() };
        format!("GET {}{path}{page}", self.address)
    }

    /// The error context of a request for a page, which the caller sends next.
    pub fn exchange(&self, path: &str, page: usize) -> Exchange {
        self.sent.store(false, Ordering::SeqCst);
        let mut exchange = Exchange::new(self.request_text(path, page), self.secure, self.timeouts);
        exchange.proxy.clone_from(&self.proxy);
        exchange.certificate_hints = CertificateHints {
            untrusted: "add the authority's certificate to the kubeconfig's cluster \
                        (certificate-authority-data)",
            other_name: "use a name from the certificate in the kubeconfig's server, or set it as \
                         tls-server-name",
        };
        exchange
    }

    /// Whether the last request got its credentials, so that a timeout was the server's and not the
    /// credential program's.
    pub fn has_credentials(&self) -> bool {
        self.sent.load(Ordering::SeqCst)
    }

    /// The subject of the server's certificate.
    pub fn subject(&self) -> Option<String> {
        self.server_subject.get()
    }
}

/// The configuration of the kube client.
fn config(access: &Access, timeouts: Timeouts) -> kube::Config {
    let mut config = kube::Config::new(with_port(&access.server));
    config.auth_info = access.auth.clone();
    config.tls_server_name.clone_from(&access.tls_server_name);
    // Our own verifier replaces kube's, so kube need not load the system's roots.
    config.root_cert = Some(Vec::new());
    config.connect_timeout = Some(timeouts.connect);
    config.read_timeout = Some(timeouts.idle);
    config.write_timeout = Some(timeouts.idle);
    // Only plugin-support's `retry` retries.
    config.default_retry = false;
    config.headers = vec![
        (ACCEPT, HeaderValue::from_static("application/json")),
        (
            USER_AGENT,
            HeaderValue::from_static(concat!("virtual-host-gatherer/", env!("CARGO_PKG_VERSION"))),
        ),
    ];
    config
}

/// The server with an explicit port for http: without one, a proxy would be asked for port 443.
fn with_port(server: &Uri) -> Uri {
    let missing = server.port().is_none() && server.scheme() == Some(&Scheme::HTTP);
    let Some(host) = server.host().filter(|_| missing) else { return server.clone() };
    let mut parts = Parts::default();
    parts.scheme = Some(Scheme::HTTP);
    parts.authority = format!("{host}:80").parse().ok();
    let path = server.path_and_query().cloned();
    parts.path_and_query = Some(path.unwrap_or_else(|| PathAndQuery::from_static("/")));
    Uri::from_parts(parts).unwrap_or_else(|_| server.clone())
}

fn address(server: &Uri) -> String {
    let scheme = server.scheme_str().unwrap_or_default();
    let host = server.host().unwrap_or_default();
    let port = match (server.port_u16(), scheme) {
        (Some(port), _) => port,
        (None, "http") => 80,
        (None, _) => 443,
    };
    format!("{scheme}://{host}:{port}{}", server.path().trim_end_matches('/'))
}

/// Builds the kube client from its layers.
struct ClientBuilder {
    config: kube::Config,
    auth: Option<AuthLayer>,
    tls: ClientConfig,
    sent: Arc<AtomicBool>,
    context: Context,
}

impl ClientBuilder {
    fn build_through(self, proxy: Option<&Proxy>) -> Result<kube::Client, GatherError> {
        let mut connector = HttpConnector::new();
        connector.enforce_http(false);
        connector.set_nodelay(true);
        match proxy {
            None => self.build(connector),
            Some(Proxy::Socks { uri, credentials, .. }) => {
                let socks = SocksV5::new(uri.clone(), connector);
                self.build(match credentials.clone() {
                    Some((user, password)) => socks.with_auth(user, password),
                    None => socks,
                })
            }
            Some(Proxy::Tunnel { uri, authorization, secure: false, .. }) => {
                self.build(tunnel(uri, authorization.as_ref(), connector))
            }
            Some(Proxy::Tunnel { uri, authorization, secure: true, .. }) => {
                // A proxy is not part of the cluster: it is verified with the system's roots, and it
                // does not get the client certificate.
                let verifier = support::verifier(&self.context, &Trust::default())?;
                let settings = ClientConfig::builder()
                    .dangerous()
                    .with_custom_certificate_verifier(verifier)
                    .with_no_client_auth();
                let connector = HttpsConnectorBuilder::new()
                    .with_tls_config(settings)
                    .https_or_http()
                    .enable_http1()
                    .wrap_connector(connector);
                self.build(tunnel(uri, authorization.as_ref(), connector))
            }
        }
    }

    fn build<C>(self, connector: C) -> Result<kube::Client, GatherError>
    where
        C: Service<Uri> + Clone + Send + Sync + 'static,
        C::Response: Connected + hyper::rt::Read + hyper::rt::Write + Send + Unpin + 'static,
        C::Future: Send + 'static,
        C::Error: Into<BoxError>,
    {
        let mut connector = TimeoutConnector::new(self.with_tls(connector)?);
        connector.set_connect_timeout(self.config.connect_timeout);
        connector.set_read_timeout(self.config.read_timeout);
        connector.set_write_timeout(self.config.write_timeout);
        let http = hyper_util::client::legacy::Builder::new(TokioExecutor::new()).build(connector);
        let extra = self.config.extra_headers_layer().map_err(|_| {
            GatherError::configuration(
                "the kubeconfig's user: the impersonation fields cannot be sent in a header",
            )
        })?;
        let Self { config, auth, sent, context, .. } = self;
        let service = ServiceBuilder::new()
            .layer(config.base_uri_layer())
            .option_layer(auth)
            .layer(extra)
            .map_request(move |request: Request<kube::client::Body>| {
                report_credentials(&request, &context);
                sent.store(true, Ordering::SeqCst);
                request
            })
            .map_err(BoxError::from)
            .service(http);
        Ok(kube::Client::new(service, config.default_namespace))
    }

    fn with_tls<C>(&self, connector: C) -> Result<HttpsConnector<C>, GatherError> {
        let builder =
            HttpsConnectorBuilder::new().with_tls_config(self.tls.clone()).https_or_http();
        let builder = match &self.config.tls_server_name {
            Some(name) => {
                let name = name.clone().try_into().map_err(|_| {
                    GatherError::configuration(
                        "the kubeconfig's cluster: its tls-server-name is not a valid host name",
                    )
                })?;
                builder.with_server_name_resolver(FixedServerNameResolver::new(name))
            }
            None => builder,
        };
        Ok(builder.enable_http1().wrap_connector(connector))
    }
}

fn tunnel<C>(uri: &Uri, authorization: Option<&HeaderValue>, connector: C) -> Tunnel<C> {
    let tunnel = Tunnel::new(uri.clone(), connector);
    match authorization {
        Some(value) => tunnel.with_auth(value.clone()),
        None => tunnel,
    }
}

/// Reports the request's credentials as a secret to redact. Credentials from programs and identity
/// providers are not in the kubeconfig's list of secrets.
fn report_credentials(request: &Request<kube::client::Body>, context: &Context) {
    let text = request.headers().get(AUTHORIZATION).and_then(|value| value.to_str().ok());
    if let Some((_, credentials)) = text.and_then(|text| text.split_once(' ')) {
        context.secret(credentials);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn uri(text: &str) -> Uri {
        text.parse().expect("a URI")
    }

    #[test]
    fn shows_a_server_with_its_port_and_path() {
        for (server, shown) in [
            ("https://a", "https://a:443"),
            ("http://a/", "http://a:80"),
            ("https://[::1]:6443/k8s/clusters/c1/", "https://[::1]:6443/k8s/clusters/c1"),
        ] {
            assert_eq!(address(&uri(server)), shown);
        }
    }

    #[test]
    fn adds_the_default_port_of_http() {
        assert_eq!(with_port(&uri("http://a/b")), uri("http://a:80/b"));
        assert_eq!(with_port(&uri("http://a:81")), uri("http://a:81"));
        assert_eq!(with_port(&uri("https://a")), uri("https://a"));
    }
}
