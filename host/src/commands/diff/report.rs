//! The result document of `diff`: what a Manager would do, and what changed in the inventory.

use std::collections::{BTreeMap, VecDeque};

use gatherer_plugin_api::model::EndpointResult;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;

use super::documents::Document;
use super::manager_hosts::{FALLBACK, use_known_identities};
use crate::output::changes::{self, Change, Member, ObjectKind, Place, What};

/// The version of the schema, `major.minor`. A minor version only adds members and words.
const SCHEMA_VERSION: &str = "1.0";

/// The differences of two documents.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct DiffReport {
    /// The version of this document's schema, `major.minor`. A reader should accept every minor version of a major version
    /// that it knows.
    pub schema_version: String,
    /// The format of the older document.
    pub old: DocumentKind,
    /// The format of the newer document.
    pub new: DocumentKind,
    /// All endpoints of both documents, sorted by id.
    pub endpoints: Vec<EndpointDiff>,
}

/// The format of a document.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum DocumentKind {
    /// The format that a Manager reads.
    Manager,
    /// An inventory.
    Inventory,
}

/// The differences of one endpoint.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct EndpointDiff {
    /// The endpoint's id.
    pub id: String,
    /// What the older document has of it.
    pub old: Side,
    /// What the newer document has of it.
    pub new: Side,
    /// What a Manager does when it reads the newer document after the older one.
    pub manager: ManagerEffect,
    /// What changed in the inventory, sorted by kind, id and name. Absent: one of the documents is in the Manager's format,
    /// or has no answer of the endpoint.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub changes: Option<Vec<Change>>,
}

/// What a document has of an endpoint. The counts are those of the Manager's format.
#[derive(Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Side {
    /// Whether there is an answer.
    pub status: SideStatus,
    /// Why there is none, if an inventory says so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The number of hosts.
    pub hosts: usize,
    /// The number of guests.
    pub guests: usize,
}

/// Whether a document has an answer of an endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum SideStatus {
    /// It has all hosts and guests; there may be none.
    Complete,
    /// The endpoint failed: `null` in the Manager's format.
    Failed,
    /// The document does not have the endpoint.
    Absent,
}

/// What a Manager does with an endpoint.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ManagerEffect {
    /// What it does with the answer as a whole.
    pub does: Does,
    /// What it does with hosts and guests, sorted by object, id and name.
    pub actions: Vec<ManagerAction>,
    /// Objects whose identity changes although their name stays: each is one `unlink` and one `create` above.
    pub identity_changes: Vec<IdentityChange>,
}

/// What a Manager does with the answer of an endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Does {
    /// It stores the answer. Without actions, nothing changes.
    Stores,
    /// The endpoint failed: it keeps what it has.
    Keeps,
    /// The newer document does not have the endpoint: it logs a warning and keeps what it has.
    Skips,
    /// It stores the answer, but what it has now is not known, because the endpoint failed in the older document.
    StoresOverUnknown,
}

/// What a Manager does with one host or guest.
#[derive(Debug, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ManagerAction {
    /// What it does.
    pub action: ActionKind,
    /// `host` or `guest`.
    pub object: ObjectKind,
    /// The identity: `hostIdentifier` or the guest's id.
    pub id: String,
    /// The name: the key of the host, or the name of the guest.
    pub name: String,
    /// The name of the guest's host now, or its last one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub host: Option<String>,
    /// The name of the host that a guest moves from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// The members that change, under the names of the Manager's format. `/key` is the key of a host, which becomes the name of the system.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub members: Vec<Member>,
}

/// What a Manager does with a host or guest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum ActionKind {
    /// It creates an entry.
    Create,
    /// It changes the entry that it has.
    Update,
    /// It moves a guest to another host.
    Move,
    /// It unlinks the entry, which then belongs to no endpoint or host.
    Unlink,
}

/// An object whose identity changes.
#[derive(Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct IdentityChange {
    /// `host` or `guest`.
    pub object: ObjectKind,
    /// The name.
    pub name: String,
    /// The name of the guest's host.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub host: Option<String>,
    /// The identity before.
    pub before: String,
    /// The identity after.
    pub after: String,
}

impl DiffReport {
    /// Compares two documents. With `only`, compares only the endpoints with these ids.
    pub fn new(mut old: Document, mut new: Document, only: &[String]) -> Self {
        let mut ids: Vec<String> = old.ids().chain(new.ids()).map(str::to_owned).collect();
        ids.sort_unstable();
        ids.dedup();
        ids.retain(|id| only.is_empty() || only.contains(id));
        let endpoints = ids.into_iter().map(|id| EndpointDiff::new(id, &mut old, &mut new));
        let endpoints = endpoints.collect();
        let schema_version = SCHEMA_VERSION.to_owned();
        Self { schema_version, old: old.kind, new: new.kind, endpoints }
    }

    /// Whether the documents differ.
    pub fn has_differences(&self) -> bool {
        self.endpoints.iter().any(EndpointDiff::has_differences)
    }
}

