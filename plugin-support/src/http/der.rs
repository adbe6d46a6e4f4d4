//! A small reader of DER (X.690), for certificates and private keys.

pub(super) const INTEGER: u8 = 0x02;
pub(super) const BIT_STRING: u8 = 0x03;
pub(super) const OCTET_STRING: u8 = 0x04;
pub(super) const OID: u8 = 0x06;
pub(super) const SEQUENCE: u8 = 0x30;

/// The tag of a constructed element with this context-specific number.
pub(super) const fn context(number: u8) -> u8 {
    0xa0 | number
}

/// Reads elements one after the other. Every method returns `None` if the bytes are not such an element.
#[derive(Debug, Clone, Copy)]
pub(super) struct DerReader<'a>(pub &'a [u8]);

impl<'a> DerReader<'a> {
    /// The tag and the content of the next element.
    pub fn element(&mut self) -> Option<(u8, &'a [u8])> {
        let (&tag, rest) = self.0.split_first()?;
        // Tags of more than one byte occur neither in certificates nor in keys.
        if tag & 0x1f == 0x1f {
            return None;
        }
        let (&first, mut rest) = rest.split_first()?;
        let mut length = usize::from(first);
        if first >= 0x80 {
            let digits = usize::from(first & 0x7f);
            // 0 would be an indefinite length, which DER does not allow.
            if digits == 0 || digits > 4 {
                return None;
            }
            let (bytes, after) = rest.split_at_checked(digits)?;
            length = bytes.iter().fold(0, |length, &byte| length << 8 | usize::from(byte));
            rest = after;
        }
        let (content, rest) = rest.split_at_checked(length)?;
        self.0 = rest;
        Some((tag, content))
    }

    /// The content of the next element, which must have this tag.
    pub fn expect(&mut self, tag: u8) -> Option<&'a [u8]> {
        self.element().filter(|element| element.0 == tag).map(|element| element.1)
    }

    /// The content of the next element if it has this tag. Otherwise nothing is read.
    pub fn optional(&mut self, tag: u8) -> Option<&'a [u8]> {
        if self.0.first() == Some(&tag) { self.expect(tag) } else { None }
    }

    /// The next element, which must have this tag, with its tag and length.
    pub fn expect_whole(&mut self, tag: u8) -> Option<&'a [u8]> {
        let before = self.0;
        self.expect(tag)?;
        before.get(..before.len() - self.0.len())
    }

    /// The bits of the next element, a bit string of whole bytes.
    pub fn bits(&mut self) -> Option<&'a [u8]> {
        self.expect(BIT_STRING)?.strip_prefix(&[0])
    }
}

/// The content of a single element with this tag. Bytes after it are an error.
pub(super) fn only(der: &[u8], tag: u8) -> Option<&[u8]> {
    let mut reader = DerReader(der);
    reader.expect(tag).filter(|_| reader.0.is_empty())
}

/// An element with this tag and content.
pub(super) fn encode(tag: u8, content: &[u8]) -> Vec<u8> {
    let length = content.len().to_be_bytes();
    let digits =
        length.iter().position(|&byte| byte != 0).map_or(&[][..], |first| &length[first..]);
    let mut element = vec![tag];
    match digits {
        [] => element.push(0),
        [short] if *short < 0x80 => element.push(*short),
        // A `usize` has at most eight digits.
        long => {
            element.push(0x80 | u8::try_from(long.len()).unwrap_or_default());
            element.extend_from_slice(long);
        }
    }
    element.extend_from_slice(content);
    element
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_short_and_long_lengths_and_nothing_that_is_cut_off() {
        for length in [0, 1, 127, 128, 255, 256, 70_000] {
            let element = encode(OCTET_STRING, &vec![7; length]);
            let mut reader = DerReader(&element);
            assert_eq!(reader.expect_whole(OCTET_STRING), Some(&element[..]), "{length}");
            assert_eq!(only(&element, OCTET_STRING).map(<[u8]>::len), Some(length));
            assert_eq!(only(&element, SEQUENCE), None);
            for end in 0..element.len().min(300) {
                assert_eq!(DerReader(&element[..end]).element(), None, "{length}, {end}");
            }
            assert_eq!(only(&[&element[..], &[0]].concat(), OCTET_STRING), None);
        }
    }

    #[test]
    fn rejects_what_is_not_der() {
        for der in [&[0x30, 0x80, 0, 0][..], &[0x1f, 1, 0], &[0x30, 0x85, 0, 0, 0, 0, 0], &[]] {
            assert_eq!(DerReader(der).element(), None, "{der:?}");
        }
        assert_eq!(DerReader(&[3, 2, 1, 2]).bits(), None, "unused bits");
        assert_eq!(DerReader(&[3, 0]).bits(), None, "no number of unused bits");
        let mut reader = DerReader(&[2, 1, 5]);
        assert_eq!(reader.optional(SEQUENCE), None);
        assert_eq!(reader.optional(INTEGER), Some(&[5][..]));
    }
}
