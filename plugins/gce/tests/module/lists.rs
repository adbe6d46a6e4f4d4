//! Lists that are shorter than the truth, and pages of unusual forms.

use gatherer_plugin_api::{ErrorKind, GatherError};
use gatherer_plugin_support::testing::Action;
use gatherer_tests::fakes::gce::{GceFake, GceFault, GceInventory};
use serde_json::{Value, json};

use super::{Served, count, is_list};

fn paged(size: usize) -> GceFake {
    GceFake::new(GceInventory::sample()).with_page_size(size)
}

#[test]
fn a_list_that_lacks_instances_fails_and_names_the_zones() {
    let mut messages = Vec::new();
    for fault in [
        GceFault::ScopeUnreachable,
        GceFault::ScopePartial,
        GceFault::Unreachables,
        GceFault::TopLevelWarning,
    ] {
        for size in [500, 2] {
            let served = Served::fake(paged(size).with(fault));
            let error = served.gather().expect_err("a list that is not complete");
            assert_eq!(error.kind, ErrorKind::Unavailable, "{fault:?}: {error}");
            if size == 500 {
                let message =
                    error.to_string().replace(&served.base(), "https://compute.example.com");
                messages.push(message);
            }
        }
    }
    insta::assert_snapshot!(messages.join("\n"));
}

#[test]
fn a_zone_that_answers_the_second_time_is_complete() {
    let served = Served::script(paged(500), |fake, request| {
        static ASKED: std::sync::atomic::AtomicBool = std::sync::atomic::AtomicBool::new(false);
        if is_list(request) && !ASKED.swap(true, std::sync::atomic::Ordering::Relaxed) {
            return Action::json(
                200,
                &json!({"kind": "compute#instanceAggregatedList", "unreachables": ["zones/a"]}),
            );
        }
        fake.answer(request)
    });
    assert_eq!(count(&served.gather().expect("a complete answer")), 12);
}

#[test]
fn pages_of_unusual_forms_lose_nothing() {
    for fault in [
        GceFault::EmptyPageInBetween,
        GceFault::LastPageWithoutItems,
        GceFault::LastPageWithEmptyItems,
        GceFault::InstanceTwice,
    ] {
        for size in [1, 5, 12] {
            for (zone, guests) in [("", 12), ("europe-west1-b", 4)] {
                let served = Served::fake(paged(size).with(fault));
                let gathered = served.gather_with(&json!({"zone": zone}));
                let gathered =
                    gathered.unwrap_or_else(|error| panic!("{fault:?}, {size}: {error}"));
                assert_eq!(count(&gathered), guests, "{fault:?}, pages of {size}, {zone}");
            }
        }
    }
}

#[test]
fn a_list_without_an_end_is_an_error() {
    let served = Served::fake(paged(5).with(GceFault::NextPageIsItself));
    let error = served.gather().expect_err("no end");
    assert_eq!(error.kind, ErrorKind::Protocol, "{error}");
}

/// Answers the list with this document.
fn with_list(answer: &Value) -> Result<usize, GatherError> {
    let answer = answer.clone();
    let served = Served::script(paged(500), move |fake, request| {
        if is_list(request) { Action::json(200, &answer) } else { fake.answer(request) }
    });
    served.gather().map(|gathered| count(&gathered))
}

#[test]
fn an_answer_without_its_list_fails() {
    let served = Served::fake(paged(500).with(GceFault::ErrorInsteadOfList));
    assert_eq!(served.gather().expect_err("an error").kind, ErrorKind::Protocol);
    for answer in [json!({}), json!([]), json!(null), json!({"error": {}}), json!({"items": []})] {
        let error = with_list(&answer).expect_err("no list");
        assert_eq!(error.kind, ErrorKind::Protocol, "{answer}: {error}");
        assert!(error.hint.expect("a hint").contains("Compute Engine API"), "{answer}");
    }
}

/// The API names every zone, so this is not the answer for a project without instances.
#[test]
fn an_empty_list_that_names_no_zone_fails() {
    let kind = "compute#instanceAggregatedList";
    for answer in [
        json!({"kind": kind}),
        json!({"kind": kind, "items": {}}),
        json!({"kind": kind, "items": {"regions/a": {"warning": {"code": "NO_RESULTS_ON_PAGE"}}}}),
    ] {
        let error = with_list(&answer).expect_err("no zone");
        assert_eq!(error.kind, ErrorKind::Protocol, "{answer}: {error}");
        assert!(error.message.contains("names no zone"), "{error}");
    }
    let empty = json!({"warning": {"code": "NO_RESULTS_ON_PAGE"}});
    assert_eq!(with_list(&json!({"kind": kind, "items": {"zones/a": empty}})), Ok(0));
}

#[test]
fn a_page_token_that_is_not_valid_any_more_starts_the_list_again() {
    let expired = std::sync::atomic::AtomicBool::new(false);
    let served = Served::script(paged(5), move |fake, request| {
        let is_second = request.query("pageToken").is_some();
        if is_second && !expired.swap(true, std::sync::atomic::Ordering::Relaxed) {
            let message = "Invalid value for field 'pageToken': 'x'.";
            let errors = json!([{"domain": "global", "reason": "invalid", "message": message}]);
            let error = json!({"code": 400, "message": message, "errors": errors});
            return Action::json(400, &json!({"error": error}));
        }
        fake.answer(request)
    });
    assert_eq!(count(&served.gather().expect("a complete answer")), 12);
    let firsts =
        served.targets().iter().filter(|target| target.ends_with("maxResults=500")).count();
    assert_eq!(firsts, 2);
}