impl EndpointDiff {
    fn new(id: String, old: &mut Document, new: &mut Document) -> Self {
        let sides = (Side::new(&id, old), Side::new(&id, new));
        let manager = match (old.answers.remove(&id), new.answers.remove(&id)) {
            (Some(Some(old)), Some(Some(new))) => ManagerEffect::stores(old, new),
            (None, Some(Some(new))) => ManagerEffect::stores(without_hosts(&new), new),
            (Some(None), Some(Some(_))) => ManagerEffect::without_actions(Does::StoresOverUnknown),
            (_, Some(None)) => ManagerEffect::without_actions(Does::Keeps),
            (_, None) => ManagerEffect::without_actions(Does::Skips),
        };
        let changes = match (old.results.remove(&id), new.results.remove(&id)) {
            (Some(old), Some(new)) if old.error.is_none() && new.error.is_none() => {
                Some(changes::compare(&old, &new))
            }
            _ => None,
        };
        let (old, new) = sides;
        Self { id, old, new, manager, changes }
    }

    /// Whether the documents differ in this endpoint.
    pub fn has_differences(&self) -> bool {
        self.old.status != self.new.status
            || !self.manager.actions.is_empty()
            || self.changes.as_ref().is_some_and(|changes| !changes.is_empty())
    }
}

/// An answer without hosts of the same endpoint.
fn without_hosts(answer: &EndpointResult) -> EndpointResult {
    EndpointResult { status: answer.status, ..EndpointResult::new(answer.id.clone(), None, None) }
}

impl Side {
    fn new(id: &str, document: &Document) -> Self {
        let (status, hosts) = match document.answers.get(id) {
            None => (SideStatus::Absent, &[][..]),
            Some(None) => (SideStatus::Failed, &[][..]),
            Some(Some(answer)) => (SideStatus::Complete, &answer.hosts[..]),
        };
        let guests = hosts.iter().map(|host| host.guests.len()).sum();
        Self { status, reason: document.reason(id), hosts: hosts.len(), guests }
    }
}

impl ManagerEffect {
    fn without_actions(does: Does) -> Self {
        Self { does, actions: Vec::new(), identity_changes: Vec::new() }
    }

    /// What a Manager does that has stored `old` and reads `new`.
    fn stores(mut old: EndpointResult, mut new: EndpointResult) -> Self {
        use_known_identities(&mut old.hosts, &mut new.hosts);
        for host in old.hosts.iter_mut().chain(&mut new.hosts) {
            // It is only looked up, and not stored.
            host.labels.remove(FALLBACK);
        }
        let changes = changes::compare(&old, &new);
        let identity_changes = identity_changes(&changes);
        let actions = changes.into_iter().map(action).collect();
        Self { does: Does::Stores, actions, identity_changes }
    }
}

/// What a Manager does because of a change of its own data.
fn action(change: Change) -> ManagerAction {
    let Change { object, id, name, host, what } = change;
    let name_of = |place: Place| place.name;
    let (action, from, members) = match what {
        What::Created { .. } => (ActionKind::Create, None, Vec::new()),
        What::Deleted { .. } => (ActionKind::Unlink, None, Vec::new()),
        What::Updated { members, .. } => (ActionKind::Update, None, members),
        What::Migrated { from, members, .. } => (ActionKind::Move, from, members),
    };
    let members = members.into_iter().flat_map(|member| manager_members(object, member));
    let mut members: Vec<Member> = members.collect();
    members.sort_by(|one, other| one.path.cmp(&other.path));
    ManagerAction {
        action,
        object,
        id,
        name,
        host: host.map(name_of),
        from: from.map(name_of),
        members,
    }
}

/// The members under the names that they have in the Manager's format.
fn manager_members(object: ObjectKind, member: Member) -> Vec<Member> {
    let Member { path, before, after } = member;
    match path.as_str() {
        "/name" if object == ObjectKind::Host => {
            vec![Member { path: "/key".to_owned(), before, after }]
        }
        // There were none before, or there are none now.
        "/labels" | "/attributes" => {
            let none = || Value::Object(serde_json::Map::new());
            changes::differences(&before.unwrap_or_else(none), &after.unwrap_or_else(none))
        }
        _ => {
            let own = path.strip_prefix("/labels").or_else(|| path.strip_prefix("/attributes"));
            let path = own.unwrap_or(&path).to_owned();
            vec![Member { path, before, after }]
        }
    }
}

/// Pairs the objects that are gone with those that are new under the same name. A guest is first looked for on the same
/// host.
fn identity_changes(changes: &[Change]) -> Vec<IdentityChange> {
    let is_gone = |change: &&Change| matches!(change.what, What::Deleted { .. });
    let is_new = |change: &&Change| matches!(change.what, What::Created { .. });
    let mut gone: Vec<&Change> = changes.iter().filter(is_gone).collect();
    let mut new: Vec<&Change> = changes.iter().filter(is_new).collect();
    let host = |change: &Change| change.host.as_ref().map(|place| place.name.clone());
    let mut found = Vec::new();
    for with_host in [true, false] {
        let key = |change: &Change| {
            (change.object, change.name.clone(), if with_host { host(change) } else { None })
        };
        let mut free: BTreeMap<_, VecDeque<&Change>> = BTreeMap::new();
        for change in gone {
            free.entry(key(change)).or_default().push_back(change);
        }
        new.retain(|change| {
            let before = free.get_mut(&key(change)).and_then(VecDeque::pop_front);
            if let Some(before) = before {
                found.push(IdentityChange {
                    object: change.object,
                    name: change.name.clone(),
                    host: host(change),
                    before: before.id.clone(),
                    after: change.id.clone(),
                });
            }
            before.is_none()
        });
        gone = free.into_values().flatten().collect();
    }
    found.sort_by(|one, other| {
        (one.object, &one.name, &one.host, &one.after).cmp(&(
            other.object,
            &other.name,
            &other.host,
            &other.after,
        ))
    });
    found
}
