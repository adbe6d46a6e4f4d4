//! Which proxy the cluster is asked through: the kubeconfig's own, else what the request says for
//! the cluster's host. The environment is never looked at.

use gatherer_plugin_api::{Context, GatherError};
use gatherer_plugin_support::http::{self as support, ProxyServer};
use http::{HeaderValue, Uri};

use crate::kubeconfig::Access;

/// A proxy, as connections need it.
pub(super) enum Proxy {
    /// Opens tunnels (CONNECT).
    Tunnel { uri: Uri, authorization: Option<HeaderValue>, secure: bool, shown: String },
    /// SOCKS 5; names are resolved at the proxy.
    Socks { uri: Uri, credentials: Option<(String, String)>, shown: String },
}

impl Proxy {
    /// For messages: never its user or password.
    pub fn display(&self) -> &str {
        match self {
            Self::Tunnel { shown, .. } | Self::Socks { shown, .. } => shown,
        }
    }
}

/// The proxy for the cluster, if there is one.
pub(super) fn choose(access: &Access, context: &Context) -> Result<Option<Proxy>, GatherError> {
    if let Some(text) = &access.proxy_url {
        let text = text.expose().trim();
        if text.is_empty() {
            return Ok(None);
        }
        let cluster = &access.cluster;
        return of_kubeconfig(text).map(Some).map_err(|why| {
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
    proxy.map(|proxy| tunnel(&proxy).map_err(wrong_settings)).transpose()
}

fn wrong_settings(why: &str) -> GatherError {
    GatherError::configuration(format!("the proxy's URL {why}"))
        .with_hint("write it as http://proxy.example.com:3128")
}

/// The error goes on a sentence, and quotes nothing.
fn of_kubeconfig(text: &str) -> Result<Proxy, &'static str> {
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
        shown: server.display(),
    })
}

fn socks(text: &str) -> Result<Proxy, &'static str> {
    let url = support::parse_url(text).map_err(|_| "cannot be read")?;
    let host = url.host_str().filter(|host| !host.is_empty()).ok_or("names no host")?;
    let port = url.port().unwrap_or(1080);
    let decoded = |part: &str| {
        percent_encoding::percent_decode_str(part).decode_utf8().map(String::from).ok()
    };
    let credentials = match (url.username(), url.password()) {
        ("", None) => None,
        (user, password) => {
            let user = decoded(user).filter(|text| text.len() <= 255);
            let password = decoded(password.unwrap_or_default()).filter(|text| text.len() <= 255);
            Some(user.zip(password).ok_or("holds an unusable user or password")?)
        }
    };
    // The connector below takes the port from a URI of any scheme.
    let uri = format!("http://{host}:{port}/").parse().map_err(|_| "cannot be read")?;
    Ok(Proxy::Socks { uri, credentials, shown: format!("socks5://{host}:{port}") })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<String, &'static str> {
        of_kubeconfig(text).map(|proxy| proxy.display().to_owned())
    }

    #[test]
    fn http_https_and_socks_are_read_and_shown_without_credentials() {
        assert_eq!(read("http://u:hunter2@p:3128"), Ok("http://p:3128".to_owned()));
        assert_eq!(read("https://p"), Ok("https://p".to_owned()));
        assert_eq!(read("socks5://u:hunter2@p:99"), Ok("socks5://p:99".to_owned()));
        assert_eq!(read("SOCKS5H://[::1]"), Ok("socks5://[::1]:1080".to_owned()));
    }

    #[test]
    fn credentials_of_a_socks_proxy_are_decoded() {
        let Ok(Proxy::Socks { credentials, .. }) = of_kubeconfig("socks5://us%40er:p%3Ass@p")
        else {
            panic!("it is one")
        };
        assert_eq!(credentials, Some(("us@er".to_owned(), "p:ss".to_owned())));
    }

    #[test]
    fn what_is_no_proxy_is_said_without_being_quoted() {
        for text in [
            "socks4://hunter2@p",
            "p:hunter2",
            "ftp://hunter2",
            "http://u:hunter2@",
            "socks5://",
            "socks5://u:%ff@p",
        ] {
            let why = read(text).expect_err("wrong");
            assert!(!why.contains("hunter2"), "{why}");
        }
    }
}
