//! What an answer's `Content-Encoding` says, and taking gzip off as it comes.

use std::io::{self, Write};

use flate2::write::MultiGzDecoder;
use gatherer_plugin_api::GatherError;
use reqwest::header::{CONTENT_ENCODING, HeaderMap};

use super::error::Place;

/// How a body is encoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Encoding {
    Identity,
    Gzip,
}

impl Encoding {
    /// What the headers say, all of them: each may be a list, and names are of any case (RFC 9110
    /// section 8.4). Nothing but gzip is asked for.
    pub fn of(headers: &HeaderMap, place: &Place) -> Result<Self, GatherError> {
        let values = headers.get_all(CONTENT_ENCODING).iter();
        let values: Vec<_> =
            values.map(|value| String::from_utf8_lossy(value.as_bytes())).collect();
        let names: Vec<String> = values
            .iter()
            .flat_map(|value| value.split(','))
            .map(|name| name.trim().to_ascii_lowercase())
            .filter(|name| !name.is_empty() && name != "identity")
            .collect();
        match names.as_slice() {
            [] => Ok(Self::Identity),
            [name] if name == "gzip" || name == "x-gzip" => Ok(Self::Gzip),
            names => {
                let names: String = names.join(", ").chars().take(40).collect();
                Err(GatherError::protocol(format!(
                    "{}: the answer is encoded as {}, which was not asked for",
                    place.where_text(),
                    names.escape_default()
                )))
            }
        }
    }
}

/// Why a body cannot be taken.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Unusable {
    TooLarge,
    Damaged,
}

/// Takes a body piece by piece and keeps what it means.
pub(super) enum Decoder {
    Identity(Kept),
    /// Boxed, because its state is large.
    Gzip {
        decoder: Box<MultiGzDecoder<Kept>>,
        /// Members without content cost no room, so what comes is counted too.
        read: usize,
    },
}

impl Decoder {
    /// Keeps at most this many bytes. `announced`: how many are to come.
    pub fn new(encoding: Encoding, most: usize, announced: Option<usize>) -> Self {
        let mut kept = Kept { bytes: Vec::new(), most, full: false };
        match encoding {
            Encoding::Identity => {
                // Only a help against copying: without the room it goes on as without the length.
                let _ = kept.bytes.try_reserve_exact(announced.unwrap_or(0).min(most));
                Self::Identity(kept)
            }
            Encoding::Gzip => Self::Gzip { decoder: Box::new(MultiGzDecoder::new(kept)), read: 0 },
        }
    }

    /// Takes the next piece. Stops where the limit is reached, without decoding the rest.
    pub fn push(&mut self, piece: &[u8]) -> Result<(), Unusable> {
        match self {
            Self::Identity(kept) => kept.write_all(piece).map_err(|_| Unusable::TooLarge),
            Self::Gzip { decoder, read } => {
                *read += piece.len();
                let most = decoder.get_ref().most;
                // More than what nothing can compress grows by.
                if *read > most.saturating_add(most / 100).saturating_add(64 * 1024) {
                    return Err(Unusable::TooLarge);
                }
                decoder.write_all(piece).map_err(|_| why(decoder.get_ref()))
            }
        }
    }

    /// How many bytes of content there are.
    pub fn len(&self) -> usize {
        match self {
            Self::Identity(kept) => kept.bytes.len(),
            Self::Gzip { decoder, .. } => decoder.get_ref().bytes.len(),
        }
    }

    /// The content, after the last piece. Gzip has to end with the end of a member.
    pub fn finish(self) -> Result<Vec<u8>, Unusable> {
        match self {
            Self::Identity(kept) => Ok(kept.bytes),
            // An answer without a body may still name an encoding.
            Self::Gzip { read: 0, .. } => Ok(Vec::new()),
            Self::Gzip { mut decoder, .. } => {
                decoder.try_finish().map_err(|_| why(decoder.get_ref()))?;
                Ok(std::mem::take(&mut decoder.get_mut().bytes))
            }
        }
    }

    /// The content as far as it came, whole or not.
    pub fn into_what_came(self) -> Vec<u8> {
        match self {
            Self::Identity(kept) => kept.bytes,
            Self::Gzip { mut decoder, .. } => {
                let _ = decoder.flush();
                std::mem::take(&mut decoder.get_mut().bytes)
            }
        }
    }
}

fn why(kept: &Kept) -> Unusable {
    if kept.full { Unusable::TooLarge } else { Unusable::Damaged }
}

/// Bytes up to a limit; what goes beyond it is an error, after as much as fits.
pub(super) struct Kept {
    bytes: Vec<u8>,
    most: usize,
    full: bool,
}

