//! Google's own client, and Google's own description of the API.

use std::collections::BTreeSet;
use std::sync::Arc;

use gatherer_plugin_support::testing::TlsServer;
use gatherer_tests::fakes::gce::{GceFake, GceFault, GceInstance, GceInventory};
use gatherer_tests::{Judge, JudgedGuest, skip};
use serde_json::{Value, json};

use crate::asked::{ALL, Asked, ZONE};

/// The instances of one zone or of all, sorted.
fn judged(inventory: &GceInventory, zone: Option<&str>) -> Vec<JudgedGuest> {
    let judged = |instance: &GceInstance| {
        let machine_type = inventory.machine_type(&instance.machine_type);
        JudgedGuest {
            name: instance.name.clone(),
            id: Some(instance.id.to_string()),
            host: None,
            state: Some(instance.status.to_owned()),
            cpus: machine_type.as_ref().map(|it| it.cpus),
            memory_bytes: machine_type.as_ref().map(|it| it.memory_mb << 20),
        }
    };
    let of_zone = |instance: &&GceInstance| zone.is_none_or(|zone| instance.zone == zone);
    let mut all: Vec<_> = inventory.instances.iter().filter(of_zone).map(judged).collect();
    all.sort();
    all
}

/// Compares what Google's own client reads, over TLS, with the fake's inventory.
fn assert_the_vendors_client_agrees(judge: &Judge, fake: GceFake, zone: Option<&str>, login: &str) {
    let expected = judged(&fake.inventory, zone);
    let fake = Arc::new(fake);
    let service = Arc::clone(&fake);
    let server = TlsServer::start(move |request| service.answer(request));
    let base = format!("https://localhost:{}", server.port());
    let key_file = tempfile::NamedTempFile::new().expect("a temporary file");
    std::fs::write(key_file.path(), fake.key_file(&base).to_string()).expect("a file");
    let ca_file = server.ca_file().to_str().expect("a UTF-8 path");
    let key_file = key_file.path().to_str().expect("a UTF-8 path");
    let mut arguments = vec![base.as_str(), ca_file, key_file, "example-project", login];
    arguments.extend(zone);
    assert_eq!(judge.read("gce.py", &arguments), expected);
    assert_eq!(fake.logins() > 0, login == "token", "how the client logged in");
    let listed: BTreeSet<_> = expected.iter().map(|guest| &guest.id).collect();
    assert_eq!(listed.len(), expected.len());
    assert!(!expected.is_empty());
}

#[test]
fn googles_own_client_reads_the_whole_inventory() {
    let judge = match Judge::new() {
        Ok(judge) => judge,
        Err(reason) => skip!("{reason}"),
    };
    let fake = GceFake::new(GceInventory::sample());
    assert_the_vendors_client_agrees(&judge, fake, None, "own-jwt");
    let fake = GceFake::new(GceInventory::sample()).with_page_size(5);
    let fake = fake.with(GceFault::EmptyPageInBetween).with(GceFault::LastPageWithoutItems);
    assert_the_vendors_client_agrees(&judge, fake, None, "token");
    let fake = GceFake::new(GceInventory::of_size(1_800)).with_page_size(250);
    let fake = fake.with(GceFault::LastPageWithEmptyItems);
    assert_the_vendors_client_agrees(&judge, fake, Some("europe-west1-b"), "token");
}

/// Every answer of the fake that a schema describes.
fn described_answers() -> Vec<Value> {
    let mut answers = Vec::new();
    let mut add = |schema: &str, answer: Value| {
        answers.push(json!({"schema": schema, "answer": answer}));
    };
    let every_right = [
        "compute.instances.list",
        "compute.machineTypes.list",
        "compute.machineTypes.get",
        "compute.zones.list",
        "compute.zones.get",
    ];
    let faults = [
        None,
        Some(GceFault::ScopeUnreachable),
        Some(GceFault::ScopePartial),
        Some(GceFault::Unreachables),
        Some(GceFault::TopLevelWarning),
        Some(GceFault::EmptyPageInBetween),
        Some(GceFault::LastPageWithoutItems),
        Some(GceFault::LastPageWithEmptyItems),
        Some(GceFault::InstanceTwice),
    ];
    let project = "/compute/v1/projects/example-project";
    for fault in faults {
        let mut fake = GceFake::new(GceInventory::sample()).with_page_size(5);
        if let Some(fault) = fault {
            fake = fake.with(fault);
        }
        fake.permissions = every_right.to_vec();
        let asked = Asked::new(fake);
        let lists = [
            ("InstanceAggregatedList", ALL.to_owned()),
            ("InstanceList", ZONE.to_owned()),
            ("InstanceList", ZONE.replace("europe-west1-b", "asia-east1-a")),
            ("MachineTypeAggregatedList", format!("{project}/aggregated/machineTypes")),
            ("MachineTypeList", format!("{project}/zones/us-central1-a/machineTypes")),
            ("ZoneList", format!("{project}/zones")),
        ];
        for (schema, target) in lists {
            asked.pages(&target).into_iter().for_each(|page| add(schema, page));
        }
        for name in ["n1-standard-8-d", "custom-2-4096", "m2-ultramem-416"] {
            let target = format!("{project}/zones/us-central1-a/machineTypes/{name}");
            add("MachineType", asked.get(&target).1);
        }
        add("Zone", asked.get(&format!("{project}/zones/us-central1-a")).1);
    }
    answers
}

