//! Which of the three shapes a document has, and what is wrong with one that has none.

use gatherer_plugin_api::model::Warning;
use gatherer_plugin_api::{ErrorKind, GatherError};

use gatherer_plugin_support::json::{Json, member, shown};

type Members = [(String, Json)];

/// What a document may be, for hints.
pub const SHAPES: &str = "the document is to be an inventory, a gatherer's output or a map of \
                          hosts, of which each has its guests in `vms`";

/// The three shapes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    Inventory,
    Hosts,
    Managers,
}

/// The shape that a document is to be read as; one that fits none as the one that it comes
/// nearest to, so that the reader finds the place which does not fit.
pub fn of(members: &Members) -> Shape {
    let is_inventory = member(members, "schemaVersion").is_some()
        && matches!(member(members, "endpoints"), Some(Json::Array(_)));
    if is_inventory {
        return Shape::Inventory;
    }
    if members.iter().all(|(_, value)| is_host(value)) {
        return Shape::Hosts;
    }
    if members.iter().all(|(_, value)| is_manager(value)) {
        return Shape::Managers;
    }
    let meant_as_hosts = members.first().is_some_and(|(_, value)| value.get("vms").is_some());
    if meant_as_hosts { Shape::Hosts } else { Shape::Managers }
}

fn is_host(value: &Json) -> bool {
    let Some(Json::Object(guests)) = value.get("vms") else { return false };
    guests.iter().all(|(_, id)| matches!(id, Json::Text(_)))
}

fn is_manager(value: &Json) -> bool {
    match value {
        Json::Null => true,
        Json::Object(hosts) => hosts.iter().all(|(_, host)| is_host(host)),
        _ => false,
    }
}

/// Refuses a gatherer's output that has something else than managers, or of which some
/// managers failed when it was written.
pub fn check_managers(members: &Members) -> Result<(), GatherError> {
    for (name, value) in members {
        if !matches!(value, Json::Null | Json::Object(_)) {
            let what = format!("the document's member {}", shown(name));
            return Err(expected(&what, "a host, or null or an object of hosts", value));
        }
    }
    let failed: Vec<&str> = members
        .iter()
        .filter(|(_, value)| *value == Json::Null)
        .map(|(name, _)| name.as_str())
        .collect();
    if !failed.is_empty() {
        return Err(not_whole("manager", &failed));
    }
    let envelope = members.iter().find(|(name, _)| {
        ["error", "errors", "message"].iter().any(|word| name.eq_ignore_ascii_case(word))
    });
    match envelope {
        Some((name, _)) if has_no_host(members) => Err(GatherError::protocol(format!(
            "the document has a member {} and no host at all, as an API's error has",
            shown(name)
        ))
        .with_hint(SHAPES)),
        _ => Ok(()),
    }
}

fn has_no_host(members: &Members) -> bool {
    members.iter().all(|(_, hosts)| matches!(hosts, Json::Object(hosts) if hosts.is_empty()))
}

/// The warning about a gatherer's output without a host: it may be one that found nothing, but
/// an object of empty objects can be anything.
pub fn no_host_at_all(members: &Members) -> Option<Warning> {
    let plural = if members.len() == 1 { "" } else { "s" };
    has_no_host(members).then(|| Warning {
        object: "document".to_owned(),
        message: format!("it lists {} manager{plural} and no host at all", members.len()),
    })
}

/// The error of a document that says itself that something is missing from it.
pub fn not_whole(noun: &str, names: &[&str]) -> GatherError {
    const LIMIT: usize = 5;
    let mut list: Vec<String> = names.iter().take(LIMIT).map(|name| shown(name)).collect();
    if names.len() > LIMIT {
        list.push(format!("{} more", names.len() - LIMIT));
    }
    let plural = if names.len() == 1 { "" } else { "s" };
    GatherError::new(
        ErrorKind::Unavailable,
        format!("the document has no answer of the {noun}{plural} {}", list.join(", ")),
    )
    .with_hint("what wrote the document could not read them; gather again there")
    .with_retryable(false)
}

/// The error of something that is not what it should be.
pub fn expected(what: &str, wanted: &str, found: &Json) -> GatherError {
    GatherError::protocol(format!("{what} should be {wanted}, but is {}", found.article()))
        .with_hint(SHAPES)
}
