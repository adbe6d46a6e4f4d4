//! Hosts and guests that are alike: what a Manager gets of modules NutanixAHV and VMware.

use gatherer_plugin_support::testing::{Action, ReceivedRequest, TlsServer};
use gatherer_tests::fakes::nutanix::{NutanixFake, NutanixInventory};
use gatherer_tests::fakes::vcenter::{PASSWORD, USER, Vcenter, text};
use gatherer_tests::{PluginFolder, Run};
use serde_json::{Value, json};

/// What the program prints of this server.
fn printed(
    module: &str,
    (username, password): (&str, &str),
    script: impl Fn(&ReceivedRequest) -> Action + Send + Sync + 'static,
) -> Value {
    let server = TlsServer::start(script);
    let endpoint = json!({
        "id": "e", "module": module, "hostname": "127.0.0.1", "port": server.port().to_string(),
        "username": username, "password": password, "ca_file": server.ca_file(), "retries": "0",
    });
    let plugins = PluginFolder::with(&["nutanix", "vmware"]);
    let outcome = Run::gather(&json!([endpoint])).plugins(plugins.path()).run();
    outcome.document();
    serde_json::from_slice(&outcome.stdout).expect("JSON")
}

/// The number of guests on all hosts, none of which has a null.
fn guests(printed: &Value) -> usize {
    let hosts = printed["e"].as_object().expect("the endpoint is complete");
    let vms = hosts.values().map(|host| host["vms"].as_object().expect("guests"));
    vms.map(|vms| vms.values().filter(|uuid| uuid.is_string()).count()).sum()
}

#[test]
fn guests_and_hosts_of_a_prism_with_the_same_name_are_all_printed_in_any_order() {
    let of = |is_reversed: bool, api_minor: Option<u32>| {
        let mut inventory = NutanixInventory::of_size(12);
        for host in &mut inventory.hosts {
            host.name = "twin".to_owned();
        }
        for guest in &mut inventory.guests {
            guest.name = "twin \u{1}\n".to_owned();
        }
        if is_reversed {
            inventory.hosts.reverse();
            inventory.guests.reverse();
        }
        let fake = match api_minor {
            Some(minor) => NutanixFake::central_v4(inventory, minor),
            None => NutanixFake::central_v3(inventory),
        };
        printed("NutanixAHV", ("inventory", "pa55-of-prism"), move |request| fake.answer(request))
    };
    for api_minor in [None, Some(2)] {
        let first = of(false, api_minor);
        assert_eq!(guests(&first), 12, "{first}");
        assert_eq!(first, of(true, api_minor));
    }
}

#[test]
fn machines_and_hosts_of_a_vcenter_with_the_same_name_and_uuid_are_all_printed_in_any_order() {
    let of = |is_reversed: bool, uuid: Option<&'static str>| {
        let mut fake = Vcenter::default();
        for object in &mut fake.objects {
            if let "HostSystem" | "VirtualMachine" = object.kind {
                object.set("name", text("twin %2f\u{7f}"));
            }
            if let (Some(uuid), "HostSystem") = (uuid, object.kind) {
                object.set("summary.hardware.uuid", text(uuid));
            }
            if let (Some(uuid), "VirtualMachine") = (uuid, object.kind)
                && object.id != "vm-48"
            {
                object.set("summary.config.uuid", text(uuid));
            }
        }
        if is_reversed {
            fake.objects.reverse();
        }
        printed("VMware", (USER, PASSWORD), move |request| fake.answer(request))
    };
    for uuid in [
        None,
        Some("00000000-0000-0000-0000-000000000000"),
        Some("4C4C4544-0042-3510-8051-B4C04F4D3132"),
    ] {
        let first = of(false, uuid);
        assert_eq!(first["e"].as_object().map(serde_json::Map::len), Some(4), "{first}");
        // One machine is on no host.
        assert_eq!(guests(&first), 12, "{first}");
        let mut identifiers: Vec<_> = first["e"]
            .as_object()
            .expect("complete")
            .values()
            .map(|host| host["hostIdentifier"].as_str().expect("a text").to_owned())
            .collect();
        identifiers.sort();
        identifiers.dedup();
        assert_eq!(identifiers.len(), 4, "{uuid:?} {identifiers:?}");
        assert_eq!(first, of(true, uuid), "{uuid:?}");
    }
}
