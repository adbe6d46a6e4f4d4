//! The fake of Nutanix Prism: Nutanix's own client reads its whole inventory, and it refuses what Prism refuses.

use std::sync::Arc;

use gatherer_plugin_support::testing::{Action, Authority, ReceivedRequest, ScriptedServer};
use gatherer_tests::fakes::nutanix::{
    NutanixFake, NutanixFault, NutanixGuest, NutanixGuestKind, NutanixHypervisor, NutanixInventory,
    NutanixPower,
};
use gatherer_tests::{Judge, JudgedGuest, skip};
use serde_json::{Value, json};

/// The guests as v4 has them, sorted.
fn judged(inventory: &NutanixInventory, with_controller_vms: bool) -> Vec<JudgedGuest> {
    let judged = |guest: &NutanixGuest| {
        let host = inventory.hosts.iter().find(|host| Some(&host.id) == guest.host.as_ref());
        let is_esxi = inventory.hypervisor(&guest.cluster) == Some(NutanixHypervisor::Esxi);
        let state = match guest.power {
            NutanixPower::On => "ON",
            NutanixPower::Off => "OFF",
            NutanixPower::Paused if is_esxi => "SUSPENDED",
            NutanixPower::Paused => "PAUSED",
            NutanixPower::Undetermined => "UNDETERMINED",
        };
        JudgedGuest {
            name: guest.name.clone(),
            id: Some(guest.id.clone()),
            host: host.map(|host| host.name.clone()),
            state: (guest.kind != NutanixGuestKind::ControllerVm).then(|| state.to_owned()),
            cpus: Some(guest.cpus()),
            memory_bytes: Some(guest.memory_bytes),
        }
    };
    let is_read =
        |guest: &&NutanixGuest| with_controller_vms || guest.kind != NutanixGuestKind::ControllerVm;
    let mut all: Vec<_> = inventory.guests.iter().filter(is_read).map(judged).collect();
    all.sort();
    all
}

/// Compares what Nutanix's own client reads, over TLS, with the fake's inventory.
fn assert_the_vendors_client_agrees(judge: &Judge, fake: NutanixFake, mode: &[&str]) {
    let expected = judged(&fake.inventory, !mode.is_empty());
    let (username, password) = (fake.username.clone(), fake.password.clone());
    let authority = Authority::new("ours");
    let folder = tempfile::tempdir().expect("a folder");
    let ca_file = folder.path().join("ca.pem");
    std::fs::write(&ca_file, authority.pem()).expect("a file");
    let ca_file = ca_file.to_str().expect("a UTF-8 path");
    let identity = authority.identity(&["localhost", "127.0.0.1"]);
    let fake = Arc::new(fake);
    let server = ScriptedServer::https(&identity, move |request| fake.answer(request));
    let port = server.address().port().to_string();
    let arguments = ["localhost", &port, &username, &password, ca_file];
    let read = judge.read("nutanix_v4.py", &[&arguments, mode].concat());
    assert_eq!(read, expected);
}

#[test]
fn nutanixs_own_client_reads_the_whole_v4_inventory() {
    let judge = match Judge::new() {
        Ok(judge) => judge,
        Err(reason) => skip!("{reason}"),
    };
    let sample = NutanixInventory::sample;
    assert_the_vendors_client_agrees(&judge, NutanixFake::central_v4(sample(), 2), &[]);
    let fake = NutanixFake::central_v4(sample(), 3);
    assert_the_vendors_client_agrees(&judge, fake, &["controller-vms"]);
    let fake = NutanixFake::central_v4(sample(), 2).with(NutanixFault::EmptyPageInBetween);
    assert_the_vendors_client_agrees(&judge, fake, &[]);
    let mut fake = NutanixFake::central_v4(NutanixInventory::of_size(240), 2);
    fake.page_size = 500;
    assert_the_vendors_client_agrees(&judge, fake, &[]);
}

/// A fake with the request that it gets.
struct Asked {
    fake: NutanixFake,
    request: ReceivedRequest,
}

