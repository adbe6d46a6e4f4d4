//! Strict parsing of URLs and the credentials in them, and the form of URLs and other texts in messages.

use std::net::Ipv6Addr;

use percent_encoding::percent_decode_str;
use url::{Host, Url};

/// The maximum length of a path in messages, in characters.
const SHOWN_PATH_MAX_CHARS: usize = 200;

/// Formats a URL for messages, without user info, query and fragment. The path is shown only for the
/// schemes http, https and file: a URL without `//` has the user info in its path
/// (`ftp:user:password@host`). A long path is truncated at a slash, because the runner could not
/// recognize and redact half of a secret.
///
/// ```
/// let url = "https://user:hunter2@example.com:8443/a?token=hunter2#b".parse().unwrap();
/// assert_eq!(gatherer_plugin_support::http::display_url(&url), "https://example.com:8443/a");
/// ```
pub fn display_url(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    let port = url.port().map(|port| format!(":{port}")).unwrap_or_default();
    let has_known_path = matches!(url.scheme(), "http" | "https" | "file");
    let path = if has_known_path { url.path() } else { "" };
    let path = match path.char_indices().nth(SHOWN_PATH_MAX_CHARS) {
        Some((end, _)) => format!("{}/...", path[..end].rsplit_once('/').unwrap_or_default().0),
        None => path.to_owned(),
    };
    format!("{}://{host}{port}{path}", url.scheme())
}

/// Makes text that the server influences safe for messages: truncated, without control characters.
pub(super) fn sanitize(text: &str) -> String {
    text.chars().take(200).map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}

/// Parses a URL strictly: rejects text that the URL standard would silently drop or change, because
/// the request would then go to a different address than the one that was written. The error is the
/// predicate of a sentence whose subject is the URL, and quotes nothing of it.
///
/// ```
/// use gatherer_plugin_support::http::parse_url;
/// assert!(parse_url("https://inventory.example.com/hosts.json").is_ok());
/// assert_eq!(parse_url("http:///hosts.json"), Err("has no host"));
/// ```
pub fn parse_url(text: &str) -> Result<Url, &'static str> {
    if text.chars().any(char::is_control) {
        return Err("contains a tab, a line break or another control character");
    }
    let url = Url::parse(text).map_err(|_| "is not a valid URL")?;
    if url.is_special() && url.scheme() != "file" {
        let (_, rest) = text.split_once(':').unwrap_or_default();
        let Some(rest) = rest.strip_prefix("//") else {
            return Err("has no // after its scheme");
        };
        // The standard treats a backslash as a slash: the host of `DOMAIN\user@host` would be DOMAIN.
        let rest = rest.split(['?', '#']).next().unwrap_or_default();
        if rest.contains('\\') {
            return Err("contains a backslash, which must be written as %5C");
        }
        if rest.starts_with('/') {
            return Err("has no host");
        }
    }
    Ok(url)
}

/// The URL of a service that a request names by host and port, without a path. The host is a name or an
/// address; one of IPv6 may have brackets. The error is the predicate of a sentence whose subject is the host,
/// and quotes nothing of it.
///
/// ```
/// use gatherer_plugin_support::http::service_url;
/// assert_eq!(service_url("https", "pve1.example.com", 8006).unwrap().as_str(), "https://pve1.example.com:8006/");
/// assert_eq!(service_url("https", "::1", 443).unwrap().as_str(), "https://[::1]/");
/// assert!(service_url("https", "https://pve1", 443).is_err());
/// ```
pub fn service_url(scheme: &str, host: &str, port: u16) -> Result<Url, &'static str> {
    const EXPECTED: &str = "must be a host name or an address, without scheme, port and path";

    let host = host.trim();
    let address = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    let authority = match address.parse::<Ipv6Addr>() {
        Ok(address) => format!("[{address}]"),
        Err(_) if host.is_empty() || host.contains(['/', '\\', '@', ':', '?', '#']) => {
            return Err(EXPECTED);
        }
        Err(_) => host.to_owned(),
    };
    parse_url(&format!("{scheme}://{authority}:{port}/")).map_err(|_| EXPECTED)
}

/// Parses the URL of a service that a request names instead of the vendor's own, for example a private endpoint. It must begin
/// with `https://`, except on this machine, and has no user info, query or fragment. The error is the predicate of a
/// sentence whose subject is the URL, and quotes nothing of it.
///
/// ```
/// use gatherer_plugin_support::http::endpoint_url;
/// assert!(endpoint_url("https://compute-inventory.p.googleapis.com").is_ok());
/// assert!(endpoint_url("http://127.0.0.1:8080").is_ok());
/// assert!(endpoint_url("http://compute.example.com").is_err());
/// ```
pub fn endpoint_url(text: &str) -> Result<Url, &'static str> {
    let url = parse_url(text.trim())?;
    if !url.username().is_empty() || url.password().is_some() {
        return Err("must not contain a user or a password");
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err("must not contain a query or a fragment");
    }
    match url.scheme() {
        "https" => Ok(url),
        "http" if is_loopback(&url) => Ok(url),
        _ => Err("must begin with https://, except on this machine"),
    }
}

/// Whether a URL leads to this machine: `localhost` or a loopback address.
pub fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name.eq_ignore_ascii_case("localhost"),
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

