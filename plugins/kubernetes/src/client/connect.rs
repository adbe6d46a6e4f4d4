//! Connects a kube client to the API server that a kubeconfig names.
//!
//! kube's layers add the server's address and the credentials; the requests go over the transport that
//! all modules share.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use gatherer_plugin_api::{Context, GatherError, ProxySettings, Secret};
use gatherer_plugin_support::http::{
    CertificateHints, ClientCertificate, Exchange, ProxyServer, Timeouts, TlsSettings, Transport,
    TransportSettings, Url, UsedCredential, explain_unauthorized, jwt_expiry, parse_url,
    shown_credentials,
};
use http::header::{ACCEPT, AUTHORIZATION, HeaderValue, USER_AGENT};
use http::{Request, Uri};
use kube::client::ConfigExt as _;
use secrecy::ExposeSecret as _;
use tower::{BoxError, ServiceBuilder};

use super::credential_program::CredentialProgram;
use super::credential_source::{CredentialSource, bearer};
use super::credentials::{self, ClientCredentials};
use super::token_renewal::IdTokenSource;
use crate::kubeconfig::{Access, TokenFile};

/// Hints about the server's certificate.
const CERTIFICATE_HINTS: CertificateHints = CertificateHints {
    untrusted: "add the authority's certificate to the kubeconfig's cluster \
                (certificate-authority-data)",
    other_name: "use a name from the certificate in the kubeconfig's server, or set it as \
                 tls-server-name",
};

/// Hints about the server's certificate for the service account of a pod.
const CERTIFICATE_HINTS_IN_POD: CertificateHints = CertificateHints {
    untrusted: "the pod's ca.crt must be that of its cluster: mount the ConfigMap kube-root-ca.crt",
    other_name: "the API server's certificate must have the address of the service kubernetes \
                 (KUBERNETES_SERVICE_HOST); or use a kubeconfig with tls-server-name",
};

/// The hint if the server refuses the token of a pod.
const UNAUTHORIZED_IN_POD: &str = "check that the pod's service account still exists, and that a projected token has \
                                   the audience of the API server";

/// The kube client of one API server, and the state that its requests share.
pub(super) struct Connection {
    pub client: kube::Client,
    pub context: Context,
    pub source: CredentialSource,
    id_tokens: Option<Arc<IdTokenSource>>,
    program: Option<CredentialProgram>,
    token_file: Option<TokenFile>,
    /// Whether the current request has got its credentials and is being sent.
    sent: Arc<AtomicBool>,
    /// The token or password of the last request.
    used_credential: Arc<Mutex<Option<UsedCredential>>>,
    /// The error context of a request, without the request's name.
    exchange: Exchange,
    /// The server's URL as messages show it, without a trailing slash.
    pub address: String,
}