impl Asked {
    fn get(fake: NutanixFake, target: &str) -> Self {
        let credentials = "Basic aW52ZW50b3J5OnBhNTUtb2YtcHJpc20=";
        let headers = vec![("authorization".to_owned(), credentials.to_owned())];
        let request = ReceivedRequest {
            method: "GET".to_owned(),
            target: target.to_owned(),
            headers,
            ..ReceivedRequest::default()
        };
        Self { fake, request }
    }

    fn post(fake: NutanixFake, target: &str, body: &Value) -> Self {
        let mut asked = Self::get(fake, target);
        asked.request.method = String::from("POST");
        asked.request.headers.push(("content-type".to_owned(), "application/json".to_owned()));
        asked.request.body = body.to_string().into_bytes();
        asked
    }

    /// The status and the body of the answer; `null` if it is not JSON.
    fn answer(&self) -> (u16, Value) {
        let Action::Answer { status, body, .. } = self.fake.answer(&self.request) else {
            panic!("not an answer");
        };
        (status, serde_json::from_slice(&body).unwrap_or(Value::Null))
    }

    fn status(&self) -> u16 {
        self.answer().0
    }
}

fn central() -> NutanixFake {
    NutanixFake::central_v4(NutanixInventory::sample(), 2)
}

#[test]
fn refuses_what_the_v4_apis_refuse() {
    let vms = "/api/vmm/v4.2/ahv/config/vms";
    let cases = [
        (format!("{vms}?$limit=100&$page=0&$orderby=name%20desc"), 200),
        (format!("{vms}?$limit=101"), 400),
        (format!("{vms}?$limit=0"), 400),
        (format!("{vms}?$page=-1"), 400),
        (format!("{vms}?limit=10"), 400),
        (format!("{vms}?$orderby=colour"), 400),
        ("/api/vmm/v4.3/ahv/config/vms".to_owned(), 404),
        ("/api/vmm/v3.0/ahv/config/vms".to_owned(), 404),
        ("/api/vmm/v4.0/esxi/config/vms".to_owned(), 200),
        ("/api/clustermgmt/v4.2/config/hosts".to_owned(), 200),
        ("/api/clustermgmt/v4.2/config/clusters".to_owned(), 200),
        ("/api/vmm/v4.2/config/hosts".to_owned(), 404),
        ("/api/vmm/unversioned/info".to_owned(), 405),
        ("/PrismGateway/services/rest/v2.0/hosts".to_owned(), 404),
    ];
    for (target, status) in cases {
        assert_eq!(Asked::get(central(), &target).status(), status, "{target}");
    }
    let mut asked = Asked::get(central(), vms);
    asked.request.headers.clear();
    assert_eq!(asked.status(), 401);
    asked.request.headers.push(("authorization".to_owned(), "Basic aW52ZW50b3J5Og==".to_owned()));
    assert_eq!(asked.status(), 401);
}

#[test]
fn a_v4_page_beyond_the_end_has_no_data() {
    let (status, answer) =
        Asked::get(central(), "/api/vmm/v4.2/ahv/config/vms?$page=9&$limit=100").answer();
    assert_eq!((status, answer.get("data")), (200, None));
    assert_eq!(answer["metadata"]["totalAvailableResults"], 7);
}

#[test]
fn refuses_what_the_v3_api_refuses() {
    let vms = "/api/nutanix/v3/vms/list";
    let cases = [
        (vms, json!({"kind": "vm", "offset": 0, "length": 500}), 200),
        (vms, json!({"kind": "vm", "length": 501}), 422),
        (vms, json!({"kind": "vm", "length": 0}), 422),
        (vms, json!({"kind": "vm", "offset": "0"}), 422),
        (vms, json!({"kind": "host"}), 422),
        (vms, json!({"kind": "vm", "size": 5}), 422),
        (vms, json!([]), 400),
        ("/api/nutanix/v3/hosts/list", json!({"kind": "host"}), 200),
        ("/api/nutanix/v3/disks/list", json!({}), 404),
    ];
    for (target, body, status) in cases {
        assert_eq!(Asked::post(central(), target, &body).status(), status, "{target} {body}");
    }
    assert_eq!(Asked::get(central(), vms).status(), 405);
}

