//! Decoding the escape sequences of JSON, `Debug` output, URLs and XML, so that a search finds a secret
//! whichever of its characters are escaped.

use std::ops::Range;

/// How many encodings may be nested: a URL in `Debug` output, for example.
const NESTING_MAX: usize = 2;

/// The maximum number of bytes that encode one byte of a secret.
pub const EXPANSION: usize = 12;

/// A text after decoding.
pub struct DecodedText {
    /// The decoded text. Each `+` is a space, because both encode a space in a form.
    pub bytes: Vec<u8>,
    /// The place of each byte in the source; empty if nothing was decoded.
    places: Vec<(usize, usize)>,
}

impl DecodedText {
    fn undecoded(source: &[u8]) -> Self {
        Self { bytes: source.to_vec(), places: Vec::new() }
    }

    /// The place in the source of a range of decoded bytes.
    pub fn in_source(&self, range: Range<usize>) -> Range<usize> {
        if range.is_empty() || self.places.is_empty() {
            return range;
        }
        self.places[range.start].0..self.places[range.end - 1].1
    }

    /// Decodes one encoding; `None` if the text contains no such escape sequence.
    fn decode(&self, encoding: Encoding) -> Option<Self> {
        let decode_at = |at: usize| {
            if self.bytes[at] == encoding.first_byte {
                (encoding.decode)(&self.bytes[at..])
            } else {
                None
            }
        };
        let place = |at: usize| self.places.get(at).copied().unwrap_or((at, at + 1));
        let mut at = (0..self.bytes.len()).find(|at| decode_at(*at).is_some())?;
        let mut decoded =
            Self { bytes: self.bytes[..at].to_vec(), places: (0..at).map(place).collect() };
        while at < self.bytes.len() {
            if let Some((character, length)) = decode_at(at) {
                decoded.bytes.extend_from_slice(character.bytes());
                let place = (place(at).0, place(at + length - 1).1);
                decoded.places.resize(decoded.bytes.len(), place);
                at += length;
            } else {
                decoded.bytes.push(self.bytes[at]);
                decoded.places.push(place(at));
                at += 1;
            }
        }
        Some(decoded)
    }
}

/// Calls a function with each text that results from decoding up to [`NESTING_MAX`] encodings, including the
/// source itself.
pub fn for_each_decoding(source: &[u8], mut call: impl FnMut(&DecodedText)) {
    decode_further(DecodedText::undecoded(source), NESTING_MAX, &mut call);
}

/// Depth first, because a decoded text takes about twenty times the memory of its source.
fn decode_further(mut text: DecodedText, nesting: usize, call: &mut impl FnMut(&DecodedText)) {
    if nesting > 0 {
        for encoding in ENCODINGS {
            if let Some(decoded) = text.decode(encoding) {
                decode_further(decoded, nesting - 1, call);
            }
        }
    }
    normalize(&mut text.bytes);
    call(&text);
}

/// Replaces each `+` by a space.
pub fn normalize(bytes: &mut [u8]) {
    for byte in bytes {
        if *byte == b'+' {
            *byte = b' ';
        }
    }
}

#[derive(Clone, Copy)]
struct Encoding {
    /// The first byte of an escape sequence.
    first_byte: u8,
    /// Decodes the escape sequence at the beginning of a text. Returns also its length.
    decode: fn(&[u8]) -> Option<(Character, usize)>,
}

const ENCODINGS: [Encoding; 3] = [
    Encoding { first_byte: b'\\', decode: backslash },
    Encoding { first_byte: b'%', decode: percent },
    Encoding { first_byte: b'&', decode: entity },
];

/// A decoded character in UTF-8, or one byte of it.
struct Character {
    utf8: [u8; 4],
    length: usize,
}

impl Character {
    fn from_byte(byte: u8) -> Self {
        Self { utf8: [byte, 0, 0, 0], length: 1 }
    }

    fn from_code_point(code: u32) -> Option<Self> {
        let mut utf8 = [0; 4];
        let length = char::from_u32(code)?.encode_utf8(&mut utf8).len();
        Some(Self { utf8, length })
    }

    fn bytes(&self) -> &[u8] {
        &self.utf8[..self.length]
    }
}

fn hex(digits: &[u8]) -> Option<u32> {
    let all = !digits.is_empty() && digits.iter().all(u8::is_ascii_hexdigit);
    let digits = std::str::from_utf8(digits).ok().filter(|_| all)?;
    u32::from_str_radix(digits, 16).ok()
}

fn hex_byte(digits: &[u8]) -> Option<Character> {
    Some(Character::from_byte(u8::try_from(hex(digits)?).ok()?))
}

/// `%2F`
fn percent(text: &[u8]) -> Option<(Character, usize)> {
    Some((hex_byte(text.get(1..3)?)?, 3))
}

/// `\"`, `\n`, `\x1b`, `\u001b`, `\u{1b}`, `\U0000001b`
fn backslash(text: &[u8]) -> Option<(Character, usize)> {
    let simple = |byte: u8| Some((Character::from_byte(byte), 2));
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
        b'x' => Some((hex_byte(text.get(2..4)?)?, 4)),
        b'U' => Some((Character::from_code_point(hex(text.get(2..10)?)?)?, 10)),
        b'u' if text.get(2) == Some(&b'{') => {
            let digits = text[3..].iter().take(7).position(|byte| *byte == b'}')?;
            Some((Character::from_code_point(hex(&text[3..3 + digits])?)?, digits + 4))
        }
        b'u' => {
            let unit = hex(text.get(2..6)?)?;
            if !(0xd800..0xdc00).contains(&unit) {
                return Some((Character::from_code_point(unit)?, 6));
            }
            // A surrogate pair.
            let low = hex(text.get(6..12)?.strip_prefix(b"\\u")?)?;
            let low = low.checked_sub(0xdc00).filter(|low| *low < 0x400)?;
            Some((Character::from_code_point(0x1_0000 + ((unit - 0xd800) << 10) + low)?, 12))
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
    Some((Character::from_code_point(code)?, end + 1))
}
