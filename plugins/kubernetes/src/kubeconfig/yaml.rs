//! Text to a tree of values: YAML (JSON is YAML too) with limits, and errors that quote nothing.

use serde_json::Value;
use serde_saphyr::Error;
use serde_saphyr::options::{AliasLimits, DuplicateKeyPolicy, MergeKeyPolicy};

/// The longest document, in bytes; kubeconfigs with a hundred clusters are a third of it.
pub const MAX_BYTES: usize = 1024 * 1024;

/// How much text there may be once each alias stands for what it names.
const MAX_TEXT: usize = 2 * MAX_BYTES;

/// How deep values may be nested; a kubeconfig needs 8 levels.
const MAX_DEPTH: usize = 32;

/// How many values there may be.
const MAX_NODES: usize = 100_000;

/// How many anchors, how many aliases.
const MAX_ALIASES: usize = 100;

/// How many values aliases may bring in.
const MAX_REPLAYED: usize = 10_000;

const TOO_MANY_ALIASES: &str = "uses too many YAML aliases";

const SEVERAL: &str = "holds several YAML documents, and only one of them could be meant";

/// Reads one document. The error is the end of a sentence.
pub fn parse(text: &str) -> Result<Value, String> {
    if text.len() > MAX_BYTES {
        return Err("is larger than 1 MiB".to_owned());
    }
    serde_saphyr::from_str_with_options(text, options()).map_err(|error| {
        let what = sentence(&error);
        match error.location() {
            Some(at) => format!("{what}, at line {} column {}", at.line(), at.column()),
            None => what.to_owned(),
        }
    })
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
        // An alias used often is what the other limits are about.
        enforce_alias_anchor_ratio: false,
    };
    let mut limits = AliasLimits::default();
    limits.max_total_replayed_events = MAX_REPLAYED;
    limits.max_replay_stack_depth = MAX_DEPTH;
    serde_saphyr::options! {
        budget: budget,
        duplicate_keys: DuplicateKeyPolicy::Error,
        merge_keys: MergeKeyPolicy::Error,
        alias_limits: limits,
        // `yes` and `on` stay text.
        strict_booleans: true,
        reject_unsupported_tags: true,
        // Snippets quote the document, which holds secrets.
        with_snippet: false,
        emit_comments: false,
    }
}

/// The parser's own text may quote what it read; so each kind gets a sentence of ours.
fn sentence(error: &Error) -> &'static str {
    match error {
        Error::WithSnippet { error, .. } | Error::AliasError { error, .. } => sentence(error),
        Error::MultipleDocuments { .. } => SEVERAL,
        Error::DuplicateMappingKey { .. } => "has a key twice in one mapping",
        Error::MergeKeyNotAllowed { .. } => "uses a YAML merge key (<<)",
        Error::AliasReplayCounterOverflow { .. }
        | Error::AliasReplayLimitExceeded { .. }
        | Error::AliasExpansionLimitExceeded { .. }
        | Error::AliasReplayStackDepthExceeded { .. }
        | Error::RecursiveReferencesRequireWeakTypes { .. } => TOO_MANY_ALIASES,
        Error::UnknownAnchor { .. } => "uses a YAML alias that names nothing",
        Error::Budget { breach, .. } => budget_sentence(breach),
        Error::UnsupportedTag { .. } => "uses a YAML tag that a kubeconfig has no use for",
        Error::NonFiniteFloat { .. } => "has a number that is not finite",
        _ => "is not valid YAML",
    }
}

fn budget_sentence(breach: &serde_saphyr::budget::BudgetBreach) -> &'static str {
    use serde_saphyr::budget::BudgetBreach;
    match breach {
        BudgetBreach::Depth { .. } => "is nested too deep",
        BudgetBreach::Aliases { .. }
        | BudgetBreach::Anchors { .. }
        | BudgetBreach::RecordedAnchorEvents { .. }
        | BudgetBreach::RecordedAnchorBytes { .. } => TOO_MANY_ALIASES,
        BudgetBreach::Documents { .. } => SEVERAL,
        _ => "has too many values, or repeats too much by YAML aliases",
    }
}
