//! Fuzz target: the bytes of a worker's frame pipe, and the output of all formats for them.

use std::rc::Rc;

use gatherer_plugin_api::GatherError;
use gatherer_plugin_api::assembly::Gathered;
use gatherer_plugin_api::model::{EndpointResult, EndpointStatus, Inventory};
use serde_json::Value;

use super::super::budget::Budget;
use super::{Answer, Collector, Event};
use crate::output::format::{Format, FormatOptions, TableStyle, render};
use crate::output::inventory;
use crate::request::redact::{Redactor, Secrets};

/// The secret of the endpoint.
const SECRET: &str = "hunter2-is-secret";

/// The memory budget.
const MEMORY_BYTES: u64 = 256 * 1024 * 1024;

/// The answer or error; `None` without a last frame.
type Outcome = Option<Result<Answer, GatherError>>;

/// The first byte is the size of the pieces in which the rest arrives.
pub fn frames(input: &[u8]) {
    let Some((&size, bytes)) = input.split_first() else { return };
    let whole = outcome(bytes, bytes.len());
    let pieces = outcome(bytes, usize::from(size) + 1);
    match (&whole, &pieces) {
        (None, None) => {}
        (Some(Err(one)), Some(Err(other))) => {
            assert_eq!((one.kind, &one.message), (other.kind, &other.message));
            assert_hidden(&one.message);
            assert_hidden(one.hint.as_deref().unwrap_or_default());
        }
        (Some(Ok(one)), Some(Ok(other))) => assert_eq!(one, other),
        _ => panic!("the outcome depends on the pieces in which the frames arrive"),
    }
    if let Some(Ok(answer)) = whole {
        check_formats(answer.gathered);
    }
}

fn outcome(bytes: &[u8], size: usize) -> Outcome {
    let secrets: Secrets = [SECRET].iter().collect();
    let budget = Rc::new(Budget::new(MEMORY_BYTES, MEMORY_BYTES));
    let mut collector = Collector::new(Redactor::new(secrets), budget);
    for piece in bytes.chunks(size.max(1)) {
        let taken = collector.receive(piece, |event| match event {
            Event::Log { target, message, .. } => {
                assert_hidden(&target);
                assert_hidden(&message);
            }
            Event::Progress(message) => assert_hidden(&message),
        });
        if let Err(error) = taken {
            return Some(Err(error));
        }
    }
    collector.finish()
}

fn assert_hidden(text: &str) {
    assert!(!text.contains(SECRET), "the secret is shown: {text}");
}

fn check_formats(answer: Gathered) {
    for warning in &answer.warnings {
        assert_hidden(&warning.object);
        assert_hidden(&warning.message);
    }
    let hosts = answer.hosts.len();
    let guests: usize = answer.hosts.iter().map(|host| host.guests.len()).sum();
    let all_guests = guests + answer.detached_guests.len();
    let result = EndpointResult {
        status: EndpointStatus::Complete,
        hosts: answer.hosts,
        detached_guests: answer.detached_guests,
        workloads: answer.workloads,
        collections: answer.collections,
        warnings: answer.warnings,
        ..EndpointResult::new("e".to_owned(), Some("M".to_owned()), None)
    };
    let inventory = inventory::assemble(vec![result], None);
    let style = TableStyle { width: 80, color: false };
    let options = FormatOptions { style, ..FormatOptions::default() };
    let text = |format| render(format, &inventory, &options).text;
    let json = |text: &str| serde_json::from_str::<Value>(text).expect("the format is JSON");

    let gatherer = render(Format::Gatherer, &inventory, &options);
    assert!(gatherer.text.is_ascii(), "the Manager reads ASCII");
    let document = json(&gatherer.text);
    let printed = document["e"].as_object().expect("an endpoint is an object");
    assert_eq!(printed.len(), hosts, "each host has a key of its own");
    let vms = printed.values().filter_map(|host| host["vms"].as_object());
    let is_reported =
        gatherer.notes.iter().any(|note| note.warning.message.contains("not printed"));
    let all = vms.map(serde_json::Map::len).sum::<usize>() == guests;
    assert!(all || is_reported, "a guest is missing and no note says so");

    let containers = text(Format::Containers);
    assert!(containers.is_ascii(), "mgrk8s prints ASCII");
    json(&containers);
    let associations = text(Format::VirtWho);
    assert!(associations.is_ascii(), "the format virt-who is ASCII");
    json(&associations);
    let ansible = json(&text(Format::Ansible));
    let machines = ansible["_meta"]["hostvars"].as_object().map(serde_json::Map::len);
    let endpoint = &inventory.endpoints[0];
    let real_hosts = endpoint.hosts.iter().filter(|host| !host.synthetic).count();
    let expected = real_hosts + guests + endpoint.detached_guests.len();
    assert_eq!(machines, Some(expected), "each guest and each real host has a name of its own");
    let document: Inventory = serde_json::from_str(&text(Format::Inventory)).expect("an inventory");
    assert_eq!(document, inventory, "the inventory is read as it is written");
    for line in text(Format::Ndjson).lines() {
        json(line);
    }
    let metrics = text(Format::Prometheus);
    assert!(!metrics.contains(|sign: char| sign.is_control() && sign != '\n'), "{metrics:?}");
    let cells = text(Format::Csv);
    let records = csv::Reader::from_reader(cells.as_bytes()).into_records();
    let known: Result<Vec<_>, _> = records.collect();
    let known = known.expect("each record has all cells").len();
    assert!(known == all_guests || known == 0, "{known} of {all_guests} guests are in the table");
    let table = text(Format::Table);
    assert!(!table.contains(|sign: char| sign.is_control() && sign != '\n'), "{table:?}");
}
