//! Fuzz target: redaction.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::{Redactor, Secrets, own_words};

/// Whether a text contains a secret elsewhere than in words of our own sentences.
fn is_shown(text: &str, secret: &str) -> bool {
    let mut places = text.match_indices(secret).map(|(at, _)| at..at + secret.len());
    places.any(|place| !own_words::is_own(text.as_bytes(), &place))
}

/// The input: secrets, each followed by NUL, and a text that may contain them.
pub fn redaction(input: &[u8]) {
    let Ok(input) = std::str::from_utf8(input) else { return };
    let mut parts: Vec<&str> = input.split('\0').collect();
    let Some(text) = parts.pop() else { return };
    // Short and blank texts are not redacted. A secret with a star may be a part of the stars.
    let is_redactable = |part: &&str| part.trim().len() >= 4 && !part.contains('*');
    let known: Vec<&str> = parts.into_iter().filter(is_redactable).take(4).collect();
    let secrets: Secrets = known.iter().collect();
    let redactor = Redactor::new(secrets);
    let check = |shown: &str, how: &str| {
        for secret in &known {
            assert!(!is_shown(shown, secret), "{secret:?} is not redacted in {shown:?} ({how})");
        }
    };
    check(&redactor.redact(text), "whole");
    check(&redactor.redact_beginning(text, 64), "beginning");
    // A line that is longer than the longest match, and arrives in two pieces.
    let split = redactor.longest_match().max(3) * 2 + text.len() / 2;
    let long = text.repeat(split * 2 / text.len().max(1) + 1);
    if let Some(beginning) = long.as_bytes().get(..split) {
        let prefix = redactor.redact_prefix(beginning, 0);
        let rest = redactor.redact_rest(&long.as_bytes()[prefix.consumed..], prefix.redacted);
        check(&format!("{}{rest}", prefix.text), "in two pieces");
    }
    // A backslash before an escape sequence changes its meaning.
    let before = text.trim_end_matches('\\');
    for secret in &known {
        for spelled in [
            serde_json::to_string(secret).expect("text"),
            format!("{secret:?}"),
            secret.escape_default().to_string(),
            secret.escape_unicode().to_string(),
            STANDARD.encode(secret),
        ] {
            let shown = redactor.redact(&format!("{before}{spelled}{text}"));
            check(&shown, "between others");
            let inner = spelled.trim_matches('"');
            assert!(!is_shown(&shown, inner) || inner.contains('*'), "{inner:?} is not redacted");
        }
    }
}
