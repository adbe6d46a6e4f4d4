//! Recorded answers of real subscriptions, which are not part of the repository.

use std::path::Path;

use gatherer_plugin_api::ErrorKind;
use gatherer_plugin_api::model::GuestState;
use gatherer_plugin_support::file;
use gatherer_plugin_support::testing::Action;
use gatherer_tests::skip;
use serde_json::{Value, json};

use super::{Cloud, guest, names, warnings};

fn read(folder: &Path, name: &str) -> Value {
    let bytes = file::read(&folder.join(name), 1024 * 1024).expect("the answer was recorded");
    serde_json::from_slice(&bytes).expect("JSON")
}

/// The list of states for these machines, with the recorded instance views, which belong to other machines.
fn states(folder: &Path, machines: &Value, views: usize) -> Value {
    let machines = machines["value"].as_array().expect("a list");
    let states = machines.iter().take(views).enumerate().map(|(index, machine)| {
        let view = read(folder, &format!("instanceView-{}.json", index + 1));
        let id = machine["id"].as_str().expect("an id").to_lowercase();
        json!({"id": id, "properties": {"instanceView": view}})
    });
    json!(states.collect::<Vec<_>>())
}

#[test]
fn reads_the_recorded_subscription_with_its_sizes() {
    let Some(folder) = gatherer_tests::recorded("azure") else {
        skip!("GATHERER_RECORDED names no folder of recorded answers");
    };
    let machines = read(&folder, "virtualMachines-2017-12-01.json");
    let number = machines["value"].as_array().expect("a list").len();
    // There are views of some of the machines only.
    let states = states(&folder, &machines, 9);
    let served = Cloud::new()
        .with_json("login", {
            // The token of the recording was removed.
            let mut token = read(&folder, "token-v1.json");
            token["access_token"] = json!("a-token");
            token
        })
        .with_json("machines", machines.clone())
        .with_list("states", states)
        .with_list("sets", json!([]))
        .with_json("sizes of eastus", read(&folder, "vmSizes-eastus-2018-10-01.json"))
        .serve();
    let gathered = served.gather().expect("a complete answer");
    assert_eq!(names(&gathered).len(), number);
    let guests: Vec<_> = gathered.hosts.iter().flat_map(|host| &host.guests).collect();
    for machine in machines["value"].as_array().expect("a list") {
        let name = machine["name"].as_str().expect("a name");
        let (_, guest) = guest(&gathered, name);
        assert_eq!(guest.id.as_deref(), machine["properties"]["vmId"].as_str(), "{name}");
        assert!(!guest.disks.is_empty() && guest.os.is_some(), "{name}");
        assert!(guest.host_name.is_some() || machine["properties"].get("osProfile").is_none());
    }
    let of_state = |state| guests.iter().filter(|guest| guest.state == Some(state)).count();
    let (running, stopped) = (of_state(GuestState::Running), of_state(GuestState::Stopped));
    assert!(
        running > 0 && stopped > 0 && running + stopped == 9 && number > 9,
        "{running} {stopped}"
    );
    assert!(guests.iter().any(|guest| guest.template), "one of them is generalized");
    // Every size of the recorded machines is in the recorded list of the same location.
    let eastus = gathered.hosts.iter().find(|host| host.name.ends_with("/eastus"));
    let eastus = &eastus.expect("the location").guests;
    assert!(eastus.iter().all(|guest| guest.cpus.is_some() && guest.memory_bytes.is_some()));
}

#[test]
fn reads_the_recorded_answers_of_later_versions() {
    let Some(folder) = gatherer_tests::recorded("azure") else {
        skip!("GATHERER_RECORDED names no folder of recorded answers");
    };
    for (list, name) in [
        ("c7n-virtual_machine_instance-0.json", "cctestvm"),
        ("c7n-test_resource_graph_and_arm_so-0.json", "cctestvm"),
    ] {
        let machine = read(&folder, "c7n-virtual_machine_instance-1.json");
        let served = Cloud::new()
            .with_json("machines", read(&folder, list))
            .with_list("states", json!([machine]))
            .with_json("sets", read(&folder, "c7n-test_find_by_name-0.json"))
            .with_list("instances of cctestvmss", json!([]))
            .serve();
        // The recording has no instances, although the capacity is 2.
        assert_eq!(served.gather().expect_err("instances").kind, ErrorKind::Permission);
        let gathered = served.gather_with(json!({"reader_confirmed": true}));
        let gathered = gathered.expect("a complete answer");
        let (host, guest) = guest(&gathered, name);
        assert_eq!(host, "endpoint/southcentralus");
        assert_eq!((guest.state, guest.disks.len()), (Some(GuestState::Running), 2));
        assert_eq!(guest.labels["testtag"], "testvalue");
        // The set is older than the mode, so it is uniform.
        assert!(served.requests().contains(&"instances of cctestvmss".to_owned()));
    }
}

#[test]
fn reads_the_recorded_pages_and_notices_the_endless_ones() {
    let Some(folder) = gatherer_tests::recorded("azure") else {
        skip!("GATHERER_RECORDED names no folder of recorded answers");
    };
    // The links lead to the public cloud, with its port.
    let page = |name: &str| {
        let mut page = read(&folder, name);
        if page["nextLink"].is_string() {
            page["nextLink"] = json!("BASE/x?page=p2");
        }
        Action::json(200, &page)
    };
    let second = page("libcloud-virtualMachines_1.json");
    let cloud =
        |first: &str| Cloud::new().with("machines", page(first)).with_list("sets", json!([]));
    let served = cloud("libcloud-virtualMachines.json")
        .with("p2", second)
        .with_list("states", json!([]))
        .serve();
    let gathered = served.gather().expect("a complete answer");
    assert_eq!(names(&gathered), ["test-node-1", "test-node-2"]);
    assert_eq!(guest(&gathered, "test-node-2").1.uuid, None, "its vmId is not a UUID");
    assert!(warnings(&gathered).iter().any(|text| text.contains("its state is unknown")));

    let endless = "libcloud-virtualMachines_PAGINATION_INFINITE_LOOP.json";
    let served = cloud(endless).with("p2", page(endless)).with_list("states", json!([])).serve();
    assert_eq!(served.gather().expect_err("endless").kind, ErrorKind::Protocol);
    // As it was recorded, the link leads to another server than the one that answers.
    let served = Cloud::new().with_json("machines", read(&folder, endless)).serve();
    let error = served.gather().expect_err("a foreign link");
    assert!(error.message.contains("leads to another server"), "{error}");
}
