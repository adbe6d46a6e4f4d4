//! Parses the URLs of proxies, and chooses the proxy for a URL from the settings that the runner found.

use std::net::IpAddr;

use base64::Engine as _;
use gatherer_plugin_api::{GatherError, ProxySettings, Secret};
use http::Uri;
use http::header::HeaderValue;
use ipnet::IpNet;
use percent_encoding::percent_decode_str;
use url::{Host, Url};

use super::address::{basic_credentials, parse_url};

const UNUSABLE_CREDENTIALS: &str = "contains a user or password that cannot be used";

/// A proxy.
#[derive(Clone)]
pub struct ProxyServer {
    /// The proxy's URL for messages, without user and password.
    pub display: String,
    /// Scheme, host and port.
    pub(super) uri: Uri,
    pub(super) protocol: ProxyProtocol,
}

/// The protocol of a proxy, with the credentials in its form.
#[derive(Clone)]
pub(super) enum ProxyProtocol {
    /// HTTP: https URLs by CONNECT, http URLs by requests for absolute URLs. `secure`: the connection to the
    /// proxy itself uses TLS. `authorization` is the value of the `Proxy-Authorization` header.
    Http { secure: bool, authorization: Option<HeaderValue> },
    /// SOCKS 5. The proxy also resolves host names. The credentials are user and password.
    Socks { credentials: Option<(String, String)> },
}

/// The proxy for this URL; `None` for a direct connection.
pub fn proxy_for(settings: &ProxySettings, url: &Url) -> Result<Option<ProxyServer>, GatherError> {
    let Some(text) = configured(settings, url) else { return Ok(None) };
    if settings.no_proxy.as_deref().is_some_and(|list| is_exempt(list, url)) {
        return Ok(None);
    }
    let proxy = ProxyServer::parse(text).map_err(|why| {
        GatherError::configuration(format!("the proxy's URL {why}"))
            .with_hint("write it as http://proxy.example.com:3128, or with https or socks5")
    });
    proxy.map(Some)
}

/// The proxy that is configured for the URL's scheme.
fn configured<'a>(settings: &'a ProxySettings, url: &Url) -> Option<&'a str> {
    let own = if url.scheme() == "https" { &settings.https } else { &settings.http };
    let chosen = [own, &settings.all].into_iter().flatten().map(Secret::expose);
    chosen.map(|text| text.trim()).find(|text| !text.is_empty())
}

/// Why the connection for a URL is direct, for the log.
pub(super) fn why_direct(settings: &ProxySettings, url: &Url) -> &'static str {
    match configured(settings, url) {
        Some(_) => "no_proxy contains the host",
        None => "no proxy is set",
    }
}

impl ProxyServer {
    /// Parses the URL of a proxy: http, https or socks5. `http://` is assumed if there is no scheme. The
    /// error is the predicate of a sentence whose subject is the URL. It does not quote the URL, which may
    /// contain a password.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        let with_scheme =
            if text.contains("://") { text.to_owned() } else { format!("http://{text}") };
        let mut url = parse_url(&with_scheme)?;
        let (scheme, default_port, protocol) = match url.scheme() {
            "http" => ("http", "", ProxyProtocol::http(&mut url, false)?),
            "https" => ("https", "", ProxyProtocol::http(&mut url, true)?),
            "socks5" | "socks5h" => ("socks5", ":1080", ProxyProtocol::socks(&url)?),
            _ => return Err("has a scheme that is not supported"),
        };
        let host = url.host_str().filter(|host| !host.is_empty()).ok_or("has no host")?;
        let port = url.port().map_or_else(|| default_port.to_owned(), |port| format!(":{port}"));
        let display = format!("{scheme}://{host}{port}");
        let uri = display.parse().map_err(|_| "is not a valid URL")?;
        Ok(Self { display, uri, protocol })
    }
}

impl ProxyProtocol {
    fn http(url: &mut Url, secure: bool) -> Result<Self, &'static str> {
        let Some(credentials) = basic_credentials(url) else {
            return Ok(Self::Http { secure, authorization: None });
        };
        let encoded = base64::engine::general_purpose::STANDARD.encode(credentials);
        let mut value =
            HeaderValue::try_from(format!("Basic {encoded}")).map_err(|_| UNUSABLE_CREDENTIALS)?;
        value.set_sensitive(true);
        Ok(Self::Http { secure, authorization: Some(value) })
    }

    fn socks(url: &Url) -> Result<Self, &'static str> {
        if url.username().is_empty() && url.password().is_none() {
            return Ok(Self::Socks { credentials: None });
        }
        let decode = |text| {
            let text = percent_decode_str(text).decode_utf8().ok();
            // The protocol allows 255 bytes (RFC 1929).
            text.filter(|text| text.len() <= 255).ok_or(UNUSABLE_CREDENTIALS).map(String::from)
        };
        let credentials = (decode(url.username())?, decode(url.password().unwrap_or_default())?);
        Ok(Self::Socks { credentials: Some(credentials) })
    }
}

