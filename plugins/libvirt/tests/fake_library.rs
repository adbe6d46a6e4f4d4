//! Sessions with a fake libvirt that contradicts itself, fails in the middle or returns nonsense:
//! `fake/libvirt.c`, compiled and loaded instead of libvirt.

use std::process::Command;
use std::time::Duration;

use gatherer_plugin_api::model::Guest;
use gatherer_plugin_api::testing::{Gathered, Recorder};
use gatherer_plugin_api::{ErrorKind, GatherError, Options};
use gatherer_plugin_libvirt::client::{self, Session};
use gatherer_plugin_libvirt::details::Details;
use gatherer_plugin_libvirt::ffi::Credentials;
use gatherer_plugin_libvirt::gather_from;
use gatherer_plugin_libvirt::uri::Uri;

/// A session with the fake library, which has this many guests and shows the behavior `behavior`
/// (see `fake/libvirt.c`). `None`, with the reason printed, if no C compiler is installed.
fn fake(behavior: &str, guests: usize) -> Option<Session> {
    let folder = tempfile::tempdir().expect("a temporary folder");
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
    let library = library.to_str().expect("the path is text");
    let api = client::load(library).expect("the library can be loaded");
    let uri = format!("qemu+unix:///system?socket=/{behavior}/{guests}");
    let uri = Uri::parse(&uri).expect("an allowed URI");
    // A bulk call may take a quarter of the remaining time.
    let remaining = (behavior == "hangs").then_some(Duration::from_millis(400));
    Some(Session::open(api, uri, &Credentials::default(), remaining).expect("connected"))
}

fn gather(session: &Session) -> Result<Gathered, GatherError> {
    gather_with(session, Details::Never)
}

fn gather_with(session: &Session, details: Details) -> Result<Gathered, GatherError> {
    Recorder::new().run(|context| gather_from(session, details, context))
}

fn guests(session: &Session) -> Result<Vec<Guest>, GatherError> {
    gather(session).map(|mut gathered| gathered.hosts.remove(0).guests)
}

fn names(guests: &[Guest]) -> Vec<&str> {
    guests.iter().map(|guest| guest.name.as_str()).collect()
}

/// How many calls the daemon has received. The fake reports this number as its version.
fn calls(session: &Session) -> u64 {
    session.host().expect("a host").0.library_version.expect("at least one call")
}

#[test]
fn a_uuid_identifies_the_host_without_a_warning() {
    let Some(session) = fake("plain", 3) else { return };
    let gathered = gather(&session).expect("an answer");
    let host = &gathered.hosts[0];
    assert_eq!(host.id, "4c4c4544-0042-3510-8051-b4c04f4d3132");
    assert_eq!(gathered.warnings, []);
    assert_eq!(names(&host.guests), ["guest0000", "guest0001", "guest0002"]);
}

#[test]
fn the_name_identifies_a_host_without_a_uuid_with_a_warning() {
    let Some(session) = fake("no-uuid", 1) else { return };
    let Gathered { hosts, warnings, .. } = gather(&session).expect("an answer");
    assert_eq!((hosts[0].id.as_str(), &hosts[0].identifiers.uuid), ("kvm1", &None));
    let [warning] = &warnings[..] else { panic!("{warnings:?}") };
    assert!(warning.object == "kvm1" && warning.message.contains("UUID"), "{warning:?}");
}

#[test]
fn a_web_page_instead_of_capabilities_is_a_protocol_error() {
    let Some(session) = fake("web-page", 1) else { return };
    assert_eq!(gather(&session).expect_err("not capabilities").kind, ErrorKind::Protocol);
}

#[test]
fn an_empty_host_name_counts_as_missing() {
    let Some(session) = fake("no-name", 1) else { return };
    let error = gather(&session).expect_err("an empty name");
    assert_eq!(error.kind, ErrorKind::Protocol, "{error}");
}

#[test]
fn a_failure_for_one_guest_fails_the_endpoint_instead_of_shortening_the_list() {
    for behavior in ["second-fails", "single-second-fails", "redefined-fails"] {
        let Some(session) = fake(behavior, 3) else { return };
        let error = guests(&session).expect_err(behavior);
        assert_eq!(error.kind, ErrorKind::Connection, "{behavior}: {error}");
        assert!(error.message.contains("guest0001"), "{behavior}: {error}");
    }
}

#[test]
fn leaves_out_a_guest_that_is_no_longer_listed() {
    let Some(session) = fake("deleted", 3) else { return };
    assert_eq!(names(&guests(&session).expect("guests")), ["guest0000", "guest0002"]);
}

#[test]
fn keeps_a_guest_that_is_created_again_between_two_calls() {
    let Some(session) = fake("redefined", 3) else { return };
    let guests = guests(&session).expect("guests");
    assert_eq!(guests.len(), 3, "{:?}", names(&guests));
    assert!(guests.iter().all(|guest| guest.cpus == Some(2)), "{guests:?}");
}

#[test]
fn lists_again_until_the_list_and_the_guests_agree() {
    let Some(session) = fake("flickers", 3) else { return };
    let guests = guests(&session).expect("guests");
    assert_eq!(guests.len(), 3, "{:?}", names(&guests));
}

#[test]
fn guests_that_are_listed_but_do_not_exist_fail_the_endpoint() {
    let Some(session) = fake("never-exist", 3) else { return };
    let error = guests(&session).expect_err("a contradiction");
    assert_eq!(error.kind, ErrorKind::Protocol, "{error}");
    insta::assert_snapshot!(error);
}

