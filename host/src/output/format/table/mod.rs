//! The format `table`, for people: each endpoint with its hosts, guests, errors and warnings, and a summary. It fits the
//! width of a terminal; elsewhere nothing is cut.

pub mod cells;
pub mod grid;
#[cfg(test)]
mod table_tests;
mod text_width;

use gatherer_plugin_api::GatherError;
use gatherer_plugin_api::model::{
    EndpointResult, EndpointStatus, Filtered, Guest, Host, Inventory, RunInfo,
};

use self::grid::{Cell, CellStyle, Column};
use self::text_width::{cut, width};
pub use self::text_width::{width as text_width, wrapped};
use super::{Rendered, TableStyle};
use crate::output::escape::escape;
use crate::output::inventory::{count, counted_complete, counted_items, missing_collections};
use crate::output::warning_kinds::{WarningKind, by_kind};

/// The minimum width of lines, even if the terminal is narrower.
pub const MIN_WIDTH: usize = 20;

/// A column that is never cut.
pub const PLAIN: Column = Column {
    title: "",
    aligns_right: false,
    preferred_width: 0,
    min_width: 0,
    cuts_middle: false,
    drop_order: 0,
    repeats: false,
};

const COLUMNS: [Column; 8] = [
    Column { title: "NAME", min_width: 12, ..PLAIN },
    Column { title: "STATE", drop_order: 1, ..PLAIN },
    Column { title: "CPUS", aligns_right: true, drop_order: 2, ..PLAIN },
    Column { title: "MEMORY", aligns_right: true, drop_order: 3, ..PLAIN },
    Column { title: "SYSTEM", preferred_width: 18, min_width: 10, drop_order: 5, ..PLAIN },
    Column {
        title: "ID",
        preferred_width: 18,
        min_width: 10,
        cuts_middle: true,
        drop_order: 4,
        ..PLAIN
    },
    // So that a line that another program finds is complete.
    Column { title: "HOST", repeats: true, ..PLAIN },
    Column { title: "ENDPOINT", repeats: true, ..PLAIN },
];

/// Renders the inventory. Duplicate names are not changed, because the ids distinguish them.
pub fn render(inventory: &Inventory, style: TableStyle) -> Rendered {
    let style = TableStyle { width: style.width.max(MIN_WIDTH), ..style };
    let mut endpoints: Vec<&EndpointResult> = inventory.endpoints.iter().collect();
    endpoints.sort_by(|one, other| (&one.id, &one.module).cmp(&(&other.id, &other.module)));

    let mut out = String::new();
    for endpoint in &endpoints {
        write_endpoint(endpoint, style, &mut out);
        out.push('\n');
    }
    for line in wrapped(&summary(&endpoints, inventory.run.as_ref()), style.width) {
        out.push_str(&CellStyle::Bold.paint(&line, style.color));
        out.push('\n');
    }
    Rendered { text: out, notes: Vec::new() }
}

/// Writes an endpoint.
fn write_endpoint(endpoint: &EndpointResult, style: TableStyle, out: &mut String) {
    let guests = guests(endpoint);
    let missing = missing_collections(endpoint);
    let mut counts = vec![count(endpoint.hosts.len(), "host"), count(guests, "guest")];
    let (status, status_style) = match endpoint.status {
        EndpointStatus::Complete if missing.is_empty() => ("complete".to_owned(), CellStyle::Green),
        EndpointStatus::Complete => {
            (format!("complete, {} missing", escape(&missing.join(", "))), CellStyle::Yellow)
        }
        _ => {
            counts.clear();
            ("failed".to_owned(), CellStyle::Red)
        }
    };
    counts.extend(counted_filtered(endpoint.filtered));
    counts.extend(counted_warnings(endpoint.warnings.len()));
    let duration = endpoint.run.as_ref().map(|run| cells::seconds(run.duration_ms));
    let module = endpoint.module.as_deref().map(escape).unwrap_or_default();
    heading(
        &[
            (escape(&endpoint.id), CellStyle::Bold),
            (module, CellStyle::Plain),
            (status, status_style),
            (counts.join(", "), CellStyle::Dim),
            (duration.unwrap_or_default(), CellStyle::Dim),
        ],
        style,
        out,
    );

    if let Some(error) = &endpoint.error {
        error_lines("error", CellStyle::Red, &error.kind.to_string(), error, style, out);
    }
    let rows = rows(endpoint);
    if !rows.is_empty() {
        grid::draw(&COLUMNS, &rows, style.width, style.color, out);
    }
    let items = counted_items(&endpoint.workloads).join(", ");
    if !items.is_empty() {
        labelled("items", CellStyle::Dim, &items, style, out);
    }
    for (name, collection) in &endpoint.collections {
        if let Some(error) = &collection.error {
            let prefix = format!("{name} could not be read completely: {}", error.kind);
            error_lines("warning", CellStyle::Yellow, &prefix, error, style, out);
        }
    }
    let mut warnings: Vec<_> = endpoint.warnings.iter().collect();
    warnings.sort();
    for line in by_kind(warnings, endpoint).iter().flat_map(WarningKind::lines) {
        labelled("warning", CellStyle::Yellow, &line, style, out);
    }
}

