//! URLs as they may be shown, and the credentials that they may hold.

use percent_encoding::percent_decode_str;
use url::Url;

/// The longest path that a message shows.
const LONGEST_PATH: usize = 200;

/// A URL without user-info, query and fragment. Of another scheme than http, https and file no path is
/// shown either: without `//` it holds the user-info (`ftp:user:password@host`). A long path is cut before a whole part of it: of
/// half a secret nobody downstream could know that it is one's.
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
    let path = match path.char_indices().nth(LONGEST_PATH) {
        Some((end, _)) => format!("{}/...", path[..end].rsplit_once('/').unwrap_or_default().0),
        None => path.to_owned(),
    };
    format!("{}://{host}{port}{path}", url.scheme())
}

/// Reads a URL strictly: what the URL standard would drop or change in silence is refused, because
/// then another address is asked than the one that was written. The error goes on a sentence that
/// begins with the URL, and quotes nothing of it.
///
/// ```
/// use gatherer_plugin_support::http::parse_url;
/// assert!(parse_url("https://inventory.example.com/hosts.json").is_ok());
/// assert_eq!(parse_url("http:///hosts.json"), Err("names no host"));
/// ```
pub fn parse_url(text: &str) -> Result<Url, &'static str> {
    if text.chars().any(char::is_control) {
        return Err("holds a tab, a line break or another control character");
    }
    let url = Url::parse(text).map_err(|_| "is not a valid URL")?;
    if url.is_special() && url.scheme() != "file" {
        let (_, rest) = text.split_once(':').unwrap_or_default();
        let Some(rest) = rest.strip_prefix("//") else {
            return Err("has no // after its scheme");
        };
        // The standard takes a backslash for a slash: `DOMAIN\user@host` would ask host DOMAIN.
        let rest = rest.split(['?', '#']).next().unwrap_or_default();
        if rest.contains('\\') {
            return Err("holds a backslash: write %5C");
        }
        if rest.starts_with('/') {
            return Err("names no host");
        }
    }
    Ok(url)
}

/// Takes `user:password` out of a URL, decoded.
pub(crate) fn basic_credentials(url: &mut Url) -> Option<Vec<u8>> {
    if url.username().is_empty() && url.password().is_none() {
        return None;
    }
    let mut text: Vec<u8> = percent_decode_str(url.username()).collect();
    text.push(b':');
    text.extend(percent_decode_str(url.password().unwrap_or_default()));
    // Both fail only for URLs without a host, which have no user-info either.
    let _ = url.set_username("");
    let _ = url.set_password(None);
    Some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(text: &str) -> Url {
        Url::parse(text).expect("a URL")
    }

    #[test]
    fn a_shown_url_has_no_user_info_query_or_fragment() {
        assert_eq!(display_url(&url("http://u:p@[::1]:81/a/b?c=d#e")), "http://[::1]:81/a/b");
        assert_eq!(display_url(&url("https://h:443")), "https://h/");
        let long = format!("http://h/{}/hunter2/b", "x".repeat(189));
        assert_eq!(display_url(&url(&long)), long);
        for more in [3, 8, 500] {
            let text = format!("http://h/a/{}hunter2/b/c", "x".repeat(190 + more));
            assert_eq!(display_url(&url(&text)), "http://h/a/...", "{more}");
        }
        let one = format!("http://h/{}", "x".repeat(500));
        assert_eq!(display_url(&url(&one)), "http://h/...");
    }

    #[test]
    fn of_an_unknown_scheme_no_path_is_shown() {
        for text in ["ftp+x:user:hunter2@h/a", "foo:/user:hunter2@h", "foo:///user:hunter2@h"] {
            assert_eq!(
                display_url(&url(text)),
                text.split_once(':').expect("a scheme").0.to_owned() + "://"
            );
        }
        assert_eq!(display_url(&url("foo://user:hunter2@h/hunter2")), "foo://h");
    }

    #[test]
    fn what_would_be_dropped_or_changed_in_silence_is_refused() {
        for (text, why) in [
            ("http:///x", "names no host"),
            ("http:////x/y", "names no host"),
            ("https:///user@x/y", "names no host"),
            ("http:h/x", "has no // after its scheme"),
            ("http:/h/x", "has no // after its scheme"),
            (r"http:\\h\x", "has no // after its scheme"),
            (r"http://\h/x", "holds a backslash: write %5C"),
            (r"http://DOMAIN\user:hunter2@h/x", "holds a backslash: write %5C"),
            ("http://h/a\tb", "holds a tab, a line break or another control character"),
            ("http://h/a\nb", "holds a tab, a line break or another control character"),
            ("http://h/a?b\r\nc", "holds a tab, a line break or another control character"),
            ("ht\ntp://h/", "holds a tab, a line break or another control character"),
            ("file:///a\tb", "holds a tab, a line break or another control character"),
            ("http://h/\u{1}", "holds a tab, a line break or another control character"),
            ("http://", "is not a valid URL"),
            ("http://user:hunter2@", "is not a valid URL"),
        ] {
            assert_eq!(parse_url(text), Err(why), "{text:?}");
        }
        for text in ["http://h/a//b", "HTTPS://h", r"http://h/?a\b", "file:///x", "http://ü/ü"] {
            assert!(parse_url(text).is_ok(), "{text:?}");
        }
    }

    #[test]
    fn user_info_is_decoded_and_taken_out() {
        let mut with = url("http://us%3Aer:p%40ss@h/a");
        assert_eq!(basic_credentials(&mut with).as_deref(), Some(&b"us:er:p@ss"[..]));
        assert_eq!(with.as_str(), "http://h/a");
        assert_eq!(basic_credentials(&mut url("http://h/a")), None);
        assert_eq!(basic_credentials(&mut url("http://token@h/")).as_deref(), Some(&b"token:"[..]));
    }
}
