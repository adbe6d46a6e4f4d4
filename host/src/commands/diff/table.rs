//! The differences as a table for people: for each endpoint what a Manager does, then what only the inventory shows.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Write};

use serde_json::Value;
use uuid::Uuid;

use super::report::{
    ActionKind, DiffReport, Does, EndpointDiff, IdentityChange, ManagerAction, Side, SideStatus,
};
use crate::output::changes::{Change, Member, ObjectKind, What};
use crate::output::escape::escape;
use crate::output::format::TableStyle;
use crate::output::format::table::grid::{self, Cell, CellStyle, Column};
use crate::output::format::table::{MIN_WIDTH, PLAIN, heading, labelled, shown_name, wrapped};
use crate::output::inventory::count;

const COLUMNS: [Column; 7] = [
    Column { title: "ACTION", ..PLAIN },
    Column { title: "OBJECT", drop_order: 3, ..PLAIN },
    Column { title: "NAME", preferred_width: 32, min_width: 12, cuts_middle: true, ..PLAIN },
    Column {
        title: "ID",
        preferred_width: 18,
        min_width: 10,
        cuts_middle: true,
        drop_order: 2,
        ..PLAIN
    },
    Column { title: "HOST", preferred_width: 20, min_width: 8, drop_order: 1, ..PLAIN },
    Column { title: "DETAILS", preferred_width: 40, min_width: 12, drop_order: 4, ..PLAIN },
    // So that a line that another program finds is complete.
    Column { title: "ENDPOINT", repeats: true, ..PLAIN },
];

/// How many characters of a value are shown.
const VALUE_MAX_CHARS: usize = 60;

/// Writes the differences in the width of the terminal, one endpoint after another.
pub fn write(report: &DiffReport, style: TableStyle, mut to: impl Write) -> io::Result<()> {
    let style = TableStyle { width: style.width.max(MIN_WIDTH), ..style };
    let mut out = String::new();
    for endpoint in report.endpoints.iter().filter(|endpoint| endpoint.has_differences()) {
        write_endpoint(endpoint, style, &mut out);
        to.write_all(out.as_bytes())?;
        out.clear();
    }
    for line in wrapped(&summary(report), style.width) {
        out.push_str(&CellStyle::Bold.paint(&line, style.color));
        out.push('\n');
    }
    to.write_all(out.as_bytes())
}

fn write_endpoint(endpoint: &EndpointDiff, style: TableStyle, out: &mut String) {
    let only_in_inventory = only_in_inventory(endpoint);
    let parts = [
        (escape(&endpoint.id), CellStyle::Bold),
        (format!("{} -> {}", side(&endpoint.old), side(&endpoint.new)), CellStyle::Dim),
    ];
    heading(&parts, style, out);
    labelled("manager", CellStyle::Yellow, &manager_sentence(endpoint), style, out);
    let id = Cell::new(escape(&endpoint.id), CellStyle::Dim);
    // By name, so that both actions of an identity that changes are beside each other.
    let mut actions: Vec<&ManagerAction> = endpoint.manager.actions.iter().collect();
    actions.sort_by_key(|action| (action.object, &action.name, &action.host, action.action));
    let rows: Vec<_> = actions.into_iter().map(|action| action_row(action, &id)).collect();
    if !rows.is_empty() {
        grid::draw(&COLUMNS, &rows, style.width, style.color, out);
    }
    for change in &endpoint.manager.identity_changes {
        labelled("identity", CellStyle::Yellow, &identity_sentence(change), style, out);
    }
    if !only_in_inventory.is_empty() {
        out.push_str("  Only in the inventory; a Manager does not get it:\n");
        let rows: Vec<_> =
            only_in_inventory.into_iter().map(|change| change_row(change, &id)).collect();
        grid::draw(&COLUMNS, &rows, style.width, style.color, out);
    }
    out.push('\n');
}

/// The counts of one document, or why there are none.
fn side(side: &Side) -> String {
    match side.status {
        SideStatus::Complete => {
            format!("{}, {}", count(side.hosts, "host"), count(side.guests, "guest"))
        }
        SideStatus::Failed => "failed".to_owned(),
        SideStatus::Absent => "absent".to_owned(),
    }
}

