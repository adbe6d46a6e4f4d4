//! Tests of the tables: their columns, what is left out, and the keys.

use gatherer_plugin_api::model::{
    CollectionStatus, Completeness, EndpointResult, EndpointRun, EndpointStatus, Evidence,
    EvidenceKind, Guest, Host, Link, LinkKind, LinkedObject, ObjectKind, Pod, RunInfo, Timestamp,
    Warning,
};
use gatherer_plugin_api::{Collection, ErrorKind, GatherError};

use super::{CsvTable, render};
use crate::output::inventory::assemble;

fn complete(id: &str, hosts: Vec<Host>) -> EndpointResult {
    let mut endpoint = EndpointResult::new(id.to_owned(), Some("M".to_owned()), None);
    endpoint.status = EndpointStatus::Complete;
    endpoint.hosts = hosts;
    endpoint
}

fn failed(id: &str) -> EndpointResult {
    let mut endpoint = EndpointResult::new(id.to_owned(), None, None);
    endpoint.error = Some(GatherError::new(ErrorKind::Timeout, "late").with_hint("wait"));
    endpoint
}

/// The first cells of each row of a table without its header, and the notes.
fn table(
    endpoints: Vec<EndpointResult>,
    table: CsvTable,
    cells: usize,
) -> (Vec<String>, Vec<String>) {
    let rendered = render(&assemble(endpoints, None), table);
    let rows = rendered.text.lines().skip(1);
    let rows = rows.map(|row| row.splitn(cells + 1, ',').take(cells).collect::<Vec<_>>().join(","));
    let notes = rendered.notes.iter();
    let notes = notes.map(|note| format!("{}: {}", note.endpoint, note.warning.message));
    (rows.collect(), notes.collect())
}

#[test]
fn each_table_has_a_header_and_ends_with_one_line_break() {
    let inventory = assemble(Vec::new(), None);
    let headers =
        [CsvTable::Endpoints, CsvTable::Hosts, CsvTable::Guests, CsvTable::Pods, CsvTable::Links]
            .map(|table| render(&inventory, table).text);
    for header in &headers {
        assert_eq!(header.matches("\r\n").count(), 1);
        assert!(header.ends_with("\r\n"));
    }
    assert_eq!(
        headers[4],
        "from_endpoint,from_type,from_id,from_name,kind,to_endpoint,to_type,to_id,to_name,\
         evidence_by,evidence_value\r\n"
    );
}

#[test]
fn guests_have_the_key_of_their_host_although_ids_are_duplicated() {
    let host = |name: &str, guest: &str| Host {
        guests: vec![Guest::new("g", guest)],
        ..Host::new("h", name)
    };
    let mut endpoint = complete("e", vec![host("kvm1", "web"), host("kvm2", "db")]);
    endpoint.detached_guests = vec![Guest { id: None, ..Guest::new("", "new") }];
    let other = complete("f", vec![host("kvm3", "web")]);
    let endpoints = vec![endpoint, other];
    let (hosts, _) = table(endpoints.clone(), CsvTable::Hosts, 5);
    assert_eq!(hosts, ["e,M,h,1,kvm1", "e,M,h,2,kvm2", "f,M,h,1,kvm3"]);
    let (guests, notes) = table(endpoints, CsvTable::Guests, 7);
    assert_eq!(
        guests,
        ["e,M,h,1,kvm1,g,web", "e,M,h,2,kvm2,g,db", "f,M,h,1,kvm3,g,web", "e,M,,,,,new"]
    );
    assert!(notes.is_empty(), "{notes:?}");
}

