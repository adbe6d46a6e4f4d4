//! Hostile answers: an error or a complete answer, and never a crash.

use gatherer_plugin_api::ErrorKind;
use gatherer_plugin_support::testing::Action;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::{Cloud, Served, instance, names, set, state, vm};

/// Values of wrong types, and numbers of any size.
fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        Just(json!("18446744073709551616")),
        Just(json!("PowerState/running")),
        Just(json!("")),
        ".{0,20}".prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 20, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map("[a-zA-Z0/]{1,6}", inner, 0..4)
                .prop_map(|members| json!(members)),
        ]
    })
}

/// A list, and the path of a member of its entries that the module reads, but does not need.
fn member() -> impl Strategy<Value = (&'static str, &'static str)> {
    prop::sample::select(vec![
        ("machines", "name"),
        ("machines", "tags"),
        ("machines", "zones"),
        ("machines", "properties"),
        ("machines", "properties/vmId"),
        ("machines", "properties/hardwareProfile"),
        ("machines", "properties/hardwareProfile/vmSize"),
        ("machines", "properties/hardwareProfile/vmSizeProperties"),
        ("machines", "properties/storageProfile"),
        ("machines", "properties/storageProfile/dataDisks"),
        ("machines", "properties/timeCreated"),
        ("machines", "properties/networkProfile"),
        ("states", "properties"),
        ("states", "properties/instanceView"),
        ("states", "properties/instanceView/statuses"),
        ("sets", "sku"),
        ("sets", "sku/capacity"),
        ("instances of pool", "name"),
        ("instances of pool", "sku"),
        ("instances of pool", "properties"),
        ("instances of pool", "properties/instanceView"),
        ("sizes of eastus", "numberOfCores"),
        ("sizes of eastus", "memoryInMB"),
        ("sizes of eastus", "name"),
    ])
}

fn entry(list: &str) -> Value {
    match list {
        "machines" => vm("web", "eastus", 1),
        "states" => state("web", &["PowerState/running"]),
        "sets" => set("pool", "eastus", Some("Uniform")),
        "sizes of eastus" => {
            json!({"name": "Standard_D2s_v5", "numberOfCores": 2, "memoryInMB": 8192})
        }
        _ => instance("pool", 0),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_member_of_any_type_leaves_every_guest((list, path) in member(), value in value()) {
        let mut entry = entry(list);
        let mut place = &mut entry;
        for part in path.split('/') {
            if !place[part].is_object() && !path.ends_with(part) {
                place[part] = json!({});
            }
            place = &mut place[part];
        }
        *place = value.clone();
        let mut cloud = Cloud::new()
            .with_list("machines", json!([vm("web", "eastus", 1)]))
            .with_list("states", json!([state("web", &[])]));
        cloud = cloud.with_list(list, json!([entry]));
        // A capacity of any number is compared with the number of instances.
        let gathered = cloud.serve().gather_with(json!({"reader_confirmed": true}));
        let gathered = gathered.unwrap_or_else(|error| panic!("{list} {path}: {value}: {error}"));
        prop_assert_eq!(names(&gathered).len(), 2, "{} {}: {}", list, path, value);
    }
}

#[test]
fn a_nested_duplicate_or_cut_answer_is_an_error() {
    let nested = format!("{{\"value\":{}{}}}", "[".repeat(10_000), "]".repeat(10_000));
    let twice = format!("{{\"value\":[{}],\"value\":[]}}", vm("web", "eastus", 1));
    for body in
        [nested, twice, "{\"value\":[".to_owned(), "\u{0}".to_owned(), "<html></html>".to_owned()]
    {
        for list in ["machines", "states", "sets", "instances of pool"] {
            let served = Cloud::new().with(list, Action::answer(200, body.as_bytes())).serve();
            let error = served.gather().expect_err(list);
            assert_eq!(error.kind, ErrorKind::Protocol, "{list}: {error}");
        }
    }
}

#[test]
fn an_answer_without_an_end_is_an_error() {
    for list in ["machines", "states", "login"] {
        let error = Cloud::new().with(list, Action::gzip_bomb()).serve().gather();
        assert_eq!(error.expect_err(list).kind, ErrorKind::Protocol);
    }
}

#[test]
fn pages_without_an_end_are_an_error() {
    let counter = std::sync::atomic::AtomicUsize::new(0);
    let cloud = Cloud::new();
    let served = Served::script(move |request| {
        if request.path() == "/more" || super::name(request) == "machines" {
            let number = counter.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
            let host = request.header("host").expect("a host");
            let next = format!("https://{host}/more?number={number}");
            return Action::json(200, &json!({"value": [], "nextLink": next}));
        }
        cloud.answer(request)
    });
    let error = served.gather().expect_err("an endless list");
    assert_eq!(error.kind, ErrorKind::Protocol);
    assert!(error.message.contains("does not end after 10000 pages"), "{error}");
}
