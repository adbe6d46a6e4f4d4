//! The lists of Compute Engine, in pages: an item's place is that of its name among all zones, so that most zones are split
//! over several pages.

use base64::Engine as _;
use gatherer_plugin_support::testing::{Action, ReceivedRequest};
use serde_json::{Map, Value, json};

use super::{GceFake, GceFault, errors, objects};

/// The most items that a client can ask for.
const LARGEST_PAGE: usize = 500;

/// A list of the project.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum List {
    Instances,
    MachineTypes,
    Zones,
}

/// An item of a list.
struct Item {
    zone: String,
    name: String,
    object: Value,
}

/// A page that can be asked for by its token.
#[derive(Debug, Clone)]
pub(super) struct PageToken {
    value: String,
    /// The path of the list that it belongs to.
    path: String,
    start: usize,
    /// Whether this page is empty, and the next one has what it should have had.
    is_empty: bool,
}

/// The items of a page.
struct Page<'a> {
    items: &'a [Item],
    start: usize,
    next: Option<String>,
    is_last: bool,
}

impl List {
    /// The member with the list in an aggregated list, and the last word of the path.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Instances => "instances",
            Self::MachineTypes => "machineTypes",
            Self::Zones => "zones",
        }
    }

    fn kind(self) -> &'static str {
        match self {
            Self::Instances => "compute#instance",
            Self::MachineTypes => "compute#machineType",
            Self::Zones => "compute#zone",
        }
    }
}

impl GceFake {
    /// The list of all zones.
    pub(super) fn aggregated_list(&self, request: &ReceivedRequest, list: List) -> Action {
        let id = format!("projects/{}/aggregated/{}", self.inventory.project, list.name());
        let items = self.items(list, None);
        let page = match self.page(request, &id, &items) {
            Ok(page) => page,
            Err(refused) => return refused,
        };
        let mut answer = head(&format!("{}AggregatedList", list.kind()), &id, page.next.as_deref());
        if let Some(scopes) = self.scopes(list, &page) {
            answer["items"] = Value::Object(scopes);
        }
        let missing = format!("projects/{}/zones/{}", self.inventory.project, self.lost_zone());
        if self.has(GceFault::Unreachables) && page.is_last {
            answer["unreachables"] = json!([missing]);
        }
        if self.has(GceFault::TopLevelWarning) && page.start == 0 {
            answer["warning"] = unreachable(&missing);
        }
        Action::json(200, &answer)
    }

    /// The scopes of a page of an aggregated list. Each zone is on every page, with a warning if it has no items there.
    fn scopes(&self, list: List, page: &Page<'_>) -> Option<Map<String, Value>> {
        if page.start > 0 && page.items.is_empty() {
            if self.has(GceFault::LastPageWithoutItems) {
                return None;
            }
            if self.has(GceFault::LastPageWithEmptyItems) {
                return Some(Map::new());
            }
        }
        let mut scopes = Map::new();
        for zone in &self.inventory.zones {
            let of_zone = page.items.iter().filter(|item| item.zone == *zone);
            let of_zone: Vec<_> = of_zone.map(|item| item.object.clone()).collect();
            let scope = format!("zones/{zone}");
            let mut value = if of_zone.is_empty() {
                json!({"warning": no_results(&scope)})
            } else {
                json!({list.name(): of_zone})
            };
            if *zone == self.lost_zone() {
                if self.has(GceFault::ScopeUnreachable) {
                    value = json!({"warning": unreachable(&scope)});
                } else if self.has(GceFault::ScopePartial) && page.is_last {
                    value["warning"] = json!({
                        "code": "PARTIAL_SUCCESS",
                        "message": format!("Some resources of '{scope}' could not be listed."),
                        "data": [{"key": "scope", "value": scope}],
                    });
                } else if self.has(GceFault::Unreachables) || self.has(GceFault::TopLevelWarning) {
                    continue;
                }
            }
            scopes.insert(scope, value);
        }
        Some(scopes)
    }

    /// The list of one zone, or the list of zones. Without items it lacks the member.
    pub(super) fn list(&self, request: &ReceivedRequest, list: List, zone: Option<&str>) -> Action {
        let project = format!("projects/{}", self.inventory.project);
        let id = match zone {
            Some(zone) => format!("{project}/zones/{zone}/{}", list.name()),
            None => format!("{project}/{}", list.name()),
        };
        let items = self.items(list, zone);
        let page = match self.page(request, &id, &items) {
            Ok(page) => page,
            Err(refused) => return refused,
        };
        let mut answer = head(&format!("{}List", list.kind()), &id, page.next.as_deref());
        if !page.items.is_empty() {
            answer["items"] = page.items.iter().map(|item| item.object.clone()).collect();
        } else if page.start > 0 && self.has(GceFault::LastPageWithEmptyItems) {
            answer["items"] = json!([]);
        }
        if zone == Some(&self.lost_zone()) && self.loses_items() && page.start == 0 {
            answer["warning"] = unreachable(&format!("zones/{}", self.lost_zone()));
        }
        Action::json(200, &answer)
    }

