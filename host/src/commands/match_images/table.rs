//! The result as a table for people: each image with its containers, then what matches nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Write};

use super::matches::{
    Image, ImageMatches, Matches, Place, Selection, UnmatchedContainer, UnmatchedImage,
};
use super::matching::Freshness;
use crate::output::escape::escape;
use crate::output::format::TableStyle;
use crate::output::format::table::grid::{self, Cell, CellStyle, Column};
use crate::output::format::table::{MIN_WIDTH, PLAIN, heading, labelled, wrapped};
use crate::output::inventory::count;

const POD: Column =
    Column { title: "POD", preferred_width: 24, min_width: 10, cuts_middle: true, ..PLAIN };
/// The columns with the location of a container.
const PLACE: [Column; 5] = [
    Column { title: "ENDPOINT", preferred_width: 16, min_width: 6, drop_order: 4, ..PLAIN },
    Column { title: "NAMESPACE", preferred_width: 16, min_width: 8, drop_order: 2, ..PLAIN },
    POD,
    Column { title: "CONTAINER", preferred_width: 16, min_width: 8, drop_order: 1, ..PLAIN },
    Column { title: "HOST", preferred_width: 16, min_width: 8, drop_order: 5, ..PLAIN },
];
const STATE: Column = Column { title: "STATE", drop_order: 6, ..PLAIN };
const MATCHED_BY: Column = Column { title: "MATCHED BY", drop_order: 3, ..PLAIN };
const RUNS: Column = Column { title: "RUNS", ..PLAIN };
const IMAGE: Column =
    Column { title: "IMAGE", preferred_width: 32, min_width: 12, cuts_middle: true, ..PLAIN };
/// The image of the heading, so that a line that another program finds is complete.
const IMAGE_OF_HEADING: Column = Column { title: "IMAGE", repeats: true, ..PLAIN };
const REVISION: Column = Column { title: "REVISION", aligns_right: true, ..PLAIN };
const ID: Column = Column {
    title: "ID",
    preferred_width: 20,
    min_width: 10,
    cuts_middle: true,
    drop_order: 1,
    ..PLAIN
};
const REASON: Column = Column { title: "REASON", repeats: true, ..PLAIN };

/// Writes the result in the width of the terminal, one image after another.
pub fn write(matches: &Matches, style: TableStyle, mut to: impl Write) -> io::Result<()> {
    let style = TableStyle { width: style.width.max(MIN_WIDTH), ..style };
    let mut out = String::new();
    for matched in matches.images.iter().filter(|matched| !matched.containers.is_empty()) {
        write_image(matched, style, &mut out);
        to.write_all(out.as_bytes())?;
        out.clear();
    }
    write_unused_images(matches, style, &mut out);
    write_unmatched_containers(&matches.unmatched.containers, style, &mut out);
    if !matches.incomplete.is_empty() {
        write_title("Endpoints whose pods are not all known", style, &mut out);
        for endpoint in &matches.incomplete {
            let text = format!("{}: {}", endpoint.endpoint, endpoint.message);
            labelled("missing", CellStyle::Yellow, &text, style, &mut out);
        }
        out.push('\n');
    }
    for line in wrapped(&summary(matches), style.width) {
        out.push_str(&CellStyle::Bold.paint(&line, style.color));
        out.push('\n');
    }
    to.write_all(out.as_bytes())
}

/// Writes an image and its containers.
fn write_image(matched: &ImageMatches, style: TableStyle, out: &mut String) {
    let [endpoint, namespace, pod, container, host] = PLACE;
    let columns =
        [endpoint, namespace, pod, container, host, STATE, MATCHED_BY, RUNS, IMAGE_OF_HEADING];
    let image = &matched.image;
    let revision = image.revision.map(|revision| format!("revision {revision}"));
    let parts = [
        (name(image), CellStyle::Bold),
        (revision.unwrap_or_default(), CellStyle::Plain),
        freshness(image.freshness),
        (count(matched.containers.len(), "container"), CellStyle::Dim),
    ];
    heading(&parts, style, out);
    let rows = matched.containers.iter().map(|container| {
        let mut row = place(&container.place);
        row.push(Cell::new(container.matched_by.as_str(), CellStyle::Dim));
        let (text, style) = freshness(container.freshness);
        row.push(Cell::new(text, style));
        row.push(Cell::new(name(image), CellStyle::Dim));
        row
    });
    let rows: Vec<_> = rows.collect();
    grid::draw(&columns, &rows, style.width, style.color, out);
    out.push('\n');
}

/// Writes the images that no container runs.
fn write_unused_images(matches: &Matches, style: TableStyle, out: &mut String) {
    let images = &matches.unmatched.images;
    if images.is_empty() {
        return;
    }
    let is_known = matches.incomplete.is_empty() && !images.iter().any(|image| image.not_known);
    let known = if is_known { "" } else { ", as far as is known" };
    write_title(&format!("Images that no container runs{known}"), style, out);
    let rows = images.iter().map(|UnmatchedImage { image, .. }| {
        let (text, style) = freshness(image.freshness);
        vec![
            Cell::new(name(image), CellStyle::Bold),
            Cell::new(
                image.revision.map(|revision| revision.to_string()).unwrap_or_default(),
                CellStyle::Plain,
            ),
            Cell::new(text, style),
            Cell::new(image.id.as_deref().map(escape).unwrap_or_default(), CellStyle::Dim),
        ]
    });
    let fresh = Column { title: "", ..RUNS };
    let rows: Vec<_> = rows.collect();
    grid::draw(&[IMAGE, REVISION, fresh, ID], &rows, style.width, style.color, out);
    out.push('\n');
}