impl Write for Kept {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let room = self.most - self.bytes.len();
        if room == 0 && !bytes.is_empty() {
            self.full = true;
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        let fitting = &bytes[..bytes.len().min(room)];
        let needed = self.bytes.len() + fitting.len();
        if needed > self.bytes.capacity() {
            // Doubled as usual, but never beyond the limit.
            let capacity = needed.max(self.bytes.capacity().saturating_mul(2)).min(self.most);
            self.bytes.reserve_exact(capacity - self.bytes.len());
        }
        self.bytes.extend_from_slice(fitting);
        Ok(fitting.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use flate2::Compression;
    use flate2::write::GzEncoder;

    use super::*;
    use crate::http::Limits;

    const TEXT: &[u8] = b"The quick brown fox jumps over the lazy dog.";

    fn gzip(data: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(data).expect("a Vec takes everything");
        encoder.finish().expect("a Vec takes everything")
    }

    fn decode(data: &[u8], piece: usize, most: usize) -> Result<Vec<u8>, Unusable> {
        let mut decoder = Decoder::new(Encoding::Gzip, most, None);
        for piece in data.chunks(piece) {
            decoder.push(piece)?;
        }
        decoder.finish()
    }

    #[test]
    fn every_member_is_read_however_the_pieces_fall() {
        let empty = gzip(b"");
        let data = [gzip(&TEXT[..20]), empty.clone(), gzip(&TEXT[20..]), empty].concat();
        for piece in 1..=data.len() {
            assert_eq!(decode(&data, piece, TEXT.len()).as_deref(), Ok(TEXT), "{piece}");
        }
    }

    #[test]
    fn a_cut_or_anything_after_the_last_member_is_damage_however_the_pieces_fall() {
        let members = [gzip(b"{}"), gzip(TEXT)].concat();
        let first = gzip(b"{}").len();
        for cut in (1..members.len()).filter(|cut| *cut != first) {
            for piece in [1, 7, members.len()] {
                let outcome = decode(&members[..cut], piece, 1000);
                assert_eq!(outcome, Err(Unusable::Damaged), "{cut} in pieces of {piece}");
            }
        }
        for rest in [&b"x"[..], b"\0", b"{\"h1\": {}}", b"\x1f\x8b", &[0; 512]] {
            for piece in [1, 7, 1000] {
                let outcome = decode(&[&members, rest].concat(), piece, 1000);
                assert_eq!(outcome, Err(Unusable::Damaged), "{rest:?} in pieces of {piece}");
            }
        }
        let mut wrong_sum = gzip(TEXT);
        let sum = wrong_sum.len() - 8;
        wrong_sum[sum] ^= 1;
        assert_eq!(decode(&wrong_sum, 1000, 1000), Err(Unusable::Damaged));
    }

    #[test]
    fn the_limit_holds_for_the_content_and_for_members_without_any() {
        let zeros = gzip(&vec![0; 1_000_000]);
        assert_eq!(decode(&zeros, 100, 1_000_000).map(|bytes| bytes.len()), Ok(1_000_000));
        assert_eq!(decode(&zeros, 100, 999_999), Err(Unusable::TooLarge));
        let mut decoder = Decoder::new(Encoding::Gzip, 1000, None);
        assert_eq!(decoder.push(&zeros), Err(Unusable::TooLarge));
        assert_eq!(decoder.len(), 1000);
        let Decoder::Gzip { decoder, .. } = decoder else { panic!("it is gzip") };
        assert_eq!(decoder.get_ref().bytes.capacity(), 1000);

        let nothing = gzip(b"").repeat(10_000);
        assert_eq!(decode(&nothing, 100, 1000), Err(Unusable::TooLarge));
    }

    #[test]
    fn what_came_of_an_error_is_shown_even_if_it_is_cut() {
        let data = gzip(TEXT);
        let mut decoder = Decoder::new(Encoding::Gzip, 1000, None);
        decoder.push(&data[..data.len() - 8]).expect("no damage so far");
        assert_eq!(decoder.into_what_came(), TEXT);
    }

    #[test]
    fn room_is_made_for_what_is_announced_and_no_more_than_is_allowed() {
        let capacity = |announced| match Decoder::new(Encoding::Identity, 1000, announced) {
            Decoder::Identity(kept) => kept.bytes.capacity(),
            Decoder::Gzip { .. } => panic!("not asked for"),
        };
        assert_eq!([capacity(None), capacity(Some(10)), capacity(Some(9999))], [0, 10, 1000]);
    }

    #[test]
    fn all_headers_are_looked_at_and_names_are_of_any_case() {
        let place = Place::new("GET http://h/", false, Limits::default());
        let of = |values: &[&str]| {
            let values = values.iter().map(|value| value.parse().expect("a header"));
            let mut headers = HeaderMap::new();
            for value in values {
                headers.append(CONTENT_ENCODING, value);
            }
            Encoding::of(&headers, &place)
        };
        for none in [&[][..], &["identity"], &["Identity, IDENTITY"], &["", " , "]] {
            assert_eq!(of(none), Ok(Encoding::Identity), "{none:?}");
        }
        for gzip in [&["gzip"][..], &["GZIP"], &["x-gzip"], &["X-GZip "], &["identity", "gzip"]] {
            assert_eq!(of(gzip), Ok(Encoding::Gzip), "{gzip:?}");
        }
        for (other, named) in [
            (&["br"][..], "br"),
            (&["identity", "br"], "br"),
            (&["gzip", "br"], "gzip, br"),
            (&["gzip, gzip"], "gzip, gzip"),
            (&["gzipped"], "gzipped"),
        ] {
            let error = of(other).expect_err("not asked for");
            let expected = format!("is encoded as {named}, which was not asked for");
            assert!(error.message.ends_with(&expected), "{error}");
        }
    }
}
