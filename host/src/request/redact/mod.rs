//! Redaction: replacing an endpoint's secrets in everything that its worker sends.
//!
//! Plugins must not show secrets. This is a second line of defence, because a library below a plugin, or a
//! plugin of unknown quality, may print its input. `secrets` collects the secret texts, `spelling` decodes
//! the encodings in which they may appear, and this file finds and replaces them. Words of our own sentences stay
//! (`own_words`).

#[cfg(any(test, feature = "fuzzing"))]
pub mod fuzz_redaction;
#[cfg(test)]
mod own_sentence_tests;
mod own_words;
#[cfg(test)]
mod redact_tests;
mod secret_documents;
mod secrets;
mod spelling;

use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use aho_corasick::{AhoCorasick, AhoCorasickKind, MatchKind};
use gatherer_plugin_api::GatherError;

pub use secret_documents::{is_document, is_secret_name};
use secrets::SecretPatterns;
pub use secrets::{Secrets, is_user_name};
use spelling::DecodedText;

/// The maximum number of secrets that a plugin may register.
const SECRETS_MAX: usize = 256;

/// The maximum length of a secret that a plugin registers, in bytes.
pub const SECRET_MAX_BYTES: usize = 128 * 1024;

/// The maximum length of all secrets that a plugin registers, in bytes.
const SECRETS_MAX_BYTES: usize = 1024 * 1024;

/// The maximum size of the secrets in one layer, in bytes. With this size no pattern of a layer is dropped
/// for lack of space.
const LAYER_MAX_BYTES: usize = 256 * 1024;

/// The replacement of a secret.
const STARS: &str = "***";

/// The size of the pieces in which a long text is redacted, in bytes.
const CHUNK_BYTES: usize = 64 * 1024;

/// How many characters next to a secret in base64 may encode a part of it.
const BASE64_NEIGHBOURS: usize = 3;

/// Replaces the secrets of one endpoint in texts. Clones share one list of secrets.
#[derive(Clone, Default)]
pub struct Redactor(Arc<Mutex<RedactorState>>);

#[derive(Default)]
struct RedactorState {
    secrets: Secrets,
    /// The number and the length of the secrets that the plugin registered.
    learned: usize,
    learned_bytes: usize,
    /// Finders for the secrets, built when a text is first redacted, because most endpoints send no text. Each
    /// layer is at least twice as large as the next one, or has the maximum size. With a single finder for all
    /// secrets, a plugin that registers secrets one by one would make it be rebuilt each time.
    layers: Vec<Layer>,
    redactions: Redactions,
}

/// A finder for some of the secret texts.
struct Layer {
    /// The positions of the texts in [`Secrets::texts`].
    texts: Range<usize>,
    bytes: usize,
    finder: Finder,
}

/// The redactions so far.
#[derive(Clone, Default)]
pub struct Redactions {
    /// The number of texts that contained a secret.
    pub count: u64,
    /// The first of these texts, redacted.
    pub first: Option<String>,
}

/// The plugin registered more secrets than the limits allow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TooManySecrets;

impl From<TooManySecrets> for GatherError {
    fn from(_: TooManySecrets) -> Self {
        Self::protocol(format!(
            "the plugin registered more secrets than can be redacted: at most {SECRETS_MAX}, of at \
             most {} KiB each and {} KiB together",
            SECRET_MAX_BYTES / 1024,
            SECRETS_MAX_BYTES / 1024
        ))
    }
}

/// The redacted beginning of a text whose rest is not known yet.
pub struct RedactedPrefix {
    /// The redacted text.
    pub text: String,
    /// The number of bytes of the input that it replaces.
    pub consumed: usize,
    /// The number of bytes after these that belong to a secret which is already redacted in `text`.
    pub redacted: usize,
}

impl Redactor {
    /// A redactor for these secrets.
    pub fn new(secrets: Secrets) -> Self {
        Self(Arc::new(Mutex::new(RedactorState { secrets, ..RedactorState::default() })))
    }

    /// The redactions so far, of all clones.
    pub fn redactions(&self) -> Redactions {
        self.state().redactions.clone()
    }

    /// Whether there are secrets to redact.
    pub fn has_secrets(&self) -> bool {
        self.state().has_patterns()
    }

    /// The secrets.
    pub fn secrets(&self) -> Secrets {
        self.state().secrets.clone()
    }

    /// Resets the limit on registered secrets, because another gathering begins.
    pub fn reset_learned(&self) {
        let mut state = self.state();
        (state.learned, state.learned_bytes) = (0, 0);
    }

