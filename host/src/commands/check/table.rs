//! The result of `check` as a table for people: each endpoint with its steps, and a summary.

use gatherer_plugin_api::{CheckStep, StepStatus};

use crate::output::checked::{CheckDocument, EndpointCheck};
use crate::output::escape::escape;
use crate::output::format::TableStyle;
use crate::output::format::table::grid::CellStyle;
use crate::output::format::table::{MIN_WIDTH, heading, text_width, wrapped};
use crate::output::inventory::count;

/// The width of the words for a status.
const STATUS_WIDTH: usize = 9;

/// The maximum width of the column with the names of steps. The text of a longer name begins on the next line.
const NAME_MAX_WIDTH: usize = 36;

/// The minimum width of the texts.
const TEXT_MIN_WIDTH: usize = 24;

/// The result in the width of the terminal.
pub fn text(checks: &CheckDocument, style: TableStyle) -> String {
    let style = TableStyle { width: style.width.max(MIN_WIDTH), ..style };
    let mut out = String::new();
    for check in &checks.endpoints {
        write_endpoint(check, style, &mut out);
        out.push('\n');
    }
    for line in wrapped(&summary(&checks.endpoints), style.width) {
        out.push_str(&CellStyle::Bold.paint(&line, style.color));
        out.push('\n');
    }
    out
}

/// Writes an endpoint and its steps.
fn write_endpoint(check: &EndpointCheck, style: TableStyle, out: &mut String) {
    let (status, status_style) = word(check.status);
    let parts = [
        (escape(&check.id), CellStyle::Bold),
        (check.module.as_deref().map(escape).unwrap_or_default(), CellStyle::Plain),
        (status.to_owned(), status_style),
    ];
    heading(&parts, style, out);
    let names = check.steps.iter().map(|step| text_width(&escape(&step.name)));
    let names = names.filter(|width| *width <= NAME_MAX_WIDTH).max().unwrap_or(0);
    for step in &check.steps {
        write_step(step, names, style, out);
    }
}

/// Writes a step: its status and name, its text beside them, and its hint on the next line.
fn write_step(step: &CheckStep, names: usize, style: TableStyle, out: &mut String) {
    let (status, status_style) = word(step.status);
    let name = escape(&step.name);
    let begin = 2 + STATUS_WIDTH + 2 + names + 2;
    let room = style.width.saturating_sub(begin).max(TEXT_MIN_WIDTH);
    let text = match step.kind {
        Some(kind) => format!("{kind}: {}", step.message),
        None => step.message.clone(),
    };
    let mut lines = if text.is_empty() { Vec::new() } else { wrapped(&escape(&text), room) };
    if let Some(hint) = &step.hint {
        lines.extend(wrapped(&escape(&format!("hint: {hint}")), room));
    }
    let mut lines = lines.into_iter();
    let gap = " ".repeat(STATUS_WIDTH - status.len() + 2);
    let status = status_style.paint(status, style.color);
    out.extend(["  ", status.as_str(), gap.as_str(), name.as_str()]);
    if text_width(&name) <= names
        && let Some(line) = lines.next()
    {
        out.push_str(&" ".repeat(names - text_width(&name) + 2));
        out.push_str(&line);
    }
    out.push('\n');
    for line in lines {
        out.push_str(&" ".repeat(begin));
        out.push_str(&line);
        out.push('\n');
    }
}

/// The word for a status, and its style.
fn word(status: StepStatus) -> (&'static str, CellStyle) {
    match status {
        StepStatus::Ok => ("ok", CellStyle::Green),
        StepStatus::Warning => ("warning", CellStyle::Yellow),
        StepStatus::Failed => ("failed", CellStyle::Red),
        _ => ("not tried", CellStyle::Dim),
    }
}

/// The last line, with the counts.
fn summary(checks: &[EndpointCheck]) -> String {
    let number = |status| checks.iter().filter(|check| check.status == status).count();
    let mut counts = Vec::new();
    for (status, text) in [
        (StepStatus::Ok, "ok"),
        (StepStatus::Warning, "with warnings"),
        (StepStatus::NotTried, "not checked completely"),
        (StepStatus::Failed, "failed"),
    ] {
        if number(status) > 0 {
            counts.push(format!("{} {text}", number(status)));
        }
    }
    let colon = if counts.is_empty() { "" } else { ": " };
    format!("{}{colon}{}", count(checks.len(), "endpoint"), counts.join(", "))
}
