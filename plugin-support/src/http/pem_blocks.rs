//! Parses PEM as Go's `encoding/pem` does, so that module Kubernetes reads what kubectl reads.

use base64::Engine as _;
use base64::alphabet::STANDARD;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig};

/// The blocks of a text.
#[derive(Debug, Default)]
pub struct PemBlocks {
    /// The blocks that can be decoded, in their order.
    pub blocks: Vec<PemBlock>,
    /// Whether another block cannot be decoded: it is damaged, or it shares a line with the next one.
    pub has_malformed: bool,
}

/// A block of PEM.
pub struct PemBlock {
    /// The word after `BEGIN`, for example `CERTIFICATE`.
    pub label: String,
    /// Whether lines like `Proc-Type: 4,ENCRYPTED` precede the data.
    pub has_headers: bool,
    /// The decoded data.
    pub der: Vec<u8>,
}

impl std::fmt::Debug for PemBlock {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // The data may be a private key.
        f.debug_struct("PemBlock").field("label", &self.label).finish_non_exhaustive()
    }
}

/// Like Go, it accepts any bits after the last byte.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_allow_trailing_bits(true),
);

const BEGIN: &[u8] = b"\n-----BEGIN ";
const END: &[u8] = b"\n-----END ";
const DASHES: &[u8] = b"-----";

impl PemBlocks {
    /// Parses a text. What is before, between and after the blocks is ignored.
    pub fn parse(text: &[u8]) -> Self {
        let mut found = Self::default();
        let mut rest = text;
        while let Some(start) = begin(rest) {
            let (label, after) = line(&rest[start..]);
            rest = after;
            let Some(label) = label.strip_suffix(DASHES) else { continue };
            match block(label, &mut rest) {
                Some(block) => found.blocks.push(block),
                None => found.has_malformed = true,
            }
        }
        found
    }

    /// The data of all blocks with this label that have no headers.
    pub fn labelled(self, label: &str) -> impl Iterator<Item = Vec<u8>> {
        let is_labelled = move |block: &PemBlock| block.label == label && !block.has_headers;
        self.blocks.into_iter().filter(is_labelled).map(|block| block.der)
    }
}

/// The position after the next `-----BEGIN ` at the beginning of a line.
fn begin(text: &[u8]) -> Option<usize> {
    if text.starts_with(&BEGIN[1..]) {
        return Some(BEGIN.len() - 1);
    }
    find(text, BEGIN).map(|position| position + BEGIN.len())
}

/// The block with this label, whose headers and data begin at `rest`. `rest` is then what follows. `None` if it
/// cannot be decoded; `rest` is then after the headers.
fn block(label: &[u8], rest: &mut &[u8]) -> Option<PemBlock> {
    let mut has_headers = false;
    loop {
        let (header, after) = line(rest);
        if !header.contains(&b':') {
            break;
        }
        has_headers = true;
        *rest = after;
    }
    let (data, after) = if !has_headers && rest.starts_with(&END[1..]) {
        (&rest[..0], &rest[END.len() - 1..])
    } else {
        // base64 has no dash, so the first one must be that of the end.
        let end = rest.iter().position(|&byte| byte == b'-')?.checked_sub(1)?;
        if !rest[end..].starts_with(END) {
            return None;
        }
        (&rest[..end], &rest[end + END.len()..])
    };
    let end_of_line = after.strip_prefix(label)?.strip_prefix(DASHES)?;
    let (joined, after) = line(end_of_line);
    if !joined.is_empty() {
        return None;
    }
    let mut data = data.to_vec();
    data.retain(|byte| !b" \t\r\n".contains(byte));
    let der = BASE64.decode(data).ok()?;
    *rest = after;
    Some(PemBlock { label: String::from_utf8_lossy(label).into_owned(), has_headers, der })
}

/// The first line without blanks at its end, and what follows it.
fn line(text: &[u8]) -> (&[u8], &[u8]) {
    let (line, rest) = match text.iter().position(|&byte| byte == b'\n') {
        Some(end) => (&text[..end], &text[end + 1..]),
        None => (text, &text[text.len()..]),
    };
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    let length = line.iter().rposition(|byte| !b" \t".contains(byte)).map_or(0, |last| last + 1);
    (&line[..length], rest)
}

fn find(text: &[u8], part: &[u8]) -> Option<usize> {
    text.windows(part.len()).position(|window| window == part)
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: &str = "-----BEGIN A-----\nAAEC\n-----END A-----\n";
    const B: &str = "-----BEGIN B-----\nAwQF\n-----END B-----\n";

    /// The labels of the blocks, and whether another one is malformed.
    fn labels(text: &str) -> (String, bool) {
        let found = PemBlocks::parse(text.as_bytes());
        let labels = found.blocks.iter().map(|block| block.label.as_str()).collect();
        (labels, found.has_malformed)
    }

    /// Quadratic time would be minutes.
    #[test]
    fn reads_a_million_bytes_of_malformed_blocks() {
        let lines = "-----BEGIN A-----\n".repeat(60_000);
        assert_eq!(labels(&lines), (String::new(), true));
        assert_eq!(labels(&format!("{lines}-----END A-----\n")), ("A".to_owned(), true));
    }

    #[test]
    fn reads_blocks_among_other_texts() {
        let joined = |text: &str| labels(text);
        for text in [
            format!("{A}{B}"),
            format!("{A}{B}").replace('\n', "\r\n"),
            format!("{A}{B}").replace('\n', " \t\n"),
            format!("{A}subject=a: b\n\n{B}the end"),
            format!("{A}{B}").trim_end().to_owned(),
            format!("\n\n{A}  {A}{B}"),
            "-----BEGIN A-----\nA A\nEC\n\n-----END A-----\n".to_owned() + B,
            "-----BEGIN A-----\n-----END A-----\n".to_owned() + B,
        ] {
            assert_eq!(joined(&text), ("AB".to_owned(), false), "{text}");
        }
    }

    #[test]
    fn skips_malformed_blocks_as_kubectl_does() {
        let two_in_a_line = format!("{}{B}", A.trim_end());
        assert_eq!(labels(&two_in_a_line), (String::new(), true));
        assert_eq!(labels(&format!("{two_in_a_line}{A}")), ("A".to_owned(), true));
        for damaged in [
            A.replace("AAEC", "AA*C"),
            A.replace("AAEC", "AAE"),
            A.replace("END A", "END C"),
            A.replace("END A-----", "END A----"),
            A.replace("-----END", "----END"),
        ] {
            assert_eq!(labels(&format!("{B}{damaged}")), ("B".to_owned(), true), "{damaged}");
        }
        assert_eq!(labels(&A[1..]), (String::new(), false));
    }

    #[test]
    fn reads_headers_and_bits_after_the_last_byte() {
        let found = PemBlocks::parse(
            b"-----BEGIN A-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: x\n\nAAEC\n-----END A-----\n\
              -----BEGIN A-----\nAB==\n-----END A-----\n",
        );
        let headers: Vec<bool> = found.blocks.iter().map(|block| block.has_headers).collect();
        assert_eq!(headers, [true, false]);
        assert_eq!(found.blocks[0].der, [0, 1, 2]);
        assert_eq!(found.labelled("A").collect::<Vec<_>>(), [[0]]);
    }

    #[test]
    fn every_part_of_a_text_can_be_parsed() {
        let text = format!("{A}Proc-Type: x\n{B}");
        for start in 0..text.len() {
            for end in start..text.len() {
                PemBlocks::parse(&text.as_bytes()[start..end]);
            }
        }
    }
}
