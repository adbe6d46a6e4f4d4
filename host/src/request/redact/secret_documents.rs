//! What of a document gives something away if it stands alone: the values of members whose names
//! sound secret, and the lines. Documents are not parsed: a kubeconfig that is no YAML shows its
//! tokens all the same.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// The shortest base64 that is looked into.
const BASE64_SHORTEST: usize = 32;

/// The shortest line of a document and the shortest value in a query: these may be plain words.
pub const SHORTEST_PART: usize = 8;

/// What the names of secret things have in common.
const SECRET_NAMES: [&str; 9] =
    ["pass", "secret", "token", "key", "auth", "sig", "cred", "-data", "pwd"];

/// Whether a text is a document rather than a word or a path: it has lines, or is a JSON object.
pub fn is_document(text: &str) -> bool {
    text.contains(['\n', '\r']) || text.trim_start().starts_with('{')
}

/// The parts of a document that are to be looked for.
#[derive(Default)]
pub struct Parts {
    /// What stands under a name that sounds secret.
    pub values: Vec<String>,
    /// What is secret where it is too long for a plain word.
    pub lines: Vec<String>,
}

impl Parts {
    /// The parts of a text; none if it is no document.
    pub fn of(text: &str) -> Self {
        let mut parts = Self::default();
        if is_document(text) {
            for line in text.split(['\n', '\r']).map(str::trim) {
                parts.part(line);
                if line.contains(['{', '[']) {
                    parts.flow(line);
                }
            }
        }
        parts
    }

    /// A line, or a piece of one. The document's frame (PEM's first and last line, names alone) is
    /// no secret.
    fn part(&mut self, part: &str) {
        if part.is_empty() || part.ends_with([':', '{', '[']) || part.starts_with("-----") {
            return;
        }
        if let Some((name, value)) = member(part) {
            if sounds_secret(name) {
                self.secret(value);
            }
            if bare(value).len() < SHORTEST_PART {
                return;
            }
        }
        self.lines.push(part.to_owned());
    }

    /// The members of objects and lists in one line, as in JSON and in YAML's flow style.
    fn flow(&mut self, line: &str) {
        let (mut start, mut before, mut quote, mut is_escaped) = (0, ',', None, false);
        // How many brackets deep we are in a list whose name sounds secret.
        let mut secret_depth = 0_usize;
        for (at, sign) in line.char_indices() {
            let opens = matches!(before, ',' | '{' | '[' | ':') || before.is_whitespace();
            match quote {
                Some('"') if is_escaped => is_escaped = false,
                Some('"') if sign == '\\' => is_escaped = true,
                Some(open) if open == sign => quote = None,
                None if matches!(sign, '"' | '\'') && opens => quote = Some(sign),
                None if matches!(sign, '{' | '}' | '[' | ']' | ',') => {
                    let part = line[start..at].trim();
                    start = at + 1;
                    if secret_depth > 0 && !part.is_empty() {
                        self.secret(part);
                    }
                    self.part(part);
                    match sign {
                        '[' if secret_depth > 0 || names_a_secret(part) => secret_depth += 1,
                        ']' => secret_depth = secret_depth.saturating_sub(1),
                        _ => {}
                    }
                }
                Some(_) | None => {}
            }
            before = sign;
        }
        self.part(line[start..].trim());
    }

    /// A value as it was written: by itself, as it is read, and what it holds if it is a document.
    fn secret(&mut self, written: &str) {
        let read = serde_json::from_str::<String>(written.trim_end_matches(','));
        let without_comment = written.split(" #").next().unwrap_or_default().trim_end();
        for value in [Some(bare(written)), Some(bare(without_comment)), read.as_deref().ok()] {
            let Some(value) = value else { continue };
            self.values.push(value.to_owned());
            self.key(value);
            let decoded = Some(value).filter(|value| value.len() >= BASE64_SHORTEST);
            let decoded = decoded.and_then(|value| STANDARD.decode(value).ok());
            if let Some(decoded) = decoded.and_then(|bytes| String::from_utf8(bytes).ok()) {
                self.key(&decoded);
            }
        }
    }

    /// The lines of a key, whose line ends may be those of JSON.
    fn key(&mut self, text: &str) {
        if text.contains("-----") {
            let lines = text.split(['\n', '\r']).flat_map(|line| line.split("\\n"));
            let lines = lines.map(str::trim).filter(|line| !line.starts_with("-----"));
            self.lines.extend(lines.map(str::to_owned));
        }
    }
}

/// Whether something of this name is probably secret.
pub fn sounds_secret(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    SECRET_NAMES.iter().any(|part| name.contains(part))
}

fn names_a_secret(part: &str) -> bool {
    part.strip_suffix(':').is_some_and(sounds_secret)
}

/// A value without its quotes.
fn bare(value: &str) -> &str {
    value.trim().trim_end_matches(',').trim_matches(['"', '\''])
}

/// `name: value`, `"name":value` or `name=value`; the `=` at the end of base64 has no value.
fn member(part: &str) -> Option<(&str, &str)> {
    let (name, value) =
        quoted_name(part).or_else(|| part.split_once(": ")).or_else(|| part.split_once('='))?;
    let value = value.trim();
    bare(value).contains(|sign| sign != '=').then_some((name, value))
}

fn quoted_name(part: &str) -> Option<(&str, &str)> {
    let part = part.trim_start_matches("- ");
    let quote = part.chars().next().filter(|sign| matches!(sign, '"' | '\''))?;
    let (name, rest) = part[1..].split_once(quote)?;
    Some((name, rest.trim_start().strip_prefix(':')?))
}
