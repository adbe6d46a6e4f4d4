//! The secret texts of an endpoint, including secret parts of URLs, and the patterns that find them.

use std::collections::HashSet;
use std::ops::{Range, RangeFrom};

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use serde::{Deserialize, Serialize};

use super::secret_documents::{PART_MIN_BYTES, SecretParts, is_document, is_secret_name};
use super::spelling;

/// The minimum length of a secret that is redacted. Shorter texts occur in most lines.
const SECRET_MIN_BYTES: usize = 4;

/// The maximum length of a pattern. Longer texts are divided.
const PATTERN_MAX_BYTES: usize = 128;

/// The maximum length of all patterns, in bytes. Building an automaton takes about sixty times as much memory.
const PATTERNS_MAX_BYTES: usize = 1024 * 1024;

/// The maximum length of a secret that is searched for in base64.
const BASE64_MAX_BYTES: usize = 16 * 1024;

/// The maximum number of colons in the user information of a URL that may precede the password.
const COLONS_MAX: usize = 8;

/// How many of the last texts are compared with a new one, to avoid duplicates.
const COMPARED_TEXTS: usize = 8;

/// The secret texts of one endpoint.
#[derive(Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Secrets {
    texts: Vec<String>,
    /// User names that belong to secrets: `Basic` credentials contain both.
    users: Vec<String>,
}

impl Secrets {
    /// Adds a secret text, and if it is a URL also its secret parts.
    pub fn add(&mut self, text: &str) {
        self.add_url(text);
        self.push_with_decoded(text);
    }

    /// The secret texts.
    pub fn texts(&self) -> &[String] {
        &self.texts
    }

    /// Whether a text is known already, or too short to be redacted.
    pub fn contains(&self, text: &str) -> bool {
        text.len() < SECRET_MIN_BYTES || self.texts.iter().any(|known| known == text)
    }

    /// The length of the texts at these positions.
    pub fn bytes(&self, positions: RangeFrom<usize>) -> usize {
        self.texts[positions].iter().map(String::len).sum()
    }

    /// The patterns that find the texts at these positions.
    pub fn patterns(&self, positions: Range<usize>) -> SecretPatterns {
        SecretPatterns::new(&self.texts[positions], &self.users)
    }

    /// Adds a user name that may belong to a secret. It is not secret itself.
    pub fn add_user(&mut self, name: &str) {
        self.users.push(name.to_owned());
    }

    /// Adds the user information and the query of a URL, or of the URLs in a document.
    pub fn add_url(&mut self, text: &str) {
        if is_document(text) {
            let is_delimiter =
                |sign: char| sign.is_whitespace() || matches!(sign, '"' | '\'' | ',');
            for word in text.split(is_delimiter).filter(|word| word.contains("://")) {
                self.add_single_url(word);
            }
        } else {
            self.add_single_url(text);
        }
    }

    fn add_single_url(&mut self, text: &str) {
        let before_fragment = text.split_once('#').map_or(text, |(before, _)| before);
        let (before_query, query) = match before_fragment.split_once('?') {
            Some((before, query)) => (before, Some(query)),
            None => (before_fragment, None),
        };
        let rest = before_query.split_once(":/").map(|(_, rest)| rest.trim_start_matches('/'));
        let user_info =
            rest.and_then(|rest| rest.split('/').next()).and_then(|host| host.rsplit_once('@'));
        if let Some((user_info, _)) = user_info {
            self.add_user_info(user_info);
        }
        // A malformed URL also contains user information.
        if let Some((before, _)) = text.rsplit_once('@').filter(|(before, _)| before.contains(':'))
        {
            let has_only_a_user = before
                .split_once("://")
                .is_some_and(|(_, user)| Some(user) == user_info.map(|(user, _)| user))
                && user_info.is_some_and(|(user, _)| is_user_name(user));
            if !has_only_a_user {
                self.add_user_info(before);
            }
        }
        if let Some(query) = query.filter(|query| query.contains('=')) {
            self.push(query);
            for (name, value) in query.split('&').filter_map(|pair| pair.split_once('=')) {
                if value.len() >= PART_MIN_BYTES || is_secret_name(name) {
                    self.push_with_decoded(value);
                }
            }
        }
    }

    /// Adds `user:password`, possibly with other text before it. Any of the colons may be the one before the
    /// password.
    fn add_user_info(&mut self, text: &str) {
        if is_user_name(text) {
            self.add_user(text);
            return;
        }
        let slashes = ['/', '\\'];
        if text.split_once(':').is_none_or(|(_, rest)| !rest.starts_with(slashes)) {
            self.push_with_decoded(text);
        }
        for (colon, _) in text.rmatch_indices(':').take(COLONS_MAX) {
            let password = text[colon + 1..].trim_start_matches(slashes);
            self.push_with_decoded(password);
            // A URL parser ends the password at these characters. The text before them may be a port instead.
            let beginning = password.split(['/', '?', '#']).next().unwrap_or_default();
            if beginning.parse::<u16>().is_err() {
                self.push_with_decoded(beginning);
            }
        }
    }

    /// Adds a text and its percent-decoded form, because a text is searched for in percent-encoded form, and a
    /// `%` that belongs to the secret is then decoded too.
    fn push_with_decoded(&mut self, text: &str) {
        self.push(text);
        if text.contains('%') {
            self.push(&percent_decoded(text));
        }
    }

