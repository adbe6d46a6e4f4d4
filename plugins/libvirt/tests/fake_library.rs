//! What becomes of a libvirt that contradicts itself, fails in the middle or says nonsense:
//! `fake/libvirt.c`, compiled and opened in libvirt's place.

use std::process::Command;
use std::time::Duration;

use gatherer_plugin_api::model::{Guest, Host};
use gatherer_plugin_api::{ErrorKind, GatherError};
use gatherer_plugin_libvirt::client::{self, BATCH, Session};
use gatherer_plugin_libvirt::ffi::Credentials;
use gatherer_plugin_libvirt::map;
use gatherer_plugin_libvirt::uri::Uri;

/// A session with the fake, which behaves as `how` names it and has this many guests.
/// `None`, with the reason printed, where no C compiler is installed.
fn fake(how: &str, guests: usize) -> Option<Session> {
    let folder = tempfile::tempdir().expect("a folder");
    let library = folder.path().join("libvirt-fake.so");
    let source = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fake/libvirt.c");
    let built = Command::new("cc")
        .args(["-std=gnu99", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC", source, "-o"])
        .arg(&library)
        .output();
    let built = match built {
        Ok(built) => built,
        Err(error) => {
            gatherer_tests::note_skipped(&format!("cc cannot be run: {error}"));
            return None;
        }
    };
    assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
    let api = client::load(library.to_str().expect("text")).expect("it can be opened");
    let uri = Uri::parse(&format!("qemu+unix:///system?socket=/{how}/{guests}")).expect("fine");
    // A bulk call may take a quarter of the time that is left.
    let left = (how == "hangs").then_some(Duration::from_millis(400));
    Some(Session::open(api, uri, &Credentials::default(), left).expect("connected"))
}

fn guests(session: &Session) -> Result<Vec<Guest>, GatherError> {
    let mut guests = Vec::new();
    for batch in session.domains()?.chunks(BATCH) {
        guests.extend(session.guests(batch, || Ok(()))?);
    }
    Ok(guests)
}

fn names(guests: &[Guest]) -> Vec<&str> {
    guests.iter().map(|guest| guest.name.as_str()).collect()
}

fn host(session: &Session) -> Result<(Host, Option<&'static str>), GatherError> {
    let (facts, _) = session.host()?;
    let host = map::host(&facts)?;
    let doubt = map::missing_uuid_warning(&facts, &host);
    Ok((host, doubt))
}

/// How many calls the daemon has had, which the fake tells as its version.
fn calls(session: &Session) -> u64 {
    session.host().expect("a host").0.library_version.expect("it was called")
}

#[test]
fn a_host_with_a_uuid_goes_by_it_and_nothing_is_doubted() {
    let Some(session) = fake("plain", 3) else { return };
    let (host, doubt) = host(&session).expect("fine");
    assert_eq!((host.id.as_str(), doubt), ("4c4c4544-0042-3510-8051-b4c04f4d3132", None));
    assert_eq!(names(&guests(&session).expect("guests")), ["guest0000", "guest0001", "guest0002"]);
}

#[test]
fn a_host_whose_capabilities_lack_a_uuid_goes_by_its_name_and_says_so() {
    let Some(session) = fake("no-uuid", 1) else { return };
    let (host, doubt) = host(&session).expect("fine");
    assert_eq!((host.id.as_str(), host.identifiers.uuid), ("kvm1", None));
    assert!(doubt.is_some_and(|text| text.contains("UUID")), "{doubt:?}");
}

#[test]
fn capabilities_of_something_else_are_a_protocol_error() {
    let Some(session) = fake("web-page", 1) else { return };
    assert_eq!(host(&session).expect_err("no capabilities").kind, ErrorKind::Protocol);
}

#[test]
fn an_empty_host_name_is_a_missing_one() {
    let Some(session) = fake("no-name", 1) else { return };
    let error = session.host().map(|(facts, _)| facts.hostname).expect_err("no name at all");
    assert_eq!(error.kind, ErrorKind::Protocol, "{error}");
}

#[test]
fn a_failure_in_mid_list_fails_the_endpoint_and_gives_no_partial_list() {
    for how in ["second-fails", "single-second-fails", "redefined-fails"] {
        let Some(session) = fake(how, 3) else { return };
        let error = guests(&session).expect_err(how);
        assert_eq!(error.kind, ErrorKind::Connection, "{how}: {error}");
        assert!(error.message.contains("guest0001"), "{how}: {error}");
    }
}

#[test]
fn a_guest_that_is_listed_no_more_is_left_out() {
    let Some(session) = fake("deleted", 3) else { return };
    assert_eq!(names(&guests(&session).expect("guests")), ["guest0000", "guest0002"]);
}

#[test]
fn a_guest_that_was_made_anew_between_two_calls_is_not_lost() {
    let Some(session) = fake("redefined", 3) else { return };
    let guests = guests(&session).expect("guests");
    assert_eq!(guests.len(), 3, "{:?}", names(&guests));
    assert!(guests.iter().all(|guest| guest.cpus == Some(2)), "{guests:?}");
}

#[test]
fn a_guest_that_comes_and_goes_is_asked_for_until_the_list_and_it_agree() {
    let Some(session) = fake("flickers", 3) else { return };
    let guests = guests(&session).expect("guests");
    assert_eq!(guests.len(), 3, "{:?}", names(&guests));
}

#[test]
fn guests_that_are_listed_and_do_not_exist_fail_the_endpoint() {
    let Some(session) = fake("denied-life", 3) else { return };
    let error = guests(&session).expect_err("a contradiction");
    assert_eq!(error.kind, ErrorKind::Protocol, "{error}");
    assert!(error.message.contains("is listed, and does not exist"), "{error}");
}

#[test]
fn a_bulk_call_that_stumbles_over_one_guest_is_replaced_by_single_calls() {
    for how in ["bulk-gone", "too-much"] {
        let Some(session) = fake(how, 3) else { return };
        let guests = guests(&session).expect(how);
        assert!(guests.len() == 3, "{how}: {guests:?}");
        assert!(guests.iter().all(|guest| guest.cpus == Some(2)), "{how}: {guests:?}");
    }
}

#[test]
fn a_bulk_call_that_does_not_come_back_is_replaced_by_single_calls_and_told() {
    let Some(session) = fake("hangs", 1_500) else { return };
    assert_eq!(session.bulk_timeout_warning(), None);
    let guests = guests(&session).expect("guests");
    assert!(guests.len() == 1_500 && guests.iter().all(|guest| guest.cpus == Some(2)));
    let told = session.bulk_timeout_warning().expect("it is told");
    assert!(told.contains("within 0.1 s"), "{told}");
}

#[test]
fn zero_cpus_and_zero_memory_are_not_known() {
    let Some(session) = fake("zeros", 1) else { return };
    let guests = guests(&session).expect("guests");
    assert_eq!((guests[0].cpus, guests[0].memory_bytes), (None, None));
}

#[test]
fn memory_beyond_all_bounds_is_asked_for_again_and_not_believed() {
    let Some(session) = fake("endless", 1) else { return };
    assert_eq!(guests(&session).expect("guests")[0].memory_bytes, Some(1024 * 1024));
}

#[test]
fn calls_grow_with_batches_and_not_with_guests() {
    let asked = |how: &str, count: usize| {
        let session = fake(how, count)?;
        let before = calls(&session);
        assert_eq!(guests(&session).expect("guests").len(), count);
        // The question itself calls some functions before it tells the number.
        let of_question = {
            let first = calls(&session);
            calls(&session) - first
        };
        Some(calls(&session) - before - 3 * of_question)
    };
    let Some(calls) = asked("plain", 2_000) else { return };
    // One list, and a bulk call for each 1,000.
    assert_eq!(calls, 1 + 2);
    assert_eq!(asked("plain", 1), Some(1 + 1));
    // A daemon without the newest flag says so once.
    assert_eq!(asked("old-flags", 2_000), Some(1 + 1 + 2));
    // One without the bulk call is tried once, then asked guest by guest.
    assert_eq!(asked("single", 2_000), Some(1 + 1 + 2_000));
}
