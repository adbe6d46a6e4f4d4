//! Answers that are shorter than the truth: an error or a warning, never a shorter inventory.

use gatherer_plugin_api::ErrorKind;
use gatherer_plugin_api::model::GuestState;
use gatherer_plugin_support::testing::Action;
use serde_json::{Value, json};

use super::{Cloud, Served, failure, guest, names, set, state, vm, warnings};

const LISTS: [&str; 4] = ["machines", "states", "sets", "instances of pool"];

#[test]
fn an_answer_without_its_list_is_an_error() {
    for list in LISTS {
        for body in [
            json!({}),
            json!({"value": null}),
            json!({"error": {"code": "InternalServerError"}}),
            json!({"value": {}}),
            json!({"value": "x"}),
            json!([]),
            json!(null),
            json!({"value": [null]}),
            json!({"value": [{}]}),
            json!({"value": [{"id": 7}]}),
            json!({"value": ["x"]}),
        ] {
            let served = Cloud::new().with_json(list, body.clone()).serve();
            let error = served.gather_with(json!({"reader_confirmed": true})).expect_err(list);
            assert_eq!(error.kind, ErrorKind::Protocol, "{list}: {body}: {error}");
        }
        for status in [202, 204] {
            let served = Cloud::new().with(list, Action::answer(status, "")).serve();
            let error = served.gather().expect_err(list);
            assert_eq!(error.kind, ErrorKind::Protocol, "{list}: {status}: {error}");
        }
    }
}

#[test]
fn an_empty_subscription_is_a_permission_error_unless_the_role_is_confirmed() {
    let empty = || {
        let none = json!([]);
        Cloud::new()
            .with_list("machines", none.clone())
            .with_list("states", none.clone())
            .with_list("sets", none)
    };
    let served = empty().serve();
    for changes in [json!({}), json!({"zone": "eastus"}), json!({"reader_confirmed": false})] {
        let error = served.gather_with(changes).expect_err("an empty list");
        assert_eq!(error.kind, ErrorKind::Permission);
        let hint = error.hint.expect("a hint");
        assert!(hint.contains("Reader") && hint.contains("reader_confirmed"), "{hint}");
    }
    let gathered = served.gather_with(json!({"reader_confirmed": true})).expect("complete");
    assert_eq!(gathered.hosts, []);
    let changes = json!({"reader_confirmed": true, "zone": "eastus"});
    let gathered = served.gather_with(changes).expect("complete");
    assert_eq!((gathered.hosts.len(), names(&gathered).len()), (1, 0));

    // A scale set without instances proves nothing.
    let mut idle = set("idle", "eastus", Some("Uniform"));
    idle["sku"]["capacity"] = json!(0);
    let served =
        empty().with_list("sets", json!([idle])).with_list("instances of idle", json!([])).serve();
    let error = served.gather().expect_err("an empty list");
    assert_eq!(error.kind, ErrorKind::Permission);
}

#[test]
fn a_subscription_with_instances_only_is_not_empty() {
    let served =
        Cloud::new().with_list("machines", json!([])).with_list("states", json!([])).serve();
    assert_eq!(names(&served.gather().expect("a complete answer")), ["pool_0"]);
    // The instances are in another location.
    let gathered = served.gather_with(json!({"zone": "westeurope"})).expect("complete");
    assert_eq!((gathered.hosts.len(), names(&gathered).len()), (1, 0));
}

#[test]
fn a_machine_without_an_entry_in_the_list_of_states_has_an_unknown_state() {
    let states = json!([state("web", &["PowerState/running"])]);
    let gathered = Cloud::new().with_list("states", states).serve().gather().expect("complete");
    let (_, db) = guest(&gathered, "db");
    assert_eq!((db.state, &db.source_state), (Some(GuestState::Unknown), &None));
    assert_eq!(guest(&gathered, "web").1.state, Some(GuestState::Running));
    let expected = "db: the virtual machine is not in the list of states, so its state is unknown";
    assert!(warnings(&gathered).contains(&expected.to_owned()), "{:?}", warnings(&gathered));

    let gathered = Cloud::new().with_list("states", json!([])).serve().gather().expect("complete");
    let expected = "db: the virtual machine is not in the list of states, so its state is unknown (1 \
                    virtual machine more)";
    assert!(warnings(&gathered).contains(&expected.to_owned()), "{:?}", warnings(&gathered));
}

#[test]
fn a_machine_that_only_the_list_of_states_has_is_asked_for() {
    let cloud = || Cloud::new().with_list("machines", json!([vm("web", "eastus", 1)]));
    let served = cloud().with_json("machine db", vm("db", "westeurope", 2)).serve();
    let gathered = served.gather().expect("a complete answer");
    let (_, db) = guest(&gathered, "db");
    assert_eq!((db.state, db.cpus), (Some(GuestState::Stopped), Some(2)));
    let expected = "db: the virtual machine is in the list of states only";
    assert!(warnings(&gathered).iter().any(|text| text.starts_with(expected)));

    // It was deleted.
    for code in ["ResourceNotFound", "ResourceGroupNotFound"] {
        let served = cloud().with("machine db", failure(404, code, "")).serve();
        assert_eq!(names(&served.gather().expect("a complete answer")), ["pool_0", "web"]);
    }
    // Anything else does not say so.
    for (answer, kind) in [
        (failure(404, "InvalidResourceType", ""), ErrorKind::Unsupported),
        (Action::answer(404, ""), ErrorKind::Configuration),
        (failure(403, "AuthorizationFailed", ""), ErrorKind::Permission),
        (Action::json(200, &Value::Null), ErrorKind::Protocol),
    ] {
        let error = cloud().with("machine db", answer).serve().gather().expect_err("not deleted");
        assert_eq!(error.kind, kind, "{error}");
    }
}

