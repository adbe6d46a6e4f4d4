//! Which frames are a whole answer, and what is kept of them.

use std::rc::Rc;

use gatherer_plugin_api::ErrorKind;

use super::{Budget, Collector, Event};
use crate::request::redact::Redactor;
use crate::run::supervisor::Memory;

const HOST: &str = "{\"frame\":\"record\",\"data\":{\"record\":\"host\",\"hostRef\":\"0\",\"host\":{\"id\":\"i\",\"name\":\"n\"}}}\n";
const GUEST: &str = "{\"frame\":\"record\",\"data\":{\"record\":\"guest\",\"hostRef\":\"0\",\"guest\":{\"name\":\"g\"}}}\n";

fn collector(redactor: Redactor) -> Collector {
    Collector::new(redactor, Rc::new(Budget::of(Memory::of_process())))
}

fn done(hosts: u64, guests: u64) -> String {
    format!(
        "{{\"frame\":\"done\",\"summary\":{{\"counts\":{{\"hosts\":{hosts},\"guests\":{guests}}}}}}}\n"
    )
}

fn outcome(text: &str, chunk: usize) -> Result<usize, ErrorKind> {
    let mut collector = collector(Redactor::default());
    for piece in text.as_bytes().chunks(chunk) {
        collector.bytes(piece, |_| {}).map_err(|error| error.kind)?;
    }
    match collector.finish() {
        None => Err(ErrorKind::Crashed),
        Some(answer) => answer.map(|answer| answer.hosts.len()).map_err(|error| error.kind),
    }
}

#[test]
fn what_was_taken_back_is_not_in_the_answer_and_its_references_are_void() {
    let over = "{\"frame\":\"record\",\"data\":{\"record\":\"startOver\"}}\n";
    let text = format!("{HOST}{GUEST}{over}{HOST}{}", done(1, 0));
    assert_eq!(outcome(&text, 1000), Ok(1));
    let text = format!("{HOST}{over}{}", done(1, 0));
    assert_eq!(outcome(&text, 1000), Err(ErrorKind::Protocol));
    let text = format!("{HOST}{over}{GUEST}{}", done(0, 1));
    assert_eq!(outcome(&text, 1000), Err(ErrorKind::Protocol));
}

#[test]
fn what_was_taken_back_takes_no_memory_and_the_warnings_that_stay_do() {
    let over = "{\"frame\":\"record\",\"data\":{\"record\":\"startOver\"}}\n";
    let warning = "{\"frame\":\"record\",\"data\":{\"record\":\"warning\",\"object\":\"o\",\"message\":\"m\"}}\n";
    // A host costs 2 KiB, a warning of such short texts about 200 bytes.
    let budget = Rc::new(Budget::new(20 * 1024, 20 * 1024));
    let mut collector = Collector::new(Redactor::default(), Rc::clone(&budget));
    for _ in 0..100 {
        collector.bytes(HOST.as_bytes(), |_| {}).expect("there is room for one");
        collector.bytes(over.as_bytes(), |_| {}).expect("there is room for it");
    }
    assert_eq!((collector.by_ref.capacity(), collector.answer.hosts.capacity()), (0, 0));
    let mut warnings = 0;
    let error = (0..500).find_map(|_| {
        warnings = collector.answer.warnings.len();
        collector.bytes(format!("{warning}{over}").as_bytes(), |_| {}).err()
    });
    assert!(error.expect("too many").message.contains("memory"));
    assert!(warnings > 10, "{warnings}");
    drop(collector);
    let mut collector = Collector::new(Redactor::default(), budget);
    let text = format!("{warning}{HOST}{over}{}", done(0, 0));
    collector.bytes(text.as_bytes(), |_| {}).expect("what was taken has come back");
    let answer = collector.finish().expect("ended").expect("whole");
    assert!((100..300).contains(&answer.memory_bytes), "{}", answer.memory_bytes);
}

#[test]
fn warnings_that_are_left_out_take_no_memory() {
    let warning = "{\"frame\":\"record\",\"data\":{\"record\":\"warning\",\"object\":\"o\",\"message\":\"m\"}}\n";
    // Room for those that are kept, which cost about 200 bytes each, and for few more.
    let budget = Rc::new(Budget::new(200 * 1024, 200 * 1024));
    let mut collector = Collector::new(Redactor::default(), budget);
    for _ in 0..10 * super::WARNINGS_MAX {
        collector.bytes(warning.as_bytes(), |_| {}).expect("there is room for what is kept");
    }
    collector.bytes(done(0, 0).as_bytes(), |_| {}).expect("the end");
    let answer = collector.finish().expect("ended").expect("whole");
    assert_eq!(answer.warnings.len(), super::WARNINGS_MAX + 1);
    assert_eq!(answer.warnings[super::WARNINGS_MAX].message, "9000 more were left out");
}

