//! Takes an endpoint's secrets out of whatever comes from its worker.
//!
//! Plugins are asked not to show secrets. This is the second wall: a library below a plugin,
//! or a plugin that somebody dropped in, may print what it was given. `secrets` knows what is
//! secret, `spelling` how it may be written; here it is found and replaced.

#[cfg(any(test, feature = "fuzzing"))]
pub mod fuzz_redaction;
#[cfg(test)]
mod redact_tests;
mod secret_documents;
mod secrets;
mod spelling;

use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use aho_corasick::{AhoCorasick, AhoCorasickKind, MatchKind};
use gatherer_plugin_api::GatherError;

pub use secret_documents::is_document;
use secrets::Needles;
pub use secrets::Secrets;

/// How many secrets are learned of one plugin.
const SECRETS_MAX: usize = 256;

/// The longest secret that a plugin may tell, in bytes.
pub const SECRET_MAX_BYTES: usize = 128 * 1024;

/// How many bytes all secrets that one plugin tells may have.
const SECRETS_MAX_BYTES: usize = 1024 * 1024;

/// How much text one finder takes in from others: there is room for all of its needles, the
/// shortest included.
const LAYER_MAX_BYTES: usize = 256 * 1024;

/// What stands in the place of a secret.
const STARS: &str = "***";

/// How much of an endless text is looked at in one go.
const CHUNK_BYTES: usize = 64 * 1024;

/// How many characters around a secret in base64 are partly made of it.
const BASE64_AROUND: usize = 3;

/// Takes one endpoint's secrets out of texts. Clones share what they know and what they need
/// for that, which is made when it is first needed: most endpoints say nothing.
#[derive(Clone, Default)]
pub struct Redactor(Arc<Mutex<Known>>);

#[derive(Default)]
struct Known {
    secrets: Secrets,
    learned: usize,
    learned_bytes: usize,
    /// Those that no finder knows yet.
    fresh: Secrets,
    /// Each large, or at least twice as large as the next: what is learned one by one would else
    /// be built into the whole again and again.
    layers: Vec<Layer>,
    seen: Seen,
}

struct Layer {
    secrets: Secrets,
    finder: Arc<Finder>,
}

impl Known {
    /// Has a text taken out from now on.
    fn add(&mut self, text: &str) {
        self.secrets.add(text);
        if self.fresh.bytes() + text.len() > LAYER_MAX_BYTES {
            self.settle();
        }
        if self.fresh.is_empty() {
            self.fresh = self.secrets.without_texts();
        }
        self.fresh.add(text);
    }

    /// Has the fresh ones found too, together with the layers that are no larger.
    fn settle(&mut self) {
        if self.fresh.is_empty() {
            return;
        }
        let mut secrets = std::mem::take(&mut self.fresh);
        while let Some(layer) = self.layers.pop_if(|last| {
            let (more, bytes) = (last.secrets.bytes(), secrets.bytes());
            more < bytes * 2 && more + bytes <= LAYER_MAX_BYTES
        }) {
            secrets.join(layer.secrets);
        }
        let finder = Arc::new(Finder::new(&secrets));
        self.layers.push(Layer { secrets, finder });
    }
}

/// What was taken out so far.
#[derive(Clone, Default)]
pub struct Seen {
    /// Of how many texts.
    pub times: u64,
    /// The first of them, without its secrets.
    pub first: Option<String>,
}

/// The plugin told of more secrets than can be hidden.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TooMuchToHide;

impl From<TooMuchToHide> for GatherError {
    fn from(_: TooMuchToHide) -> Self {
        Self::protocol(format!(
            "the plugin told of more secrets than can be hidden: at most {SECRETS_MAX}, of at most \
             {} KiB each and {} KiB together",
            SECRET_MAX_BYTES / 1024,
            SECRETS_MAX_BYTES / 1024
        ))
    }
}

/// Finds secrets. Without any, it has no automaton.
#[derive(Default)]
struct Finder {
    automaton: Option<AhoCorasick>,
    base64_from: usize,
    /// How many bytes of a text the longest secret takes at most.
    reach: usize,
}

