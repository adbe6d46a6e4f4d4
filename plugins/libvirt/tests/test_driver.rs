//! Sessions with libvirt's built-in test driver, which does not need a daemon.

use std::fmt::Write as _;

use gatherer_plugin_api::model::{Guest, GuestState};
use gatherer_plugin_api::{ErrorKind, GatherError};
use gatherer_plugin_libvirt::client::{self, BATCH, Session};
use gatherer_plugin_libvirt::ffi::{Api, Credentials, LIBRARY, LoadError};
use gatherer_plugin_libvirt::map;
use gatherer_plugin_libvirt::uri::Uri;

/// Whether libvirt is installed; prints the reason if not. A libvirt that cannot be loaded fails the
/// test.
fn libvirt_is_installed() -> bool {
    match Api::load(LIBRARY) {
        Ok(_) => true,
        Err(LoadError::NotInstalled) => {
            gatherer_tests::note_skipped(&format!("{LIBRARY} is not installed"));
            false
        }
        Err(error) => panic!("{error:?}"),
    }
}

fn open(uri: &str) -> Result<Session, GatherError> {
    Session::open(client::load(LIBRARY)?, Uri::parse(uri)?, &Credentials::default(), None)
}

fn guests(session: &Session) -> Result<Vec<Guest>, GatherError> {
    let mut guests = Vec::new();
    for batch in session.domains()?.chunks(BATCH) {
        guests.extend(session.guests(batch, || Ok(()))?);
    }
    guests.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(guests)
}

/// Writes a file for the test driver, with guests of these names and states, and returns its URI.
fn node_file(folder: &tempfile::TempDir, guests: &[(String, u8)]) -> String {
    let mut xml = String::from(
        "<node xmlns:test='http://libvirt.org/schemas/domain/test/1.0'>\
         <cpu><mhz>2000</mhz><model>x86_64</model><active>8</active><nodes>1</nodes>\
         <sockets>2</sockets><cores>2</cores><threads>2</threads></cpu>\
         <memory>8388608</memory>",
    );
    for (index, (name, state)) in guests.iter().enumerate() {
        write!(
            xml,
            "<domain type='test'><name>{name}</name>\
             <uuid>00000000-0000-4000-8000-{index:012}</uuid>\
             <memory>262144</memory><currentMemory>131072</currentMemory><vcpu>2</vcpu>\
             <os><type>hvm</type></os><test:runstate>{state}</test:runstate></domain>"
        )
        .expect("writing to a String cannot fail");
    }
    xml.push_str("</node>");
    let path = folder.path().join("node.xml");
    std::fs::write(&path, xml).expect("the file can be written");
    format!("test://{}", path.to_str().expect("the path is text"))
}

#[test]
fn the_default_hypervisor_has_one_running_guest() {
    if !libvirt_is_installed() {
        return;
    }
    let session = open("test:///default").expect("connected");
    let (facts, warnings) = session.host().expect("a host");
    assert!(warnings.is_empty(), "{warnings:?}");
    let host = map::host(&facts).expect("mapped");
    assert_eq!(host.hypervisor.as_ref().expect("known").kind, "test");
    assert_eq!(host.software.as_ref().expect("known").name, "libvirt");
    assert_eq!(host.memory_bytes, Some(3_145_728 * 1024));
    assert_eq!((host.cpu.threads, host.identifiers.uuid), (Some(16), None));
    assert!(host.cpu.vendor.is_none() && host.cpu.model.is_none());

    let guests = guests(&session).expect("guests");
    assert_eq!(guests.len(), 1);
    assert_eq!(guests[0].name, "test");
    assert_eq!(guests[0].id.as_deref(), Some("6695eb01-f6a4-8304-79aa-97f2502e193f"));
    assert_eq!(guests[0].state, Some(GuestState::Running));
    assert_eq!(guests[0].cpus, Some(2));
    assert_eq!(guests[0].memory_bytes, Some(8 * 1024 * 1024 * 1024));
}

