//! Tests of the recorder: what it records, and that it fails where the runner fails the endpoint.

use std::thread;
use std::time::Duration;

use serde::Deserialize;
use serde_json::{Value, json};

use super::{Event, Gathered, Recorder};
use crate::model::{Completeness, Guest, Host, Namespace, Pod};
use crate::{
    Context, ErrorKind, GatherError, Gatherer, Item, LogLevel, Options, RECORD_MAX_BYTES, Record,
};

#[derive(Deserialize)]
struct Parameters {
    hostname: String,
    #[serde(default)]
    guests: u32,
}

struct Fixed;

impl Gatherer for Fixed {
    type Parameters = Parameters;

    fn gather(parameters: Parameters, context: &Context) -> Result<(), GatherError> {
        let host = context.host(Host::new("i", parameters.hostname))?;
        for number in 0..parameters.guests {
            context.guest(&host, Guest::new(number.to_string(), format!("g{number}")))?;
        }
        Ok(())
    }
}

fn namespace(name: &str) -> Namespace {
    Namespace { name: name.into(), uid: name.into(), ..Namespace::default() }
}

fn run(
    module: impl FnOnce(&Context) -> Result<(), GatherError>,
) -> Result<Gathered, (ErrorKind, String)> {
    Recorder::new().run(module).map_err(|error| (error.kind, error.message))
}

/// The message of the rule that the module breaks.
fn violation(module: impl FnOnce(&Context) -> Result<(), GatherError>) -> String {
    let (kind, message) = run(module).expect_err("the module breaks a rule");
    assert_eq!(kind, ErrorKind::Protocol, "{message}");
    message
}

#[test]
fn gathers_hosts_with_their_guests() {
    let recorder = Recorder::new().endpoint("e").module("Fixed");
    let gathered =
        recorder.gather::<Fixed>(json!({"hostname": "h", "guests": 2})).expect("complete");
    assert_eq!(gathered.hosts.len(), 1);
    let names: Vec<_> = gathered.hosts[0].guests.iter().map(|guest| &*guest.name).collect();
    assert_eq!(names, ["g0", "g1"]);
    let context = recorder.context();
    assert_eq!((context.endpoint(), context.module()), ("e", "Fixed"));
}

#[test]
fn each_gathering_of_a_recorder_begins_anew() {
    let recorder = Recorder::new();
    for name in ["a", "b"] {
        let gathered = recorder.gather::<Fixed>(json!({"hostname": name})).expect("complete");
        assert_eq!((gathered.hosts.len(), &*gathered.hosts[0].name), (1, name));
        assert_eq!(recorder.records().len(), 1);
    }
}

#[test]
fn wrong_parameters_are_a_configuration_error_that_does_not_quote_them() {
    for (parameters, word) in [
        (json!({}), "missing field `hostname`"),
        (
            json!({"hostname": ["hunter2"]}),
            "the value of hostname has the wrong type or is out of range: expected a string",
        ),
    ] {
        let error = Recorder::new().gather::<Fixed>(parameters).expect_err("wrong");
        assert_eq!(error.kind, ErrorKind::Configuration);
        assert!(error.message.ends_with(word), "{error}");
    }
}

#[test]
fn records_events_in_their_order() {
    let recorder = Recorder::new();
    recorder
        .run(|context| {
            context.progress("reading");
            context.secret("hunter2");
            tracing::info!(target: "gatherer_x", count = 3, "read");
            context.count_retry();
            context.warning("o", "m")
        })
        .map(|gathered| assert_eq!((gathered.retries, gathered.warnings.len()), (1, 1)))
        .expect("complete");
    let [Event::Progress(progress), Event::Secret(secret), Event::Log(line), Event::Record(record)] =
        &recorder.events()[..]
    else {
        panic!("{:?}", recorder.events())
    };
    assert_eq!((progress.as_str(), secret.as_str()), ("reading", "hunter2"));
    assert_eq!((line.level, line.target.as_str()), (LogLevel::Info, "gatherer_x"));
    assert_eq!(line.message, "read count=3");
    assert_eq!(*record, Record::Warning { object: "o".into(), message: "m".into() });
    assert_eq!(recorder.progress(), ["reading"]);
    assert_eq!(recorder.secrets(), ["hunter2"]);
    assert_eq!((recorder.warnings().len(), recorder.log_lines().len()), (1, 1));
}

