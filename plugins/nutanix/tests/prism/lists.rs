//! Lists that are silently shorter than the truth, and replies of a wrong form.

use std::sync::atomic::{AtomicU32, Ordering};

use gatherer_plugin_api::ErrorKind;
use gatherer_plugin_support::testing::{Action, ReceivedRequest};
use gatherer_tests::fakes::nutanix::{NutanixFake, NutanixFault, NutanixInventory};
use serde_json::{Value, json};

use super::{gather, gather_from};

/// A fake of a server with this version and our inventory.
pub fn fake(api: &str) -> NutanixFake {
    fake_of(api, NutanixInventory::sample())
}

/// A fake of a server with this version.
pub fn fake_of(api: &str, inventory: NutanixInventory) -> NutanixFake {
    match api {
        "v2" => NutanixFake::element(inventory),
        "v3" => NutanixFake::central_v3(inventory),
        _ => NutanixFake::central_v4(inventory, 2),
    }
}

/// The fake's answer with a change.
pub fn changed(action: Action, change: impl Fn(&mut Value)) -> Action {
    let Action::Answer { status, headers, body } = action else { panic!("not an answer") };
    let mut body: Value = serde_json::from_slice(&body).expect("JSON");
    change(&mut body);
    Action::Answer { status, headers, body: body.to_string().into_bytes() }
}

/// Whether this asks for VMs on AHV.
pub fn is_list_of_vms(request: &ReceivedRequest) -> bool {
    let path = request.path();
    path.ends_with("/ahv/config/vms") || path.ends_with("/vms/list") || path.ends_with("/v2.0/vms")
}

#[test]
fn an_answer_that_says_that_it_is_not_complete_fails() {
    for (fault, kind, word) in [
        (NutanixFault::IsTruncated, ErrorKind::Protocol, "isTruncated"),
        (NutanixFault::HasError, ErrorKind::Protocol, "hasError"),
        (NutanixFault::Redacted, ErrorKind::Permission, "hides"),
        (NutanixFault::Forbidden, ErrorKind::Permission, "403"),
    ] {
        let gathering = gather("v4", fake("v4").with(fault));
        assert_eq!(gathering.error().kind, kind, "{fault:?}");
        assert!(gathering.error().message.contains(word), "{fault:?}: {}", gathering.error());
        assert!(gathering.error().hint.is_some(), "{fault:?}");
    }
}

#[test]
fn an_empty_list_of_vms_beside_hosts_that_run_some_fails() {
    for api in ["v2", "v3", "v4"] {
        let gathering = gather("auto", fake(api).with(NutanixFault::EmptyVmList));
        assert_eq!(gathering.error().kind, ErrorKind::Protocol, "{api}");
        assert!(gathering.error().message.contains("empty"), "{api}: {}", gathering.error());
    }
}

#[test]
fn a_list_without_its_items_fails() {
    for api in ["v3", "v4"] {
        let gathering = gather("auto", fake(api).with(NutanixFault::NoList));
        assert_eq!(gathering.error().kind, ErrorKind::Protocol, "{api}");
    }
}

#[test]
fn an_empty_page_does_not_end_a_list() {
    let gathering = gather("auto", fake("v4").with(NutanixFault::EmptyPageInBetween));
    assert_eq!(gathering.guests().len(), 12);
    // v3 has no link: the list is read again.
    let gathering = gather("auto", fake("v3").with_times(NutanixFault::EmptyPageInBetween, 1));
    assert_eq!(gathering.guests().len(), 7);
    let gathering = gather("auto", fake("v3").with(NutanixFault::EmptyPageInBetween));
    assert_eq!(gathering.error().kind, ErrorKind::Protocol);
}

#[test]
fn a_list_that_is_shorter_than_its_total_fails() {
    for (api, pointer) in [
        ("v2", "/metadata/grand_total_entities"),
        ("v2", "/metadata/total_entities"),
        ("v3", "/metadata/total_matches"),
        ("v4", "/metadata/totalAvailableResults"),
    ] {
        let fake = fake(api);
        let gathering = gather_from("auto", move |request| {
            let answer = fake.answer(request);
            if !is_list_of_vms(request) {
                return answer;
            }
            changed(answer, |body| *body.pointer_mut(pointer).expect("a total") = json!(10))
        });
        assert_eq!(gathering.error().kind, ErrorKind::Protocol, "{api} {pointer}");
        assert!(gathering.error().hint.is_some(), "{api} {pointer}");
    }
}

