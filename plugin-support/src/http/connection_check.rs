//! The steps of a check before the login: the name, the port, and TLS with the certificates.

use std::io;
use std::net::IpAddr;
use std::sync::Arc;

use gatherer_plugin_api::{CheckStep, Context, GatherError};
use http::Uri;
use tower::BoxError;
use url::Url;

use super::connector::{Connector, ProxyError, ServerCertificate, host};
use super::credential::UsedCredential;
use super::error::Exchange;
use super::transport::{Shared, Transport};
use super::{CertificateHints, Client};

/// The names of the steps that [`Client::check_connection`] makes for this URL, for the plan of a check.
pub fn connection_steps(url: &Url) -> Vec<&'static str> {
    if url.scheme() == "https" { vec!["name", "port", "tls"] } else { vec!["name", "port"] }
}

impl Client {
    /// Makes the steps `name`, `port` and, for https, `tls` of a check: resolves the name, connects, and verifies the
    /// server's certificate, with the same proxies, certificates and errors as requests have. A client certificate is a
    /// step of its own. Sends no request.
    ///
    /// # Errors
    ///
    /// The error of the step that failed. Return it from `check`: it fails the next step of the plan.
    pub async fn check_connection(&self, url: &Url) -> Result<(), GatherError> {
        self.inner.transport.check_connection(url, self.inner.certificate_hints).await
    }
}

impl Transport {
    /// Makes the same steps as [`Client::check_connection`].
    pub async fn check_connection(
        &self,
        url: &Url,
        certificate_hints: CertificateHints,
    ) -> Result<(), GatherError> {
        let origin = url.origin().ascii_serialization();
        let exchange = self.exchange(origin, url, certificate_hints)?;
        self.check_connection_with(url, &exchange).await
    }

    /// Makes the same steps, with the error context of the module.
    pub async fn check_connection_with(
        &self,
        url: &Url,
        exchange: &Exchange,
    ) -> Result<(), GatherError> {
        let destination: Uri = url.as_str().parse().map_err(|error| exchange.failure(&error))?;
        let secure = url.scheme() == "https";
        let check = ConnectionCheck {
            connector: Connector::new(Arc::clone(self.shared())),
            shared: self.shared(),
            exchange,
            destination,
            secure,
        };
        check.run().await
    }
}

/// The check of one connection.
struct ConnectionCheck<'a> {
    connector: Connector,
    shared: &'a Shared,
    exchange: &'a Exchange,
    destination: Uri,
    secure: bool,
}

impl ConnectionCheck<'_> {
    async fn run(self) -> Result<(), GatherError> {
        let context = &self.shared.context;
        context.check_step(CheckStep::ok("name", self.resolve().await?));

        let opening = self.connector.open(&self.destination, self.secure);
        let stream = self.in_time(opening).await?;
        context.check_step(CheckStep::ok("port", self.port_text(&stream.address)));
        if !self.secure {
            return Ok(());
        }

        let tls = self.shared.service_tls().await?;
        let encrypting = self.connector.encrypt_service(tls, &self.destination, stream);
        let stream = self.in_time(encrypting).await?;
        if let Some(certificate) = &stream.certificate {
            context.check_step(self.tls_step(certificate, context));
        }
        if let Some(used) = self.exchange.client_certificate() {
            let message = format!("{} is sent if the server requests one", used.name);
            context.check_step(used.accepted_step("client certificate", &message, context));
        }
        Ok(())
    }

    /// Resolves the name of the server, or of the proxy that resolves it.
    async fn resolve(&self) -> Result<String, GatherError> {
        let proxy = self.shared.proxy_for(&self.destination);
        let proxy = proxy.map_err(|error| self.exchange.connect_failure(&*error))?;
        let uri = proxy.as_ref().map_or(&self.destination, |proxy| &proxy.uri);
        let name = host(uri);
        let (subject, end) = match &proxy {
            Some(_) => (format!("the proxy {name}"), "; the proxy resolves the name of the server"),
            None => (name.to_owned(), ""),
        };
        if name.parse::<IpAddr>().is_ok() {
            return Ok(format!("{subject} is an address{end}"));
        }
        let lookup = async {
            let found = tokio::net::lookup_host((name, 0)).await.map_err(|error| -> BoxError {
                match &proxy {
                    Some(_) => ProxyError::before(error).into(),
                    None => error.into(),
                }
            })?;
            let mut addresses: Vec<String> =
                found.map(|address| address.ip().to_string()).collect();
            addresses.sort();
            addresses.dedup();
            Ok(addresses)
        };
        let addresses = self.in_time(lookup).await?;
        Ok(format!("{subject} is {}{end}", addresses.join(", ")))
    }

    fn port_text(&self, address: &str) -> String {
        let Some(proxy) = &self.exchange.proxy else {
            return format!("{address} accepts connections");
        };
        let server = self.destination.authority().map_or("", |authority| authority.as_str());
        if self.secure {
            format!("the proxy {proxy} ({address}) is connected to {server}")
        } else {
            format!("the proxy {proxy} ({address}) accepts connections")
        }
    }

    fn tls_step(&self, certificate: &ServerCertificate, context: &Context) -> CheckStep {
        let insecure = context.options().insecure || self.shared.tls.insecure;
        let ServerCertificate { protocol, subject, issuer, expiry } = certificate;
        let verified = if insecure { "not verified" } else { "verified" };
        let message =
            format!("{protocol}, {verified}: the certificate of {subject}, issued by {issuer}");
        let name = format!("the certificate of {}", host(&self.destination));
        let step = UsedCredential { name, expiry: *expiry }.accepted_step("tls", &message, context);
        if insecure {
            let hint =
                "verify certificates: an attacker in the network can read and change the traffic";
            return CheckStep::warning("tls", step.message, hint);
        }
        step
    }

    /// Waits at most as long as a request waits for a connection.
    async fn in_time<T>(
        &self,
        step: impl Future<Output = Result<T, BoxError>>,
    ) -> Result<T, GatherError> {
        let limit = self.shared.timeouts.connect;
        let result = match tokio::time::timeout(limit, step).await {
            Ok(result) => result,
            Err(_) => Err(io::Error::from(io::ErrorKind::TimedOut).into()),
        };
        result.map_err(|error| self.exchange.connect_failure(&*error))
    }
}
