//! Helpers for single fields that the mappings of all kinds share.

use gatherer_plugin_api::model::Timestamp;

use crate::objects::ObjectMeta;

use super::warnings::{IgnoredBecause, Problem};

/// The text, unless it is blank.
pub(super) fn non_blank(text: &str) -> Option<String> {
    (!text.trim().is_empty()).then(|| text.to_owned())
}

/// The text of a member, unless it is missing or blank.
pub(super) fn unless_blank(member: Option<String>) -> Option<String> {
    member.filter(|text| !text.trim().is_empty())
}

/// The time in a text; `None` if the text is blank. An invalid text is a problem, in which `field` names it.
pub(super) fn timestamp(
    text: &str,
    field: impl FnOnce() -> String,
    problems: &mut Vec<Problem>,
) -> Option<Timestamp> {
    if text.trim().is_empty() {
        return None;
    }
    let time = text.parse::<Timestamp>().ok();
    if time.is_none() {
        problems.push(Problem::Ignored { field: field(), because: IgnoredBecause::NotATimestamp });
    }
    time
}

/// `metadata.creationTimestamp`
pub(super) fn created_at(
    metadata: &ObjectMeta<'_>,
    problems: &mut Vec<Problem>,
) -> Option<Timestamp> {
    timestamp(&metadata.creation_timestamp, || "creationTimestamp".to_owned(), problems)
}

/// The number in the type of the model's field. A number that does not fit is a problem, in which `field`
/// names it.
pub(super) fn in_range<T: TryFrom<i64>>(
    number: Option<i64>,
    field: impl FnOnce() -> String,
    problems: &mut Vec<Problem>,
) -> Option<T> {
    let converted = T::try_from(number?).ok();
    if converted.is_none() {
        let because = IgnoredBecause::NumberOutOfRange;
        problems.push(Problem::Ignored { field: field(), because });
    }
    converted
}
