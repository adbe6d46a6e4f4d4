//! Tests of whether lists belong together, and where servers are.

#![expect(clippy::needless_pass_by_value, reason = "values are written where they are passed")]

use serde_json::{Value, json};

use super::flavor::Flavors;
use super::*;

fn server(id: &str, hypervisor: Option<&str>, host: Option<&str>) -> ListedServer {
    let value = json!({
        "id": id, "name": format!("vm {id}"), "status": "ACTIVE",
        "OS-EXT-SRV-ATTR:hypervisor_hostname": hypervisor, "OS-EXT-SRV-ATTR:host": host,
    });
    server::listed(&value, None, &Flavors::new()).expect("a server")
}

fn hypervisor(name: &str, host: &str, members: Value) -> FoundHypervisor {
    let mut value =
        json!({"id": name, "hypervisor_hostname": name, "service": {"host": host}, "state": "up"});
    for (name, member) in members.as_object().expect("an object") {
        value[name] = member.clone();
    }
    hypervisor::hypervisor(&value, None).expect("a hypervisor")
}

fn service(host: &str, status: &str) -> ComputeService {
    let value = json!({"binary": "nova-compute", "host": host, "status": status, "zone": "az1"});
    service::service(&value).expect("valid").expect("a compute service")
}

fn placed(answer: &Answer) -> Vec<(&str, Vec<&str>)> {
    let mut placed = Vec::new();
    for host in &answer.hosts {
        let ids = host.guests.iter().filter_map(|guest| guest.id.as_deref());
        placed.push((host.name.as_str(), ids.collect()));
    }
    placed
}

#[test]
fn a_cell_that_is_down_fails_the_answer_and_is_described() {
    let down = |id: &str| ListedServer { id: id.to_owned(), found: None };
    let many: Vec<_> = (0..13).map(|number| service(&format!("c{number:02}"), "UNKNOWN")).collect();
    let mut messages = Vec::new();
    for (servers, services) in [
        (vec![down("a")], Vec::new()),
        (
            vec![down("a"), down("b"), server("c", None, None)],
            vec![service("c2", "UNKNOWN"), service("c1", "unknown"), service("c3", "enabled")],
        ),
        (Vec::new(), vec![service("c1", "UNKNOWN")]),
        (vec![down("a")], many),
    ] {
        let error = check_cells(&servers, &services).expect_err("a cell is down");
        assert_eq!(error.kind, ErrorKind::Unavailable);
        messages.push(error.to_string());
    }
    insta::assert_snapshot!(messages.join("\n"));
    let services = [service("c1", "enabled"), service("c2", "disabled")];
    assert!(check_cells(&[server("a", None, None)], &services).is_ok());
    assert!(check_cells(&[], &[]).is_ok());
}

#[test]
fn servers_are_on_their_hypervisors_and_others_are_detached() {
    let found = Found {
        servers: vec![
            server("a", Some("n1"), Some("c1")),
            server("b", Some("n2"), Some("c2")),
            // Only the host is known.
            server("c", None, Some("c2")),
            server("d", None, None),
            server("e", Some("gone"), Some("c9")),
            server("f", Some("gone"), Some("c9")),
        ],
        services: vec![
            service("c1", "enabled"),
            service("c2", "enabled"),
            service("c3", "enabled"),
        ],
        hypervisors: vec![hypervisor("n1", "c1", json!({})), hypervisor("n2", "c2", json!({}))],
    };
    let answer = answer(found, Some("One")).expect("a complete answer");
    assert_eq!(
        placed(&answer),
        [("n1", vec!["a"]), ("n2", vec!["b", "c"]), ("gone", vec!["e", "f"])]
    );
    assert_eq!(answer.detached.len(), 1);
    assert_eq!(answer.hosts[0].location.cluster.as_deref(), Some("az1"));
    let warnings: Vec<_> =
        answer.warnings.iter().map(|it| format!("{}: {}", it.object, it.message)).collect();
    insta::assert_snapshot!(warnings.join("\n"));
}

#[test]
fn hypervisors_with_the_same_name_are_distinguished_by_their_service() {
    let found = Found {
        servers: vec![
            server("a", Some("n"), Some("c2")),
            server("b", Some("n"), Some("c1")),
            server("c", Some("n"), Some("other")),
        ],
        services: Vec::new(),
        hypervisors: vec![hypervisor("n", "c1", json!({})), hypervisor("n", "c2", json!({}))],
    };
    let answer = answer(found, None).expect("a complete answer");
    assert_eq!(placed(&answer), [("n", vec!["b", "c"]), ("n", vec!["a"])]);
}

#[test]
fn the_servers_of_a_service_that_is_down_have_an_unknown_state() {
    let found = Found {
        servers: vec![server("a", Some("n1"), Some("c1"))],
        services: vec![service("c1", "enabled")],
        hypervisors: vec![hypervisor("n1", "c1", json!({"state": "down"}))],
    };
    let answer = answer(found, None).expect("a complete answer");
    let guest = &answer.hosts[0].guests[0];
    assert_eq!(
        (guest.state, guest.source_state.as_deref()),
        (Some(GuestState::Unknown), Some("ACTIVE"))
    );
    assert_eq!(answer.warnings.len(), 1);
}

#[test]
fn a_host_that_is_not_reported_is_a_permission_error() {
    let value = json!({"id": "a", "name": "web", "status": "ACTIVE"});
    let servers = vec![server::listed(&value, None, &Flavors::new()).expect("a server")];
    let hypervisors = vec![hypervisor("n1", "c1", json!({}))];
    let found = Found { servers: servers.clone(), hypervisors, ..Found::default() };
    let error = answer(found, None).expect_err("the attributes are missing");
    assert_eq!(error.kind, ErrorKind::Permission);
    assert!(error.message.contains("os_compute_api:os-extended-server-attributes"), "{error}");

    let answer = project_answer(servers, "cloud1", None);
    assert_eq!(placed(&answer), [("cloud1", vec!["a"])]);
    assert!(answer.hosts[0].synthetic);
}

#[test]
fn the_pseudo_host_of_a_project_is_sent_without_servers_too() {
    assert_eq!(placed(&project_answer(Vec::new(), "cloud1", None)), [("cloud1", vec![])]);
}

#[test]
fn an_empty_list_beside_one_that_is_not_empty_fails() {
    let running = || hypervisor("n1", "c1", json!({"running_vms": 3}));
    let mut messages = Vec::new();
    for found in [
        Found { hypervisors: vec![running()], ..Found::default() },
        Found { services: vec![service("c1", "enabled")], ..Found::default() },
        Found { servers: vec![server("a", Some("n1"), Some("c1"))], ..Found::default() },
        Found::default(),
    ] {
        let error = answer(found, None).expect_err("not complete");
        assert_eq!(error.kind, ErrorKind::Protocol);
        messages.push(error.to_string());
    }
    insta::assert_snapshot!(messages.join("\n"));
    let empty = Found { hypervisors: vec![hypervisor("n1", "c1", json!({}))], ..Found::default() };
    assert_eq!(answer(empty, None).expect("no servers").hosts.len(), 1);
}

#[test]
fn servers_that_only_a_hypervisor_has_are_missing() {
    let servers = json!([{"uuid": "a", "name": "x"}, {"uuid": "b", "name": "y"}]);
    let found = Found {
        servers: vec![server("a", Some("n1"), Some("c1"))],
        hypervisors: vec![hypervisor("n1", "c1", json!({"servers": servers}))],
        ..Found::default()
    };
    assert_eq!(missing_servers(&found), BTreeMap::from([("b", "n1")]));
}
