//! Answers of a hostile or broken server.

use gatherer_plugin_api::ErrorKind;
use gatherer_plugin_support::testing::{Action, ReceivedRequest};
use gatherer_tests::fakes::gce::{GceFake, GceInventory};

use super::{Served, count, is_list, is_machine_type};

type Matcher = fn(&ReceivedRequest) -> bool;

const IS_LOGIN: Matcher = |request| request.path() == "/token";

#[test]
fn hostile_answers_are_errors() {
    let nested = format!("{}{}", "[".repeat(10_000), "]".repeat(10_000));
    let nested_object =
        format!(r#"{{"kind": "compute#instanceAggregatedList", "items": {nested}}}"#);
    let huge_number = format!(
        r#"{{"items": {{"zones/a": {{"instances": [{{"id": {}}}]}}}}}}"#,
        "9".repeat(100_000)
    );
    for answer in [
        Action::answer(200, nested),
        Action::answer(200, nested_object),
        Action::answer(200, huge_number),
        Action::answer(200, r#"{"items": {}, "items": {}}"#),
        Action::answer(200, b"\xff\xfe".to_vec()),
        Action::answer(200, ""),
        Action::gzip_bomb(),
    ] {
        for matches in [IS_LOGIN, is_list, is_machine_type] {
            let answer = answer.clone();
            let fake = GceFake::new(GceInventory::sample());
            let served = Served::script(fake, move |fake, request| {
                if matches(request) { answer.clone() } else { fake.answer(request) }
            });
            let error = served.retries(0).gather().expect_err("a hostile answer");
            assert_eq!(error.kind, ErrorKind::Protocol, "{error}");
            assert!(error.message.len() < 1000, "{error}");
        }
    }
}

/// An error whose text is long, has control characters, and is not quoted as it is.
#[test]
fn texts_of_errors_are_short_and_plain() {
    let text = format!("\u{1b}[31mline\n{}", "x".repeat(100_000));
    for (matches, error) in [
        (IS_LOGIN, serde_json::json!({"error": text, "error_description": text})),
        (
            is_list as Matcher,
            serde_json::json!({"error": {"message": text, "errors": [{"reason": text}]}}),
        ),
    ] {
        let served = Served::script(GceFake::new(GceInventory::sample()), move |fake, request| {
            if matches(request) { Action::json(400, &error) } else { fake.answer(request) }
        });
        let error = served.gather().expect_err("an error");
        assert!(error.message.len() < 1000, "{}", error.message.len());
        assert!(!error.message.contains(char::is_control), "{error:?}");
    }
}

/// A server that names many machine types, each of them unusual.
#[test]
fn names_of_machine_types_stay_in_their_path() {
    let served = Served::script(GceFake::new(GceInventory::sample()), |fake, request| {
        if !is_list(request) {
            return fake.answer(request);
        }
        let names = ["..", "../../../token", "a?b=c", "a#b", "%2e%2e", "a b", "\u{e4}", ""];
        let instances: Vec<_> = names
            .iter()
            .enumerate()
            .map(|(id, name)| {
                let machine_type = format!("projects/p/zones/../machineTypes/{name}");
                serde_json::json!({"id": id.to_string(), "name": "vm", "machineType": machine_type})
            })
            .collect();
        let items = serde_json::json!({"zones/../..": {"instances": instances}});
        Action::json(200, &serde_json::json!({"items": items}))
    });
    assert_eq!(count(&served.gather().expect("a complete answer")), 8);
    assert_eq!(served.targets().len(), 1, "{:?}", served.targets());
}
