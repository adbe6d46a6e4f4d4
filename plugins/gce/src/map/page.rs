//! Pure: a page of a list of instances, and the signs that it is shorter than the truth.

use std::collections::BTreeSet;

use gatherer_plugin_api::{ErrorKind, GatherError};
use gatherer_plugin_support::json::{Json, quote};

use super::instance::Instance;
use super::values;

/// The warning of a scope or list without instances on the page. Every other one means that some are missing.
const NO_RESULTS: &str = "NO_RESULTS_ON_PAGE";

/// The most scopes that a message names.
const NAMED_MAX: usize = 10;

/// Whose instances a page lists.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope<'a> {
    /// Those of all zones, in an object with a member for each.
    AllZones,
    /// Those of one zone, in a list.
    Zone(&'a str),
}

/// A page.
#[derive(Debug, Default)]
pub struct InstancePage {
    /// Its instances.
    pub instances: Vec<Instance>,
    /// The token for the next page.
    pub next: Option<String>,
    /// The number of zones that it names, with instances or without. 0 in a list of one zone.
    pub zones: usize,
}

/// Reads a page. `request` names it in messages.
///
/// # Errors
///
/// `unavailable` if the page says that instances are missing, `protocol` if it is not a page.
pub fn parse(json: &Json, scope: Scope<'_>, request: &str) -> Result<InstancePage, GatherError> {
    let invalid = |why: &str| GatherError::protocol(format!("{request}: {why}"));
    check_kind(json, scope).map_err(invalid)?;
    let next = next(json).map_err(invalid)?;
    let mut page = InstancePage { next, ..InstancePage::default() };
    let mut missing = Missing::default();
    missing.add_warning("the list", json).map_err(invalid)?;
    match json.get("unreachables") {
        None | Some(Json::Null) => {}
        Some(Json::Array(scopes)) => {
            for scope in scopes {
                let Json::Text(name) = scope else {
                    return Err(invalid("unreachables is not a list of names"));
                };
                missing.add(name, "unreachable");
            }
        }
        Some(_) => return Err(invalid("unreachables is not a list of names")),
    }
    match (scope, json.get("items")) {
        // The last page can lack the member. Its kind shows that it is a page.
        (_, None | Some(Json::Null)) => {}
        (Scope::Zone(zone), Some(Json::Array(items))) => {
            page.add(items, zone).map_err(|why| invalid(&why))?;
        }
        (Scope::AllZones, Some(Json::Object(scopes))) => {
            for (name, entry) in scopes {
                missing.add_warning(name, entry).map_err(invalid)?;
                page.add_scope(name, entry).map_err(|why| invalid(&why))?;
                page.zones += usize::from(name.starts_with("zones/"));
            }
        }
        (_, Some(other)) => {
            return Err(invalid(&format!("items is {}", other.article())));
        }
    }
    missing.check(request)?;
    Ok(page)
}

/// Checks that an answer is a page: it says so itself, or at least has items.
fn check_kind(json: &Json, scope: Scope<'_>) -> Result<(), &'static str> {
    let expected = match scope {
        Scope::AllZones => "compute#instanceAggregatedList",
        Scope::Zone(_) => "compute#instanceList",
    };
    let has_items = matches!(json.get("items"), Some(Json::Array(_) | Json::Object(_)));
    match json.get("kind") {
        _ if json.get("error").is_some() => Err("the answer is an error with the status of a list"),
        Some(Json::Text(kind)) if kind == expected => Ok(()),
        None | Some(Json::Null) if has_items => Ok(()),
        _ => Err("the answer is not a list of instances"),
    }
}

fn next(json: &Json) -> Result<Option<String>, &'static str> {
    match json.get("nextPageToken") {
        None | Some(Json::Null) => Ok(None),
        Some(Json::Text(token)) => Ok(Some(token.clone()).filter(|token| !token.is_empty())),
        Some(_) => Err("nextPageToken is not a text"),
    }
}

impl InstancePage {
    /// Adds the instances of a member of an aggregated list.
    fn add_scope(&mut self, name: &str, entry: &Json) -> Result<(), String> {
        match entry.get("instances") {
            Some(Json::Array(items)) => {
                let Some(zone) = name.strip_prefix("zones/").filter(|zone| !zone.is_empty()) else {
                    return Err(format!("{} is not a zone", quote(name)));
                };
                self.add(items, zone)
            }
            // The warning says that there are none.
            None | Some(Json::Null) if entry.get("warning").is_some() => Ok(()),
            _ => Err(format!("{} has neither instances nor a warning", quote(name))),
        }
    }

    fn add(&mut self, items: &[Json], zone: &str) -> Result<(), String> {
        for item in items {
            self.instances.push(Instance::parse(item, zone)?);
        }
        Ok(())
    }
}

/// The scopes whose instances are missing, with the reasons.
#[derive(Debug, Default)]
struct Missing {
    scopes: BTreeSet<String>,
}

impl Missing {
    fn add(&mut self, scope: &str, why: &str) {
        let shown: String = scope.chars().filter(|c| !c.is_control()).take(100).collect();
        self.scopes.insert(format!("{shown} ({why})"));
    }

    /// Adds the warning of a list or a scope, unless it is harmless.
    fn add_warning(&mut self, scope: &str, entry: &Json) -> Result<(), &'static str> {
        let warning = match entry.get("warning") {
            None | Some(Json::Null) => return Ok(()),
            Some(warning @ Json::Object(_)) => warning,
            Some(_) => return Err("a warning is not an object"),
        };
        match values::text(warning, "code") {
            Some(NO_RESULTS) => {}
            Some(code) => {
                let shown: String = code.chars().filter(|c| !c.is_control()).take(60).collect();
                self.add(scope, &shown);
            }
            None => self.add(scope, "a warning without a code"),
        }
        Ok(())
    }

    fn check(self, request: &str) -> Result<(), GatherError> {
        if self.scopes.is_empty() {
            return Ok(());
        }
        let count = self.scopes.len();
        let named: Vec<_> = self.scopes.into_iter().take(NAMED_MAX).collect();
        let more = if count > NAMED_MAX { ", ..." } else { "" };
        let message =
            format!("{request}: instances are missing in the answer: {}{more}", named.join(", "));
        Err(GatherError::new(ErrorKind::Unavailable, message)
            .with_hint("try again later: a part of the cloud did not answer; the Google Cloud status page may name it"))
    }
}

#[cfg(test)]
#[path = "page_tests.rs"]
mod tests;
