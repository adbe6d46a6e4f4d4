//! Which answers are suspicious, and what an acceptance is for.

use gatherer_tests::{Run, assert_message};
use serde_json::{Value, json};

use super::{Nights, hosts};

#[test]
fn an_answer_that_lacks_more_than_the_share_is_suspicious() {
    let nights = Nights::new("20%");
    nights.believed(&hosts(0..10));
    nights.believed(&hosts(0..8));
    // 20 % of the last whole answer, which has 8 hosts.
    assert_message!(nights.suspicious(&hosts(0..6)));
    nights.believed(&hosts(0..7));
}

#[test]
fn an_answer_that_lacks_more_than_the_number_is_suspicious() {
    for limit in [json!(2), json!("2")] {
        let nights = Nights::new(limit);
        nights.believed(&hosts(0..10));
        // It lacks one host, and two guests.
        nights.believed(&hosts(1..10));
        // It lacks two hosts, which are allowed, and four guests.
        let message = nights.suspicious(&hosts(3..10));
        assert!(
            message.contains("2 of 9 hosts") && message.contains("4 of 18 guests"),
            "{message}"
        );
    }
}

#[test]
fn of_a_share_and_a_number_the_larger_one_counts() {
    let nights = Nights::new("10%,4");
    nights.believed(&hosts(0..10));
    // Two guests of twenty are the share, four are the number.
    nights.believed(&hosts(2..10));
    nights.suspicious(&hosts(5..10));
}

#[test]
fn there_is_no_release_on_the_second_night_but_an_answer_within_the_limit_is_believed() {
    let nights = Nights::new("20%");
    nights.believed(&hosts(0..10));
    for night in 1..=3 {
        nights.suspicious(&hosts(0..5));
        assert_eq!(nights.listed()[0]["answers"], night);
    }
    // Still compared with the last whole answer, not with the suspicious one.
    nights.suspicious(&hosts(0..4));
    nights.believed(&hosts(1..10));
    assert_eq!(nights.listed(), [] as [Value; 0]);
    nights.suspicious(&hosts(1..5));
}

#[test]
fn an_acceptance_makes_the_next_answer_the_last_whole_one() {
    let nights = Nights::new("20%");
    nights.believed(&hosts(0..10));
    nights.suspicious(&hosts(0..5));
    nights.accept();
    assert!(nights.listed()[0]["accepted"].is_string());
    nights.believed(&hosts(0..5));
    assert_eq!(nights.listed(), [] as [Value; 0]);
    nights.believed(&hosts(0..4));
    nights.suspicious(&hosts(0..2));
}

#[test]
fn an_acceptance_is_for_what_the_operator_saw() {
    let nights = Nights::new("20%");
    nights.believed(&hosts(0..10));
    nights.suspicious(&hosts(0..5));
    nights.accept();
    // Another host is lost too.
    let message = nights.suspicious(&hosts(0..4));
    assert!(message.contains("not only what was accepted"), "{message}");
    assert!(nights.listed()[0]["accepted"].is_null());
    nights.suspicious(&hosts(0..5));
    nights.accept();
    // As many hosts, but others.
    nights.suspicious(&hosts(5..10));
    nights.suspicious(&hosts(0..5));
    nights.accept();
    // Less is lost than the operator accepted.
    nights.believed(&hosts(0..7));
}

#[test]
fn an_acceptance_is_used_up_by_an_answer_within_the_limit() {
    let nights = Nights::new("20%");
    nights.believed(&hosts(0..10));
    nights.suspicious(&hosts(0..5));
    nights.accept();
    nights.believed(&hosts(0..10));
    nights.suspicious(&hosts(0..5));
}

#[test]
fn an_empty_answer_is_suspicious_and_a_grown_one_is_not() {
    let nights = Nights::new("50%");
    nights.believed(&json!({}));
    nights.believed(&hosts(0..2));
    nights.believed(&hosts(0..20));
    let message = nights.suspicious(&json!({}));
    assert!(message.contains("20 of 20 hosts") && message.contains("and 15 more"), "{message}");
    // If everything may be lost, an empty answer is believed.
    let all = Nights { max_lost: json!("100%"), ..nights };
    all.believed(&json!({}));
    all.believed(&json!({}));
}

#[test]
fn a_guest_that_moves_is_not_lost_and_one_whose_id_changes_is() {
    let nights = Nights::new(0);
    nights.believed(&hosts(0..2));
    let mut moved = hosts(0..2);
    let guest = moved["h0"]["vms"].as_object_mut().and_then(|vms| vms.remove("web0"));
    moved["h1"]["vms"]["web0"] = guest.expect("the guest is there");
    nights.believed(&moved);
    let mut changed = moved.clone();
    changed["h1"]["vms"]["web0"] = json!("another id");
    let message = nights.suspicious(&changed);
    assert!(message.contains("1 of 4 guests (web0)"), "{message}");
    // A renamed guest is the same one.
    let mut renamed = moved.clone();
    let vms = renamed["h1"]["vms"].as_object_mut().expect("guests");
    let id = vms.remove("web0").expect("the guest is there");
    vms.insert("renamed".to_owned(), id);
    nights.believed(&renamed);
}

#[test]
fn the_guard_compares_after_the_filters() {
    let nights = Nights::new(0);
    let exclude = |pattern: &str| json!({"exclude": {"hosts": {"name": [pattern]}}});
    let run = |answer: &Value, more: &Value| {
        nights.run(answer, more).args(["--format", "inventory"]).run().endpoint("e")["status"]
            .clone()
    };
    assert_eq!(run(&hosts(0..4), &exclude("h3")), "complete");
    // What is filtered out may vanish.
    assert_eq!(run(&hosts(0..3), &exclude("h3")), "complete");
    // A new filter loses hosts.
    assert_eq!(run(&hosts(0..3), &exclude("h2")), "failed");
}

