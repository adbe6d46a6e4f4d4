//! Tests of which frames are a complete answer.

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
        collector.receive(piece, |_| {}).map_err(|error| error.kind)?;
    }
    match collector.finish() {
        None => Err(ErrorKind::Crashed),
        Some(answer) => {
            answer.map(|answer| answer.gathered.hosts.len()).map_err(|error| error.kind)
        }
    }
}

#[test]
fn a_restart_removes_hosts_and_their_references() {
    let over = "{\"frame\":\"record\",\"data\":{\"record\":\"startOver\"}}\n";
    let text = format!("{HOST}{GUEST}{over}{HOST}{}", done(1, 0));
    assert_eq!(outcome(&text, 1000), Ok(1));
    let text = format!("{HOST}{over}{}", done(1, 0));
    assert_eq!(outcome(&text, 1000), Err(ErrorKind::Protocol));
    let text = format!("{HOST}{over}{GUEST}{}", done(0, 1));
    assert_eq!(outcome(&text, 1000), Err(ErrorKind::Protocol));
}

#[test]
fn a_restart_returns_the_charge_except_for_warnings() {
    let over = "{\"frame\":\"record\",\"data\":{\"record\":\"startOver\"}}\n";
    let warning = "{\"frame\":\"record\",\"data\":{\"record\":\"warning\",\"object\":\"o\",\"message\":\"m\"}}\n";
    // A host costs 2 KiB, a warning with such short texts about 200 bytes.
    let budget = Rc::new(Budget::new(20 * 1024, 20 * 1024));
    let mut collector = Collector::new(Redactor::default(), Rc::clone(&budget));
    for _ in 0..100 {
        collector.receive(HOST.as_bytes(), |_| {}).expect("enough for one host");
        collector.receive(over.as_bytes(), |_| {}).expect("a restart");
    }
    assert_eq!(collector.assembly.gathered().hosts.capacity(), 0);
    let mut warnings = 0;
    let error = (0..500).find_map(|_| {
        warnings = collector.assembly.gathered().warnings.len();
        collector.receive(format!("{warning}{over}").as_bytes(), |_| {}).err()
    });
    assert!(error.expect("too many").message.contains("memory"));
    assert!(warnings > 10, "{warnings}");
    drop(collector);
    let mut collector = Collector::new(Redactor::default(), budget);
    let text = format!("{warning}{HOST}{over}{}", done(0, 0));
    collector.receive(text.as_bytes(), |_| {}).expect("the charge was returned");
    let answer = collector.finish().expect("ended").expect("complete");
    assert!((100..300).contains(&answer.memory_bytes), "{}", answer.memory_bytes);
}

#[test]
fn dropped_warnings_are_not_charged() {
    let warning = "{\"frame\":\"record\",\"data\":{\"record\":\"warning\",\"object\":\"o\",\"message\":\"m\"}}\n";
    // Enough for the warnings that are kept, which cost about 200 bytes each, and a few more.
    let budget = Rc::new(Budget::new(200 * 1024, 200 * 1024));
    let mut collector = Collector::new(Redactor::default(), budget);
    for _ in 0..10 * super::WARNINGS_MAX {
        collector.receive(warning.as_bytes(), |_| {}).expect("enough for the kept warnings");
    }
    collector.receive(done(0, 0).as_bytes(), |_| {}).expect("a last frame");
    let answer = collector.finish().expect("ended").expect("complete");
    let warnings = answer.gathered.warnings;
    assert_eq!(warnings.len(), super::WARNINGS_MAX + 1);
    assert_eq!(warnings[super::WARNINGS_MAX].message, "9000 more were dropped");
}

#[test]
fn other_members_of_a_frame_do_not_change_its_record() {
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
fn a_secret_frame_only_redacts_later_texts() {
    let mut collector = collector(Redactor::default());
    let log = "{\"frame\":\"log\",\"level\":3,\"target\":\"t\",\"message\":\"hunter2\"}\n";
    let text = format!("{log}{{\"frame\":\"secret\",\"text\":\"hunter2\"}}\n{log}");
    let mut messages = Vec::new();
    let received = collector.receive(text.as_bytes(), |event| match event {
        Event::Log { message, .. } | Event::Progress(message) => messages.push(message),
    });
    assert_eq!((received, messages), (Ok(()), vec!["hunter2".to_owned(), "***".to_owned()]));
    let too_much = format!("{{\"frame\":\"secret\",\"text\":\"{}\"}}\n", "x".repeat(200_000));
    let error =
        collector.receive(too_much.as_bytes(), |_| {}).expect_err("too long to be redacted");
    assert_eq!(error.kind, ErrorKind::Protocol);
}

#[test]
fn an_answer_is_complete_only_with_a_last_frame_and_correct_counts() {
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
fn log_lines_and_errors_are_redacted() {
    let mut collector = collector(Redactor::new(["hunter2"].into_iter().collect()));
    let mut lines = Vec::new();
    let text = "{\"frame\":\"log\",\"level\":2,\"target\":\"t\",\"message\":\"with hunter2\"}\n\
                {\"frame\":\"failed\",\"error\":{\"kind\":\"tls\",\"message\":\"no hunter2\"}}\n";
    collector.receive(text.as_bytes(), |event| lines.push(event)).expect("frames");
    assert!(matches!(&lines[0], Event::Log { message, .. } if message == "with ***"), "{lines:?}");
    let error = collector.finish().expect("ended").expect_err("failed");
    assert_eq!(error.message, "no ***");
}

#[test]
fn a_failed_answer_returns_its_charge_at_once() {
    let budget = Rc::new(Budget::new(20 * 1024, 20 * 1024));
    let mut first = Collector::new(Redactor::default(), Rc::clone(&budget));
    let hosts = |collector: &mut Collector| {
        (0..100)
            .take_while(|number| {
                let host = HOST.replace("\"0\"", &format!("\"{number}\""));
                collector.receive(host.as_bytes(), |_| {}).is_ok()
            })
            .count()
    };
    let alone = hosts(&mut first);
    assert!(alone > 5 && alone < 100, "{alone}");
    let mut second = Collector::new(Redactor::default(), Rc::clone(&budget));
    assert_eq!(hosts(&mut second), alone, "the first one returned its charge");
}
