//! The parser of [`Json`](super::Json). It splits a text into values and keeps their positions; serde_json reads the
//! numbers and the strings with escapes.

use std::collections::HashSet;
use std::hash::{BuildHasher as _, RandomState};

use serde::de::{Deserialize, Deserializer, IgnoredAny, Visitor};
use serde_json::Number;

use super::{Json, Problem, UnreadableValue, quote};

/// How many arrays and objects can be in each other. serde_json has the same limit.
const DEPTH_MAX: usize = 127;

/// Why a text is not JSON. `at` is the index of the byte with the mistake.
pub enum SyntaxError {
    /// It ends too early.
    Truncated,
    /// It is nested too deeply.
    TooDeep { at: usize },
    /// Anything else.
    Invalid { at: usize },
    /// A key is duplicated. `parents` are the keys of the objects around it, innermost first.
    DuplicateKey { key: String, parents: Vec<String>, at: usize },
}

/// A string as it was read, and whether it had half of a surrogate pair, which is replaced.
struct StringToken {
    text: String,
    is_readable: bool,
}

/// Parses one text.
pub struct Parser<'t> {
    text: &'t str,
    /// The index of the next byte.
    at: usize,
    /// Whether unreadable values become [`Json::Unreadable`]; otherwise they are syntax errors.
    keeps_unreadable: bool,
    lines: Lines,
    hasher: RandomState,
}

impl<'t> Parser<'t> {
    pub fn new(text: &'t str, keeps_unreadable: bool) -> Self {
        let hasher = RandomState::new();
        Self { text, at: 0, keeps_unreadable, lines: Lines::default(), hasher }
    }

    /// Parses the whole text.
    pub fn document(&mut self) -> Result<Json, SyntaxError> {
        let json = self.value(0)?;
        self.skip_blanks();
        if self.at < self.text.len() {
            return Err(SyntaxError::Invalid { at: self.at });
        }
        Ok(json)
    }

    /// The next byte after blanks.
    fn next(&mut self) -> Result<u8, SyntaxError> {
        self.skip_blanks();
        self.text.as_bytes().get(self.at).copied().ok_or(SyntaxError::Truncated)
    }

    fn skip_blanks(&mut self) {
        let blanks = self.text.as_bytes()[self.at..]
            .iter()
            .take_while(|byte| matches!(byte, b' ' | b'\n' | b'\r' | b'\t'));
        self.at += blanks.count();
    }

    fn value(&mut self, depth: usize) -> Result<Json, SyntaxError> {
        let first = self.next()?;
        let start = self.at;
        if matches!(first, b'{' | b'[') && depth >= DEPTH_MAX {
            return Err(SyntaxError::TooDeep { at: start });
        }
        match first {
            b'{' => self.object(depth + 1),
            b'[' => self.array(depth + 1),
            b'"' => {
                let string = self.string()?;
                if string.is_readable {
                    return Ok(Json::Text(string.text));
                }
                self.unreadable(Problem::HalfSurrogate, start)
            }
            b'-' | b'0'..=b'9' => self.number(),
            _ => self.word(),
        }
    }

    fn array(&mut self, depth: usize) -> Result<Json, SyntaxError> {
        self.at += 1;
        let mut array = Vec::new();
        if self.next()? == b']' {
            self.at += 1;
            return Ok(Json::Array(array));
        }
        loop {
            array.push(self.value(depth)?);
            if self.is_end(b']')? {
                array.shrink_to_fit();
                return Ok(Json::Array(array));
            }
        }
    }

    fn object(&mut self, depth: usize) -> Result<Json, SyntaxError> {
        self.at += 1;
        let mut keys = SeenKeys::default();
        let mut object = Vec::new();
        if self.next()? == b'}' {
            self.at += 1;
            return Ok(Json::Object(object));
        }
        loop {
            if self.next()? != b'"' {
                return Err(SyntaxError::Invalid { at: self.at });
            }
            let start = self.at;
            let StringToken { text: key, is_readable } = self.string()?;
            if is_readable && !keys.is_new(&key, &object, &self.hasher) {
                let (key, parents) = (quote(&key), Vec::new());
                return Err(SyntaxError::DuplicateKey { key, parents, at: self.at - 1 });
            }
            let unreadable = if is_readable {
                None
            } else {
                Some(self.unreadable(Problem::HalfSurrogateInName, start)?)
            };
            if self.next()? != b':' {
                return Err(SyntaxError::Invalid { at: self.at });
            }
            self.at += 1;
            let value = self.value(depth).map_err(|error| match error {
                SyntaxError::DuplicateKey { key: duplicate, mut parents, at } => {
                    parents.push(quote(&key));
                    SyntaxError::DuplicateKey { key: duplicate, parents, at }
                }
                other => other,
            })?;
            object.push((key, unreadable.unwrap_or(value)));
            if self.is_end(b'}')? {
                object.shrink_to_fit();
                return Ok(Json::Object(object));
            }
        }
    }

    /// Skips a comma or the end of an array or object. Whether it was the end.
    fn is_end(&mut self, end: u8) -> Result<bool, SyntaxError> {
        let byte = self.next()?;
        if byte != b',' && byte != end {
            return Err(SyntaxError::Invalid { at: self.at });
        }
        self.at += 1;
        Ok(byte == end)
    }

