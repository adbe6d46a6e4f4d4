//! Reads a cluster's entry: the API server's URL and how its certificate is verified.

use gatherer_plugin_api::{GatherError, Secret};
use http::Uri;
use rustls::pki_types::ServerName;

use super::config_node::ConfigNode;
use super::files::Files;
use super::pem;
use super::url_secrets::add_url_secrets;

/// The contents of a cluster's entry.
pub struct Cluster {
    pub server: Uri,
    /// False if the server's URL has no scheme. kubectl then uses http and sends no credentials.
    pub gets_credentials: bool,
    pub ca: Option<Vec<u8>>,
    pub insecure: bool,
    pub tls_server_name: Option<ServerName<'static>>,
    pub proxy_url: Option<Secret<String>>,
    pub warnings: Vec<String>,
}

/// Reads a cluster's entry.
pub fn read(
    node: &ConfigNode<'_>,
    files: &Files,
    secrets: &mut Vec<Secret<String>>,
) -> Result<Cluster, GatherError> {
    let server = node.text("server")?.ok_or_else(|| node.error("server", "is missing"))?;
    let insecure = node.flag("insecure-skip-tls-verify")?;
    let mut warnings = Vec::new();
    let ca = authority(node, files, &mut warnings)?;
    let gets_credentials = server.contains("://");
    let server = parse_server(server).map_err(|why| node.error("server", why))?;
    if insecure && ca.is_some() {
        return Err(node
            .error("insecure-skip-tls-verify", "must not be true if a certificate authority is set")
            .with_hint("remove one of them: the first disables verification, the other needs it"));
    }
    let tls_server_name = node
        .text("tls-server-name")?
        .map(|name| ServerName::try_from(name.to_owned()))
        .transpose()
        .map_err(|_| node.error("tls-server-name", "is not a valid host name or IP address"))?;
    let proxy_url = node.text("proxy-url")?;
    if let Some(url) = proxy_url {
        add_url_secrets(url, secrets);
    }
    if server.scheme_str() == Some("http") {
        let consequence = if gets_credentials { "" } else { ", and no credentials are sent" };
        warnings.push(format!(
            "the server's URL is http: the connection is not encrypted{consequence}"
        ));
    } else if insecure {
        warnings.push("the server's certificate is not verified (insecure-skip-tls-verify)".into());
    }
    Ok(Cluster {
        server,
        gets_credentials,
        ca,
        insecure,
        tls_server_name,
        proxy_url: proxy_url.map(|url| Secret::new(url.to_owned())),
        warnings,
    })
}

/// The cluster's certificate authorities as PEM.
fn authority(
    node: &ConfigNode<'_>,
    files: &Files,
    warnings: &mut Vec<String>,
) -> Result<Option<Vec<u8>>, GatherError> {
    let Some((field, bytes)) = node.data_or_file("certificate-authority", files)? else {
        return Ok(None);
    };
    let authorities = pem::authorities(&bytes).map_err(|why| node.error(&field, why))?;
    if authorities.are_incomplete {
        warnings.push(format!("a certificate in {field} cannot be read and is ignored"));
    }
    Ok(Some(authorities.pem))
}

/// Parses the server's URL. As with kubectl, the scheme is http if there is none, and the query is ignored. The
/// error does not quote the URL, because it may contain a password.
pub fn parse_server(text: &str) -> Result<Uri, &'static str> {
    let with_scheme;
    let text = if text.contains("://") {
        text
    } else {
        with_scheme = format!("http://{text}");
        &with_scheme
    };
    let (_, rest) = text.split_once("://").unwrap_or_default();
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    if authority.contains('@') {
        return Err("must not contain a user name or password; they belong under users");
    }
    let uri = Uri::try_from(text).map_err(|_| "is not a valid URL")?;
    match uri.scheme_str() {
        Some("http" | "https") => {}
        _ => return Err("must be an https or http URL"),
    }
    let authority = uri.authority().ok_or("has no host")?;
    if authority.host().is_empty() {
        return Err("has no host");
    }
    // `Uri` accepts any digits as a port.
    let port = authority.as_str().strip_prefix(authority.host()).unwrap_or_default();
    if !port.is_empty() && authority.port_u16().is_none_or(|number| number == 0) {
        return Err("must have a port between 1 and 65535");
    }
    if text.contains('#') {
        return Err("must not contain a fragment");
    }
    let mut parts = uri.into_parts();
    parts.path_and_query = parts.path_and_query.and_then(|path| path.path().parse().ok());
    Uri::from_parts(parts).map_err(|_| "is not a valid URL")
}
