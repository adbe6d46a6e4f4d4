//! Sending items to the runner: an item that is too long fails only its collection, and the pieces of
//! an item stay together even if several threads send items.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::thread;

use abi_stable::std_types::{RResult, RStr, RString};
use gatherer_plugin_api::abi::{Callbacks, EmitCode};
use gatherer_plugin_api::model::{Host, Namespace, PodReference, SecretKeys, Service, Use};
use gatherer_plugin_api::{
    Context, ErrorKind, GatherError, Item, Options, RECORD_MAX_BYTES, Record,
};

/// The records that each test sent, by the number that its callbacks have as context.
static RECORDS: Mutex<BTreeMap<usize, Vec<String>>> = Mutex::new(BTreeMap::new());

extern "C" fn emit(context: usize, record: RStr<'_>) -> i32 {
    let mut records = RECORDS.lock().unwrap_or_else(PoisonError::into_inner);
    records.entry(context).or_default().push(record.as_str().to_owned());
    drop(records);
    // Gives another thread the chance to send a record here.
    thread::yield_now();
    let code = if record.len() > RECORD_MAX_BYTES { EmitCode::TooLarge } else { EmitCode::Ok };
    code as i32
}

extern "C" fn log(_: usize, _: u8, _: RStr<'_>, _: RStr<'_>) {}

extern "C" fn cancelled(_: usize) -> u8 {
    0
}

extern "C" fn call(_: usize, _: RStr<'_>, _: RStr<'_>) -> RResult<RString, RString> {
    RResult::ROk("{}".into())
}

fn context(number: usize) -> Context {
    let callbacks = Callbacks { context: number, emit, log, cancelled, call };
    Context::new(callbacks, "e".into(), "m".into(), Options::default())
}

fn records(number: usize) -> Vec<Record> {
    let records = RECORDS.lock().unwrap_or_else(PoisonError::into_inner);
    let texts = records.get(&number).map(Vec::as_slice).unwrap_or_default();
    assert!(texts.iter().all(|text| text.len() <= RECORD_MAX_BYTES), "a record is too long");
    texts.iter().map(|text| serde_json::from_str(text).expect("a record")).collect()
}

fn reference(name: &str) -> PodReference {
    PodReference { name: name.into(), uid: name.into() }
}

fn service(name: &str, pods: Vec<PodReference>) -> Service {
    Service { name: name.into(), uid: name.into(), pods: Some(pods), ..Service::default() }
}

#[test]
fn an_item_that_is_too_long_is_not_sent_and_its_collection_can_end_with_the_error() {
    let context = context(1);
    context.item(Namespace { name: "a".into(), ..Namespace::default() }).expect("sent");
    let mut long = Namespace { name: "long".into(), ..Namespace::default() };
    long.labels.insert("l".into(), "x".repeat(RECORD_MAX_BYTES));
    let error = context.item(long).expect_err("too long");
    assert_eq!((error.kind, error.item_too_long), (ErrorKind::Protocol, true));
    assert!(error.message.starts_with("the record of long is 10"), "{error}");
    context.collection_end("namespaces", Err(error.clone())).expect("sent");
    // The flag is not part of the JSON.
    let sent = GatherError { item_too_long: false, ..error };
    let records = records(1);
    assert_eq!(records.len(), 2, "{records:?}");
    assert_eq!(
        records[1],
        Record::CollectionEnd { name: "namespaces".into(), items: 1, error: Some(sent) }
    );
}

#[test]
fn an_item_with_an_entry_that_is_too_long_is_not_sent_in_part() {
    let context = context(2);
    let mut pods: Vec<_> = (0..300).map(|n| reference(&n.to_string())).collect();
    pods.push(reference(&"x".repeat(RECORD_MAX_BYTES)));
    let error = context.item(service("s", pods)).expect_err("too long");
    assert!(error.item_too_long && error.message.contains("of s is"), "{error}");
    let mount_path = Some("/".repeat(RECORD_MAX_BYTES));
    let uses = vec![Use::default(), Use { mount_path, ..Use::default() }];
    let secret = SecretKeys { used_by: Some(uses), ..SecretKeys::default() };
    assert!(context.item(secret).expect_err("too long").item_too_long);
    assert_eq!(records(2), []);
}

#[test]
fn the_error_of_an_item_with_a_long_name_fits_into_a_record() {
    let context = context(3);
    let name = "n".repeat(2 * RECORD_MAX_BYTES);
    let error = context.item(Namespace { name, ..Namespace::default() }).expect_err("too long");
    assert!(error.item_too_long && error.message.len() < 1000, "{}", error.message.len());
    context.collection_end("namespaces", Err(error)).expect("sent");
    assert!(matches!(&records(3)[..], [Record::CollectionEnd { items: 0, error: Some(_), .. }]));
}

#[test]
fn a_host_that_is_too_long_is_sent_so_that_the_runner_fails_the_endpoint() {
    let mut host = Host::new("i", "n");
    host.labels.insert("l".into(), "x".repeat(RECORD_MAX_BYTES));
    let error = context(4).host(host).expect_err("too long");
    assert!(!error.item_too_long && error.kind == ErrorKind::Protocol, "{error}");
    let records = RECORDS.lock().unwrap_or_else(PoisonError::into_inner);
    assert_eq!(records.get(&4).map(Vec::len), Some(1));
}

#[test]
fn a_short_item_with_a_long_list_is_one_record() {
    let context = context(6);
    let pods: Vec<_> = (0..1000).map(|_| reference("p")).collect();
    context.item(service("s", pods.clone())).expect("sent");
    let item = Item::Service(service("s", pods));
    assert_eq!(records(6), [Record::Item { item, more: false }]);
}

#[test]
fn the_pieces_of_an_item_stay_together_if_several_threads_send_items() {
    let context = context(5);
    thread::scope(|scope| {
        for name in ["a", "b", "c", "d"] {
            let context = &context;
            scope.spawn(move || {
                for _ in 0..20 {
                    let pods = (0..1000).map(|_| reference(&name.repeat(300))).collect();
                    context.item(service(name, pods)).expect("sent");
                }
            });
        }
    });
    context.collection_end("services", Ok(())).expect("sent");
    let mut last = String::new();
    let records = records(5);
    let (end, items) = records.split_last().expect("records");
    assert_eq!(*end, Record::CollectionEnd { name: "services".into(), items: 80, error: None });
    assert_eq!(items.len(), 800);
    for record in items {
        let Record::Item { item: Item::Service(item), more } = record else { panic!("{record:?}") };
        assert!(!more || item.uid == last, "a piece of {} after one of {last}", item.uid);
        last.clone_from(&item.uid);
    }
}