#[test]
fn collects_items_and_drops_those_of_a_failed_collection() {
    let gathered = run(|context| {
        context.item(namespace("a"))?;
        context.collection_end("namespaces", Ok(()))?;
        context.item(Pod::default())?;
        context.collection_end("pods", Err(GatherError::new(ErrorKind::Permission, "403")))?;
        context.item(Item::DetachedGuest(Box::new(Guest::new("i", "d"))))?;
        context.collection_end("virtual-machines", Ok(()))
    })
    .expect("complete");
    assert_eq!(gathered.workloads.namespaces, [namespace("a")]);
    assert_eq!((gathered.workloads.pods.len(), gathered.detached_guests.len()), (0, 1));
    assert_eq!(gathered.collections["namespaces"].status, Completeness::Complete);
    let error = gathered.collections["pods"].error.as_ref().expect("failed");
    assert_eq!(error.kind, ErrorKind::Permission);
    let json: Value = serde_json::to_value(&gathered).expect("JSON");
    assert_eq!(json["detachedGuests"][0]["name"], "d");
}

#[test]
fn starting_over_withdraws_everything_but_warnings() {
    let gathered = run(|context| {
        context.host(Host::new("1", "old"))?;
        context.item(namespace("a"))?;
        context.warning("o", "m")?;
        context.start_over()?;
        context.host(Host::new("2", "new"))?;
        context.item(namespace("b"))?;
        context.start_collection_over("namespaces")?;
        context.item(namespace("c"))?;
        context.collection_end("namespaces", Ok(()))
    })
    .expect("complete");
    assert_eq!((gathered.hosts.len(), &*gathered.hosts[0].name), (1, "new"));
    assert_eq!(gathered.workloads.namespaces, [namespace("c")]);
    assert_eq!(gathered.warnings.len(), 1);
}

#[test]
fn fails_where_the_runner_fails_the_endpoint() {
    let other_host = Recorder::new().context().host(Host::new("i", "n")).expect("recorded");
    let messages = [
        violation(|context| context.guest(&other_host, Guest::new("i", "n"))),
        violation(|context| context.item(namespace("a"))),
        violation(|context| {
            context.collection_end("namespaces", Ok(()))?;
            context.item(namespace("a"))
        }),
        violation(|context| {
            context.collection_end("namespaces", Ok(()))?;
            context.collection_end("namespaces", Ok(()))
        }),
        violation(|context| {
            context.collection_end("namespaces", Ok(()))?;
            context.start_collection_over("namespaces")
        }),
        violation(|context| {
            drop(context.collection_end("pod", Ok(())));
            Ok(())
        }),
        violation(|context| {
            drop(context.start_collection_over("pod"));
            Ok(())
        }),
        violation(|context| {
            let mut host = Host::new("i", "n");
            host.labels.insert("l".into(), "x".repeat(RECORD_MAX_BYTES));
            drop(context.host(host));
            Ok(())
        }),
    ];
    insta::assert_snapshot!(messages.join("\n"));
}

#[test]
fn an_unknown_collection_that_ends_with_an_error_is_kept() {
    // Plugins of API 1.0 may do that, and there are no items that could be lost.
    let unsupported = GatherError::new(ErrorKind::Unsupported, "not known");
    let gathered = run(|context| context.collection_end("ingress-classes", Err(unsupported)));
    assert_eq!(
        gathered.expect("complete").collections["ingress-classes"].status,
        Completeness::Failed
    );
}

#[test]
fn a_context_that_outlives_the_gathering_fails_it_unless_it_is_dropped_soon_after() {
    let error = run(|context| {
        let context = context.clone();
        thread::spawn(move || {
            thread::sleep(Duration::from_secs(5));
            drop(context);
        });
        Ok(())
    });
    assert_eq!(error.expect_err("a clone is left").0, ErrorKind::Internal);
    let gathered = run(|context| {
        let context = context.clone();
        thread::spawn(move || {
            thread::sleep(Duration::from_millis(50));
            context.host(Host::new("i", "late"))
        });
        Ok(())
    });
    assert_eq!(gathered.expect("complete").hosts.len(), 1, "what it sends is not lost");
}