/// The numbers of hosts and guests that filters left out, if there are any.
fn counted_filtered(filtered: Option<Filtered>) -> Option<String> {
    let filtered = filtered.filter(|filtered| *filtered != Filtered::default())?;
    let number = |number| usize::try_from(number).unwrap_or(usize::MAX);
    let (hosts, guests) = (number(filtered.hosts), number(filtered.guests));
    Some(format!("filtered: {} and {}", count(hosts, "host"), count(guests, "guest")))
}

/// The number of warnings, if there are any.
fn counted_warnings(warnings: usize) -> Option<String> {
    (warnings > 0).then(|| count(warnings, "warning"))
}

/// Writes parts on one line, separated by two spaces. Long parts are cut to fit.
pub fn heading(parts: &[(String, CellStyle)], style: TableStyle, out: &mut String) {
    let parts: Vec<_> = parts.iter().filter(|(text, _)| !text.is_empty()).collect();
    let mut room = style.width;
    for (index, (text, part_style)) in parts.iter().enumerate() {
        let rest: usize = parts[index + 1..].iter().map(|(text, _)| width(text) + 2).sum();
        let limit = room.saturating_sub(rest).max(8).min(room);
        if index > 0 {
            if room < 4 {
                break;
            }
            out.push_str("  ");
        }
        let text = cut(text, if index > 0 { limit.min(room - 2) } else { limit });
        room = room.saturating_sub(width(&text) + if index > 0 { 2 } else { 0 });
        out.push_str(&part_style.paint(&text, style.color));
    }
    out.push('\n');
}

/// The rows of the hosts and guests of an endpoint.
fn rows(endpoint: &EndpointResult) -> Vec<Vec<Cell>> {
    let mut hosts: Vec<&Host> = endpoint.hosts.iter().collect();
    hosts.sort_by(|one, other| (&one.name, &one.id).cmp(&(&other.name, &other.id)));
    let endpoint_id = escape(&endpoint.id);
    let mut rows = Vec::new();
    for host in hosts {
        let (state, state_style) = cells::host_state(host);
        rows.push(vec![
            Cell::new(shown_name(&host.name), CellStyle::Bold),
            Cell::new(state, state_style),
            Cell::new(cells::host_cpus(&host.cpu), CellStyle::Plain),
            Cell::new(cells::size(host.memory_bytes), CellStyle::Plain),
            Cell::new(escape(&cells::system(host)), CellStyle::Plain),
            Cell::new(escape(&host.id), CellStyle::Dim),
            Cell::default(),
            Cell::new(&endpoint_id, CellStyle::Dim),
        ]);
        guest_rows(&host.guests, &shown_name(&host.name), &endpoint_id, &mut rows);
    }
    if !endpoint.detached_guests.is_empty() {
        let mut row = vec![Cell::default(); COLUMNS.len()];
        row[0] = Cell::new("(no host)", CellStyle::Dim);
        rows.push(row);
        guest_rows(&endpoint.detached_guests, "", &endpoint_id, &mut rows);
    }
    rows
}