/// Whether a `no_proxy` list contains the host of this URL.
fn is_exempt(list: &str, url: &Url) -> bool {
    let Some(host) = url.host() else { return false };
    let port = url.port_or_known_default();
    list.split(|c: char| c == ',' || c.is_whitespace())
        .filter_map(NoProxyEntry::parse)
        .any(|entry| entry.matches(&host, port))
}

/// An entry of a `no_proxy` list. It applies to all ports if it has none.
struct NoProxyEntry {
    hosts: NoProxyHosts,
    port: Option<u16>,
}

enum NoProxyHosts {
    All,
    Network(IpNet),
    /// A domain and all of its subdomains, in lower case and ASCII, without leading or trailing dot.
    Domain(String),
}

impl NoProxyEntry {
    /// Returns `None` for an entry that is empty or invalid: it must not affect the other entries.
    fn parse(text: &str) -> Option<Self> {
        if let Some(network) = parse_network(text) {
            return Some(Self { hosts: NoProxyHosts::Network(network), port: None });
        }
        let (name, port) = match text.rsplit_once(':') {
            Some((name, port)) => (name, Some(port.parse().ok()?)),
            None => (text, None),
        };
        if name == "*" {
            return Some(Self { hosts: NoProxyHosts::All, port });
        }
        if let Some(network) = parse_network(name) {
            return Some(Self { hosts: NoProxyHosts::Network(network), port });
        }
        let name = name.strip_prefix('*').unwrap_or(name).trim_matches('.');
        // Parsed as the host of a URL is, so that `bücher.example` matches its `xn--` name.
        match Host::parse(name).ok()? {
            Host::Domain(name) => Some(Self { hosts: NoProxyHosts::Domain(name), port }),
            // For example `.0.0.1`, which is neither a network nor the end of a name.
            Host::Ipv4(_) | Host::Ipv6(_) => None,
        }
    }

    fn matches(&self, host: &Host<&str>, port: Option<u16>) -> bool {
        if self.port.is_some() && self.port != port {
            return false;
        }
        match (&self.hosts, host) {
            (NoProxyHosts::All, _) => true,
            (NoProxyHosts::Network(network), Host::Ipv4(ip)) => network.contains(&IpAddr::V4(*ip)),
            (NoProxyHosts::Network(network), Host::Ipv6(ip)) => {
                network.contains(&IpAddr::V6(*ip))
                    || ip.to_ipv4_mapped().is_some_and(|ip| network.contains(&IpAddr::V4(ip)))
            }
            (NoProxyHosts::Domain(domain), Host::Domain(name)) => {
                let name = name.trim_end_matches('.').to_ascii_lowercase();
                let rest = name.strip_suffix(domain.as_str());
                rest.is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
            }
            _ => false,
        }
    }
}

