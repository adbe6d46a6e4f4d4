//! Google's own client reads the fake completely, and agrees with the module.

use gatherer_plugin_api::GatherError;
use gatherer_tests::fakes::gce::{GceFake, GceInventory};
use gatherer_tests::{Judge, JudgedGuest, skip};
use serde_json::{Value, json};

use super::{Served, count, is_list};

/// The guests of the inventory, sorted.
fn expected(inventory: &GceInventory, zone: &str) -> Vec<JudgedGuest> {
    let of_zone = |name: &str| zone.is_empty() || name == zone;
    let instances = inventory.instances.iter().filter(|instance| of_zone(&instance.zone));
    let mut all: Vec<_> = instances
        .map(|instance| {
            let machine_type = inventory.machine_type(&instance.machine_type);
            JudgedGuest {
                name: instance.name.clone(),
                id: Some(instance.id.to_string()),
                host: None,
                state: Some(instance.status.to_owned()),
                cpus: machine_type.as_ref().map(|found| found.cpus),
                memory_bytes: machine_type.map(|found| found.memory_mb << 20),
            }
        })
        .collect();
    all.sort();
    all
}

fn judged(served: &Served, zone: &str) -> Result<Vec<JudgedGuest>, GatherError> {
    let gathered = served.gather_with(&json!({"zone": zone}))?;
    Ok(JudgedGuest::all_of(&gathered.hosts, &gathered.detached_guests))
}

#[test]
fn googles_own_client_agrees_guest_by_guest() {
    let judge = match Judge::new() {
        Ok(judge) => judge,
        Err(reason) => skip!("{reason}"),
    };
    for (inventory, page_size, zone, count) in [
        (GceInventory::sample(), 5, "", 12),
        (GceInventory::sample(), 5, "europe-west1-b", 4),
        (GceInventory::of_size(700), 500, "", 700),
    ] {
        let served = Served::fake(GceFake::new(inventory).with_page_size(page_size));
        let ca_file = served.server.ca_file().to_str().expect("a UTF-8 path").to_owned();
        let key = served.key_path().to_str().expect("a UTF-8 path").to_owned();
        let base = served.base().replace("127.0.0.1", "localhost");
        let project = &served.fake.inventory.project;
        let mut arguments = vec![&*base, &ca_file, &key, project, "own-jwt"];
        if !zone.is_empty() {
            arguments.push(zone);
        }
        let read = judge.read("gce.py", &arguments);
        assert_eq!(read.len(), count);
        assert_eq!(read, expected(&served.fake.inventory, zone));
        assert_eq!(judged(&served, zone).expect("a complete answer"), read);
    }
}

/// The server refuses a selection of a member that it does not know, and leaves out what is not selected.
#[test]
fn the_requests_select_members_that_googles_description_has() {
    let judge = match Judge::new() {
        Ok(judge) => judge,
        Err(reason) => skip!("{reason}"),
    };
    let mut selections = Vec::new();
    for (zone, schema) in [("", "InstanceAggregatedList"), ("europe-west1-b", "InstanceList")] {
        let served = Served::fake(GceFake::new(GceInventory::sample()));
        judged(&served, zone).expect("a complete answer");
        let received = served.server.received();
        let list = received.iter().find(|request| is_list(request)).expect("a list");
        let fields = list.query("fields").expect("a selection");
        let signs = ["kind", "nextPageToken", "warning"];
        let is_selected = |name: &&str| fields.split(',').any(|field| field == *name);
        assert!(signs.iter().all(is_selected), "{fields}");
        selections.push(json!({"schema": schema, "fields": fields}));
    }
    assert!(selections[0]["fields"].as_str().is_some_and(|fields| {
        fields.contains(",unreachables,") && fields.contains(",items/*/warning,")
    }));
    let differences = |selections: &Value| {
        let file = tempfile::NamedTempFile::new().expect("a file");
        std::fs::write(file.path(), selections.to_string()).expect("written");
        let output = judge.command("gce_schema.py").arg(file.path()).output().expect("Python");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).expect("UTF-8")
    };
    assert_eq!(differences(&json!(selections)), "");
    let wrong =
        json!([{"schema": "InstanceList", "fields": "kind,unreachables,items(id,disks/size)"}]);
    let expected = "InstanceList: no unreachables\nInstanceList: no items/disks/size\n";
    assert_eq!(differences(&wrong), expected);
}

#[test]
fn reads_the_whole_inventory_of_the_fake() {
    for page_size in [1, 3, 5, 500] {
        let fake = GceFake::new(GceInventory::sample()).with_page_size(page_size);
        let served = Served::fake(fake);
        for zone in ["", "us-central1-a", "europe-west1-c", "us-central1-f"] {
            let read = judged(&served, zone).expect("a complete answer");
            assert_eq!(read, expected(&served.fake.inventory, zone), "{page_size}: {zone}");
        }
    }
    let served = Served::fake(GceFake::new(GceInventory::of_size(1200)));
    let gathered = served.gather().expect("a complete answer");
    assert_eq!(count(&gathered), 1200);
    let lists = served.targets().iter().filter(|target| target.contains("/instances")).count();
    assert_eq!(lists, 3, "500 instances are requested at once");
}