#[test]
fn reads_guests_in_every_state_with_cpus_and_memory() {
    if !libvirt_is_installed() {
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let expected = [
        ("a", 1, GuestState::Running, "running"),
        ("b", 3, GuestState::Paused, "paused"),
        ("c", 5, GuestState::Stopped, "shut off"),
        ("d", 6, GuestState::Crashed, "crashed"),
        ("e", 7, GuestState::Suspended, "pmsuspended"),
    ];
    let uri = node_file(&folder, &expected.map(|(name, state, _, _)| (name.to_owned(), state)));
    let session = open(&uri).expect("connected");
    let (facts, _) = session.host().expect("a host");
    let cpu = map::host(&facts).expect("mapped").cpu;
    assert_eq!((cpu.sockets, cpu.cores, cpu.threads), (Some(2), Some(4), Some(8)));

    let guests = guests(&session).expect("guests");
    assert_eq!(guests.len(), expected.len());
    for (guest, (name, _, state, word)) in guests.iter().zip(expected) {
        assert_eq!(guest.name, name);
        assert_eq!((guest.state, guest.source_state.as_deref()), (Some(state), Some(word)));
        assert_eq!((guest.cpus, guest.memory_bytes), (Some(2), Some(256 * 1024 * 1024)));
    }
}

#[test]
fn reads_all_of_two_thousand_guests_in_batches() {
    if !libvirt_is_installed() {
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let expected: Vec<_> = (0..2_000).map(|number| (format!("guest{number:04}"), 1)).collect();
    let session = open(&node_file(&folder, &expected)).expect("connected");
    let guests = guests(&session).expect("guests");
    assert!(guests.iter().map(|guest| &guest.name).eq(expected.iter().map(|(name, _)| name)));
    assert!(guests.iter().all(|guest| guest.state == Some(GuestState::Running)));
}

#[test]
fn a_hypervisor_without_guests_gives_an_empty_list() {
    if !libvirt_is_installed() {
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let session = open(&node_file(&folder, &[])).expect("connected");
    assert_eq!(guests(&session).expect("none"), []);
}

#[test]
fn cancellation_stops_before_the_next_call() {
    if !libvirt_is_installed() {
        return;
    }
    let session = open("test:///default").expect("connected");
    let domains = session.domains().expect("guests");
    let cancelled = || Err(GatherError::new(ErrorKind::Timeout, "cancelled"));
    let error = session.guests(&domains, cancelled).expect_err("cancelled");
    assert_eq!(error.kind, ErrorKind::Timeout);
}

#[test]
fn a_missing_or_invalid_file_is_a_configuration_error_without_its_contents() {
    if !libvirt_is_installed() {
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("secret");
    std::fs::write(&path, "root:hunter2\n").expect("written");
    for (path, kind) in [
        (path, ErrorKind::Configuration),
        (folder.path().join("missing.xml"), ErrorKind::Configuration),
    ] {
        let uri = format!("test://{}", path.to_str().expect("text"));
        let error = open(&uri).err().expect("rejected");
        assert_eq!(error.kind, kind, "{error}");
        assert!(error.message.contains(&uri), "{error}");
        assert!(!error.to_string().contains("hunter2"), "{error}");
    }
}

#[test]
fn a_missing_socket_is_a_connection_error_and_starts_no_daemon() {
    if !libvirt_is_installed() {
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let socket = folder.path().join("libvirt-sock");
    for path in ["system", "session"] {
        let uri = format!("qemu+unix:///{path}?socket={}", socket.to_str().expect("text"));
        let error = open(&uri).err().expect("not connected");
        assert_eq!(error.kind, ErrorKind::Connection, "{error}");
        assert!(error.message.starts_with(&format!("qemu+unix:///{path}: ")), "{error}");
    }
}

#[test]
fn the_test_drivers_file_must_be_a_regular_file_of_limited_size() {
    if !libvirt_is_installed() {
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let fifo = folder.path().join("fifo");
    let made = std::process::Command::new("mkfifo").arg(&fifo).status().expect("coreutils");
    assert!(made.success());
    // libvirt would wait forever for a writer of the FIFO.
    let large = folder.path().join("large");
    std::fs::File::create(&large).and_then(|file| file.set_len(10 << 30)).expect("sparse");
    for (path, problem) in [
        (fifo.as_path(), "is not a regular file"),
        (folder.path(), "is a folder"),
        (std::path::Path::new("/dev/zero"), "is not a regular file"),
        (&large, "is larger than 16 MiB"),
    ] {
        let uri = format!("test://{}", path.to_str().expect("text"));
        let error = open(&uri).err().expect("rejected");
        assert_eq!(error.kind, ErrorKind::Configuration, "{error}");
        assert!(error.message.starts_with(&uri), "{error}");
        assert!(error.message.ends_with(problem), "{error}");
    }
}