    /// All items in the order of the pages, without those that a fault loses.
    fn items(&self, list: List, zone: Option<&str>) -> Vec<Item> {
        let inventory = &self.inventory;
        let mut items = Vec::new();
        match list {
            List::Instances => {
                items.extend(inventory.instances.iter().map(|instance| Item {
                    zone: instance.zone.clone(),
                    name: instance.name.clone(),
                    object: objects::instance(inventory, instance),
                }));
            }
            List::MachineTypes => {
                for zone in &inventory.zones {
                    items.extend(inventory.machine_types.iter().map(|own| Item {
                        zone: zone.clone(),
                        name: own.name.clone(),
                        object: objects::machine_type(inventory, zone, own),
                    }));
                }
            }
            List::Zones => items.extend(inventory.zones.iter().map(|name| Item {
                zone: name.clone(),
                name: name.clone(),
                object: objects::zone(inventory, name),
            })),
        }
        items.retain(|item| zone.is_none_or(|zone| item.zone == zone));
        if list == List::Instances && self.loses_items() {
            let lost_zone = self.lost_zone();
            let keeps_most = self.has(GceFault::ScopePartial);
            let mut is_first = true;
            items.retain(|item| {
                item.zone != lost_zone || (keeps_most && !std::mem::take(&mut is_first))
            });
        }
        items.sort_by(|one, other| (&one.name, &one.zone).cmp(&(&other.name, &other.zone)));
        items
    }

    /// Whether a fault makes the lists of instances shorter, with a warning.
    fn loses_items(&self) -> bool {
        [
            GceFault::ScopeUnreachable,
            GceFault::ScopePartial,
            GceFault::Unreachables,
            GceFault::TopLevelWarning,
        ]
        .into_iter()
        .any(|fault| self.has(fault))
    }

    /// The zone that faults lose instances of: that of the first instance.
    fn lost_zone(&self) -> String {
        self.inventory.instances.first().map(|it| it.zone.clone()).unwrap_or_default()
    }

    /// The page that a request asks for, or the refusal.
    fn page<'a>(
        &self,
        request: &ReceivedRequest,
        path: &str,
        items: &'a [Item],
    ) -> Result<Page<'a>, Action> {
        let size = self.requested_size(request)?;
        let token = request.query("pageToken").filter(|token| !token.is_empty());
        let (mut start, mut is_empty) = (0, false);
        if let Some(token) = &token {
            let state = self.state();
            let known = state.pages.iter().find(|it| it.value == *token && it.path == path);
            let refused = || errors::invalid_value("pageToken", token, "Invalid page token.");
            let known = known.ok_or_else(refused)?;
            (start, is_empty) = (known.start, known.is_empty);
        }
        let end = if is_empty { start } else { items.len().min(start + size) };
        let has_page_after_last =
            self.has(GceFault::LastPageWithoutItems) || self.has(GceFault::LastPageWithEmptyItems);
        let is_last = end == items.len() && !(has_page_after_last && start < end);
        let next = if is_last {
            None
        } else if self.has(GceFault::NextPageIsItself) && token.is_some() {
            token
        } else {
            let is_twice =
                self.has(GceFault::InstanceTwice) && end - start > 1 && end < items.len();
            let is_next_empty = self.has(GceFault::EmptyPageInBetween) && start == 0 && !is_empty;
            let next_start = if is_twice { end - 1 } else { end };
            Some(self.new_page(path, next_start, is_next_empty))
        };
        Ok(Page { items: &items[start..end], start, next, is_last })
    }

    fn requested_size(&self, request: &ReceivedRequest) -> Result<usize, Action> {
        let Some(text) = request.query("maxResults") else {
            return Ok(self.page_size.min(LARGEST_PAGE));
        };
        match text.parse() {
            Ok(0) => Ok(self.page_size.min(LARGEST_PAGE)),
            Ok(size) if size <= LARGEST_PAGE => Ok(self.page_size.min(size)),
            _ => {
                let detail = "Must be less than or equal to 500";
                Err(errors::invalid_value("maxResults", &text, detail))
            }
        }
    }

    /// The token of a page. It has characters that a URL must encode.
    fn new_page(&self, path: &str, start: usize, is_empty: bool) -> String {
        let mut state = self.state();
        let text = format!("{:05}:{start}", state.pages.len());
        // Three bytes that are `++++`.
        let bytes = [&[0xfb, 0xef, 0xbe], text.as_bytes()].concat();
        let value = base64::engine::general_purpose::STANDARD.encode(bytes);
        let page = PageToken { value: value.clone(), path: path.to_owned(), start, is_empty };
        state.pages.push(page);
        value
    }
}

/// The members of every list.
fn head(kind: &str, id: &str, next: Option<&str>) -> Value {
    let mut answer = json!({"kind": kind, "id": id, "selfLink": objects::url(id)});
    if let Some(next) = next {
        answer["nextPageToken"] = json!(next);
    }
    answer
}

/// The harmless warning of a scope without items.
fn no_results(scope: &str) -> Value {
    json!({
        "code": "NO_RESULTS_ON_PAGE",
        "message": format!("There are no results for scope '{scope}' on this page."),
        "data": [{"key": "scope", "value": scope}],
    })
}

/// The warning that a scope could not be asked.
fn unreachable(scope: &str) -> Value {
    json!({
        "code": "UNREACHABLE",
        "message": format!("The scope '{scope}' is currently unreachable."),
        "data": [{"key": "scope", "value": scope}],
    })
}
