//! The result for people: each image with its containers, then what matches nothing.

use std::io::{self, Write};

use super::matches::{Image, ImageMatches, Matches, Place, UnmatchedContainer};
use super::matching::Freshness;
use crate::output::escape::escape;
use crate::output::format::TableStyle;
use crate::output::format::table::grid::{self, Cell, Column, Look};
use crate::output::format::table::{LEAST_WIDTH, PLAIN, heading, labelled, wrapped};
use crate::output::inventory::count;

const POD: Column = Column { title: "POD", comfortable: 24, least: 10, middle: true, ..PLAIN };
const WHERE: [Column; 5] = [
    Column { title: "ENDPOINT", comfortable: 16, least: 6, expendable: 4, ..PLAIN },
    Column { title: "NAMESPACE", comfortable: 16, least: 8, expendable: 2, ..PLAIN },
    POD,
    Column { title: "CONTAINER", comfortable: 16, least: 8, expendable: 1, ..PLAIN },
    Column { title: "HOST", comfortable: 16, least: 8, expendable: 5, ..PLAIN },
];
const STATE: Column = Column { title: "STATE", expendable: 6, ..PLAIN };
const MATCHED_BY: Column = Column { title: "MATCHED BY", expendable: 3, ..PLAIN };
const RUNS: Column = Column { title: "RUNS", ..PLAIN };
const IMAGE: Column = Column { title: "IMAGE", comfortable: 32, least: 12, middle: true, ..PLAIN };
const REVISION: Column = Column { title: "REVISION", right: true, ..PLAIN };
const ID: Column =
    Column { title: "ID", comfortable: 20, least: 10, middle: true, expendable: 1, ..PLAIN };
const REASON: Column = Column { title: "REASON", expendable: 3, ..PLAIN };

/// Writes the result, fitting the terminal, one image after another.
pub fn write(matches: &Matches, style: TableStyle, mut to: impl Write) -> io::Result<()> {
    let style = TableStyle { width: style.width.max(LEAST_WIDTH), ..style };
    let mut out = String::new();
    for matched in matches.images.iter().filter(|matched| !matched.containers.is_empty()) {
        image(matched, style, &mut out);
        to.write_all(out.as_bytes())?;
        out.clear();
    }
    unused(matches, style, &mut out);
    unknown(&matches.unmatched.containers, style, &mut out);
    if !matches.incomplete.is_empty() {
        title("Endpoints of which not all pods are known", style, &mut out);
        for endpoint in &matches.incomplete {
            let text = format!("{}: {}", endpoint.endpoint, endpoint.message);
            labelled("missing", Look::Yellow, &text, style, &mut out);
        }
        out.push('\n');
    }
    for line in wrapped(&summary(matches), style.width) {
        out.push_str(&Look::Bold.paint(&line, style.color));
        out.push('\n');
    }
    to.write_all(out.as_bytes())
}

fn image(matched: &ImageMatches, style: TableStyle, out: &mut String) {
    let [endpoint, namespace, pod, container, host] = WHERE;
    let columns = [endpoint, namespace, pod, container, host, STATE, MATCHED_BY, RUNS];
    let image = &matched.image;
    let revision = image.revision.map(|revision| format!("revision {revision}"));
    let parts = [
        (name(image), Look::Bold),
        (revision.unwrap_or_default(), Look::Plain),
        freshness(image.freshness),
        (count(matched.containers.len(), "container"), Look::Dim),
    ];
    heading(&parts, style, out);
    let rows = matched.containers.iter().map(|container| {
        let mut row = place(&container.place);
        row.push(Cell::new(container.matched_by.as_str(), Look::Dim));
        let (text, look) = freshness(container.freshness);
        row.push(Cell::new(text, look));
        row
    });
    let rows: Vec<_> = rows.collect();
    grid::draw(&columns, &rows, style.width, style.color, out);
    out.push('\n');
}

