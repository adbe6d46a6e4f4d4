//! The format `csv`: tables of hosts, guests, pods, links and endpoints, by RFC 4180.

mod cell;
mod columns;
#[cfg(test)]
mod csv_objects;
#[cfg(test)]
mod csv_properties;
#[cfg(test)]
mod csv_tests;

use std::collections::{BTreeMap, HashMap};

use csv::{Terminator, Writer, WriterBuilder};
use gatherer_plugin_api::Collection;
use gatherer_plugin_api::model::{
    EndpointResult, EndpointStatus, Guest, Host, Inventory, Pod, Warning,
};

use super::{Note, Rendered};
use crate::output::inventory::are_guests_known;
use crate::output::inventory::pods::{complete_pods, reason};
use cell::Column;

/// The tables of [`Format::Csv`](super::Format::Csv).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub enum CsvTable {
    /// The endpoints, also those that failed
    Endpoints,
    /// The hosts
    Hosts,
    /// The guests, with the host of each
    #[default]
    Guests,
    /// The pods, with the host of each
    Pods,
    /// The objects that are the same machine, or that run on it
    Links,
}

impl CsvTable {
    /// The objects in the table.
    const fn noun(self) -> &'static str {
        match self {
            Self::Endpoints => "endpoints",
            Self::Hosts => "hosts",
            Self::Guests => "guests",
            Self::Pods => "pods",
            Self::Links => "links",
        }
    }
}

/// A host with its endpoint.
#[derive(Clone, Copy)]
struct HostRow<'a> {
    endpoint: &'a EndpointResult,
    host: &'a Host,
    /// 1, or more if other hosts of the endpoint before this one have the same id.
    number: usize,
}

/// A guest with its endpoint, and its host if it has one.
struct GuestRow<'a> {
    endpoint: &'a EndpointResult,
    host: Option<HostRow<'a>>,
    guest: &'a Guest,
}

/// A pod with its endpoint.
struct PodRow<'a> {
    endpoint: &'a EndpointResult,
    pod: &'a Pod,
}

/// Renders a table. If the objects of an endpoint are not all known, none of them is listed, and a note says why.
pub fn render(inventory: &Inventory, table: CsvTable) -> Rendered {
    let mut rows = Rows::new();
    match table {
        CsvTable::Endpoints => {
            let endpoints = inventory.endpoints.iter();
            rows.write(&columns::endpoints(), endpoints, |endpoint| &endpoint.id);
        }
        CsvTable::Hosts => {
            rows.write(&columns::hosts(), hosts(inventory), |row| &row.endpoint.id);
        }
        CsvTable::Guests => {
            rows.write(&columns::guests(), guests(inventory), |row| &row.endpoint.id);
        }
        CsvTable::Pods => rows.write(&columns::pods(), pods(inventory), |row| &row.endpoint.id),
        CsvTable::Links => {
            let links = inventory.links.iter();
            rows.write(&columns::links(), links, |link| &link.from.endpoint);
        }
    }
    let (text, replaced) = rows.finish();
    let left_out = inventory.endpoints.iter().filter_map(|endpoint| left_out(endpoint, table));
    let mut notes: Vec<_> = left_out.chain(replaced).collect();
    notes.sort();
    Rendered { text, notes }
}

/// The hosts of all endpoints. A failed endpoint has none.
fn hosts(inventory: &Inventory) -> impl Iterator<Item = HostRow<'_>> {
    let mut numbers: HashMap<(&str, &str), usize> = HashMap::new();
    let hosts = inventory.endpoints.iter().flat_map(|endpoint| {
        let hosts = endpoint.hosts.iter();
        hosts.map(move |host| (endpoint, host))
    });
    hosts.map(move |(endpoint, host)| {
        let number = numbers.entry((&endpoint.id, &host.id)).or_default();
        *number += 1;
        HostRow { endpoint, host, number: *number }
    })
}