/// Writes the containers that match no image, grouped by their image.
fn write_unmatched_containers(
    containers: &[UnmatchedContainer],
    style: TableStyle,
    out: &mut String,
) {
    if containers.is_empty() {
        return;
    }
    write_title("Containers that match no image", style, out);
    out.push('\n');
    let mut groups: BTreeMap<_, Vec<&UnmatchedContainer>> = BTreeMap::new();
    for container in containers {
        let image = container.image.as_ref().or(container.image_id.as_ref());
        groups.entry((image, container.reason)).or_default().push(container);
    }
    let [endpoint, namespace, pod, container, host] = PLACE;
    let columns = [endpoint, namespace, pod, container, host, STATE, IMAGE_OF_HEADING, REASON];
    for ((image, reason), containers) in groups {
        let image = image.map_or_else(|| "(no image)".to_owned(), |image| escape(image));
        let parts = [
            (image.clone(), CellStyle::Bold),
            (reason.as_str().to_owned(), CellStyle::Plain),
            (count(containers.len(), "container"), CellStyle::Dim),
        ];
        heading(&parts, style, out);
        let rows = containers.iter().map(|container| {
            let mut row = place(&container.place);
            row.push(Cell::new(&image, CellStyle::Dim));
            row.push(Cell::new(reason.as_str(), CellStyle::Dim));
            row
        });
        let rows: Vec<_> = rows.collect();
        grid::draw(&columns, &rows, style.width, style.color, out);
        out.push('\n');
    }
}

/// Writes a title in bold.
fn write_title(text: &str, style: TableStyle, out: &mut String) {
    for line in wrapped(text, style.width) {
        out.push_str(&CellStyle::Bold.paint(&line, style.color));
        out.push('\n');
    }
}

/// The names of an image, or else its id or a digest.
fn name(image: &Image) -> String {
    if !image.names.is_empty() {
        return escape(&image.names.join(", "));
    }
    let id = image.id.as_ref().or(image.digests.first());
    id.map_or_else(|| "(no name)".to_owned(), |id| escape(id))
}

/// The text and style of a freshness.
fn freshness(freshness: Option<Freshness>) -> (String, CellStyle) {
    let style = match freshness {
        None => CellStyle::Plain,
        Some(Freshness::Newest) => CellStyle::Green,
        Some(Freshness::Outdated) => CellStyle::Red,
        Some(Freshness::Unknown) => CellStyle::Yellow,
    };
    (freshness.map(Freshness::as_str).unwrap_or_default().to_owned(), style)
}

/// The cells with the location of a container.
fn place(place: &Place) -> Vec<Cell> {
    let container = match place.kind.as_str() {
        "app" => escape(&place.container),
        kind => escape(&format!("{} ({kind})", place.container)),
    };
    let state = place.state.as_deref().unwrap_or_default();
    let style = match state {
        "running" => CellStyle::Green,
        "waiting" => CellStyle::Yellow,
        _ => CellStyle::Dim,
    };
    vec![
        Cell::new(escape(&place.endpoint), CellStyle::Plain),
        Cell::new(escape(&place.namespace), CellStyle::Plain),
        Cell::new(escape(&place.pod), CellStyle::Plain),
        Cell::new(container, CellStyle::Plain),
        Cell::new(host(place), CellStyle::Plain),
        Cell::new(escape(state), style),
    ]
}

/// The host of the pod, and the physical hosts on which it runs.
fn host(place: &Place) -> String {
    let host = place.host.as_deref().map(escape).unwrap_or_default();
    let physical: BTreeSet<_> =
        place.physical_hosts.iter().map(|host| escape(&host.name)).collect();
    if physical.is_empty() {
        return host;
    }
    format!("{host} on {}", Vec::from_iter(physical).join(", "))
}

/// The last line, with the counts.
fn summary(matches: &Matches) -> String {
    let mut parts = match matches.selection {
        Some(Selection { undecided, .. }) => outdated_parts(matches, undecided),
        None => whole_parts(matches),
    };
    let incomplete = matches.incomplete.len();
    if incomplete > 0 {
        parts.push(format!("{} with unknown pods", count(incomplete, "endpoint")));
    }
    parts.join("; ")
}

/// The counts of the outdated containers.
fn outdated_parts(matches: &Matches, undecided: usize) -> Vec<String> {
    let outdated: usize = matches.images.iter().map(|image| image.containers.len()).sum();
    let mut parts = Vec::new();
    if outdated > 0 {
        parts.push(format!("{} with an older revision", count(outdated, "container")));
    }
    let other = matches.unmatched.containers.len();
    if other > 0 {
        parts.push(format!("{} with another build", count(other, "container")));
    }
    if parts.is_empty() {
        parts.push("no container is known to be outdated".to_owned());
    }
    if undecided > 0 {
        parts.push(format!("{} whose revision is not known", count(undecided, "container")));
    }
    parts
}

/// The counts of all images and containers.
fn whole_parts(matches: &Matches) -> Vec<String> {
    let mut parts = vec![count(matches.images.len(), "image")];
    let unused = matches.unmatched.images.len();
    if unused > 0 {
        parts.push(format!("{unused} that no container runs"));
    }
    let unmatched = matches.unmatched.containers.len();
    if unmatched > 0 {
        parts.push(format!("{} without a match", count(unmatched, "container")));
    }
    parts
}
