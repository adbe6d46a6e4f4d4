//! Which texts of an endpoint are secret: what a URL holds, what of a document may stand alone,
//! and what is to be looked for because of them.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use serde::{Deserialize, Serialize};

use super::secret_documents::{Parts, SHORTEST_PART, is_document, sounds_secret};
use super::spelling;

/// The shortest text that is taken out; shorter ones would take half of each line with them.
const SHORTEST: usize = 4;

/// The longest text that is looked for in one piece.
const PIECE_BYTES: usize = 128;

/// How many bytes are looked for at most: what does so takes some sixty times their
/// room while it is made.
const NEEDLES_MAX_BYTES: usize = 1024 * 1024;

/// The longest secret that is looked for in base64.
const BASE64_MAX_BYTES: usize = 16 * 1024;

/// How many colons of a URL's user-info are taken for the one before the password.
const COLONS_MAX: usize = 8;

/// How many texts are looked back at for one that is known already.
const JUST_NOW: usize = 8;

/// The secret texts of one endpoint, as they were given.
#[derive(Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Secrets {
    texts: Vec<String>,
    /// Who may log in with one of them: `Basic` credentials hold both.
    users: Vec<String>,
}

impl Secrets {
    /// This text is secret, and so is what it holds if it is a URL.
    pub fn add(&mut self, text: &str) {
        self.add_url(text);
        self.push_with_decoded(text);
    }

    /// The secret texts.
    pub fn texts(&self) -> &[String] {
        &self.texts
    }

    /// Whether nothing would be new if this text were added.
    pub fn holds(&self, text: &str) -> bool {
        text.len() < SHORTEST || self.texts.iter().any(|known| known == text)
    }

    /// Whether nothing is secret.
    pub fn is_empty(&self) -> bool {
        self.texts.is_empty()
    }

    /// How long the texts are together.
    pub fn bytes(&self) -> usize {
        self.texts.iter().map(String::len).sum()
    }

    /// The users alone.
    pub fn without_texts(&self) -> Self {
        Self { texts: Vec::new(), users: self.users.clone() }
    }

    /// Takes the texts of other secrets of the same endpoint.
    pub fn join(&mut self, other: Self) {
        self.texts.extend(other.texts);
    }

    /// This may be the user's name that goes with a secret; it is not secret itself.
    pub fn add_user(&mut self, name: &str) {
        self.users.push(name.to_owned());
    }

    /// What of this text is secret if it is a URL: its user-info and its query.
    pub fn add_url(&mut self, text: &str) {
        if is_document(text) {
            // In which URLs stand.
            let around = |sign: char| sign.is_whitespace() || matches!(sign, '"' | '\'' | ',');
            for word in text.split(around).filter(|word| word.contains("://")) {
                self.add_url_of_one_line(word);
            }
        } else {
            self.add_url_of_one_line(text);
        }
    }

    fn add_url_of_one_line(&mut self, text: &str) {
        let before_fragment = text.split_once('#').map_or(text, |(before, _)| before);
        let (before_query, query) = match before_fragment.split_once('?') {
            Some((before, query)) => (before, Some(query)),
            None => (before_fragment, None),
        };
        let rest = before_query.split_once(":/").map(|(_, rest)| rest.trim_start_matches('/'));
        if let Some((user_info, _)) =
            rest.and_then(|rest| rest.split('/').next()).and_then(|host| host.rsplit_once('@'))
        {
            self.add_user_info(user_info);
        }
        // What is not quite a URL shows what it holds all the same.
        if let Some((before, _)) = text.rsplit_once('@').filter(|(before, _)| before.contains(':'))
        {
            self.add_user_info(before);
        }
        if let Some(query) = query.filter(|query| query.contains('=')) {
            self.push(query);
            for (name, value) in query.split('&').filter_map(|pair| pair.split_once('=')) {
                if value.len() >= SHORTEST_PART || sounds_secret(name) {
                    self.push_with_decoded(value);
                }
            }
        }
    }

    /// `user:password` with or without what stands before it: which colon is the one before the
    /// password is not known.
    fn add_user_info(&mut self, text: &str) {
        let slashes = ['/', '\\'];
        if text.split_once(':').is_none_or(|(_, rest)| !rest.starts_with(slashes)) {
            self.push_with_decoded(text);
        }
        for (colon, _) in text.rmatch_indices(':').take(COLONS_MAX) {
            let password = text[colon + 1..].trim_start_matches(slashes);
            self.push_with_decoded(password);
            // What ends a URL's authority ends the password for who reads it as one, unless it
            // is a port.
            let beginning = password.split(['/', '?', '#']).next().unwrap_or_default();
            if beginning.parse::<u16>().is_err() {
                self.push_with_decoded(beginning);
            }
        }
    }

