//! Parses `Content-Encoding`, and decodes a gzip body chunk by chunk.

use std::io::{self, Write};

use flate2::write::MultiGzDecoder;
use gatherer_plugin_api::GatherError;
use http::header::{CONTENT_ENCODING, HeaderMap};

use super::error::Exchange;

/// The encoding of a body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encoding {
    /// Not compressed.
    Identity,
    /// One or more gzip members.
    Gzip,
}

impl Encoding {
    /// The encoding according to all `Content-Encoding` headers. Each may be a list, and names are
    /// case-insensitive (RFC 9110 section 8.4). Only gzip is supported, since the client requests no
    /// other encoding.
    pub fn of(headers: &HeaderMap, exchange: &Exchange) -> Result<Self, GatherError> {
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
                    "{}: the content encoding {} is not supported",
                    exchange.description(),
                    names.escape_default()
                )))
            }
        }
    }
}

/// Why a body cannot be decoded.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum BodyError {
    TooLarge,
    Damaged,
}

/// Receives a body in chunks and collects its decoded content.
pub(super) enum BodyDecoder {
    Identity(CappedBuffer),
    /// Boxed, because its state is large.
    Gzip {
        decoder: Box<MultiGzDecoder<CappedBuffer>>,
        /// The number of compressed bytes received. They are limited too, because gzip members without
        /// content would never fill the buffer.
        received: usize,
    },
}

impl BodyDecoder {
    /// Collects at most `max_bytes` of content. `capacity` is about how many bytes of content are expected.
    pub fn new(encoding: Encoding, max_bytes: usize, capacity: usize) -> Self {
        let mut buffer = CappedBuffer { bytes: Vec::new(), max_bytes, is_full: false };
        match encoding {
            Encoding::Identity => {
                // This only avoids copying: if it fails, the buffer grows step by step.
                let _ = buffer.bytes.try_reserve_exact(capacity.min(max_bytes));
                Self::Identity(buffer)
            }
            Encoding::Gzip => {
                Self::Gzip { decoder: Box::new(MultiGzDecoder::new(buffer)), received: 0 }
            }
        }
    }

    /// Decodes the next chunk. Stops at the limit, without decoding the rest.
    pub fn push(&mut self, chunk: &[u8]) -> Result<(), BodyError> {
        match self {
            Self::Identity(buffer) => buffer.write_all(chunk).map_err(|_| BodyError::TooLarge),
            Self::Gzip { decoder, received } => {
                *received += chunk.len();
                let max_bytes = decoder.get_ref().max_bytes;
                // Compressing incompressible data adds less than this.
                let overhead = (max_bytes / 100).saturating_add(64 * 1024);
                if *received > max_bytes.saturating_add(overhead) {
                    return Err(BodyError::TooLarge);
                }
                decoder.write_all(chunk).map_err(|_| decoder.get_ref().error())
            }
        }
    }

    /// The number of bytes of content so far.
    pub fn len(&self) -> usize {
        match self {
            Self::Identity(buffer) => buffer.bytes.len(),
            Self::Gzip { decoder, .. } => decoder.get_ref().bytes.len(),
        }
    }

    /// The content, after the last chunk. Gzip data must end at the end of a member.
    pub fn finish(self) -> Result<Vec<u8>, BodyError> {
        match self {
            Self::Identity(buffer) => Ok(buffer.bytes),
            // A response without a body may still have a Content-Encoding.
            Self::Gzip { received: 0, .. } => Ok(Vec::new()),
            Self::Gzip { mut decoder, .. } => {
                decoder.try_finish().map_err(|_| decoder.get_ref().error())?;
                Ok(std::mem::take(&mut decoder.get_mut().bytes))
            }
        }
    }

    /// The content that was received so far, which may be incomplete.
    pub fn into_partial(self) -> Vec<u8> {
        match self {
            Self::Identity(buffer) => buffer.bytes,
            Self::Gzip { mut decoder, .. } => {
                let _ = decoder.flush();
                std::mem::take(&mut decoder.get_mut().bytes)
            }
        }
    }
}

/// Collects bytes up to a limit. Writing more fills the buffer and then fails.
pub(super) struct CappedBuffer {
    bytes: Vec<u8>,
    max_bytes: usize,
    is_full: bool,
}

impl CappedBuffer {
    /// Why a decoder that writes to this buffer failed.
    fn error(&self) -> BodyError {
        if self.is_full { BodyError::TooLarge } else { BodyError::Damaged }
    }
}