/// The differences between answers and the description of the API, a line for each.
fn differences(judge: &Judge, answers: &[Value]) -> String {
    let file = tempfile::NamedTempFile::new().expect("a temporary file");
    std::fs::write(file.path(), json!(answers).to_string()).expect("a file");
    let output = judge.command("gce_schema.py").arg(file.path()).output().expect("Python starts");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "gce_schema.py: {}\n{errors}", output.status);
    String::from_utf8(output.stdout).expect("UTF-8")
}

#[test]
fn every_answer_is_as_the_description_of_the_api_says() {
    let judge = match Judge::new() {
        Ok(judge) => judge,
        Err(reason) => skip!("{reason}"),
    };
    let answers = described_answers();
    assert!(answers.len() > 50);
    assert_eq!(differences(&judge, &answers), "");

    // Wrong answers are found.
    let mut wrong = answers[0].clone();
    let scopes = wrong["answer"]["items"].as_object_mut().expect("scopes");
    let scope = scopes.values_mut().find(|it| it.get("instances").is_some()).expect("instances");
    scope["instances"][0]["status"] = json!("LOST");
    scope["instances"][0]["id"] = json!(1);
    scope["instances"][0]["colour"] = json!("red");
    let found = differences(&judge, &[wrong]);
    assert_eq!(found.lines().count(), 3, "{found}");
}

#[test]
fn recorded_answers_are_as_the_description_of_the_api_says() {
    let Some(folder) = gatherer_tests::recorded("gce") else {
        skip!("GATHERER_RECORDED names no folder of recorded answers");
    };
    let judge = match Judge::new() {
        Ok(judge) => judge,
        Err(reason) => skip!("{reason}"),
    };
    let recorded = |name: &str, schema: &str| -> Value {
        let bytes = std::fs::read(folder.join(name)).expect("a recorded answer");
        let answer: Value = serde_json::from_slice(&bytes).expect("JSON");
        json!({"schema": schema, "answer": answer})
    };
    let answers = [
        recorded("aggregated-instances.json", "InstanceAggregatedList"),
        recorded("c7n-aggregated-instances.json", "InstanceAggregatedList"),
        recorded("aggregated-machineTypes-first-page.json", "MachineTypeAggregatedList"),
        recorded("aggregated-machineTypes-last-page.json", "MachineTypeAggregatedList"),
        recorded("machineTypes-custom-1-1024.json", "MachineType"),
    ];
    assert_eq!(differences(&judge, &answers), "");
}

/// Every member of a recorded object is in at least one of ours of the same kind, with a value of the same type.
fn assert_has_all_members(recorded: &Value, ours: &[&Value], path: &str) {
    let kind = std::mem::discriminant(recorded);
    assert!(ours.iter().any(|it| std::mem::discriminant(*it) == kind), "{path} has another type");
    match recorded {
        Value::Object(members) => {
            for (name, value) in members {
                // The names of zones and labels are data.
                let is_name = name.contains('/') || path.ends_with("/labels");
                let inner: Vec<_> = ours
                    .iter()
                    .filter_map(|it| it.as_object())
                    .flatten()
                    .filter(|(known, _)| is_name || *known == name)
                    .map(|(_, value)| value)
                    .collect();
                let inner_path = format!("{path}/{name}");
                assert!(!inner.is_empty(), "{inner_path} is missing");
                assert_has_all_members(value, &inner, &inner_path);
            }
        }
        Value::Array(items) => {
            let inner: Vec<_> = ours.iter().filter_map(|it| it.as_array()).flatten().collect();
            for item in items {
                assert_has_all_members(item, &inner, path);
            }
        }
        _ => {}
    }
}

#[test]
fn has_every_member_of_the_recorded_answers() {
    let Some(folder) = gatherer_tests::recorded("gce") else {
        skip!("GATHERER_RECORDED names no folder of recorded answers");
    };
    let files = [
        ("aggregated-instances.json", "InstanceAggregatedList"),
        ("c7n-aggregated-instances.json", "InstanceAggregatedList"),
        ("libcloud-zones_europe-west1-a_instances.json", "InstanceList"),
        ("aggregated-machineTypes-first-page.json", "MachineTypeAggregatedList"),
        ("aggregated-machineTypes-last-page.json", "MachineTypeAggregatedList"),
        ("machineTypes-custom-1-1024.json", "MachineType"),
    ];
    let ours = described_answers();
    for (name, schema) in files {
        let bytes = std::fs::read(folder.join(name)).expect("a recorded answer");
        let recorded: Value = serde_json::from_slice(&bytes).expect("JSON");
        let of_schema = ours.iter().filter(|it| it["schema"] == schema);
        let of_schema: Vec<_> = of_schema.map(|it| &it["answer"]).collect();
        assert_has_all_members(&recorded, &of_schema, name);
    }
}
