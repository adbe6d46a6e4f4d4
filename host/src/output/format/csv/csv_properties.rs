//! Property tests: a strict parser of RFC 4180 reads every table, and its rows have all members of the inventory.

use std::collections::BTreeMap;

use gatherer_plugin_api::model::Inventory;
use proptest::prelude::*;
use serde_json::Value;

use super::csv_objects::endpoint;
use super::{CsvTable, render};
use crate::output::inventory::assemble;

/// A row of a table, by the names of the columns.
type Row = BTreeMap<String, String>;

/// Parses a table by the grammar of RFC 4180: each record ends with CRLF, and only quoted cells have commas, quotes, CR and LF.
fn strict_records(text: &str) -> Result<Vec<Vec<String>>, String> {
    let (mut records, mut record, mut rest) = (Vec::new(), Vec::new(), text);
    while !rest.is_empty() {
        let mut cell = String::new();
        if let Some(quoted) = rest.strip_prefix('"') {
            rest = quoted;
            loop {
                let (part, after) = rest.split_once('"').ok_or("a quoted cell has no end")?;
                cell.push_str(part);
                if let Some(after) = after.strip_prefix('"') {
                    cell.push('"');
                    rest = after;
                } else {
                    rest = after;
                    break;
                }
            }
        } else {
            let end = rest.find([',', '"', '\r', '\n']).ok_or("the last record has no end")?;
            cell.push_str(&rest[..end]);
            rest = &rest[end..];
        }
        record.push(cell);
        if let Some(after) = rest.strip_prefix("\r\n") {
            records.push(std::mem::take(&mut record));
            rest = after;
        } else {
            rest = rest.strip_prefix(',').ok_or("neither a comma nor CRLF follows a cell")?;
        }
    }
    Ok(records)
}

/// The rows of a table, read by the strict parser and by the reader of the crate `csv`, which must agree.
fn rows(inventory: &Inventory, table: CsvTable) -> Result<Vec<Row>, String> {
    let text = render(inventory, table).text;
    let mut records = strict_records(&text)?;
    let mut reader = csv::ReaderBuilder::new().has_headers(false).from_reader(text.as_bytes());
    let read: Result<Vec<csv::StringRecord>, _> = reader.records().collect();
    let read: Vec<Vec<&str>> = match &read {
        Ok(read) => read.iter().map(|record| record.iter().collect()).collect(),
        Err(error) => return Err(error.to_string()),
    };
    if read != records {
        return Err("the readers do not agree".to_owned());
    }
    let names = records.remove(0);
    let row = |record: Vec<String>| names.iter().cloned().zip(record).collect();
    Ok(records.into_iter().map(row).collect())
}

/// Removes the members at these places from an object, and compares each with its cell. The rest of the object must be
/// empty, or a member has no column.
fn compare(row: &Row, mut object: Value, columns: &[(&str, &str)]) -> Result<(), String> {
    for (column, path) in columns {
        let cell = row.get(*column).ok_or_else(|| format!("there is no column {column}"))?;
        let (parents, name) = path.rsplit_once('/').expect("a path begins with a slash");
        let parent = object.pointer_mut(parents).and_then(Value::as_object_mut);
        let expected = parent.and_then(|parent| parent.remove(name)).unwrap_or(Value::Null);
        let is_equal = match &expected {
            Value::Null if FLAGS.contains(column) => cell == "false",
            Value::Null => cell.is_empty(),
            Value::String(text) => *cell == text.replace('\0', "\u{fffd}"),
            Value::Bool(flag) => cell.parse() == Ok(*flag),
            Value::Number(number) => {
                cell.parse::<serde_json::Number>().is_ok_and(|cell| cell == *number)
            }
            Value::Array(_) | Value::Object(_) => {
                serde_json::from_str::<Value>(cell).is_ok_and(|value| value == expected)
            }
        };
        if !is_equal {
            return Err(format!("{column}: {cell:?} is not {expected}"));
        }
    }
    let rest = object.as_object_mut().expect("an object");
    rest.retain(|_, value| value.as_object().is_none_or(|members| !members.is_empty()));
    if rest.is_empty() { Ok(()) } else { Err(format!("these members have no column: {rest:?}")) }
}

/// The columns with `true` or `false`; an absent member is false.
const FLAGS: [&str; 5] = ["synthetic", "template", "agent", "bare", "static"];

const HOST: [(&str, &str); 40] = [
    ("host_id", "/id"),
    ("host", "/name"),
    ("short_name", "/shortName"),
    ("hypervisor_type", "/hypervisor/type"),
    ("hypervisor_version", "/hypervisor/version"),
    ("software_name", "/software/name"),
    ("software_version", "/software/version"),
    ("os_name", "/os/name"),
    ("os_version", "/os/version"),
    ("state", "/state"),
    ("source_state", "/sourceState"),
    ("cpu_architecture", "/cpu/architecture"),
    ("cpu_vendor", "/cpu/vendor"),
    ("cpu_model", "/cpu/model"),
    ("cpu_frequency_mhz", "/cpu/frequencyMhz"),
    ("cpu_sockets", "/cpu/sockets"),
    ("cpu_cores", "/cpu/cores"),
    ("cpu_threads", "/cpu/threads"),
    ("cpu_millicores", "/cpu/millicores"),
    ("memory_bytes", "/memoryBytes"),
    ("datacenter", "/location/datacenter"),
    ("cluster", "/location/cluster"),
    ("folder", "/location/folder"),
    ("provider_name", "/provider/name"),
    ("provider_instance_id", "/provider/instanceId"),
    ("provider_region", "/provider/region"),
    ("provider_zone", "/provider/zone"),
    ("synthetic", "/synthetic"),
    ("represented_by", "/representedBy"),
    ("created_at", "/createdAt"),
    ("identifiers", "/identifiers"),
    ("addresses", "/addresses"),
    ("labels", "/labels"),
    ("taints", "/taints"),
    ("roles", "/roles"),
    ("conditions", "/conditions"),
    ("capacity", "/capacity"),
    ("allocatable", "/allocatable"),
    ("versions", "/versions"),
    ("images", "/images"),
];

