//! The format `ansible`: a dynamic inventory of Ansible, as an inventory script prints it for `--list`.
//!
//! Guests and real hosts are machines of the inventory. Whatever Ansible gives a meaning to is made safe: names, group
//! names, keys, and texts that Ansible would otherwise evaluate as templates.

#[cfg(test)]
mod ansible_properties;
#[cfg(test)]
mod ansible_tests;
mod group_names;
mod groups;
mod machines;
mod safe_names;
mod unevaluated;
mod variables;

use std::io::{self, Write as _};

use gatherer_plugin_api::Collection;
use gatherer_plugin_api::model::{EndpointResult, EndpointStatus, Inventory, Warning};
use serde::Serialize;
use serde_json::ser::Serializer;
use serde_json::{Map, Value};

use super::layout::OneLine;
use super::{Note, Rendered};
use groups::Groups;
use machines::Machine;
use variables::Variables;

/// The variable of the group `all` that lists what is not known. The inventory script looks for its line.
const FAILED_ENDPOINTS: &str = "vhg_failed_endpoints";

/// Renders the inventory: the variables of each machine on one line, then the groups with one machine per line.
pub fn render(inventory: &Inventory) -> Rendered {
    let machines = machines::all(inventory);
    let names = machines::inventory_names(&machines);
    let groups = Groups::of(inventory, &machines, &names);
    let missing: Vec<_> = inventory.endpoints.iter().filter_map(Missing::of).collect();
    let mut notes: Vec<_> = missing.iter().map(Missing::note).collect();
    notes.sort();
    let mut bytes = Vec::new();
    write(&mut bytes, inventory, &machines, &names, &groups, &missing)
        .expect("writing to a vector cannot fail, and all keys are strings");
    let text = String::from_utf8(bytes).expect("the serializer writes UTF-8");
    Rendered { text, notes }
}

/// Whether the hosts of an endpoint are known.
fn is_complete(endpoint: &EndpointResult) -> bool {
    endpoint.status == EndpointStatus::Complete && endpoint.error.is_none()
}

/// An endpoint of which hosts or guests are missing in the inventory.
struct Missing<'a> {
    endpoint: &'a EndpointResult,
    /// The collection that failed, if the endpoint itself is complete.
    collection: Option<&'static str>,
    kind: Option<String>,
    message: String,
}

impl<'a> Missing<'a> {
    fn of(endpoint: &'a EndpointResult) -> Option<Self> {
        let guests = Collection::VirtualMachines.as_str();
        let (collection, error) = if is_complete(endpoint) {
            let guests_status = endpoint.collections.get(guests)?;
            if guests_status.is_complete() {
                return None;
            }
            (Some(guests), guests_status.error.as_ref())
        } else {
            (None, endpoint.error.as_ref())
        };
        let message = error.map_or_else(|| "the reason is unknown".to_owned(), ToString::to_string);
        let kind = error.map(|error| error.kind.to_string());
        Some(Self { endpoint, collection, kind, message })
    }

    fn note(&self) -> Note {
        let reason = match &self.kind {
            Some(kind) => format!("{kind}: {}", self.message),
            None => self.message.clone(),
        };
        let message = match self.collection {
            Some(collection) => format!(
                "some of its guests are missing: its {collection} could not all be read: {reason}"
            ),
            None => format!("its hosts and guests are missing: the endpoint failed: {reason}"),
        };
        let endpoint = self.endpoint.id.clone();
        Note { warning: Warning { object: endpoint.clone(), message }, endpoint }
    }

    fn variable(&self) -> Value {
        let members = [
            ("endpoint", Some(self.endpoint.id.as_str())),
            ("module", self.endpoint.module.as_deref()),
            ("collection", self.collection),
            ("kind", self.kind.as_deref()),
            ("message", Some(&self.message)),
        ];
        let known = members.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?)));
        let known = known.map(|(name, value)| (name, unevaluated::text(value.to_owned())));
        Value::Object(known.collect())
    }
}

fn write(
    out: &mut Vec<u8>,
    inventory: &Inventory,
    machines: &[Machine<'_>],
    names: &[String],
    groups: &Groups<'_>,
    missing: &[Missing<'_>],
) -> io::Result<()> {
    out.write_all(b"{\n    \"_meta\": {\n        \"hostvars\": {")?;
    let variables = Variables::of(inventory, machines, names);
    for (position, machine) in sorted_by(names).into_iter().enumerate() {
        next_line(out, position, 12)?;
        write_json(out, &names[machine])?;
        out.write_all(b": ")?;
        write_json(out, &variables.of_machine(machine))?;
    }
    end_list(out, machines.len(), 8)?;
    out.write_all(b"}\n    },\n    \"all\": {\n        \"vars\": {\n            ")?;
    write_json(out, FAILED_ENDPOINTS)?;
    out.write_all(b": ")?;
    write_json(out, &missing.iter().map(Missing::variable).collect::<Vec<_>>())?;
    out.write_all(b"\n        }\n    }")?;
    for group in groups.sorted() {
        out.write_all(b",\n    ")?;
        write_json(out, group.name)?;
        out.write_all(b": {")?;
        for (number, (key, members)) in group.lists().into_iter().enumerate() {
            next_line(out, number, 8)?;
            write_json(out, key)?;
            out.write_all(b": [")?;
            for (position, member) in members.iter().enumerate() {
                next_line(out, position, 12)?;
                write_json(out, member)?;
            }
            end_list(out, members.len(), 8)?;
            out.write_all(b"]")?;
        }
        out.write_all(b"\n    }")?;
    }
    out.write_all(b"\n}\n")
}

/// The positions of the names, in the order of the names.
fn sorted_by(names: &[String]) -> Vec<usize> {
    let mut order: Vec<_> = (0..names.len()).collect();
    order.sort_unstable_by_key(|position| &names[*position]);
    order
}

fn next_line(out: &mut Vec<u8>, position: usize, indent: usize) -> io::Result<()> {
    let comma = if position > 0 { "," } else { "" };
    write!(out, "{comma}\n{:indent$}", "")
}

/// Puts the closing bracket of a list on its own line, unless the list is empty.
fn end_list(out: &mut Vec<u8>, length: usize, indent: usize) -> io::Result<()> {
    if length == 0 { Ok(()) } else { write!(out, "\n{:indent$}", "") }
}

fn write_json<T: Serialize + ?Sized>(out: &mut Vec<u8>, value: &T) -> io::Result<()> {
    Ok(value.serialize(&mut Serializer::with_formatter(out, OneLine))?)
}

/// The variables of one machine, by name.
type VariableMap = Map<String, Value>;