#[test]
fn a_list_of_machines_that_lacks_many_fails() {
    let states: Vec<_> = (0..101).map(|number| state(&format!("vm{number}"), &[])).collect();
    let served = Cloud::new().with_list("states", json!(states)).serve();
    let error = served.gather().expect_err("contradictory lists");
    assert_eq!(error.kind, ErrorKind::Unavailable);
    assert!(!served.requests().iter().any(|name| name.starts_with("machine ")));
}

#[test]
fn a_scale_set_that_was_deleted_in_between_is_left_out_if_a_second_list_says_so() {
    let gone = failure(404, "ResourceNotFound", "The Resource was not found.");
    let cloud = Cloud::new().with("instances of pool", gone);
    let error = cloud.clone().serve().gather().expect_err("it is still listed");
    assert_eq!(error.kind, ErrorKind::Unavailable);
    assert!(error.message.contains("/virtualMachineScaleSets/pool"), "{error}");

    let first = cloud.0["sets"].clone();
    let served = Served::sequence(cloud.with_list("sets", json!([])), "sets", vec![first]);
    assert_eq!(names(&served.gather().expect("a complete answer")), ["db", "web"]);
}

#[test]
fn an_error_beside_a_list_fails() {
    for list in ["machines", "states", "sets", "instances of pool"] {
        let error = json!({"code": "PartialContent", "message": "A region did not answer"});
        let body = json!({"value": [], "error": error});
        let served = Cloud::new().with_json(list, body).serve();
        let error = served.gather_with(json!({"reader_confirmed": true})).expect_err(list);
        assert_eq!(error.kind, ErrorKind::Protocol, "{list}");
        let expected = "the answer has an error: PartialContent: A region did not answer";
        assert!(error.message.ends_with(expected), "{error}");
    }
}

#[test]
fn a_flexible_scale_set_without_its_mode_fails() {
    let refused = failure(400, "BadRequest", "Operation is not allowed on this scale set");
    let served = Cloud::new()
        .with_list("sets", json!([set("pool", "eastus", None)]))
        .with("instances of pool", refused)
        .serve();
    let error = served.gather().expect_err("its instances are not known");
    assert_eq!(error.kind, ErrorKind::Configuration);
    assert!(error.message.contains("Operation is not allowed"), "{error}");
}

#[test]
fn a_machine_without_a_location_is_an_error() {
    let mut machine = vm("web", "eastus", 1);
    machine["location"] = json!(null);
    let error = Cloud::new().with_list("machines", json!([machine])).serve().gather();
    let error = error.expect_err("on no host");
    assert_eq!(error.kind, ErrorKind::Protocol);
    assert!(error.message.contains("virtualMachines/web has no location"), "{error}");
}

#[test]
fn a_missing_right_is_named() {
    let denied = failure(
        403,
        "AuthorizationFailed",
        "The client '1' does not have authorization to perform action 'Microsoft.Compute/virtualMachines/read'.",
    );
    for list in LISTS.into_iter().chain(["locations"]) {
        let served = Cloud::new().with(list, denied.clone()).serve();
        let error = served.gather_with(json!({"zone": "eastus"})).expect_err(list);
        assert_eq!(error.kind, ErrorKind::Permission, "{list}");
        assert!(error.message.contains("AuthorizationFailed: The client"), "{error}");
        assert!(error.hint.expect("a hint").contains("Reader"));
    }
    let unknown = failure(404, "SubscriptionNotFound", "The subscription could not be found.");
    let error = Cloud::new().with("machines", unknown).serve().gather().expect_err("unknown");
    assert_eq!(error.kind, ErrorKind::Configuration);
    assert!(error.hint.expect("a hint").contains("subscription_id"));
}

/// For lack of a right, the list of a scale set's instances is reported to be empty.
#[test]
fn a_scale_set_without_its_instances_fails_unless_the_role_is_confirmed() {
    let served = Cloud::new().with_list("instances of pool", json!([])).serve();
    let error = served.gather().expect_err("an empty list");
    assert_eq!(error.kind, ErrorKind::Permission);
    assert!(error.message.contains("/virtualMachineScaleSets/pool has a capacity of 1"), "{error}");
    let hint = error.hint.expect("a hint");
    assert!(hint.contains("Reader") && hint.contains("reader_confirmed"), "{hint}");

    let gathered = served.gather_with(json!({"reader_confirmed": true})).expect("complete");
    assert_eq!(names(&gathered), ["db", "web"]);
    let expected = "pool: the scale set has a capacity of 1, and 0 instances in its list";
    assert_eq!(warnings(&gathered), [expected]);

    // Fewer than it should have.
    let mut pool = set("pool", "eastus", Some("Uniform"));
    pool["sku"]["capacity"] = json!(3);
    let gathered =
        Cloud::new().with_list("sets", json!([pool])).serve().gather().expect("complete");
    let expected = "pool: the scale set has a capacity of 3, and 1 instance in its list";
    assert!(warnings(&gathered).contains(&expected.to_owned()), "{:?}", warnings(&gathered));
}