fn unused(matches: &Matches, style: TableStyle, out: &mut String) {
    let images = &matches.unmatched.images;
    if images.is_empty() {
        return;
    }
    let known = if matches.incomplete.is_empty() { "" } else { ", as far as is known" };
    title(&format!("Images that nothing runs{known}"), style, out);
    let rows = images.iter().map(|image| {
        let (text, look) = freshness(image.freshness);
        vec![
            Cell::new(name(image), Look::Bold),
            Cell::new(
                image.revision.map(|revision| revision.to_string()).unwrap_or_default(),
                Look::Plain,
            ),
            Cell::new(text, look),
            Cell::new(image.id.as_deref().map(escape).unwrap_or_default(), Look::Dim),
        ]
    });
    let fresh = Column { title: "", ..RUNS };
    let rows: Vec<_> = rows.collect();
    grid::draw(&[IMAGE, REVISION, fresh, ID], &rows, style.width, style.color, out);
    out.push('\n');
}

fn unknown(containers: &[UnmatchedContainer], style: TableStyle, out: &mut String) {
    if containers.is_empty() {
        return;
    }
    title("Containers of no known image", style, out);
    let rows = containers.iter().map(|container| {
        let image = container.image.as_deref().or(container.image_id.as_deref());
        let mut row = place(&container.place);
        row.push(Cell::new(image.map(escape).unwrap_or_default(), Look::Plain));
        row.push(Cell::new(container.reason.as_str(), Look::Dim));
        row
    });
    let [endpoint, namespace, pod, container, host] = WHERE;
    let columns = [endpoint, namespace, pod, container, host, STATE, IMAGE, REASON];
    let rows: Vec<_> = rows.collect();
    grid::draw(&columns, &rows, style.width, style.color, out);
    out.push('\n');
}

fn title(text: &str, style: TableStyle, out: &mut String) {
    for line in wrapped(text, style.width) {
        out.push_str(&Look::Bold.paint(&line, style.color));
        out.push('\n');
    }
}

/// What a person calls the image.
fn name(image: &Image) -> String {
    if !image.names.is_empty() {
        return escape(&image.names.join(", "));
    }
    let id = image.id.as_ref().or(image.digests.first());
    id.map_or_else(|| "(no name)".to_owned(), |id| escape(id))
}

fn freshness(freshness: Option<Freshness>) -> (String, Look) {
    let look = match freshness {
        None => Look::Plain,
        Some(Freshness::Newest) => Look::Green,
        Some(Freshness::Outdated) => Look::Red,
        Some(Freshness::Unknown) => Look::Yellow,
    };
    (freshness.map(Freshness::as_str).unwrap_or_default().to_owned(), look)
}

fn place(place: &Place) -> Vec<Cell> {
    let container = match place.kind.as_str() {
        "app" => escape(&place.container),
        kind => escape(&format!("{} ({kind})", place.container)),
    };
    let state = place.state.as_deref().unwrap_or_default();
    let look = match state {
        "running" => Look::Green,
        "waiting" => Look::Yellow,
        _ => Look::Dim,
    };
    vec![
        Cell::new(escape(&place.endpoint), Look::Plain),
        Cell::new(escape(&place.namespace), Look::Plain),
        Cell::new(escape(&place.pod), Look::Plain),
        Cell::new(container, Look::Plain),
        Cell::new(place.host.as_deref().map(escape).unwrap_or_default(), Look::Plain),
        Cell::new(escape(state), look),
    ]
}

fn summary(matches: &Matches) -> String {
    let mut parts = vec![count(matches.images.len(), "image")];
    let unused = matches.unmatched.images.len();
    if unused > 0 {
        parts.push(format!("{unused} that nothing runs"));
    }
    let unknown = matches.unmatched.containers.len();
    if unknown > 0 {
        parts.push(format!("{} of no known image", count(unknown, "container")));
    }
    let incomplete = matches.incomplete.len();
    if incomplete > 0 {
        let endpoints = count(incomplete, "endpoint");
        parts.push(format!("{endpoints} of which not all pods are known"));
    }
    parts.join("; ")
}