#[test]
fn single_calls_replace_a_bulk_call_that_fails_because_of_one_guest() {
    for behavior in ["bulk-gone", "too-much"] {
        let Some(session) = fake(behavior, 3) else { return };
        let guests = guests(&session).expect(behavior);
        assert!(guests.len() == 3, "{behavior}: {guests:?}");
        assert!(guests.iter().all(|guest| guest.cpus == Some(2)), "{behavior}: {guests:?}");
    }
}

#[test]
fn single_calls_replace_a_bulk_call_that_times_out_with_a_warning() {
    let Some(session) = fake("hangs", 1_500) else { return };
    assert_eq!(session.bulk_timeout_warning(), None);
    let Gathered { hosts, warnings, .. } = gather(&session).expect("an answer");
    let guests = &hosts[0].guests;
    assert!(guests.len() == 1_500 && guests.iter().all(|guest| guest.cpus == Some(2)));
    let [warning] = &warnings[..] else { panic!("{warnings:?}") };
    insta::assert_snapshot!(warning.message);
}

#[test]
fn zero_cpus_and_zero_memory_are_unknown() {
    let Some(session) = fake("zeros", 1) else { return };
    let guests = guests(&session).expect("guests");
    assert_eq!((guests[0].cpus, guests[0].memory_bytes), (None, None));
}

#[test]
fn an_impossible_amount_of_memory_is_read_again_with_a_single_call() {
    let Some(session) = fake("unlimited", 1) else { return };
    assert_eq!(guests(&session).expect("guests")[0].memory_bytes, Some(1024 * 1024));
}

#[test]
fn the_number_of_calls_grows_with_batches_and_not_with_guests() {
    let calls_for = |behavior: &str, count: usize| {
        let session = fake(behavior, count)?;
        let before = calls(&session);
        assert_eq!(guests(&session).expect("guests").len(), count);
        // `calls` itself makes some calls before it gets the number.
        let of_calls = {
            let first = calls(&session);
            calls(&session) - first
        };
        // Gathering reads the host once more.
        Some(calls(&session) - before - 4 * of_calls)
    };
    let Some(plain) = calls_for("plain", 2_000) else { return };
    // One list, and a bulk call for each 1,000 guests.
    assert_eq!(plain, 1 + 2);
    assert_eq!(calls_for("plain", 1), Some(1 + 1));
    // A daemon that does not know the newest flag rejects it once.
    assert_eq!(calls_for("old-flags", 2_000), Some(1 + 1 + 2));
    // A driver without the bulk call rejects it once; then each guest needs a call.
    assert_eq!(calls_for("single", 2_000), Some(1 + 1 + 2_000));
}

#[test]
fn details_are_read_by_default_up_to_200_guests() {
    for (guests, details, described) in [
        (200, Details::Auto, true),
        (201, Details::Auto, false),
        (201, Details::Always, true),
        (1, Details::Never, false),
    ] {
        let Some(session) = fake("plain", guests) else { return };
        let gathered = gather_with(&session, details).expect("an answer");
        let with_details = gathered.hosts[0].guests.iter().filter(|guest| {
            guest.disks.len() == 1
                && guest.interfaces.len() == 1
                && guest.interfaces[0].mac.as_deref() == Some("52:54:00:00:00:01")
        });
        assert_eq!(with_details.count(), if described { guests } else { 0 }, "{details:?}");
        assert_eq!(gathered.hosts[0].guests.len(), guests);
        assert_eq!(gathered.warnings, []);
    }
}

#[test]
fn a_guest_that_cannot_be_described_is_kept_with_a_warning() {
    for (behavior, unread) in [("second-undescribed", "1 guest "), ("no-xml", "3 guests ")] {
        let Some(session) = fake(behavior, 3) else { return };
        let gathered = gather_with(&session, Details::Auto).expect("an answer");
        assert_eq!(names(&gathered.hosts[0].guests), ["guest0000", "guest0001", "guest0002"]);
        let [warning] = &gathered.warnings[..] else { panic!("{:?}", gathered.warnings) };
        assert!(warning.message.contains(unread), "{warning:?}");
        assert!(gathered.hosts[0].guests.iter().all(|guest| guest.state.is_some()));
    }
}

#[test]
fn guests_have_the_members_that_the_documentation_lists() {
    let Some(session) = fake("plain", 1) else { return };
    let gathered = gather_with(&session, Details::Auto).expect("an answer");
    gatherer_tests::assert_guest_members("Libvirt", &gathered.hosts, &gathered.detached_guests);
}

#[test]
fn a_description_that_hangs_costs_only_the_details_of_the_guests_after_it() {
    let Some(session) = fake("description-hangs", 3) else { return };
    let options = Options { timeout_ms: Some(4_000), ..Options::default() };
    let gathered = Recorder::new()
        .options(options)
        .run(|context| gather_from(&session, Details::Auto, context))
        .expect("an answer");
    let described: Vec<bool> =
        gathered.hosts[0].guests.iter().map(|guest| !guest.disks.is_empty()).collect();
    assert_eq!(described, [true, false, false]);
    let [warning] = &gathered.warnings[..] else { panic!("{:?}", gathered.warnings) };
    assert!(
        warning.message.contains("2 guests") && warning.message.contains("guest0001"),
        "{warning:?}"
    );
}
