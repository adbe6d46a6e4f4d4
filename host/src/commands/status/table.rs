//! The status of all endpoints as a table, and below it what is wrong.

use gatherer_plugin_api::model::Timestamp;
use jiff::SignedDuration;

use super::{ShownStatus, Word, ages};
use crate::output::escape::escape;
use crate::output::format::TableStyle;
use crate::output::format::table::cells::seconds;
use crate::output::format::table::grid::{self, Cell, CellStyle, Column};
use crate::output::format::table::{MIN_WIDTH, PLAIN, labelled};
use crate::output::inventory::count;
use crate::state::StatusRecord;

/// What expires later than this is not shown.
const EXPIRES_SOON: SignedDuration = SignedDuration::from_hours(30 * 24);

const COLUMNS: [Column; 7] = [
    Column { title: "ENDPOINT", preferred_width: 32, min_width: 10, cuts_middle: true, ..PLAIN },
    Column { title: "MODULE", preferred_width: 12, min_width: 6, drop_order: 3, ..PLAIN },
    Column { title: "STATUS", ..PLAIN },
    Column { title: "LAST SUCCESS", ..PLAIN },
    Column { title: "TOOK", aligns_right: true, drop_order: 4, ..PLAIN },
    Column { title: "OBJECTS", preferred_width: 40, min_width: 12, drop_order: 2, ..PLAIN },
    Column { title: "NEXT", drop_order: 1, ..PLAIN },
];

/// The text of the table.
pub fn text(statuses: &[ShownStatus<'_>], now: Timestamp, style: TableStyle) -> String {
    let style = TableStyle { width: style.width.max(MIN_WIDTH), ..style };
    let mut out = String::new();
    if statuses.is_empty() {
        out.push_str("no endpoint was asked with this state folder yet\n");
        return out;
    }
    let rows: Vec<_> = statuses.iter().map(|status| row(status, now)).collect();
    grid::draw(&COLUMNS, &rows, style.width, style.color, &mut out);
    let mut problems = String::new();
    for status in statuses {
        write_problems(status, now, style, &mut problems);
    }
    if !problems.is_empty() {
        out.push('\n');
        out.push_str(&problems);
    }
    let number = |word: Word| statuses.iter().filter(|status| status.status == word).count();
    let words = [
        (Word::Complete, "complete"),
        (Word::Failed, "failed"),
        (Word::Overdue, "overdue"),
        (Word::Removed, "removed"),
        (Word::Unknown, "never asked"),
    ];
    let numbers = words.into_iter().map(|(word, text)| (number(word), text));
    let numbers = numbers.filter(|(number, _)| *number > 0);
    let numbers: Vec<_> = numbers.map(|(number, text)| format!("{number} {text}")).collect();
    let summary = format!("{}: {}", count(statuses.len(), "endpoint"), numbers.join(", "));
    out.push('\n');
    out.push_str(&CellStyle::Bold.paint(&summary, style.color));
    out.push('\n');
    out
}

fn row(ShownStatus { status, record }: &ShownStatus<'_>, now: Timestamp) -> Vec<Cell> {
    let (word, word_style) = match status {
        Word::Complete => ("complete", CellStyle::Green),
        Word::Failed => ("failed", CellStyle::Red),
        Word::Overdue => ("overdue", CellStyle::Red),
        Word::Removed => ("removed", CellStyle::Dim),
        Word::Unknown => ("never asked", CellStyle::Dim),
    };
    let success = record.last_success.as_ref();
    let last = success.map_or("never".to_owned(), |success| ages::since(success.at, now));
    let took = success.and_then(|success| success.duration_ms).map(seconds);
    let next = record.next_run.filter(|_| *status != Word::Removed);
    let next = next.map(|next| ages::until(next, now));
    vec![
        Cell::new(escape(&record.id), CellStyle::Bold),
        Cell::new(escape(record.module.as_deref().unwrap_or_default()), CellStyle::Plain),
        Cell::new(word, word_style),
        Cell::new(last, CellStyle::Plain),
        Cell::new(took.unwrap_or_default(), CellStyle::Plain),
        Cell::new(objects(record), CellStyle::Plain),
        Cell::new(next.unwrap_or_default(), CellStyle::Plain),
    ]
}

/// The counts of the last complete answer, hosts and guests first.
fn objects(record: &StatusRecord) -> String {
    let Some(success) = &record.last_success else { return String::new() };
    let first = ["hosts", "guests"];
    let rest = success.counts.keys().map(String::as_str).filter(|kind| !first.contains(kind));
    let kinds = first.into_iter().chain(rest);
    let counts = kinds.filter_map(|kind| Some((*success.counts.get(kind)?, kind)));
    let counts: Vec<_> = counts
        .map(|(number, kind)| {
            let noun = if number == 1 { kind.trim_end_matches('s') } else { kind };
            format!("{number} {noun}")
        })
        .collect();
    counts.join(", ")
}

/// Writes what is wrong with an endpoint.
fn write_problems(
    ShownStatus { status, record }: &ShownStatus<'_>,
    now: Timestamp,
    style: TableStyle,
    out: &mut String,
) {
    let id = escape(&record.id);
    match (status, &record.last_failure) {
        (Word::Removed, _) => return,
        (Word::Failed, Some(failure)) => {
            let since = record.failing_since.unwrap_or(failure.at);
            let since = ages::duration(now.as_second() - since.as_second());
            let text = format!("{id}, for {since}: {}: {}", failure.kind, failure.message);
            labelled("failed", CellStyle::Red, &text, style, out);
            if let Some(hint) = &failure.hint {
                labelled("hint", CellStyle::Dim, hint, style, out);
            }
        }
        (Word::Overdue, _) => {
            let text = format!("{id}: was not asked when it was due; is `watch` running?");
            labelled("overdue", CellStyle::Red, &text, style, out);
        }
        _ => {}
    }
    let Some(success) = &record.last_success else { return };
    if !success.missing.is_empty() {
        let text = format!("{id}: {}", success.missing.join(", "));
        labelled("missing", CellStyle::Yellow, &text, style, out);
    }
    for expiry in &success.expiries {
        let left = expiry.at.duration_since(now);
        if left > EXPIRES_SOON {
            continue;
        }
        let verb = if left.is_negative() { "expired" } else { "expires" };
        let text = format!("{id}: {} {verb} {}", expiry.what, ages::until(expiry.at, now));
        labelled("expiry", CellStyle::Yellow, &text, style, out);
    }
}
