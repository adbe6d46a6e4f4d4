//! Sending items to the runner: an item that is too long fails only its collection, and the pieces of
//! an item stay together even if several threads send items.

use std::thread;

use gatherer_plugin_api::model::{Host, Namespace, PodReference, SecretKeys, Service, Use};
use gatherer_plugin_api::testing::Recorder;
use gatherer_plugin_api::{ErrorKind, GatherError, Item, RECORD_MAX_BYTES, Record};

fn reference(name: &str) -> PodReference {
    PodReference { name: name.into(), uid: name.into() }
}

fn service(name: &str, pods: Vec<PodReference>) -> Service {
    Service { name: name.into(), uid: name.into(), pods: Some(pods), ..Service::default() }
}

#[test]
fn an_item_that_is_too_long_is_not_sent_and_its_collection_can_end_with_the_error() {
    let recorder = Recorder::new();
    let context = recorder.context();
    context.item(Namespace { name: "a".into(), ..Namespace::default() }).expect("sent");
    let mut long = Namespace { name: "long".into(), ..Namespace::default() };
    long.labels.insert("l".into(), "x".repeat(RECORD_MAX_BYTES));
    let error = context.item(long).expect_err("too long");
    assert_eq!((error.kind, error.item_too_long), (ErrorKind::Protocol, true));
    assert!(error.message.starts_with("the record of long is 10"), "{error}");
    context.collection_end("namespaces", Err(error.clone())).expect("sent");
    // The flag is not part of the JSON.
    let sent = GatherError { item_too_long: false, ..error };
    let records = recorder.records();
    assert_eq!(records.len(), 2, "{records:?}");
    assert_eq!(
        records[1],
        Record::CollectionEnd { name: "namespaces".into(), items: 1, error: Some(sent) }
    );
}

#[test]
fn an_item_with_an_entry_that_is_too_long_is_not_sent_in_part() {
    let recorder = Recorder::new();
    let context = recorder.context();
    let mut pods: Vec<_> = (0..300).map(|n| reference(&n.to_string())).collect();
    pods.push(reference(&"x".repeat(RECORD_MAX_BYTES)));
    let error = context.item(service("s", pods)).expect_err("too long");
    assert!(error.item_too_long && error.message.contains("of s is"), "{error}");
    let mount_path = Some("/".repeat(RECORD_MAX_BYTES));
    let uses = vec![Use::default(), Use { mount_path, ..Use::default() }];
    let secret = SecretKeys { used_by: Some(uses), ..SecretKeys::default() };
    assert!(context.item(secret).expect_err("too long").item_too_long);
    assert_eq!(recorder.records(), []);
}

#[test]
fn the_error_of_an_item_with_a_long_name_fits_into_a_record() {
    let recorder = Recorder::new();
    let context = recorder.context();
    let name = "n".repeat(2 * RECORD_MAX_BYTES);
    let error = context.item(Namespace { name, ..Namespace::default() }).expect_err("too long");
    assert!(error.item_too_long && error.message.len() < 1000, "{}", error.message.len());
    context.collection_end("namespaces", Err(error)).expect("sent");
    assert!(matches!(
        &recorder.records()[..],
        [Record::CollectionEnd { items: 0, error: Some(_), .. }]
    ));
}

#[test]
fn a_host_that_is_too_long_is_sent_so_that_the_runner_fails_the_endpoint() {
    let mut host = Host::new("i", "n");
    host.labels.insert("l".into(), "x".repeat(RECORD_MAX_BYTES));
    let outcome = Recorder::new().run(|context| {
        let error = context.host(host).expect_err("too long");
        assert!(!error.item_too_long && error.kind == ErrorKind::Protocol, "{error}");
        Ok(())
    });
    assert_eq!(outcome.expect_err("the runner fails the endpoint").kind, ErrorKind::Protocol);
}

#[test]
fn a_short_item_with_a_long_list_is_one_record() {
    let recorder = Recorder::new();
    let context = recorder.context();
    let pods: Vec<_> = (0..1000).map(|_| reference("p")).collect();
    context.item(service("s", pods.clone())).expect("sent");
    let item = Item::Service(service("s", pods));
    assert_eq!(recorder.records(), [Record::Item { item, more: false }]);
}

#[test]
fn the_pieces_of_an_item_stay_together_if_several_threads_send_items() {
    let recorder = Recorder::new();
    let context = recorder.context();
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
    let records = recorder.records();
    let (end, items) = records.split_last().expect("records");
    assert_eq!(*end, Record::CollectionEnd { name: "services".into(), items: 80, error: None });
    assert_eq!(items.len(), 800);
    for record in items {
        let Record::Item { item: Item::Service(item), more } = record else { panic!("{record:?}") };
        assert!(!more || item.uid == last, "a piece of {} after one of {last}", item.uid);
        last.clone_from(&item.uid);
    }
}