#[test]
fn a_v3_page_is_shorter_than_asked_before_the_total() {
    let body = json!({"kind": "vm", "offset": 3, "length": 500});
    let (_, answer) = Asked::post(central(), "/api/nutanix/v3/vms/list", &body).answer();
    assert_eq!(answer["metadata"]["length"], 3);
    assert_eq!(answer["metadata"]["total_matches"], 7);
    let hosts = Asked::post(central(), "/api/nutanix/v3/hosts/list", &json!({})).answer().1;
    assert_eq!(hosts["entities"][0]["status"].get("name"), None, "Prism Central itself");
    assert_eq!(hosts["metadata"]["total_matches"], 4);
}

#[test]
fn refuses_what_rest_v2_refuses() {
    let base = "/PrismGateway/services/rest/v2.0";
    let cases = [
        ("/hosts?page=1&count=100", 200),
        ("/hosts?page=0", 422),
        ("/hosts?offset=1", 422),
        ("/vms/?include_vm_disk_config=true&include_vm_nic_config=true", 200),
        ("/vms?page=1", 422),
        ("/cluster", 200),
        ("/disks", 404),
    ];
    for (target, status) in cases {
        let fake = NutanixFake::element(NutanixInventory::sample());
        let asked = Asked::get(fake, &format!("{base}{target}"));
        assert_eq!(asked.status(), status, "{target}");
    }
}

#[test]
fn a_fault_happens_as_often_as_it_was_added() {
    let fake = central().with_times(NutanixFault::TotalChanges, 1);
    let asked = Asked::get(fake, "/api/vmm/v4.2/ahv/config/vms?$page=1");
    let total = || asked.answer().1["metadata"]["totalAvailableResults"].clone();
    assert_eq!([total(), total()], [8, 7]);
}

/// Every member of a recorded object is in the fake's objects of this kind, in at least one of them.
fn assert_has_all_members(recorded: &Value, ours: &[Value], path: &str) {
    match recorded {
        Value::Object(members) => {
            for (name, value) in members {
                let inner: Vec<_> =
                    ours.iter().filter_map(|object| object.get(name)).cloned().collect();
                assert!(!inner.is_empty(), "{path}/{name} is missing");
                assert_has_all_members(value, &inner, &format!("{path}/{name}"));
            }
        }
        Value::Array(items) => {
            let inner: Vec<_> =
                ours.iter().filter_map(Value::as_array).flatten().cloned().collect();
            for item in items.iter().filter(|item| item.is_object() && !inner.is_empty()) {
                assert_has_all_members(item, &inner, path);
            }
        }
        _ => {}
    }
}

#[test]
fn has_every_member_of_the_recorded_answers() {
    let Some(folder) = gatherer_tests::recorded("nutanix") else {
        skip!("GATHERER_RECORDED names no folder of recorded answers");
    };
    let recorded = |name: &str| -> Value {
        let bytes = std::fs::read(folder.join(name)).expect("a recorded answer");
        serde_json::from_slice(&bytes).expect("JSON")
    };
    let big = |mut fake: NutanixFake| {
        fake.page_size = 100;
        fake
    };
    let element = || big(NutanixFake::element(NutanixInventory::sample()));
    let base = "/PrismGateway/services/rest/v2.0";
    let answers = [
        ("v2.0-hosts.json", Asked::get(element(), &format!("{base}/hosts?page=1"))),
        ("v2.0-vms.json", Asked::get(element(), &format!("{base}/vms"))),
        (
            "v3-vms-list.json",
            Asked::post(big(central()), "/api/nutanix/v3/vms/list", &json!({"length": 500})),
        ),
        (
            "v3-hosts-list-of-prism-central-itself.json",
            Asked::post(big(central()), "/api/nutanix/v3/hosts/list", &json!({})),
        ),
        ("v4.0-vms.json", Asked::get(big(central()), "/api/vmm/v4.0/ahv/config/vms")),
        ("v4.0-hosts.json", Asked::get(big(central()), "/api/clustermgmt/v4.0/config/hosts")),
        ("v4.0-clusters.json", Asked::get(big(central()), "/api/clustermgmt/v4.0/config/clusters")),
    ];
    for (name, asked) in answers {
        let (status, ours) = asked.answer();
        assert_eq!(status, 200, "{name}");
        assert_has_all_members(&recorded(name), &[ours], name);
    }
}