#[test]
fn a_list_without_its_total_fails() {
    for api in ["v2", "v3", "v4"] {
        let fake = fake(api);
        let gathering = gather_from("auto", move |request| {
            let answer = fake.answer(request);
            if !is_list_of_vms(request) {
                return answer;
            }
            changed(answer, |body| body["metadata"] = Value::Null)
        });
        assert_eq!(gathering.error().kind, ErrorKind::Protocol, "{api}");
    }
}

#[test]
fn a_cluster_without_connection_to_prism_central_fails() {
    for api in ["v3", "v4"] {
        let mut fake = fake(api);
        fake.inventory.clusters[0].is_available = false;
        let gathering = gather("auto", fake);
        assert_eq!(gathering.error().kind, ErrorKind::Unavailable, "{api}");
        assert!(gathering.error().message.contains("kestrel"), "{}", gathering.error());
    }
}

#[test]
fn a_cluster_without_hosts_in_the_list_fails() {
    for api in ["v3", "v4"] {
        let mut fake = fake(api);
        fake.inventory.hosts.truncate(2);
        let gathering = gather("auto", fake);
        assert_eq!(gathering.error().kind, ErrorKind::Permission, "{api}");
        assert!(gathering.error().message.contains("osprey"), "{}", gathering.error());
    }
}

/// As a Prism Central would answer with v2, if it answers at all, or with a part of each host.
#[test]
fn hosts_that_are_not_machines_are_not_an_answer() {
    for (api, count) in [("v2", 1), ("v2", 2), ("v3", 1)] {
        let fake = fake(api);
        let gathering = gather_from(api, move |request| {
            let answer = fake.answer(request);
            if !request.path().ends_with("/hosts") && !request.path().ends_with("/hosts/list") {
                return answer;
            }
            changed(answer, |body| {
                for host in body["entities"].as_array_mut().expect("hosts").iter_mut().take(count) {
                    if api == "v3" {
                        host["status"]["name"] = Value::Null;
                        host["status"]["resources"] = Value::Null;
                    }
                    for name in ["name", "cpu_model", "hypervisor_full_name"] {
                        host[name] = Value::Null;
                    }
                }
            })
        });
        assert_eq!(gathering.error().kind, ErrorKind::Protocol, "{api} {count}");
    }
}

/// The host is in no list, but a machine is on it.
#[test]
fn a_machine_on_a_host_that_is_not_listed_fails_after_all_lists_were_read_again() {
    for api in ["v2", "v3", "v4"] {
        for is_new in [false, true] {
            let (fake, reads) = (fake(api), AtomicU32::new(0));
            let gathering = gather_from(api, move |request| {
                let answer = fake.answer(request);
                let path = request.path();
                if !path.ends_with("/hosts") && !path.ends_with("/hosts/list") {
                    return answer;
                }
                if reads.fetch_add(1, Ordering::SeqCst) > 0 && is_new {
                    return answer;
                }
                changed(answer, |body| {
                    let items = if api == "v4" { "data" } else { "entities" };
                    let list = body[items].as_array_mut().expect("hosts");
                    list.remove(0);
                    let total = json!(list.len());
                    for name in ["total_matches", "grand_total_entities", "total_entities"] {
                        body["metadata"][name] = total.clone();
                    }
                    body["metadata"]["totalAvailableResults"] = total;
                })
            });
            if is_new {
                let expected = if api == "v4" { 12 } else { 7 };
                assert_eq!(gathering.guests().len(), expected, "{api}");
            } else {
                assert_eq!(gathering.error().kind, ErrorKind::Permission, "{api}");
                assert!(gathering.error().hint.is_some(), "{api}");
            }
        }
    }
}

#[test]
fn a_cluster_without_vms_in_the_list_fails() {
    let mut fake = fake("v4");
    let kestrel = fake.inventory.clusters[0].id.clone();
    let inventory = fake.inventory.clone();
    fake.inventory.guests.retain(|guest| guest.cluster != kestrel);
    // The hosts report the VMs that the list lacks.
    let full = NutanixFake::central_v4(inventory, 2);
    let gathering = gather_from("auto", move |request| {
        if is_list_of_vms(request) { fake.answer(request) } else { full.answer(request) }
    });
    assert_eq!(gathering.error().kind, ErrorKind::Permission);
    assert!(gathering.error().message.contains("kestrel"), "{}", gathering.error());
}