/// What a Manager does with the answer as a whole.
fn manager_sentence(endpoint: &EndpointDiff) -> String {
    let reason = |side: &Side| match &side.reason {
        Some(reason) => format!(" ({reason})"),
        None => String::new(),
    };
    match endpoint.manager.does {
        Does::Keeps => format!(
            "keeps what it has: the endpoint failed in the newer document{}",
            reason(&endpoint.new)
        ),
        Does::Skips => {
            "keeps what it has, and logs a warning: the newer document does not have the endpoint"
                .to_owned()
        }
        Does::StoresOverUnknown => format!(
            "stores the {} of the newer document and unlinks everything else; what it has now is not known, \
             because the endpoint failed in the older document{}",
            side(&endpoint.new),
            reason(&endpoint.old)
        ),
        Does::Stores if endpoint.new.hosts == 0 && endpoint.old.hosts > 0 => {
            "unlinks everything of this endpoint: the newer document says that it has no hosts"
                .to_owned()
        }
        Does::Stores => match counted_actions(endpoint.manager.actions.iter()) {
            counts if counts.is_empty() => "changes nothing".to_owned(),
            counts => counts.join(", "),
        },
    }
}

fn identity_sentence(change: &IdentityChange) -> String {
    let IdentityChange { object, name, host, before, after } = change;
    let on = host.as_ref().map(|host| format!(" on {}", shown_name(host))).unwrap_or_default();
    format!(
        "{} {}{on} changes its identity from {} to {}{}: one is unlinked, and another one created",
        object.as_str(),
        shown_name(name),
        escape(before),
        escape(after),
        if is_byte_swapped(before, after) { " (the other byte order)" } else { "" }
    )
}

/// Whether two UUIDs differ only in the byte order of their first three groups.
fn is_byte_swapped(before: &str, after: &str) -> bool {
    let (Ok(before), Ok(after)) = (Uuid::parse_str(before), Uuid::parse_str(after)) else {
        return false;
    };
    before != after && before.to_bytes_le() == *after.as_bytes()
}

fn action_row(action: &ManagerAction, endpoint: &Cell) -> Vec<Cell> {
    let (word, style) = match action.action {
        ActionKind::Create => ("create", CellStyle::Green),
        ActionKind::Update => ("update", CellStyle::Yellow),
        ActionKind::Move => ("move", CellStyle::Yellow),
        ActionKind::Unlink => ("unlink", CellStyle::Red),
    };
    let mut details = Vec::new();
    if action.action == ActionKind::Move {
        details.push(format!("from {}", host_name(action.from.as_deref())));
    }
    details.extend(action.members.iter().map(member));
    row(
        (word, style),
        action.object,
        (&action.name, &action.id),
        action.host.as_deref(),
        &details,
        endpoint,
    )
}

fn change_row(change: &Change, endpoint: &Cell) -> Vec<Cell> {
    let mut details = Vec::new();
    let (word, members) = match &change.what {
        What::Created { .. } => (("created", CellStyle::Green), &[][..]),
        What::Deleted { .. } => (("deleted", CellStyle::Red), &[][..]),
        What::Updated { members, .. } => (("updated", CellStyle::Yellow), &members[..]),
        What::Migrated { from, members, .. } => {
            details.push(format!("from {}", host_name(from.as_ref().map(|host| &*host.name))));
            (("migrated", CellStyle::Yellow), &members[..])
        }
    };
    details.extend(members.iter().map(member));
    let host = change.host.as_ref().map(|host| &*host.name);
    row(word, change.object, (&change.name, &change.id), host, &details, endpoint)
}

fn row(
    (word, style): (&str, CellStyle),
    object: ObjectKind,
    (name, id): (&str, &str),
    host: Option<&str>,
    details: &[String],
    endpoint: &Cell,
) -> Vec<Cell> {
    vec![
        Cell::new(word, style),
        Cell::new(object.as_str(), CellStyle::Plain),
        Cell::new(shown_name(name), CellStyle::Bold),
        Cell::new(escape(id), CellStyle::Dim),
        Cell::new(host.map(shown_name).unwrap_or_default(), CellStyle::Plain),
        Cell::new(details.join(", "), CellStyle::Plain),
        endpoint.clone(),
    ]
}

