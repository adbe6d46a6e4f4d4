//! Chooses the proxy for a URL from the settings that the runner found.

use std::net::IpAddr;

use base64::Engine as _;
use gatherer_plugin_api::{GatherError, ProxySettings, Secret};
use ipnet::IpNet;
use reqwest::header::HeaderValue;
use url::{Host, Url};

use super::address::{basic_credentials, display_url, parse_url};

/// A proxy.
#[derive(Clone)]
pub struct ProxyServer {
    /// The proxy's URL without user info.
    pub url: Url,
    /// The value of the `Proxy-Authorization` header.
    pub authorization: Option<HeaderValue>,
}

impl ProxyServer {
    /// The proxy's URL for messages, without user and password.
    pub fn display(&self) -> String {
        display_url(&self.url).trim_end_matches('/').to_owned()
    }
}

/// The proxy for this URL; `None` for a direct connection.
pub fn proxy_for(settings: &ProxySettings, url: &Url) -> Result<Option<ProxyServer>, GatherError> {
    let own = if url.scheme() == "https" { &settings.https } else { &settings.http };
    let chosen = [own, &settings.all].into_iter().flatten().map(Secret::expose);
    let Some(text) = chosen.map(|text| text.trim()).find(|text| !text.is_empty()) else {
        return Ok(None);
    };
    if settings.no_proxy.as_deref().is_some_and(|list| is_exempt(list, url)) {
        return Ok(None);
    }
    server(text).map(Some)
}

/// Parses the URL of a proxy, which is http or https. `http://` is assumed if there is no scheme. Errors
/// do not quote the URL, which may contain a password.
pub fn server(text: &str) -> Result<ProxyServer, GatherError> {
    let invalid = |why: &str| {
        GatherError::configuration(format!("the proxy's URL {why}"))
            .with_hint("write it as http://proxy.example.com:3128")
    };
    let with_scheme = if text.contains("://") { text.to_owned() } else { format!("http://{text}") };
    let mut url = parse_url(&with_scheme).map_err(invalid)?;
    match url.scheme() {
        "http" | "https" => {}
        scheme if scheme.starts_with("socks") => {
            return Err(invalid(&format!("has the scheme {scheme}, which is not supported")));
        }
        _ => return Err(invalid("is neither http nor https")),
    }
    let authorization = match basic_credentials(&mut url) {
        Some(credentials) => {
            let encoded = base64::engine::general_purpose::STANDARD.encode(credentials);
            let mut value = HeaderValue::try_from(format!("Basic {encoded}"))
                .map_err(|_| invalid("contains a user or password that cannot be used"))?;
            value.set_sensitive(true);
            Some(value)
        }
        None => None,
    };
    url.set_path("");
    url.set_query(None);
    url.set_fragment(None);
    Ok(ProxyServer { url, authorization })
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
        proxy_for(settings, &url).expect("valid").map(|server| server.display())
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
        // us@er:pass
        let authorization = server.authorization.as_ref().expect("credentials");
        assert_eq!(authorization.as_bytes(), b"Basic dXNAZXI6cGFzcw==");
        assert!(authorization.is_sensitive() && !server.url.as_str().contains("pass"));
    }

    #[test]
    fn rejects_invalid_proxies_without_quoting_them() {
        for text in [
            "socks5://user:hunter2@proxy:1080",
            "http://user:hunter2@",
            "ftp://hunter2",
            "http:///hunter2:3128",
            "http://hunter2\t.example:3128",
            r"DOMAIN\user:hunter2@proxy:3128",
        ] {
            let error = server(text).map(|_| ()).expect_err("invalid");
            assert!(!error.to_string().contains("hunter2"), "{error}");
        }
    }
}