const GUEST: [(&str, &str); 25] = [
    ("guest_id", "/id"),
    ("guest", "/name"),
    ("uuid", "/uuid"),
    ("state", "/state"),
    ("source_state", "/sourceState"),
    ("cpus", "/cpus"),
    ("desired_cpus", "/desiredCpus"),
    ("memory_bytes", "/memoryBytes"),
    ("desired_memory_bytes", "/desiredMemoryBytes"),
    ("architecture", "/architecture"),
    ("os_name", "/os/name"),
    ("os_version", "/os/version"),
    ("host_name", "/hostName"),
    ("datacenter", "/location/datacenter"),
    ("cluster", "/location/cluster"),
    ("folder", "/location/folder"),
    ("template", "/template"),
    ("agent", "/agent"),
    ("created_at", "/createdAt"),
    ("identifiers", "/identifiers"),
    ("addresses", "/addresses"),
    ("interfaces", "/interfaces"),
    ("disks", "/disks"),
    ("labels", "/labels"),
    ("attributes", "/attributes"),
];

const POD: [(&str, &str); 20] = [
    ("host_id", "/host/id"),
    ("host", "/host/name"),
    ("namespace", "/namespace"),
    ("pod", "/name"),
    ("pod_uid", "/uid"),
    ("phase", "/phase"),
    ("service_account", "/serviceAccount"),
    ("controller_kind", "/controller/kind"),
    ("controller_name", "/controller/name"),
    ("controller_uid", "/controller/uid"),
    ("bare", "/bare"),
    ("static", "/static"),
    ("created_at", "/createdAt"),
    ("deletion_timestamp", "/deletionTimestamp"),
    ("pod_ips", "/podIPs"),
    ("host_ips", "/hostIPs"),
    ("owners", "/owners"),
    ("labels", "/labels"),
    ("containers", "/containers"),
    ("image_volumes", "/imageVolumes"),
];

fn json<T: serde::Serialize>(object: &T) -> Value {
    serde_json::to_value(object).expect("JSON")
}

fn fail(problem: String) -> TestCaseError {
    TestCaseError::fail(problem)
}

fn without_nul(text: &str) -> String {
    text.replace('\0', "\u{fffd}")
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn readers_get_the_whole_inventory(endpoints in prop::collection::vec(endpoint(), 0..3)) {
        let inventory = assemble(endpoints, None);
        let endpoints = &inventory.endpoints;

        let host_rows = rows(&inventory, CsvTable::Hosts).map_err(fail)?;
        let hosts: Vec<_> =
            endpoints.iter().flat_map(|endpoint| endpoint.hosts.iter().map(move |host| (endpoint, host))).collect();
        prop_assert_eq!(host_rows.len(), hosts.len());
        for (row, (endpoint, host)) in host_rows.iter().zip(&hosts) {
            prop_assert_eq!(&row["endpoint"], &without_nul(&endpoint.id));
            prop_assert_eq!(&row["guests"], &host.guests.len().to_string());
            let mut object = json(host);
            object.as_object_mut().expect("an object").remove("guests");
            compare(row, object, &HOST).map_err(fail)?;
        }

        let guest_rows = rows(&inventory, CsvTable::Guests).map_err(fail)?;
        let on_hosts = hosts.iter().flat_map(|(_, host)| host.guests.iter().map(move |guest| (Some(*host), guest)));
        let detached = endpoints.iter().flat_map(|endpoint| endpoint.detached_guests.iter().map(|guest| (None, guest)));
        let guests: Vec<_> = on_hosts.chain(detached).collect();
        prop_assert_eq!(guest_rows.len(), guests.len());
        for (row, (host, guest)) in guest_rows.iter().zip(guests) {
            compare(row, json(guest), &GUEST).map_err(fail)?;
            // The host of a guest is exactly one row of the hosts, although ids are duplicated.
            let key = |row: &Row| ["endpoint", "host_id", "host_number"].map(|name| row[name].clone());
            let found = host_rows.iter().zip(&hosts).filter(|(host_row, _)| key(host_row) == key(row));
            let found: Vec<_> = found.map(|(_, (_, host))| *host).collect();
            prop_assert_eq!(found, Vec::from_iter(host));
        }

        let pod_rows = rows(&inventory, CsvTable::Pods).map_err(fail)?;
        let pods: Vec<_> = endpoints.iter().flat_map(|endpoint| &endpoint.workloads.pods).collect();
        prop_assert_eq!(pod_rows.len(), pods.len());
        for (row, pod) in pod_rows.iter().zip(pods) {
            compare(row, json(pod), &POD).map_err(fail)?;
        }
    }
}

#[test]
fn the_strict_parser_rejects_what_rfc_4180_does_not_allow() {
    let record = vec!["a".to_owned(), "b\",\r\n".to_owned(), String::new()];
    assert_eq!(strict_records("a,\"b\"\",\r\n\",\r\n"), Ok(vec![record]));
    for wrong in ["a,b", "a,b\n", "a\rb\r\n", "a\"b\r\n", "\"a\r\n", "\"a\"b\r\n"] {
        assert!(strict_records(wrong).is_err(), "{wrong:?}");
    }
}