impl Connection {
    /// Prepares the client, and runs the kubeconfig's credential program, if it has one. Sends
    /// nothing to the server yet.
    pub async fn new(access: &Access, context: &Context) -> Result<Self, GatherError> {
        let mut config = config(access);
        let source = CredentialSource::of(access);
        let credentials = credentials::load(&mut config, access, &source, context).await?;
        let ClientCredentials { auth, certificate, program } = credentials;
        let (owner, has_certificate) = (source.name(), certificate.is_some());
        let address = address(&access.server);
        let (transport, exchange) = transport(access, certificate, context)?;
        let token_text = match &source {
            CredentialSource::Program(_) => format!("the token of {}", source.name()),
            CredentialSource::Kubeconfig | CredentialSource::ServiceAccount => access.token_text(),
        };
        warn_of_expiry(access, &token_text, context)?;

        let extra = config.extra_headers_layer().map_err(|_| {
            GatherError::configuration(
                "the kubeconfig's user: the impersonation fields cannot be sent in a header",
            )
        })?;
        let sent = Arc::new(AtomicBool::new(false));
        let (is_sent, context_of_requests) = (Arc::clone(&sent), context.clone());
        let used_credential = Arc::new(Mutex::new(None));
        let used_by_request = Arc::clone(&used_credential);
        let service = ServiceBuilder::new()
            .layer(config.base_uri_layer())
            .option_layer(auth)
            .layer(extra)
            .map_request(move |request: Request<kube::client::Body>| {
                report_credentials(&request, &context_of_requests);
                let shown = if request.headers().contains_key(AUTHORIZATION) {
                    format!("{} of {owner}", shown_credentials(request.headers()))
                } else if has_certificate {
                    format!("the client certificate of {owner}")
                } else {
                    "no credentials of the kubeconfig".to_owned()
                };
                let (method, path) = (request.method(), request.uri().path());
                tracing::debug!("{method} {path}: sending with {shown}");
                let used = UsedCredential::of_headers(request.headers()).map(|used| {
                    let is_token = used.name == UsedCredential::TOKEN;
                    let name = if is_token { token_text.clone() } else { used.name };
                    UsedCredential { name, ..used }
                });
                *used_by_request.lock().unwrap_or_else(PoisonError::into_inner) = used;
                is_sent.store(true, Ordering::SeqCst);
                request
            })
            .map_err(BoxError::from)
            .service(transport);
        let client = kube::Client::new(service, config.default_namespace);
        let id_tokens = access.oidc.as_ref().map(|oidc| IdTokenSource::new(oidc, context));
        let (context, token_file) = (context.clone(), access.token_file.clone());
        Ok(Self {
            client,
            context,
            source,
            id_tokens,
            program,
            token_file,
            sent,
            used_credential,
            exchange,
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
        let file = self.token_file.as_ref();
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
        Exchange { request: self.request_text(path, page), ..self.exchange.clone() }
    }

    /// The error of a request that was answered with 401, with the credentials that it had.
    pub fn unauthorized(&self, error: GatherError) -> GatherError {
        let error = match self.source {
            CredentialSource::ServiceAccount => error.with_hint(UNAUTHORIZED_IN_POD),
            _ => error,
        };
        explain_unauthorized(error, &self.used_credentials())
    }

    /// The credentials of the last request, the token or password before the client certificate.
    pub fn used_credentials(&self) -> Vec<UsedCredential> {
        let used = self.used_credential.lock().unwrap_or_else(PoisonError::into_inner).clone();
        used.into_iter().chain(self.exchange.client_certificate()).collect()
    }

    /// Whether the last request got its credentials, so that a timeout was the server's and not the
    /// credential program's.
    pub fn has_credentials(&self) -> bool {
        self.sent.load(Ordering::SeqCst)
    }
}

/// The URL of the API server.
pub(super) fn server_url(access: &Access) -> Result<Url, GatherError> {
    parse_url(&address(&access.server))
        .map_err(|_| GatherError::configuration("the kubeconfig's server is not a valid URL"))
}

/// The transport of requests to the API server, and the error context of a request without its name.
fn transport(
    access: &Access,
    client_certificate: Option<ClientCertificate>,
    context: &Context,
) -> Result<(Transport, Exchange), GatherError> {
    let tls = TlsSettings {
        authorities: access.ca.clone(),
        insecure: access.insecure,
        client_certificate,
        server_name: access.tls_server_name.clone(),
    };
    let proxy = proxy_settings(access, context)?;
    let settings = TransportSettings { proxy, timeouts: Timeouts::default(), tls };
    let transport = Transport::new(context, settings);
    let url = server_url(access)?;
    let hints = if access.is_in_pod { CERTIFICATE_HINTS_IN_POD } else { CERTIFICATE_HINTS };
    let mut exchange = transport.exchange(String::new(), &url, hints)?;
    if access.proxy_url.is_some() {
        exchange.without_proxy = "remove proxy-url from the kubeconfig's cluster";
    }
    Ok((transport, exchange))
}

/// Makes the steps of a check before the login. Sends no request, and does not run the credential program.
pub(super) async fn check_connection(
    access: &Access,
    context: &Context,
) -> Result<(), GatherError> {
    let (transport, exchange) = transport(access, access.client_certificate.clone(), context)?;
    let exchange = Exchange { request: address(&access.server), ..exchange };
    transport.check_connection_with(&server_url(access)?, &exchange).await
}

/// Warns of a token that is not renewed and expires soon. The transport warns of a client certificate.
fn warn_of_expiry(access: &Access, name: &str, context: &Context) -> Result<(), GatherError> {
    let expiry = access.fixed_token().and_then(|token| jwt_expiry(token.expose_secret()));
    if let Some(expiry) = expiry {
        context.expiry(name, expiry);
    }
    let token = UsedCredential { name: name.to_owned(), expiry };
    match token.expiry_warning() {
        Some(warning) => context.warning(context.endpoint(), warning),
        None => Ok(()),
    }
}

/// The kubeconfig's own proxy, or else the request's proxy for the cluster's host. The environment is
/// never read.
fn proxy_settings(access: &Access, context: &Context) -> Result<ProxySettings, GatherError> {
    let Some(url) = &access.proxy_url else { return Ok(context.options().proxy.clone()) };
    let text = url.expose().trim();
    if text.is_empty() {
        return Ok(ProxySettings::default());
    }
    let valid = if text.contains("://") {
        ProxyServer::parse(text).map(drop)
    } else {
        Err("has no scheme")
    };
    valid.map_err(|why| {
        let cluster = &access.cluster;
        let message = format!("the kubeconfig's cluster {cluster:?}: its proxy-url {why}");
        GatherError::configuration(message)
            .with_hint("write it as http://proxy.example.com:3128, or with https or socks5")
    })?;
    Ok(ProxySettings { all: Some(Secret::new(text.to_owned())), ..ProxySettings::default() })
}

/// The configuration of the kube client.
fn config(access: &Access) -> kube::Config {
    let mut config = kube::Config::new(access.server.clone());
    config.auth_info = access.auth.clone();
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
}
