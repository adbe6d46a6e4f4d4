//! Takes an endpoint's secrets out of whatever comes from its worker.
//!
//! Plugins are asked not to show secrets. This is the second wall: a library below a plugin,
//! or a plugin that somebody dropped in, may print what it was given.

/// The shortest text that is taken out; shorter ones would take half of each line with them.
const SHORTEST: usize = 4;

/// The secrets of one endpoint.
#[derive(Clone, Default)]
pub struct Redactor {
    secrets: Vec<String>,
}

impl Redactor {
    /// Takes these out from now on, in the spellings that they take in JSON, URLs and
    /// `Debug` texts too.
    pub fn new(secrets: impl IntoIterator<Item = String>) -> Self {
        let mut all: Vec<String> = Vec::new();
        for secret in secrets {
            all.push(percent_encoded(&secret));
            all.push(secret.escape_debug().to_string());
            // A secret of several lines is logged line by line.
            all.extend(secret.lines().map(|line| line.trim().to_owned()));
            all.push(secret);
        }
        all.retain(|secret| secret.len() >= SHORTEST);
        // The longest first: one secret may be part of another.
        all.sort_by(|a, b| b.len().cmp(&a.len()).then_with(|| a.cmp(b)));
        all.dedup();
        Self { secrets: all }
    }

    /// Where a text that goes on may be cut without cutting through a secret: before the first
    /// one that reaches into its last bytes, or that may only have begun there.
    pub fn safe_cut(&self, text: &str) -> usize {
        let longest = self.secrets.first().map_or(0, String::len);
        let mut cut = text.floor_char_boundary(text.len().saturating_sub(longest));
        loop {
            let around = text.floor_char_boundary(cut.saturating_sub(longest));
            let straddling = self.secrets.iter().flat_map(|secret| {
                let starts = text[around..].match_indices(secret.as_str());
                starts.map(move |(start, _)| (around + start, around + start + secret.len()))
            });
            match straddling.filter(|(start, end)| *start < cut && *end > cut).min() {
                Some((start, _)) => cut = start,
                None => return cut,
            }
        }
    }

    /// The text with `***` in the place of every secret.
    pub fn redact(&self, text: &str) -> String {
        let mut text = text.to_owned();
        for secret in &self.secrets {
            if text.contains(secret.as_str()) {
                text = text.replace(secret.as_str(), "***");
            }
        }
        text
    }
}

fn percent_encoded(text: &str) -> String {
    use std::fmt::Write as _;
    let mut encoded = String::new();
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            // Writing to a string cannot fail.
            let _ = write!(encoded, "%{byte:02X}");
        }
    }
    encoded
}

/// What of a text is secret if it is a URL: its user-info and its query.
pub fn url_secrets(text: &str) -> Vec<String> {
    let mut secrets = Vec::new();
    // A mistyped `https:/user:password@host` is no URL, and shows what it holds all the same.
    let Some((_, rest)) = text.split_once(":/") else { return secrets };
    let rest = rest.trim_start_matches('/');
    let rest = rest.split_once('#').map_or(rest, |(before, _)| before);
    let (before_query, query) = match rest.split_once('?') {
        Some((before, query)) => (before, Some(query)),
        None => (rest, None),
    };
    let authority = before_query.split('/').next().unwrap_or_default();
    if let Some((user_info, _)) = authority.rsplit_once('@') {
        match user_info.split_once(':') {
            Some((_, password)) => {
                secrets.push(user_info.to_owned());
                secrets.push(password.to_owned());
                secrets.push(percent_decoded(password));
            }
            None => secrets.push(user_info.to_owned()),
        }
    }
    if let Some(query) = query {
        secrets.push(query.to_owned());
        for pair in query.split('&') {
            if let Some((_, value)) = pair.split_once('=') {
                secrets.push(value.to_owned());
                secrets.push(percent_decoded(value));
            }
        }
    }
    secrets
}

fn percent_decoded(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut index = 0;
    while index < bytes.len() {
        let escaped = (bytes[index] == b'%')
            .then(|| text.get(index + 1..index + 3))
            .flatten()
            .and_then(|digits| u8::from_str_radix(digits, 16).ok());
        decoded.push(escaped.unwrap_or(bytes[index]));
        index += if escaped.is_some() { 3 } else { 1 };
    }
    String::from_utf8_lossy(&decoded).into_owned()
}

#[cfg(test)]
mod tests {
    use super::{Redactor, url_secrets};

    #[test]
    fn every_spelling_of_a_secret_is_taken_out() {
        let redactor = Redactor::new(["s3cr\"t/x".to_owned(), "s3cr".to_owned()]);
        let line = redactor.redact("plain s3cr\"t/x debug s3cr\\\"t/x url s3cr%22t%2Fx part s3cr!");
        assert_eq!(line, "plain *** debug *** url *** part ***!");
    }

    #[test]
    fn a_secret_too_short_to_hide_leaves_the_line_readable() {
        assert_eq!(Redactor::new(["a".to_owned()]).redact("a banana"), "a banana");
    }

    #[test]
    fn a_cut_leaves_every_secret_on_one_side() {
        let redactor = Redactor::new(["hunter2".to_owned()]);
        for length in 0..40 {
            let text: String = "a hunter2 b hunter2hunter2 c".chars().take(length).collect();
            let cut = redactor.safe_cut(&text);
            let (before, after) = text.split_at(cut);
            assert!(!redactor.redact(before).contains("hun"), "{before}");
            assert!(after.len() <= 14, "{after}");
        }
    }

    #[test]
    fn user_info_and_query_of_a_url_are_secrets() {
        let secrets = url_secrets("https://user:p%40ss@host/path?token=t0k%2Ben#f");
        for secret in ["user:p%40ss", "p%40ss", "p@ss", "t0k%2Ben", "t0k+en"] {
            assert!(secrets.iter().any(|found| found == secret), "{secret}: {secrets:?}");
        }
        assert!(url_secrets("http:/u:hunter2@h/").iter().any(|secret| secret == "hunter2"));
        assert!(url_secrets("/etc/hosts").is_empty());
    }
}