/// The guests of all endpoints: those on hosts first, then those without a host.
fn guests(inventory: &Inventory) -> impl Iterator<Item = GuestRow<'_>> {
    let on_hosts = hosts(inventory).flat_map(|row| {
        let guests = row.host.guests.iter();
        guests.map(move |guest| GuestRow { endpoint: row.endpoint, host: Some(row), guest })
    });
    let detached = inventory.endpoints.iter().flat_map(|endpoint| {
        let guests = endpoint.detached_guests.iter();
        guests.map(move |guest| GuestRow { endpoint, host: None, guest })
    });
    on_hosts.chain(detached).filter(|row| are_guests_known(row.endpoint))
}

/// The pods of the endpoints whose pods are all known.
fn pods(inventory: &Inventory) -> impl Iterator<Item = PodRow<'_>> {
    inventory.endpoints.iter().flat_map(|endpoint| {
        let pods = complete_pods(endpoint).unwrap_or_default().iter();
        pods.map(move |pod| PodRow { endpoint, pod })
    })
}

/// The note about an endpoint whose objects are not in the table because they are not known.
fn left_out(endpoint: &EndpointResult, table: CsvTable) -> Option<Note> {
    let has_failed = endpoint.status != EndpointStatus::Complete;
    let guests = Collection::VirtualMachines.as_str();
    let why = match table {
        CsvTable::Endpoints => return None,
        CsvTable::Pods => complete_pods(endpoint).err()?.message(),
        _ if has_failed => format!("the endpoint failed: {}", reason(endpoint.error.as_ref())),
        CsvTable::Guests if !are_guests_known(endpoint) => {
            let error = endpoint.collections.get(guests).and_then(|status| status.error.as_ref());
            format!("its {guests} could not be read completely: {}", reason(error))
        }
        _ => return None,
    };
    let message = format!("its {} are left out: {why}", table.noun());
    Some(Note {
        endpoint: endpoint.id.clone(),
        warning: Warning { object: endpoint.id.clone(), message },
    })
}

/// The rows of a table, as text.
struct Rows {
    writer: Writer<Vec<u8>>,
    /// How many values with NUL each endpoint has.
    replaced: BTreeMap<String, usize>,
}

impl Rows {
    fn new() -> Self {
        let writer = WriterBuilder::new().terminator(Terminator::CRLF).from_writer(Vec::new());
        Self { writer, replaced: BTreeMap::new() }
    }

    /// Writes the names of the columns, and the rows. `endpoint` is the id of a row's endpoint.
    fn write<'a, R>(
        &mut self,
        columns: &[Column<'a, R>],
        rows: impl Iterator<Item = R>,
        endpoint: fn(&R) -> &'a str,
    ) {
        const MEMORY: &str = "writing to memory cannot fail";
        self.writer.write_record(columns.iter().map(|column| column.name)).expect(MEMORY);
        for row in rows {
            for column in columns {
                let cell = (column.cell)(&row).unwrap_or_default();
                if cell.contains('\0') {
                    *self.replaced.entry(endpoint(&row).to_owned()).or_default() += 1;
                    self.writer.write_field(cell.replace('\0', "\u{fffd}")).expect(MEMORY);
                } else {
                    self.writer.write_field(&*cell).expect(MEMORY);
                }
            }
            self.writer.write_record(None::<&[u8]>).expect(MEMORY);
        }
    }

    /// The text, and the notes about replaced characters.
    fn finish(self) -> (String, impl Iterator<Item = Note>) {
        let bytes = self.writer.into_inner().expect("writing to memory cannot fail");
        let text = String::from_utf8(bytes).expect("only texts are written");
        let notes = self.replaced.into_iter().map(|(endpoint, number)| {
            let message = format!("values in which NUL is replaced by U+FFFD: {number}");
            Note { warning: Warning { object: endpoint.clone(), message }, endpoint }
        });
        (text, notes)
    }
}
