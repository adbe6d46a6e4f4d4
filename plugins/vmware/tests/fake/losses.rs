//! Answers that are shorter than the truth, without an error of the server.

use gatherer_plugin_api::ErrorKind;
use gatherer_plugin_api::model::Warning;
use gatherer_tests::fakes::vcenter::{Quirk, Rights, Vcenter};

use super::{Listening, all_guests, gather, guests};

#[test]
fn reads_every_page_whatever_its_token_and_size_are() {
    let small = || Vcenter { page_size: 4, ..Vcenter::default() };
    for (case, fake) in [
        ("token 0", Vcenter { quirks: vec![Quirk::OnlyTokenZero], ..small() }),
        ("an empty token", Vcenter { quirks: vec![Quirk::EmptyToken], ..small() }),
        ("an empty page", Vcenter { quirks: vec![Quirk::EmptyPage], ..small() }),
        ("an object twice", Vcenter { quirks: vec![Quirk::RepeatedObject], ..small() }),
        ("one object on each page", Vcenter { page_size: 1, ..small() }),
    ] {
        let gathered = gather(fake).unwrap_or_else(|error| panic!("{case}: {error}"));
        assert_eq!(guests(&gathered), all_guests(), "{case}");
    }
}

#[test]
fn a_page_without_its_list_fails_the_endpoint() {
    let fake =
        Vcenter { page_size: 10, quirks: vec![Quirk::LastPageWithoutList], ..Vcenter::default() };
    let error = gather(fake).expect_err("the last page has no list");
    assert_eq!(error.kind, ErrorKind::Protocol, "{error}");
}

#[test]
fn a_list_without_an_end_fails_the_endpoint() {
    let fake = Vcenter { page_size: 10, quirks: vec![Quirk::Endless], ..Vcenter::default() };
    let error = gather(fake).expect_err("the list has no end");
    assert_eq!(error.kind, ErrorKind::Protocol, "{error}");
}

#[test]
fn reads_objects_that_the_list_leaves_out_by_their_ids() {
    let omitted = ["vm-41", "vm-42", "host-12", "group-v20"].map(str::to_owned);
    let gathered = gather(Vcenter { omitted: omitted.into(), ..Vcenter::default() });
    assert_eq!(guests(&gathered.expect("a complete answer")), all_guests());
}

#[test]
fn no_right_on_the_root_folder_is_a_permission_error_that_names_the_role() {
    for rights in [Rights::NoneOnRoot, Rights::FaultOnRoot] {
        let listening = Listening::new(Vcenter { rights, ..Vcenter::default() });
        let error = listening.gather().expect_err("no right");
        assert_eq!(error.kind, ErrorKind::Permission);
        let methods = listening.methods();
        assert!(!methods.contains(&"CreateContainerView".to_owned()), "{methods:?}");
        insta::assert_snapshot!("no_right_on_the_root_folder", error);
    }
}

#[test]
fn a_role_that_does_not_apply_below_the_root_folder_is_a_warning() {
    for (case, rights) in
        [("not_propagated", Rights::NotPropagated), ("hidden", Rights::RolesHidden)]
    {
        let gathered = gather(Vcenter { rights, ..Vcenter::default() }).expect("an answer");
        let warning = gathered.warnings.first().expect("a warning");
        assert_eq!(warning.object, "permissions");
        insta::assert_snapshot!(format!("role_{case}"), warning.message);
    }
    let gathered = gather(Vcenter::default()).expect("an answer");
    assert!(gathered.warnings.iter().all(|warning| warning.object != "permissions"));
}

#[test]
fn an_object_that_the_account_may_not_read_fails_the_endpoint() {
    let no_name = vec![("vm-41".to_owned(), "name", "NoPermission")];
    let no_host = vec![("vm-41".to_owned(), "runtime.host", "NoPermission")];
    let paths = ["name", "runtime", "parent"];
    let nothing = paths.map(|path| ("group-v20".to_owned(), path, "NoPermission")).into();
    for unread in [no_name, no_host, nothing] {
        let error = gather(Vcenter { unread, ..Vcenter::default() }).expect_err("unreadable");
        assert_eq!(error.kind, ErrorKind::Permission, "{error}");
    }
}