/// The beginning of a text whose end is not known yet.
pub struct Head {
    /// It, without secrets.
    pub text: String,
    /// How many bytes of the text it is.
    pub taken: usize,
    /// How many bytes of what follows belong to a secret that is replaced in it already.
    pub carried: usize,
}

impl Redactor {
    /// Takes these out from now on.
    pub fn new(secrets: Secrets) -> Self {
        let fresh = secrets.clone();
        Self(Arc::new(Mutex::new(Known { secrets, fresh, ..Known::default() })))
    }

    /// What was taken out so far, by all clones.
    pub fn seen(&self) -> Seen {
        self.known().seen.clone()
    }

    /// Whether there is anything to take out.
    pub fn hides_something(&self) -> bool {
        self.finders().iter().any(|finder| finder.automaton.is_some())
    }

    /// What is taken out.
    pub fn secrets(&self) -> Secrets {
        self.known().secrets.clone()
    }

    /// Another gathering begins, which may tell as many secrets as the one before.
    pub fn learn_anew(&self) {
        let mut known = self.known();
        (known.learned, known.learned_bytes) = (0, 0);
    }

    /// Takes this out too from now on, and so do all clones.
    pub fn learn(&self, text: &str) -> Result<(), TooMuchToHide> {
        let mut known = self.known();
        if known.secrets.holds(text) {
            return Ok(());
        }
        let (learned, bytes) = (known.learned + 1, known.learned_bytes + text.len());
        if learned > SECRETS_MAX || text.len() > SECRET_MAX_BYTES || bytes > SECRETS_MAX_BYTES {
            return Err(TooMuchToHide);
        }
        (known.learned, known.learned_bytes) = (learned, bytes);
        known.add(text);
        Ok(())
    }

    /// The same for a text of the request itself, which does not count as told by the plugin.
    pub fn add(&self, text: &str) {
        let mut known = self.known();
        if !known.secrets.holds(text) {
            known.add(text);
        }
    }

    /// The text with `***` in the place of every secret.
    pub fn redact(&self, text: &str) -> String {
        self.redact_rest(text.as_bytes(), 0)
    }

    /// What may be text, after a [`Head`] that said how much of it is `carried`.
    pub fn redact_rest(&self, bytes: &[u8], carried: usize) -> String {
        let places = self.places(bytes);
        let text = render(bytes, &places, carried);
        self.note(&places, &text);
        text
    }

    /// Remembers that something was taken out.
    fn note(&self, places: &[Range<usize>], text: &str) {
        if !places.is_empty() {
            let seen = &mut self.known().seen;
            seen.times += 1;
            seen.first.get_or_insert_with(|| text[..text.floor_char_boundary(200)].to_owned());
        }
    }

    /// The beginning of a text, without secrets, and no longer than this.
    pub fn redact_beginning(&self, text: &str, bytes: usize) -> String {
        let mut beginning = String::new();
        let (mut rest, mut carried) = (text.as_bytes(), 0);
        // Of a text that is secret nearly throughout, little is shown.
        let enough = text.len().saturating_sub(bytes * 8);
        while beginning.len() <= bytes && !rest.is_empty() && rest.len() >= enough {
            let chunk = &rest[..rest.len().min(CHUNK_BYTES.max(self.reach() * 2))];
            if chunk.len() == rest.len() {
                beginning += &self.redact_rest(rest, carried);
                break;
            }
            let head = self.head(chunk, carried);
            beginning += &head.text;
            rest = &rest[head.taken..];
            carried = head.carried;
        }
        beginning.truncate(beginning.floor_char_boundary(bytes));
        beginning
    }

    /// How many bytes a secret may take: so much of a text that goes on must be kept.
    pub fn reach(&self) -> usize {
        self.finders().iter().map(|finder| finder.reach).max().unwrap_or(0)
    }

