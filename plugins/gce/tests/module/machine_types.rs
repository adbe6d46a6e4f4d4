//! Machine types: what they add to guests, and what happens without them.

use gatherer_plugin_api::ErrorKind;
use gatherer_plugin_support::testing::Action;
use gatherer_tests::fakes::gce::{GceFake, GceInventory};
use serde_json::json;

use super::{Served, count, guest, is_machine_type};

fn fake() -> GceFake {
    GceFake::new(GceInventory::sample())
}

#[test]
fn a_custom_type_and_a_deprecated_one_are_known_and_a_removed_one_is_unknown() {
    let served = Served::fake(fake());
    let gathered = served.gather().expect("a complete answer");
    let of = |machine_type: &str| {
        let mut instances = served.fake.inventory.instances.iter();
        let instance = instances.find(|instance| instance.machine_type == machine_type);
        let (_, guest) = guest(&gathered, &instance.expect(machine_type).id.to_string());
        assert_eq!(guest.attributes["machineType"], machine_type);
        (guest.cpus, guest.memory_bytes, guest.architecture.as_deref())
    };
    assert_eq!(of("custom-2-4096"), (Some(2), Some(4 << 30), Some("x86_64")));
    assert_eq!(of("n2-custom-4-32768-ext"), (Some(4), Some(32 << 30), Some("x86_64")));
    assert_eq!(of("n1-standard-8-d"), (Some(8), Some(30 << 30), Some("x86_64")));
    assert_eq!(of("t2a-standard-4"), (Some(4), Some(16 << 30), Some("aarch64")));
    assert_eq!(of("n1-retired-2"), (None, None, Some("x86_64")));
    assert!(gathered.warnings.is_empty());
}

#[test]
fn machine_types_that_were_read_before_a_refusal_count() {
    let served = Served::script(fake(), |fake, request| {
        let zone = request.path().contains("/zones/us-central1-a/machineTypes/");
        if zone {
            return Action::json(403, &json!({"error": {"errors": [{"reason": "forbidden"}]}}));
        }
        fake.answer(request)
    });
    let gathered = served.gather().expect("a complete answer");
    assert_eq!((count(&gathered), gathered.warnings.len()), (12, 1));
    for host in &gathered.hosts {
        let has_cpus = host.guests.iter().any(|guest| guest.cpus.is_some());
        assert_eq!(has_cpus, host.id != "cloud/us-central1-a", "{}", host.id);
    }
}

#[test]
fn a_missing_right_is_one_warning() {
    let mut without_right = fake();
    without_right.permissions = vec!["compute.instances.list"];
    let served = Served::fake(without_right);
    let gathered = served.gather().expect("a complete answer");
    assert_eq!(count(&gathered), 12);
    let [warning] = &gathered.warnings[..] else { panic!("{:?}", gathered.warnings) };
    assert_eq!(warning.object, "example-project");
    insta::assert_snapshot!(warning.message.replace(&served.base(), "https://compute.example.com"));
    let guests = gathered.hosts.iter().flat_map(|host| &host.guests);
    assert!(guests.into_iter().all(|guest| guest.cpus.is_none() && guest.memory_bytes.is_none()));
    let asked = served.targets().iter().filter(|target| target.contains("/machineTypes/")).count();
    assert_eq!(asked, 1);
}

#[test]
fn an_instance_without_a_type_has_no_cpus() {
    for machine_type in
        [json!(null), json!("https://www.googleapis.com/compute/v1/projects"), json!(7)]
    {
        let served = Served::script(fake(), move |fake, request| {
            if !request.path().ends_with("/instances") {
                return fake.answer(request);
            }
            let instance = json!({"id": "1", "name": "vm", "machineType": machine_type});
            let kind = "compute#instanceAggregatedList";
            Action::json(
                200,
                &json!({"kind": kind, "items": {"zones/a": {"instances": [instance]}}}),
            )
        });
        let gathered = served.gather().expect("a complete answer");
        assert_eq!(guest(&gathered, "1").1.cpus, None);
        assert_eq!(served.targets().len(), 1);
    }
}

#[test]
fn other_failures_of_a_machine_type_fail_the_endpoint() {
    for (answer, kind) in [
        (Action::answer(503, ""), ErrorKind::Unavailable),
        (Action::json(200, &json!({})), ErrorKind::Protocol),
        (Action::answer(200, "<html>"), ErrorKind::Protocol),
        // Not an answer of the API: the machine type may exist.
        (Action::answer(404, "<html>"), ErrorKind::Configuration),
        (Action::json(429, &json!({})), ErrorKind::RateLimited),
    ] {
        let served = Served::script(fake(), move |fake, request| {
            if is_machine_type(request) { answer.clone() } else { fake.answer(request) }
        });
        let error = served.retries(0).gather().expect_err("a failure");
        assert_eq!(error.kind, kind, "{error}");
    }
}