    /// Adds a secret that the plugin registered.
    pub fn learn(&self, text: &str) -> Result<(), TooManySecrets> {
        let mut state = self.state();
        if state.secrets.contains(text) {
            return Ok(());
        }
        let (learned, bytes) = (state.learned + 1, state.learned_bytes + text.len());
        if learned > SECRETS_MAX || text.len() > SECRET_MAX_BYTES || bytes > SECRETS_MAX_BYTES {
            return Err(TooManySecrets);
        }
        (state.learned, state.learned_bytes) = (learned, bytes);
        state.add(text);
        Ok(())
    }

    /// Adds a secret of the request, which does not count as registered by the plugin.
    pub fn add(&self, text: &str) {
        let mut state = self.state();
        if !state.secrets.contains(text) {
            state.add(text);
        }
    }

    /// Replaces each secret in a text with `***`.
    pub fn redact(&self, text: &str) -> String {
        self.redact_rest(text.as_bytes(), 0)
    }

    /// Redacts bytes that are probably text. The first `redacted` bytes belong to a secret that is already
    /// redacted in the [`RedactedPrefix`] before them.
    pub fn redact_rest(&self, bytes: &[u8], redacted: usize) -> String {
        self.state().redact_rest(bytes, redacted)
    }

    /// Redacts a text and truncates it to at most `max_bytes`.
    pub fn redact_beginning(&self, text: &str, max_bytes: usize) -> String {
        let mut state = self.state();
        let chunk_bytes = CHUNK_BYTES.max(state.longest_match() * 2);
        let mut beginning = String::new();
        let (mut rest, mut redacted) = (text.as_bytes(), 0);
        // Bounds the work for a text that consists mostly of secrets, which become short.
        let last_start = max_bytes * 8;
        while beginning.len() <= max_bytes
            && !rest.is_empty()
            && text.len() - rest.len() <= last_start
        {
            if rest.len() <= chunk_bytes {
                beginning += &state.redact_rest(rest, redacted);
                break;
            }
            let prefix = state.redact_prefix(&rest[..chunk_bytes], redacted);
            beginning += &prefix.text;
            rest = &rest[prefix.consumed..];
            redacted = prefix.redacted;
        }
        beginning.truncate(beginning.floor_char_boundary(max_bytes));
        beginning
    }

    /// The maximum number of bytes that a secret takes in a text. [`redact_prefix`](Self::redact_prefix) may
    /// leave this many bytes at the end of its input unprocessed.
    pub fn longest_match(&self) -> usize {
        self.state().longest_match()
    }

    /// Redacts the beginning of a text that continues after `bytes`: all but the last bytes, in which a secret
    /// may begin that ends later. `redacted` is as in [`redact_rest`](Self::redact_rest).
    pub fn redact_prefix(&self, bytes: &[u8], redacted: usize) -> RedactedPrefix {
        self.state().redact_prefix(bytes, redacted)
    }

    fn state(&self) -> MutexGuard<'_, RedactorState> {
        // A thread that panicked while it held the lock left a valid state.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl RedactorState {
    fn add(&mut self, text: &str) {
        let unindexed = self.secrets.bytes(self.indexed()..);
        if unindexed + text.len() > LAYER_MAX_BYTES {
            self.index_secrets();
        }
        self.secrets.add(text);
    }

    /// The number of secret texts that are in layers.
    fn indexed(&self) -> usize {
        self.layers.last().map_or(0, |layer| layer.texts.end)
    }

    /// Builds a layer of the texts that are in none. It replaces smaller layers.
    fn index_secrets(&mut self) {
        let mut texts = self.indexed()..self.secrets.texts().len();
        if texts.is_empty() {
            return;
        }
        let mut bytes = self.secrets.bytes(texts.start..);
        while let Some(layer) = self
            .layers
            .pop_if(|last| last.bytes < bytes * 2 && last.bytes + bytes <= LAYER_MAX_BYTES)
        {
            texts.start = layer.texts.start;
            bytes += layer.bytes;
        }
        let finder = Finder::new(&self.secrets.patterns(texts.clone()));
        self.layers.push(Layer { texts, bytes, finder });
    }

    fn has_patterns(&mut self) -> bool {
        self.index_secrets();
        self.layers.iter().any(|layer| layer.finder.automaton.patterns_len() > 0)
    }

    fn longest_match(&mut self) -> usize {
        self.index_secrets();
        self.layers.iter().map(|layer| layer.finder.longest_match).max().unwrap_or(0)
    }

    fn redact_rest(&mut self, bytes: &[u8], redacted: usize) -> String {
        let places = self.find(bytes);
        let text = replace(bytes, &places, redacted);
        self.count_redaction(&places, &text);
        text
    }

