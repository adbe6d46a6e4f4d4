//! The cluster: where it is, and how it proves to be the right one.

use gatherer_plugin_api::{GatherError, Secret};
use http::Uri;
use rustls::pki_types::ServerName;

use super::files::Files;
use super::view::Node;
use super::{add_url_secrets, pem};

/// What a cluster's entry says.
pub struct Cluster {
    pub server: Uri,
    pub ca: Option<Vec<u8>>,
    pub insecure: bool,
    pub tls_server_name: Option<String>,
    pub proxy_url: Option<Secret<String>>,
    pub warnings: Vec<String>,
}

/// Reads a cluster's entry.
pub fn read(
    node: &Node<'_>,
    files: &Files,
    secrets: &mut Vec<Secret<String>>,
) -> Result<Cluster, GatherError> {
    let server = node
        .text("server")?
        .ok_or_else(|| node.error("server", "is missing: the cluster has no address"))?;
    let server = server_of(server).map_err(|what| node.error("server", what))?;
    let insecure = node.flag("insecure-skip-tls-verify")?;
    let ca = authority(node, files)?;
    if insecure && ca.is_some() {
        return Err(node
            .error("insecure-skip-tls-verify", "is true beside a certificate authority")
            .with_hint("leave one of them out: the first asks for no check, the other for one"));
    }
    let tls_server_name = node.text("tls-server-name")?;
    if tls_server_name.is_some_and(|name| ServerName::try_from(name).is_err()) {
        return Err(node.error("tls-server-name", "is neither a host name nor an address"));
    }
    let proxy_url = node.text("proxy-url")?;
    if let Some(url) = proxy_url {
        add_url_secrets(url, secrets);
    }
    let mut warnings = Vec::new();
    if server.scheme_str() == Some("http") {
        warnings.push("the server is asked over http: what is said can be read on the way".into());
    } else if insecure {
        warnings.push("the server's certificate is not verified (insecure-skip-tls-verify)".into());
    }
    Ok(Cluster {
        server,
        ca,
        insecure,
        tls_server_name: tls_server_name.map(str::to_owned),
        proxy_url: proxy_url.map(|url| Secret::new(url.to_owned())),
        warnings,
    })
}

fn authority(node: &Node<'_>, files: &Files) -> Result<Option<Vec<u8>>, GatherError> {
    let Some((field, bytes)) = node.data_or_file("certificate-authority", files)? else {
        return Ok(None);
    };
    let certificates = pem::authorities(&bytes).map_err(|what| node.error(&field, what))?;
    Ok(Some(pem::write_certificates(&certificates).into_bytes()))
}

/// An address that can be asked. What is wrong is said without quoting it, since it may hold a
/// password.
fn server_of(text: &str) -> Result<Uri, &'static str> {
    let Some((_, rest)) = text.split_once("://") else {
        return Err("is not a URL: it must begin with https://");
    };
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    if authority.contains('@') {
        return Err("holds a user or a password; a kubeconfig has them under users");
    }
    let uri = Uri::try_from(text).map_err(|_| "is not a URL")?;
    match uri.scheme_str() {
        Some("http" | "https") => {}
        _ => return Err("is neither an https nor an http URL"),
    }
    let authority = uri.authority().ok_or("names no host")?;
    if authority.host().is_empty() {
        return Err("names no host");
    }
    // The parser takes any digits for a port.
    let port = authority.as_str().strip_prefix(authority.host()).unwrap_or_default();
    if !port.is_empty() && authority.port_u16().is_none_or(|number| number == 0) {
        return Err("has a port that is not between 1 and 65535");
    }
    if uri.query().is_some() || text.contains('#') {
        return Err("holds a query or a fragment, which an API server's address has not");
    }
    Ok(uri)
}
