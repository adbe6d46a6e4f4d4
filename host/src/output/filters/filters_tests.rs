//! Tests of the rules of filters.

use std::fmt::Write as _;

use gatherer_plugin_api::model::{
    EndpointResult, EndpointStatus, Filtered, Guest, Host, Pod, PodHost,
};
use gatherer_plugin_api::{ErrorKind, GatherError};
use serde_json::{Value, json};

use super::{FilterKey, FilterOption, FilterRule, Filters, Pattern};

/// A result with these hosts and detached guests, in the inventory's JSON.
fn result(hosts: Value, detached: Value) -> EndpointResult {
    EndpointResult {
        status: EndpointStatus::Complete,
        hosts: serde_json::from_value::<Vec<Host>>(hosts).expect("hosts"),
        detached_guests: serde_json::from_value::<Vec<Guest>>(detached).expect("guests"),
        ..EndpointResult::new("e".into(), Some("M".into()), None)
    }
}

/// Two clusters with one host and two guests each, a pseudo-host with one guest, and a guest without a host.
fn data_center() -> EndpointResult {
    result(
        json!([
            {"id": "h1", "name": "esx1.example.com", "shortName": "esx1", "state": "up",
                "location": {"cluster": "Prod"}, "labels": {"env": "prod"},
                "identifiers": {"uuid": "4c4c4544-0001", "managedObject": "host-1"},
                "guests": [
                    {"id": "g1", "name": "web-1", "state": "running", "labels": {"env": "prod"}},
                    {"id": "g2", "name": "web-2", "uuid": "0000-2", "state": "stopped"}]},
            {"id": "h2", "name": "esx2.example.com", "shortName": "esx2", "state": "maintenance",
                "location": {"cluster": "test-a"},
                "guests": [
                    {"id": "g3", "name": "db-tmp", "state": "running", "location": {"cluster": "own"}},
                    {"id": "g4", "name": "db-4"}]},
            {"id": "detached", "name": "Detached", "synthetic": true,
                "guests": [{"id": "g5", "name": "off-5", "state": "stopped"}]},
        ]),
        json!([{"id": "g6", "name": "template-6", "state": "stopped"}]),
    )
}

fn rules(value: &Value) -> Vec<FilterRule> {
    let rule = |(key, patterns): (&String, &Value)| {
        let key = FilterKey::ALL.into_iter().find(|known| known.as_str() == key).expect("a key");
        let patterns = patterns.as_array().expect("a list").iter();
        let patterns = patterns
            .map(|text| Pattern::parse(text.as_str().expect("a text")).expect("a pattern"))
            .collect();
        FilterRule { key, patterns }
    };
    value.as_object().into_iter().flatten().map(rule).collect()
}

/// Filters in the notation of a request.
fn filters(value: &Value) -> Filters {
    let option = |name: &str| FilterOption {
        hosts: rules(&value[name]["hosts"]),
        guests: rules(&value[name]["guests"]),
        is_default: false,
    };
    Filters { include: option("include"), exclude: option("exclude") }
}

/// What filters leave: `h1(g1 g2) h2() g6`, where the last ones are guests without a host.
fn left(result: &EndpointResult) -> String {
    let ids = |guests: &[Guest]| -> Vec<String> {
        guests.iter().map(|guest| guest.id.clone().unwrap_or_default()).collect()
    };
    let hosts =
        result.hosts.iter().map(|host| format!("{}({})", host.id, ids(&host.guests).join(" ")));
    hosts.chain(ids(&result.detached_guests)).collect::<Vec<_>>().join(" ")
}

fn applied(filter: &Value) -> (EndpointResult, Result<(), GatherError>) {
    let mut result = data_center();
    let outcome = filters(filter).apply(&mut result);
    (result, outcome)
}

#[test]
fn a_host_that_a_pseudo_host_represents_is_not_one_that_a_manager_would_lose() {
    let mut cloud = result(
        json!([
            {"id": "cloud", "name": "cloud", "synthetic": true, "guests": [{"id": "g1", "name": "a"}]},
            {"id": "h-1", "name": "dedicated", "representedBy": "cloud",
                "guests": [{"id": "g2", "name": "b"}]},
        ]),
        json!([]),
    );
    let exclude = json!({"exclude": {"hosts": {"name": ["dedicated"]}}});
    filters(&exclude).apply(&mut cloud).expect("the pseudo-host is left");
    assert_eq!(left(&cloud), "cloud(g1)");
}