    /// URLs are written with a `%` of the secret's own left as it is, so what reads the others
    /// reads that one too.
    fn push_with_decoded(&mut self, text: &str) {
        self.push(text);
        if text.contains('%') {
            self.push(&percent_decoded(text));
        }
    }

    fn push(&mut self, text: &str) {
        // A value comes as it was written and as it was read, which is mostly the same.
        let is_known = self.texts.iter().rev().take(JUST_NOW).any(|known| known == text);
        if text.len() >= SHORTEST && !is_known {
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

/// What is looked for. None is longer than [`PIECE_BYTES`].
#[derive(Default)]
pub struct Needles {
    /// The texts, those in base64 last.
    pub texts: Vec<Vec<u8>>,
    /// Where those in base64 begin.
    pub base64_from: usize,
}

impl Needles {
    /// What is to be looked for because of these secrets. If it is too much, what is longest
    /// and most telling comes first.
    pub fn of(secrets: &Secrets) -> Self {
        let (mut plain, mut lines, mut whole, mut base64) = (vec![], vec![], vec![], vec![]);
        let mut in_base64_bytes = 0;
        for text in &secrets.texts {
            for text in [text.as_str(), text.trim()] {
                let place = if text.contains(['\n', '\r']) { &mut whole } else { &mut plain };
                place.extend(pieces(text.as_bytes()));
            }
            let parts = Parts::of(text);
            plain.extend(parts.values.iter().flat_map(|value| pieces(value.as_bytes())));
            lines.extend(parts.lines.iter().flat_map(|line| pieces(line.as_bytes())));
            if text.len() <= BASE64_MAX_BYTES && in_base64_bytes < NEEDLES_MAX_BYTES {
                let credentials = secrets.users.iter().map(|user| format!("{user}:{text}"));
                for text in std::iter::once(text.clone()).chain(credentials) {
                    in_base64(&text, &mut base64);
                    in_base64_bytes += text.len() * 8;
                }
            }
        }
        let mut needles = Self::default();
        let mut left = NEEDLES_MAX_BYTES;
        let mut seen = std::collections::HashSet::new();
        let mut take = |class: Vec<Vec<u8>>, shortest: usize| {
            let mut class: Vec<_> = class
                .into_iter()
                .map(|mut needle| {
                    spelling::fold(&mut needle);
                    needle
                })
                .filter(|needle| needle.len() >= shortest && !needle.trim_ascii().is_empty())
                .collect();
            class.sort_by_key(|needle| std::cmp::Reverse(needle.len()));
            class.retain(|needle| {
                let fits = needle.len() <= left && seen.insert(needle.clone());
                left -= if fits { needle.len() } else { 0 };
                fits
            });
            class
        };
        needles.texts = take(plain, SHORTEST);
        needles.texts.extend(take(lines, SHORTEST_PART));
        let base64 = take(base64, BASE64_SHORTEST);
        needles.texts.extend(take(whole, SHORTEST));
        needles.base64_from = needles.texts.len();
        needles.texts.extend(base64);
        needles
    }

    /// How long the longest is.
    pub fn longest(&self) -> usize {
        self.texts.iter().map(Vec::len).max().unwrap_or(0)
    }
}

/// A long text in pieces that cover it, so that no more than one piece must be waited for.
fn pieces(text: &[u8]) -> impl Iterator<Item = Vec<u8>> {
    let last = text.len().saturating_sub(PIECE_BYTES);
    (0..text.len())
        .step_by(PIECE_BYTES)
        .map(move |start| start.min(last))
        .map(|start| text[start..text.len().min(start + PIECE_BYTES)].to_vec())
}

/// The shortest base64 that is looked for: that of four bytes.
const BASE64_SHORTEST: usize = 6;

/// A text in both alphabets, by itself and in the middle of something longer, where its place
/// decides how it looks.
fn in_base64(text: &str, found: &mut Vec<Vec<u8>>) {
    for alphabet in [STANDARD_NO_PAD, URL_SAFE_NO_PAD] {
        for before in 0..3 {
            let mut bytes = vec![0; before];
            bytes.extend_from_slice(text.as_bytes());
            let encoded = alphabet.encode(&bytes).into_bytes();
            // The characters that no neighbour has a part in.
            let own = (before * 8).div_ceil(6)..bytes.len() * 8 / 6;
            found.extend(pieces(&encoded[own]));
            if before == 0 {
                found.extend(pieces(&encoded));
            }
        }
    }
}
