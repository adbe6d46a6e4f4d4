//! Which version of the API is used, and the parameters.

use gatherer_plugin_api::ErrorKind;
use gatherer_plugin_api::testing::Recorder;
use gatherer_plugin_nutanix::NutanixAhv;
use gatherer_plugin_support::testing::{Action, ReceivedRequest};
use gatherer_tests::fakes::nutanix::{NutanixFake, NutanixInventory};

use super::{Gathering, gather, gather_from, parameters};

fn sample() -> NutanixInventory {
    NutanixInventory::sample()
}

/// The path of the list of VMs that was read.
fn vm_list(gathering: &Gathering) -> &str {
    let is_vm_list = |path: &&str| {
        path.ends_with("/ahv/config/vms") || path.ends_with("/vms/list") || path.ends_with("/vms")
    };
    let mut paths = gathering.requests.iter().map(ReceivedRequest::path);
    paths.find(is_vm_list).expect("a list of VMs is read")
}

#[test]
fn uses_the_newest_version_that_the_server_has_and_logs_why() {
    for (fake, path, reason) in [
        (NutanixFake::central_v4(sample(), 1), "/api/vmm/v4.1/ahv/config/vms", "v4.1"),
        (NutanixFake::central_v4(sample(), 9), "/api/vmm/v4.3/ahv/config/vms", "v4"),
        (NutanixFake::central_v3(sample()), "/api/nutanix/v3/vms/list", "without v4"),
        (
            NutanixFake::element(sample()),
            "/PrismGateway/services/rest/v2.0/vms",
            "neither v4 nor v3",
        ),
    ] {
        let gathering = gather("auto", fake);
        gathering.hosts();
        assert_eq!(vm_list(&gathering), path);
        let chosen = gathering.log.iter().find(|line| line.message.contains("using API"));
        assert!(chosen.expect("a line about the version").message.contains(reason), "{reason}");
    }
}

/// A Prism Element has v3 too, but is not among its clusters as Prism Central is.
#[test]
fn a_prism_element_with_v3_is_read_with_v2() {
    let mut inventory = sample();
    inventory.clusters.truncate(1);
    let v3 = NutanixFake::central_v3(inventory.clone());
    let v2 = NutanixFake::element(inventory);
    let gathering = gather_from("auto", move |request| {
        if request.path().starts_with("/PrismGateway") {
            v2.answer(request)
        } else {
            v3.answer(request)
        }
    });
    gathering.hosts();
    assert_eq!(vm_list(&gathering), "/PrismGateway/services/rest/v2.0/vms");
}

/// The user may not view the cluster of Prism Central itself, which is the sure sign.
#[test]
fn a_prism_central_that_does_not_list_itself_is_recognized_by_its_clusters() {
    let mut inventory = sample();
    inventory.clusters.truncate(2);
    let gathering = gather("auto", NutanixFake::central_v3(inventory.clone()));
    gathering.hosts();
    assert_eq!(vm_list(&gathering), "/api/nutanix/v3/vms/list");
    inventory.clusters.clear();
    let gathering = gather("auto", NutanixFake::central_v3(inventory));
    assert_eq!(gathering.error().kind, ErrorKind::Permission);
}

#[test]
fn another_service_is_recognized() {
    let page = "<!DOCTYPE html><html></html>";
    for (answer, kind) in [
        (Action::answer(404, page), ErrorKind::Configuration),
        (Action::answer(200, page), ErrorKind::Protocol),
        (Action::answer(200, "[]"), ErrorKind::Protocol),
    ] {
        let gathering = gather_from("auto", move |_| answer.clone());
        assert_eq!(gathering.error().kind, kind);
        let hint = gathering.error().hint.as_deref().expect("a hint");
        assert!(hint.contains("hostname and port"), "{hint}");
    }
}

#[test]
fn an_answer_that_is_not_json_does_not_choose_an_older_version() {
    let gathering = gather_from("auto", |_| Action::answer(200, "<html>log in</html>"));
    assert_eq!((gathering.error().kind, gathering.requests.len()), (ErrorKind::Protocol, 1));
}

#[test]
fn the_parameter_api_chooses_the_version_without_asking() {
    for (api, path) in [("v2", "/hosts"), ("v3", "/api/nutanix/v3/clusters/list")] {
        let central = NutanixFake::central_v4(sample(), 2);
        let element = NutanixFake::element(sample());
        let gathering = gather_from(api, move |request| {
            if request.path().starts_with("/PrismGateway") {
                element.answer(request)
            } else {
                central.answer(request)
            }
        });
        gathering.hosts();
        assert!(gathering.requests[0].path().ends_with(path), "{api}");
    }
    let gathering = gather("v4", NutanixFake::central_v3(sample()));
    assert_eq!(gathering.error().kind, ErrorKind::Configuration);
}

#[test]
fn an_invalid_parameter_is_a_configuration_error_that_does_not_quote_it() {
    for (name, value) in [
        ("api", "v1"),
        ("hostname", "https://prism"),
        ("hostname", "sesame@prism"),
        ("username", "inventory:sesame"),
    ] {
        let mut parameters = parameters(1, "sesame", "v2");
        parameters[name] = value.into();
        let error = Recorder::new().gather::<NutanixAhv>(parameters).expect_err("not valid");
        assert_eq!(error.kind, ErrorKind::Configuration, "{name}: {error}");
        assert!(!error.to_string().contains("sesame"), "{error}");
    }
}

#[test]
fn every_request_has_the_credentials_and_an_id_of_its_own() {
    let gathering = gather("auto", NutanixFake::central_v4(sample(), 2));
    let mut ids: Vec<_> = Vec::new();
    for request in &gathering.requests {
        assert!(request.header("authorization").is_some_and(|text| text.starts_with("Basic ")));
        let id = request.header("ntnx-request-id").expect("an id");
        assert_eq!(gatherer_plugin_support::uuid::canonical(id).as_deref(), Some(id));
        ids.push(id);
    }
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), gathering.requests.len());
}
