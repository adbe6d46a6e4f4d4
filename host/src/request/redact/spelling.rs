//! The spellings that a secret takes in JSON, `Debug` texts, URLs and XML: read back byte for
//! byte, so that one look finds a secret however each of its characters is written.

use std::ops::Range;

/// How many spellings are looked through on top of one another: a URL in a `Debug` text.
const DEPTH: usize = 2;

/// How many bytes one byte of a secret takes at most in a spelling that is understood.
pub const EXPANSION: usize = 12;

/// A text as it reads with some spellings undone.
pub struct Reading {
    /// What is read, with `+` as a space: a form writes one for the other.
    pub bytes: Vec<u8>,
    /// Where each byte stands in the source; empty if everything stands where it stood.
    places: Vec<(usize, usize)>,
}

impl Reading {
    fn plain(source: &[u8]) -> Self {
        Self { bytes: source.to_vec(), places: Vec::new() }
    }

    /// What a piece of this reading is in the source.
    pub fn in_source(&self, piece: Range<usize>) -> Range<usize> {
        if piece.is_empty() || self.places.is_empty() {
            return piece;
        }
        self.places[piece.start].0..self.places[piece.end - 1].1
    }

    /// This reading with one spelling undone; `None` if nothing is spelled so.
    fn undo(&self, spelling: Spelling) -> Option<Self> {
        let (sign, read) = spelling;
        let read = |at: usize| if self.bytes[at] == sign { read(&self.bytes[at..]) } else { None };
        let mut at = (0..self.bytes.len()).find(|at| read(*at).is_some())?;
        let place = |at: usize| self.places.get(at).copied().unwrap_or((at, at + 1));
        let mut undone = Self { bytes: self.bytes[..at].to_vec(), places: Vec::new() };
        undone.places.extend((0..at).map(place));
        while at < self.bytes.len() {
            if let Some((character, length)) = read(at) {
                let place = (place(at).0, place(at + length - 1).1);
                undone.bytes.extend_from_slice(character.bytes());
                undone.places.resize(undone.bytes.len(), place);
                at += length;
            } else {
                undone.bytes.push(self.bytes[at]);
                undone.places.push(place(at));
                at += 1;
            }
        }
        Some(undone)
    }
}

/// Calls with every reading of a text.
pub fn readings(source: &[u8], mut call: impl FnMut(&Reading)) {
    read_on(Reading::plain(source), DEPTH, &mut call);
}

/// One path down at a time: a reading takes some twenty times the room of its text.
fn read_on(mut reading: Reading, depth: usize, call: &mut impl FnMut(&Reading)) {
    if depth > 0 {
        for spelling in SPELLINGS {
            if let Some(undone) = reading.undo(spelling) {
                read_on(undone, depth - 1, call);
            }
        }
    }
    fold(&mut reading.bytes);
    call(&reading);
}

/// Makes one of what a form does not tell apart.
pub fn fold(bytes: &mut [u8]) {
    for byte in bytes {
        if *byte == b'+' {
            *byte = b' ';
        }
    }
}

/// The byte that a spelling begins with, and what reads one character and its length.
type Spelling = (u8, fn(&[u8]) -> Option<(Character, usize)>);

const SPELLINGS: [Spelling; 3] = [(b'\\', backslash), (b'%', percent), (b'&', entity)];

/// One character, or one byte of one.
enum Character {
    Byte([u8; 1]),
    Char([u8; 4], usize),
}

impl Character {
    fn of(code: u32) -> Option<Self> {
        let mut bytes = [0; 4];
        let length = char::from_u32(code)?.encode_utf8(&mut bytes).len();
        Some(Self::Char(bytes, length))
    }

    fn bytes(&self) -> &[u8] {
        match self {
            Self::Byte(byte) => byte,
            Self::Char(bytes, length) => &bytes[..*length],
        }
    }
}

fn hex(digits: &[u8]) -> Option<u32> {
    let all = !digits.is_empty() && digits.iter().all(u8::is_ascii_hexdigit);
    let digits = std::str::from_utf8(digits).ok().filter(|_| all)?;
    u32::from_str_radix(digits, 16).ok()
}

fn byte(digits: &[u8]) -> Option<Character> {
    Some(Character::Byte([u8::try_from(hex(digits)?).ok()?]))
}

/// `%2F`
fn percent(text: &[u8]) -> Option<(Character, usize)> {
    Some((byte(text.get(1..3)?)?, 3))
}

/// `\"`, `\n`, `\x1b`, `\u001b`, `\u{1b}`, `\U0000001b`
fn backslash(text: &[u8]) -> Option<(Character, usize)> {
    let simple = |byte: u8| Some((Character::Byte([byte]), 2));
    match *text.get(1)? {
        b'n' => simple(b'\n'),
        b'r' => simple(b'\r'),
        b't' => simple(b'\t'),
        b'0' => simple(0),
        b'a' => simple(7),
        b'b' => simple(8),
        b'v' => simple(11),
        b'f' => simple(12),
        b'e' => simple(27),
        b'x' => Some((byte(text.get(2..4)?)?, 4)),
        b'U' => Some((Character::of(hex(text.get(2..10)?)?)?, 10)),
        b'u' if text.get(2) == Some(&b'{') => {
            let digits = text[3..].iter().take(7).position(|byte| *byte == b'}')?;
            Some((Character::of(hex(&text[3..3 + digits])?)?, digits + 4))
        }
        b'u' => {
            let unit = hex(text.get(2..6)?)?;
            if !(0xd800..0xdc00).contains(&unit) {
                return Some((Character::of(unit)?, 6));
            }
            let low = hex(text.get(6..12)?.strip_prefix(b"\\u")?)?;
            let low = low.checked_sub(0xdc00).filter(|low| *low < 0x400)?;
            Some((Character::of(0x1_0000 + ((unit - 0xd800) << 10) + low)?, 12))
        }
        sign if sign.is_ascii_punctuation() => simple(sign),
        _ => None,
    }
}

/// `&amp;`, `&#38;`, `&#x26;`
fn entity(text: &[u8]) -> Option<(Character, usize)> {
    let end = text.iter().take(10).position(|byte| *byte == b';')?;
    let code = match &text[1..end] {
        b"amp" => u32::from(b'&'),
        b"lt" => u32::from(b'<'),
        b"gt" => u32::from(b'>'),
        b"quot" => u32::from(b'"'),
        b"apos" => u32::from(b'\''),
        [b'#', b'x' | b'X', digits @ ..] => hex(digits)?,
        [b'#', digits @ ..] => std::str::from_utf8(digits).ok()?.parse().ok()?,
        _ => return None,
    };
    Some((Character::of(code)?, end + 1))
}
