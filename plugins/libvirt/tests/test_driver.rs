//! Sessions with libvirt's built-in test driver, which does not need a daemon.

use std::fmt::Write as _;

use gatherer_plugin_api::model::{GuestState, Host};
use gatherer_plugin_api::testing::Recorder;
use gatherer_plugin_api::{ErrorKind, GatherError, Options, Record};
use gatherer_plugin_libvirt::Libvirt;
use gatherer_plugin_libvirt::ffi::{Api, LIBRARY, LoadError};
use serde_json::json;

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

/// A recorder for an endpoint without retries.
fn recorder() -> Recorder {
    Recorder::new().options(Options { retries: Some(0), ..Options::default() })
}

/// The hypervisor with this URI, with its guests sorted by name.
fn host(uri: &str) -> Host {
    let gathered = recorder().gather::<Libvirt>(json!({ "uri": uri }));
    let mut host = gathered.expect("an answer").hosts.remove(0);
    host.guests.sort_by(|a, b| a.name.cmp(&b.name));
    host
}

fn failure(uri: &str) -> GatherError {
    recorder().gather::<Libvirt>(json!({ "uri": uri })).expect_err("no connection")
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
    let gathered = recorder().gather::<Libvirt>(json!({"uri": "test:///default"}));
    let gathered = gathered.expect("an answer");
    assert_eq!(gathered.warnings, []);
    let host = &gathered.hosts[0];
    assert_eq!(host.hypervisor.as_ref().expect("known").kind, "test");
    assert_eq!(host.software.as_ref().expect("known").name, "libvirt");
    assert_eq!(host.memory_bytes, Some(3_145_728 * 1024));
    assert_eq!((host.cpu.threads, &host.identifiers.uuid), (Some(16), &None));
    assert!(host.cpu.vendor.is_none() && host.cpu.model.is_none());

    let guests = &host.guests;
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
    let Host { cpu, guests, .. } = host(&uri);
    assert_eq!((cpu.sockets, cpu.cores, cpu.threads), (Some(2), Some(4), Some(8)));

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
    let guests = host(&node_file(&folder, &expected)).guests;
    assert!(guests.iter().map(|guest| &guest.name).eq(expected.iter().map(|(name, _)| name)));
    assert!(guests.iter().all(|guest| guest.state == Some(GuestState::Running)));
}

#[test]
fn a_hypervisor_without_guests_gives_an_empty_list() {
    if !libvirt_is_installed() {
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    assert_eq!(host(&node_file(&folder, &[])).guests, []);
}

#[test]
fn cancellation_stops_before_the_next_call() {
    if !libvirt_is_installed() {
        return;
    }
    let recorder = recorder().cancel_after(1);
    let error = recorder.gather::<Libvirt>(json!({"uri": "test:///default"}));
    assert_eq!(error.expect_err("cancelled").kind, ErrorKind::Timeout);
    let records = recorder.records();
    assert!(matches!(&records[..], [Record::Host { .. }]), "{records:?}");
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
        let error = failure(&uri);
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
        let error = failure(&uri);
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
        let error = failure(&uri);
        assert_eq!(error.kind, ErrorKind::Configuration, "{error}");
        assert!(error.message.starts_with(&uri), "{error}");
        assert!(error.message.ends_with(problem), "{error}");
    }
}
