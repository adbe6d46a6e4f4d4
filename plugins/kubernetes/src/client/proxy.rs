//! Choosing the proxy for a cluster: the kubeconfig's own, or else the request's proxy for the
//! cluster's host. The environment is never read.

use gatherer_plugin_api::{Context, GatherError};
use gatherer_plugin_support::http::{self as support, ProxyServer};
use http::{HeaderValue, Uri};

use crate::kubeconfig::Access;

/// A proxy, as the connector needs it. `display` is its URL for messages, without credentials.
pub(super) enum Proxy {
    /// An HTTP proxy, used with CONNECT. `secure`: the connection to the proxy itself uses TLS.
    Tunnel { uri: Uri, authorization: Option<HeaderValue>, secure: bool, display: String },
    /// A SOCKS 5 proxy, which also resolves host names.
    Socks { uri: Uri, credentials: Option<(String, String)>, display: String },
}

impl Proxy {
    /// The proxy's URL for messages, without user name and password.
    pub fn display(&self) -> &str {
        match self {
            Self::Tunnel { display, .. } | Self::Socks { display, .. } => display,
        }
    }
}

/// The proxy for the cluster; `None` for a direct connection.
pub(super) fn choose(access: &Access, context: &Context) -> Result<Option<Proxy>, GatherError> {
    if let Some(text) = &access.proxy_url {
        let text = text.expose().trim();
        if text.is_empty() {
            return Ok(None);
        }
        let cluster = &access.cluster;
        return parse_proxy_url(text).map(Some).map_err(|why| {
            let message = format!("the kubeconfig's cluster {cluster:?}: its proxy-url {why}");
            GatherError::configuration(message)
                .with_hint("write it as http://proxy.example.com:3128, or with https or socks5")
        });
    }
    let server =
        access.server.to_string().parse().map_err(|_| {
            GatherError::configuration("the kubeconfig's server is not a valid URL")
        })?;
    let proxy = support::proxy_for(&context.options().proxy, &server)?;
    proxy.map(|proxy| tunnel(&proxy).map_err(invalid_settings)).transpose()
}

fn invalid_settings(why: &str) -> GatherError {
    GatherError::configuration(format!("the proxy's URL {why}"))
        .with_hint("write it as http://proxy.example.com:3128")
}

/// Parses a kubeconfig's `proxy-url`. The error is the predicate of a sentence about the URL, and
/// does not quote it.
fn parse_proxy_url(text: &str) -> Result<Proxy, &'static str> {
    let scheme = text.split_once("://").map_or("", |(scheme, _)| scheme).to_ascii_lowercase();
    match scheme.as_str() {
        "http" | "https" => {
            let server = support::proxy_server(text).map_err(|_| "cannot be read")?;
            tunnel(&server)
        }
        "socks5" | "socks5h" => socks(text),
        "" => Err("has no scheme"),
        _ => Err("has a scheme that is not supported"),
    }
}

fn tunnel(server: &ProxyServer) -> Result<Proxy, &'static str> {
    let uri = server.url.as_str().parse().map_err(|_| "cannot be read")?;
    Ok(Proxy::Tunnel {
        uri,
        authorization: server.authorization.clone(),
        secure: server.url.scheme() == "https",
        display: server.display(),
    })
}

fn socks(text: &str) -> Result<Proxy, &'static str> {
    let url = support::parse_url(text).map_err(|_| "cannot be read")?;
    let host = url.host_str().filter(|host| !host.is_empty()).ok_or("has no host")?;
    let port = url.port().unwrap_or(1080);
    let decoded = |part: &str| {
        percent_encoding::percent_decode_str(part).decode_utf8().map(String::from).ok()
    };
    let credentials = match (url.username(), url.password()) {
        ("", None) => None,
        (user, password) => {
            let user = decoded(user).filter(|text| text.len() <= 255);
            let password = decoded(password.unwrap_or_default()).filter(|text| text.len() <= 255);
            Some(user.zip(password).ok_or("has an unusable user name or password")?)
        }
    };
    // The connector accepts a URI of any scheme, and uses only its host and port.
    let uri = format!("http://{host}:{port}/").parse().map_err(|_| "cannot be read")?;
    Ok(Proxy::Socks { uri, credentials, display: format!("socks5://{host}:{port}") })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn displayed(text: &str) -> Result<String, &'static str> {
        parse_proxy_url(text).map(|proxy| proxy.display().to_owned())
    }

    #[test]
    fn displays_proxies_without_credentials() {
        assert_eq!(displayed("http://u:hunter2@p:3128"), Ok("http://p:3128".to_owned()));
        assert_eq!(displayed("https://p"), Ok("https://p".to_owned()));
        assert_eq!(displayed("socks5://u:hunter2@p:99"), Ok("socks5://p:99".to_owned()));
        assert_eq!(displayed("SOCKS5H://[::1]"), Ok("socks5://[::1]:1080".to_owned()));
    }

    #[test]
    fn decodes_the_credentials_of_a_socks_proxy() {
        let Ok(Proxy::Socks { credentials, .. }) = parse_proxy_url("socks5://us%40er:p%3Ass@p")
        else {
            panic!("expected a SOCKS proxy")
        };
        assert_eq!(credentials, Some(("us@er".to_owned(), "p:ss".to_owned())));
    }

    #[test]
    fn errors_do_not_quote_the_url() {
        for text in [
            "socks4://hunter2@p",
            "p:hunter2",
            "ftp://hunter2",
            "http://u:hunter2@",
            "socks5://",
            "socks5://u:%ff@p",
        ] {
            let why = displayed(text).expect_err("not a valid proxy");
            assert!(!why.contains("hunter2"), "{why}");
        }
    }
}