#[test]
fn a_cancelled_gathering_fails_even_if_the_module_ignores_it() {
    let ignoring = |context: &Context| {
        for number in 0..5 {
            drop(context.warning(number.to_string(), "m"));
        }
        Ok(())
    };
    for records in [0, 3] {
        let recorder = Recorder::new().cancel_after(records);
        let error = recorder.run(ignoring).expect_err("cancelled");
        assert_eq!(error.kind, ErrorKind::Timeout);
        assert_eq!(recorder.records().len(), records);
    }
    let recorder = Recorder::new();
    let context = recorder.context();
    assert!(!context.cancelled());
    recorder.cancel();
    assert!(context.cancelled() && context.check_cancelled().is_err());
    assert!(
        Recorder::new().cancel_after(5).run(ignoring).is_ok(),
        "it did not see the cancellation"
    );
}

#[test]
fn the_gathering_is_cancelled_at_its_deadline() {
    let options = Options { timeout_ms: Some(20), ..Options::default() };
    let error = Recorder::new().options(options).run(|context| {
        while !context.cancelled() {
            thread::yield_now();
        }
        assert_eq!(context.remaining(), Some(Duration::ZERO));
        Ok(())
    });
    assert_eq!(error.expect_err("the module did not finish in time").kind, ErrorKind::Timeout);
}

#[test]
fn refuses_records_as_a_runner_that_has_ended() {
    let recorder = Recorder::new().close_after(1);
    let error = recorder
        .gather::<Fixed>(json!({"hostname": "h", "guests": 3}))
        .expect_err("the second record is refused");
    assert_eq!((error.kind, recorder.records().len()), (ErrorKind::Internal, 1));
}

#[test]
fn the_context_has_the_options_and_a_deadline() {
    let options = Options { timeout_ms: Some(60_000), insecure: true, ..Options::default() };
    let context = Recorder::new().options(options).context();
    assert!(context.options().insecure && !context.cancelled());
    assert!(context.remaining().is_some_and(|left| left > Duration::from_secs(30)));
}

#[test]
fn log_lines_are_those_that_the_runner_receives() {
    let log = || {
        tracing::debug!(target: "gatherer_x", "own debug");
        tracing::debug!(target: "hyper", "library debug");
        log::warn!(target: "rustls", "library warning");
        tracing::info_span!(target: "gatherer_x", "span", field = "in a span").in_scope(|| ());
    };
    let messages = |recorder: &Recorder| {
        recorder.log_lines().iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    let recorder = Recorder::new();
    log();
    assert_eq!(messages(&recorder), ["rustls: library warning"]);
    let recorder =
        Recorder::new().options(Options { log_level: LogLevel::Debug, ..Options::default() });
    log();
    assert_eq!(messages(&recorder), ["gatherer_x: own debug", "rustls: library warning"]);
    let recorder =
        Recorder::new().options(Options { log_level: LogLevel::Trace, ..Options::default() });
    log();
    let all = ["gatherer_x: own debug", "hyper: library debug", "rustls: library warning"];
    assert_eq!(messages(&recorder), all);
    let recorder = Recorder::new().record_every_log_line();
    log();
    assert_eq!(messages(&recorder).len(), 4);
    assert!(messages(&recorder)[3].contains("in a span"), "{:?}", messages(&recorder));
}

#[test]
fn tests_in_other_threads_do_not_see_the_lines_of_this_one() {
    let target = "gatherer_threads";
    let lines_of = |recorder: &Recorder| {
        let lines = recorder.log_lines().into_iter();
        lines.filter(|line| line.target == target).map(|line| line.message).collect::<Vec<_>>()
    };
    let one = Recorder::new();
    let other = thread::spawn(|| {
        let other = Recorder::new();
        tracing::info!(target: "gatherer_threads", "of the other");
        other
    });
    let other = other.join().expect("no panic");
    tracing::info!(target: "gatherer_threads", "of this one");
    let context = one.context();
    thread::scope(|scope| {
        scope.spawn(|| {
            context.progress("a thread of the module");
            tracing::info!(target: "gatherer_threads", "of its thread");
        });
        scope.spawn(|| tracing::info!(target: "gatherer_threads", "of a library"));
    });
    let mut lines = lines_of(&one);
    lines.sort();
    assert_eq!(lines, ["of a library", "of its thread", "of this one"]);
    assert_eq!(lines_of(&other), ["of the other", "of a library"]);
}