#[test]
fn each_rule_leaves_what_it_says() {
    for (filter, expected) in [
        (json!({"exclude": {"hosts": {"cluster": ["TEST-*"]}}}), "h1(g1 g2) detached(g5) g6"),
        (json!({"exclude": {"hosts": {"name": ["esx2"]}}}), "h1(g1 g2) detached(g5) g6"),
        (json!({"exclude": {"hosts": {"name": ["esx2.*"]}}}), "h1(g1 g2) detached(g5) g6"),
        (json!({"exclude": {"hosts": {"id": ["host-1"]}}}), "h2(g3 g4) detached(g5) g6"),
        (json!({"exclude": {"hosts": {"id": ["4C4C4544-*"]}}}), "h2(g3 g4) detached(g5) g6"),
        (json!({"exclude": {"hosts": {"label": ["env"]}}}), "h2(g3 g4) detached(g5) g6"),
        (json!({"exclude": {"hosts": {"state": ["maintenance"]}}}), "h1(g1 g2) detached(g5) g6"),
        (json!({"exclude": {"hosts": {"state": ["unknown"]}}}), "h1(g1 g2) h2(g3 g4) g6"),
        (json!({"exclude": {"hosts": {"name": ["Detached"]}}}), "h1(g1 g2) h2(g3 g4) g6"),
        // One of the keys is enough.
        (json!({"exclude": {"hosts": {"name": ["det*"], "cluster": ["test-*"]}}}), "h1(g1 g2) g6"),
        (json!({"include": {"hosts": {"cluster": ["prod"]}}}), "h1(g1 g2) detached(g5) g6"),
        (
            json!({"include": {"hosts": {"name": ["esx[12]"]}}}),
            "h1(g1 g2) h2(g3 g4) detached(g5) g6",
        ),
        // Every key is needed.
        (
            json!({"include": {"hosts": {"name": ["esx*"], "state": ["up"]}}}),
            "h1(g1 g2) detached(g5) g6",
        ),
        (
            json!({"include": {"hosts": {"name": ["esx*"]}}, "exclude": {"hosts": {"cluster": ["prod"]}}}),
            "h2(g3 g4) detached(g5) g6",
        ),
        (json!({"exclude": {"guests": {"name": ["*-tmp"]}}}), "h1(g1 g2) h2(g4) detached(g5) g6"),
        (json!({"exclude": {"guests": {"id": ["0000-2", "g6"]}}}), "h1(g1) h2(g3 g4) detached(g5)"),
        (json!({"exclude": {"guests": {"state": ["stopped"]}}}), "h1(g1) h2(g3 g4) detached()"),
        (
            json!({"exclude": {"guests": {"label": ["env=prod"]}}}),
            "h1(g2) h2(g3 g4) detached(g5) g6",
        ),
        // The cluster of the host, unless the guest has its own.
        (
            json!({"exclude": {"guests": {"cluster": ["test-*"]}}}),
            "h1(g1 g2) h2(g3) detached(g5) g6",
        ),
        // A pseudo-host alone, because it is named.
        (json!({"include": {"hosts": {"name": ["detached"]}}}), "detached(g5) g6"),
        // The hosts stay.
        (json!({"include": {"guests": {"name": ["web-*"]}}}), "h1(g1 g2) h2() detached()"),
        (
            json!({"include": {"hosts": {"cluster": ["prod"]}, "guests": {"name": ["*-?"]}},
                "exclude": {"guests": {"name": ["web-2"]}}}),
            "h1(g1) detached(g5) g6",
        ),
    ] {
        let (result, outcome) = applied(&filter);
        assert_eq!(outcome, Ok(()), "{filter}");
        assert_eq!(left(&result), expected, "{filter}");
        assert!(result.warnings.is_empty(), "{filter}: {:?}", result.warnings);
        let (before, filtered) = (data_center(), result.filtered.expect("it is counted"));
        let guests = |result: &EndpointResult| {
            let on_hosts: usize = result.hosts.iter().map(|host| host.guests.len()).sum();
            (on_hosts + result.detached_guests.len()) as u64
        };
        let counted = Filtered {
            hosts: (before.hosts.len() - result.hosts.len()) as u64,
            guests: guests(&before) - guests(&result),
        };
        assert_eq!(filtered, counted, "{filter}");
    }
}