#[test]
fn a_manager_gets_null_for_a_suspicious_endpoint_and_the_others_as_always() {
    let nights = Nights::new("20%");
    nights.believed(&hosts(0..10));
    let gathered = |answer: &Value| nights.run(answer, &json!({})).run();
    let suspicious = gathered(&hosts(0..5));
    assert!(suspicious.document()["e"].is_none());
    assert!(suspicious.log.contains("suspicious"), "{}", suspicious.describe());
    nights.accept();
    let accepted = gathered(&hosts(0..5));
    assert_eq!(accepted.document()["e"].as_ref().map(std::collections::BTreeMap::len), Some(5));
}

#[test]
fn a_suspicious_endpoint_has_failed_in_every_format_and_for_fail_on() {
    let nights = Nights::new("20%");
    nights.believed(&hosts(0..10));
    for format in ["gatherer", "inventory", "ndjson", "table", "containers"] {
        let run = nights.run(&hosts(0..5), &json!({})).args(["--format", format]);
        let outcome = run.args(["--fail-on", "any"]).run();
        assert_eq!(outcome.code(), 1, "{format}: {}", outcome.describe());
        assert!(!outcome.stdout_text().contains("h4"), "{format}: {}", outcome.describe());
    }
    let found =
        nights.run(&hosts(0..5), &json!({})).args(["--find", "h0", "--format", "table"]).run();
    assert_eq!(found.code(), 1, "{}", found.describe());
}

#[test]
fn the_operators_file_has_the_limit_and_the_folder_of_endpoints_without_their_own() {
    let nights = Nights::new(Value::Null);
    let run = |answer: &Value, own: &Value| {
        let more = json!({"max_lost": own});
        let mut endpoint = json!({"id": "e", "module": "File", "url": "hosts.json"});
        endpoint["max_lost"] = more["max_lost"].clone();
        let run = Run::gather(&json!([endpoint])).plugins(nights.plugins.path());
        std::fs::write(run.home().join("hosts.json"), answer.to_string()).expect("writable");
        let config = run.home().join("config.toml");
        let text = format!("max_lost = \"20%\"\nstate = {:?}\n", nights.state());
        std::fs::write(&config, text).expect("writable");
        let run = run.arg("--config").arg(config).args(["--format", "inventory"]);
        run.run().endpoint("e")["status"].clone()
    };
    assert_eq!(run(&hosts(0..10), &Value::Null), "complete");
    assert_eq!(run(&hosts(0..5), &Value::Null), "failed");
    assert_eq!(run(&hosts(0..5), &json!("50%")), "complete");
}

#[test]
fn without_a_limit_runs_only_keep_their_answers() {
    let nights = Nights::new(Value::Null);
    nights.believed(&hosts(0..10));
    nights.believed(&json!({}));
    nights.believed(&hosts(0..3));
    let kept = nights.state().join("endpoints/e.json");
    let run = Run::gather(&json!([{"id": "copy", "module": "File", "url": kept}]));
    let copy = run.plugins(nights.plugins.path()).run();
    assert_eq!(copy.document()["copy"].as_ref().map(std::collections::BTreeMap::len), Some(3));
}

#[test]
fn a_limit_that_is_not_valid_fails_the_endpoint() {
    let mut messages = String::new();
    for limit in
        [json!("20"), json!("0.2"), json!(0.2), json!("120%"), json!(true), json!({"file": "f"})]
    {
        let nights = Nights::new(limit.clone());
        let outcome = nights.night(&hosts(0..1));
        if limit == "20" {
            assert_eq!(outcome.endpoint("e")["status"], "complete");
            continue;
        }
        let failure = outcome.failure("e");
        assert_eq!(failure.kind, "configuration", "{limit}");
        messages.extend([limit.to_string(), format!(": {failure}\n")]);
    }
    assert_message!(messages);
}

#[test]
fn guests_that_are_not_gathered_any_more_or_leave_all_hosts_are_lost() {
    let guests: Value = (0..5).map(|id| json!({"id": id.to_string(), "name": "guest"})).collect();
    let answer = |on_host: &Value, more: &Value| {
        let mut endpoint = json!({
            "id": "x", "status": "complete",
            "hosts": [{"id": "h", "name": "h", "guests": on_host}],
        });
        for (name, value) in more.as_object().into_iter().flatten() {
            endpoint[name] = value.clone();
        }
        json!({"schemaVersion": "1.6", "generator": {"name": "t"}, "endpoints": [endpoint]})
    };
    let gathered = json!({"virtual-machines": {"status": "complete"}});
    let whole = answer(&guests, &json!({"collections": gathered}));
    for short in [
        answer(&json!([]), &json!({})),
        answer(&json!([]), &json!({"collections": gathered, "detachedGuests": guests})),
    ] {
        let nights = Nights::new("20%");
        let status = |answer: &Value| {
            let outcome = nights.night(answer);
            let endpoint = outcome.endpoint("e");
            let kind = endpoint["error"]["kind"].as_str().unwrap_or("none");
            (kind.to_owned(), endpoint["status"].as_str().map(str::to_owned))
        };
        let believed = ("none".to_owned(), Some("complete".to_owned()));
        assert_eq!(status(&whole), believed);
        assert_eq!(status(&short), ("suspicious".to_owned(), Some("failed".to_owned())));
        let lost = &nights.listed()[0]["guests"];
        assert_eq!(lost.as_array().map(Vec::len), Some(5), "{lost}");
        nights.guard(&["accept", "e"]).expect_code(0);
        // An acceptance is for one answer, and the answer then is the last whole one.
        assert_eq!(status(&short), believed);
        assert_eq!(status(&short), believed);
    }
}
