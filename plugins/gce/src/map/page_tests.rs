//! Tests of pages.

use gatherer_plugin_support::json;
use serde_json::{Value, json};

use super::*;

const ALL: Scope<'_> = Scope::AllZones;
const ONE: Scope<'_> = Scope::Zone("europe-west3-a");

fn read(page: &Value, scope: Scope<'_>) -> Result<InstancePage, GatherError> {
    let json = json::parse(page.to_string().as_bytes(), "x").expect("JSON");
    parse(&json, scope, "GET https://compute.example.com")
}

fn aggregated(items: &Value) -> Value {
    json!({"kind": "compute#instanceAggregatedList", "id": "x", "items": items})
}

fn instance(id: &str) -> Value {
    json!({"id": id, "name": format!("vm{id}"), "status": "RUNNING"})
}

fn warning(code: &str) -> Value {
    json!({"warning": {"code": code, "message": "hunter2", "data": []}})
}

#[test]
fn reads_scopes_with_instances_and_scopes_without() {
    let page = json!({
        "kind": "compute#instanceAggregatedList",
        "items": {
            "zones/a": {"instances": [instance("18446744073709551615"), instance("2")]},
            "zones/b": warning(NO_RESULTS),
            "regions/c": warning(NO_RESULTS),
            // One zone on two pages has both.
            "zones/d": {"instances": [], "warning": {"code": NO_RESULTS}},
        },
        "nextPageToken": "token", "unreachables": [], "warning": null,
    });
    let page = read(&page, ALL).expect("a page");
    let found: Vec<_> = page.instances.iter().map(|found| (&*found.id, &*found.zone)).collect();
    assert_eq!(found, [("18446744073709551615", "a"), ("2", "a")]);
    assert_eq!(page.next.as_deref(), Some("token"));

    let page =
        json!({"kind": "compute#instanceList", "items": [instance("1")], "nextPageToken": ""});
    let page = read(&page, ONE).expect("a page");
    assert_eq!(page.instances[0].zone, "europe-west3-a");
    assert_eq!(page.next, None);
}

#[test]
fn a_page_without_items_is_one_only_if_it_says_so() {
    for (scope, kind) in [(ALL, "compute#instanceAggregatedList"), (ONE, "compute#instanceList")] {
        for page in [json!({"kind": kind}), json!({"kind": kind, "items": null})] {
            assert!(read(&page, scope).expect("a page").instances.is_empty());
        }
        let empty = json!({"kind": kind, "warning": {"code": NO_RESULTS}});
        assert!(read(&empty, scope).expect("a page").instances.is_empty());
        for page in [
            json!({}),
            json!([]),
            json!(null),
            json!("x"),
            json!({"id": "projects/p/aggregated/instances"}),
            json!({"kind": "compute#machineTypeAggregatedList", "items": {}}),
            json!({"kind": 7, "items": {}}),
            json!({"error": {"code": 503}}),
            json!({"kind": kind, "error": {"code": 503}}),
            json!({"kind": kind, "items": "x"}),
            json!({"kind": kind, "items": 7}),
            json!({"kind": kind, "items": {"zones/a": [instance("1")]}}),
            json!({"kind": kind, "items": {"zones/a": {}}}),
            json!({"kind": kind, "items": {"zones/a": {"instances": {}}}}),
            json!({"kind": kind, "items": {"zones/a": {"instances": [7]}}}),
            json!({"kind": kind, "items": {"regions/a": {"instances": [instance("1")]}}}),
            json!({"kind": kind, "items": [{"name": "no id"}]}),
            json!({"kind": kind, "items": [{"id": "1"}]}),
            json!({"kind": kind, "items": [{"id": "1x", "name": "vm"}]}),
            json!({"kind": kind, "items": [{"id": {"a": 1}, "name": "vm"}]}),
            json!({"kind": kind, "nextPageToken": 7}),
            json!({"kind": kind, "unreachables": "zones/a"}),
            json!({"kind": kind, "unreachables": [7]}),
            json!({"kind": kind, "warning": "x"}),
        ] {
            let error = read(&page, scope).expect_err(&page.to_string());
            assert_eq!(error.kind, ErrorKind::Protocol, "{page}: {error}");
        }
    }
}

#[test]
fn every_sign_of_missing_instances_fails_and_names_the_scopes() {
    let some = json!({"instances": [instance("1")]});
    let mut partial = warning("UNREACHABLE");
    partial["instances"] = json!([instance("1")]);
    let mut of_list = aggregated(&json!({"zones/a": some}));
    of_list["warning"] = json!({"code": "UNREACHABLE"});
    let mut unreachables = aggregated(&json!({"zones/a": some}));
    unreachables["unreachables"] = json!(["projects/p/zones/z\n1", "projects/p/zones/z2"]);
    let many: serde_json::Map<_, _> =
        (0..40).map(|zone| (format!("zones/z{zone:02}"), warning("UNREACHABLE"))).collect();
    let mut messages = Vec::new();
    for (page, scope) in [
        (aggregated(&json!({"zones/a": some, "zones/b": warning("UNREACHABLE")})), ALL),
        (aggregated(&json!({"zones/b": partial})), ALL),
        (aggregated(&json!({"zones/b": warning("SOMETHING_NEW")})), ALL),
        (aggregated(&json!({"zones/b": {"warning": {}}})), ALL),
        (of_list, ALL),
        (unreachables, ALL),
        (aggregated(&json!(many)), ALL),
        (
            json!({"kind": "compute#instanceList", "items": [], "warning": {"code": "UNREACHABLE"}}),
            ONE,
        ),
    ] {
        let error = read(&page, scope).expect_err(&page.to_string());
        assert_eq!(error.kind, ErrorKind::Unavailable, "{page}: {error}");
        assert!(error.retryable && !error.message.contains("hunter2"), "{error}");
        messages.push(error.message);
    }
    insta::assert_snapshot!(messages.join("\n"));
}
