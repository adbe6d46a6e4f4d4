//! The secret parts of a document: the values of members with secret names, and its lines. The document is not
//! parsed, because an invalid kubeconfig contains tokens too.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// The minimum length of a value that is decoded from base64.
const BASE64_MIN_BYTES: usize = 32;

/// The minimum length of a line of a document, or a value in a query, that is secret. Shorter ones are often
/// common words.
pub const PART_MIN_BYTES: usize = 8;

/// Parts of the names of secret members.
const SECRET_NAMES: [&str; 9] =
    ["pass", "secret", "token", "key", "auth", "sig", "cred", "-data", "pwd"];

/// Whether a text is a document rather than a word or a path: it has several lines, is a JSON object, or is PEM
/// whose line breaks were lost in a form. A path that was pasted can end in a line break; a single line with `:` or
/// `#` before a line break is a document.
pub fn is_document(text: &str) -> bool {
    const LINE_BREAKS: [char; 2] = ['\n', '\r'];
    let trimmed = text.trim();
    let is_word = !trimmed.is_empty() && !trimmed.contains([':', '#']);
    trimmed.contains(LINE_BREAKS)
        || (text.contains(LINE_BREAKS) && !is_word)
        || ["{", "-----BEGIN "].iter().any(|start| trimmed.starts_with(start))
}

/// The secret parts of a document.
#[derive(Default)]
pub struct SecretParts {
    /// The values of members with secret names.
    pub values: Vec<String>,
    /// Lines and members that are secret if they are longer than a common word.
    pub lines: Vec<String>,
}

impl SecretParts {
    /// The secret parts of a text; none if it is not a document.
    pub fn of(text: &str) -> Self {
        let mut parts = Self::default();
        if is_document(text) {
            for line in text.split(['\n', '\r']).map(str::trim) {
                parts.add_part(line);
                if line.contains(['{', '[']) {
                    parts.add_members(line);
                }
            }
        }
        parts
    }

    /// Adds a line or a member in it. Names without a value, and the first and last line of PEM, are not secret.
    fn add_part(&mut self, part: &str) {
        if part.is_empty() || part.ends_with([':', '{', '[']) || part.starts_with("-----") {
            return;
        }
        if let Some((name, value)) = member(part) {
            if is_secret_name(name) && !names_file(name, value) {
                self.add_value(value);
            }
            if unquoted(value).len() < PART_MIN_BYTES {
                return;
            }
        }
        self.lines.push(part.to_owned());
    }

    /// Adds the members of objects and lists in one line, as in JSON and in YAML's flow style.
    fn add_members(&mut self, line: &str) {
        let (mut start, mut before, mut quote, mut is_escaped) = (0, ',', None, false);
        // The depth of brackets in a list with a secret name; 0 outside of one.
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
                        self.add_value(part);
                    }
                    self.add_part(part);
                    match sign {
                        '[' if secret_depth > 0 || begins_secret_list(part) => secret_depth += 1,
                        ']' => secret_depth = secret_depth.saturating_sub(1),
                        _ => {}
                    }
                }
                Some(_) | None => {}
            }
            before = sign;
        }
        self.add_part(line[start..].trim());
    }

    /// Adds a value without its quotes, without a comment, and as parsed from JSON; and if one of these, or its
    /// decoded base64, is a key in PEM, also the lines of the key.
    fn add_value(&mut self, written: &str) {
        let parsed = serde_json::from_str::<String>(written.trim_end_matches(','));
        let without_comment = written.split(" #").next().unwrap_or_default().trim_end();
        for value in
            [Some(unquoted(written)), Some(unquoted(without_comment)), parsed.as_deref().ok()]
        {
            let Some(value) = value else { continue };
            self.values.push(value.to_owned());
            self.add_key_lines(value);
            let decoded = Some(value).filter(|value| value.len() >= BASE64_MIN_BYTES);
            let decoded = decoded.and_then(|value| STANDARD.decode(value).ok());
            if let Some(decoded) = decoded.and_then(|bytes| String::from_utf8(bytes).ok()) {
                self.add_key_lines(&decoded);
            }
        }
    }

    /// Adds the lines of a key in PEM, whose line feeds may be escaped as in JSON.
    fn add_key_lines(&mut self, text: &str) {
        if text.contains("-----") {
            let lines = text.split(['\n', '\r']).flat_map(|line| line.split("\\n"));
            let lines = lines.map(str::trim).filter(|line| !line.starts_with("-----"));
            self.lines.extend(lines.map(str::to_owned));
        }
    }
}

/// Whether a member with this name is probably secret.
pub fn is_secret_name(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    SECRET_NAMES.iter().any(|part| name.contains(part))
}

/// Whether a member names a file with a secret or a certificate, such as `client-key: /etc/kube/key.pem`.
fn names_file(name: &str, value: &str) -> bool {
    const FILES: [&str; 4] =
        ["certificate-authority", "client-certificate", "client-key", "tokenFile"];
    const PATH_MAX_BYTES: usize = 256;
    let name = name.trim_start_matches("- ").trim();
    let value = unquoted(value);
    FILES.contains(&name)
        && value.len() <= PATH_MAX_BYTES
        && ["/", "./", "../"].iter().any(|start| value.starts_with(start))
}

fn begins_secret_list(part: &str) -> bool {
    part.strip_suffix(':').is_some_and(is_secret_name)
}

/// A value without its quotes.
fn unquoted(value: &str) -> &str {
    value.trim().trim_end_matches(',').trim_matches(['"', '\''])
}

/// The name and the value in `name: value`, `"name":value` or `name=value`. The `=` at the end of base64 does not
/// count.
fn member(part: &str) -> Option<(&str, &str)> {
    let (name, value) =
        quoted_name(part).or_else(|| part.split_once(": ")).or_else(|| part.split_once('='))?;
    let value = value.trim();
    unquoted(value).contains(|sign| sign != '=').then_some((name, value))
}

fn quoted_name(part: &str) -> Option<(&str, &str)> {
    let part = part.trim_start_matches("- ");
    let quote = part.chars().next().filter(|sign| matches!(sign, '"' | '\''))?;
    let (name, rest) = part[1..].split_once(quote)?;
    Some((name, rest.trim_start().strip_prefix(':')?))
}