    /// The beginning of a text that goes on: all but its last bytes, in which a secret may have
    /// begun. Every secret that begins before them ends before the text does.
    pub fn head(&self, bytes: &[u8], carried: usize) -> Head {
        // A character has four bytes at most.
        let mut taken = bytes.len().saturating_sub(self.reach().max(3));
        // Not through a character, and not through an escaped one.
        while taken > 0 && (is_inside_character(bytes[taken]) || bytes[taken - 1] == b'\\') {
            taken -= 1;
        }
        if taken == 0 {
            // Nothing but backslashes, or nothing that is long enough to be cut.
            taken = bytes.len();
        }
        let mut places = self.places(bytes);
        places.retain(|place| place.start < taken);
        let covered = places.last().map_or(0, |place| place.end).max(carried);
        if let Some(last) = places.last_mut() {
            last.end = last.end.min(taken);
        }
        let text = render(&bytes[..taken], &places, carried.min(taken));
        self.note(&places, &text);
        Head { text, taken, carried: covered.saturating_sub(taken) }
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        // Who died while it held this has left whole texts.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn finders(&self) -> Vec<Arc<Finder>> {
        let mut known = self.known();
        known.settle();
        known.layers.iter().map(|layer| Arc::clone(&layer.finder)).collect()
    }

    /// Where secrets stand: in their order, apart from each other, whole characters.
    fn places(&self, bytes: &[u8]) -> Vec<Range<usize>> {
        let mut found = Vec::new();
        let finders = self.finders();
        if finders.iter().any(|finder| finder.automaton.is_some()) {
            spelling::readings(bytes, |reading| {
                for finder in &finders {
                    finder.find(reading, bytes, &mut found);
                }
            });
        }
        found.sort_by_key(|place| place.start);
        let mut places: Vec<Range<usize>> = Vec::new();
        for mut place in found {
            while place.start > 0 && is_inside_character(bytes[place.start]) {
                place.start -= 1;
            }
            while bytes.get(place.end).copied().is_some_and(is_inside_character) {
                place.end += 1;
            }
            match places.last_mut() {
                Some(last) if place.start <= last.end => last.end = last.end.max(place.end),
                _ => places.push(place),
            }
        }
        places
    }
}

impl Finder {
    fn new(secrets: &Secrets) -> Self {
        let needles = Needles::of(secrets);
        if needles.texts.is_empty() {
            return Self::default();
        }
        let automaton = AhoCorasick::builder()
            .match_kind(MatchKind::Standard)
            // The fastest kind takes a hundred times the room.
            .kind(Some(AhoCorasickKind::ContiguousNFA))
            .build(&needles.texts)
            .expect("a mebibyte of texts is not too much for the automaton");
        let reach = needles.longest() * spelling::EXPANSION;
        Self { automaton: Some(automaton), base64_from: needles.base64_from, reach }
    }

    fn find(&self, reading: &spelling::Reading, source: &[u8], found: &mut Vec<Range<usize>>) {
        let Some(automaton) = &self.automaton else { return };
        for hit in automaton.find_overlapping_iter(&reading.bytes) {
            let mut place = reading.in_source(hit.range());
            if hit.pattern().as_usize() >= self.base64_from {
                let before = source[..place.start].iter().rev().take(BASE64_AROUND);
                place.start -= before.take_while(|byte| is_base64(**byte)).count();
                let after = source[place.end..].iter().take(BASE64_AROUND);
                place.end += after.take_while(|byte| is_base64(**byte)).count();
            }
            // The longest of several that begin or end together is enough.
            match found.last_mut() {
                Some(last) if place.start <= last.start && place.end >= last.start => {
                    *last = place.start..place.end.max(last.end);
                }
                Some(last) if place.start <= last.end && place.start >= last.start => {
                    last.end = last.end.max(place.end);
                }
                _ => found.push(place),
            }
        }
    }
}

/// The text without what stands at these places, of which the first bytes are gone already.
fn render(bytes: &[u8], places: &[Range<usize>], carried: usize) -> String {
    let mut text = String::new();
    let mut at = carried;
    for place in places {
        if place.end <= carried {
            continue;
        }
        if place.start > carried || carried == 0 {
            text += &String::from_utf8_lossy(&bytes[at..place.start.max(at)]);
            text += STARS;
        }
        at = place.end;
    }
    text += &String::from_utf8_lossy(bytes.get(at..).unwrap_or_default());
    text
}

fn is_inside_character(byte: u8) -> bool {
    byte & 0b1100_0000 == 0b1000_0000
}

fn is_base64(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"+/-_=".contains(&byte)
}
