//! The servers of one project only.

use gatherer_plugin_api::ErrorKind;
use serde_json::json;

use super::{Served, guests, sample};

#[test]
fn a_reader_gets_the_servers_of_the_project_on_a_pseudo_host() {
    let served = Served::fake(sample());
    let reader = json!({"username": "reader", "project": "shop"});
    let error = served.open_stack(&reader).expect_err("not allowed for all projects");
    assert_eq!(error.kind, ErrorKind::Permission, "{error}");
    assert!(error.message.contains("os_compute_api:servers:detail:get_all_tenants"), "{error}");
    assert!(error.hint.expect("a hint").contains("tenant_only"));

    let mut reader = reader;
    reader["tenant_only"] = json!(true);
    let gathered = served.open_stack(&reader).expect("a complete answer");
    assert_eq!((gathered.hosts.len(), guests(&gathered).len()), (1, 7));
    let host = &gathered.hosts[0];
    assert!(host.synthetic && host.id == served.recorder.context().endpoint());
    assert_eq!(gathered.detached_guests, []);
    let last = served.requests().pop().expect("a request");
    assert_eq!(last, "GET /compute/v2.1/servers/detail");
}

#[test]
fn an_administrator_gets_the_same_for_its_project() {
    let served = Served::fake(sample());
    let gathered = served.open_stack(&json!({"tenant_only": true})).expect("a complete answer");
    assert_eq!((gathered.hosts.len(), guests(&gathered).len()), (1, 4));
    assert_eq!(gathered.detached_guests, []);
}