#[test]
fn an_answer_of_which_nothing_is_left_is_an_error_with_the_values_that_exist() {
    let mut messages = String::new();
    for filter in [
        json!({"include": {"hosts": {"cluster": ["production"]}}}),
        json!({"include": {"hosts": {"name": ["esx1"], "cluster": ["test-*"]}}}),
        json!({"include": {"guests": {"name": ["w"]}}}),
        json!({"include": {"hosts": {"name": ["esx1"]}, "guests": {"name": ["db-*"]}}}),
        json!({"exclude": {"hosts": {"name": ["*"]}}}),
        // Only the pseudo-host would be left.
        json!({"exclude": {"hosts": {"cluster": ["*"]}}}),
        json!({"include": {"hosts": {"name": ["esx1"]}}, "exclude": {"hosts": {"cluster": ["prod"]}}}),
        json!({"include": {"hosts": {"name": ["esx1"]}}, "exclude": {"hosts": {"name": ["esx1", "Det*"]}}}),
    ] {
        let (_, outcome) = applied(&filter);
        let error = outcome.expect_err("nothing is left");
        assert_eq!(error.kind, ErrorKind::Configuration, "{filter}");
        let hint = error.hint.unwrap_or_default();
        let _ = writeln!(messages, "{filter}\n    {}\n    {hint}", error.message);
    }
    let mut empty = result(json!([]), json!([]));
    let include = filters(&json!({"include": {"hosts": {"name": ["a"]}}}));
    let error = include.apply(&mut empty).expect_err("an empty endpoint has nothing that matches");
    let _ = writeln!(messages, "no hosts\n    {}", error.message);
    insta::assert_snapshot!(messages);
}

#[test]
fn an_exclude_on_an_empty_endpoint_leaves_it_empty() {
    let mut empty = result(json!([]), json!([]));
    let exclude = filters(&json!({"exclude": {"hosts": {"name": ["a"]}}}));
    assert_eq!(exclude.apply(&mut empty), Ok(()));
    assert_eq!(empty.filtered, Some(Filtered::default()));
    assert_eq!(empty.warnings.len(), 1);
}

#[test]
fn a_pattern_that_matches_nothing_is_a_warning_unless_it_is_a_default() {
    let filter = json!({
        "include": {"hosts": {"name": ["esx1", "esx9"]}},
        "exclude": {"guests": {"name": ["*-old"], "state": ["crashed"]}},
    });
    let (result, outcome) = applied(&filter);
    assert_eq!(outcome, Ok(()));
    let warnings: Vec<_> = result
        .warnings
        .iter()
        .map(|warning| format!("{}: {}", warning.object, warning.message))
        .collect();
    insta::assert_snapshot!(warnings.join("\n"));
    let mut defaults = filters(&filter);
    defaults.include.is_default = true;
    defaults.exclude.is_default = true;
    let mut result = data_center();
    assert_eq!(defaults.apply(&mut result), Ok(()));
    assert!(result.warnings.is_empty());
}

#[test]
fn a_pattern_that_matches_only_guests_of_a_host_that_is_left_out_matches() {
    let (result, outcome) = applied(
        &json!({"exclude": {"hosts": {"cluster": ["test-*"]}, "guests": {"name": ["*-tmp"]}}}),
    );
    assert_eq!((outcome, result.warnings.len()), (Ok(()), 0));
}

#[test]
fn guests_that_are_not_all_known_fail_no_include() {
    let mut result = data_center();
    let status = json!({"status": "failed", "error": {"kind": "permission", "message": "no"}});
    let status = serde_json::from_value(status).expect("a status");
    result.collections.insert("virtual-machines".into(), status);
    let include = filters(&json!({"include": {"guests": {"name": ["vm-*"]}}}));
    assert_eq!(include.apply(&mut result), Ok(()));
    assert_eq!(left(&result), "h1() h2() detached()");
    assert!(result.warnings.is_empty());
}

#[test]
fn pods_stay_and_lose_the_id_of_a_host_that_is_left_out() {
    let mut result = data_center();
    let pod = |name: &str, host: &str, id: &str| Pod {
        name: name.into(),
        host: Some(PodHost { id: Some(id.into()), name: host.into() }),
        ..Pod::default()
    };
    result.workloads.pods =
        vec![pod("a", "esx1.example.com", "h1"), pod("b", "esx2.example.com", "h2")];
    let exclude = filters(&json!({"exclude": {"hosts": {"name": ["esx2"]}}}));
    assert_eq!(exclude.apply(&mut result), Ok(()));
    let hosts = result.workloads.pods.iter().map(|pod| pod.host.clone().expect("a host"));
    let hosts: Vec<_> = hosts.map(|host| (host.name, host.id)).collect();
    let expected = [
        ("esx1.example.com".to_owned(), Some("h1".to_owned())),
        ("esx2.example.com".to_owned(), None),
    ];
    assert_eq!(hosts, expected);
}

#[test]
fn a_failed_endpoint_is_not_filtered() {
    let mut failed = EndpointResult::new("e".into(), None, None);
    let include = filters(&json!({"include": {"hosts": {"name": ["a"]}}}));
    assert_eq!(include.apply(&mut failed), Ok(()));
    assert_eq!(failed.filtered, None);
}