    fn redact_prefix(&mut self, bytes: &[u8], redacted: usize) -> RedactedPrefix {
        // A character has at most four bytes.
        let mut consumed = bytes.len().saturating_sub(self.longest_match().max(3));
        // Not inside of a character, and not inside of an escape sequence.
        while consumed > 0 && (is_continuation(bytes[consumed]) || bytes[consumed - 1] == b'\\') {
            consumed -= 1;
        }
        if consumed == 0 {
            // Only backslashes, or too short to be divided.
            consumed = bytes.len();
        }
        let mut places = self.find(bytes);
        places.retain(|place| place.start < consumed);
        let redacted_end = places.last().map_or(0, |place| place.end).max(redacted);
        if let Some(last) = places.last_mut() {
            last.end = last.end.min(consumed);
        }
        let text = replace(&bytes[..consumed], &places, redacted.min(consumed));
        self.count_redaction(&places, &text);
        RedactedPrefix { text, consumed, redacted: redacted_end.saturating_sub(consumed) }
    }

    fn count_redaction(&mut self, places: &[Range<usize>], text: &str) {
        if !places.is_empty() {
            self.redactions.count += 1;
            let first = &mut self.redactions.first;
            first.get_or_insert_with(|| text[..text.floor_char_boundary(200)].to_owned());
        }
    }

    /// The places of secrets: sorted, neither overlapping nor adjacent, and consisting of whole characters.
    fn find(&mut self, bytes: &[u8]) -> Vec<Range<usize>> {
        if !self.has_patterns() {
            return Vec::new();
        }
        let mut found = Vec::new();
        spelling::for_each_decoding(bytes, |decoded| {
            for layer in &self.layers {
                layer.finder.find(decoded, bytes, &mut found);
            }
        });
        found.sort_by_key(|place| place.start);
        let mut places = Vec::new();
        for mut place in found {
            while place.start > 0 && is_continuation(bytes[place.start]) {
                place.start -= 1;
            }
            while bytes.get(place.end).copied().is_some_and(is_continuation) {
                place.end += 1;
            }
            add_place(&mut places, place);
        }
        places
    }
}

/// Finds the patterns of secrets in a decoded text.
struct Finder {
    automaton: AhoCorasick,
    /// The first pattern in base64; the patterns after it are in base64 too.
    first_base64: usize,
    /// The maximum number of bytes that a secret takes in a text.
    longest_match: usize,
}

impl Finder {
    fn new(patterns: &SecretPatterns) -> Self {
        let automaton = AhoCorasick::builder()
            .match_kind(MatchKind::Standard)
            // The fastest kind needs a hundred times the memory.
            .kind(Some(AhoCorasickKind::ContiguousNFA))
            .build(&patterns.texts)
            .expect("the automaton has room for a mebibyte of patterns");
        let longest = patterns.texts.iter().map(Vec::len).max().unwrap_or(0);
        let longest_match = longest * spelling::EXPANSION;
        Self { automaton, first_base64: patterns.first_base64, longest_match }
    }

    /// Adds the places in `source` whose decoded text is a secret.
    fn find(&self, decoded: &DecodedText, source: &[u8], found: &mut Vec<Range<usize>>) {
        for hit in self.automaton.find_overlapping_iter(&decoded.bytes) {
            let mut place = decoded.in_source(hit.range());
            if hit.pattern().as_usize() < self.first_base64 {
                let is_plain = source[place.clone()] == decoded.bytes[hit.range()];
                if is_plain && own_words::is_own(source, &place) {
                    continue;
                }
            } else {
                let before = source[..place.start].iter().rev().take(BASE64_NEIGHBOURS);
                place.start -= before.take_while(|byte| is_base64(**byte)).count();
                let after = source[place.end..].iter().take(BASE64_NEIGHBOURS);
                place.end += after.take_while(|byte| is_base64(**byte)).count();
            }
            // Merged at once, because a text may contain hundreds of overlapping matches for each byte.
            add_place(found, place);
        }
    }
}

/// Adds a place to a list, or merges it with the last one if they overlap or are adjacent.
fn add_place(places: &mut Vec<Range<usize>>, place: Range<usize>) {
    match places.last_mut() {
        Some(last) if place.start <= last.end && last.start <= place.end => {
            *last = last.start.min(place.start)..last.end.max(place.end);
        }
        _ => places.push(place),
    }
}

/// The text with `***` in these places. The first `redacted` bytes are left out.
fn replace(bytes: &[u8], places: &[Range<usize>], redacted: usize) -> String {
    let mut text = String::new();
    let mut at = redacted;
    for place in places.iter().filter(|place| place.end > redacted) {
        // A place that begins in the redacted bytes, or right after them, belongs to the secret there.
        if place.start > redacted || redacted == 0 {
            text += &String::from_utf8_lossy(&bytes[at..place.start.max(at)]);
            text += STARS;
        }
        at = place.end;
    }
    text += &String::from_utf8_lossy(bytes.get(at..).unwrap_or_default());
    text
}

/// Whether a byte is not the first one of a character in UTF-8.
fn is_continuation(byte: u8) -> bool {
    byte & 0b1100_0000 == 0b1000_0000
}

fn is_base64(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"+/-_=".contains(&byte)
}