/// The server may send smaller pages than requested, and say so only in the link.
#[test]
fn the_length_in_the_link_to_the_next_page_is_used() {
    let gathering = gather("auto", fake("v4"));
    gathering.hosts();
    let limits: Vec<_> = gathering
        .requests
        .iter()
        .filter(|request| is_list_of_vms(request))
        .map(|request| (request.query("$page"), request.query("$limit")))
        .collect();
    let pair = |page: &str, limit: &str| (Some(page.to_owned()), Some(limit.to_owned()));
    assert_eq!(limits, [pair("0", "100"), pair("1", "3"), pair("2", "3")]);
}

#[test]
fn a_link_to_another_host_is_not_followed() {
    let fake = fake("v4");
    let gathering = gather_from("auto", move |request| {
        let answer = fake.answer(request);
        if !is_list_of_vms(request) {
            return answer;
        }
        changed(answer, |body| {
            for link in body["metadata"]["links"].as_array_mut().expect("links") {
                let href = link["href"].as_str().expect("a link").replace("127.0.0.1", "192.0.2.1");
                link["href"] = json!(href);
            }
        })
    });
    assert_eq!(gathering.guests().len(), 12);
}

#[test]
fn a_list_whose_next_link_leads_to_itself_ends_as_an_error() {
    let fake = fake("v4");
    let gathering = gather_from("auto", move |request| {
        let answer = fake.answer(request);
        if !is_list_of_vms(request) {
            return answer;
        }
        changed(answer, |body| {
            let link = json!({"rel": "next", "href": "/x?$page=1&$limit=3"});
            body["metadata"]["links"] = json!([link]);
        })
    });
    assert_eq!(gathering.error().kind, ErrorKind::Protocol);
}

#[test]
fn replies_of_another_form_fail_and_are_not_quoted() {
    let bodies = [
        json!({}),
        json!([]),
        json!(null),
        json!({"data": {"error": [{"message": "hunter2"}]}, "metadata": {"totalAvailableResults": 1}}),
        json!({"data": [{"extId": "x", "name": ["hunter2"]}], "metadata": {"totalAvailableResults": 1}}),
        json!({"data": [{"extId": "x", "memorySizeBytes": "hunter2"}], "metadata": {"totalAvailableResults": 1}}),
        json!({"data": [{"extId": null}], "metadata": {"totalAvailableResults": 1}}),
        json!({"data": [{"name": "without id"}], "metadata": {"totalAvailableResults": 1}}),
        json!({"entities": [{"uuid": 5}], "metadata": {"total_entities": 1, "total_matches": 1}}),
        json!({"entities": [{"status": "hunter2"}], "metadata": {"total_entities": 1, "total_matches": 1}}),
        json!({"entities": [{}], "metadata": {"total_entities": 1, "total_matches": 1}}),
        json!({"entities": "hunter2", "metadata": {"total_entities": 1, "total_matches": 1}}),
    ];
    for api in ["v2", "v3", "v4"] {
        for body in &bodies {
            let (fake, own) = (fake(api), body.clone());
            let gathering = gather_from("auto", move |request| {
                if is_list_of_vms(request) { Action::json(200, &own) } else { fake.answer(request) }
            });
            assert_eq!(gathering.error().kind, ErrorKind::Protocol, "{api} {body}");
            assert!(!gathering.error().to_string().contains("hunter2"), "{}", gathering.error());
        }
    }
}

#[test]
fn unknown_members_and_null_are_accepted() {
    for api in ["v2", "v3", "v4"] {
        let fake = fake(api);
        let gathering = gather_from("auto", move |request| {
            let answer = fake.answer(request);
            if !is_list_of_vms(request) {
                return answer;
            }
            changed(answer, |body| {
                body["new"] = json!({"a": [1]});
                let items = if api == "v4" { "data" } else { "entities" };
                for item in body[items].as_array_mut().into_iter().flatten() {
                    item["newMember"] = json!([{"deep": null}]);
                    for name in ["nics", "disks", "guestTools", "vm_nics", "vm_disk_info"] {
                        item[name] = Value::Null;
                    }
                    if api == "v3" {
                        item["status"]["resources"]["nic_list"] = Value::Null;
                        item["status"]["resources"]["disk_list"] = Value::Null;
                        item["metadata"]["categories"] = Value::Null;
                    }
                }
            })
        });
        let expected = if api == "v4" { 12 } else { 7 };
        assert_eq!(gathering.guests().len(), expected, "{api}");
    }
}

