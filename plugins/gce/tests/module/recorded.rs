//! Recorded answers, which are not part of the repository.

use std::path::Path;

use gatherer_plugin_api::GatherError;
use gatherer_plugin_api::model::GuestState;
use gatherer_plugin_api::testing::Gathered;
use gatherer_plugin_support::file;
use gatherer_plugin_support::testing::Action;
use gatherer_tests::fakes::gce::{GceFake, GceInventory};
use gatherer_tests::skip;
use serde_json::{Value, json};

use super::{Served, count, guest, is_list, is_machine_type};

fn read(folder: &Path, name: &str) -> Vec<u8> {
    file::read(&folder.join(name), 1024 * 1024).expect("the answer was recorded")
}

/// Answers the list with a recording, and every machine type with another one.
fn gather(folder: &Path, list: &str, zone: &str) -> Result<Gathered, GatherError> {
    let list = read(folder, list);
    let machine_type = read(folder, "machineTypes-custom-1-1024.json");
    let served = Served::script(GceFake::new(GceInventory::sample()), move |fake, request| {
        if is_list(request) {
            Action::answer(200, list.clone())
        } else if is_machine_type(request) {
            Action::answer(200, machine_type.clone())
        } else {
            fake.answer(request)
        }
    });
    served.gather_with(&json!({"zone": zone}))
}

#[test]
fn reads_the_recorded_answers_completely() {
    let Some(folder) = gatherer_tests::recorded("gce") else {
        skip!("GATHERER_RECORDED names no folder of recorded answers");
    };
    for (name, zone, hosts, guests) in [
        ("aggregated-instances.json", "", 7, 13),
        ("c7n-aggregated-instances.json", "", 1, 1),
        ("libcloud-aggregated_instances.json", "", 3, 8),
        ("libcloud-zones_europe-west1-a_instances.json", "europe-west1-a", 1, 3),
    ] {
        let gathered =
            gather(&folder, name, zone).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!((gathered.hosts.len(), count(&gathered)), (hosts, guests), "{name}");
        // Every instance of the recording, by id.
        let list: Value = serde_json::from_slice(&read(&folder, name)).expect("JSON");
        let of_zone = list["items"].as_array().into_iter().flatten();
        let scopes = list["items"].as_object().into_iter().flat_map(|scopes| scopes.values());
        let of_scopes =
            scopes.flat_map(|scope| scope["instances"].as_array().into_iter().flatten());
        for instance in of_zone.chain(of_scopes) {
            let (_, guest) = guest(&gathered, instance["id"].as_str().expect("an id"));
            assert_eq!(guest.name, instance["name"]);
            assert_eq!(guest.source_state.as_deref(), instance["status"].as_str());
            assert!(guest.created_at.is_some());
            let known =
                instance["machineType"].as_str().is_some_and(|url| url.contains("machineTypes"));
            assert_eq!(guest.cpus, known.then_some(1), "{name}");
            assert_eq!(guest.interfaces.len(), 1);
            assert!(!guest.disks.is_empty());
        }
    }
    let gathered = gather(&folder, "aggregated-instances.json", "").expect("complete");
    let states = |state| {
        let guests = gathered.hosts.iter().flat_map(|host| &host.guests);
        guests.filter(|guest| guest.state == Some(state)).count()
    };
    assert_eq!((states(GuestState::Running), states(GuestState::Stopped)), (11, 2));
}

#[test]
fn a_recorded_list_of_something_else_is_refused() {
    let Some(folder) = gatherer_tests::recorded("gce") else {
        skip!("GATHERER_RECORDED names no folder of recorded answers");
    };
    for name in
        ["aggregated-machineTypes-first-page.json", "aggregated-machineTypes-last-page.json"]
    {
        let error = gather(&folder, name, "").expect_err(name);
        assert_eq!(error.kind, gatherer_plugin_api::ErrorKind::Protocol, "{name}: {error}");
    }
}