/// Removes the user info from a URL and returns it decoded, as `user:password`.
pub(crate) fn basic_credentials(url: &mut Url) -> Option<Vec<u8>> {
    if url.username().is_empty() && url.password().is_none() {
        return None;
    }
    let mut text: Vec<u8> = percent_decode_str(url.username()).collect();
    text.push(b':');
    text.extend(percent_decode_str(url.password().unwrap_or_default()));
    // Both fail only for URLs without a host, which cannot have user info either.
    let _ = url.set_username("");
    let _ = url.set_password(None);
    Some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(text: &str) -> Url {
        Url::parse(text).expect("a valid URL")
    }

    #[test]
    fn a_displayed_url_has_no_user_info_query_or_fragment() {
        assert_eq!(display_url(&url("http://u:p@[::1]:81/a/b?c=d#e")), "http://[::1]:81/a/b");
        assert_eq!(display_url(&url("https://h:443")), "https://h/");
    }

    #[test]
    fn a_service_url_has_exactly_the_given_host_and_port() {
        for (host, port, expected) in [
            ("pve1.example.com", 8006, "https://pve1.example.com:8006/"),
            (" pve1 ", 443, "https://pve1/"),
            ("192.0.2.7", 8006, "https://192.0.2.7:8006/"),
            ("2001:db8::7", 8006, "https://[2001:db8::7]:8006/"),
            ("[2001:db8::7]", 8006, "https://[2001:db8::7]:8006/"),
        ] {
            let url = service_url("https", host, port).expect("a valid host");
            assert_eq!(url.as_str(), expected, "{host}");
        }
        for host in [
            "",
            " ",
            "https://h",
            "h:8006",
            "h/a",
            "u:p@h",
            "u@h",
            "h?a",
            "h#a",
            "a b",
            "[h]",
            "[]",
            "a\\b",
            "a\tb",
            "2001:db8::7%eth0",
        ] {
            assert!(service_url("https", host, 8006).is_err(), "{host}");
        }
    }

    #[test]
    fn a_named_service_has_tls_unless_it_is_on_this_machine() {
        for text in [
            "https://ec2.example.com:8773/services/Cloud",
            " https://compute.googleapis.com/ ",
            "http://LOCALHOST:5000",
            "http://127.0.0.2:1/a",
            "http://[::1]:8080",
        ] {
            assert!(endpoint_url(text).is_ok(), "{text}");
        }
        for text in [
            "",
            "compute.googleapis.com",
            "http://compute.googleapis.com",
            "http://localhost.example.com",
            "http://128.0.0.1",
            "https://user:hunter2@compute.example.com",
            "https://user@compute.example.com",
            "https://compute.example.com/?key=hunter2",
            "https://compute.example.com/#hunter2",
            "https://compute.example.com\\@other.example.com",
            "ftp://localhost",
            "file:///etc/passwd",
        ] {
            let why = endpoint_url(text).expect_err(text);
            assert!(!why.contains("hunter2"), "{why}");
        }
    }

    #[test]
    fn a_long_path_is_truncated_at_a_slash() {
        let longest = format!("http://h/{}/hunter2/b", "x".repeat(189));
        assert_eq!(display_url(&url(&longest)), longest);
        for extra in [3, 8, 500] {
            let text = format!("http://h/a/{}hunter2/b/c", "x".repeat(190 + extra));
            assert_eq!(display_url(&url(&text)), "http://h/a/...", "{extra}");
        }
        let one_part = format!("http://h/{}", "x".repeat(500));
        assert_eq!(display_url(&url(&one_part)), "http://h/...");
    }

    #[test]
    fn the_path_is_hidden_if_the_scheme_is_unknown() {
        for text in ["ftp+x:user:hunter2@h/a", "foo:/user:hunter2@h", "foo:///user:hunter2@h"] {
            assert_eq!(
                display_url(&url(text)),
                text.split_once(':').expect("a scheme").0.to_owned() + "://"
            );
        }
        assert_eq!(display_url(&url("foo://user:hunter2@h/hunter2")), "foo://h");
    }

    #[test]
    fn rejects_urls_that_the_standard_would_change() {
        let no_host = "has no host";
        let no_slashes = "has no // after its scheme";
        let backslash = "contains a backslash, which must be written as %5C";
        let control = "contains a tab, a line break or another control character";
        let invalid = "is not a valid URL";
        for (text, why) in [
            ("http:///x", no_host),
            ("http:////x/y", no_host),
            ("https:///user@x/y", no_host),
            ("http:h/x", no_slashes),
            ("http:/h/x", no_slashes),
            (r"http:\\h\x", no_slashes),
            (r"http://\h/x", backslash),
            (r"http://DOMAIN\user:hunter2@h/x", backslash),
            ("http://h/a\tb", control),
            ("http://h/a\nb", control),
            ("http://h/a?b\r\nc", control),
            ("ht\ntp://h/", control),
            ("file:///a\tb", control),
            ("http://h/\u{1}", control),
            ("http://", invalid),
            ("http://user:hunter2@", invalid),
        ] {
            assert_eq!(parse_url(text), Err(why), "{text:?}");
        }
        for text in ["http://h/a//b", "HTTPS://h", r"http://h/?a\b", "file:///x", "http://ü/ü"] {
            assert!(parse_url(text).is_ok(), "{text:?}");
        }
    }

    #[test]
    fn user_info_is_removed_and_decoded() {
        let mut with = url("http://us%3Aer:p%40ss@h/a");
        assert_eq!(basic_credentials(&mut with).as_deref(), Some(&b"us:er:p@ss"[..]));
        assert_eq!(with.as_str(), "http://h/a");
        assert_eq!(basic_credentials(&mut url("http://h/a")), None);
        assert_eq!(basic_credentials(&mut url("http://token@h/")).as_deref(), Some(&b"token:"[..]));
    }
}
