//! Strict parsing of untrusted YAML (and JSON, which is YAML) within limits. Errors quote nothing.

use serde::Deserialize as _;
use serde_json::Value;
use serde_saphyr::Error;
use serde_saphyr::options::{AliasLimits, DuplicateKeyPolicy, MergeKeyPolicy};

/// The longest document, in bytes. A kubeconfig with a hundred clusters has a third of that.
pub const MAX_BYTES: usize = 1024 * 1024;

/// The most text after all aliases are expanded, in bytes.
const MAX_TEXT: usize = 2 * MAX_BYTES;

/// The deepest nesting. A kubeconfig needs 8 levels.
const MAX_DEPTH: usize = 32;

/// The most values.
const MAX_NODES: usize = 100_000;

/// The most anchors, and the most aliases.
const MAX_ALIASES: usize = 100;

/// The most values that result from expanding aliases.
const MAX_REPLAYED: usize = 10_000;

const TOO_MANY_ALIASES: &str = "uses too many YAML aliases";

/// Parses the first document of a text, as kubectl does: what follows is ignored, merge keys are expanded, and
/// the last of several equal keys counts. Documents without a value are skipped. The error is the predicate of
/// a sentence about the text.
pub fn parse(text: &str) -> Result<Value, String> {
    if text.len() > MAX_BYTES {
        return Err("is larger than 1 MiB".to_owned());
    }
    let mut document = text;
    loop {
        let value = parse_document(document).map_err(|error| {
            let why = error_text(&error);
            let skipped = &text[..text.len() - document.len()];
            let lines = skipped.bytes().filter(|byte| *byte == b'\n').count() as u64;
            match error.location() {
                Some(at) => format!("{why}, at line {} column {}", lines + at.line(), at.column()),
                None => why.to_owned(),
            }
        })?;
        // A document without a value has no text that could contain such a line.
        match document.find("\n---") {
            Some(end) if value.is_null() => document = &document[end + 1..],
            _ => return Ok(value),
        }
    }
}

/// Parses the text up to the first end of a document.
fn parse_document(text: &str) -> Result<Value, Error> {
    let mut value = None;
    let result =
        serde_saphyr::with_deserializer_from_str_with_options(text, options(), |document| {
            value = Some(Value::deserialize(document)?);
            Ok(())
        });
    match (value, result) {
        // An error after the document is about a text that is ignored.
        (Some(value), _) => Ok(value),
        (None, result) => result.map(|()| Value::Null),
    }
}

fn options() -> serde_saphyr::Options {
    let budget = serde_saphyr::budget! {
        max_aliases: MAX_ALIASES,
        max_anchors: MAX_ALIASES,
        max_recorded_anchor_events: MAX_REPLAYED,
        max_recorded_anchor_bytes: MAX_TEXT,
        max_depth: MAX_DEPTH,
        flow_nesting_limit: MAX_DEPTH,
        max_nodes: MAX_NODES,
        max_events: 4 * MAX_NODES,
        max_total_scalar_bytes: MAX_TEXT,
        // The other limits already restrict how often an alias can be used.
        enforce_alias_anchor_ratio: false,
    };
    let mut limits = AliasLimits::default();
    limits.max_total_replayed_events = MAX_REPLAYED;
    limits.max_replay_stack_depth = MAX_DEPTH;
    serde_saphyr::options! {
        budget: budget,
        duplicate_keys: DuplicateKeyPolicy::LastWins,
        merge_keys: MergeKeyPolicy::Merge,
        alias_limits: limits,
        // `yes` and `on` are text; a flag accepts them.
        strict_booleans: true,
        reject_unsupported_tags: true,
        // Snippets would quote the document, which contains secrets.
        with_snippet: false,
        emit_comments: false,
    }
}

/// The message for a parser error. The parser's own text may quote the document.
fn error_text(error: &Error) -> &'static str {
    match error {
        Error::WithSnippet { error, .. } | Error::AliasError { error, .. } => error_text(error),
        Error::AliasReplayCounterOverflow { .. }
        | Error::AliasReplayLimitExceeded { .. }
        | Error::AliasExpansionLimitExceeded { .. }
        | Error::AliasReplayStackDepthExceeded { .. }
        | Error::RecursiveReferencesRequireWeakTypes { .. } => TOO_MANY_ALIASES,
        Error::UnknownAnchor { .. } => "uses an undefined YAML alias",
        Error::Budget { breach, .. } => limit_text(breach),
        Error::UnsupportedTag { .. } => "uses an unsupported YAML tag",
        Error::NonFiniteFloat { .. } => "contains a number that is not finite",
        _ => "is not valid YAML",
    }
}

fn limit_text(breach: &serde_saphyr::budget::BudgetBreach) -> &'static str {
    use serde_saphyr::budget::BudgetBreach;
    match breach {
        BudgetBreach::Depth { .. } => "is nested too deeply",
        BudgetBreach::Aliases { .. }
        | BudgetBreach::Anchors { .. }
        | BudgetBreach::RecordedAnchorEvents { .. }
        | BudgetBreach::RecordedAnchorBytes { .. } => TOO_MANY_ALIASES,
        _ => "contains too many values, or too much text in YAML aliases",
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::parse;

    #[test]
    fn reads_the_first_document_that_has_a_value() {
        for (text, expected) in [
            ("", Value::Null),
            ("---\n", Value::Null),
            ("# a comment\n---\n---\n", Value::Null),
            ("a: 1", json!({"a": 1})),
            ("a: 1\n---\nb: 2", json!({"a": 1})),
            ("a: 1\n...\nb: ]", json!({"a": 1})),
            ("a: 1\n---\nb: ]", json!({"a": 1})),
            ("---\n---\na: 1", json!({"a": 1})),
            ("# a comment\n---\n# another\n--- ~\n---\na: 1\n---\nb: 2", json!({"a": 1})),
            ("null\n---\na: 1", json!({"a": 1})),
            ("--- |\n  text\n  ---\n", json!("text\n---\n")),
        ] {
            assert_eq!(parse(text).expect(text), expected, "{text:?}");
        }
        assert_eq!(parse(&"---\n".repeat(super::MAX_BYTES / 40)), Ok(Value::Null));
    }

    #[test]
    fn counts_the_lines_of_skipped_documents() {
        let error = parse("---\n---\n# a comment\n---\na: ]\n").expect_err("an error");
        assert_eq!(error, "is not valid YAML, at line 5 column 4");
    }
}