    fn push(&mut self, text: &str) {
        // A value is added as it was written and as it was parsed, which is mostly the same.
        let is_known = self.texts.iter().rev().take(COMPARED_TEXTS).any(|known| known == text);
        if text.len() >= SECRET_MIN_BYTES && !is_known {
            self.texts.push(text.to_owned());
        }
    }
}

impl<T: AsRef<str>> FromIterator<T> for Secrets {
    fn from_iter<I: IntoIterator<Item = T>>(texts: I) -> Self {
        let mut secrets = Self::default();
        texts.into_iter().for_each(|text| secrets.add(text.as_ref()));
        secrets
    }
}

/// Whether the user information of a URL is only the name of a user: it has no password, and is short, or has a domain
/// as `name@domain`. A long one may be a token.
pub fn is_user_name(text: &str) -> bool {
    const NAME_MAX_BYTES: usize = 20;
    const NAME_WITH_DOMAIN_MAX_BYTES: usize = 64;
    let text = percent_decoded(text);
    let longest = if text.contains('@') { NAME_WITH_DOMAIN_MAX_BYTES } else { NAME_MAX_BYTES };
    let is_part = |sign: char| sign.is_alphanumeric() || "-_.@$+\\".contains(sign);
    !text.is_empty() && text.len() <= longest && text.chars().all(is_part)
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

/// The patterns to search for, each at most [`PATTERN_MAX_BYTES`] long.
pub struct SecretPatterns {
    /// The patterns; those in base64 are last.
    pub texts: Vec<Vec<u8>>,
    /// The position of the first pattern in base64.
    pub first_base64: usize,
}

impl SecretPatterns {
    /// The patterns that find secret texts, and credentials of the users in base64. If they are too long
    /// together, the most important and the longest ones are kept.
    fn new(secrets: &[String], users: &[String]) -> Self {
        let (mut words, mut lines, mut documents, mut base64) = (vec![], vec![], vec![], vec![]);
        let mut base64_bytes = 0;
        for secret in secrets {
            for text in [secret.as_str(), secret.trim()] {
                let list = if text.contains(['\n', '\r']) { &mut documents } else { &mut words };
                list.extend(pieces(text.as_bytes()));
            }
            let parts = SecretParts::of(secret);
            words.extend(parts.values.iter().flat_map(|value| pieces(value.as_bytes())));
            lines.extend(parts.lines.iter().flat_map(|line| pieces(line.as_bytes())));
            if secret.len() <= BASE64_MAX_BYTES && base64_bytes < PATTERNS_MAX_BYTES {
                let credentials = users.iter().map(|user| format!("{user}:{secret}"));
                for text in std::iter::once(secret.clone()).chain(credentials) {
                    add_base64(&text, &mut base64);
                    base64_bytes += text.len() * 8;
                }
            }
        }
        let mut selection = PatternSelection::default();
        let mut texts = selection.select(words, SECRET_MIN_BYTES);
        texts.extend(selection.select(lines, PART_MIN_BYTES));
        let base64 = selection.select(base64, BASE64_MIN_BYTES);
        texts.extend(selection.select(documents, SECRET_MIN_BYTES));
        let first_base64 = texts.len();
        texts.extend(base64);
        Self { texts, first_base64 }
    }
}

/// Selects patterns up to [`PATTERNS_MAX_BYTES`], without duplicates.
#[derive(Default)]
struct PatternSelection {
    bytes: usize,
    known: HashSet<Vec<u8>>,
}

impl PatternSelection {
    /// The patterns that are long enough and not blank, normalized; the longest first.
    fn select(&mut self, mut patterns: Vec<Vec<u8>>, min_bytes: usize) -> Vec<Vec<u8>> {
        for pattern in &mut patterns {
            spelling::normalize(pattern);
        }
        patterns.sort_by_key(|pattern| std::cmp::Reverse(pattern.len()));
        patterns.retain(|pattern| {
            let is_selected = pattern.len() >= min_bytes
                && !pattern.trim_ascii().is_empty()
                && self.bytes + pattern.len() <= PATTERNS_MAX_BYTES
                && self.known.insert(pattern.clone());
            if is_selected {
                self.bytes += pattern.len();
            }
            is_selected
        });
        patterns
    }
}

/// The pieces of a long text. They overlap where its length is not a multiple of [`PATTERN_MAX_BYTES`].
fn pieces(text: &[u8]) -> impl Iterator<Item = Vec<u8>> {
    let last = text.len().saturating_sub(PATTERN_MAX_BYTES);
    (0..text.len())
        .step_by(PATTERN_MAX_BYTES)
        .map(move |start| start.min(last))
        .map(|start| text[start..text.len().min(start + PATTERN_MAX_BYTES)].to_vec())
}

/// The minimum length of a pattern in base64: that of four bytes.
const BASE64_MIN_BYTES: usize = 6;

/// Adds a text in both alphabets of base64: alone, and inside of a longer text, where its encoding depends on
/// its offset modulo 3.
fn add_base64(text: &str, patterns: &mut Vec<Vec<u8>>) {
    for alphabet in [STANDARD_NO_PAD, URL_SAFE_NO_PAD] {
        for offset in 0..3 {
            let mut bytes = vec![0; offset];
            bytes.extend_from_slice(text.as_bytes());
            let encoded = alphabet.encode(&bytes).into_bytes();
            // The characters that encode only bits of the text.
            let own = (offset * 8).div_ceil(6)..bytes.len() * 8 / 6;
            patterns.extend(pieces(&encoded[own]));
            if offset == 0 {
                patterns.extend(pieces(&encoded));
            }
        }
    }
}
