//! One run with an endpoint of every module: all are complete, and those whose servers fail do not change the others.

mod services;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::Duration;

use gatherer_plugin_support::testing::ReceivedRequest;
use gatherer_tests::{Outcome, Run, assert_message, skip};
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
    let outcome = Run::gather(&endpoints).args(["--format", "inventory"]).run();
    outcome.endpoint("probe")["error"]["message"] == "libvirt.so.0 is not installed"
}

/// The modules of all plugins but the example, which a development folder has too.
fn modules() -> BTreeSet<String> {
    let outcome = Run::new().args(["modules", "--json"]).run().expect_code(0);
    let mut listed: Value = serde_json::from_slice(&outcome.stdout).expect("JSON");
    let listed = listed["modules"].as_object_mut().expect("an object");
    listed.remove("Example");
    listed.keys().cloned().collect()
}

#[test]
fn there_is_a_service_for_each_module() {
    let served: BTreeSet<_> = SERVICES.iter().map(|(name, _)| (*name).to_owned()).collect();
    assert_eq!(served, modules());
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

/// The credentials in a request that no message may show: tokens, cookies, sessions, and signatures of keys.
fn credentials(request: &ReceivedRequest) -> Vec<String> {
    let mut found = Vec::new();
    for (name, value) in &request.headers {
        // A signature of AWS is good for one request.
        if value.starts_with("AWS4-HMAC-SHA256 ") {
            continue;
        }
        match name.as_str() {
            "authorization" => found.extend(value.rsplit(' ').next()),
            "cookie" => found.extend(value.split_once('=').map(|(_, cookie)| cookie)),
            "x-auth-token" | "x-subject-token" | "csrfpreventiontoken" => found.push(value),
            _ => {}
        }
    }
    let mut found: Vec<_> = found.into_iter().map(str::to_owned).collect();
    let body = String::from_utf8_lossy(&request.body).into_owned();
    for start in ["OpaqueRef:", "assertion=ey"] {
        let Some((_, rest)) = body.split_once(start) else { continue };
        // Of a token the signature is the secret part.
        let value = rest.split(['&', '"', '<']).next().unwrap_or_default();
        let value = value.rsplit('.').next().unwrap_or_default();
        found.push(value.to_owned());
    }
    found
}

#[test]
fn no_credential_is_shown_if_servers_repeat_them_after_some_right_answers() {
    let mut tokens = BTreeSet::new();
    for content_type in ["application/json", "text/xml"] {
        for after in 0..8 {
            let fault = Fault::Repeats(after, content_type);
            let services: Vec<Service> =
                SERVICES.iter().map(|(_, start)| start(Some(fault))).collect();
            let endpoints: Vec<&Value> = services.iter().map(|service| &service.endpoint).collect();
            let outcome = Run::gather(&json!(endpoints))
                .args(["-v", "-v", "--format", "inventory"])
                .run()
                .expect_code(0);
            let stdout = outcome.stdout_text();
            for service in &services {
                let secrets = ["password", "secret_key", "secret_access_key"]
                    .map(|name| service.endpoint[name].as_str().map(str::to_owned));
                let received = service.received();
                let sent = received.iter().flat_map(credentials);
                for credential in sent.chain(secrets.into_iter().flatten()) {
                    let start = credential.get(..20).unwrap_or(&credential);
                    // The end of an id is not unique.
                    let is_long = credential.len() > 40;
                    let end = if is_long { &credential[credential.len() - 20..] } else { start };
                    for (stream, text) in
                        [("stdout", stdout), ("stderr", &outcome.stderr), ("log", &outcome.log)]
                    {
                        assert!(
                            !text.contains(start) && !text.contains(end),
                            "{}, {content_type} after {after} answers: {stream} has a part of {credential:?}: {:?}",
                            service.id(),
                            text.lines().find(|line| line.contains(start) || line.contains(end))
                        );
                    }
                    tokens.insert(service.id().to_owned());
                }
            }
        }
    }
    // The modules that have a credential.
    let sent: Vec<_> = tokens.iter().map(String::as_str).collect();
    let expected = [
        "azure",
        "ec2",
        "gce",
        "kubernetes",
        "nutanix",
        "openstack",
        "proxmox",
        "suse-cloud",
        "vmware",
        "xen",
    ];
    assert_eq!(sent, expected);
}

#[test]
fn the_format_virt_who_lists_the_hypervisors_of_all_modules() {
    if libvirt_is_missing() {
        skip!("libvirt.so.0 is not installed");
    }
    let services: Vec<Service> = SERVICES.iter().map(|(_, start)| start(None)).collect();
    let outcome = gather(&services, "virt-who");
    let document: Value = serde_json::from_slice(&outcome.stdout).expect("JSON");
    let schema = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/schema/virt-who.json");
    let schema = std::fs::read_to_string(schema).expect("the schema can be read");
    let schema = serde_json::from_str(&schema).expect("JSON");
    let schema = jsonschema::options().build(&schema).expect("a schema");
    assert!(schema.is_valid(&document), "{document:#}");
    let hypervisors = document["hypervisors"].as_array().expect("a list").iter();
    let text = |value: &Value| value.as_str().expect("a text").to_owned();
    let mut shown: Vec<String> = hypervisors
        .map(|one| {
            let guests = one["guestIds"].as_array().expect("a list");
            let words = guests.iter().map(|guest| text(&guest["attributes"]["virtWhoType"]));
            let words: BTreeSet<_> = words.collect();
            let words = Vec::from_iter(words).join(", ");
            let kind = text(&one["facts"]["hypervisor.type"]);
            // libvirt's test driver has the name of this machine.
            let id = match kind.as_str() {
                "test" => "[this machine]".to_owned(),
                _ => text(&one["hypervisorId"]["hypervisorId"]),
            };
            format!("{kind}: {id}, {} guests of type {words:?}", guests.len())
        })
        .collect();
    shown.sort();
    shown
        .extend(outcome.stderr.lines().filter(|line| line.contains("left out")).map(str::to_owned));
    assert_message!(shown.join("\n"));
}
