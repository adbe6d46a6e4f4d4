//! Module VMware, with a fake vCenter and with vcsim.

use std::sync::Arc;

use gatherer_plugin_support::counts::count;
use gatherer_plugin_support::testing::{Action, TlsServer};
use gatherer_tests::fakes::vcenter::{PASSWORD, Quirk, Rights, USER, Vcenter};
use gatherer_tests::servers::vcsim::{Vcsim, VcsimOptions};
use gatherer_tests::{assert_message, skip};
use serde_json::{Value, json};

use super::{Cases, with};

const GOOD: &str = "product ok, login ok, right: System.View ok, right: System.Read ok, \
                    right: Propagate to children ok, objects ok";

fn endpoint(server: &TlsServer) -> Value {
    json!({
        "id": "vcenter1", "module": "VMware", "hostname": "127.0.0.1",
        "port": server.port().to_string(), "username": USER, "password": PASSWORD,
        "retries": 0, "ca_file": server.ca_file(),
    })
}

#[test]
fn each_right_that_is_missing_has_its_step_and_every_session_ends() {
    let mut cases = Cases::new("vmware");
    let vcenter = |rights, quirks: &[Quirk]| {
        let mut vcenter = Vcenter { rights, quirks: quirks.to_vec(), ..Vcenter::default() };
        // A run warns of machines without their files.
        vcenter.objects.retain(|object| !["vm-46", "vm-48"].contains(&object.id.as_str()));
        vcenter
    };
    let unseen =
        "right: System.Read not-tried, right: Propagate to children not-tried, objects not-tried";
    let warned = "product ok, login ok, right: System.View ok, right: System.Read ok, \
                  right: Propagate to children warning, objects ok";
    let no_view = "product ok, login ok, right: System.View failed, right: System.Read failed, \
                   right: Propagate to children not-tried, objects not-tried";
    let no_login = format!("product ok, login failed, right: System.View not-tried, {unseen}");
    let no_tls = format!(
        "tls failed, product not-tried, login not-tried, right: System.View not-tried, {unseen}"
    );
    let mut hidden_host = vcenter(Rights::Full, &[]);
    hidden_host.objects.retain(|object| object.id != "host-11");
    let mut unread = vcenter(Rights::NotPropagated, &[]);
    unread.unread = vec![("vm-41".to_owned(), "guest.hostName", "NoPermissionFault")];
    let mut no_host = vcenter(Rights::RolesHidden, &[]);
    no_host.objects.retain(|object| !matches!(object.kind, "HostSystem" | "VirtualMachine"));
    for (case, fake, members, expected) in [
        ("good", vcenter(Rights::Full, &[]), json!({}), GOOD),
        ("a single ESXi host", vcenter(Rights::Full, &[Quirk::Esxi]), json!({}), GOOD),
        (
            "the authority of the certificate",
            vcenter(Rights::Full, &[]),
            json!({"ca_file": null}),
            &no_tls,
        ),
        ("the password", vcenter(Rights::Full, &[]), json!({"password": "wrong"}), &no_login),
        ("a role on the root folder", vcenter(Rights::NoneOnRoot, &[]), json!({}), no_view),
        (
            "a role on the root folder, reported by a fault",
            vcenter(Rights::FaultOnRoot, &[]),
            json!({}),
            no_view,
        ),
        (
            "System.Read",
            vcenter(Rights::ViewOnly, &[]),
            json!({}),
            "product ok, login ok, right: System.View ok, right: System.Read failed, \
             right: Propagate to children not-tried, objects not-tried",
        ),
        ("the propagation of the role", vcenter(Rights::NotPropagated, &[]), json!({}), warned),
        ("the right to see the roles", vcenter(Rights::RolesHidden, &[]), json!({}), warned),
        (
            "a host of a virtual machine",
            hidden_host,
            json!({}),
            "product ok, login ok, right: System.View ok, right: System.Read ok, \
             right: Propagate to children ok, objects failed",
        ),
        (
            "a property of a virtual machine",
            unread,
            json!({}),
            &warned.replace("objects ok", "objects warning"),
        ),
        (
            "every host",
            no_host,
            json!({}),
            "product ok, login ok, right: System.View ok, right: System.Read ok, \
             right: Propagate to children warning, objects failed",
        ),
    ] {
        let fake = Arc::new(fake);
        let server = TlsServer::start({
            let fake = Arc::clone(&fake);
            move |request| fake.answer(request)
        });
        cases.add(case, &with(&endpoint(&server), members), expected);
        assert_eq!(fake.open_sessions(), 0, "{case}");
    }
    let other = TlsServer::start(|_| Action::answer(404, "not found"));
    let expected =
        format!("product failed, login not-tried, right: System.View not-tried, {unseen}");
    cases.add("a vSphere at this port", &endpoint(&other), &expected);
    assert_message!(cases.table);
}

#[test]
fn the_objects_of_vcsim_are_counted() {
    let mut cases = Cases::new("vmware");
    for is_esxi in [false, true] {
        let options = VcsimOptions { is_esxi, ..VcsimOptions::default() };
        let vcsim = match Vcsim::start(&options) {
            Ok(vcsim) => vcsim,
            Err(reason) => skip!("{reason}"),
        };
        // A run warns of machines whose version it does not report.
        let expected = GOOD.replace("objects ok", "objects warning");
        let checked = cases.add("vcsim", &vcsim.endpoint(), &expected);
        let steps = checked["steps"].as_array().expect("a list");
        let objects = steps.iter().find(|step| step["name"] == "objects").expect("the step");
        let expected = format!(
            "{}, {}",
            count(vcsim.hosts(), "host"),
            count(vcsim.guests(), "virtual machine")
        );
        let message = objects["message"].as_str().expect("a message");
        assert!(message.starts_with(&format!("{expected}; ")), "{message}");
        let unseen = "right: System.View not-tried, right: System.Read not-tried, \
                      right: Propagate to children not-tried, objects not-tried";
        let wrong = with(&vcsim.endpoint(), json!({"password": "wrong"}));
        cases.add("wrong password", &wrong, &format!("product ok, login failed, {unseen}"));
    }
}