impl Write for CappedBuffer {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let room = self.max_bytes - self.bytes.len();
        if room == 0 && !bytes.is_empty() {
            self.is_full = true;
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        let fitting = &bytes[..bytes.len().min(room)];
        let needed = self.bytes.len() + fitting.len();
        if needed > self.bytes.capacity() {
            // Doubles as Vec does, but never beyond the limit.
            let doubled = self.bytes.capacity().saturating_mul(2);
            let capacity = needed.max(doubled).min(self.max_bytes);
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
    use crate::http::Timeouts;

    const TEXT: &[u8] = b"The quick brown fox jumps over the lazy dog.";

    fn gzip(data: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(data).expect("writing to a Vec cannot fail");
        encoder.finish().expect("writing to a Vec cannot fail")
    }

    fn decode(data: &[u8], chunk_size: usize, max_bytes: usize) -> Result<Vec<u8>, BodyError> {
        let mut decoder = BodyDecoder::new(Encoding::Gzip, max_bytes, 0);
        for chunk in data.chunks(chunk_size) {
            decoder.push(chunk)?;
        }
        decoder.finish()
    }

    #[test]
    fn decodes_all_members_in_chunks_of_any_size() {
        let empty = gzip(b"");
        let data = [gzip(&TEXT[..20]), empty.clone(), gzip(&TEXT[20..]), empty].concat();
        for chunk_size in 1..=data.len() {
            assert_eq!(decode(&data, chunk_size, TEXT.len()).as_deref(), Ok(TEXT), "{chunk_size}");
        }
    }

    #[test]
    fn rejects_truncated_data_and_trailing_bytes_in_chunks_of_any_size() {
        let members = [gzip(b"{}"), gzip(TEXT)].concat();
        let first = gzip(b"{}").len();
        for length in (1..members.len()).filter(|length| *length != first) {
            for chunk_size in [1, 7, members.len()] {
                let outcome = decode(&members[..length], chunk_size, 1000);
                let case = format!("{length} bytes in chunks of {chunk_size}");
                assert_eq!(outcome, Err(BodyError::Damaged), "{case}");
            }
        }
        for rest in [&b"x"[..], b"\0", b"{\"h1\": {}}", b"\x1f\x8b", &[0; 512]] {
            for chunk_size in [1, 7, 1000] {
                let outcome = decode(&[&members, rest].concat(), chunk_size, 1000);
                let case = format!("{rest:?} in chunks of {chunk_size}");
                assert_eq!(outcome, Err(BodyError::Damaged), "{case}");
            }
        }
        let mut wrong_checksum = gzip(TEXT);
        let checksum = wrong_checksum.len() - 8;
        wrong_checksum[checksum] ^= 1;
        assert_eq!(decode(&wrong_checksum, 1000, 1000), Err(BodyError::Damaged));
    }

    #[test]
    fn limits_the_content_and_the_number_of_empty_members() {
        let zeros = gzip(&vec![0; 1_000_000]);
        assert_eq!(decode(&zeros, 100, 1_000_000).map(|bytes| bytes.len()), Ok(1_000_000));
        assert_eq!(decode(&zeros, 100, 999_999), Err(BodyError::TooLarge));
        let mut decoder = BodyDecoder::new(Encoding::Gzip, 1000, 0);
        assert_eq!(decoder.push(&zeros), Err(BodyError::TooLarge));
        assert_eq!(decoder.len(), 1000);
        let BodyDecoder::Gzip { decoder, .. } = decoder else { panic!("not a gzip decoder") };
        assert_eq!(decoder.get_ref().bytes.capacity(), 1000);

        let empty_members = gzip(b"").repeat(10_000);
        assert_eq!(decode(&empty_members, 100, 1000), Err(BodyError::TooLarge));
    }

    #[test]
    fn a_truncated_body_can_be_read_in_part() {
        let data = gzip(TEXT);
        let mut decoder = BodyDecoder::new(Encoding::Gzip, 1000, 0);
        decoder.push(&data[..data.len() - 8]).expect("no damage so far");
        assert_eq!(decoder.into_partial(), TEXT);
    }

    #[test]
    fn reserves_the_expected_length_up_to_the_limit() {
        let reserved = |capacity| match BodyDecoder::new(Encoding::Identity, 1000, capacity) {
            BodyDecoder::Identity(buffer) => buffer.bytes.capacity(),
            BodyDecoder::Gzip { .. } => panic!("not an identity decoder"),
        };
        assert_eq!([reserved(0), reserved(10), reserved(9999)], [0, 10, 1000]);
    }

    #[test]
    fn reads_all_headers_with_names_in_any_case() {
        let exchange = Exchange::new("GET http://h/", false, Timeouts::default());
        let of = |values: &[&str]| {
            let values = values.iter().map(|value| value.parse().expect("a header"));
            let mut headers = HeaderMap::new();
            for value in values {
                headers.append(CONTENT_ENCODING, value);
            }
            Encoding::of(&headers, &exchange)
        };
        for identity in [&[][..], &["identity"], &["Identity, IDENTITY"], &["", " , "]] {
            assert_eq!(of(identity), Ok(Encoding::Identity), "{identity:?}");
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
            let error = of(other).expect_err("not supported");
            assert!(error.message.contains(&format!(" {named} ")), "{error}");
        }
    }
}
