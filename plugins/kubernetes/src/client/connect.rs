//! From what a kubeconfig says to a client of kube that can send requests.
//!
//! The layers are kube's; they are put together here instead of by `Client::try_from`, because
//! kube would verify a proxy's certificate against the cluster's authority, leave out a SOCKS
//! proxy's password, log each failure as an error of its own, and keep the server's certificate to
//! itself.

use std::cell::Cell;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use gatherer_plugin_api::{Context, GatherError};
use gatherer_plugin_support::http::{self as support, Advice, Limits, Place, Trust};
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

use super::certificate::{Keeping, Shown};
use super::credentials::{self, Credentials, Source};
use super::exec::Program;
use super::oidc::Identity;
use super::proxy::{self, Proxy};
use crate::kubeconfig::Access;

/// What requests are sent with.
pub(super) struct Connection<'a> {
    pub client: kube::Client,
    pub access: &'a Access,
    pub context: &'a Context,
    pub source: Source,
    identity: Option<Arc<Identity>>,
    program: Option<Program>,
    /// The room of a page that was read, used again for another one.
    pub buffer: Cell<Vec<u8>>,
    /// Set once the request under way has its credentials.
    sent: Arc<AtomicBool>,
    limits: Limits,
    secure: bool,
    proxy: Option<String>,
    shown: Shown,
    /// The server as messages name it, without a slash at its end.
    address: String,
}

impl<'a> Connection<'a> {
    /// Gets everything ready, and the credentials too, where a program has to be asked for them.
    /// Nothing is sent yet.
    pub async fn new(access: &'a Access, context: &'a Context) -> Result<Self, GatherError> {
        // rustls needs one for the process; whoever was first may have chosen the same.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let secure = access.server.scheme() == Some(&Scheme::HTTPS);
        let proxy = proxy::choose(access, context)?;
        let mut limits = Limits::default();
        if let Some(remaining) = run::operation_remaining(context) {
            // A little less, so that the error can say that not even a connection came about.
            limits.connect = limits.connect.min(remaining.mul_f64(0.9));
        }
        let config = config(access, limits);
        let source = Source::of(access);
        let Credentials { auth, mut tls, program } =
            credentials::load(config.clone(), &source, context).await?;
        let shown = Shown::default();
        if secure {
            // A kubeconfig that says so has its own warning.
            if context.options().insecure && !access.insecure {
                support::warn_insecure(context)?;
            }
            let trust = Trust { only: access.ca.as_deref(), insecure: access.insecure };
            let verifier = support::verifier(context, &trust)?;
            let verifier = Keeping { verifier, shown: shown.clone() };
            tls.dangerous().set_certificate_verifier(Arc::new(verifier));
        }
        let sent = Arc::new(AtomicBool::new(false));
        let stack = Stack { config, auth, tls, sent: Arc::clone(&sent), context: context.clone() };
        let client = stack.client_through(proxy.as_ref())?;
        let proxy = proxy.map(|proxy| proxy.display().to_owned());
        let address = address(&access.server);
        let identity = access.oidc.as_ref().map(|oidc| Identity::new(oidc, context));
        let buffer = Cell::default();
        Ok(Self {
            client,
            access,
            context,
            source,
            identity,
            program,
            buffer,
            sent,
            limits,
            secure,
            proxy,
            shown,
            address,
        })
    }

    /// What the next request is let in by, where that may be another thing each time.
    pub async fn authorization(&self) -> Result<Option<HeaderValue>, GatherError> {
        if let Some(identity) = &self.identity {
            return identity.authorization().await.map(Some);
        }
        if let Some(program) = &self.program {
            return program.authorization().await;
        }
        let file = self.access.token_file.as_ref();
        file.map(|file| super::bearer(&file.read()?)).transpose()
    }

    /// The request for a page in messages.
    pub fn what(&self, path: &str, page: usize) -> String {
        let page = if page > 1 { format!(", page {page}") } else { String::new() };
        format!("GET {}{path}{page}", self.address)
    }

    /// The place of the request for a page, which goes out now.
    pub fn place(&self, path: &str, page: usize) -> Place {
        self.sent.store(false, Ordering::SeqCst);
        let mut place = Place::new(self.what(path, page), self.secure, self.limits);
        place.proxy.clone_from(&self.proxy);
        place.advice = Advice {
            untrusted: "give the kubeconfig's cluster the authority's certificate \
                        (certificate-authority-data)",
            other_name: "use a name of the certificate in the kubeconfig's server, or name one in \
                         tls-server-name",
        };
        place
    }

    /// Whether the last request had its credentials, so that what failed was the server's answer.
    pub fn has_credentials(&self) -> bool {
        self.sent.load(Ordering::SeqCst)
    }

