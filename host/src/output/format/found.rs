//! What `--find` found: a table for people, or one line of JSON for each object.

use std::io::{self, Write};

use gatherer_plugin_api::model::{
    EndpointStatus, Guest, Host, Inventory, Pod, PodHost, SCHEMA_VERSION,
};
use serde::Serialize;
use serde_json::ser::Serializer;

use super::TableStyle;
use super::layout::OneLine;
use super::table::grid::{self, Cell, CellStyle, Column};
use super::table::{MIN_WIDTH, PLAIN, cells, shown_name, wrapped};
use crate::output::escape::escape;
use crate::output::inventory::{count, missing_collections};
use crate::output::search::{Found, FoundObject};

const COLUMNS: [Column; 8] = [
    Column { title: "KIND", drop_order: 1, ..PLAIN },
    Column { title: "NAME", min_width: 12, ..PLAIN },
    Column { title: "NAMESPACE", min_width: 8, drop_order: 3, ..PLAIN },
    Column { title: "STATE", drop_order: 5, ..PLAIN },
    Column { title: "ADDRESS", preferred_width: 15, min_width: 10, drop_order: 4, ..PLAIN },
    Column {
        title: "ID",
        preferred_width: 18,
        min_width: 10,
        cuts_middle: true,
        drop_order: 6,
        ..PLAIN
    },
    Column { title: "HOST", min_width: 10, ..PLAIN },
    Column { title: "ENDPOINT", min_width: 8, ..PLAIN },
];

/// An object that was found, on one line.
#[derive(Serialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct FoundLine<'a> {
    /// The version of the inventory's schema, `major.minor`. A reader should accept every minor version of a major
    /// version that it knows.
    schema_version: String,
    /// The kind of object.
    kind: FoundKind,
    /// The id of its endpoint.
    endpoint: &'a str,
    /// The module of its endpoint.
    #[serde(skip_serializing_if = "Option::is_none")]
    module: Option<&'a str>,
    /// Its host, or the host itself. Absent: it has none.
    #[serde(skip_serializing_if = "Option::is_none")]
    host: Option<PodHost>,
    /// The object as in the inventory; a host has no `guests` here.
    object: LineObject<'a>,
}

/// The kinds of objects that `--find` searches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase")]
enum FoundKind {
    /// A host.
    Host,
    /// A guest.
    Guest,
    /// A pod.
    Pod,
}

impl FoundKind {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Host => "host",
            Self::Guest => "guest",
            Self::Pod => "pod",
        }
    }
}

/// The object of a line.
#[derive(Serialize, schemars::JsonSchema)]
#[serde(untagged)]
enum LineObject<'a> {
    /// A host without its guests.
    Host(Box<Host>),
    /// A guest.
    Guest(&'a Guest),
    /// A pod.
    Pod(&'a Pod),
}

fn kind(object: FoundObject<'_>) -> FoundKind {
    match object {
        FoundObject::Host(_) => FoundKind::Host,
        FoundObject::Guest(..) => FoundKind::Guest,
        FoundObject::Pod(_) => FoundKind::Pod,
    }
}

/// Writes a line of JSON for each object.
pub fn write_lines(found: &[Found<'_>], mut writer: impl Write) -> io::Result<()> {
    for found in found {
        line(found).serialize(&mut Serializer::with_formatter(&mut writer, OneLine))?;
        writer.write_all(b"\n")?;
    }
    Ok(())
}

fn line<'a>(found: &Found<'a>) -> FoundLine<'a> {
    let reference = |host: &Host| PodHost { id: Some(host.id.clone()), name: host.name.clone() };
    let (host, object) = match found.object {
        FoundObject::Host(host) => {
            let alone = Host { guests: Vec::new(), ..host.clone() };
            (Some(reference(host)), LineObject::Host(Box::new(alone)))
        }
        FoundObject::Guest(guest, host) => (host.map(reference), LineObject::Guest(guest)),
        FoundObject::Pod(pod) => (pod.host.clone(), LineObject::Pod(pod)),
    };
    FoundLine {
        schema_version: SCHEMA_VERSION.to_owned(),
        kind: kind(found.object),
        endpoint: &found.endpoint.id,
        module: found.endpoint.module.as_deref(),
        host,
        object,
    }
}

