//! One run with an endpoint of every module: all are complete, and those whose servers fail do not change the others.

mod services;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use gatherer_tests::{Outcome, Run, skip};
use serde_json::value::RawValue;
use serde_json::{Value, json};
use services::{Fault, SERVICES, Service};

/// The bytes of each endpoint's result in the gatherer format.
type Results = BTreeMap<String, Box<RawValue>>;

fn gather(services: &[Service], format: &str) -> Outcome {
    let endpoints: Vec<&Value> = services.iter().map(|service| &service.endpoint).collect();
    Run::gather(&json!(endpoints)).args(["--format", format]).run().expect_code(0)
}

fn results(services: &[Service]) -> Results {
    let outcome = gather(services, "gatherer");
    // Panics on a value that a Manager cannot read.
    outcome.document();
    serde_json::from_slice(&outcome.stdout).expect("a document")
}

/// Whether module Libvirt cannot be used here.
fn libvirt_is_missing() -> bool {
    let endpoints = json!([{"id": "probe", "module": "Libvirt", "uri": "test:///default"}]);
    Run::gather(&endpoints).run().document()["probe"].is_none()
}

#[test]
fn each_service_is_of_a_module() {
    let outcome = Run::new().arg("--list-modules").run().expect_code(0);
    let listed: BTreeMap<String, Value> = serde_json::from_slice(&outcome.stdout).expect("JSON");
    // A development folder has the example too. OpenStack is not in the list, since a Manager does not know it.
    let listed: BTreeSet<&str> =
        listed.keys().map(String::as_str).filter(|name| *name != "Example").collect();
    let served: BTreeSet<&str> =
        SERVICES.iter().map(|(name, _)| *name).filter(|name| *name != "OpenStack").collect();
    assert!(served.is_subset(&listed), "{served:?} of {listed:?}");
}

#[test]
fn all_modules_are_complete_in_one_run() {
    if libvirt_is_missing() {
        skip!("libvirt.so.0 is not installed");
    }
    let services: Vec<Service> = SERVICES.iter().map(|(_, start)| start(None)).collect();
    let outcome = gather(&services, "inventory");
    let inventory = outcome.inventory();
    let endpoints = inventory["endpoints"].as_array().expect("a list");
    assert_eq!(endpoints.len(), SERVICES.len());
    let mut durations = Vec::new();
    for endpoint in endpoints {
        assert_eq!(endpoint["status"], "complete", "{endpoint:#}");
        let duration = endpoint["run"]["durationMs"].as_u64().expect("a duration");
        durations.push((Duration::from_millis(duration), endpoint["module"].to_string()));
    }
    let guests = endpoints.iter().filter_map(|endpoint| endpoint["hosts"].as_array());
    let guests: usize =
        guests.flatten().map(|host| host["guests"].as_array().map_or(0, Vec::len)).sum();
    assert!(guests > 30, "{guests} guests");
    let sum: Duration = durations.iter().map(|(duration, _)| *duration).sum();
    durations.sort();
    for (duration, module) in &durations {
        println!("{module}: {duration:?}");
    }
    let (slowest, module) = durations.last().expect("an endpoint");
    println!("the whole run: {:?}; slowest: {module}, {slowest:?}; sum: {sum:?}", outcome.took);
    assert!(outcome.took >= *slowest);
}

#[test]
fn a_faulty_server_does_not_change_the_bytes_of_another_endpoint() {
    if libvirt_is_missing() {
        skip!("libvirt.so.0 is not installed");
    }
    let services: Vec<Service> = SERVICES.iter().map(|(_, start)| start(None)).collect();
    let right = results(&services);
    assert_eq!(right.len(), SERVICES.len());
    for (id, hosts) in &right {
        assert!(!["null", "{}"].contains(&hosts.get()), "{id} without faults");
    }
    drop(services);
    let faults = [Fault::Dies, Fault::Status500, Fault::Half];
    // Every second server is faulty: those with an even number, then the others.
    for faulty_first in [true, false] {
        for round in 0..faults.len() {
            let is_faulty = |index: usize| index.is_multiple_of(2) == faulty_first;
            let mut services = Vec::new();
            for (index, (_, start)) in SERVICES.iter().enumerate() {
                let fault = faults[(index / 2 + round) % faults.len()];
                services.push(start(is_faulty(index).then_some(fault)));
            }
            let results = results(&services);
            for (index, service) in services.iter().enumerate() {
                let got = results[service.id()].get();
                let expected = if is_faulty(index) { "null" } else { right[service.id()].get() };
                assert_eq!(got, expected, "{} in round {round}", service.id());
            }
        }
    }
}
