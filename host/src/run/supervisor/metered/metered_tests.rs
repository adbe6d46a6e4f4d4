//! Tests that the charge of a record is at least what it allocates.

use std::rc::Rc;

use allocation_counter::measure;
use gatherer_plugin_api::model::{Guest, Host, Pod};
use gatherer_plugin_api::{Collection, ErrorKind, GatherError, Record};

use super::{Meter, from_str};
use crate::request::redact::Redactor;
use crate::run::supervisor::Answer;
use crate::run::supervisor::budget::Budget;
use crate::run::supervisor::collector::Collector;
use crate::run::supervisor::memory::Memory;

/// The memory of an answer that is not charged to any record: the first allocations of its lists and maps.
const FEW: u64 = 16 * 1024;

/// The frame of a record.
fn frame(record: &str) -> String {
    format!("{{\"frame\":\"record\",\"data\":{record}}}\n")
}

fn done(hosts: usize, guests: usize) -> String {
    let counts = format!(r#"{{"hosts":{hosts},"guests":{guests}}}"#);
    format!("{{\"frame\":\"done\",\"summary\":{{\"counts\":{counts}}}}}\n")
}

fn host(members: &str) -> String {
    frame(&format!(r#"{{"record":"host","hostRef":"0","host":{{"id":"","name":""{members}}}}}"#))
}

fn item(kind: &str, item: &str, more: bool) -> String {
    frame(&format!(r#"{{"record":"item","more":{more},"item":{{"{kind}":{item}}}}}"#))
}

fn end(collection: &str, items: usize) -> String {
    frame(&format!(r#"{{"record":"collectionEnd","name":"{collection}","items":{items}}}"#))
}

/// A JSON list that contains an element `count` times.
fn list(text: &str, count: usize) -> String {
    format!("[{}]", vec![text; count].join(","))
}

/// A JSON object of `count` members.
fn map(count: usize) -> String {
    let entries: Vec<_> = (0..count).map(|number| format!(r#""{number}":"""#)).collect();
    format!("{{{}}}", entries.join(","))
}

fn collect(frames: &[String], memory: Memory) -> Result<Answer, GatherError> {
    let mut collector = Collector::new(Redactor::default(), Rc::new(Budget::of(memory)));
    for frame in frames {
        collector.receive(frame.as_bytes(), |_| {})?;
    }
    collector.finish().expect("a last frame")
}

/// The records that allocate the most memory for their length: a name, the frames, and the numbers of hosts
/// and guests.
fn cases() -> Vec<(String, Vec<String>, usize, usize)> {
    const MANY: usize = 20_000;
    let mut cases = Vec::new();
    let mut of_host = |name: &str, members: String| {
        cases.push((format!("host with {name}"), vec![host(&members)], 1, 0));
    };
    for (member, element) in [
        ("addresses", r#"{"address":""}"#),
        ("taints", r#"{"key":"","effect":""}"#),
        ("conditions", r#"{"type":"","status":""}"#),
        ("roles", r#""""#),
        ("roles", r#""a""#),
        ("roles", r#""\u0001\n""#),
        ("unknown", "{}"),
        ("unknown", r#"{"a":[[[[[]]]],"b"]}"#),
    ] {
        of_host(&format!("{member} {element}"), format!(",\"{member}\":{}", list(element, MANY)));
        of_host(&format!("one of {member}"), format!(",\"{member}\":[{element}]"));
    }
    for count in [1, 2, 11, 12, 13, 17, 18, 100, 5000] {
        for member in ["labels", "capacity", "versions", "identifiers"] {
            of_host(&format!("{count} {member}"), format!(",\"{member}\":{}", map(count)));
        }
    }
    let all = ["labels", "capacity", "allocatable", "versions", "identifiers"];
    let all = all.map(|member| format!(",\"{member}\":{{\"a\":\"\"}}"));
    of_host("one entry in every map", all.concat());
    of_host("a long text", format!(",\"shortName\":\"{}\"", "x".repeat(500_000)));
    of_host("an escaped text", format!(",\"shortName\":\"{}\"", r"\u00e4".repeat(100_000)));
    of_host("numbers", r#","memoryBytes":1,"cpu":{"frequencyMhz":2400.5,"cores":3}"#.to_owned());

    for (kind, collection, fixed, member, element) in [
        ("pod", "pods", "", "containers", r#"{"name":"","kind":"app"}"#),
        ("pod", "pods", "", "owners", r#"{"kind":"","name":"","uid":""}"#),
        ("pod", "pods", "", "podIPs", r#""""#),
        ("service", "services", "", "ports", r#"{"port":1}"#),
        ("service", "services", "", "pods", r#"{"name":"","uid":""}"#),
        ("configMap", "config-maps", "", "keys", r#""k""#),
        ("configMap", "config-maps", "", "usedBy", r#"{"pod":{"name":"","uid":""}}"#),
        ("secret", "secrets", r#","type":"Opaque""#, "usedBy", r#"{"pod":{"name":"","uid":""}}"#),
    ] {
        for count in [1, 5, MANY] {
            let list = list(element, count);
            let text = format!(r#"{{"namespace":"","name":"","uid":""{fixed},"{member}":{list}}}"#);
            let frames = vec![item(kind, &text, false), end(collection, 1)];
            cases.push((format!("{kind} with {count} {member}"), frames, 0, 0));
        }
    }
    let uses = list(r#"{"pod":{"name":"","uid":""}}"#, 512);
    let piece = format!(r#"{{"namespace":"","name":"","uid":"","usedBy":{uses}}}"#);
    let mut pieces = vec![item("secret", &piece, false)];
    pieces.extend((0..32).map(|_| item("secret", &piece, true)));
    pieces.push(end("secrets", 1));
    cases.push(("secret in pieces".to_owned(), pieces, 0, 0));

    for collection in Collection::ALL {
        let kind = collection.list().strip_suffix('s').expect("a list is a plural");
        let text = r#"{"namespace":"","name":"","uid":"","kind":""}"#;
        let mut frames = vec![item(kind, text, false); 4097];
        frames.push(end(collection.as_str(), 4097));
        cases.push((format!("many a {kind}"), frames, 0, 0));
    }
    for guests in [0, 1, 2, 5] {
        let mut frames = Vec::new();
        for number in 0..2049 {
            frames.push(frame(&format!(
                r#"{{"record":"host","hostRef":"{number}","host":{{"id":"","name":""}}}}"#
            )));
            let guest =
                format!(r#"{{"record":"guest","hostRef":"{number}","guest":{{"name":""}}}}"#);
            frames.extend(vec![frame(&guest); guests]);
        }
        cases.push((format!("many a host with {guests} guests"), frames, 2049, 2049 * guests));
    }
    let failed_end = |number: usize| {
        frame(&format!(
            r#"{{"record":"collectionEnd","name":"{number}","error":{{"kind":"protocol","message":"m"}}}}"#
        ))
    };
    let ends = (0..3000).map(failed_end).collect();
    cases.push(("ends of collections".to_owned(), ends, 0, 0));
    let warning = frame(r#"{"record":"warning","object":"a","message":"b"}"#);
    cases.push(("warnings".to_owned(), vec![warning; 900], 0, 0));
    cases
}

#[test]
fn a_charge_is_at_least_what_a_record_allocates() {
    let (mut worst, mut most) = ((0.0, String::new()), (0.0, String::new()));
    for (name, mut frames, hosts, guests) in cases() {
        frames.push(done(hosts, guests));
        let text: usize = frames.iter().map(String::len).sum();
        let mut answer = None;
        let memory = Memory::of_bytes(1 << 40);
        let allocated = measure(|| answer = Some(collect(&frames, memory)));
        let answer = answer.expect("it ran").unwrap_or_else(|error| panic!("{name}: {error}"));
        // With the allocator's overhead.
        let held =
            allocated.bytes_current.unsigned_abs() + 16 * allocated.count_current.unsigned_abs();
        let charge = answer.memory_bytes;
        assert!(charge + FEW >= held, "{name}: charged {charge}, allocated {held}");
        // A list that grows briefly exists twice.
        let peak = allocated.bytes_max;
        assert!(
            charge * 2 + 4 * FEW >= peak,
            "{name}: charged {charge}, allocated {peak} at the peak"
        );
        #[expect(clippy::cast_precision_loss, reason = "only printed")]
        let (ratio, excess) = (held as f64 / text as f64, charge as f64 / held as f64);
        println!("{name}: text {text}, held {held} ({ratio:.1}), charged {charge} ({excess:.2})");
        if ratio > worst.0 {
            worst = (ratio, name.clone());
        }
        if excess > most.0 && held > 100_000 {
            most = (excess, name);
        }
    }
    println!("most memory for its text: {worst:?}; most charged for its memory: {most:?}");
}

#[test]
fn a_string_is_charged_for_its_escapes_in_the_output() {
    for text in ["\u{1}", "\n", "\u{e4}", "\u{20ac}", "\u{1f600}", "\u{7f}", "plain", "\"\\"] {
        let long = text.repeat(1000);
        let meter = Meter::new(u64::MAX);
        let json = serde_json::to_string(&long).expect("JSON");
        from_str::<String>(&json, &meter).expect("a text");
        let printed = crate::output::format::manager_json(&long).len() as u64;
        // Quotes and backslashes are doubled, for which the other half of the memory suffices.
        let charge = if text == "\"\\" { 2 * meter.used() } else { meter.used() };
        assert!(charge >= printed - 4, "{text:?}: charged {}, {printed} printed", meter.used());
    }
}

#[test]
fn parsing_stops_when_the_memory_limit_is_exceeded() {
    // Guests inside a host are refused, but only after the record was parsed.
    let guests = format!(",\"guests\":{}", list(r#"{"name":""}"#, 80_000));
    let frames = [host(&guests), done(1, 0)];
    let mut answer = None;
    let allocated = measure(|| answer = Some(collect(&frames, Memory::of_bytes(8 << 20))));
    let error = answer.expect("it ran").expect_err("too much");
    assert!(error.message.contains("takes more than 1 MiB of memory"), "{error}");
    assert!(allocated.bytes_max < 4 << 20, "{}", allocated.bytes_max);
}

#[test]
fn refuses_arrays_in_the_place_of_objects() {
    for record in [
        r#"["host","0",{"id":"","name":""}]"#,
        r#"{"record":"host","hostRef":"0","host":["",""]}"#,
        r#"{"record":"host","hostRef":"0","host":{"id":"","name":"","addresses":[[null,""]]}}"#,
        r#"{"record":"host","hostRef":"0","host":{"id":"","name":"","cpu":[]}}"#,
        r#"{"record":"guest","hostRef":"0","guest":[null,""]}"#,
        r#"{"record":"item","item":{"pod":["","",""]}}"#,
        r#"{"record":"item","item":{"service":{"namespace":"","name":"","uid":"","ports":[[null,null,1]]}}}"#,
        r#"{"record":"item","item":["pod",{"namespace":"","name":"","uid":""}]}"#,
        r#"{"record":"collectionEnd","name":"pods","error":["protocol",""]}"#,
    ] {
        assert!(from_str::<Record>(record, &Meter::new(u64::MAX)).is_err(), "{record}");
        let error = collect(&[frame(record)], Memory::of_bytes(1 << 40)).expect_err(record);
        assert_eq!(error.kind, ErrorKind::Protocol);
    }
}

#[test]
fn the_charge_of_a_typical_record_is_not_much_more_than_it_allocates() {
    let guest: Guest = serde_json::from_str(
        r#"{"id":"6ecb0d1c-2b4d-4d6e-8f2a-0123456789ab","name":"guest-0001.example.com",
            "uuid":"6ecb0d1c-2b4d-4d6e-8f2a-0123456789ab","state":"running",
            "identifiers":{"uuid":"6ecb0d1c-2b4d-4d6e-8f2a-0123456789ab"},
            "sourceState":"running","cpus":2,"memoryBytes":4294967296}"#,
    )
    .expect("a guest");
    let pod: Pod = serde_json::from_str(
        r#"{"namespace":"production","name":"web-7d4b9c6f5-x2x4z","uid":"6ecb0d1c-2b4d-4d6e",
            "phase":"Running","host":{"id":"n1","name":"node-1"},"podIPs":["10.0.0.17"],
            "labels":{"app":"web","pod-template-hash":"7d4b9c6f5"},
            "owners":[{"kind":"ReplicaSet","name":"web-7d4b9c6f5","uid":"0aab"}],
            "containers":[{"name":"web","kind":"app","image":"registry.example.com/web:1.2",
              "imageId":"registry.example.com/web@sha256:00112233445566778899aabbccddeeff",
              "state":"running","ready":true,"restartCount":0}]}"#,
    )
    .expect("a pod");
    let records = [
        Record::Host { host_ref: "0".into(), host: Box::new(Host::new("h", "kvm1")) },
        Record::Guest { host_ref: "0".into(), guest: Box::new(guest) },
        Record::Item { item: pod.into(), more: false },
    ];
    for record in &records {
        let text = serde_json::to_string(record).expect("JSON");
        let meter = Meter::new(u64::MAX);
        let read = from_str::<Record>(&text, &meter).expect("a record");
        assert_eq!(&read, record);
        let charge = meter.used() + crate::run::supervisor::budget::list_entry_bytes(record);
        // A typical record takes about a kilobyte and 56 bytes for each string. Allow half as much again.
        let usual = 1024 + text.len() + 56 * text.matches('"').count() / 2;
        println!("text {}, charged {charge}, usual {usual}", text.len());
        assert!(2 * charge <= 3 * usual as u64, "{charge} for {text}");
    }
}