/// Writes a row for each object, and a summary that says what could not be searched.
pub fn write_table(
    found: &[Found<'_>],
    text: &str,
    inventory: &Inventory,
    style: TableStyle,
    mut writer: impl Write,
) -> io::Result<()> {
    let style = TableStyle { width: style.width.max(MIN_WIDTH), ..style };
    let mut out = String::new();
    if !found.is_empty() {
        let rows: Vec<_> = found.iter().map(row).collect();
        grid::draw(&COLUMNS, &rows, style.width, style.color, &mut out);
        out.push('\n');
    }
    for line in wrapped(&summary(found, text, inventory), style.width) {
        out.push_str(&CellStyle::Bold.paint(&line, style.color));
        out.push('\n');
    }
    writer.write_all(out.as_bytes())
}

fn row(found: &Found<'_>) -> Vec<Cell> {
    let dim = |text: &str| Cell::new(escape(text), CellStyle::Dim);
    let plain = |text: &str| Cell::new(escape(text), CellStyle::Plain);
    let (name, namespace, (state, state_style), address, id, host) = match found.object {
        FoundObject::Host(host) => {
            let address = host.addresses.first().map(|address| address.address.as_str());
            (&host.name, "", cells::host_state(host), address, host.id.as_str(), "")
        }
        FoundObject::Guest(guest, host) => {
            let address = guest.addresses.first().map(|address| address.address.as_str());
            let id = guest.id.as_deref().or(guest.uuid.as_deref()).unwrap_or_default();
            let host = host.map_or("", |host| host.name.as_str());
            (&guest.name, "", cells::guest_state(guest), address, id, host)
        }
        FoundObject::Pod(pod) => {
            let state = (pod.phase.as_deref().unwrap_or_default(), CellStyle::Plain);
            let address = pod.pod_ips.first().map(String::as_str);
            let host = pod.host.as_ref().map_or("", |host| host.name.as_str());
            (&pod.name, pod.namespace.as_str(), state, address, pod.uid.as_str(), host)
        }
    };
    vec![
        dim(kind(found.object).as_str()),
        Cell::new(shown_name(name), CellStyle::Bold),
        plain(namespace),
        Cell::new(escape(state), state_style),
        plain(address.unwrap_or_default()),
        dim(id),
        plain(host),
        plain(&found.endpoint.id),
    ]
}

/// The last line: what was found, and which endpoints could not be searched.
fn summary(found: &[Found<'_>], text: &str, inventory: &Inventory) -> String {
    let kinds =
        [FoundKind::Host, FoundKind::Guest, FoundKind::Pod].into_iter().filter_map(|kind| {
            let number = found.iter().filter(|found| self::kind(found.object) == kind).count();
            (number > 0).then(|| count(number, kind.as_str()))
        });
    let kinds: Vec<_> = kinds.collect();
    let result =
        if kinds.is_empty() { format!("nothing has {}", escape(text)) } else { kinds.join(", ") };
    let endpoints = &inventory.endpoints;
    let is_failed = |status| status != EndpointStatus::Complete;
    let failed = endpoints.iter().filter(|endpoint| is_failed(endpoint.status)).count();
    let incomplete =
        endpoints.iter().filter(|endpoint| !missing_collections(endpoint).is_empty()).count();
    let searched = count(endpoints.len() - failed, "endpoint");
    let mut parts = vec![result, format!("{searched} searched")];
    if failed > 0 {
        parts.push(format!("{} not searched, because of errors", count(failed, "endpoint")));
    }
    if incomplete > 0 {
        parts.push(format!("{} not searched completely", count(incomplete, "endpoint")));
    }
    parts.join("; ")
}

#[cfg(test)]
mod tests {
    use gatherer_plugin_api::model::{EndpointResult, EndpointStatus, Guest, Host};

    use super::{write_lines, write_table};
    use crate::output::format::TableStyle;
    use crate::output::inventory::assemble;
    use crate::output::search::find;
    use crate::output::terminal::UNLIMITED;

    fn printed(text: &str, width: usize) -> (String, String) {
        let mut host = Host::new("93ce9d1d-06b9-4f0e-a3d6-0c84efb2b1a4", "esx1.example.com");
        host.guests = vec![Guest::new("4c4c4544-0042-3510-8052-b4c04f4e3731", "web\u{1b}[1m")];
        let mut complete = EndpointResult::new("vcenter".into(), Some("VMware".into()), None);
        complete.status = EndpointStatus::Complete;
        complete.hosts = vec![host];
        complete.detached_guests = vec![Guest::new("d", "web 2")];
        let failed = EndpointResult::new("kvm".into(), None, None);
        let inventory = assemble(vec![complete, failed], None);
        let text = text.parse().expect("a text");
        let found = find(&inventory, &text);
        let (mut table, mut lines) = (Vec::new(), Vec::new());
        let style = TableStyle { width, color: false };
        write_table(&found, text.given(), &inventory, style, &mut table).expect("written");
        write_lines(&found, &mut lines).expect("written");
        let text = |bytes| String::from_utf8(bytes).expect("UTF-8");
        (text(table), text(lines))
    }

    #[test]
    fn shows_each_object_with_its_host_and_endpoint() {
        let (table, lines) = printed("web", UNLIMITED);
        insta::assert_snapshot!(format!("{table}\n{lines}"));
    }

    #[test]
    fn a_host_is_printed_without_its_guests() {
        let (_, lines) = printed("esx1", UNLIMITED);
        assert!(lines.contains(r#""kind":"host""#) && !lines.contains("guests"), "{lines}");
    }

    #[test]
    fn says_what_could_not_be_searched_if_nothing_was_found() {
        let (table, lines) = printed("other", 60);
        assert_eq!(lines, "");
        insta::assert_snapshot!(table);
    }
}
