//! The fake of Nutanix Prism refuses what Prism refuses.

use gatherer_plugin_support::testing::{Action, ReceivedRequest};
use gatherer_tests::fakes::nutanix::{NutanixFake, NutanixFault, NutanixInventory};
use serde_json::{Value, json};

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