/// Parses an address or a range of addresses, with or without brackets.
fn parse_network(text: &str) -> Option<IpNet> {
    let (address, prefix) = match text.split_once('/') {
        Some((address, prefix)) => (address, Some(prefix)),
        None => (text, None),
    };
    let bare = match address.strip_prefix('[') {
        Some(rest) => rest.strip_suffix(']').or(prefix.map(|_| rest))?,
        None => address,
    };
    let address: IpAddr = bare.parse().ok()?;
    match prefix {
        Some(prefix) => IpNet::new(address, prefix.trim_end_matches(']').parse().ok()?).ok(),
        None => Some(IpNet::from(address)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn exempt(list: &str, url: &str) -> bool {
        is_exempt(list, &Url::parse(url).expect("a valid URL"))
    }

    #[test]
    fn no_proxy_entries_match_as_documented() {
        for (list, url, expected) in [
            ("*", "http://any.example", true),
            ("*:443", "http://any.example", false),
            ("*:443", "https://any.example", true),
            ("example.com", "http://example.com", true),
            ("example.com", "http://a.b.example.com", true),
            ("example.com", "http://badexample.com", false),
            (".example.com", "http://www.example.com", true),
            (".example.com", "http://example.com", true),
            ("*.example.com", "http://www.example.com", true),
            ("Example.COM.", "http://www.example.com.", true),
            ("www.example.com", "http://example.com", false),
            ("example.com:8080", "http://example.com:8080", true),
            ("example.com:8080", "http://example.com", false),
            ("example.com:80", "http://example.com", true),
            ("10.1.2.3", "http://10.1.2.3:99", true),
            ("10.1.2.3:99", "http://10.1.2.3:99", true),
            ("10.1.2.3:98", "http://10.1.2.3:99", false),
            ("10.0.0.0/8", "http://10.200.1.1", true),
            ("10.1.2.3/8", "http://10.200.1.1", true),
            ("10.0.0.0/8:443", "https://10.200.1.1", true),
            ("10.0.0.0/8:443", "http://10.200.1.1", false),
            ("10.0.0.0/8", "http://11.0.0.1", false),
            ("10.0.0.0/8", "http://10.example.com", false),
            ("::1", "http://[::1]:80", true),
            ("[::1]", "http://[::1]", true),
            ("[::1]:8080", "http://[::1]:8080", true),
            ("[::1]:8080", "http://[::1]", false),
            ("fd00::/8", "http://[fd12::1]", true),
            ("[fd00::/8]:443", "https://[fd12::1]", true),
            ("[fd00::]/8", "https://[fd12::1]", true),
            ("127.0.0.0/8", "http://[::ffff:127.0.0.1]", true),
            ("bücher.invalid", "http://bücher.invalid", true),
            ("BÜCHER.invalid:80", "http://www.xn--bcher-kva.invalid", true),
            ("*.bücher.invalid", "http://www.bücher.invalid", true),
            ("xn--bcher-kva.invalid", "http://bücher.invalid", true),
            ("bücher.invalid", "http://bucher.invalid", false),
            ("under_score.invalid", "http://under_score.invalid", true),
            (".0.0.1", "http://127.0.0.1", false),
            ("", "http://example.com", false),
            (" , ,a.example , b.example ,", "http://b.example", true),
            ("a.example b.example", "http://b.example", true),
            (":,/,[,.,:80,x:y,10.0.0.0/99,b.example", "http://b.example", true),
            (":,/,[,.,:80,x:y,10.0.0.0/99", "http://b.example", false),
        ] {
            assert_eq!(exempt(list, url), expected, "{list:?} for {url}");
        }
    }

    fn settings(no_proxy: &str) -> ProxySettings {
        ProxySettings {
            http: Some(Secret::new("http://proxy.example:3128".to_owned())),
            https: Some(Secret::new("us%40er:pass@proxy.example:3129".to_owned())),
            all: Some(Secret::new("http://other.example:1".to_owned())),
            no_proxy: Some(no_proxy.to_owned()),
        }
    }

    fn chosen(settings: &ProxySettings, url: &str) -> Option<String> {
        let url = Url::parse(url).expect("a valid URL");
        proxy_for(settings, &url).expect("valid").map(|server| server.display)
    }

    #[test]
    fn the_scheme_selects_the_proxy_and_all_is_the_fallback() {
        let mut settings = settings("");
        assert_eq!(chosen(&settings, "http://a").as_deref(), Some("http://proxy.example:3128"));
        assert_eq!(chosen(&settings, "https://a").as_deref(), Some("http://proxy.example:3129"));
        settings.https = Some(Secret::new(String::new()));
        assert_eq!(chosen(&settings, "https://a").as_deref(), Some("http://other.example:1"));
    }

    #[test]
    fn no_proxy_is_never_matched_against_the_proxy_itself() {
        assert!(chosen(&settings("proxy.example"), "http://a").is_some());
        assert!(chosen(&settings("a"), "http://a").is_none());
    }

    #[test]
    fn the_credentials_of_a_proxy_are_used_and_not_shown() {
        let url = Url::parse("https://a").expect("a valid URL");
        let server = proxy_for(&settings(""), &url).expect("valid").expect("a proxy");
        assert_eq!(server.display, "http://proxy.example:3129");
        assert_eq!(server.uri, "http://proxy.example:3129/");
        let ProxyProtocol::Http { secure: false, authorization: Some(value) } = server.protocol
        else {
            panic!("expected an HTTP proxy with credentials")
        };
        // us@er:pass
        assert_eq!(value.as_bytes(), b"Basic dXNAZXI6cGFzcw==");
        assert!(value.is_sensitive());
    }

    #[test]
    fn a_socks_proxy_has_a_default_port_and_decoded_credentials() {
        let server = ProxyServer::parse("SOCKS5H://us%3Aer:p%40ss@[::1]").expect("valid");
        assert_eq!(server.display, "socks5://[::1]:1080");
        assert_eq!(server.uri, "socks5://[::1]:1080/");
        let ProxyProtocol::Socks { credentials } = server.protocol else {
            panic!("expected a SOCKS proxy")
        };
        assert_eq!(credentials, Some(("us:er".to_owned(), "p@ss".to_owned())));
    }

    #[test]
    fn rejects_invalid_proxies_without_quoting_them() {
        for text in [
            "socks4://user:hunter2@proxy:1080",
            "socks5://user:%ffhunter2@proxy:1080",
            "socks5://user:hunter2@",
            "socks5://",
            "http://user:hunter2@",
            "ftp://hunter2",
            "http:///hunter2:3128",
            "http://hunter2\t.example:3128",
            r"DOMAIN\user:hunter2@proxy:3128",
        ] {
            let why = ProxyServer::parse(text).map(|_| ()).expect_err("invalid");
            assert!(!why.contains("hunter2"), "{why}");
        }
    }
}