/// Appends the rows of guests, with the names of their host and endpoint.
fn guest_rows(guests: &[Guest], host: &str, endpoint: &str, rows: &mut Vec<Vec<Cell>>) {
    let mut guests: Vec<&Guest> = guests.iter().collect();
    guests.sort_by(|one, other| (&one.name, &one.id).cmp(&(&other.name, &other.id)));
    for (index, guest) in guests.iter().enumerate() {
        let branch = if index + 1 == guests.len() { "└ " } else { "├ " };
        let (state, state_style) = cells::guest_state(guest);
        let id = guest.id.as_deref().or(guest.uuid.as_deref()).unwrap_or_default();
        rows.push(vec![
            Cell::new(format!("{branch}{}", shown_name(&guest.name)), CellStyle::Plain),
            Cell::new(state, state_style),
            Cell::new(
                guest.cpus.map(|cpus| cpus.to_string()).unwrap_or_default(),
                CellStyle::Plain,
            ),
            Cell::new(cells::size(guest.memory_bytes), CellStyle::Plain),
            Cell::default(),
            Cell::new(escape(id), CellStyle::Dim),
            Cell::new(host, CellStyle::Dim),
            Cell::new(endpoint, CellStyle::Dim),
        ]);
    }
}

/// The number of guests of an endpoint, with and without a host.
fn guests(endpoint: &EndpointResult) -> usize {
    let on_hosts: usize = endpoint.hosts.iter().map(|host| host.guests.len()).sum();
    on_hosts + endpoint.detached_guests.len()
}

/// A name as shown in the table.
pub fn shown_name(name: &str) -> String {
    if name.is_empty() { "(no name)".to_owned() } else { escape(name) }
}

/// Writes an error, with a prefix before its message, and its hint.
fn error_lines(
    label: &str,
    label_style: CellStyle,
    prefix: &str,
    error: &GatherError,
    style: TableStyle,
    out: &mut String,
) {
    labelled(label, label_style, &format!("{prefix}: {}", error.message), style, out);
    if let Some(hint) = &error.hint {
        labelled("hint", CellStyle::Dim, hint, style, out);
    }
}

/// Writes a text after a label; further lines are aligned with the first one.
pub fn labelled(
    label: &str,
    label_style: CellStyle,
    text: &str,
    style: TableStyle,
    out: &mut String,
) {
    const LABEL_WIDTH: usize = 9;
    let room = style.width.saturating_sub(2 + LABEL_WIDTH);
    for (index, line) in wrapped(&escape(text), room).iter().enumerate() {
        let shown = if index == 0 { label } else { "" };
        out.push_str("  ");
        out.push_str(&label_style.paint(shown, style.color));
        out.push_str(&" ".repeat(LABEL_WIDTH - shown.len()));
        out.push_str(line);
        out.push('\n');
    }
}

/// The last line, with the counts.
fn summary(endpoints: &[&EndpointResult], run: Option<&RunInfo>) -> String {
    let failed =
        endpoints.iter().filter(|endpoint| endpoint.status == EndpointStatus::Failed).count();
    let hosts: Vec<&Host> = endpoints.iter().flat_map(|endpoint| &endpoint.hosts).collect();
    let guests: usize = endpoints.iter().map(|endpoint| guests(endpoint)).sum();
    let warnings = endpoints.iter().map(|endpoint| endpoint.warnings.len()).sum();
    let warnings = counted_warnings(warnings).map(|warnings| format!("; {warnings}"));
    let time = run.map(|run| {
        let time = run.finished_at.duration_since(run.started_at).as_millis();
        format!("; {}", cells::seconds(u64::try_from(time).unwrap_or(0)))
    });
    let complete = endpoints.len() - failed;
    let incomplete =
        endpoints.iter().filter(|endpoint| !missing_collections(endpoint).is_empty()).count();
    let mut states = Vec::new();
    if complete > 0 {
        states.push(counted_complete(complete, incomplete));
    }
    if failed > 0 {
        states.push(format!("{failed} failed"));
    }
    let colon = if states.is_empty() { "" } else { ": " };
    format!(
        "{}{colon}{}; {}{}, {}{}{}",
        count(endpoints.len(), "endpoint"),
        states.join(", "),
        count(hosts.len(), "host"),
        cells::sums(&hosts),
        count(guests, "guest"),
        warnings.unwrap_or_default(),
        time.unwrap_or_default()
    )
}