    /// Reads a string, which begins at the next byte.
    fn string(&mut self) -> Result<StringToken, SyntaxError> {
        let (start, bytes) = (self.at, self.text.as_bytes());
        let mut has_escapes = false;
        let mut end = start + 1;
        loop {
            let rest = bytes.get(end..).unwrap_or_default();
            let special = rest.iter().position(|byte| matches!(byte, b'"' | b'\\' | 0..=0x1f));
            end += special.ok_or(SyntaxError::Truncated)?;
            match bytes[end] {
                b'"' => break,
                b'\\' => {
                    has_escapes = true;
                    end += 2;
                }
                _ => return Err(SyntaxError::Invalid { at: end }),
            }
        }
        self.at = end + 1;
        if !has_escapes {
            let text = self.text[start + 1..end].to_owned();
            return Ok(StringToken { text, is_readable: true });
        }
        let token = &self.text[start..=end];
        if let Ok(text) = serde_json::from_str(token) {
            return Ok(StringToken { text, is_readable: true });
        }
        match serde_json::from_str::<LossyString>(token) {
            Ok(LossyString(text)) => Ok(StringToken { text, is_readable: false }),
            Err(error) => Err(SyntaxError::Invalid { at: start + error.column().max(1) - 1 }),
        }
    }

    fn number(&mut self) -> Result<Json, SyntaxError> {
        let start = self.at;
        let rest = &self.text[start..];
        if rest.starts_with("-I") {
            return self.word();
        }
        let is_part = |byte: &u8| matches!(byte, b'0'..=b'9' | b'+' | b'-' | b'.' | b'e' | b'E');
        let token = &rest[..rest.bytes().take_while(is_part).count()];
        self.at += token.len();
        let error = match serde_json::from_str::<Number>(token) {
            Ok(number) if number.is_f64() && number.to_string() != token => {
                return Ok(Json::LossyNumber(token.into()));
            }
            Ok(number) => return Ok(Json::Number(number)),
            Err(error) => error,
        };
        if serde_json::from_str::<IgnoredAny>(token).is_ok() {
            return self.unreadable(Problem::NumberTooLarge, start);
        }
        if error.is_eof() && self.at == self.text.len() {
            return Err(SyntaxError::Truncated);
        }
        Err(SyntaxError::Invalid { at: start + error.column().max(1) - 1 })
    }

    fn word(&mut self) -> Result<Json, SyntaxError> {
        let (start, rest) = (self.at, &self.text[self.at..]);
        for (word, json) in
            [("null", Json::Null), ("true", Json::Bool(true)), ("false", Json::Bool(false))]
        {
            if rest.starts_with(word) {
                self.at += word.len();
                return Ok(json);
            }
            if word.starts_with(rest) {
                return Err(SyntaxError::Truncated);
            }
        }
        // Python's parser accepts these, and its printer writes them.
        for (word, problem) in [
            ("NaN", Problem::NotANumber),
            ("Infinity", Problem::Infinity),
            ("-Infinity", Problem::Infinity),
        ] {
            if rest.starts_with(word) {
                self.at += word.len();
                return self.unreadable(problem, start);
            }
        }
        Err(SyntaxError::Invalid { at: start })
    }

    /// The value for an unreadable one that begins at this byte.
    fn unreadable(&mut self, problem: Problem, at: usize) -> Result<Json, SyntaxError> {
        if !self.keeps_unreadable {
            return Err(SyntaxError::Invalid { at });
        }
        let (line, column) = self.lines.position(self.text, at);
        let capped = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
        let (line, column) = (capped(line), capped(column));
        Ok(Json::Unreadable(UnreadableValue { problem, line, column }))
    }

    /// The line and column of a byte, from 1. Columns are counted in bytes.
    pub fn position(&self, at: usize) -> (usize, usize) {
        Lines::default().position(self.text, at)
    }
}

/// Counts lines. The positions that are asked for must not become smaller.
#[derive(Default)]
struct Lines {
    /// The bytes in which lines were counted.
    counted: usize,
    /// The number of line ends in them.
    ends: usize,
    /// The beginning of the last line.
    line_start: usize,
}

impl Lines {
    fn position(&mut self, text: &str, at: usize) -> (usize, usize) {
        for (index, byte) in text.as_bytes()[self.counted..at].iter().enumerate() {
            if *byte == b'\n' {
                self.ends += 1;
                self.line_start = self.counted + index + 1;
            }
        }
        self.counted = at;
        (self.ends + 1, at - self.line_start + 1)
    }
}

/// A string in which halves of surrogate pairs are replaced.
struct LossyString(String);

impl<'de> Deserialize<'de> for LossyString {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct BytesVisitor;
        impl Visitor<'_> for BytesVisitor {
            type Value = LossyString;

            fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                formatter.write_str("a string")
            }

            fn visit_bytes<E>(self, bytes: &[u8]) -> Result<LossyString, E> {
                // The three bytes of half a pair become three replacement characters.
                let text = String::from_utf8_lossy(bytes);
                Ok(LossyString(text.replace("\u{fffd}\u{fffd}\u{fffd}", "\u{fffd}")))
            }
        }
        deserializer.deserialize_bytes(BytesVisitor)
    }
}

/// Finds duplicate keys in one object. A small object is searched; for a large one a set of hashes is
/// used, because copies of all keys would need as much memory as the document.
#[derive(Default)]
struct SeenKeys(HashSet<u64>);

impl SeenKeys {
    /// Objects with fewer members are searched.
    const HASHING_THRESHOLD: usize = 16;

    fn is_new(&mut self, key: &str, members: &[(String, Json)], hasher: &RandomState) -> bool {
        // A name that was replaced is not a key of the document.
        let is_replaced =
            |value: &Json| matches!(value, Json::Unreadable(value) if value.is_about_name());
        let is_present = || members.iter().any(|(own, value)| own == key && !is_replaced(value));
        if members.len() < Self::HASHING_THRESHOLD {
            return !is_present();
        }
        if self.0.is_empty() {
            self.0.extend(members.iter().map(|(own, _)| hasher.hash_one(own.as_str())));
        }
        // The hasher has a random key, so that a document cannot be made to cause many collisions.
        self.0.insert(hasher.hash_one(key)) || !is_present()
    }
}
