//! Determines which of the three formats a document has, and explains what is wrong with one that has
//! none of them.

use gatherer_plugin_api::model::Warning;
use gatherer_plugin_api::{ErrorKind, GatherError};

use gatherer_plugin_support::json::{Json, member, quote};

type Members = [(String, Json)];

/// The formats of a document, for hints.
pub const FORMATS_HINT: &str = "the document must be an inventory, a gatherer's output or a map of \
                                hosts, each with its guests in `vms`";

/// The format of a document.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    Inventory,
    Hosts,
    Managers,
}

impl Format {
    /// The name, with its article.
    pub fn name(self) -> &'static str {
        match self {
            Self::Inventory => "an inventory",
            Self::Hosts => "a map of hosts",
            Self::Managers => "a gatherer's output",
        }
    }

    /// The format to read a document as. If it has none of the formats, the most similar one, so that the
    /// reader finds and reports the mistake.
    pub fn of(members: &Members) -> Self {
        let is_inventory = member(members, "schemaVersion").is_some()
            && matches!(member(members, "endpoints"), Some(Json::Array(_)));
        if is_inventory {
            return Self::Inventory;
        }
        if members.iter().all(|(_, value)| is_host(value)) {
            return Self::Hosts;
        }
        if members.iter().all(|(_, value)| is_manager(value)) {
            return Self::Managers;
        }
        let first_has_vms = members.first().is_some_and(|(_, value)| value.get("vms").is_some());
        if first_has_vms { Self::Hosts } else { Self::Managers }
    }
}

fn is_host(value: &Json) -> bool {
    let Some(Json::Object(guests)) = value.get("vms") else { return false };
    guests.iter().all(|(_, id)| is_id(id))
}

/// Whether a value can be the id of a guest.
pub fn is_id(value: &Json) -> bool {
    matches!(value, Json::Text(_) | Json::Number(_) | Json::LossyNumber(_))
}

fn is_manager(value: &Json) -> bool {
    match value {
        Json::Null => true,
        Json::Object(hosts) => hosts.iter().all(|(_, host)| is_host(host)),
        _ => false,
    }
}

/// Rejects a gatherer's output if it has a value that is not a manager, if a manager failed when it was
/// written, or if it looks like the error response of an API.
pub fn check_managers(members: &Members) -> Result<(), GatherError> {
    for (name, value) in members {
        if !matches!(value, Json::Null | Json::Object(_)) {
            let subject = format!("the document's member {}", quote(name));
            return Err(wrong_type(&subject, "a host, an object of hosts, or null", value));
        }
    }
    let failed: Vec<&str> = members
        .iter()
        .filter(|(_, value)| *value == Json::Null)
        .map(|(name, _)| name.as_str())
        .collect();
    if !failed.is_empty() {
        return Err(incomplete("manager", &failed));
    }
    let error_member = members.iter().find(|(name, _)| {
        ["error", "errors", "message"].iter().any(|word| name.eq_ignore_ascii_case(word))
    });
    match error_member {
        Some((name, _)) if has_no_hosts(members) => Err(GatherError::protocol(format!(
            "the document has a member {} and no hosts, like the error response of an API",
            quote(name)
        ))
        .with_hint(FORMATS_HINT)),
        _ => Ok(()),
    }
}

fn has_no_hosts(members: &Members) -> bool {
    members.iter().all(|(_, hosts)| matches!(hosts, Json::Object(hosts) if hosts.is_empty()))
}

/// The warning about a gatherer's output without hosts. It may be correct, but an object of empty objects
/// may also be a document of any other kind.
pub fn warning_without_hosts(members: &Members) -> Option<Warning> {
    if !has_no_hosts(members) {
        return None;
    }
    let plural = if members.len() == 1 { "" } else { "s" };
    let message = format!("it has {} manager{plural} and no hosts", members.len());
    Some(Warning { object: "document".to_owned(), message })
}

/// The error of a document in which these managers or endpoints failed.
pub fn incomplete(noun: &str, names: &[&str]) -> GatherError {
    const MAX_NAMES: usize = 5;
    let mut list: Vec<String> = names.iter().take(MAX_NAMES).map(|name| quote(name)).collect();
    if names.len() > MAX_NAMES {
        list.push(format!("{} more", names.len() - MAX_NAMES));
    }
    let plural = if names.len() == 1 { "" } else { "s" };
    let names = list.join(", ");
    let message = format!("the document is incomplete: no data of the {noun}{plural} {names}");
    GatherError::new(ErrorKind::Unavailable, message)
        .with_hint("the program that wrote the document could not read them; run it again")
        .with_retryable(false)
}

/// The error of a value that has the wrong type, or cannot be read.
pub fn wrong_type(subject: &str, expected: &str, found: &Json) -> GatherError {
    if let Json::Unreadable(value) = found {
        return GatherError::protocol(format!("{subject} cannot be read: {value}"))
            .with_hint("write the document again, as valid JSON");
    }
    GatherError::protocol(format!("{subject} must be {expected}, but is {}", found.article()))
        .with_hint(FORMATS_HINT)
}

/// Why an optional value is ignored.
pub fn ignored(expected: &str, found: &Json) -> String {
    match found {
        Json::Unreadable(value) => format!("is ignored: {value}"),
        other => format!("is ignored: it must be {expected}, but is {}", other.article()),
    }
}

/// Whether the name of the member with this value is not in the document, because it cannot be read.
pub fn has_replaced_name(value: &Json) -> bool {
    matches!(value, Json::Unreadable(value) if value.is_about_name())
}
