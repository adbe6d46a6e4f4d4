//! Tests of the items of optional collections.

use std::rc::Rc;

use gatherer_plugin_api::assembly::Gathered;
use gatherer_plugin_api::model::Completeness;
use gatherer_plugin_api::{COLLECTIONS, Collection, ErrorKind};

use super::{Budget, Collector};
use crate::request::redact::Redactor;
use crate::run::supervisor::Memory;

const DONE: &str = r#"{"frame":"done","summary":{"counts":{"hosts":0,"guests":0}}}"#;

fn record(data: &str) -> String {
    format!("{{\"frame\":\"record\",\"data\":{data}}}")
}

fn pod(name: &str) -> String {
    record(&format!(
        r#"{{"record":"item","item":{{"pod":{{"namespace":"n","name":"{name}","uid":"{name}"}}}}}}"#
    ))
}

fn service(uid: &str, pods: &[&str], more: bool) -> String {
    let pods: Vec<_> =
        pods.iter().map(|pod| format!(r#"{{"name":"{pod}","uid":"{pod}"}}"#)).collect();
    record(&format!(
        r#"{{"record":"item","more":{more},"item":{{"service":{{"namespace":"n","name":"s","uid":"{uid}","pods":[{}]}}}}}}"#,
        pods.join(",")
    ))
}

fn end(name: &str, items: u64) -> String {
    record(&format!(r#"{{"record":"collectionEnd","name":"{name}","items":{items}}}"#))
}

fn failed(name: &str) -> String {
    record(&format!(
        r#"{{"record":"collectionEnd","name":"{name}","error":{{"kind":"permission","message":"no"}}}}"#
    ))
}

fn over(name: &str) -> String {
    record(&format!(r#"{{"record":"startOver","collection":"{name}"}}"#))
}

fn answer(lines: &[String]) -> Result<Gathered, ErrorKind> {
    answer_with(&[], lines)
}

fn answer_with(secrets: &[&str], lines: &[String]) -> Result<Gathered, ErrorKind> {
    let redactor = Redactor::new(secrets.iter().copied().collect());
    let mut collector = Collector::new(redactor, Rc::new(Budget::of(Memory::of_process())));
    for line in lines.iter().map(String::as_str).chain([DONE]) {
        collector.receive(format!("{line}\n").as_bytes(), |_| {}).map_err(|error| error.kind)?;
    }
    let answer = collector.finish().expect("a last frame");
    answer.map(|answer| answer.gathered).map_err(|error| error.kind)
}

fn pods(lines: &[String]) -> Result<Vec<String>, ErrorKind> {
    answer(lines).map(|answer| answer.workloads.pods.into_iter().map(|pod| pod.name).collect())
}

#[test]
fn keeps_the_items_of_a_collection_that_ends_with_the_correct_count() {
    assert_eq!(pods(&[pod("a"), pod("b"), end("pods", 2)]), Ok(vec!["a".into(), "b".into()]));
    assert_eq!(pods(&[end("pods", 0)]), Ok(Vec::new()));
    let invalid = [
        vec![pod("a"), end("pods", 2)],
        vec![pod("a"), pod("b"), end("pods", 1)],
        vec![pod("a")],
        vec![pod("a"), end("services", 0)],
        vec![pod("a"), end("pods", 1), pod("b")],
        vec![pod("a"), end("pods", 1), end("pods", 1)],
        vec![pod("a"), end("pods", 1), over("pods")],
    ];
    for lines in invalid {
        assert_eq!(pods(&lines), Err(ErrorKind::Protocol), "{lines:?}");
    }
}

#[test]
fn a_failed_collection_loses_only_its_own_items() {
    let answer = answer(&[service("s", &[], false), end("services", 1), pod("a"), failed("pods")])
        .expect("an answer");
    assert_eq!((answer.workloads.pods.len(), answer.workloads.services.len()), (0, 1));
    assert_eq!(answer.collections["pods"].status, Completeness::Failed);
    assert_eq!(answer.collections["services"].status, Completeness::Complete);
}

#[test]
fn keeps_the_items_of_every_complete_collection_and_drops_those_of_a_failed_one() {
    for collection in Collection::ALL {
        let kind = collection.list().strip_suffix('s').expect("a list is a plural");
        let members = r#"{"namespace":"","name":"","uid":"","kind":""}"#;
        let item = record(&format!(r#"{{"record":"item","item":{{"{kind}":{members}}}}}"#));
        let is_empty = |end: String| {
            let answer = answer(&[item.clone(), end]).expect("an answer");
            answer.workloads.is_empty() && answer.detached_guests.is_empty()
        };
        assert!(!is_empty(end(collection.as_str(), 1)), "{collection}");
        assert!(is_empty(failed(collection.as_str())), "{collection}");
    }
}

#[test]
fn does_not_redact_the_name_of_a_known_collection() {
    let secrets = ["virtual", "pods", "config", "secret", "service", "name", "controllers"];
    let lines: Vec<_> = COLLECTIONS.iter().map(|name| failed(name)).collect();
    let answer = answer_with(&secrets, &lines).expect("an answer");
    assert!(COLLECTIONS.iter().all(|name| answer.collections.contains_key(*name)), "{answer:?}");
    assert_eq!(answer.collections.len(), COLLECTIONS.len());

    // The checks use the same name.
    for lines in [
        vec![pod("a"), end("pods", 1), pod("b")],
        vec![pod("a"), end("pods", 1), end("pods", 1)],
        vec![pod("a"), end("pods", 1), over("pods")],
        vec![failed("pods"), pod("a")],
    ] {
        assert_eq!(answer_with(&secrets, &lines), Err(ErrorKind::Protocol), "{lines:?}");
    }
}

#[test]
fn redacts_the_name_of_an_unknown_collection_and_checks_the_redacted_name() {
    let answer = answer_with(&["hunter2"], &[failed("of-hunter2")]).expect("an answer");
    assert_eq!(answer.collections.into_keys().collect::<Vec<_>>(), ["of-***"]);
    for lines in [
        // Only with an error may it end.
        vec![end("of-hunter2", 0)],
        vec![failed("of-hunter2"), failed("of-hunter2")],
        vec![failed("of-hunter2"), failed("of-***")],
        vec![failed("of-hunter2"), over("of-hunter2")],
        vec![over("of-hunter2")],
    ] {
        assert_eq!(answer_with(&["hunter2"], &lines), Err(ErrorKind::Protocol), "{lines:?}");
    }
}

#[test]
fn a_restarted_collection_has_only_later_items() {
    let lines = [pod("gone"), over("pods"), pod("a"), end("pods", 1)];
    assert_eq!(pods(&lines), Ok(vec!["a".into()]));
}

#[test]
fn appends_a_piece_of_a_list_only_to_the_item_before_it() {
    let lines = [
        service("s", &["a"], false),
        service("s", &["b"], true),
        service("s", &["c"], true),
        end("services", 1),
    ];
    let answer = answer(&lines).expect("an answer");
    let pods = answer.workloads.services[0].pods.as_ref().expect("its pods");
    assert_eq!(pods.iter().map(|pod| pod.name.as_str()).collect::<String>(), "abc");
    for lines in [
        vec![service("s", &["a"], true), end("services", 0)],
        vec![service("s", &["a"], false), service("t", &["a"], true), end("services", 1)],
        vec![record(
            r#"{"record":"item","more":true,"item":{"pod":{"namespace":"n","name":"p","uid":"p"}}}"#,
        )],
    ] {
        assert_eq!(self::answer(&lines), Err(ErrorKind::Protocol), "{lines:?}");
    }
}

#[test]
fn appends_keys_and_uses_to_the_item_before_them() {
    let item = |kind: &str, members: &str, more: bool| {
        record(&format!(
            r#"{{"record":"item","more":{more},"item":{{"{kind}":{{"namespace":"","name":"","uid":"u"{members}}}}}}}"#
        ))
    };
    let uses = r#","usedBy":[{"pod":{"name":"p","uid":"p"}}]"#;
    for (kind, collection) in [("configMap", "config-maps"), ("secret", "secrets")] {
        let lines = [
            item(kind, r#","keys":["a"]"#, false),
            item(kind, r#","keys":["b","c"]"#, true),
            item(kind, uses, true),
            item(kind, uses, true),
            end(collection, 1),
        ];
        let workloads = answer(&lines).expect("an answer").workloads;
        let maps = workloads.config_maps.into_iter().map(|map| (map.keys, map.used_by));
        let secrets = workloads.secrets.into_iter().map(|secret| (secret.keys, secret.used_by));
        let [(keys, pods)] = &maps.chain(secrets).collect::<Vec<_>>()[..] else { panic!("one") };
        assert_eq!((keys.concat().as_str(), pods.as_ref().map(Vec::len)), ("abc", Some(2)));

        let lines =
            [item(kind, "", false), item(kind, r#","keys":["a"]"#, true), end(collection, 1)];
        let workloads = answer(&lines).expect("an answer").workloads;
        let pods = workloads.config_maps.into_iter().map(|map| map.used_by);
        let pods: Vec<_> = pods.chain(workloads.secrets.into_iter().map(|it| it.used_by)).collect();
        assert_eq!(pods, [None], "uses that were not sent stay unknown");

        let lines = [item(kind, "", false), item(kind, "", true), end(collection, 1)];
        assert_eq!(answer(&lines), Err(ErrorKind::Protocol), "an empty piece");
    }
}

#[test]
fn dropped_items_are_not_charged() {
    let budget = Rc::new(Budget::new(20 * 1024, 20 * 1024));
    let mut collector = Collector::new(Redactor::default(), budget);
    for _ in 0..100 {
        let lines = format!("{}\n{}\n", pod("a"), over("pods"));
        collector.receive(lines.as_bytes(), |_| {}).expect("enough for one item");
    }
    let lines = format!("{}\n{}\n{DONE}\n", pod("a"), failed("pods"));
    collector.receive(lines.as_bytes(), |_| {}).expect("enough for one item");
    let answer = collector.finish().expect("a last frame").expect("an answer");
    // The end of the collection is charged.
    assert!(answer.memory_bytes < 2048, "{}", answer.memory_bytes);
}

#[test]
fn items_that_exceed_the_budget_fail_the_endpoint() {
    let budget = Rc::new(Budget::new(20 * 1024, 20 * 1024));
    let mut collector = Collector::new(Redactor::default(), Rc::clone(&budget));
    let lines = format!("{}\n", pod("a")).repeat(100);
    let error =
        collector.receive(lines.as_bytes(), |_| {}).expect_err("enough only for a few items");
    assert_eq!(error.kind, ErrorKind::Protocol);
    assert!(error.message.starts_with("the answer takes more than"), "{error}");
    drop(collector);
    // Its charge was returned.
    let mut other = Collector::new(Redactor::default(), budget);
    let lines = format!("{}\n{}\n{DONE}\n", pod("a"), end("pods", 1));
    other.receive(lines.as_bytes(), |_| {}).expect("enough again");
}
