//! The pages of lists.

use std::collections::BTreeSet;

use gatherer_tests::fakes::gce::{GceFake, GceFault, GceInventory};
use serde_json::{Value, json};

use crate::asked::{ALL, Asked, ZONE, encoded, instances_of};

/// All ids of the inventory, sorted.
fn all_ids() -> BTreeSet<String> {
    GceInventory::sample().instances.iter().map(|instance| instance.id.to_string()).collect()
}

#[test]
fn a_zone_is_split_over_pages_that_list_all_zones() {
    let asked = Asked::new(GceFake::new(GceInventory::sample()).with_page_size(2));
    let pages = asked.pages(ALL);
    assert_eq!(pages.len(), 6);
    let mut pages_of_zone = 0;
    for page in &pages {
        let scopes = page["items"].as_object().expect("scopes");
        assert_eq!(scopes.len(), 5, "every zone is on every page");
        for (name, scope) in scopes {
            let is_empty = scope.get("instances").is_none();
            let code = scope["warning"]["code"].as_str();
            assert_eq!(code, is_empty.then_some("NO_RESULTS_ON_PAGE"), "{name}");
        }
        pages_of_zone += usize::from(scopes["zones/europe-west1-b"].get("instances").is_some());
    }
    assert!(pages_of_zone > 1, "a zone on one page only");
    let ids: BTreeSet<_> = asked.ids(ALL).into_iter().collect();
    assert_eq!(ids, all_ids());
    // A client's smaller page, and a larger one, which stays small.
    assert_eq!(asked.pages(&format!("{ALL}?maxResults=1")).len(), 12);
    assert_eq!(asked.pages(&format!("{ALL}?maxResults=500")).len(), 6);
}

#[test]
fn a_token_belongs_to_its_list() {
    let asked = Asked::new(GceFake::new(GceInventory::sample()).with_page_size(1));
    let (_, page) = asked.get(ALL);
    let token = encoded(page["nextPageToken"].as_str().expect("a token"));
    assert_eq!(asked.get(&format!("{ALL}?pageToken={token}")).0, 200);
    assert_eq!(asked.get(&format!("{ZONE}?pageToken={token}")).0, 400);
    let unencoded = page["nextPageToken"].as_str().expect("a token");
    assert_eq!(asked.get(&format!("{ALL}?pageToken={unencoded}")).0, 400, "it must be encoded");
}

#[test]
fn unusual_pages_have_all_instances() {
    let cases = [
        (GceFault::EmptyPageInBetween, 12),
        (GceFault::LastPageWithoutItems, 12),
        (GceFault::LastPageWithEmptyItems, 12),
        (GceFault::InstanceTwice, 14),
    ];
    for (fault, listed) in cases {
        let asked = Asked::new(GceFake::new(GceInventory::sample()).with_page_size(5).with(fault));
        let ids = asked.ids(ALL);
        assert_eq!(ids.len(), listed, "{fault:?}");
        assert_eq!(ids.into_iter().collect::<BTreeSet<_>>(), all_ids(), "{fault:?}");
    }
    let fake =
        |fault| Asked::new(GceFake::new(GceInventory::sample()).with_page_size(5).with(fault));
    let pages = fake(GceFault::EmptyPageInBetween).pages(ALL);
    assert!(instances_of(&pages[1]).is_empty() && pages.len() == 4);
    let pages = fake(GceFault::LastPageWithoutItems).pages(ALL);
    assert_eq!((pages.len(), pages[3].get("items")), (4, None));
    let asked = fake(GceFault::NextPageIsItself);
    let first = asked.get(ALL).1["nextPageToken"].clone();
    let token = encoded(first.as_str().expect("a token"));
    assert_eq!(asked.get(&format!("{ALL}?pageToken={token}")).1["nextPageToken"], first);
}

#[test]
fn a_shorter_list_says_so_in_one_place_only() {
    let zone = "europe-west1-b";
    let scope = format!("zones/{zone}");
    let faults = [
        GceFault::ScopeUnreachable,
        GceFault::ScopePartial,
        GceFault::Unreachables,
        GceFault::TopLevelWarning,
    ];
    for fault in faults {
        let asked = Asked::new(GceFake::new(GceInventory::sample()).with_page_size(5).with(fault));
        assert!(asked.ids(ALL).len() < 12, "{fault:?}");
        let pages = asked.pages(ALL);
        let code =
            |value: &Value| value["code"].as_str().unwrap_or("NO_RESULTS_ON_PAGE").to_owned();
        let codes: BTreeSet<_> =
            pages.iter().map(|page| code(&page["items"][&scope]["warning"])).collect();
        let signs = [
            codes.contains("UNREACHABLE"),
            codes.contains("PARTIAL_SUCCESS"),
            pages.iter().any(|page| page.get("unreachables").is_some()),
            pages.iter().any(|page| page["warning"]["code"] == "UNREACHABLE"),
        ];
        assert_eq!(signs, faults.map(|it| it == fault), "{fault:?}");
        let (_, list) = asked.get(ZONE);
        assert_eq!(list["warning"]["code"], "UNREACHABLE", "{fault:?}");
    }
}

#[test]
fn a_partial_response_has_the_selected_members_only() {
    let asked = Asked::new(GceFake::new(GceInventory::sample()).with_page_size(5));
    let fields = "nextPageToken,items/*(instances(id,name),warning/code),items/*/instances/zone";
    let (status, page) = asked.get(&format!("{ALL}?fields={fields}"));
    assert_eq!(status, 200);
    let names = |value: &Value| -> Vec<String> {
        value.as_object().expect("an object").keys().cloned().collect()
    };
    assert_eq!(names(&page), ["items", "nextPageToken"]);
    for instance in instances_of(&page) {
        assert_eq!(names(instance), ["id", "name", "zone"]);
    }
    assert_eq!(
        page["items"]["zones/asia-east1-a"],
        json!({"warning": {"code": "NO_RESULTS_ON_PAGE"}})
    );
}