    /// Whom the server's certificate was issued to.
    pub fn subject(&self) -> Option<String> {
        self.shown.subject()
    }
}

/// kube's own settings, as we want them.
fn config(access: &Access, limits: Limits) -> kube::Config {
    let mut config = kube::Config::new(with_port(&access.server));
    config.auth_info = access.auth.clone();
    config.tls_server_name.clone_from(&access.tls_server_name);
    // Verification is handed over to a verifier of ours: no need to load the system's roots.
    config.root_cert = Some(Vec::new());
    config.connect_timeout = Some(limits.connect);
    config.read_timeout = Some(limits.idle);
    config.write_timeout = Some(limits.idle);
    // Retrying has one owner.
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

/// The server with its port: proxies would be asked for 443 without one, whatever the scheme.
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

/// What a client is put together from.
struct Stack {
    config: kube::Config,
    auth: Option<AuthLayer>,
    tls: ClientConfig,
    sent: Arc<AtomicBool>,
    context: Context,
}

impl Stack {
    fn client_through(self, proxy: Option<&Proxy>) -> Result<kube::Client, GatherError> {
        let mut connector = HttpConnector::new();
        connector.enforce_http(false);
        connector.set_nodelay(true);
        match proxy {
            None => self.client(connector),
            Some(Proxy::Socks { uri, credentials, .. }) => {
                let socks = SocksV5::new(uri.clone(), connector);
                self.client(match credentials.clone() {
                    Some((user, password)) => socks.with_auth(user, password),
                    None => socks,
                })
            }
            Some(Proxy::Tunnel { uri, authorization, secure: false, .. }) => {
                self.client(tunnel(uri, authorization.as_ref(), connector))
            }
            Some(Proxy::Tunnel { uri, authorization, secure: true, .. }) => {
                // A proxy is no part of the cluster: the system vouches for it, and it is shown no
                // client certificate.
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
                self.client(tunnel(uri, authorization.as_ref(), connector))
            }
        }
    }

    fn client<C>(self, connector: C) -> Result<kube::Client, GatherError>
    where
        C: Service<Uri> + Clone + Send + Sync + 'static,
        C::Response: Connected + hyper::rt::Read + hyper::rt::Write + Send + Unpin + 'static,
        C::Future: Send + 'static,
        C::Error: Into<BoxError>,
    {
        let mut connector = TimeoutConnector::new(self.secured(connector)?);
        connector.set_connect_timeout(self.config.connect_timeout);
        connector.set_read_timeout(self.config.read_timeout);
        connector.set_write_timeout(self.config.write_timeout);
        let http = hyper_util::client::legacy::Builder::new(TokioExecutor::new()).build(connector);
        let extra = self.config.extra_headers_layer().map_err(|_| {
            GatherError::configuration(
                "the kubeconfig's user: what it impersonates cannot be sent in a header",
            )
        })?;
        let Self { config, auth, sent, context, .. } = self;
        let service = ServiceBuilder::new()
            .layer(config.base_uri_layer())
            .option_layer(auth)
            .layer(extra)
            .map_request(move |request: Request<kube::client::Body>| {
                tell_secret(&request, &context);
                sent.store(true, Ordering::SeqCst);
                request
            })
            .map_err(BoxError::from)
            .service(http);
        Ok(kube::Client::new(service, config.default_namespace))
    }

    fn secured<C>(&self, connector: C) -> Result<HttpsConnector<C>, GatherError> {
        let builder =
            HttpsConnectorBuilder::new().with_tls_config(self.tls.clone()).https_or_http();
        let builder = match &self.config.tls_server_name {
            Some(name) => {
                let name = name.clone().try_into().map_err(|_| {
                    GatherError::configuration(
                        "the kubeconfig's cluster: its tls-server-name is not a host's name",
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

/// What a program or an identity provider gave is known here only.
fn tell_secret(request: &Request<kube::client::Body>, context: &Context) {
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
    fn a_server_is_shown_with_its_port_and_path() {
        for (server, shown) in [
            ("https://a", "https://a:443"),
            ("http://a/", "http://a:80"),
            ("https://[::1]:6443/k8s/clusters/c1/", "https://[::1]:6443/k8s/clusters/c1"),
        ] {
            assert_eq!(address(&uri(server)), shown);
        }
    }

    #[test]
    fn http_without_a_port_gets_its_own() {
        assert_eq!(with_port(&uri("http://a/b")), uri("http://a:80/b"));
        assert_eq!(with_port(&uri("http://a:81")), uri("http://a:81"));
        assert_eq!(with_port(&uri("https://a")), uri("https://a"));
    }
}