/// A machine without a host is not printed for a Manager.
#[test]
fn a_machine_whose_name_or_host_the_server_cannot_report_fails_the_endpoint() {
    for path in ["name", "runtime.host"] {
        for fault in ["HostCommunication", "SystemError", "ManagedObjectNotFound"] {
            let unread = vec![("vm-41".to_owned(), path, fault)];
            let error = gather(Vcenter { unread, ..Vcenter::default() }).expect_err("unreadable");
            assert_eq!(error.kind, ErrorKind::Protocol, "{error}");
            assert!(error.message.contains("vm-41"), "{error}");
            assert!(error.hint.is_some(), "{error}");
        }
    }
}

/// A machine that does not run may be assigned to no host.
#[test]
fn a_running_machine_without_a_host_fails_the_endpoint() {
    for (id, is_complete) in [("vm-41", false), ("vm-42", true)] {
        let mut fake = Vcenter::default();
        let machine = fake.objects.iter_mut().find(|object| object.id == id).expect("the machine");
        machine.unset("runtime.host");
        match gather(fake) {
            Ok(gathered) => assert_eq!((is_complete, gathered.detached_guests.len()), (true, 2)),
            Err(error) => assert_eq!((is_complete, error.kind), (false, ErrorKind::Protocol)),
        }
    }
}

#[test]
fn an_object_with_values_was_not_deleted() {
    let unread =
        ["vm-41", "host-11"].map(|id| (id.to_owned(), "customValue", "ManagedObjectNotFound"));
    let gathered = gather(Vcenter { unread: unread.into(), ..Vcenter::default() });
    let gathered = gathered.expect("a complete answer");
    assert_eq!(guests(&gathered), all_guests());
    let is_about = |warning: &&Warning| warning.message.contains("customValue");
    assert_eq!(gathered.warnings.iter().filter(is_about).count(), 1);
}

/// Without hosts, and also without datacenters and folders if `is_empty`.
fn without_hosts(mut fake: Vcenter, is_empty: bool) -> Vcenter {
    let is_kept = |kind| kind != "HostSystem" && kind != "VirtualMachine";
    fake.objects.retain(|object| !is_empty && is_kept(object.kind));
    fake
}

#[test]
fn a_server_that_lists_no_host_fails_the_endpoint_if_it_may_hide_some() {
    for is_empty in [false, true] {
        for fake in [
            Vcenter { rights: Rights::NotPropagated, ..Vcenter::default() },
            Vcenter { rights: Rights::RolesHidden, ..Vcenter::default() },
            Vcenter { quirks: vec![Quirk::Esxi], ..Vcenter::default() },
        ] {
            let error = gather(without_hosts(fake, is_empty)).expect_err("no host");
            assert_eq!(error.kind, ErrorKind::Permission, "{error}");
            assert!(error.hint.is_some(), "{error}");
        }
    }
}

#[test]
fn a_vcenter_without_hosts_is_complete_and_empty_if_the_role_applies_everywhere() {
    for is_empty in [false, true] {
        let gathered = gather(without_hosts(Vcenter::default(), is_empty));
        let gathered = gathered.expect("a complete answer");
        assert!(gathered.hosts.is_empty() && gathered.detached_guests.is_empty());
    }
}

#[test]
fn a_property_that_cannot_be_read_is_a_warning() {
    let path = "config.network.vnic";
    let unread = ["host-11", "host-12"].map(|id| (id.to_owned(), path, "HostCommunication"));
    let gathered = gather(Vcenter { unread: unread.into(), ..Vcenter::default() });
    let gathered = gathered.expect("a complete answer");
    assert_eq!(guests(&gathered), all_guests());
    let warning = gathered.warnings.iter().find(|warning| warning.message.contains(path));
    insta::assert_snapshot!(&warning.expect("a warning").message);
}

#[test]
fn a_second_page_that_is_denied_fails_with_the_remedy() {
    let fake =
        Vcenter { page_size: 10, quirks: vec![Quirk::SecondPageDenied], ..Vcenter::default() };
    let error = gather(fake).expect_err("the second page is denied");
    assert_eq!(error.kind, ErrorKind::Permission);
    insta::assert_snapshot!(error);
}

#[test]
fn a_machine_on_a_host_that_the_account_may_not_see_fails_the_endpoint() {
    let mut fake = Vcenter::default();
    fake.objects.retain(|object| object.id != "host-13");
    let listening = Listening::new(fake);
    let error = listening.gather().expect_err("host-13 is hidden");
    assert_eq!(error.kind, ErrorKind::Permission);
    insta::assert_snapshot!(error);
    // The host may be new, so everything is listed again first.
    let lists =
        listening.methods().iter().filter(|method| *method == "RetrievePropertiesEx").count();
    assert_eq!(lists, 8);
}
