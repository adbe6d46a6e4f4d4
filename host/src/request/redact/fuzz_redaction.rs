//! Fuzz target: redaction.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::{Redactor, Secrets};

/// Secrets that are separated by NUL, and after the last NUL a text that may hold them.
pub fn redaction(input: &[u8]) {
    let Ok(input) = std::str::from_utf8(input) else { return };
    let mut parts: Vec<&str> = input.split('\0').collect();
    let Some(text) = parts.pop() else { return };
    // What is too short, or blank, is not taken out. A secret with a star could come of the stars.
    let wanted = |part: &&str| part.trim().len() >= 4 && !part.contains('*');
    let known: Vec<&str> = parts.into_iter().filter(wanted).take(4).collect();
    let secrets: Secrets = known.iter().collect();
    let redactor = Redactor::new(secrets);
    let check = |shown: &str, how: &str| {
        for secret in &known {
            assert!(!shown.contains(secret), "{secret:?} survives in {shown:?} ({how})");
        }
    };
    check(&redactor.redact(text), "whole");
    check(&redactor.redact_beginning(text, 64), "beginning");
    // A line so long that it comes in two pieces, which is longer than a secret may reach.
    let split = redactor.reach().max(3) * 2 + text.len() / 2;
    let long = text.repeat(split * 2 / text.len().max(1) + 1);
    if let Some(beginning) = long.as_bytes().get(..split) {
        let head = redactor.head(beginning, 0);
        let rest = redactor.redact_rest(&long.as_bytes()[head.taken..], head.carried);
        check(&format!("{}{rest}", head.text), "in two pieces");
    }
    // A backslash before an escape makes another text of it.
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
            assert!(!shown.contains(inner) || inner.contains('*'), "{inner:?} survives");
        }
    }
}