#[test]
fn an_endpoint_whose_objects_are_not_all_known_has_a_note_and_no_rows() {
    let mut lost = complete("lost", vec![Host::new("h", "node")]);
    lost.hosts[0].guests.push(Guest::new("g", "web"));
    let error = Some(GatherError::new(ErrorKind::Permission, "403 Forbidden"));
    for collection in [Collection::Pods, Collection::VirtualMachines] {
        let status = CollectionStatus { status: Completeness::Failed, error: error.clone() };
        lost.collections.insert(collection.into(), status);
    }
    let endpoints = vec![lost, failed("down")];
    let of = |what| table(endpoints.clone(), what, 5);
    let down =
        |noun| format!("down: its {noun} are left out: the endpoint failed: timeout: late (wait)");
    let (rows, notes) = of(CsvTable::Hosts);
    assert_eq!((rows, notes), (vec!["lost,M,h,1,node".to_owned()], vec![down("hosts")]));
    let (rows, notes) = of(CsvTable::Guests);
    let lost = "lost: its guests are left out: its virtual-machines could not be read completely: \
                permission: 403 Forbidden";
    assert_eq!((rows.len(), notes), (0, vec![down("guests"), lost.to_owned()]));
    let (rows, notes) = of(CsvTable::Pods);
    let lost =
        "lost: its pods are left out: its pods could not all be read: permission: 403 Forbidden";
    assert_eq!((rows.len(), notes), (0, vec![down("pods"), lost.to_owned()]));
    let (rows, notes) = of(CsvTable::Links);
    assert_eq!((rows.len(), notes), (0, vec![down("links")]));
    assert_eq!(of(CsvTable::Endpoints).1, [""; 0]);
}

#[test]
fn the_table_of_endpoints_has_the_failed_ones_and_numbers_only_of_what_is_known() {
    let second = |second| Timestamp::from_second(second).expect("in range");
    let mut cluster = complete("c", vec![Host::new("h", "node")]);
    cluster.workloads.pods = vec![Pod::default(), Pod::default()];
    for (collection, status) in [
        (Collection::Pods, Completeness::Complete),
        (Collection::VirtualMachines, Completeness::Failed),
    ] {
        let status = CollectionStatus { status, error: None };
        cluster.collections.insert(collection.into(), status);
    }
    cluster.warnings = vec![Warning { object: "a".to_owned(), message: "b".to_owned() }];
    cluster.run = Some(EndpointRun {
        started_at: second(1),
        duration_ms: 20,
        retries: None,
        expiries: Vec::new(),
    });
    let run = RunInfo { started_at: second(1), finished_at: second(2) };
    let text = render(&assemble(vec![cluster, failed("d")], Some(run)), CsvTable::Endpoints).text;
    let rows: Vec<_> = text.split_terminator("\r\n").skip(1).collect();
    assert_eq!(
        rows,
        [
            r#"c,M,,,complete,,,,1,,2,"[""virtual-machines""]",1,1970-01-01T00:00:01Z,20"#,
            "d,,,,failed,timeout,late,wait,,,,,0,,",
        ]
    );
}

#[test]
fn a_link_has_the_keys_of_both_objects() {
    let object = |kind, id: Option<&str>, name: &str| LinkedObject {
        endpoint: "e".to_owned(),
        kind,
        id: id.map(str::to_owned),
        name: name.to_owned(),
    };
    let mut inventory = assemble(vec![complete("e", Vec::new())], None);
    inventory.links = vec![Link {
        from: object(ObjectKind::Host, Some("n"), "node,1"),
        kind: LinkKind::RunsOn,
        to: object(ObjectKind::Guest, None, "vm"),
        evidence: Evidence { by: EvidenceKind::SystemUuid, value: "u".to_owned() },
    }];
    let text = render(&inventory, CsvTable::Links).text;
    let row = text.split_terminator("\r\n").nth(1);
    assert_eq!(row, Some("e,host,n,\"node,1\",runs-on,e,guest,,vm,systemUuid,u"));
}

#[test]
fn nul_is_replaced_with_a_note_and_other_control_characters_stay() {
    let host = Host::new("a\0b", "=cmd\t\u{1b}[31m");
    let rendered = render(&assemble(vec![complete("e", vec![host])], None), CsvTable::Hosts);
    assert!(rendered.text.contains("a\u{fffd}b,1,=cmd\t\u{1b}[31m,"), "{}", rendered.text);
    let notes: Vec<_> = rendered.notes.iter().map(|note| note.warning.message.as_str()).collect();
    assert_eq!(notes, ["values in which NUL is replaced by U+FFFD: 1"]);
}