#[test]
fn hostile_replies_fail_soon() {
    let nested = format!("{}{}", "[".repeat(10_000), "]".repeat(10_000));
    let duplicate = r#"{"metadata": {}, "data": [], "entities": [], "data": [], "entities": []}"#;
    let bodies = [
        nested,
        duplicate.to_owned(),
        format!("{{\"metadata\": {}}}", i128::MIN),
        "{\"data\": [{\"extId\": \"\\ud800\"}]}".to_owned(),
        String::new(),
        "\0".repeat(100),
    ];
    for api in ["v2", "v3", "v4"] {
        for body in &bodies {
            let (fake, own) = (fake(api), body.clone());
            let gathering = gather_from("auto", move |request| {
                if is_list_of_vms(request) {
                    Action::answer(200, &*own)
                } else {
                    fake.answer(request)
                }
            });
            assert_eq!(gathering.error().kind, ErrorKind::Protocol, "{api} {body:.50}");
        }
    }
}

/// A number that is too large for its member is an error; a product that is too large is unknown.
#[test]
fn hostile_numbers_are_errors_or_unknown() {
    for (number, is_complete) in [
        (json!(u32::MAX), true),
        (json!(u64::MAX), false),
        (json!(-1), false),
        (json!(1.5), false),
        (json!("2"), false),
    ] {
        let (fake, own) = (fake("v4"), number.clone());
        let gathering = gather_from("auto", move |request| {
            let answer = fake.answer(request);
            if !is_list_of_vms(request) {
                return answer;
            }
            changed(answer, |body| {
                for item in body["data"].as_array_mut().into_iter().flatten() {
                    item["numSockets"] = own.clone();
                    item["numCoresPerSocket"] = json!(4);
                }
            })
        });
        if is_complete {
            let cpus = gathering.guests().iter().filter_map(|guest| guest.cpus).count();
            assert_eq!(cpus, 5, "only the VMs on ESXi and the controller VMs have a known number");
        } else {
            assert_eq!(gathering.error().kind, ErrorKind::Protocol, "{number}");
        }
    }
}

#[test]
fn a_link_to_a_page_beyond_the_end_is_an_error_and_one_without_a_number_is_not_used() {
    for (page, is_used) in [(u64::from(u32::MAX), true), (u64::MAX, false)] {
        let fake = fake("v4");
        let gathering = gather_from("auto", move |request| {
            let answer = fake.answer(request);
            if !is_list_of_vms(request) {
                return answer;
            }
            changed(answer, |body| {
                let href = format!("/x?$page={page}&$limit=100");
                let is_first = request.query("$page").as_deref() == Some("0");
                let links =
                    if is_first { json!([{"rel": "next", "href": href}]) } else { json!([]) };
                body["metadata"]["links"] = links;
            })
        });
        if is_used {
            assert_eq!(gathering.error().kind, ErrorKind::Protocol, "{page}");
        } else {
            assert_eq!(gathering.guests().len(), 12, "{page}");
        }
    }
}

/// Each page has other objects and a link to the next one, beyond the announced total.
#[test]
fn endless_pages_end_as_an_error() {
    let fake = fake("v4");
    let gathering = gather_from("auto", move |request| {
        if !is_list_of_vms(request) {
            return fake.answer(request);
        }
        let page = request.query("$page").expect("a page");
        let next: usize = page.parse::<usize>().expect("a number") + 1;
        let link = json!({"rel": "next", "href": format!("/x?$page={next}&$limit=100")});
        Action::json(
            200,
            &json!({
                "data": [{"extId": page, "name": "vm"}],
                "metadata": {"totalAvailableResults": 3, "links": [link]},
            }),
        )
    });
    assert_eq!(gathering.error().kind, ErrorKind::Protocol);
    assert!(gathering.requests.len() < 30, "{} requests", gathering.requests.len());
}