fn host_name(name: Option<&str>) -> String {
    name.map_or_else(|| "no host".to_owned(), shown_name)
}

/// A member that changed: `osVersion 15.5 -> 15.6`.
fn member(member: &Member) -> String {
    let Member { path, before, after } = member;
    let name = escape(path.trim_start_matches('/'));
    match (before, after) {
        (Some(before), Some(after)) => format!("{name} {} -> {}", shown(before), shown(after)),
        (None, Some(after)) => format!("{name} added: {}", shown(after)),
        (before, _) => {
            format!("{name} removed: {}", before.as_ref().map(shown).unwrap_or_default())
        }
    }
}

/// The beginning of a value.
fn shown(value: &Value) -> String {
    let text = match value {
        Value::String(text) if text.is_empty() => "\"\"".to_owned(),
        Value::String(text) => escape(text),
        other => escape(&other.to_string()),
    };
    match text.char_indices().nth(VALUE_MAX_CHARS) {
        None => text,
        Some((end, _)) => format!("{}...", &text[..end]),
    }
}

/// The changes of objects with which a Manager does nothing.
fn only_in_inventory(endpoint: &EndpointDiff) -> Vec<&Change> {
    let mut acted: BTreeSet<(ObjectKind, &str)> = BTreeSet::new();
    for action in &endpoint.manager.actions {
        acted.insert((action.object, &action.id));
        acted.insert((action.object, &action.name));
    }
    let is_seen = |change: &&Change| {
        let object = change.object;
        acted.contains(&(object, &change.id)) || acted.contains(&(object, &change.name))
    };
    endpoint.changes.iter().flatten().filter(|change| !is_seen(change)).collect()
}

/// The number of actions of each kind: `creates 1 host and 2 guests`.
fn counted_actions<'a>(actions: impl Iterator<Item = &'a ManagerAction>) -> Vec<String> {
    let mut counts: BTreeMap<(ActionKind, ObjectKind), usize> = BTreeMap::new();
    for action in actions {
        *counts.entry((action.action, action.object)).or_default() += 1;
    }
    let words = [
        (ActionKind::Create, "creates"),
        (ActionKind::Update, "updates"),
        (ActionKind::Move, "moves"),
        (ActionKind::Unlink, "unlinks"),
    ];
    let counted = words.into_iter().filter_map(|(kind, word)| {
        let of = |object: ObjectKind| counts.get(&(kind, object)).copied().unwrap_or(0);
        let numbers = [(of(ObjectKind::Host), "host"), (of(ObjectKind::Guest), "guest")];
        let numbers: Vec<_> = numbers
            .into_iter()
            .filter(|(number, _)| *number > 0)
            .map(|(number, noun)| count(number, noun))
            .collect();
        (!numbers.is_empty()).then(|| format!("{word} {}", numbers.join(" and ")))
    });
    counted.collect()
}

/// The last line, with the counts.
fn summary(report: &DiffReport) -> String {
    let different = report.endpoints.iter().filter(|endpoint| endpoint.has_differences()).count();
    let total = count(report.endpoints.len(), "endpoint");
    if different == 0 {
        return format!("{total}: no differences");
    }
    let actions = report.endpoints.iter().flat_map(|endpoint| &endpoint.manager.actions);
    let counts = counted_actions(actions);
    let does = if counts.is_empty() {
        "a Manager changes nothing".to_owned()
    } else {
        format!("a Manager {}", counts.join(", "))
    };
    let mut parts = vec![format!("{total}: {different} with differences"), does];
    let is_unknown = |endpoint: &&EndpointDiff| endpoint.manager.does == Does::StoresOverUnknown;
    let unknown = report.endpoints.iter().filter(is_unknown).count();
    if unknown > 0 {
        parts.push(format!("what it does with {} is not known", count(unknown, "endpoint")));
    }
    let identities: usize =
        report.endpoints.iter().map(|endpoint| endpoint.manager.identity_changes.len()).sum();
    if identities > 0 {
        parts.push(format!("{} of an identity", count(identities, "change")));
    }
    let others: usize =
        report.endpoints.iter().map(|endpoint| only_in_inventory(endpoint).len()).sum();
    if others > 0 {
        parts.push(format!("{} only in the inventory", count(others, "change")));
    }
    parts.join("; ")
}