#[test]
fn what_stands_beside_a_records_data_never_changes_what_is_read() {
    let host = HOST.trim_end();
    let inner = host.strip_suffix('}').expect("a frame");
    let second = "{\"record\":\"host\",\"hostRef\":\"1\",\"host\":{\"id\":\"j\",\"name\":\"m\"}}";
    let spaced = host.replace("\"data\":", "\"data\": \t");
    for (line, expected) in [
        (format!("{spaced}\r\n"), Ok(1)),
        (format!("{inner} }} \t\n"), Ok(1)),
        (format!("{inner},\"data\":{second}}}\n"), Err(ErrorKind::Protocol)),
        (format!("{inner},\"frame\":\"log\"}}\n"), Err(ErrorKind::Protocol)),
        (format!("{inner}{second}}}\n"), Err(ErrorKind::Protocol)),
        (format!("{inner}}}}}\n"), Err(ErrorKind::Protocol)),
        (format!("{inner}\n"), Err(ErrorKind::Protocol)),
        ("{\"frame\":\"record\",\"data\":}\n".to_owned(), Err(ErrorKind::Protocol)),
    ] {
        assert_eq!(outcome(&format!("{line}{}", done(1, 0)), 1000), expected, "{line}");
    }
}

#[test]
fn what_comes_after_a_secret_is_rid_of_it_and_the_secret_itself_is_no_event() {
    let mut collector = collector(Redactor::default());
    let log = "{\"frame\":\"log\",\"level\":3,\"target\":\"t\",\"message\":\"hunter2\"}\n";
    let text = format!("{log}{{\"frame\":\"secret\",\"text\":\"hunter2\"}}\n{log}");
    let mut messages = Vec::new();
    let taken = collector.bytes(text.as_bytes(), |event| match event {
        Event::None => {}
        Event::Log { message, .. } | Event::Progress(message) => messages.push(message),
    });
    assert_eq!((taken, messages), (Ok(()), vec!["hunter2".to_owned(), "***".to_owned()]));
    let too_much = format!("{{\"frame\":\"secret\",\"text\":\"{}\"}}\n", "x".repeat(200_000));
    let error = collector.bytes(too_much.as_bytes(), |_| {}).expect_err("too long to be hidden");
    assert_eq!(error.kind, ErrorKind::Protocol);
}

#[test]
fn an_answer_is_whole_only_if_it_ended_and_adds_up() {
    let whole = format!("{HOST}{GUEST}{}", done(1, 1));
    let cases = [
        (whole.clone(), Ok(1)),
        (done(0, 0), Ok(0)),
        (format!("{HOST}{GUEST}"), Err(ErrorKind::Crashed)),
        (format!("{HOST}{}", done(2, 0)), Err(ErrorKind::Protocol)),
        (format!("{HOST}{}", done(1, 1)), Err(ErrorKind::Protocol)),
        (format!("{GUEST}{}", done(0, 1)), Err(ErrorKind::Protocol)),
        (format!("{HOST}{HOST}{}", done(2, 0)), Err(ErrorKind::Protocol)),
        (format!("{whole}{HOST}"), Err(ErrorKind::Protocol)),
        (format!("{whole}x"), Err(ErrorKind::Protocol)),
        ("garbage\n".to_owned(), Err(ErrorKind::Protocol)),
        ("x".repeat(2 * 1024 * 1024), Err(ErrorKind::Protocol)),
    ];
    for (text, expected) in cases {
        for chunk in [1, 7, 64 * 1024] {
            if text.len() / chunk < 1_000_000 {
                assert_eq!(outcome(&text, chunk), expected, "{text:.80}");
            }
        }
    }
}

#[test]
fn log_lines_and_errors_come_without_secrets() {
    let mut collector = collector(Redactor::new(["hunter2"].into_iter().collect()));
    let mut lines = Vec::new();
    let text = "{\"frame\":\"log\",\"level\":2,\"target\":\"t\",\"message\":\"with hunter2\"}\n\
                {\"frame\":\"failed\",\"error\":{\"kind\":\"tls\",\"message\":\"no hunter2\"}}\n";
    collector.bytes(text.as_bytes(), |event| lines.push(event)).expect("frames");
    assert!(matches!(&lines[0], Event::Log { message, .. } if message == "with ***"), "{lines:?}");
    let error = collector.finish().expect("ended").expect_err("failed");
    assert_eq!(error.message, "no ***");
}

#[test]
fn a_failed_answer_frees_its_memory_before_its_worker_has_ended() {
    let budget = Rc::new(Budget::new(20 * 1024, 20 * 1024));
    let mut first = Collector::new(Redactor::default(), Rc::clone(&budget));
    let hosts = |collector: &mut Collector| {
        (0..100)
            .take_while(|number| {
                let host = HOST.replace("\"0\"", &format!("\"{number}\""));
                collector.bytes(host.as_bytes(), |_| {}).is_ok()
            })
            .count()
    };
    let alone = hosts(&mut first);
    assert!(alone > 5 && alone < 100, "{alone}");
    let mut second = Collector::new(Redactor::default(), Rc::clone(&budget));
    assert_eq!(hosts(&mut second), alone, "the first one has failed");
}
